import { DomainError, invalid } from '#domain/errors';
import { type LineDefinition, needsRates } from '#domain/lines/line';
import type { UsageUpTo } from '#domain/lines/rate';
import { type Decimal, decimal, divide, integer, ZERO } from '#domain/money/decimal';
import type { CardUsage, Usage } from '#domain/prices/model';
import { divideAtRateChanges, type RateSegment, rateKeyText } from '#domain/rates/rate';
import { compareInstants, type Instant, later } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import type { LedgerCore } from '#ledger/ledger-core';
import { toSegment } from '#projections/rates/rates.projection';
import { readRatesOfKeys } from '#projections/rates/rates.read';
import type { UsageSpan } from '#projections/usage-records/usage-records.lookups';
import { asJsonb } from '#projections/usage-records/usage-records.read';
import {
  type CardReading,
  readCardReadings,
  type ReadingsWanted,
  readUsageMeasures,
  readUsageTotals,
  type UsageMeasureWanted,
  type UsageTotal,
} from '#projections/usage-records/usage-totals.read';
import { isAt, positionsOf } from '#read-model/at';
import { type FromLog, within, withPruned } from '../usage/pruned-usage.js';

/** The instants up to which rating needs the usage of a line. */
export interface UsageNeed {
  readonly line: LineDefinition;
  readonly instants: readonly Instant[];
}

/** The same, as known at a log position. */
export interface UsageNeedAt extends UsageNeed {
  readonly position: number;
}

/** The usage of a line, as known at a position. */
export type LineUsage = (line: LineDefinition, position: number) => UsageUpTo;

/** Loads the usage of lines up to instants: one statement for each way of counting, however many lines. */
export async function loadUsageAt(core: LedgerCore, wanted: readonly UsageNeedAt[]): Promise<LineUsage> {
  const needs = merged(wanted);
  const scalars = needs.filter(({ line }) => !needsRates(line));
  const cards = needs.filter(({ line }) => needsRates(line));
  const [scalarAt, cardAt] = await withPruned(core, needs.map(spanOf), async (pruned) => [
    await scalarUsage(core, scalars, pruned),
    await cardUsage(core, cards, pruned),
  ]);
  return (line, position) => (at) => (needsRates(line) ? cardAt : scalarAt)({ line, position, at });
}

/** Each line once per position: readings that are read twice would count twice. */
const merged = (needs: readonly UsageNeedAt[]): UsageNeedAt[] =>
  [...Map.groupBy(needs, keyOfNeed).values()].flatMap((of) => {
    const [first] = of;
    return first === undefined ? [] : [{ ...first, instants: [...new Set(of.flatMap(({ instants }) => instants))] }];
  });

const keyOfNeed = ({ line, position }: Pick<UsageNeedAt, 'line' | 'position'>): string => `${line.lineId}|${position}`;

/** The same, all as known at one position. */
export async function loadUsage(
  core: LedgerCore,
  position: number,
  needs: readonly UsageNeed[],
): Promise<(line: LineDefinition) => UsageUpTo> {
  const usage = await loadUsageAt(
    core,
    needs.map((need) => ({ ...need, position })),
  );
  return (line) => usage(line, position);
}

/** The usage of a line up to one instant, as known at a position. */
interface Point {
  readonly line: LineDefinition;
  readonly position: number;
  readonly at: Instant;
}

type UsageAt = (point: Point) => Usage;

const keyOfPoint = (point: Point): string => `${keyOfNeed(point)}|${point.at}`;

const missing = ({ line, at, position }: Point): never => {
  throw new Error(`usage of line ${line.lineId} up to ${at} was not loaded as of position ${position}`);
};

const spanOf = ({ line, instants }: UsageNeed): UsageSpan => ({
  deploymentId: line.deploymentId,
  billingKind: line.billingKind,
  start: line.period.start,
  end: instants.reduce((last, at) => later(last, at), line.period.start),
});

/** Readings of a need that only the log has. null: none. */
function loggedOf(pruned: FromLog, need: UsageNeed): string | null {
  const versions = pruned.versions.length === 0 ? [] : within(pruned, spanOf(need));
  return versions.length === 0 ? null : asJsonb(versions);
}

const wantedUpTo = ({ line, position, at }: Point, logged: string | null): ReadingsWanted => ({
  position,
  deploymentId: line.deploymentId,
  billingKind: line.billingKind,
  start: line.period.start,
  end: at,
  filter: line.filter === null ? null : JSON.stringify(line.filter),
  logged,
});

