import { canonicalText } from '../money/decimal.js';
import { isId } from '../schema.js';
import { instant, isBefore } from '../time/instant.js';
import {
  GRANULARITIES,
  MAX_EVENT_BYTES,
  MAX_READINGS_PER_EVENT,
  type Observation,
  ORIGINS,
  packed,
  type UsageOrigin,
} from './usage.js';

/**
 * Readings that have no more than a quantity. Nearly all that is ever recorded is that, so that what holds of them is found without the
 * means that are right for any reading.
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
 * Whether the schema of UsageObserved takes this as it is; false also where only the schema can tell. To find that so costs a tenth.
 * Errors: `not_an_instant`, `not_a_decimal`, where the schema would refuse it too.
 */
export function isPlainlyObserved({ deploymentId, month, origin, observations, ...more }: Observed): boolean {
  if (Object.keys(more).length > 0 || !isId(deploymentId) || typeof month !== 'string' || !ORIGINS.includes(origin))
    return false;
  return observations.length > 0 && observations.length <= MAX_READINGS_PER_EVENT && observations.every(isPlain);
}

function isPlain(reading: Observation): boolean {
  const { provider, resourceId, billingKind, period, granularity, sourceId, quantity } = reading;
  if (!hasPlainFields(reading) || !isId(resourceId) || !isId(billingKind) || !GRANULARITIES.includes(granularity))
    return false;
  if ((provider !== undefined && !isId(provider)) || (sourceId !== undefined && !isId(sourceId))) return false;
  const { start, end } = period;
  if (Object.keys(period).length !== 2 || instant(start) !== start || instant(end) !== end || !isBefore(start, end))
    return false;
  return typeof quantity === 'string' && canonicalText(quantity) === quantity;
}

/** Names of all fields, quotes, braces and commas. */
const BYTES_BESIDE_VALUES = 144;
/** A character of an id at the most: half a surrogate pair is written `\ud800`. */
const BYTES_PER_CHARACTER = 6;

/** As `packed`: most readings fit together, and that is seen without writing them. */
export function packedReadings(readings: readonly Observation[]): Observation[][] {
  if (readings.length === 0 || readings.length > MAX_READINGS_PER_EVENT || !readings.every(hasPlainFields))
    return packed(readings);
  const bytes = readings.reduce((sum, reading) => sum + bytesAtMost(reading), 0);
  return bytes <= MAX_EVENT_BYTES ? [[...readings]] : packed(readings);
}

/** What a plain reading takes as JSON at the most. */
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
