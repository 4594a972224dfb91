import { z } from 'zod';
import { notFound } from '#domain/errors';
import { assertNotPart, CONSOLIDATING } from '#domain/invoices/consolidated';
import { assertVoidable, INVOICE_STATUSES, zSelection } from '#domain/invoices/invoice';
import { assertUnpaid } from '#domain/invoices/payments';
import { assertCreditUntaken } from '#domain/invoices/settlement';
import { zId, zInstant, zText } from '#domain/schema';
import { readPartOf } from '#projections/consolidated-invoices/consolidated-invoices.read';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { invoicePreview as previewOf, invoiceView, invoiceViews } from '#billing/invoices/invoice-view';
import { Invoicing } from '#billing/invoices/invoicing';
import { zCurrency } from '#domain/schema';
import { defineCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { readCorrectingInvoices, readInvoiceNamed } from '#projections/invoices/issued-invoices.read';
import { INVOICE_ORDER, readInvoicePage } from '#projections/invoices/invoices.read';
import {
  type AnswerOf,
  defineQuery,
  pageOfRows,
  type QueryContext,
  READERS,
  visibleTenant,
  zAsOf,
  zAt,
  zOptionalId,
  zOptionalIds,
  zPage,
} from '#ledger/query';
import { isVisible } from '#ledger/visible';
import {
  listOf,
  zAny,
  zFilter,
  zInvoiceTax,
  zMoney,
  zPosition,
  zQuantity,
  zRow,
  zSpan,
  zTimestamp,
} from './answers.js';
import type { Operations } from './declared.js';
import { APRIL, INVOICE, MID_APRIL } from './story.js';

/** The invoice of acme as of the middle of April, which the examples void. */
const FIRST_INVOICE = 'a9437568-4bb4-5f9b-820d-b9dab82599d0';

const zQuarantinedLine = z
  .object({ lineId: z.string(), code: z.string(), message: z.string() })
  .meta({ id: 'QuarantinedLine' });
const quarantined = z.array(zQuarantinedLine).default([]);
/** The result of create-invoice. */
export const zDrafted = z.object({
  invoices: z.array(z.object({ invoiceId: z.string() })),
  quarantined,
});
/** The result of issue-invoice. `quarantined`: lines of the draft that can no longer be rated. */
export const zIssued = z.object({ quarantined }).default({ quarantined: [] });

const createInvoice = defineCommand({
  name: 'create-invoice',
  summary: 'Creates a draft of what is due for a tenant as of an instant. The same command again finds it',
  fields: z.strictObject({
    tenantId: zId,
    asOf: zInstant,
    select: zSelection.optional(),
    unmetered: z
      .literal('bill')
      .optional()
      .describe('Bill days without metering as 0. Otherwise such days are refused: not_metered'),
  }),
  key: 'none',
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['void-invoice'] },
  example: { tenantId: 'acme', asOf: APRIL.end },
  async handle(call, core) {
    const { tenantId, asOf, select: selection = null, unmetered } = call.fields;
    return new Invoicing(core).create(call, { tenantId, asOf, selection, unmetered });
  },
});

export const zOnInvoice = z.strictObject({ invoiceId: zId, at: zInstant, reason: zText.optional() });

const issueInvoice = defineCommand({
  name: 'issue-invoice',
  summary: 'Issues a draft: assigns its number and freezes its rows',
  fields: zOnInvoice,
  key: ({ invoiceId }) => [invoiceId],
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['void-invoice', 'create-credit-note'] },
  example: { invoiceId: INVOICE, at: APRIL.end },
  async handle(call, core) {
    return new Invoicing(core).issue(call, call.fields.invoiceId, call.fields.at);
  },
});

