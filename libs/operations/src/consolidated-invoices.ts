import { z } from 'zod';
import {
  assertConsolidatedVoidable,
  CONSOLIDATING,
  consolidatedStream,
  unknownConsolidated,
} from '#domain/invoices/consolidated';
import { INVOICE_STATUSES } from '#domain/invoices/invoice';
import { isDomainError, zCurrency, zId, zInstant, zText } from '#domain/schema';
import { consolidatedView, consolidatedViews, issueConsolidated } from '#billing/invoices/consolidated';
import { defineCommand } from '#ledger/define-command';
import {
  defineQuery,
  pageOfRows,
  type QueryContext,
  READERS,
  visibleTenant,
  zAsOf,
  zOptionalId,
  zPage,
} from '#ledger/query';
import {
  CONSOLIDATED_ORDER,
  readConsolidatedNamed,
  readConsolidatedPage,
} from '#projections/consolidated-invoices/consolidated-invoices.read';
import type { ConsolidatedInvoiceRow } from '#projections/consolidated-invoices/consolidated-invoices.table';
import { listOf, zInvoiceTax, zMoney, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { invoiceIdsOf } from './invoice-numbers.js';
import { APRIL, INVOICE } from './story.js';

const issueConsolidatedInvoice = defineCommand({
  name: 'issue-consolidated-invoice',
  summary: 'Issues one document with one number for invoices that are addressed to a payer',
  fields: z.strictObject({
    payerId: zId.describe('The tenant that the invoices are addressed to'),
    currency: zCurrency,
    at: zInstant.describe(
      'The instant of issue. Invoices that were issued by then are part of it. A later one takes those that came later',
    ),
    invoiceIds: z
      .array(zId)
      .min(1)
      .optional()
      .describe(
        'The invoices to consolidate, by id or number. Default: all unpaid ones of other tenants that are in none' +
          ' yet. An invoice of the payer itself, or a paid one, is part of it only where it is named',
      ),
  }),
  key: 'none',
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['void-consolidated-invoice'] },
  example: { payerId: 'acme', currency: 'USD', at: APRIL.end, invoiceIds: [INVOICE] },
  async handle(call, core) {
    const { payerId, currency, at, invoiceIds } = call.fields;
    const named = await invoiceIdsOf(core, invoiceIds);
    return issueConsolidated(core, call, {
      ...{ payerId, currency, at },
      named: named === undefined ? null : new Set(named),
    });
  },
});

const voidConsolidatedInvoice = defineCommand({
  name: 'void-consolidated-invoice',
  summary: 'Voids a consolidated invoice. Its invoices stay issued, and can be consolidated again',
  fields: z.strictObject({ consolidatedInvoiceId: zId, at: zInstant, reason: zText.optional() }),
  key: ({ consolidatedInvoiceId }) => [consolidatedInvoiceId],
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: {
    final: 'A void consolidated invoice stays void. Run issue-consolidated-invoice again: it takes the same invoices.',
  },
  example: { consolidatedInvoiceId: 'CI-000001', at: APRIL.end, reason: 'one invoice is missing' },
  async handle(call, core) {
    const { consolidatedInvoiceId, at, reason } = call.fields;
    return core.exclusively(CONSOLIDATING, async () => {
      const position = await core.projector.catchUp();
      const row = await readConsolidatedNamed(core.db, position, consolidatedInvoiceId);
      if (row === undefined) throw unknownConsolidated(consolidatedInvoiceId);
      const { payer_id: payerId, currency } = row;
      const data = {
        ...{ consolidatedInvoiceId: row.consolidated_invoice_id, payerId, currency, at },
        ...(reason === undefined ? {} : { reason }),
      };
      const voidable = { ordinal: row.ordinal, issuedAt: row.issued_at, voidedAt: row.voided_at };
      try {
        // The same command again is known by its key.
        return await core.book.decide(consolidatedStream(payerId, currency), call, () => {
          assertConsolidatedVoidable(voidable, at);
          return {
            events: [{ type: 'ConsolidatedInvoiceVoided', data }],
            result: { consolidatedInvoiceId: row.consolidated_invoice_id },
          };
        });
      } catch (error) {
        // It was voided at another instant, or for another reason.
        if (isDomainError(error) && error.code === 'conflicting_body') assertConsolidatedVoidable(voidable, at);
        throw error;
      }
    });
  },
});

