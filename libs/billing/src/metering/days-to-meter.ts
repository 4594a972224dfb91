import {
  isMeteredKind,
  METERED_BILLING_KINDS,
  METERED_KINDS,
  type MeteredReading,
  type MeteredResource,
} from '#domain/metering/metering';
import { type Decimal, decimal, ZERO } from '#domain/money/decimal';
import { type Instant, isBefore } from '#domain/time/instant';
import { contains, dayOf, type Period } from '#domain/time/period';
import type { Observation } from '#domain/usage/usage';
import type { LedgerCore } from '#ledger/ledger-core';
import { readFirstSighting, readResourcesHeld } from '#projections/inventory/inventory.read';
import { readChangedDays, readUnmeteredDates } from '#projections/metering/metering.read';
import { looseKey, looseKeyOfRow } from '#projections/usage-records/usage-records.lookups';
import {
  readMeteredRecords,
  readVersionsWithin,
  type RecordVersion,
} from '#projections/usage-records/usage-records.read';
import { timelinesOf } from '../inventory/timelines.js';
import { compareMetered } from '../usage/compared-usage.js';
import { withPruned } from '../usage/pruned-usage.js';
import { type MeterDay, meteringOf, staleness } from './metered-day.js';

/** `not_metered`: the day was never metered · `changed_since`: its inventory changed after it was metered. */
export const DUE_REASONS = ['not_metered', 'changed_since'] as const;

/** A UTC day to be metered. */
export interface DueDay {
  readonly date: string;
  readonly reason: (typeof DUE_REASONS)[number];
  /** What changed it. */
  readonly causes: readonly string[];
}

/** What metering a day would change: a record of a resource. */
export interface PendingReading {
  readonly deploymentId: string;
  readonly provider: string;
  readonly resourceId: string;
  readonly billingKind: string;
  readonly period: Period;
  /** What the quantity would grow by. */
  readonly difference: Decimal;
}

export interface PendingDay extends DueDay {
  readonly readings: readonly PendingReading[];
}

const dateOf = (at: Instant): string => at.slice(0, 10);
export const dayNamed = (date: string): Period => dayOf(`${date}T00:00:00Z` as Instant);

/**
 * The days of a span that were never metered, or changed after they were metered, in order. Whether metering them would
 * record anything is another question: `pendingDays`.
 */
export async function dueDays(core: LedgerCore, position: number, { start, end }: Period): Promise<DueDay[]> {
  const span = { first: dateOf(start), last: dateOf(dayBefore(end)) };
  const unmetered = await readUnmeteredDates(core.db, position, span);
  const changed = await readChangedDays(core.db, position, { dates: null });
  return [
    ...unmetered.map((date): DueDay => ({ date, reason: 'not_metered', causes: [] })),
    ...changed
      .filter(({ date }) => date >= span.first && date <= span.last)
      .map(({ date, causes }): DueDay => ({ date, reason: 'changed_since', causes })),
  ].sort((a, b) => (a.date < b.date ? -1 : 1));
}

/** The start of the last day that ends at or before an instant. */
const dayBefore = (end: Instant): Instant =>
  dayOf(new Date(Date.parse(dayOf(end).start) - 1).toISOString() as Instant).start;

/** The days from the first sighting of a resource until an instant. null: nothing was seen before it. */
async function sightedUntil(core: LedgerCore, position: number, until: Instant): Promise<Period | null> {
  const first = await readFirstSighting(core.db, position);
  return first === null || !isBefore(first, until) ? null : { start: dayOf(first).start, end: until };
}

/**
 * The due days until an instant on which metering would change a record, and all changed days. A resource that is
 * metered by others, so that its usage is recorded already, makes no day due.
 */
export async function pendingDays(core: LedgerCore, position: number, until: Instant): Promise<PendingDay[]> {
  const span = await sightedUntil(core, position, until);
  if (span === null) return [];
  const days = await pendingOf(core, position, await dueDays(core, position, span), null);
  return days.filter(({ reason, readings }) => reason === 'changed_since' || readings.length > 0);
}

/** What metering these days would change, of some deployments or of all (null). */
export async function pendingOf(
  core: LedgerCore,
  position: number,
  days: readonly DueDay[],
  deploymentIds: readonly string[] | null,
): Promise<PendingDay[]> {
  const last = days.at(-1);
  if (last === undefined) return [];
  const resources = (await resourcesOf(core, position, deploymentIds, dayNamed(last.date).end)).filter(({ timeline }) =>
    timeline.sightings.some(({ state }) => state !== null && isMeteredKind(state.kind)),
  );
  if (resources.length === 0) return days.map((day) => ({ ...day, readings: [] }));
  const meter = await meteringOf(core, position, resources);
  const asked = deploymentIds === null ? null : new Set(deploymentIds);
  const pending: PendingDay[] = [];
  for (const day of days)
    pending.push({ ...day, readings: await pendingReadings(core, position, { day, meter, deploymentIds: asked }) });
  return pending;
}

