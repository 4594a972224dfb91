import { randomUUID } from 'node:crypto';
import { compareText } from '#domain/compare-text';
import type { LineDefinition } from '#domain/lines/line';
import { tiles } from '#domain/lines/parts';
import { summedByMonth } from '#domain/margin/months';
import { type Decimal, decimal, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { netOf } from '#domain/rating/row';
import { compareInstants, FROM_EVER, type Instant, later } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { accountsOf, billedCurrency } from '../invoices/accounts.js';
import { couponsOfLines } from '../invoices/billing-facts.js';
import { allLines } from '../invoices/contracts.js';
import { recordedPartsOf } from '../invoices/parts.js';
import type { LedgerCore } from '#ledger/ledger-core';
import { readDeploymentsEver } from '#projections/deployments/deployments.read';
import { readPooledDeployments } from '#projections/deployments/pooled-deployments.read';
import { readInvoiceNumbers } from '#projections/invoices/invoices.read';
import type { RevenueRow } from '#projections/margins/margins.table';
import { addRevenue } from '#projections/margins/margins.trial';
import { readChangedDays } from '#projections/metering/metering.read';
import { type RateKeySince, readDeploymentsUsing } from '#projections/rate-key-usage/rate-key-usage.read';
import { loadUsageAt } from '../invoices/line-usage.js';
import { type LineToRate, type RatedLine, rateOne, usageToRate } from '../invoices/rated-lines.js';
import { owedParts } from './owed.js';
import { both, type Pair } from './pair.js';
import type { Trial } from './trial.js';

/**
 * A part whose amount changes. `before` is its amount as known now, `after` its amount with the commands carried out.
 */
export interface PreviewedLine {
  readonly tenantId: string;
  /** The invoice that issued the part, which the difference would correct. null: the part is open. */
  readonly invoiceId: string | null;
  /** The number of this invoice. */
  readonly number: string | null;
  readonly lineId: string;
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly period: Period;
  readonly currency: string;
  readonly before: string;
  readonly after: string;
  readonly difference: string;
  /** The tax, which is not in the amounts. */
  readonly tax: { readonly before: string; readonly after: string; readonly difference: string };
  /** Why it can't be rated before, or after. Its amount is then 0. */
  readonly quarantine?: { readonly before: string | null; readonly after: string | null };
}

export interface Effect {
  readonly lines: readonly PreviewedLine[];
  readonly byTenant: readonly {
    readonly tenantId: string;
    readonly currency: string;
    readonly difference: string;
    readonly taxDifference: string;
  }[];
  /** By UTC month of the charge period. */
  readonly byMonth: readonly { readonly month: string; readonly currency: string; readonly difference: string }[];
  /** The total of all lines. null: they have several currencies, see `totals`. */
  readonly total: string | null;
  readonly totals: readonly { readonly currency: string; readonly total: string }[];
}

/** The effect of a trial, and what the corrections of issued parts would book as revenue. */
export interface Effected {
  readonly effect: Effect;
  readonly revenue: readonly Revenue[];
}
type Revenue = Pick<RevenueRow, 'tenant_id' | 'deployment_id' | 'billing_kind' | 'currency' | 'month' | 'amount'>;

/**
 * What the events of a trial change, up to an instant, without them and with them: issued parts by the corrections that
 * an invoice would book, and open parts by their rating.
 */
export async function effectOf(trial: Trial, at: Instant): Promise<Effected> {
  const deployments = [...(await reachedDeployments(trial))].sort();
  const lines = await issuedDifferences(trial, deployments, at);
  for (let from = 0; from < deployments.length; from += DEPLOYMENTS_AT_ONCE)
    lines.push(...(await openDifferences(trial, deployments.slice(from, from + DEPLOYMENTS_AT_ONCE), at)));
  return { effect: summed(await numbered(trial, lines)), revenue: revenueOf(lines) };
}

/** A line before the number of its invoice is known, and its difference by UTC month. */
interface Difference {
  readonly line: Omit<PreviewedLine, 'number'>;
  readonly months: readonly { readonly month: string; readonly amount: Decimal }[];
}

async function numbered({ core, from }: Trial, differences: readonly Difference[]): Promise<Numbered[]> {
  const ids = [...new Set(differences.flatMap(({ line }) => line.invoiceId ?? []))];
  const numbers = await readInvoiceNumbers(core.db, from, ids);
  return differences.map(({ line: { tenantId, invoiceId, ...line }, months }) => ({
    line: { tenantId, invoiceId, number: numbers.get(invoiceId ?? '') ?? null, ...line },
    months,
  }));
}
interface Numbered extends Difference {
  readonly line: PreviewedLine;
}

/** Rates sets of deployments, so that memory stays bounded however many a correction reaches. */
const DEPLOYMENTS_AT_ONCE = 500;

/** Deployments whose lines may change. A deployment too many costs one comparison. */
async function reachedDeployments(trial: Trial): Promise<ReadonlySet<string>> {
  const keys: RateKeySince[] = [];
  const [planIds, tenantIds, reached] = [new Set<string>(), new Set<string>(), new Set<string>()];
  /** Tenants whose payer changes: with that, who shares included units. */
  const payingFor = new Set<string>();
  for (const { type, data } of trial.events()) {
    if (type === 'RateSet' || type === 'RateCorrected') keys.push({ ...data, from: data.effectiveFrom });
    else if (type === 'RateWithdrawn') keys.push(data);
    else if (type === 'RateKeyCorrected') keys.push({ ...data, from: data.changedFrom ?? FROM_EVER });
    else if (type === 'PlanPublished' || type === 'PlanPriceCorrected' || type === 'PlanCorrected')
      planIds.add(data.planId);
    else if (TENANTS_OWN.has(type) && 'tenantId' in data && data.tenantId !== null) tenantIds.add(data.tenantId);
    else if (type === 'PayerSet' || type === 'PayerCorrected') payingFor.add(data.tenantId);
    else if ('deploymentId' in data) reached.add(data.deploymentId);
  }
  const { db } = trial.core;
  const ever = await readDeploymentsEver(db, { planIds: [...planIds], tenantIds: [...tenantIds] });
  const pooled = await readPooledDeployments(db, {
    deploymentIds: [...reached, ...ever],
    tenantIds: [...payingFor],
  });
  return new Set([...reached, ...ever, ...pooled, ...(await readDeploymentsUsing(db, keys))]);
}

/** Events that may change what any deployment of their tenant owes. */
const TENANTS_OWN: ReadonlySet<string> = new Set([
  'CouponGranted',
  'CreditRevoked',
  'GrantWithdrawn',
  'RevocationWithdrawn',
  'TenantTaxSet',
  'TenantCorrected',
]);

interface Figures {
  readonly net: Decimal;
  readonly tax: Decimal;
  readonly months: ReadonlyMap<string, Decimal>;
  readonly quarantined: string | null;
}

/** What differs between two figures of a part; []: nothing. */
function differenceOf(
  old: Figures | undefined,
  now: Figures | undefined,
  part: Omit<PreviewedLine, 'number' | 'before' | 'after' | 'difference' | 'tax' | 'quarantine'>,
): Difference[] {
  const [from, to] = [old?.net ?? ZERO, now?.net ?? ZERO];
  const [taxFrom, taxTo] = [old?.tax ?? ZERO, now?.tax ?? ZERO];
  const quarantine = { before: old?.quarantined ?? null, after: now?.quarantined ?? null };
  const months = [...new Set([...(old?.months.keys() ?? []), ...(now?.months.keys() ?? [])])]
    .map((month) => ({ month, amount: (now?.months.get(month) ?? ZERO).minus(old?.months.get(month) ?? ZERO) }))
    .filter(({ amount }) => !amount.eq(ZERO));
  const isSame = from.eq(to) && taxFrom.eq(taxTo) && months.length === 0;
  if (isSame && quarantine.before === quarantine.after) return [];
  const money = (amount: Decimal): string => moneyText(amount, part.currency);
  const line = {
    ...part,
    before: money(from),
    after: money(to),
    difference: money(to.minus(from)),
    tax: { before: money(taxFrom), after: money(taxTo), difference: money(taxTo.minus(taxFrom)) },
    ...(quarantine.before === null && quarantine.after === null ? {} : { quarantine }),
  };
  return [{ line, months }];
}

/** By key, what was there before and what is there after. */
function paired<Of>(
  before: ReadonlyMap<string, Of>,
  after: ReadonlyMap<string, Of>,
): (readonly [Of | undefined, Of | undefined, Of])[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [old, now] = [before.get(key), after.get(key)];
    const shown = now ?? old;
    return shown === undefined ? [] : [[old, now, shown] as const];
  });
}