async function scalarUsage({ db }: LedgerCore, needs: readonly UsageNeedAt[], pruned: FromLog): Promise<UsageAt> {
  const points = needs.flatMap((need) => {
    const logged = loggedOf(pruned, need);
    return need.instants.map((at) => ({ line: need.line, position: need.position, at, logged }));
  });
  const added: (typeof points)[number][] = [];
  const measured: { point: (typeof points)[number]; wanted: UsageMeasureWanted }[] = [];
  for (const point of points) {
    const { aggregation, uniqueBy } = point.line;
    if (aggregation === 'sum' || aggregation === 'count' || aggregation === 'average') added.push(point);
    else measured.push({ point, wanted: { ...wantedUpTo(point, point.logged), aggregation, uniqueBy } });
  }
  const totals =
    added.length === 0
      ? []
      : await readUsageTotals(
          db,
          added.map((point) => wantedUpTo(point, point.logged)),
        );
  const measures =
    measured.length === 0
      ? []
      : await readUsageMeasures(
          db,
          measured.map(({ wanted }) => wanted),
        );
  const usage = new Map<string, Decimal>([
    ...added.map((point, index) => [keyOfPoint(point), totalOf(point.line, totals[index])] as const),
    ...measured.map(({ point }, index) => [keyOfPoint(point), decimal(measures[index] ?? '0')] as const),
  ]);
  return (point) => usage.get(keyOfPoint(point)) ?? missing(point);
}

const AVERAGE_SCALE = 20;

function totalOf({ aggregation }: LineDefinition, total: UsageTotal | undefined): Decimal {
  const readings = integer(BigInt(total?.readings ?? '0'));
  const quantity = decimal(total?.quantity ?? '0');
  if (aggregation === 'count') return readings;
  return aggregation === 'average' && !readings.eq(ZERO) ? divide(quantity, readings, AVERAGE_SCALE) : quantity;
}

/** Rate-card usage: each reading at the rate in force for its key, divided at a price change within its period. */
async function cardUsage(core: LedgerCore, needs: readonly UsageNeedAt[], pruned: FromLog): Promise<UsageAt> {
  if (needs.length === 0) return missing;
  const wanted = needs.map((need) => {
    const instants = [...need.instants].sort(compareInstants);
    const { line, position } = need;
    const point = { line, position, at: instants.at(-1) ?? line.period.start };
    return { ...wantedUpTo(point, loggedOf(pruned, need)), instants };
  });
  const readings = await readCardReadings(core.db, wanted);
  const segmentsAt = await readSegments(core, wanted, readings);
  const ofNeed = Map.groupBy(readings, ({ index }) => needs[index] ?? missingNeed(index));
  const needOf = new Map(needs.map((need) => [keyOfNeed(need), need]));
  return (point) => {
    const need = needOf.get(keyOfNeed(point)) ?? missing(point);
    return (ofNeed.get(need) ?? [])
      .filter(({ period_start: start }) => compareInstants(start, point.at) < 0)
      .flatMap((reading) => priced(need.line, reading, (key) => segmentsAt(key, need.position)));
  };
}

const missingNeed = (index: number): never => {
  throw new Error(`a card reading is of no need: ${index}`);
};

/** The prices of a rate key, as known at a position. */
type Segments = (key: RateKey, position: number) => readonly RateSegment[];

async function readSegments(
  { db }: LedgerCore,
  wanted: readonly ReadingsWanted[],
  readings: readonly CardReading[],
): Promise<Segments> {
  const keys = new Map(readings.flatMap((reading) => keyOf(reading) ?? []).map((key) => [textOf(key), key]));
  const asOf = positionsOf(wanted.map(({ position }) => position));
  const rows = Map.groupBy(await readRatesOfKeys(db, asOf, [...keys.values()]), (row) =>
    textOf({ resourceType: row.resource_type, resourceFamily: row.resource_family, location: row.location }),
  );
  return (key, position) => (rows.get(textOf(key)) ?? []).filter((row) => isAt(row, position)).map(toSegment);
}

const textOf = ({ resourceType, resourceFamily, location }: RateKey): string =>
  JSON.stringify([resourceType, resourceFamily, location]);

function keyOf({ resource_type, resource_family, location }: CardReading): RateKey | null {
  if (resource_type === null || resource_family === null || location === null) return null;
  return { resourceType: resource_type, resourceFamily: resource_family, location };
}

/** The pieces of a reading with their unit amounts. Errors: `missing_rate_key`, `missing_rate`, `currency_mismatch`. */
function priced(
  line: LineDefinition,
  reading: CardReading,
  segmentsOf: (key: RateKey) => readonly RateSegment[],
): CardUsage[] {
  const rateKey = keyOf(reading);
  if (rateKey === null) throw invalid('missing_rate_key', `a reading at ${reading.period_start} names no rate key`);
  const key = rateKeyText(rateKey);
  const over = { start: reading.period_start, end: reading.period_end };
  return divideAtRateChanges(decimal(reading.quantity), over, segmentsOf(rateKey)).map(
    ({ period, quantity, segment }) => {
      if (segment === undefined)
        throw new DomainError(
          'missing_rate',
          `${key} has no price at ${period.start}: set one with set-rate`,
          'not_found',
        );
      if (segment.currency !== line.currency)
        throw invalid(
          'currency_mismatch',
          `${key} is priced in ${segment.currency}, the line is in ${line.currency}: nothing is converted`,
        );
      return {
        ...{ ref: `${key}@${segment.effectiveFrom}`, quantity, unitAmount: decimal(segment.unitPrice) },
        ...(segment.unit === null ? {} : { unit: segment.unit }),
      };
    },
  );
}
