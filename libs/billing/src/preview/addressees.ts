import { documentNumber } from '#domain/invoices/invoice';
import { payerFor } from '#domain/tenants/payer';
import type { Instant } from '#domain/time/instant';
import { currenciesOf } from '#domain/tenants/tenant';
import type { Caller } from '#ledger/caller';
import type { QueryContext } from '#ledger/query';
import { readChargedPeriods, readDrafts } from '#projections/invoices/addressed.read';
import { readPayers, toPayer } from '#projections/payers/payers.read';
import { readTenants } from '#projections/tenants/tenants.read';
import { invoicePreview, invoiceViews } from '../invoices/invoice-view.js';
import { both, type Pair } from './pair.js';
import type { Trial } from './trial.js';

/** An invoice that other payers address to another tenant. */
export interface PreviewedAddressee {
  readonly tenantId: string;
  readonly currency: string;
  /** null: what is open, and would be on the next invoice. */
  readonly invoiceId: string | null;
  /** null: it is not issued. */
  readonly number: string | null;
  /** One that is `issued` or `paid` stays addressed to `before`. */
  readonly status: 'open' | 'draft' | 'issued' | 'paid';
  /** Whom it is addressed to. null: the tenant itself. */
  readonly before: string | null;
  /** Whom it would be addressed to if it were issued after the commands. null: the tenant itself. */
  readonly after: string | null;
}

/** Which invoices the payers that a trial sets or corrects address to another. Absent: it changes no payer. */
export interface Addressed {
  readonly addressees?: readonly PreviewedAddressee[];
}

/** Up to an instant: the next invoice of each tenant as of then, its drafts, and what was issued and stays. */
export async function addressedBy(trial: Trial, caller: Caller, at: Instant): Promise<Addressed> {
  const changed = trial
    .events()
    .flatMap(({ type, data }) => (type === 'PayerSet' || type === 'PayerCorrected' ? [data.tenantId] : []));
  if (changed.length === 0) return {};
  const { core, from } = trial;
  const contextAt = (position: number): QueryContext => ({ core, position, caller, confinedTo: null });
  const contexts: Pair<QueryContext> = [contextAt(from), contextAt(await core.projector.position())];
  // A tenant that the trial registers has no invoices yet.
  const tenants = await readTenants(core.db, from, [...new Set(changed)].sort());
  const addressees: PreviewedAddressee[] = [];
  for (const tenant of tenants) {
    const tenantId = tenant.tenant_id;
    addressees.push(
      ...(await issuedOf(contexts, tenantId)),
      ...(await draftsOf(contexts, tenantId)),
      ...(await openOf(contexts, { tenantId, currencies: currenciesOf(tenant), at })),
    );
  }
  return { addressees };
}

async function issuedOf(contexts: Pair<QueryContext>, tenantId: string): Promise<PreviewedAddressee[]> {
  const [{ core, position }] = contexts;
  const [before, after] = await both(contexts, async (context) =>
    (await readPayers(core.db, context.position, [tenantId])).map(toPayer),
  );
  const issued = await readChargedPeriods(core.db, position, tenantId);
  return issued.flatMap(({ invoice_id: invoiceId, ordinal, status, currency, payer_id: payerId, ...invoice }) => {
    const rows = invoice.periods ?? [];
    const then = payerFor(after, invoice.as_of, rows);
    if (then === payerFor(before, invoice.as_of, rows) || then === payerId) return [];
    const number = documentNumber('INV', ordinal);
    return [{ tenantId, currency, invoiceId, number, status, before: payerId, after: then }];
  });
}

async function draftsOf(contexts: Pair<QueryContext>, tenantId: string): Promise<PreviewedAddressee[]> {
  const [{ core, position }] = contexts;
  const rows = await readDrafts(core.db, position, tenantId);
  const [before, after] = await both(contexts, async (context) => invoiceViews(context, rows, { withoutLines: true }));
  return before.flatMap(({ invoiceId, currency, payerId }, index) => {
    const then = after[index]?.payerId ?? null;
    if (then === payerId) return [];
    return [{ tenantId, currency, invoiceId, number: null, status: 'draft' as const, before: payerId, after: then }];
  });
}

interface Next {
  readonly tenantId: string;
  readonly currencies: readonly string[];
  readonly at: Instant;
}

async function openOf(contexts: Pair<QueryContext>, { tenantId, currencies, at }: Next): Promise<PreviewedAddressee[]> {
  const found: PreviewedAddressee[] = [];
  for (const currency of currencies) {
    const [before, after] = await both(contexts, async (context) =>
      invoicePreview(context, { tenantId, currency, at }),
    );
    if (before.payerId === after.payerId || after.lines.every(({ rows }) => rows.length === 0)) continue;
    const of = { tenantId, currency, invoiceId: null, number: null, status: 'open' as const };
    found.push({ ...of, before: before.payerId, after: after.payerId });
  }
  return found;
}
