import { notFound } from '#domain/errors';
import { z } from 'zod';
import { zId } from '#domain/schema';
import type { EventData, RecordedEvent } from '#domain/events';
import type { Seller } from '#domain/invoices/parties';
import { EventCodec, ofType } from '#event-store/codec';
import type { CreditNoteRow, InvoiceRow } from '#projections/invoices/invoices.table';
import type { History } from '#read-model/read-models';
import { creditNoteView } from '#billing/invoices/credit-notes';
import { creditNoteDocument as creditNoteHtml } from '#exchange/documents/credit-note-document';
import {
  invoiceDocument as invoiceHtml,
  type InvoiceDocument,
  type Parties,
} from '#exchange/documents/invoice-document';
import { type InvoiceView, invoiceView, isConsolidated } from '#billing/invoices/invoice-view';
import { readCredits } from '#projections/credits/credits.read';
import { readDeployments } from '#projections/deployments/deployments.read';
import { readIssuedPosition } from '#projections/invoices/invoices.read';
import { readTenants } from '#projections/tenants/tenants.read';
import { defineQuery, type QueryContext, READERS, zAsOf } from '#ledger/query';
import { zHtml } from './answers.js';
import { visibleCreditNote } from './credit-notes.js';
import type { Operations } from './declared.js';
import { visibleInvoice } from './invoices.js';
import { CREDIT_NOTE, INVOICE } from './story.js';

export const invoiceDocument = defineQuery({
  name: 'invoice-document',
  summary: 'One invoice, by id or number, as an HTML page, to print or to send',
  path: 'invoices/:id/document',
  params: zAsOf.extend({
    id: zId,
    withoutZeroLines: z.enum(['true', 'false']).optional().describe('true: without lines whose amounts are all 0'),
  }),
  roles: READERS,
  media: 'text/html',
  answer: zHtml,
  example: { id: INVOICE },
  async handle({ id, withoutZeroLines, ...asOf }, context) {
    const row = await visibleInvoice(context, id);
    const invoice = await invoiceView(context, row);
    const parties = await partiesOf(
      context,
      row,
      { payerId: invoice.payerId, deploymentIds: invoice.lines.map(({ deploymentId }) => deploymentId) },
      asOf,
    );
    return invoiceHtml({
      invoice,
      ...parties,
      grants: await grantsOf(context, row, invoice),
      isConsolidated: await isConsolidated(context, row, invoice),
      forStaff: context.confinedTo === null,
      withoutZeroLines: withoutZeroLines === 'true',
    });
  },
});

export const creditNoteDocument = defineQuery({
  name: 'credit-note-document',
  summary: 'One credit note, by id or number, as an HTML page, to print or to send',
  path: 'credit-notes/:id/document',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  media: 'text/html',
  answer: zHtml,
  example: { id: CREDIT_NOTE },
  async handle({ id, ...asOf }, context) {
    const row = await visibleCreditNote(context, id);
    const creditNote = await creditNoteView(context, row);
    const invoice = await visibleInvoice(context, row.invoice_id);
    const parties = await partiesOf(
      context,
      invoice,
      { payerId: invoice.payer_id, deploymentIds: creditNote.rows.map(({ deploymentId }) => deploymentId) },
      asOf,
      row,
    );
    return creditNoteHtml({ creditNote, invoice: await invoiceView(context, invoice), ...parties });
  },
});

/** The parties as they were when the invoice was computed. For a draft: as they are now. */
type AsOf = Pick<z.output<typeof zAsOf>, 'asOf' | 'knownAt'>;

/** The moment as the caller gave it. If two were given: the resulting position. */
export function shownAsOf({ asOf, knownAt }: AsOf, position: number): string | null {
  if (asOf !== undefined && knownAt !== undefined) return `log position ${position}`;
  const asked = asOf ?? knownAt ?? null;
  return asked !== null && /^\d+$/.test(asked) ? `log position ${asked}` : asked;
}

