import { canonicalText, isDecimalText } from '../money/decimal.js';
import { canonicalJson } from '../canonical-json.js';
import { repeatedFieldOf } from '../json-text.js';
import { isId } from '../schema.js';
import { type Instant, isBefore, readInstant } from '../time/instant.js';
import {
  GRANULARITIES,
  MAX_EVENT_BYTES,
  MAX_READINGS_PER_EVENT,
  type Observation,
  ORIGINS,
  packed,
  periodFault,
  type UsageOrigin,
} from './usage.js';

/**
 * Plain readings have only a quantity. Nearly all readings are plain, so they are checked by faster means than the
 * schema.
 */
const FIELDS: ReadonlySet<string> = new Set([
  'provider',
  'resourceId',
  'billingKind',
  'period',
  'granularity',
  'sourceId',
  'quantity',
]);

function hasPlainFields(reading: object): boolean {
  for (const name in reading) if (!FIELDS.has(name)) return false;
  return true;
}

interface Observed {
  readonly deploymentId: string;
  readonly month: string;
  readonly origin: UsageOrigin;
  readonly observations: readonly Observation[];
}

/**
 * Whether the schema of UsageObserved accepts this unchanged; false also if only the schema can tell. This check costs
 * a tenth of the schema's.
 */
export function isPlainlyObserved(data: Observed): boolean {
  // Another application may have written anything.
  if (typeof data !== 'object' || data === null || !Array.isArray(data.observations)) return false;
  const { deploymentId, month, origin, observations, ...more } = data;
  if (Object.keys(more).length > 0 || !isId(deploymentId) || typeof month !== 'string' || !ORIGINS.includes(origin))
    return false;
  return observations.length > 0 && observations.length <= MAX_READINGS_PER_EVENT && observations.every(isPlain);
}

/** No reading that is sent has it. */
const NOTHING_YET = Symbol('nothing passed yet');
/** What passed last: readings of an event share their kind, and those of an hour their period. */
let [soundKind, soundPeriod]: [unknown, unknown] = [NOTHING_YET, NOTHING_YET];

type Unchecked = { readonly [Field in keyof Observation]?: unknown };

function isPlain(reading: Unchecked): reading is Observation {
  if (typeof reading !== 'object' || reading === null) return false;
  const { provider, resourceId, billingKind, period, granularity, sourceId, quantity } = reading;
  if (!hasPlainFields(reading) || !isId(resourceId) || !GRANULARITIES.some((each) => each === granularity))
    return false;
  if (billingKind !== soundKind && !isId(billingKind)) return false;
  soundKind = billingKind;
  if ((provider !== undefined && !isId(provider)) || (sourceId !== undefined && !isId(sourceId))) return false;
  if (period !== soundPeriod && !isSound(period)) return false;
  soundPeriod = period;
  return typeof quantity === 'string' && isDecimalText(quantity) && canonicalText(quantity) === quantity;
}

function isSound(period: unknown): boolean {
  if (typeof period !== 'object' || period === null || Object.keys(period).length !== 2) return false;
  if (!('start' in period) || !('end' in period)) return false;
  return isCanonical(period.start) && isCanonical(period.end) && isBefore(period.start, period.end);
}

const isCanonical = (value: unknown): value is Instant => typeof value === 'string' && readInstant(value) === value;

/**
 * A sent reading as its schema makes it, with the fields in the same order. null: only the schema can tell whether it
 * is one, and what is wrong. Repeated fields and periods that are no whole hour or day are for the schema too.
 */
export function plainlySent(
  input: object,
): { readonly deploymentId: string; readonly observation: Observation } | null {
  const { deploymentId, ...reading }: { readonly deploymentId?: unknown } & Unchecked = input;
  if (typeof deploymentId !== 'string' || !isId(deploymentId) || repeatedFieldOf(input) !== undefined) return null;
  if (!isPlain(reading) || repeatedFieldOf(reading.period) !== undefined || periodFault(reading) !== null) return null;
  const { provider, resourceId, billingKind, period, granularity, sourceId, quantity } = reading;
  return {
    deploymentId,
    observation: {
      ...(provider === undefined ? {} : { provider }),
      resourceId,
      billingKind,
      period: samePeriod(period),
      granularity,
      ...(sourceId === undefined ? {} : { sourceId }),
      quantity,
    },
  };
}

let lastPeriod: Observation['period'] | null = null;

/** One object for readings of the same period. */
function samePeriod({ start, end }: Observation['period']): Observation['period'] {
  if (lastPeriod?.start !== start || lastPeriod.end !== end) lastPeriod = { start, end };
  return lastPeriod;
}

/** As canonicalJson. Where all are plain, it costs a fifth. */
export const canonicalReadings = (readings: readonly Observation[]): string =>
  readings.every(hasPlainFields) ? JSON.stringify(readings.map(sorted)) : canonicalJson(readings);

const sorted = (reading: Observation): object => {
  const { billingKind, granularity, period, provider, quantity, resourceId, sourceId } = reading;
  return {
    billingKind,
    granularity,
    period: { end: period.end, start: period.start },
    provider,
    quantity,
    resourceId,
    sourceId,
  };
};

/** Names of all fields, quotes, braces and commas. */
const BYTES_BESIDE_VALUES = 144;
/** The most bytes of a character in an id: half a surrogate pair is written `\ud800`. */
const BYTES_PER_CHARACTER = 6;

/** As `packed`. Most batches fit into one event, and this shows it without writing them as JSON. */
export function packedReadings(readings: readonly Observation[]): Observation[][] {
  if (readings.length === 0 || readings.length > MAX_READINGS_PER_EVENT || !readings.every(hasPlainFields))
    return packed(readings);
  const bytes = readings.reduce((sum, reading) => sum + bytesAtMost(reading), 0);
  return bytes <= MAX_EVENT_BYTES ? [[...readings]] : packed(readings);
}

/** The most bytes of a plain reading in JSON. */
function bytesAtMost({
  provider = '',
  resourceId,
  billingKind,
  period,
  granularity,
  sourceId = '',
  quantity,
}: Observation): number {
  const ofIds = provider.length + resourceId.length + billingKind.length + sourceId.length;
  return (
    BYTES_BESIDE_VALUES +
    ofIds * BYTES_PER_CHARACTER +
    period.start.length +
    period.end.length +
    granularity.length +
    quantity.length
  );
}
