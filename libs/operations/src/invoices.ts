import { z } from 'zod';
import { notFound } from '#domain/errors';
import { INVOICE_STATUSES } from '#domain/invoices/invoice';
import { zId } from '#domain/schema';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { invoicePreview as previewOf, invoiceView } from '#billing/invoices/invoice-view';
import { isUuid } from '#billing/invoices/invoicing';
import { inForceAt } from '#ledger/ledger-core';
import {
  defineQuery,
  pageOfAll,
  type QueryContext,
  READERS,
  visibleTenant,
  zAsOf,
  zAt,
  zOptionalId,
  zPage,
} from '#ledger/query';
import { listOf, zAny, zMoney, zPosition, zQuantity, zRow, zSpan, zTimestamp } from './answers.js';
import { INVOICE } from './story.js';

const zInvoiceLine = z
  .object({
    lineId: z.string(),
    parentLineId: z.string().nullable(),
    parentPeriod: zSpan.nullable().describe('The whole charge period of the line that was cut; null where none was'),
    subscriptionId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    billingKind: z.string(),
    period: zSpan,
    quantity: zQuantity,
    included: zQuantity.nullable().describe('Of the whole charge period, in units of the conversion'),
    unitConversion: zAny.nullable(),
    rows: z.array(zRow),
    net: zMoney,
    tax: zMoney,
    correction: z.boolean().describe('It corrects what an earlier invoice billed'),
  })
  .meta({ id: 'InvoiceLine' });

const invoiceFields = {
  tenantId: z.string(),
  currency: z.string(),
  asOf: zTimestamp,
  lines: z.array(zInvoiceLine),
  subtotal: zMoney,
  tax: zMoney,
  total: zMoney,
  taxes: z
    .array(
      z
        .object({ name: z.string().nullable(), ratePercent: zQuantity, net: zMoney, tax: zMoney })
        .meta({ id: 'InvoiceTax' }),
    )
    .describe('By name and rate'),
  quarantined: z
    .array(z.object({ lineId: z.string(), code: z.string(), message: z.string() }).meta({ id: 'QuarantinedLine' }))
    .describe('Lines that could not be rated: they stay open'),
};

export const zInvoice = z
  .object({
    invoiceId: z.string(),
    number: z.string().nullable().describe('Gapless; from issuing on'),
    status: z.enum(INVOICE_STATUSES),
    ...invoiceFields,
    selection: zAny.nullable().describe('Of an invoice of some lines only: which'),
    issuedAt: zTimestamp.nullable(),
    paidAt: zTimestamp.nullable(),
    voidedAt: zTimestamp.nullable(),
    computedAt: zPosition.nullable().describe('The log position that it was frozen from'),
    creditTaken: zMoney.describe('What it takes of the tenant’s credit: invoices below zero'),
    amountDue: zMoney.describe('total − creditTaken, never below 0'),
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
  .object({ invoiceId: z.null(), number: z.null(), status: z.literal('preview'), ...invoiceFields })
  .meta({ id: 'InvoicePreview' });

export const invoices = defineQuery({
  name: 'invoices',
  summary: 'Invoices: issued ones as they were frozen, drafts as they rate now',
  path: 'invoices',
  params: zPage.extend({ tenantId: zOptionalId, status: z.enum(INVOICE_STATUSES).optional() }),
  roles: READERS,
  answer: listOf(zInvoice),
  example: { tenantId: 'acme' },
  async handle({ tenantId, status, ...page }, context) {
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

export const invoice = defineQuery({
  name: 'invoice',
  summary: 'One invoice with its lines and rows',
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
  summary: 'The invoice that a tenant would get as of an instant (`at`), were it made now; nothing is stored',
  path: 'invoices/preview',
  params: zAsOf.extend({ tenantId: zId, ...zAt }),
  roles: READERS,
  answer: zInvoicePreview,
  example: { tenantId: 'acme', at: '2026-06-01T00:00:00Z' },
  async handle({ tenantId, at }, context) {
    await visibleTenant(context, tenantId);
    return previewOf(context, tenantId, at ?? context.caller.now);
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
