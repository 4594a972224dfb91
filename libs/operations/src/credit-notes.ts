import { z } from 'zod';
import { notFound } from '#domain/errors';
import type { FrozenRow } from '#domain/invoices/invoice';
import { zId } from '#domain/schema';
import type { CreditNoteRow } from '#projections/invoices/invoices.table';
import { creditNoteView } from '#billing/invoices/credit-notes';
import { isUuid } from '#billing/invoices/invoicing';
import { inForceAt } from '#ledger/ledger-core';
import {
  defineQuery,
  pageOfAll,
  type QueryContext,
  READERS,
  visibleTenant,
  zAsOf,
  zOptionalId,
  zPage,
} from '#ledger/query';
import { listOf, zMoney, zRow, zSpan, zTimestamp } from './answers.js';
import { CREDIT_NOTE } from './story.js';

const creditNoteFields = {
  creditNoteId: z.string(),
  number: z.string().describe('Gapless, in a series of its own'),
  invoiceId: z.string(),
  tenantId: z.string(),
  currency: z.string(),
  issuedAt: zTimestamp,
  reason: z.string(),
  subtotal: zMoney,
  tax: zMoney,
  total: zMoney,
};
const zCreditNoteRow = z
  .object({ lineId: z.string(), deploymentId: z.string(), billingKind: z.string(), period: zSpan, ...zRow.shape })
  .meta({ id: 'CreditNoteRow' });

const zCreditNote = z.object(creditNoteFields).meta({ id: 'CreditNote' });
const zCreditNoteWithRows = z
  .object({ ...creditNoteFields, rows: z.array(zCreditNoteRow) })
  .meta({ id: 'CreditNoteWithRows' });

export const creditNotes = defineQuery({
  name: 'credit-notes',
  summary: 'Credit notes, each of one issued invoice',
  path: 'credit-notes',
  params: zPage.extend({ tenantId: zOptionalId, invoiceId: zOptionalId }),
  roles: READERS,
  answer: listOf(zCreditNote),
  example: { tenantId: 'acme' },
  async handle({ tenantId, invoiceId, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    if (invoiceId !== undefined && !isUuid(invoiceId))
      throw notFound('unknown_invoice', `there is no invoice ${invoiceId}`);
    let query = core.db.selectFrom('credit_notes').selectAll().where(inForceAt(position));
    if (visible !== null) query = query.where('tenant_id', '=', visible);
    if (invoiceId !== undefined) query = query.where('invoice_id', '=', invoiceId);
    const items = (await query.execute()).map((row) => {
      const { rows: _rows, ...summary } = creditNoteView(row, []);
      return summary;
    });
    return pageOfAll(items, page, position, ({ number }) => number);
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
    return creditNoteView(row, await creditNoteRows(context, row));
  },
});

/** Errors: `unknown_credit_note`, also where it is another tenant's. */
export async function visibleCreditNote(
  { core, position, confinedTo }: QueryContext,
  id: string,
): Promise<CreditNoteRow> {
  const row = isUuid(id)
    ? await core.db
        .selectFrom('credit_notes')
        .selectAll()
        .where('credit_note_id', '=', id)
        .where(inForceAt(position))
        .executeTakeFirst()
    : undefined;
  if (row === undefined || (confinedTo !== null && row.tenant_id !== confinedTo))
    throw notFound('unknown_credit_note', `there is no credit note ${id}`);
  return row;
}

export async function creditNoteRows(
  { core }: QueryContext,
  { credit_note_id: id, rows_attempt: attempt }: CreditNoteRow,
): Promise<FrozenRow[]> {
  const rows = await core.db
    .selectFrom('invoice_rows')
    .select('row')
    .where('invoice_id', '=', id)
    .where('attempt', '=', attempt)
    .orderBy('n')
    .execute();
  return rows.map(({ row }) => row);
}
