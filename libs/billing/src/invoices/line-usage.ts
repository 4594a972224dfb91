import { DomainError, invalid } from '#domain/errors';
import { isCommitment, type LineDefinition, needsRates } from '#domain/lines/line';
import { sharedInstants, sharedOut } from '#domain/lines/pool';
import { drawnCharges, drawnDown, scalarOf, usageInstants, type UsageUpTo } from '#domain/lines/rate';
import { type Decimal, decimal, divide, integer, sum, ZERO } from '#domain/money/decimal';
import { perKey } from '#domain/per-key';
import type { CardUsage, Usage } from '#domain/prices/model';
import { divideAtRateChanges, type RateSegment, rateKeyText } from '#domain/rates/rate';
import { compareInstants, type Instant, later } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import type { LedgerCore } from '#ledger/ledger-core';
import { toSegment } from '#projections/rates/rates.projection';
import { readRatesOfKeys } from '#projections/rates/rates.read';
import { asJsonb } from '#projections/usage-records/usage-records.read';
import {
  type CardReading,
  readCardReadings,
  type Readings,
  readUsageMeasures,
  readUsageTotals,
  type SharedReadings,
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

/** Usage that was loaded, with that of the pools of lines whose period ends. */
interface LoadedUsage extends UsageUpTo {
  readonly sharedOut: NonNullable<UsageUpTo['sharedOut']>;
}

/** The usage of a line, as known at a position. */
export type LineUsage = (line: LineDefinition, position: number) => LoadedUsage;

/**
 * Loads the usage of lines up to instants: one statement for each way of counting, however many lines. The usage of a
 * commitment is what the lines that it counts come to, so theirs is loaded with the rest.
 */
export async function loadUsageAt(core: LedgerCore, wanted: readonly UsageNeedAt[]): Promise<LineUsage> {
  const own = wanted.flatMap((need) => (isCommitment(need.line) ? countedNeeds(need) : [need]));
  const needs = [...own, ...pooledNeeds(own)];
  const ways = Map.groupBy(needs, ({ line }) => countedHow(line));
  const usageAt = await withPruned(core, needs.map(spanOf), async (pruned) => ({
    added: await addedUsage(core, ways.get('added') ?? [], pruned),
    measured: await measuredUsage(core, ways.get('measured') ?? [], pruned),
    priced: await pricedUsage(core, ways.get('priced') ?? [], pruned),
  }));
  const sharedAt = perKey((position: number) =>
    perKey((pool: readonly LineDefinition[]) =>
      sharedOut(pool, (line, at) => scalarOf(usageAt[countedHow(line)]({ line, position, at }))),
    ),
  );
  const usageOf: LineUsage = (line, position) => {
    const upTo = (at: Instant): Usage =>
      isCommitment(line)
        ? drawnDown(line, at, (counted) => usageOf(counted, position))
        : usageAt[countedHow(line)]({ line, position, at });
    return Object.assign(upTo, { sharedOut: sharedAt(position) });
  };
  return usageOf;
}

/** The usage of the lines of pools, each once, which are shared out when the period ends. */
function pooledNeeds(needs: readonly UsageNeedAt[]): UsageNeedAt[] {
  const ending = needs.filter(({ line, instants }) => instants.includes(line.period.end));
  return [...Map.groupBy(ending, ({ position }) => position)].flatMap(([position, of]) => {
    const pools = new Set(of.flatMap(({ line: { pool } }) => (pool === undefined ? [] : [pool])));
    const lines = new Map([...pools].flatMap((pool) => pool.map((line) => [line.lineId, line] as const)));
    return [...lines.values()].map((line) => ({ line, position, instants: sharedInstants(line) }));
  });
}

/** The usage of the lines that a commitment counts. */
const countedNeeds = ({ line: { counted = [] }, instants, position }: UsageNeedAt): UsageNeedAt[] =>
  counted.flatMap((line) => {
    const needed = instants.flatMap((at) => usageInstants(line, drawnCharges(line, at)));
    return needed.length === 0 ? [] : [{ line, position, instants: [...new Set(needed)] }];
  });

function countedHow(line: LineDefinition): 'added' | 'measured' | 'priced' {
  if (needsRates(line)) return 'priced';
  const { aggregation } = line;
  return aggregation === 'sum' || aggregation === 'count' || aggregation === 'average' ? 'added' : 'measured';
}

const keyOfNeed = ({ line, position }: Pick<UsageNeedAt, 'line' | 'position'>): string => `${line.lineId}|${position}`;

/** The same, all as known at one position. */
export async function loadUsage(
  core: LedgerCore,
  position: number,
  needs: readonly UsageNeed[],
): Promise<(line: LineDefinition) => LoadedUsage> {
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

const spanOf = ({ line, instants }: UsageNeed) => ({
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

const readingsUpTo = (line: LineDefinition, end: Instant, logged: string | null): Readings => ({
  deploymentId: line.deploymentId,
  billingKind: line.billingKind,
  start: line.period.start,
  end,
  filter: line.filter === null ? null : JSON.stringify(line.filter),
  logged,
});

const keyOfReadings = ({ deploymentId, billingKind, filter, period }: LineDefinition): string =>
  JSON.stringify([deploymentId, billingKind, filter, period.start]);

/** Needs of the same readings read them once, up to whichever instants and as known at whichever positions. */
function shared(needs: readonly UsageNeedAt[], pruned: FromLog): { key: string; wanted: SharedReadings }[] {
  return [...Map.groupBy(needs, ({ line }) => keyOfReadings(line))].flatMap(([key, of]) => {
    const [first] = of;
    if (first === undefined) return [];
    const instants = [...new Set(of.flatMap((need) => need.instants))].sort(compareInstants);
    const need = { line: first.line, instants };
    const positions = [...new Set(of.map(({ position }) => position))];
    const readings = readingsUpTo(need.line, spanOf(need).end, loggedOf(pruned, need));
    return [{ key, wanted: { ...readings, positions, instants } }];
  });
}

async function addedUsage({ db }: LedgerCore, needs: readonly UsageNeedAt[], pruned: FromLog): Promise<UsageAt> {
  if (needs.length === 0) return missing;
  const wanted = shared(needs, pruned);
  const totals = await readUsageTotals(
    db,
    wanted.map((each) => each.wanted),
  );
  const known = Map.groupBy(totals, ({ index }) => wanted[index]?.key);
  const instantsOf = new Map(wanted.map((each) => [each.key, each.wanted.instants]));
  const loaded = new Set(needs.map(keyOfNeed));
  return (point) => {
    const key = keyOfReadings(point.line);
    const upTo = instantsOf.get(key)?.indexOf(point.at) ?? -1;
    if (upTo === -1 || !loaded.has(keyOfNeed(point))) return missing(point);
    return totalOf(
      point.line,
      (known.get(key) ?? []).filter((total) => total.needed <= upTo && isAt(total, point.position)),
    );
  };
}

const AVERAGE_SCALE = 20;

function totalOf({ aggregation }: LineDefinition, totals: readonly UsageTotal[]): Decimal {
  const readings = integer(totals.reduce((count, each) => count + BigInt(each.readings), 0n));
  if (aggregation === 'count') return readings;
  const quantity = sum(totals.map((each) => decimal(each.quantity)));
  return aggregation === 'average' && !readings.eq(ZERO) ? divide(quantity, readings, AVERAGE_SCALE) : quantity;
}

/** Aggregations that no sums of pieces make: each instant has a measure of its own. */
async function measuredUsage({ db }: LedgerCore, needs: readonly UsageNeedAt[], pruned: FromLog): Promise<UsageAt> {
  const wanted = needs.flatMap((need): { point: Point; wanted: UsageMeasureWanted }[] => {
    const { line, position, instants } = need;
    const { aggregation, uniqueBy } = line;
    if (aggregation === 'sum' || aggregation === 'count' || aggregation === 'average') return [];
    const logged = loggedOf(pruned, need);
    return instants.map((at) => ({
      point: { line, position, at },
      wanted: { ...readingsUpTo(line, at, logged), position, aggregation, uniqueBy },
    }));
  });
  if (wanted.length === 0) return missing;
  const measures = await readUsageMeasures(
    db,
    wanted.map((each) => each.wanted),
  );
  const known = new Map(wanted.map(({ point }, index) => [keyOfPoint(point), decimal(measures[index] ?? '0')]));
  return (point) => known.get(keyOfPoint(point)) ?? missing(point);
}

/** Rate-card usage: each reading at the rate in force for its key, divided at a price change within its period. */
async function pricedUsage(core: LedgerCore, needs: readonly UsageNeedAt[], pruned: FromLog): Promise<UsageAt> {
  if (needs.length === 0) return missing;
  const wanted = shared(needs, pruned);
  const readings = await readCardReadings(
    core.db,
    wanted.map((each) => each.wanted),
  );
  const segmentsAt = await readSegments(core, needs, readings);
  const known = Map.groupBy(readings, ({ index, position }) => `${wanted[index]?.key}|${position}`);
  const loaded = new Set(needs.map(keyOfNeed));
  return (point) => {
    const { line, position } = point;
    if (!loaded.has(keyOfNeed(point))) return missing(point);
    return (known.get(`${keyOfReadings(line)}|${position}`) ?? [])
      .filter(({ period_start: start }) => compareInstants(start, point.at) < 0)
      .flatMap((reading) => priced(line, reading, (key) => segmentsAt(key, position)));
  };
}

/** The prices of a rate key, as known at a position. */
type Segments = (key: RateKey, position: number) => readonly RateSegment[];

async function readSegments(
  { db }: LedgerCore,
  needs: readonly UsageNeedAt[],
  readings: readonly CardReading[],
): Promise<Segments> {
  const keys = new Map(readings.flatMap((reading) => keyOf(reading) ?? []).map((key) => [textOf(key), key]));
  const asOf = positionsOf(needs.map(({ position }) => position));
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