/** Before the events of a trial, and after them. */
const positionsOf = async ({ core, from }: Trial): Promise<Pair<number>> => [from, await core.projector.position()];

async function issuedDifferences(trial: Trial, deploymentIds: readonly string[], at: Instant): Promise<Difference[]> {
  const [before, after] = await owedParts(trial.core, await positionsOf(trial), deploymentIds, at);
  return paired(before, after).flatMap(([old, now, { tenantId, currency, invoiceId, row }]) =>
    differenceOf(old, now, {
      ...{ tenantId, invoiceId, currency },
      lineId: row.partId,
      subscriptionId: row.subscriptionId,
      deploymentId: row.deploymentId,
      billingKind: row.billingKind,
      period: now?.period ?? old?.period ?? row.chargePeriod,
    }),
  );
}

async function openDifferences(trial: Trial, deploymentIds: readonly string[], at: Instant): Promise<Difference[]> {
  const rated = await ratedAt(trial.core, await positionsOf(trial), deploymentIds, at, { isOpen: true });
  const [before, after] = await both(rated, async (of) => new Map([...of].filter(([, { part }]) => !part.issued)));
  return paired(before, after).flatMap(([old, now, { line, part }]) =>
    differenceOf(old && figuresOf(old), now && figuresOf(now), {
      tenantId: line.tenantId,
      invoiceId: null,
      lineId: part.partId,
      subscriptionId: line.subscriptionId,
      deploymentId: line.deploymentId,
      billingKind: line.billingKind,
      period: part.period,
      currency: line.currency,
    }),
  );
}