const amounts = { subtotal: zMoney, tax: zMoney, total: zMoney };
const settled = {
  amountDue: zMoney.describe('Amount to pay: total less credit taken and credit notes; 0 where void'),
  amountPaid: zMoney.describe('What payments pay of the amount due'),
};

const zConsolidatedTenant = z
  .object({
    tenantId: z.string(),
    invoices: z.array(
      z
        .object({
          invoiceId: z.string(),
          number: z.string(),
          status: z.enum(INVOICE_STATUSES),
          ...amounts,
          ...settled,
        })
        .meta({ id: 'ConsolidatedMember' }),
    ),
    ...amounts,
  })
  .meta({ id: 'ConsolidatedTenant' });

const zConsolidatedInvoice = z
  .object({
    consolidatedInvoiceId: z.string(),
    number: z.string().describe('Gapless, in a separate series'),
    status: z.enum(['issued', 'paid', 'void']).describe('paid: nothing is left to pay of its invoices'),
    payerId: z.string(),
    currency: z.string(),
    issuedAt: zTimestamp,
    dueAt: zTimestamp
      .nullable()
      .describe(
        'By the payment terms of the payer when it was issued. Without terms: the first due date of its invoices',
      ),
    voidedAt: zTimestamp.nullable(),
    tenants: z.array(zConsolidatedTenant).describe('The invoices of each tenant. Their lines are in `invoice`'),
    taxes: z.array(zInvoiceTax).describe('Tax amounts by name and rate'),
    ...amounts,
    creditTaken: zMoney.describe('Amount taken from the credit of the billed tenants'),
    ...settled,
  })
  .meta({ id: 'ConsolidatedInvoice' });

const consolidatedInvoices = defineQuery({
  name: 'consolidated-invoices',
  summary: 'Consolidated invoices, by payer. A payer sees its own',
  path: 'consolidated-invoices',
  params: zPage.extend({ payerId: zOptionalId, currency: zCurrency.optional() }),
  roles: READERS,
  answer: listOf(zConsolidatedInvoice),
  example: { payerId: 'acme' },
  async handle({ payerId, currency, ...page }, context) {
    const { core, position } = context;
    const of = { payerId: await visibleTenant(context, payerId), currency };
    return pageOfRows({
      ...{ order: CONSOLIDATED_ORDER, page, position },
      read: async (rows) => readConsolidatedPage(core.db, position, of, rows),
      toItems: async (rows) => consolidatedViews(context, rows),
    });
  },
});

export const consolidatedInvoice = defineQuery({
  name: 'consolidated-invoice',
  summary: 'One consolidated invoice, by id or number, with the invoices of each tenant',
  path: 'consolidated-invoices/:id',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  answer: zConsolidatedInvoice,
  example: { id: 'CI-000001' },
  async handle({ id }, context) {
    return consolidatedView(context, await visibleConsolidated(context, id));
  },
});

/** By id or number. Errors: `unknown_consolidated_invoice`, also for one of another payer than the caller. */
export async function visibleConsolidated(context: QueryContext, id: string): Promise<ConsolidatedInvoiceRow> {
  const row = await consolidatedSeen(context, id);
  if (row === undefined) throw unknownConsolidated(id);
  return row;
}

/** undefined: there is none, or it is of another payer than the caller. */
export async function consolidatedSeen(
  { core, position, confinedTo }: QueryContext,
  id: string,
): Promise<ConsolidatedInvoiceRow | undefined> {
  const row = await readConsolidatedNamed(core.db, position, id);
  return confinedTo === null || row?.payer_id === confinedTo ? row : undefined;
}

export const consolidatedInvoiceOperations: Operations = {
  commands: [issueConsolidatedInvoice, voidConsolidatedInvoice],
  queries: [consolidatedInvoices, consolidatedInvoice],
};