const voidInvoice = defineCommand({
  name: 'void-invoice',
  summary: 'Voids a draft or an issued invoice. Its lines become open again',
  fields: zOnInvoice,
  key: ({ invoiceId }) => [invoiceId],
  isPreviewed: false,
  mistakes: { final: 'A void invoice stays void. Run create-invoice again: it bills the same usage.' },
  example: { invoiceId: FIRST_INVOICE, at: MID_APRIL, reason: 'too early' },
  async handle(call, core) {
    const { invoiceId, at, reason } = call.fields;
    const voidIt = async () =>
      new Invoicing(core).onInvoice(call, invoiceId, async ({ state, invoice: of, account }) => {
        assertCreditUntaken(account, invoiceId);
        assertUnpaid(account, invoiceId);
        assertVoidable(state, invoiceId, await correctedBy(core, invoiceId));
        await assertNotConsolidated(core, invoiceId);
        return {
          events: [
            { type: 'InvoiceVoided', data: { invoiceId, ...of, at, ...(reason === undefined ? {} : { reason }) } },
          ],
        };
      });
    // Nobody consolidates it meanwhile.
    return core.together(CONSOLIDATING, voidIt);
  },
});

/** Issued invoices that correct rows of this invoice. */
async function correctedBy(core: LedgerCore, invoiceId: string): Promise<string[]> {
  const position = await core.projector.catchUp();
  return readCorrectingInvoices(core.db, position, invoiceId);
}

/** Errors: `part_of_consolidated_invoice`. */
async function assertNotConsolidated(core: LedgerCore, invoiceId: string): Promise<void> {
  const partOf = await readPartOf(core.db, await core.projector.catchUp(), [invoiceId]);
  assertNotPart(invoiceId, partOf.get(invoiceId)?.ordinal ?? null);
}

const zInvoiceLine = z
  .object({
    lineId: z.string(),
    parentLineId: z.string().nullable(),
    parentPeriod: zSpan.nullable().describe('The whole charge period of the split line. null: the line was not split'),
    subscriptionId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    billingKind: z.string(),
    filter: zFilter,
    period: zSpan,
    quantity: zQuantity,
    included: zQuantity.nullable().describe('Included quantity of the whole charge period, in converted units'),
    unitConversion: zAny.nullable(),
    rows: z.array(zRow),
    net: zMoney,
    tax: zMoney,
    correction: z.boolean().describe('true: corrects an earlier invoice'),
  })
  .meta({ id: 'InvoiceLine' });

const invoiceFields = {
  tenantId: z.string(),
  payerId: z.string().nullable().describe('The tenant that it is addressed to. null: the billed tenant itself'),
  currency: z.string(),
  asOf: zTimestamp,
  lines: z.array(zInvoiceLine),
  subtotal: zMoney,
  tax: zMoney,
  total: zMoney,
  taxes: z.array(zInvoiceTax).describe('Tax amounts by name and rate'),
  quarantined: z.array(zQuarantinedLine).describe('Lines that could not be rated. They stay open'),
};

export type Invoice = AnswerOf<typeof zInvoice>;
export const zInvoice = z
  .object({
    invoiceId: z.string(),
    number: z.string().nullable().describe('Gapless. null: not issued yet'),
    status: z.enum(INVOICE_STATUSES),
    ...invoiceFields,
    selection: zAny.nullable().describe('Which lines were selected. null: all'),
    issuedAt: zTimestamp.nullable(),
    dueAt: zTimestamp.nullable().describe('By the payment terms when it was issued. null: no terms, or not issued'),
    paidAt: zTimestamp.nullable(),
    voidedAt: zTimestamp.nullable(),
    computedAt: zPosition.nullable().describe('The log position that the invoice was computed at'),
    creditTaken: zMoney.describe('Amount taken from the credit of the tenant, which comes from invoices below zero'),
    amountDue: zMoney.describe('Amount to pay: total − creditTaken, less credit notes, never below 0; 0 where void'),
    amountPaid: zMoney.describe('What payments pay of the amount due'),
    consolidatedInvoiceId: z
      .string()
      .nullable()
      .describe('The consolidated invoice that it is part of. null: none, or one that the caller may not see'),
    consolidatedInvoiceNumber: z.string().nullable(),
    creditNotes: z.array(
      z
        .object({
          creditNoteId: z.string(),
          number: z.string(),
          issuedAt: zTimestamp,
          reason: z.string(),
          total: zMoney,
        })
        .meta({ id: 'CreditNoteReference' }),
    ),
  })
  .meta({ id: 'Invoice' });