function figuresOf({ line, part, net, quarantined }: RatedAt): Figures {
  const charges = part.charges.map((charge) => ({ amount: charge.net, over: charge.period }));
  return { net, tax: part.tax, months: summedByMonth(charges, line.currency), quarantined };
}

export interface RatedAt {
  readonly line: LineDefinition;
  readonly part: RatedLine['parts'][number];
  readonly net: Decimal;
  readonly quarantined: string | null;
}

interface Which {
  readonly isOpen?: boolean;
  readonly isWanted?: (line: LineDefinition) => boolean;
}

/**
 * The amount of each part of the lines of these deployments, as known at two positions, by part and currency: amounts
 * of two currencies have no difference, and a line whose plan is corrected may change its currency. Usage is read once
 * for both positions. `isOpen`: only the lines that have an open part.
 */
export async function ratedAt(
  core: LedgerCore,
  positions: Pair<number>,
  deploymentIds: readonly string[],
  at: Instant,
  which: Which = {},
): Promise<Pair<ReadonlyMap<string, RatedAt>>> {
  const known = await both(positions, async (position) => ({
    position,
    lines: await linesToRate(core, position, deploymentIds, at, which),
  }));
  const usage = await loadUsageAt(
    core,
    known.flatMap(({ position, lines }) => lines.flatMap((each) => usageToRate(each, position))),
  );
  return both(known, async ({ position, lines }) => {
    const rated = lines.map((each) => rateOne(each, usage(each.line, position)));
    return new Map(
      rated.flatMap(({ line, parts: of, quarantined }) =>
        of.map((part): [string, RatedAt] => [
          JSON.stringify([part.partId, line.currency]),
          { line, part, net: netOf(part.rows), quarantined: quarantined?.code ?? null },
        ]),
      ),
    );
  });
}

