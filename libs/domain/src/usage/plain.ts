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
 * a tenth of the schema's. Errors: `not_an_instant`, `not_a_decimal`, where the schema would refuse it too.
 */
export function isPlainlyObserved({ deploymentId, month, origin, observations, ...more }: Observed): boolean {
  if (Object.keys(more).length > 0 || !isId(deploymentId) || typeof month !== 'string' || !ORIGINS.includes(origin))
    return false;
  return observations.length > 0 && observations.length <= MAX_READINGS_PER_EVENT && observations.every(isPlain);
}

/** What passed last: readings of an event share their kind, and those of an hour their period. */
let [soundKind, soundPeriod]: [string | null, Observation['period'] | null] = [null, null];

function isPlain(reading: Observation): boolean {
  const { provider, resourceId, billingKind, period, granularity, sourceId, quantity } = reading;
  if (!hasPlainFields(reading) || !isId(resourceId) || !GRANULARITIES.includes(granularity)) return false;
  if (billingKind !== soundKind && !isId(billingKind)) return false;
  soundKind = billingKind;
  if ((provider !== undefined && !isId(provider)) || (sourceId !== undefined && !isId(sourceId))) return false;
  if (period !== soundPeriod && !isSound(period)) return false;
  soundPeriod = period;
  return typeof quantity === 'string' && canonicalText(quantity) === quantity;
}

const isSound = (period: Observation['period']): boolean =>
  Object.keys(period).length === 2 &&
  instant(period.start) === period.start &&
  instant(period.end) === period.end &&
  isBefore(period.start, period.end);

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
