import { z } from 'zod';
import { stateAt, type ResourceState, type ResourceTimeline } from '../inventory/resource.js';
import type { Correction } from '../correction.js';
import { invalid, notFound } from '../errors.js';
import { type Decimal, decimal, decimals, divide, integer, text, ZERO } from '../money/decimal.js';
import { correctionFields, type EventOf, type IdSchema, zDate, zInstant, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { withoutValueFrom } from '../time/dated.js';
import { compareInstants, fromMicros, type Instant, isBefore, micros } from '../time/instant.js';
import { contains, dayOf, hourOf, lengthMicros, monthOf, type Period, piecesOf } from '../time/period.js';
import type { Observation } from '../usage/usage.js';

/** The stream of how a billing kind is metered. */
export const meteringStream = (billingKind: string): string => streamName('metering', [billingKind]);
/** The stream of the days that were metered. */
export const METERED_DAYS_STREAM = 'metered-days';

export const METERING_GRANULARITIES = ['day', 'hour'] as const;
export type MeteringGranularity = (typeof METERING_GRANULARITIES)[number];

// Stored permanently.
export const meteringEventsWith = (zId: IdSchema) => ({
  MeteringConfigured: z.object({
    billingKind: zId,
    granularity: z.enum(METERING_GRANULARITIES),
    retentionDays: z.number().int().positive().nullable(),
    from: zInstant,
  }),
  /** All configurations of the billing kind as they are true now. */
  MeteringCorrected: z.object({
    billingKind: zId,
    configurations: z.array(
      z.object({
        granularity: z.enum(METERING_GRANULARITIES),
        retentionDays: z.number().int().positive().nullable(),
        from: zInstant,
      }),
    ),
    ...correctionFields,
  }),
  DayMetered: z.object({
    date: zDate,
    recordCount: z.number().int().nonnegative(),
    /** The log position that the inventory was read at. What is recorded later is not in the records of the day. */
    inventoryAt: z.number().int().nonnegative().optional(),
    skipped: z.array(
      z.object({
        provider: zId,
        providerId: zId,
        kind: zId,
        /** The deployment that is not registered, if that is the reason. */
        deploymentId: zId.optional(),
        reason: zText,
      }),
    ),
  }),
});

export interface MeteringConfiguration {
  readonly billingKind: string;
  readonly granularity: MeteringGranularity;
  readonly retentionDays: number | null;
  readonly from: Instant;
}

export type ConfigurationEvent = Extract<
  EventOf<typeof meteringEventsWith>,
  { type: 'MeteringConfigured' | 'MeteringCorrected' }
>;

type Configuration = Omit<MeteringConfiguration, 'billingKind'>;

/** The configurations of a billing kind, in the order of recording. */
function foldConfigurations(events: Iterable<ConfigurationEvent>): Configuration[] {
  let configurations: Configuration[] = [];
  for (const { type, data } of events) {
    if (type === 'MeteringCorrected') configurations = [...data.configurations];
    else {
      const { granularity, retentionDays, from } = data;
      configurations = [...withoutValueFrom(configurations, from), { granularity, retentionDays, from }];
    }
  }
  return configurations;
}

/** A configuration from an instant on never was: the one before it holds on. Errors: `unknown_configuration`. */
export function withdrawConfiguration(
  events: Iterable<ConfigurationEvent>,
  { billingKind, from }: { readonly billingKind: string; readonly from: Instant },
  correction: Correction,
): ConfigurationEvent[] {
  const before = foldConfigurations(events);
  const configurations = withoutValueFrom(before, from);
  if (configurations.length === before.length)
    throw notFound('unknown_configuration', `the metering of ${billingKind} was not configured from ${from}`);
  return [{ type: 'MeteringCorrected', data: { billingKind, configurations, changedFrom: from, ...correction } }];
}

/** A granularity takes effect at the start of the first day at or after `from`, so that no day is counted twice. */
export function granularityOn(
  configurations: readonly MeteringConfiguration[],
  billingKind: string,
  day: Period,
): MeteringGranularity {
  let found: MeteringConfiguration | undefined;
  for (const each of configurations) {
    const inForce = each.billingKind === billingKind && compareInstants(each.from, day.start) <= 0;
    if (inForce && (found === undefined || compareInstants(found.from, each.from) <= 0)) found = each;
  }
  return found?.granularity ?? 'day';
}

interface KindMapping {
  readonly billingKind: string;
  /** The total of a whole month, which telescopes over its parts; null: counted by the hour while active. */
  readonly monthTotal: ((state: ResourceState) => Decimal | null) | null;
}

const bySize = (state: ResourceState): Decimal | null => (state.sizeGb === null ? null : decimal(state.sizeGb));

/** Inventory kind → billing kind. Any other kind is reported and skipped. */
const KINDS: ReadonlyMap<string, KindMapping> = new Map(
  Object.entries({
    droplet: { billingKind: 'droplet_hours', monthTotal: null },
    spaces_bucket: { billingKind: 'spaces_gb_month', monthTotal: bySize },
    snapshot: { billingKind: 'snapshot_gb_month', monthTotal: bySize },
    droplet_backup: { billingKind: 'droplet_backup_gb_month', monthTotal: bySize },
    dns_zone: { billingKind: 'dns_zones', monthTotal: () => integer(1) },
  }),
);

export const METERED_BILLING_KINDS: readonly string[] = [...KINDS.values()].map(({ billingKind }) => billingKind);

/** The billing kind of each inventory kind. */
export const BILLING_KINDS_BY_KIND: ReadonlyMap<string, string> = new Map(
  [...KINDS].map(([kind, { billingKind }]) => [kind, billingKind]),
);

/** The inventory kinds that are metered. */
export const METERED_KINDS: readonly string[] = [...KINDS.keys()];

/** Whether resources of this inventory kind are metered. */
export const isMeteredKind = (kind: string): boolean => KINDS.has(kind);

/**
 * Whether a resource in a state is off: not active, where it is counted by the hour. What is counted by the month (a
 * bucket, a zone) is never off. A resource that is not metered is off if its status is `off`.
 */
export function isOff({ kind, status }: ResourceState): boolean {
  const mapping = KINDS.get(kind);
  if (mapping === undefined) return status === 'off';
  return mapping.monthTotal === null && status !== 'active';
}

const FRACTION_SCALE = 12;
const HOUR = 3_600_000_000n;

/**
 * Part d of n of a month's total T: R(T·d/n) − R(T·(d−1)/n), to 12 decimals, or to T's own where it has more. The parts
 * of a month sum exactly to T: a zone's 31 days are 31 × about 0.032258064516 and together 1, which 1/31 at no fixed
 * scale is.
 */
export function telescopingPart(total: Decimal, d: bigint, n: bigint): Decimal {
  if (d < 1n || d > n) throw invalid('part_outside_whole', `there is no part ${d} of ${n} parts`);
  const scale = Math.max(FRACTION_SCALE, decimals(total));
  const upTo = (parts: bigint): Decimal => divide(total.times(integer(parts)), integer(n), scale);
  return upTo(d).minus(upTo(d - 1n));
}

/** The quantity of one day or hour of a resource in a state; null where its size is unknown. */
function quantityOf(mapping: KindMapping, state: ResourceState, piece: Period): Decimal | null {
  if (mapping.monthTotal === null) return state.status === 'active' ? integer(lengthMicros(piece) / HOUR) : ZERO;
  const total = mapping.monthTotal(state);
  if (total === null) return null;
  const month = monthOf(piece.start);
  const length = lengthMicros(piece);
  return telescopingPart(total, (micros(piece.end) - micros(month.start)) / length, lengthMicros(month) / length);
}

export interface MeteredResource {
  readonly provider: string;
  readonly providerId: string;
  readonly timeline: ResourceTimeline;
}

export interface MeteredReading {
  readonly deploymentId: string;
  readonly observation: Observation;
}

export interface SkippedResource {
  readonly provider: string;
  readonly providerId: string;
  readonly kind: string;
  readonly deploymentId?: string | undefined;
  readonly reason: string;
}

/**
 * The state that counts for a day or hour: the state at its start, or the first state of a resource first seen within
 * it.
 */
function stateFor(timeline: ResourceTimeline, piece: Period): ResourceState | null {
  const atStart = stateAt(timeline, piece.start);
  if (atStart !== undefined) return atStart;
  const firstSeen = timeline.sightings[0]?.seenAt;
  if (firstSeen === undefined || !contains(piece, firstSeen)) return null;
  return stateAt(timeline, firstSeen) ?? null;
}

/** The kinds of a resource during a day: one, unless it was observed with another. */
function kindsOn(timeline: ResourceTimeline, day: Period): string[] {
  const within = timeline.sightings.filter(({ seenAt }) => contains(day, seenAt)).map(({ state }) => state);
  return [...new Set([stateFor(timeline, day), ...within].flatMap((state) => (state === null ? [] : [state.kind])))];
}

/**
 * The readings of a UTC day, from the inventory as it was during that day: one per attributed resource, or one per hour
 * where its billing kind is metered by the hour. The same inventory gives the same readings.
 */
export function meterDay(
  day: Period,
  resources: readonly MeteredResource[],
  configurations: readonly MeteringConfiguration[],
): { readings: MeteredReading[]; skipped: SkippedResource[] } {
  const readings: MeteredReading[] = [];
  const skipped: SkippedResource[] = [];
  for (const { provider, providerId, timeline } of resources) {
    for (const kind of kindsOn(timeline, day)) {
      const mapping = KINDS.get(kind);
      if (mapping === undefined) {
        skipped.push({ provider, providerId, kind, reason: `kind ${kind} has no billing kind` });
        continue;
      }
      const granularity = granularityOn(configurations, mapping.billingKind, day);
      for (const piece of granularity === 'day' ? [day] : piecesOf(day, hourOf)) {
        const state = stateFor(timeline, piece);
        if (state?.kind !== kind || state.deploymentId === null) continue;
        const quantity = quantityOf(mapping, state, piece);
        if (quantity === null) {
          skipped.push({ provider, providerId, kind, reason: 'its size in GB is not known' });
          break;
        }
        readings.push({
          deploymentId: state.deploymentId,
          observation: {
            provider,
            resourceId: providerId,
            billingKind: mapping.billingKind,
            period: piece,
            granularity,
            quantity: text(quantity),
          },
        });
      }
    }
  }
  return { readings, skipped };
}

/** The UTC days from one date to another, both included. */
export function daysFrom(first: string, last: string): Period[] {
  const start = `${first}T00:00:00Z` as Instant;
  const end = dayOf(`${last}T00:00:00Z` as Instant).end;
  if (!isBefore(start, end)) throw invalid('empty_period', `${last} is before ${first}`);
  return piecesOf({ start, end }, dayOf);
}

/** A day's inventory is complete so long after its end: providers report late. */
const REPORTED_AFTER_MICROS = 70n * 60_000_000n;

/** The end of the last UTC day that was over at an instant. */
export const completeUntil = (at: Instant): Instant => dayOf(at).start;

/** The end of the last UTC day whose inventory was reported at an instant: from 01:10 on that of the day before. */
export const reportedUntil = (at: Instant): Instant => completeUntil(fromMicros(micros(at) - REPORTED_AFTER_MICROS));

/** When the daily job was last due at an instant: 01:10 UTC. */
export const lastDailyJob = (at: Instant): Instant => fromMicros(micros(reportedUntil(at)) + REPORTED_AFTER_MICROS);