const zInvoicePreview = z
  .object({
    invoiceId: z.null(),
    number: z.null(),
    status: z.literal('preview'),
    ...invoiceFields,
    otherCurrencies: z.array(z.string()).describe('Other currencies of the tenant in which something is due'),
  })
  .meta({ id: 'InvoicePreview' });

const zOptionalPayer = zId
  .optional()
  .describe('Only invoices that are addressed to this tenant as the payer of others, of any tenant');

export const invoices = defineQuery({
  name: 'invoices',
  summary: 'Invoices: issued ones as frozen, drafts as rated now',
  path: 'invoices',
  params: zPage.extend({
    tenantId: zOptionalId,
    payerId: zOptionalPayer,
    status: z.enum(INVOICE_STATUSES).optional(),
    invoiceIds: zOptionalIds,
    withoutLines: z
      .enum(['true', 'false'])
      .optional()
      .describe('true: lines are empty, and the answer takes less time. All other fields are the same'),
  }),
  roles: READERS,
  answer: listOf(zInvoice),
  example: { tenantId: 'acme' },
  async handle({ tenantId, payerId, status, invoiceIds, withoutLines, ...page }, context) {
    const of = await visibleTo(context, { tenantId, payerId });
    const { core, position } = context;
    return pageOfRows({
      order: INVOICE_ORDER,
      page,
      position,
      read: async (rows) => readInvoicePage(core.db, position, { ...of, status, invoiceIds }, rows),
      toItems: async (rows) => invoiceViews(context, rows, { withoutLines: withoutLines === 'true' }),
    });
  },
});

export const invoice = defineQuery({
  name: 'invoice',
  summary: 'One invoice, by id or number, with its lines and rows',
  path: 'invoices/:id',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  answer: zInvoice,
  example: { id: INVOICE },
  async handle({ id }, context) {
    return invoiceView(context, await visibleInvoice(context, id));
  },
});

export const invoicePreview = defineQuery({
  name: 'invoice-preview',
  summary: 'The invoice that a tenant would get as of an instant (`at`) if it were created now. Nothing is stored',
  path: 'invoices/preview',
  params: zAsOf.extend({
    tenantId: zId,
    currency: zCurrency.optional().describe('By default the currency of the tenant'),
    ...zAt,
  }),
  roles: READERS,
  answer: zInvoicePreview,
  example: { tenantId: 'acme', at: '2026-06-01T00:00:00Z' },
  async handle({ tenantId, currency, at }, context) {
    await visibleTenant(context, tenantId);
    return previewOf(context, { tenantId, currency, at: at ?? context.caller.now });
  },
});

/**
 * Whose invoices, or credit notes, a list has. With a payer, those that are addressed to it, of any tenant: it may see
 * them, as it gets them. Errors: `unknown_tenant`.
 */
export async function visibleTo(
  context: QueryContext,
  { tenantId, payerId }: { readonly tenantId: string | undefined; readonly payerId: string | undefined },
): Promise<{ readonly tenantId: string | null; readonly payerId: string | undefined }> {
  if (payerId === undefined) return { tenantId: await visibleTenant(context, tenantId), payerId };
  await visibleTenant(context, payerId);
  if (context.confinedTo === null) await visibleTenant(context, tenantId);
  return { tenantId: tenantId ?? null, payerId };
}

/**
 * By id or number. Errors: `unknown_invoice`, also for an invoice that is neither of the tenant of the caller nor
 * addressed to it.
 */
export async function visibleInvoice(context: QueryContext, id: string): Promise<InvoiceRow> {
  const { core, position, confinedTo } = context;
  const row = await readInvoiceNamed(core.db, position, id);
  if (row === undefined || !isVisible(row, confinedTo)) throw notFound('unknown_invoice', `there is no invoice ${id}`);
  return row;
}

export const invoiceOperations: Operations = {
  commands: [createInvoice, issueInvoice, voidInvoice],
  queries: [invoices, invoice, invoicePreview],
};
