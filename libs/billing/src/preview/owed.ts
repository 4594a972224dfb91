import { chargeOf } from '#domain/invoices/corrections';
import { couponsOf } from '#domain/invoices/credits';
import type { FrozenRow } from '#domain/invoices/invoice';
import { billingAsOf, type BillingFacts, type RatedInvoice } from '#domain/invoices/rate-invoice';
import { tiles } from '#domain/lines/parts';
import { summedByMonth } from '#domain/margin/months';
import { type Decimal, decimal, sum } from '#domain/money/decimal';
import { FROM_EVER, type Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { accountsOf } from '../invoices/accounts.js';
import { loadUsageAt } from '../invoices/line-usage.js';
import { type LinePart, recordedPartsOf } from '../invoices/parts.js';
import { billingsOf, type InvoiceBilling, rate, usageNeededFor } from '../invoices/rated-invoice.js';
import type { LedgerCore } from '#ledger/ledger-core';
import { keyOfAccount, keyOfAccountRow } from '#projections/invoices/invoices.read';
import { readPendingMarks } from '#projections/restatements/restatements.read';
import { both, type Pair } from './pair.js';

/**
 * What an issued part comes to: its booked rows, and the corrections of it that an invoice would book now. Money of its
 * currency, before credits, after coupons.
 */
export interface OwedPart {
  readonly tenantId: string;
  readonly currency: string;
  readonly invoiceId: string | null;
  /** One of its rows. */
  readonly row: FrozenRow;
  /** Where the part is now; null: the line no longer has it. */
  readonly period: Period | null;
  readonly net: Decimal;
  /** As invoices book it: rounded for each of them, and after credits. */
  readonly tax: Decimal;
  /** The net by UTC month. */
  readonly months: ReadonlyMap<string, Decimal>;
  readonly quarantined: string | null;
}

/** The issued parts by part and currency. */
type OwedParts = Map<string, OwedPart>;

/**
 * The issued parts of deployments, as known at two positions. The code that bills computes them. Their usage is read
 * once for both.
 */
export async function owedParts(
  core: LedgerCore,
  positions: Pair<number>,
  deploymentIds: readonly string[],
  at: Instant,
): Promise<Pair<OwedParts>> {
  const issued = await both(positions, async (position) => {
    const parts = (await recordedPartsOf(core, position, { deploymentIds })).filter((part) => part.issued);
    return { position, parts: Map.groupBy(parts, ({ tenantId }) => tenantId) };
  });
  const tenantIds = [...new Set(issued.flatMap(({ parts }) => [...parts.keys()]))];
  const owed: Pair<OwedParts> = [new Map(), new Map()];
  for (let from = 0; from < tenantIds.length; from += TENANTS_AT_ONCE) {
    const some = tenantIds.slice(from, from + TENANTS_AT_ONCE);
    const toRate = await both(issued, async ({ position, parts }) =>
      toRateOf(
        core,
        position,
        some.map((tenantId) => [tenantId, parts.get(tenantId) ?? []] as const),
        at,
      ),
    );
    const usage = await loadUsageAt(
      core,
      toRate.flat().flatMap(({ billing }) => usageNeededFor(billing)),
    );
    for (const [index, ofTenants] of toRate.entries())
      for (const { lineIds, tenantId, billing } of ofTenants)
        for (const [key, part] of owedIn(tenantId, lineIds, { facts: billing.facts, invoice: rate(billing, usage) }))
          owed[index]?.set(key, part);
  }
  return owed;
}

/** What the next invoice of an account would book as corrections. Money of its currency, after coupons. */
export interface OwedAccount {
  readonly tenantId: string;
  readonly currency: string;
  readonly net: Decimal;
  readonly tax: Decimal;
  readonly lines: number;
  /** Corrected lines that can't be rated, so that what they owe is not known. */
  readonly notRated: number;
  /** In the order of recording. */
  readonly reasons: readonly string[];
}

/** The corrections that are recorded and not booked yet, of the accounts of tenants that have any. */
export async function owedCorrections(
  core: LedgerCore,
  position: number,
  tenantIds: readonly string[],
): Promise<OwedAccount[]> {
  const accounts = await accountsOf(
    core,
    tenantIds.map((tenantId) => ({ tenantId, position })),
  );
  const all = tenantIds.flatMap((tenantId) =>
    accounts({ tenantId, position }).currencies.map((currency) => ({ tenantId, currency })),
  );
  const marks = Map.groupBy(await readPendingMarks(core.db, position, all), keyOfAccountRow);
  const marked = all.filter((account) => marks.has(keyOfAccount(account)));
  const billings = await billingsOf(
    core,
    position,
    marked.map((account) => ({
      ...{ invoiceId: 'owed', account: accounts({ ...account, position }), until: FROM_EVER, selection: null },
      // At the earliest instant nothing is due: what is marked remains.
      select: (facts) => billingAsOf(facts, FROM_EVER),
    })),
  );
  const usage = await loadUsageAt(core, billings.flatMap(usageNeededFor));
  return marked.flatMap(({ tenantId, currency }, index) => {
    const billing = billings[index];
    if (billing === undefined) return [];
    const { facts } = billing;
    const { rows, quarantined } = rate(billing, usage);
    if (rows.length === 0 && quarantined.length === 0) return [];
    const couponIds = new Set(couponsOf(facts.grants).map(({ creditId }) => creditId));
    const reasons = (marks.get(keyOfAccount({ tenantId, currency })) ?? []).flatMap((mark) => mark.reasons);
    return [
      {
        ...{ tenantId, currency },
        net: chargeOf(rows, couponIds),
        tax: sum(rows.map(({ tax }) => decimal(tax))),
        lines: new Set(rows.map(({ lineId }) => lineId)).size,
        notRated: quarantined.length,
        reasons: [...new Set(reasons)],
      },
    ];
  });
}

/** So that memory stays bounded, however many tenants a correction reaches. */
const TENANTS_AT_ONCE = 100;

/** The issued lines of an account, to be rated as known at a position. */
interface IssuedLines {
  readonly tenantId: string;
  readonly lineIds: readonly string[];
  readonly billing: InvoiceBilling;
}

async function toRateOf(
  core: LedgerCore,
  position: number,
  issued: readonly (readonly [string, readonly LinePart[]])[],
  at: Instant,
): Promise<IssuedLines[]> {
  const tenants = issued.filter(([, parts]) => parts.length > 0);
  const accounts = await accountsOf(
    core,
    tenants.map(([tenantId]) => ({ tenantId, position })),
  );
  const wanted = tenants.flatMap(([tenantId, parts]) =>
    accounts({ tenantId, position }).currencies.map((currency) => ({
      account: accounts({ tenantId, position, currency }),
      lineIds: [...new Set(parts.map(({ lineId }) => lineId))],
    })),
  );
  const billings = await billingsOf(
    core,
    position,
    wanted.map(({ account, lineIds }) => ({
      ...{ invoiceId: 'preview', account, until: at, selection: null },
      // At the earliest instant nothing is due: what is marked remains, and is compared with its bookings.
      select: (facts) =>
        billingAsOf(
          { ...facts, marks: new Map([...facts.marks, ...lineIds.map((id) => [id, ''] as const)]) },
          FROM_EVER,
        ),
    })),
  );
  return wanted.flatMap(({ account: { tenantId }, lineIds }, index) => {
    const billing = billings[index];
    return billing === undefined ? [] : [{ tenantId, lineIds, billing }];
  });
}

function owedIn(
  tenantId: string,
  lineIds: readonly string[],
  { facts, invoice }: { readonly facts: BillingFacts; readonly invoice: RatedInvoice },
): [string, OwedPart][] {
  const { currency } = facts;
  const couponIds = new Set(couponsOf(facts.grants).map(({ creditId }) => creditId));
  const corrections = Map.groupBy(invoice.rows, ({ lineId }) => lineId);
  const quarantined = new Map(invoice.quarantined.map(({ lineId, code }) => [lineId, code]));
  const lineOf = new Map(facts.lines.map((line) => [line.lineId, line]));
  return lineIds.flatMap((lineId) => {
    const [line, recorded] = [lineOf.get(lineId), facts.recorded.get(lineId) ?? []];
    const periods = new Map(
      line === undefined ? [] : tiles(line, recorded).map(({ partId, period }) => [partId, period] as const),
    );
    const claims = new Map(recorded.map(({ partId, invoiceId }) => [partId, invoiceId]));
    const rows = [...(facts.booked.get(lineId) ?? []), ...(corrections.get(lineId) ?? [])];
    return [...Map.groupBy(rows, ({ partId }) => partId)].flatMap(([partId, of]): [string, OwedPart][] => {
      const [row] = of;
      if (row === undefined) return [];
      const charges = of.map((each) => ({ amount: chargeOf([each], couponIds), over: each.chargePeriod }));
      return [
        [
          JSON.stringify([partId, currency]),
          {
            ...{ tenantId, currency, row },
            months: summedByMonth(charges, currency),
            invoiceId: claims.get(partId) ?? null,
            period: periods.get(partId) ?? null,
            net: chargeOf(of, couponIds),
            tax: sum(of.map(({ tax }) => decimal(tax))),
            quarantined: quarantined.get(lineId) ?? null,
          },
        ],
      ];
    });
  });
}