/** What an invoice names. */
interface Named {
  readonly payerId: string | null;
  readonly deploymentIds: readonly (string | null)[];
}

/** Who the parties of an invoice were when it was computed. `note`: its credit note, which has a seller of its own. */
export async function partiesOf(
  context: QueryContext,
  invoice: InvoiceRow,
  { payerId, deploymentIds }: Named,
  asOf: AsOf,
  note?: History<CreditNoteRow>,
): Promise<Parties & { readonly sellerDetails: Seller }> {
  const { core, position } = context;
  const known = invoice.computed_at ?? position;
  const [tenant] = await readTenants(core.db, known, [invoice.tenant_id]);
  if (tenant === undefined) throw notFound('unknown_tenant', `tenant ${invoice.tenant_id} is not registered`);
  const issued = await issuedEvent(context, invoice);
  const own = issued?.detailsRef ?? tenant.details_ref;
  const payer = issued === null ? await payerRefOf(context, payerId) : (issued.payer?.detailsRef ?? null);
  const ref = payer ?? own;
  const noted =
    note === undefined ? undefined : ofType(await eventAt(context, note.position_from), 'CreditNoteIssued').data;
  const seller = await core.keptSeller.of(noted ?? issued ?? {});
  const details = await core.details.read([own, ref]);
  const ids = deploymentIds.filter((id) => id !== null);
  const deployments = await readDeployments(core.db, known, [...new Set(ids)]);
  return {
    seller: seller.text,
    sellerDetails: seller.details,
    tenant: details.get(ref) ?? null,
    paidFor: payer === null ? null : { tenantId: invoice.tenant_id, name: details.get(own)?.name ?? null },
    timeZone: tenant.time_zone,
    deploymentNames: new Map(deployments.map(({ deployment_id, name }) => [deployment_id, name])),
    shownAsOf: shownAsOf(asOf, context.position),
  };
}

/** The details of the payer that a draft is addressed to, as known now. null: it has none. */
async function payerRefOf({ core, position }: QueryContext, payerId: string | null): Promise<string | null> {
  const [payer] = payerId === null ? [] : await readTenants(core.db, position, [payerId]);
  return payer?.details_ref ?? null;
}

const codec = new EventCodec();

/** The `InvoiceIssued` event, which is at the position where the invoice got its number. null: it is a draft. */
async function issuedEvent(
  context: QueryContext,
  { invoice_id: invoiceId, ordinal }: InvoiceRow,
): Promise<EventData<'InvoiceIssued'> | null> {
  if (ordinal === null) return null;
  const at = await readIssuedPosition(context.core.db, invoiceId);
  if (at === undefined) throw new Error(`invoice ${invoiceId} has a number, and was not issued`);
  return ofType(await eventAt(context, at), 'InvoiceIssued').data;
}

/** The event at a position. */
export async function eventAt({ core }: QueryContext, at: number): Promise<RecordedEvent> {
  for await (const stored of core.log.readAt([at])) return codec.decode(stored);
  throw new Error(`the log has no event at position ${at}, where a document was issued`);
}

async function grantsOf(
  { core, position }: QueryContext,
  { tenant_id: tenantId, currency }: InvoiceRow,
  { lines }: InvoiceView,
): Promise<InvoiceDocument['grants']> {
  const ids = new Set(
    lines.flatMap(({ rows }) => rows.flatMap(({ credits = [] }) => credits.map(({ creditId }) => creditId))),
  );
  if (ids.size === 0) return new Map();
  const rows = (await readCredits(core.db, position, [tenantId])).filter(
    (row) => row.currency === currency && ids.has(row.credit_id),
  );
  return grantsIn(rows);
}

/** What a document says of coupons and credits. */
export const grantsIn = (rows: Awaited<ReturnType<typeof readCredits>>): InvoiceDocument['grants'] =>
  new Map(rows.map(({ credit_id, kind, percent, reason }) => [credit_id, { kind, percent, reason }]));

export const documentOperations: Operations = {
  queries: [invoiceDocument, creditNoteDocument],
};