async function linesToRate(
  core: LedgerCore,
  position: number,
  deploymentIds: readonly string[],
  at: Instant,
  { isOpen = false, isWanted = () => true }: Which,
): Promise<LineToRate[]> {
  const parts = await recordedPartsOf(core, position, { deploymentIds });
  // An issued fee in advance of a later period counts too.
  const issued = new Map<string, Instant>();
  for (const part of parts)
    if (part.issued) issued.set(part.deploymentId, later(issued.get(part.deploymentId) ?? at, part.start));
  const untilOf = (deploymentId: string): Instant => issued.get(deploymentId) ?? at;
  const recorded = Map.groupBy(parts, ({ lineId }) => lineId);
  const tilesOf = (line: LineDefinition) => tiles(line, recorded.get(line.lineId) ?? []);
  // What is issued is rated to its end, also where that lies after the instant.
  const ratedUntil = (line: LineDefinition): Instant =>
    tilesOf(line).reduce((until, part) => (part.issued ? later(until, part.period.end) : until), at);
  const lines = (await allLines(core, position, untilOf, { deploymentIds })).filter(
    (line) => isWanted(line) && (!isOpen || tilesOf(line).some((part) => !part.issued)),
  );
  const tenantIds = [...new Set(lines.map(({ tenantId }) => tenantId))];
  const accounts = await accountsOf(
    core,
    tenantIds.map((tenantId) => ({ tenantId, position })),
  );
  const couponsOf = await couponsOfLines(core, position, tenantIds);
  return lines.map((line) => ({
    line,
    recorded: recorded.get(line.lineId) ?? [],
    at: ratedUntil(line),
    currency: billedCurrency(accounts({ tenantId: line.tenantId, position }), line),
    coupons: couponsOf(line),
    taxes: accounts({ tenantId: line.tenantId, position }).taxes,
  }));
}

function summed(all: readonly Numbered[]): Effect {
  const lines = all
    .map(({ line }) => line)
    .sort(
      (a, b) =>
        compareText(a.tenantId, b.tenantId) ||
        compareInstants(a.period.start, b.period.start) ||
        compareText(a.lineId, b.lineId) ||
        compareText(a.currency, b.currency),
    );
  const total = (group: readonly { readonly difference: string }[], currency: string): string =>
    moneyText(sum(group.map(({ difference }) => decimal(difference))), currency);
  const groups = <Of extends { readonly currency: string; readonly difference: string }>(
    of: readonly Of[],
    key: (each: Of) => string,
  ) =>
    [...Map.groupBy(of, (each) => JSON.stringify([key(each), each.currency]))]
      .map(([name, group]) => {
        const [of_, currency] = JSON.parse(name) as [string, string];
        return { of: of_, currency, difference: total(group, currency) };
      })
      .sort((a, b) => compareText(a.of, b.of) || compareText(a.currency, b.currency));
  const months = all.flatMap(({ line: { currency }, months: of }) =>
    of.map(({ month, amount }) => ({ month, currency, difference: text(amount) })),
  );
  const totals = groups(lines, () => '').map(({ currency, difference }) => ({ currency, total: difference }));
  return {
    lines,
    byTenant: groups(lines, ({ tenantId }) => tenantId).map(({ of, currency, difference }) => ({
      ...{ tenantId: of, currency, difference },
      taxDifference: taxDifference(
        lines.filter((line) => line.tenantId === of && line.currency === currency),
        currency,
      ),
    })),
    byMonth: groups(months, ({ month }) => month).map(({ of, currency, difference }) => ({
      month: of,
      currency,
      difference,
    })),
    total: totals.length > 1 ? null : (totals[0]?.total ?? '0.00'),
    totals,
  };
}

const taxDifference = (lines: readonly PreviewedLine[], currency: string): string =>
  moneyText(sum(lines.map(({ tax }) => decimal(tax.difference))), currency);

const revenueOf = (differences: readonly Difference[]): Revenue[] =>
  differences.flatMap(({ line, months }) =>
    (line.invoiceId === null ? [] : months).map(({ month, amount }) => ({
      ...{ tenant_id: line.tenantId, deployment_id: line.deploymentId, billing_kind: line.billingKind },
      ...{ currency: line.currency, month, amount: text(amount) },
    })),
  );

/** Books the corrections of issued parts as revenue of the trial, so that its margin includes them. */
export async function bookDifferences({ core }: Trial, revenue: readonly Revenue[]): Promise<void> {
  const rows = revenue.map((row): RevenueRow => ({ invoice_id: randomUUID(), cause: 'issued', ...row }));
  await addRevenue(core.db, await core.projector.position(), rows);
}

/** Metered days that the events of a trial change. Metered again, they have other quantities. */
export async function daysToMeterAgain({ core, from }: Trial): Promise<string[]> {
  const days = await readChangedDays(core.db, await core.projector.position(), { dates: null, since: from });
  return days.map(({ date }) => date);
}
