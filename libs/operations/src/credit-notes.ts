import { z } from 'zod';
import { derivedId } from '#domain/derived-id';
import { notFound } from '#domain/errors';
import { creditNoteRows as decideRows } from '#domain/invoices/credit-note';
import { assertCreditable } from '#domain/invoices/invoice';
import { assertCreditedAfterIssue } from '#domain/invoices/payments';
import { zDecimal, zId, zInstant, zText } from '#domain/schema';
import type { History } from '#read-model/read-models';
import type { CreditNoteRow } from '#projections/invoices/invoices.table';
import { readCreditNoteNamed, readInvoiceNamed } from '#projections/invoices/issued-invoices.read';
import { creditable, creditNoteEvents, creditNoteSummary, creditNoteView } from '#billing/invoices/credit-notes';
import { Invoicing } from '#billing/invoices/invoicing';
import { isUuid } from '#domain/uuid';
import { defineCommand } from '#ledger/define-command';
import { CREDIT_NOTE_ORDER, readCreditNotePage, readInvoices } from '#projections/invoices/invoices.read';
import { defineQuery, pageOfRows, type QueryContext, READERS, zAsOf, zOptionalId, zPage } from '#ledger/query';
import { isVisible } from '#ledger/visible';
import { listOf, zFilter, zMoney, zRow, zSpan, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { visibleTo } from './invoices.js';
import { APRIL, CREDIT_NOTE, INVOICE } from './story.js';

/**
 * The same body again finds the same credit note. For a second credit note with the same body, use an idempotency key.
 */
const createCreditNote = defineCommand({
  name: 'create-credit-note',
  summary: 'Credits an issued invoice: in full, by an amount, or by rows',
  fields: z
    .strictObject({
      invoiceId: zId,
      at: zInstant,
      reason: zText.min(1),
      amount: zDecimal.optional(),
      rows: z
        .array(z.strictObject({ rowId: zId, amount: zDecimal }))
        .min(1)
        .optional(),
    })
    .refine(({ amount, rows }) => amount === undefined || rows === undefined, {
      path: ['rows'],
      message: 'can’t be combined with amount. Give one of them.',
    }),
  key: 'body',
  isPreviewed: false,
  // All of an invoice are compared together, so one at a time.
  fourEyes: 'all',
  mistakes: { final: 'A credit note is a document that went out. Bill the amount again.' },
  example: { invoiceId: INVOICE, at: APRIL.end, amount: '1.00', reason: 'an outage' },
  async handle(call, core) {
    const { invoiceId, at, reason, ...request } = call.fields;
    const creditNoteId = derivedId('credit-note', call.key);
    return new Invoicing(core).onInvoice(call, invoiceId, async ({ state, invoice, account }) => {
      assertCreditable(state, invoiceId);
      assertCreditedAfterIssue(account, invoiceId, at);
      const found = await creditable(core, await core.projector.catchUp(), invoiceId, invoice.currency);
      const rows = decideRows(creditNoteId, found, request, reason);
      const seller = await core.keptSeller.ref();
      const heading = { creditNoteId, invoiceId, ...invoice, issuedAt: at, reason, ...seller };
      return {
        events: creditNoteEvents(heading, rows, account),
        result: { invoiceId, creditNoteId },
      };
    });
  },
});

const creditNoteFields = {
  creditNoteId: z.string(),
  number: z.string().describe('Gapless, in a separate series'),
  invoiceId: z.string(),
  tenantId: z.string(),
  payerId: z
    .string()
    .nullable()
    .describe('The tenant that its invoice is addressed to. null: the billed tenant itself'),
  currency: z.string(),
  issuedAt: zTimestamp,
  reason: z.string(),
  subtotal: zMoney,
  tax: zMoney,
  total: zMoney,
};
const zCreditNoteRow = z
  .object({
    lineId: z.string(),
    deploymentId: z.string(),
    billingKind: z.string(),
    filter: zFilter,
    period: zSpan,
    ...zRow.shape,
  })
  .meta({ id: 'CreditNoteRow' });

const zCreditNote = z.object(creditNoteFields).meta({ id: 'CreditNote' });
const zCreditNoteWithRows = z
  .object({ ...creditNoteFields, rows: z.array(zCreditNoteRow) })
  .meta({ id: 'CreditNoteWithRows' });

const creditNotes = defineQuery({
  name: 'credit-notes',
  summary: 'Credit notes of issued invoices',
  path: 'credit-notes',
  params: zPage.extend({
    tenantId: zOptionalId,
    payerId: zId
      .optional()
      .describe('Only those of invoices that are addressed to this tenant as the payer of others, of any tenant'),
    invoiceId: zOptionalId,
  }),
  roles: READERS,
  answer: listOf(zCreditNote),
  example: { tenantId: 'acme' },
  async handle({ tenantId, payerId, invoiceId, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTo(context, { tenantId, payerId });
    const isNumber = invoiceId !== undefined && !isUuid(invoiceId);
    const named = invoiceId === undefined ? undefined : await readInvoiceNamed(core.db, position, invoiceId);
    // Another tenant's number is as unknown as one that was never given.
    const isKnown = named !== undefined && isVisible(named, context.confinedTo);
    if (isNumber && !isKnown) throw notFound('unknown_invoice', `there is no invoice ${invoiceId}`);
    // The payer of an invoice sees its credit notes, which are of another tenant.
    const of = {
      tenantId: isKnown ? (tenantId ?? null) : visible.tenantId,
      payerId,
      invoiceId: named?.invoice_id ?? invoiceId,
    };
    return pageOfRows({
      order: CREDIT_NOTE_ORDER,
      page,
      position,
      read: async (rows) => readCreditNotePage(core.db, position, of, rows),
      toItems: async (rows) => {
        const ids = rows.map((row) => row.invoice_id);
        const payers = new Map(
          (await readInvoices(core.db, position, ids)).map((row) => [row.invoice_id, row.payer_id]),
        );
        return rows.map((row) => creditNoteSummary(row, payers.get(row.invoice_id) ?? null));
      },
    });
  },
});

export const creditNote = defineQuery({
  name: 'credit-note',
  summary: 'One credit note with its rows',
  path: 'credit-notes/:id',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  answer: zCreditNoteWithRows,
  example: { id: CREDIT_NOTE },
  async handle({ id }, context) {
    const row = await visibleCreditNote(context, id);
    return creditNoteView(context, row);
  },
});

/** By id or number. Errors: `unknown_credit_note`, also for one of an invoice that the caller may not see. */
export async function visibleCreditNote(context: QueryContext, id: string): Promise<History<CreditNoteRow>> {
  const { core, position, confinedTo } = context;
  const row = await readCreditNoteNamed(core.db, position, id);
  const isPayer = async (invoiceId: string): Promise<boolean> =>
    (await readInvoices(core.db, position, [invoiceId])).some((invoice) => isVisible(invoice, confinedTo));
  const isOwn = confinedTo === null || row?.tenant_id === confinedTo;
  if (row === undefined || !(isOwn || (await isPayer(row.invoice_id))))
    throw notFound('unknown_credit_note', `there is no credit note ${id}`);
  return row;
}

export const creditNoteOperations: Operations = {
  commands: [createCreditNote],
  queries: [creditNotes, creditNote],
};