async function resourcesOf(
  core: LedgerCore,
  position: number,
  deploymentIds: readonly string[] | null,
  before: Instant,
): Promise<MeteredResource[]> {
  if (deploymentIds === null) return timelinesOf(core, position, { before, kinds: METERED_KINDS });
  const held = Map.groupBy(await readResourcesHeld(core.db, position, deploymentIds), ({ provider }) => provider);
  const found: MeteredResource[] = [];
  for (const [provider, of] of held) {
    const providerIds = of.map(({ provider_id }) => provider_id);
    found.push(...(await timelinesOf(core, position, { provider, providerIds, before })));
  }
  return found;
}

interface Asked {
  readonly day: DueDay;
  readonly meter: MeterDay;
  /** null: of all. */
  readonly deploymentIds: ReadonlySet<string> | null;
}

async function pendingReadings(
  core: LedgerCore,
  position: number,
  { day: { date, reason }, meter, deploymentIds }: Asked,
): Promise<PendingReading[]> {
  const day = dayNamed(date);
  const metered = meter(day).readings;
  const readings = metered.filter((each) => deploymentIds?.has(each.deploymentId) !== false);
  const stale = reason === 'not_metered' ? [] : await staleRecords(core, position, day, metered);
  const withdrawn = stale
    .filter((row) => deploymentIds?.has(row.deployment_id) !== false)
    .map((row): PendingReading => ({
      deploymentId: row.deployment_id,
      provider: row.provider,
      resourceId: row.resource_id,
      billingKind: row.billing_kind,
      period: { start: row.period_start, end: row.period_end },
      difference: ZERO.minus(decimal(row.quantity)),
    }));
  const ids = [...new Set(readings.map(({ deploymentId }) => deploymentId))];
  const versions = await versionsWithin(core, position, ids, day);
  const byKey = Map.groupBy(versions, (row) => JSON.stringify([row.deployment_id, looseKeyOfRow(row)]));
  const others = Map.groupBy(versions.filter(isInForceAt(position)), (row) =>
    JSON.stringify([row.deployment_id, row.billing_kind, row.resource_id]),
  );
  const isOf =
    ({ provider }: Observation) =>
    (row: RecordVersion): boolean =>
      row.provider === '' || row.provider === provider;
  const pending = readings.flatMap(({ deploymentId, observation }): PendingReading[] => {
    const { provider = '', resourceId, billingKind, period } = observation;
    const last = (byKey.get(JSON.stringify([deploymentId, looseKey(observation)])) ?? []).findLast(isOf(observation));
    const comparison =
      last === undefined ? 'fresh' : compareMetered({ last, isWithdrawn: !isInForceAt(position)(last) }, observation);
    const observed = (others.get(JSON.stringify([deploymentId, billingKind, resourceId])) ?? []).filter(
      isOf(observation),
    );
    // A resource whose usage others observe, by the hour or the day, is not metered too.
    const isObserved = observed.some(({ origin }) => reason === 'not_metered' || origin !== 'metering');
    if (comparison === 'same' || (comparison === 'fresh' && isObserved)) return [];
    const recorded = comparison === 'different' && last !== undefined ? decimal(last.quantity) : ZERO;
    const difference = decimal(observation.quantity).minus(recorded);
    return [{ deploymentId, provider, resourceId, billingKind, period, difference }];
  });
  return [...pending, ...withdrawn];
}

const isInForceAt =
  (position: number) =>
  ({ position_to: to }: RecordVersion): boolean =>
    to === null || to > position;

/** Versions of the records of a day, also of a pruned month. */
const versionsWithin = async (
  core: LedgerCore,
  position: number,
  deploymentIds: readonly string[],
  day: Period,
): Promise<RecordVersion[]> =>
  withPruned(
    core,
    deploymentIds.map((deploymentId) => ({ deploymentId, billingKind: null, ...day })),
    async ({ versions }) => [
      ...(await readVersionsWithin(core.db, position, {
        deploymentIds,
        billingKinds: METERED_BILLING_KINDS,
        period: day,
      })),
      ...versions.filter((row) => row.position_from <= position && contains(day, row.period_start)),
    ],
  );

/** Metered records that the day no longer has: the resource was moved or is gone, or the granularity is another. */
async function staleRecords(
  core: LedgerCore,
  position: number,
  day: Period,
  metered: readonly MeteredReading[],
): Promise<RecordVersion[]> {
  const isStale = staleness(metered);
  return (await readMeteredRecords(core.db, position, day)).filter(isStale);
}
