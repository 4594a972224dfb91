import type { ClaimedPart, Selection } from '#domain/invoices/invoice';
import {
  billingAsOf,
  type BillingFacts,
  type LineBilling,
  rateInvoice,
  type RatedInvoice,
  selectedFacts,
  usageNeeded,
} from '#domain/invoices/rate-invoice';
import type { Quarantined } from '#domain/lines/rate';
import { decimal, ZERO } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import { type ClaimedPartRow, readClaimedParts } from '#projections/invoices/invoices.read';
import { accountsOf, type TenantAccount } from './accounts.js';
import { billingFactsOf } from './billing-facts.js';
import type { Lines } from './contracts.js';
import { type LineUsage, loadUsage, loadUsageAt, type UsageNeedAt } from './line-usage.js';

/** An invoice to be rated: the lines of an account, up to an instant, and which of their parts. */
export interface InvoiceToRate {
  readonly invoiceId: string;
  readonly account: TenantAccount;
  readonly until: Instant;
  /** null: all lines. */
  readonly selection: Selection | null;
  /** The parts: what is due, or what a draft claims. */
  readonly select: (facts: BillingFacts) => LineBilling[];
}

/** What an invoice is rated from, except for its usage. */
export interface InvoiceBilling {
  readonly invoiceId: string;
  readonly position: number;
  readonly facts: BillingFacts;
  readonly billing: readonly LineBilling[];
}

/**
 * What invoices are rated from, as known at one position, in a constant number of statements. `known`: lines that were
 * read already.
 */
export async function billingsOf(
  core: LedgerCore,
  position: number,
  invoices: readonly InvoiceToRate[],
  known?: Lines,
): Promise<InvoiceBilling[]> {
  const all = await billingFactsOf(core, position, invoices, known);
  return all.flatMap((of, index) => {
    const invoice = invoices[index];
    if (invoice === undefined) return [];
    const facts = selectedFacts(of, invoice.selection);
    return [{ invoiceId: invoice.invoiceId, position, facts, billing: invoice.select(facts) }];
  });
}

/** The usage that must be known before `rate`. */
export const usageNeededFor = ({ billing, position }: InvoiceBilling): UsageNeedAt[] =>
  usageNeeded(billing).map((need) => ({ ...need, position }));

export const rate = ({ invoiceId, position, facts, billing }: InvoiceBilling, usage: LineUsage): RatedInvoice =>
  rateInvoice(invoiceId, facts, billing, (line) => usage(line, position));

export interface Rated {
  readonly invoice: RatedInvoice;
  readonly facts: BillingFacts;
}

/** Rates what is due of a tenant, or what a draft claims, as known at one position. Nothing is stored. */
export async function rated(core: LedgerCore, position: number, invoice: InvoiceToRate, known?: Lines): Promise<Rated> {
  const [of] = await ratedFrom(core, await billingsOf(core, position, [invoice], known));
  if (of === undefined) throw new Error(`invoice ${invoice.invoiceId} was not rated`);
  return of;
}

/** Reads the usage of all invoices together. */
export async function ratedFrom(core: LedgerCore, billings: readonly InvoiceBilling[]): Promise<Rated[]> {
  const usage = await loadUsageAt(core, billings.flatMap(usageNeededFor));
  return billings.map((billing) => ({ invoice: rate(billing, usage), facts: billing.facts }));
}

/** Due lines that an invoice does not claim, because they can't be rated. Its answer names them. */
export async function leftOut(
  core: LedgerCore,
  position: number,
  facts: BillingFacts,
  { asOf, claimed }: { readonly asOf: Instant; readonly claimed: readonly ClaimedPart[] },
): Promise<Quarantined[]> {
  const ids = new Set(claimed.map(({ lineId }) => lineId));
  const due = billingAsOf({ ...facts, marks: new Map() }, asOf).filter(({ lineId }) => !ids.has(lineId));
  if (due.length === 0) return [];
  const usage = await loadUsage(core, position, usageNeeded(due));
  return [...rateInvoice('left out', facts, due, usage).quarantined];
}

/** The due lines of those tenants for whom all due lines come to nothing. create-invoice makes no invoice of them. */
export async function dueForNothing(
  core: LedgerCore,
  position: number,
  tenantIds: readonly string[],
  asOf: Instant,
): Promise<ReadonlySet<string>> {
  const tenants = tenantIds.map((tenantId) => ({ tenantId, position }));
  const accounts = await accountsOf(core, tenants);
  const select = (facts: BillingFacts): LineBilling[] => billingAsOf(facts, asOf);
  const billings = await billingsOf(
    core,
    position,
    tenants.flatMap((each) =>
      accounts(each).currencies.map((currency) => ({
        ...{ invoiceId: 'nothing', account: accounts({ ...each, currency }), until: asOf, selection: null, select },
      })),
    ),
  );
  const usage = await loadUsageAt(core, billings.flatMap(usageNeededFor));
  return new Set(
    billings.flatMap((each) => {
      const invoice = rate(each, usage);
      const isAll = isNothing(invoice) && invoice.quarantined.length === 0;
      return isAll ? each.billing.map(({ lineId }) => lineId) : [];
    }),
  );
}

export const isNothing = ({ rows }: RatedInvoice): boolean =>
  rows.every((row) => [row.gross, row.discount, row.credit, row.net].every((amount) => decimal(amount).eq(ZERO)));

export const toClaimedPart = ({ line_id, part_id, period_start, period_end }: ClaimedPartRow): ClaimedPart => ({
  lineId: line_id,
  partId: part_id,
  period: { start: period_start, end: period_end },
});

/** By invoice, the parts that it claims, as known at a position. */
export async function claimedPartsOf(
  { db }: LedgerCore,
  position: number,
  invoiceIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ClaimedPart[]>> {
  const rows = Map.groupBy(await readClaimedParts(db, position, invoiceIds), ({ invoice_id }) => invoice_id);
  return new Map([...rows].map(([invoiceId, of]) => [invoiceId, of.map(toClaimedPart)]));
}

/** The parts that an invoice claims, as known at a position. */
export const claimedParts = async (
  core: LedgerCore,
  position: number,
  invoiceId: string,
): Promise<readonly ClaimedPart[]> => (await claimedPartsOf(core, position, [invoiceId])).get(invoiceId) ?? [];
