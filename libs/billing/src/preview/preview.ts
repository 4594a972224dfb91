import { randomUUID } from 'node:crypto';
import type { RecordedEvent } from '#domain/events';
import type { LineDefinition } from '#domain/lines/line';
import { byMonth } from '#domain/margin/months';
import { type Decimal, decimal, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { netOf } from '#domain/rating/row';
import { compareInstants, type Instant, later } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { allLines, couponsOfLines, recordedPartsOf } from '../invoices/billing.js';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import { type RatedLine, rateLines } from '../invoices/rated-lines.js';
import type { Trial } from './trial.js';

/** A part that comes to something else. Before and after are what it comes to as known now, and as it would be known. */
export interface PreviewedLine {
  readonly tenantId: string;
  /** The invoice that the part is issued on, which the difference would correct; null: it is open. */
  readonly invoiceId: string | null;
  readonly lineId: string;
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly period: Period;
  readonly currency: string;
  readonly before: string;
  readonly after: string;
  readonly difference: string;
  /** Why it can't be rated then, or now: it comes to nothing there. */
  readonly quarantine?: { readonly before: string | null; readonly after: string | null };
}

export interface Effect {
  readonly lines: readonly PreviewedLine[];
  readonly byTenant: readonly { readonly tenantId: string; readonly currency: string; readonly difference: string }[];
  /** By UTC month of the charge period. */
  readonly byMonth: readonly { readonly month: string; readonly currency: string; readonly difference: string }[];
  /** Of all lines; null where they are in several currencies, which `totals` has apart. */
  readonly total: string | null;
  readonly totals: readonly { readonly currency: string; readonly total: string }[];
}

/** What a trial's events make of every line that they reach, up to an instant: each is rated without them and with them. */
export async function effectOf(trial: Trial, at: Instant): Promise<Effect> {
  const deployments = [...(await reachedDeployments(trial))].sort();
  const lines: PreviewedLine[] = [];
  for (let from = 0; from < deployments.length; from += DEPLOYMENTS_AT_ONCE)
    lines.push(...(await differencesOf(trial, deployments.slice(from, from + DEPLOYMENTS_AT_ONCE), at)));
  return summed(lines);
}

/** Set-wise, and in bounded memory however many a correction reaches. */
const DEPLOYMENTS_AT_ONCE = 500;

/** Deployments whose lines may come to something else. One too many costs a comparison. */
async function reachedDeployments(trial: Trial): Promise<ReadonlySet<string>> {
  const reached = new Set<string>();
  for (const event of trial.events()) for (const id of await reachedBy(trial.core, event)) reached.add(id);
  return reached;
}

async function reachedBy(core: LedgerCore, event: RecordedEvent): Promise<string[]> {
  const found = async (query: string, values: unknown[]): Promise<string[]> =>
    (await core.pool.query<{ deployment_id: string }>(query, values)).rows.map(({ deployment_id }) => deployment_id);
  if (event.type === 'RateSet' || event.type === 'RateCorrected' || event.type === 'RateWithdrawn') {
    const { resourceType, resourceFamily, location } = event.data;
    const from = event.type === 'RateWithdrawn' ? event.data.from : event.data.effectiveFrom;
    const used =
      'SELECT DISTINCT deployment_id FROM rate_key_usage WHERE resource_type = $1 AND resource_family = $2 AND location = $3' +
      " AND last_month + interval '1 month' > $4::timestamptz";
    return found(used, [resourceType, resourceFamily, location, from]);
  }
  if (event.type === 'PlanPublished' || event.type === 'PlanPriceCorrected') {
    const subscribed =
      'SELECT DISTINCT s.deployment_id FROM subscriptions s JOIN subscription_plans p ON p.subscription_id = s.subscription_id WHERE p.plan_id = $1';
    return found(subscribed, [event.data.planId]);
  }
  if (event.type === 'CouponGranted' || event.type === 'CreditRevoked')
    return found('SELECT DISTINCT deployment_id FROM deployment_assignments WHERE tenant_id = $1', [
      event.data.tenantId,
    ]);
  return 'deploymentId' in event.data ? [event.data.deploymentId] : [];
}

async function differencesOf(trial: Trial, deploymentIds: readonly string[], at: Instant): Promise<PreviewedLine[]> {
  const head = await trial.core.projector.position();
  const [before, after] = [
    await ratedAt(trial.core, trial.from, deploymentIds, at),
    await ratedAt(trial.core, head, deploymentIds, at),
  ];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((partId): PreviewedLine[] => {
    const [old, now] = [before.get(partId), after.get(partId)];
    const shown = now ?? old;
    if (shown === undefined) return [];
    const { line, part } = shown;
    const [from, to] = [old?.net ?? ZERO, now?.net ?? ZERO];
    const quarantine = { before: old?.quarantined ?? null, after: now?.quarantined ?? null };
    if (from.eq(to) && quarantine.before === quarantine.after) return [];
    const money = (amount: Decimal): string => moneyText(amount, line.currency);
    return [
      {
        tenantId: line.tenantId,
        invoiceId: part.issued ? part.invoiceId : null,
        lineId: partId,
        subscriptionId: line.subscriptionId,
        deploymentId: line.deploymentId,
        billingKind: line.billingKind,
        period: part.period,
        currency: line.currency,
        before: money(from),
        after: money(to),
        difference: money(to.minus(from)),
        ...(quarantine.before === null && quarantine.after === null ? {} : { quarantine }),
      },
    ];
  });
}

export interface RatedAt {
  readonly line: LineDefinition;
  readonly part: RatedLine['parts'][number];
  readonly net: Decimal;
  readonly quarantined: string | null;
}

/** What each part of the lines of these deployments comes to, as known at a position. */
export async function ratedAt(
  core: LedgerCore,
  position: number,
  deploymentIds: readonly string[],
  at: Instant,
): Promise<Map<string, RatedAt>> {
  const parts = await recordedPartsOf(core, position, { deploymentIds });
  // What is issued of later periods, a fee in advance, counts too.
  const issued = new Map<string, Instant>();
  for (const part of parts)
    if (part.issued) issued.set(part.deploymentId, later(issued.get(part.deploymentId) ?? at, part.start));
  const untilOf = (deploymentId: string): Instant => issued.get(deploymentId) ?? at;
  const tenants = await core.db
    .selectFrom('tenants')
    .select(['tenant_id', 'currency'])
    .where(inForceAt(position))
    .execute();
  const currencies = new Map(tenants.map((row) => [row.tenant_id, row.currency]));
  const recorded = Map.groupBy(parts, ({ lineId }) => lineId);
  const lines = await allLines(core, position, untilOf, { deploymentIds });
  const coupons = await couponsOfLines(core, position, [...new Set(lines.map(({ tenantId }) => tenantId))]);
  const currencyOf = ({ tenantId, currency }: LineDefinition): string => currencies.get(tenantId) ?? currency;
  const rated = await rateLines(
    core,
    position,
    lines,
    recorded,
    ({ deploymentId }) => untilOf(deploymentId),
    currencyOf,
    coupons,
  );
  return new Map(
    rated.flatMap(({ line, parts: of, quarantined }) =>
      of.map((part): [string, RatedAt] => [
        part.partId,
        { line, part, net: netOf(part.rows), quarantined: quarantined?.code ?? null },
      ]),
    ),
  );
}

function summed(all: readonly PreviewedLine[]): Effect {
  const lines = [...all].sort(
    (a, b) =>
      compareText(a.tenantId, b.tenantId) ||
      compareInstants(a.period.start, b.period.start) ||
      compareText(a.lineId, b.lineId),
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
  const months = lines.flatMap(({ difference, period, currency }) =>
    byMonth(decimal(difference), period, currency).map(({ month, amount }) => ({
      month,
      currency,
      difference: text(amount),
    })),
  );
  const totals = groups(lines, () => '').map(({ currency, difference }) => ({ currency, total: difference }));
  return {
    lines,
    byTenant: groups(lines, ({ tenantId }) => tenantId).map(({ of, currency, difference }) => ({
      tenantId: of,
      currency,
      difference,
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

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Books what issued parts would be corrected by, as revenue of the trial: its margin is then the one that there would be. */
export async function bookDifferences({ core }: Trial, lines: readonly PreviewedLine[]): Promise<void> {
  const position = await core.projector.position();
  for (const { invoiceId, tenantId, deploymentId, billingKind, currency, period, difference } of lines) {
    if (invoiceId === null) continue;
    for (const { month, amount } of byMonth(decimal(difference), period, currency)) {
      await core.pool.query(
        'INSERT INTO revenue (invoice_id, cause, deployment_id, billing_kind, month, tenant_id, currency, amount, position_from)' +
          " VALUES ($1, 'issued', $2, $3, $4, $5, $6, $7, $8)",
        [randomUUID(), deploymentId, billingKind, month, tenantId, currency, text(amount), position],
      );
    }
  }
}

/** The days that were metered already and that corrections of resources reach: metered again they come out otherwise. */
export async function daysToMeterAgain(trial: Trial): Promise<string[]> {
  const days = new Set<string>();
  for (const event of trial.events()) {
    if (event.type !== 'ResourceCorrected' && event.type !== 'ResourcesObserved' && event.type !== 'ResourceRemoved')
      continue;
    const [from, until] = stretchOf(event);
    const { rows } = await trial.core.pool.query<{ date: string }>(
      "SELECT DISTINCT date FROM metered_days WHERE date >= $1 AND ($2::timestamptz IS NULL OR (date || 'T00:00:00Z')::timestamptz < $2) ORDER BY date",
      [from.slice(0, 10), until],
    );
    for (const { date } of rows) days.add(date);
  }
  return [...days].sort();
}

function stretchOf(
  event: RecordedEvent<'ResourceCorrected' | 'ResourcesObserved' | 'ResourceRemoved'>,
): [Instant, Instant | null] {
  switch (event.type) {
    case 'ResourceCorrected':
      return [event.data.from, event.data.until];
    case 'ResourcesObserved':
      return [event.data.seenAt, null];
    case 'ResourceRemoved':
      return [event.data.at, null];
  }
}
