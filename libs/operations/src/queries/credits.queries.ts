import { notFound } from '#domain/errors';
import { creditUsed } from '#domain/invoices/credits';
import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zId } from '#domain/schema';
import type { CreditNoteRow } from '#projections/invoices/invoices.table';
import { bookedRows } from '#billing/invoices/billing';
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

const creditsQuery = defineQuery({
  name: 'credits',
  summary: 'Coupons and credits, and what issued invoices have taken of each',
  params: zPage.extend({ tenantId: zOptionalId }),
  roles: READERS,
  async answer({ tenantId, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    let query = core.db.selectFrom('credits').selectAll().where(inForceAt(position));
    if (visible !== null) query = query.where('tenant_id', '=', visible);
    const rows = await query.execute();
    const accounts = Map.groupBy(rows, (row) => JSON.stringify([row.tenant_id, row.currency]));
    const items = [];
    for (const [account, grants] of accounts) {
      const [owner, currency] = JSON.parse(account) as [string, string];
      const used = creditUsed([...(await bookedRows(core, position, owner, currency)).values()].flat());
      for (const row of grants) {
        const taken = used.get(row.credit_id) ?? ZERO;
        items.push({
          creditId: row.credit_id,
          tenantId: row.tenant_id,
          currency,
          kind: row.kind,
          ...(row.amount === null
            ? {}
            : {
                amount: moneyText(decimal(row.amount), currency),
                left: moneyText(decimal(row.amount).minus(taken), currency),
              }),
          ...(row.percent === null ? {} : { percent: row.percent, billingKinds: row.billing_kinds }),
          taken: moneyText(taken, currency),
          period: { start: row.effective_from, end: row.effective_until },
          reason: row.reason,
        });
      }
    }
    return pageOfAll(items, page, position, (item) => JSON.stringify([item.tenantId, item.currency, item.creditId]));
  },
});

const creditNotesQuery = defineQuery({
  name: 'credit-notes',
  summary: 'Credit notes, each of one issued invoice',
  params: zPage.extend({ tenantId: zOptionalId, invoiceId: zOptionalId }),
  roles: READERS,
  async answer({ tenantId, invoiceId, ...page }, context) {
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

const creditNoteQuery = defineQuery({
  name: 'credit-note',
  summary: 'One credit note with its rows',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  async answer({ id }, context) {
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

export const creditQueries = [creditsQuery, creditNotesQuery, creditNoteQuery];
