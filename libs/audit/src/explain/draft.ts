import { billingOfClaim } from '#domain/invoices/rate-invoice';
import type { Instant } from '#domain/time/instant';
import type { Selection } from '#domain/invoices/invoice';
import { tenantAccount } from '#billing/invoices/accounts';
import { isUuid } from '#domain/uuid';
import { claimedParts, rated } from '#billing/invoices/rated-invoice';
import type { QueryContext } from '#ledger/query';
import { readInvoices } from '#projections/invoices/invoices.read';
import type { IssuedRow } from '#projections/invoices/issued-rows.read';
import { type ExplainedDocument, sumText } from './documents.js';
import { eventsOfDocument, reference } from './evidence.js';
import { isOwn } from './own.js';

/** A draft as it would be issued from what is known at the context's position. null: the id is not a draft's. */
export async function draftOf(
  context: QueryContext,
  id: string,
): Promise<{ document: ExplainedDocument; rows: IssuedRow[] } | null> {
  const { core, position } = context;
  if (!isUuid(id)) return null;
  const [draft] = await readInvoices(core.db, position, [id]);
  if (draft?.status !== 'draft' || !isOwn(context, draft.tenant_id)) return null;
  const { tenant_id: tenantId, currency } = draft;
  const invoice = await ratedDraft(context, id, draft);
  const document: ExplainedDocument = {
    documentId: id,
    number: null,
    status: 'draft',
    tenantId,
    currency,
    credits: null,
    arithmetic: sumText(invoice.subtotal, invoice.tax, currency),
    reason: null,
    events: (await eventsOfDocument(context, { documentId: id, invoiceId: id, tenantId, currency })).map(reference),
  };
  return {
    document,
    rows: invoice.rows.map((row): IssuedRow => ({
      document_id: id,
      series: 'INV',
      ordinal: null,
      computed_at: position,
      tenant_id: tenantId,
      payer_id: null,
      currency,
      credited_invoice_id: null,
      row,
    })),
  };
}

async function ratedDraft(
  { core, position }: QueryContext,
  id: string,
  draft: {
    readonly tenant_id: string;
    readonly currency: string;
    readonly as_of: Instant;
    readonly selection: Selection | null;
  },
) {
  const account = await tenantAccount(core, position, draft.tenant_id, draft.currency);
  const claimed = await claimedParts(core, position, id);
  const { invoice } = await rated(core, position, {
    invoiceId: id,
    account,
    until: draft.as_of,
    selection: draft.selection,
    select: (facts) => billingOfClaim(facts, { invoiceId: id, asOf: draft.as_of, claimed }),
  });
  return invoice;
}
