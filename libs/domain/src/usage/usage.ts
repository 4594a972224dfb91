import { z } from 'zod';
import { type IdSchema, zDecimal, zId, zInstant, zJsonObject, zPeriod, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { type Instant, millisBetween } from '../time/instant.js';
import { dayOf, hourOf, type Period, periodText } from '../time/period.js';

/**
 * The stream of a reading's key, permanently: that of the deployment and the UTC month of the reading's period.start.
 */
export const usageStream = (deploymentId: string, month: string): string =>
  streamName('usage', [deploymentId], { end: `-${month}` });
export const usageMonth = (periodStart: Instant): string => periodStart.slice(0, 7);

export const GRANULARITIES = ['hour', 'day', 'event'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

const PIECES: Readonly<Record<Granularity, ((at: Instant) => Period) | null>> = {
  hour: hourOf,
  day: dayOf,
  event: null,
};

const LENGTHS_MS: Readonly<Record<Exclude<Granularity, 'event'>, number>> = { hour: 3_600_000, day: 86_400_000 };

/** The last whole period: many readings are of the same hour. */
let whole: (Period & { readonly granularity: Granularity }) | null = null;

/** Every reading is checked, so it is done on the text of the instants: that costs a tenth of computing with them. */
function isWhole({ start, end }: Period, granularity: Granularity): boolean {
  if (granularity === 'event') return true;
  if (whole?.start === start && whole.end === end && whole.granularity === granularity) return true;
  const aligned = granularity === 'day' ? 'T00:00:00Z' : ':00:00Z';
  if (!start.endsWith(aligned) || !end.endsWith(aligned)) return false;
  if (millisBetween(start, end) !== LENGTHS_MS[granularity]) return false;
  whole = { start, end, granularity };
  return true;
}

/**
 * What is wrong with the period of a reading: `hour` and `day` are exactly one UTC hour or day. null: nothing.
 */
export function periodFault({ period, granularity }: Pick<ReadingKey, 'period' | 'granularity'>): string | null {
  if (isWhole(period, granularity)) return null;
  const whole = PIECES[granularity]?.(period.start) ?? period;
  return (
    `${periodText(period)} is not one UTC ${granularity} such as ${periodText(whole)}.` +
    ' Send the whole period, or granularity "event", which takes any period.'
  );
}

/**
 * A day's reading and the readings of its hours exclude each other: together they would count twice. null: the
 * granularity excludes none.
 */
export const excludedGranularity = (granularity: Granularity): 'hour' | 'day' | null =>
  granularity === 'event' ? null : granularity === 'day' ? 'hour' : 'day';

export const ORIGINS = ['command', 'metering', 'backfill'] as const;
export type Origin = (typeof ORIGINS)[number];

export const rateKeyWith = (zId: IdSchema) => z.strictObject({ resourceType: zId, resourceFamily: zId, location: zId });
export const zRateKey = rateKeyWith(zId);
export type RateKey = z.infer<typeof zRateKey>;

/** The fields that identify a reading within its deployment. */
const readingKeyWith = (zId: IdSchema) =>
  z.object({
    provider: zId.optional(),
    resourceId: zId,
    billingKind: zId,
    period: zPeriod,
    granularity: z.enum(GRANULARITIES),
    sourceId: zId.optional(),
  });
export const zReadingKey = readingKeyWith(zId);

const observationWith = (zId: IdSchema) =>
  readingKeyWith(zId).extend({
    quantity: zDecimal,
    rateKey: rateKeyWith(zId).optional(),
    attributes: zJsonObject.optional(),
    subAttribution: zJsonObject.optional(),
  });
export const zObservation = observationWith(zId);

/** A reading as input. A recorded one may have a period that is not that of its granularity, and can be corrected. */
export const incomingReading = <Schema extends z.ZodType<Pick<ReadingKey, 'period' | 'granularity'>>>(
  schema: Schema,
): Schema =>
  schema.superRefine((reading, context) => {
    const message = periodFault(reading);
    if (message !== null) context.addIssue({ code: 'custom', path: ['period'], message });
  });

const usageCorrectionWith = (zId: IdSchema) =>
  readingKeyWith(zId).extend({
    /** null: there was no such reading. */
    quantity: zDecimal.nullable(),
  });

const namedReadingWith = (zId: IdSchema) => readingKeyWith(zId).extend({ provider: zId });

// Stored permanently. One event has a batch of readings of one deployment and one month.
export const usageEventsWith = (zId: IdSchema) => ({
  UsageObserved: z.object({
    deploymentId: zId,
    month: z.string(),
    origin: z.enum(ORIGINS),
    observations: z.array(observationWith(zId)).min(1).max(1000),
  }),
  UsageCorrected: z.object({
    deploymentId: zId,
    month: z.string(),
    origin: z.enum(ORIGINS),
    corrections: z.array(usageCorrectionWith(zId)).min(1).max(1000),
    reason: zText,
  }),
  /**
   * The readings recorded under these keys without a provider belong to this provider: a known reading came again with
   * its name.
   */
  UsageProviderNamed: z.object({
    deploymentId: zId,
    month: z.string(),
    readings: z.array(namedReadingWith(zId)).min(1).max(1000),
  }),
  /**
   * The read models no longer keep raw records of these kinds in this month, as their retention ended by `at`. This
   * stream still does.
   */
  UsagePruned: z.object({ deploymentId: zId, month: z.string(), billingKinds: z.array(zId).min(1), at: zInstant }),
});

export type ReadingKey = z.infer<typeof zReadingKey>;
export type Observation = z.infer<typeof zObservation>;
export type NamedReading = z.infer<ReturnType<typeof namedReadingWith>>;
export type UsageOrigin = (typeof ORIGINS)[number];

export const MAX_READINGS_PER_EVENT = 1000;
export const MAX_EVENT_BYTES = 512 * 1024;

const utf8 = new TextEncoder();

/** Packs items into batches of at most 1,000 and 512 KiB of JSON, in their order. */
export function packed<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [];
  // Most batches fit into one event, so they are measured at once.
  if (items.length <= MAX_READINGS_PER_EVENT && utf8.encode(JSON.stringify(items)).length <= MAX_EVENT_BYTES)
    return [[...items]];
  const batches: Item[][] = [];
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = utf8.encode(JSON.stringify(item)).length + 1;
    if (batch.length > 0 && (batch.length === MAX_READINGS_PER_EVENT || bytes + size > MAX_EVENT_BYTES)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
