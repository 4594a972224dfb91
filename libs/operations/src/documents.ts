import type { z } from 'zod';
import { zId } from '#domain/schema';
import { EventCodec, ofType } from '#event-store/codec';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { creditNoteView } from '#billing/invoices/credit-notes';
import { creditNoteDocument as creditNoteHtml } from '#exchange/documents/credit-note-document';
import {
  invoiceDocument as invoiceHtml,
  type InvoiceDocument,
  type Parties,
} from '#exchange/documents/invoice-document';
import { type InvoiceView, invoiceView } from '#billing/invoices/invoice-view';
import { defineQuery, type QueryContext, READERS, zAsOf } from '#ledger/query';
import { at } from '#read-model/at';
import { zHtml } from './answers.js';
import { creditNoteRows, visibleCreditNote } from './credit-notes.js';
import { visibleInvoice } from './invoices.js';
import { CREDIT_NOTE, INVOICE } from './story.js';

export const invoiceDocument = defineQuery({
  name: 'invoice-document',
  summary: 'One invoice as an HTML page, to print or to send',
  path: 'invoices/:id/document',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  media: 'text/html',
  answer: zHtml,
  example: { id: INVOICE },
  async handle({ id, ...asOf }, context) {
    const row = await visibleInvoice(context, id);
    const invoice = await invoiceView(context, row);
    const parties = await partiesOf(
      context,
      row,
      invoice.lines.map(({ deploymentId }) => deploymentId),
      asOf,
    );
    return invoiceHtml({
      invoice,
      ...parties,
      grants: await grantsOf(context, row, invoice),
      forStaff: context.confinedTo === null,
    });
  },
});

export const creditNoteDocument = defineQuery({
  name: 'credit-note-document',
  summary: 'One credit note as an HTML page, to print or to send',
  path: 'credit-notes/:id/document',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  media: 'text/html',
  answer: zHtml,
  example: { id: CREDIT_NOTE },
  async handle({ id, ...asOf }, context) {
    const row = await visibleCreditNote(context, id);
    const creditNote = creditNoteView(row, await creditNoteRows(context, row));
    const invoice = await visibleInvoice(context, row.invoice_id);
    const parties = await partiesOf(
      context,
      invoice,
      creditNote.rows.map(({ deploymentId }) => deploymentId),
      asOf,
    );
    return creditNoteHtml({ creditNote, invoice: await invoiceView(context, invoice), ...parties });
  },
});

/** The parties as they were when the invoice was computed. For a draft: as they are now. */
type AsOf = Pick<z.output<typeof zAsOf>, 'asOf' | 'knownAt'>;

/** The moment as the caller gave it. If two were given: the resulting position. */
function shownAsOf({ asOf, knownAt }: AsOf, position: number): string | null {
  if (asOf !== undefined && knownAt !== undefined) return `log position ${position}`;
  const asked = asOf ?? knownAt ?? null;
  return asked !== null && /^\d+$/.test(asked) ? `log position ${asked}` : asked;
}

async function partiesOf(
  context: QueryContext,
  invoice: InvoiceRow,
  deploymentIds: readonly (string | null)[],
  asOf: AsOf,
): Promise<Parties> {
  const { core, position } = context;
  const known = invoice.computed_at ?? position;
  const tenant = await core.db
    .selectFrom('tenants')
    .select(['time_zone', 'details_ref'])
    .where('tenant_id', '=', invoice.tenant_id)
    .where(at(known))
    .executeTakeFirstOrThrow();
  const ref = (await frozenDetailsRef(context, invoice)) ?? tenant.details_ref;
  const ids = deploymentIds.filter((id) => id !== null);
  const deployments =
    ids.length === 0
      ? []
      : await core.db
          .selectFrom('deployments')
          .select(['deployment_id', 'name'])
          .where('deployment_id', 'in', [...new Set(ids)])
          .where(at(known))
          .execute();
  return {
    seller: core.seller,
    tenantName: (await core.details.names([ref])).get(ref) ?? null,
    timeZone: tenant.time_zone,
    deploymentNames: new Map(deployments.map(({ deployment_id, name }) => [deployment_id, name])),
    shownAsOf: shownAsOf(asOf, context.position),
  };
}

const codec = new EventCodec();

/**
 * The reference to the details of the tenant in the `InvoiceIssued` event, which is at the position where the invoice
 * got its number.
 */
async function frozenDetailsRef(
  { core }: QueryContext,
  { invoice_id: invoiceId, ordinal }: InvoiceRow,
): Promise<string | null> {
  if (ordinal === null) return null;
  const { issuedAt } = await core.db
    .selectFrom('invoices')
    .select((each) => each.fn.min('position_from').as('issuedAt'))
    .where('invoice_id', '=', invoiceId)
    .where('ordinal', 'is not', null)
    .executeTakeFirstOrThrow();
  for await (const stored of core.log.readAt([issuedAt]))
    return ofType(codec.decode(stored), 'InvoiceIssued').data.detailsRef;
  throw new Error(`the log has no event at position ${issuedAt}, where invoice ${invoiceId} was issued`);
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
  const rows = await core.db
    .selectFrom('credits')
    .select(['credit_id', 'kind', 'percent', 'reason'])
    .where('tenant_id', '=', tenantId)
    .where('currency', '=', currency)
    .where('credit_id', 'in', [...ids])
    .where(at(position))
    .execute();
  return new Map(rows.map(({ credit_id, kind, percent, reason }) => [credit_id, { kind, percent, reason }]));
}
