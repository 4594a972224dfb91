import { DomainError, invalid } from '#domain/errors';
import { type LineDefinition, needsRates } from '#domain/lines/line';
import type { UsageUpTo } from '#domain/lines/rate';
import { type Decimal, decimal, divide, integer, max, min, sum, ZERO } from '#domain/money/decimal';
import type { Aggregation } from '#domain/plans/plan';
import type { CardUsage } from '#domain/prices/model';
import { divideAtRateChanges, type RateSegment, rateKeyText } from '#domain/rates/rate';
import { compareInstants, isBefore } from '#domain/time/instant';
import { contains } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import type { Observation } from './scenario.js';

export interface Reading extends Observation {
  readonly deploymentId: string;
}

/**
 * Whether a reading is of a line: its deployment and kind, begun within its period, with the attributes that its item
 * is for.
 */
export const isCovered = (reading: Reading, line: LineDefinition): boolean =>
  reading.deploymentId === line.deploymentId &&
  reading.billingKind === line.billingKind &&
  contains(line.period, reading.period.start) &&
  Object.entries(line.filter ?? {}).every(([attribute, value]) => reading.attributes?.[attribute] === value);

/** What a line has used from its start up to an instant, of all readings there are. */
export function usageOfLine(
  line: LineDefinition,
  readings: readonly Reading[],
  ratesOf: (key: RateKey) => readonly RateSegment[],
): UsageUpTo {
  const own = readings
    .filter((reading) => isCovered(reading, line))
    .sort((a, b) => compareInstants(a.period.start, b.period.start));
  const isCard = needsRates(line);
  return (at) => {
    const until = own.filter(({ period }) => isBefore(period.start, at));
    return isCard
      ? until.flatMap((reading) => atItsRates(reading, ratesOf, line.currency))
      : AGGREGATE[line.aggregation](until, line.uniqueBy ?? '');
  };
}

const AVERAGE_SCALE = 20;
const quantities = (readings: readonly Reading[]): Decimal[] => readings.map(({ quantity }) => decimal(quantity));
const total = (readings: readonly Reading[]): Decimal => sum(quantities(readings));

const AGGREGATE: Readonly<Record<Aggregation, (readings: readonly Reading[], uniqueBy: string) => Decimal>> = {
  sum: total,
  count: (readings) => integer(readings.length),
  max: (readings) => (readings.length === 0 ? ZERO : quantities(readings).reduce(max)),
  unique_count: (readings, uniqueBy) =>
    integer(new Set(readings.flatMap(({ attributes }) => attributes?.[uniqueBy] ?? [])).size),
  latest: (readings) => quantities(readings).at(-1) ?? ZERO,
  average: (readings) =>
    readings.length === 0 ? ZERO : divide(total(readings), integer(readings.length), AVERAGE_SCALE),
  minimum: (readings) => (readings.length === 0 ? ZERO : quantities(readings).reduce(min)),
};

/** A reading at the rate of its key, divided where that changes. */
function atItsRates(
  { rateKey, quantity, period }: Reading,
  ratesOf: (key: RateKey) => readonly RateSegment[],
  currency: string,
): CardUsage[] {
  if (rateKey === undefined) throw invalid('missing_rate_key', `a reading at ${period.start} names no rate key`);
  const key = rateKeyText(rateKey);
  return divideAtRateChanges(decimal(quantity), period, ratesOf(rateKey)).map(({ segment, quantity: piece }) => {
    if (segment === undefined)
      throw new DomainError('missing_rate', `${key} has no price at ${period.start}`, 'not_found');
    if (segment.currency !== currency)
      throw invalid('currency_mismatch', `${key} is priced in ${segment.currency}, the line is in ${currency}`);
    return { ref: `${key}@${segment.effectiveFrom}`, quantity: piece, unitAmount: decimal(segment.unitPrice) };
  });
}
