import { notFound } from '#domain/errors';
import { INVOICE_STATUSES } from '#domain/invoices/invoice';
import { zId } from '#domain/schema';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { z } from 'zod';
import { invoicePreview, invoiceView } from '#billing/invoices/invoice-view';
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
  zAt,
} from '#ledger/query';

const invoicesQuery = defineQuery({
  name: 'invoices',
  summary: 'Invoices: issued ones as they were frozen, drafts as they rate now',
  params: zPage.extend({ tenantId: zOptionalId, status: z.enum(INVOICE_STATUSES).optional() }),
  roles: READERS,
  async answer({ tenantId, status, ...page }, context) {
    const visible = await visibleTenant(context, tenantId);
    let query = context.core.db.selectFrom('invoices').selectAll().where(inForceAt(context.position));
    if (visible !== null) query = query.where('tenant_id', '=', visible);
    if (status !== undefined) query = query.where('status', '=', status);
    const rows = pageOfAll(await query.execute(), page, context.position, (row) =>
      JSON.stringify([row.tenant_id, row.as_of, row.invoice_id]),
    );
    const items = [];
    for (const row of rows.items) items.push(await invoiceView(context, row));
    return { items, nextCursor: rows.nextCursor };
  },
});

/** Errors: `unknown_invoice`, also where it is another tenant's. */
export async function visibleInvoice({ core, position, confinedTo }: QueryContext, id: string): Promise<InvoiceRow> {
  const row = isUuid(id)
    ? await core.db
        .selectFrom('invoices')
        .selectAll()
        .where('invoice_id', '=', id)
        .where(inForceAt(position))
        .executeTakeFirst()
    : undefined;
  if (row === undefined || (confinedTo !== null && row.tenant_id !== confinedTo))
    throw notFound('unknown_invoice', `there is no invoice ${id}`);
  return row;
}

const invoiceQuery = defineQuery({
  name: 'invoice',
  summary: 'One invoice with its lines and rows',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  async answer({ id }, context) {
    return invoiceView(context, await visibleInvoice(context, id));
  },
});

const invoicePreviewQuery = defineQuery({
  name: 'invoice-preview',
  summary: 'The invoice that a tenant would get as of an instant (`at`), were it made now; nothing is stored',
  params: zAsOf.extend({ tenantId: zId, ...zAt }),
  roles: READERS,
  async answer({ tenantId, at }, context) {
    await visibleTenant(context, tenantId);
    return invoicePreview(context, tenantId, at ?? context.caller.now);
  },
});

export const invoiceQueries = [invoicesQuery, invoiceQuery, invoicePreviewQuery];
