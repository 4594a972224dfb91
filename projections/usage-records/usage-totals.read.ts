import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import type { ReadModels } from '#read-model/read-models';
import { at, positionsOf } from '#read-model/at';
import type { Versioned } from '#read-model/table';
import { addedInForce, fromLog, joinedInForce, type Range } from './usage-records.read.js';

type Db = Kysely<ReadModels>;

/** The readings of a deployment and kind that start within `[start, end)`. */
export interface Readings {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly start: Instant;
  readonly end: Instant;
  /** Attributes that a reading must have, as JSON. null: any reading. */
  readonly filter: string | null;
  /** Readings that are only in the log, as JSON (`asJsonb`). null: none. */
  readonly logged: string | null;
}

/** SQL, for FROM: the wanted readings as columns of rows `n`, with further columns. */
const columnsOf = (wanted: readonly Readings[]) => sql`
  ${wanted.map(({ deploymentId }) => deploymentId)}::text[],
  ${wanted.map(({ billingKind }) => billingKind)}::text[], ${wanted.map(({ start }) => start)}::timestamptz[],
  ${wanted.map(({ end }) => end)}::timestamptz[], ${wanted.map(({ filter }) => filter)}::jsonb[],
  ${wanted.map(({ logged }) => logged)}::jsonb[]`;
const COLUMNS = sql.raw('deployment_id, billing_kind, start_at, end_at, filter, logged');

const IS_WANTED = sql`
  u.deployment_id = n.deployment_id AND u.billing_kind = n.billing_kind
    AND u.period_start >= n.start_at AND u.period_start < n.end_at
    AND (n.filter IS NULL OR u.attributes @> n.filter)`;

/** SQL: the readings of rows `n` that are only in the log. */
const inLog = ({ first, last }: Range): RawBuilder<unknown> => sql`
    FROM n CROSS JOIN LATERAL (SELECT * FROM ${fromLog(sql`n.logged`)}) u
    WHERE u.position_from <= ${last} AND coalesce(u.position_to > ${first}, true) AND ${IS_WANTED}`;

const isAnyLogged = (wanted: readonly Readings[]): boolean => wanted.some(({ logged }) => logged !== null);

/** SQL, for FROM: the wanted readings of each row `n`, added up in the table and in the log. */
const addedUp = (
  wanted: readonly SharedReadings[],
  { selected, by }: { readonly selected: RawBuilder<unknown>; readonly by: RawBuilder<unknown> },
): RawBuilder<unknown> => {
  const ofTable = addedInForce({ of: sql`n.index`, from: sql`n`, on: IS_WANTED, selected, by }, SHARED);
  if (!isAnyLogged(wanted)) return ofTable;
  return sql`(
    SELECT * FROM ${ofTable} t
    UNION ALL
    SELECT n.index, u.deployment_id, ${selected} ${inLog(SHARED)} GROUP BY n.index, u.deployment_id, ${by})`;
};

/** Those in force at each of some positions, which are read once. */
export interface SharedReadings extends Readings {
  readonly positions: readonly number[];
  /** The instants, in order, between which readings are added up. */
  readonly instants: readonly Instant[];
}

/** SQL: the same as rows `n`, with the range of their positions, and further columns. */
function sharedRows(wanted: readonly SharedReadings[], more: RawBuilder<unknown> = sql``): RawBuilder<unknown> {
  const ranges = wanted.map(({ positions }) => positionsOf(positions));
  return sql`
    SELECT n - 1 AS index, ${COLUMNS}, first, last, positions, needed::timestamptz[] AS instants${more}
    FROM unnest(${columnsOf(wanted)}, ${ranges.map(({ first }) => first)}::bigint[],
      ${ranges.map(({ last }) => last)}::bigint[],
      ${wanted.map(({ positions }) => JSON.stringify(positions))}::jsonb[],
      ${wanted.map(({ instants }) => `{${instants.join(',')}}`)}::text[])
      WITH ORDINALITY AS n(${COLUMNS}, first, last, positions, needed, n)`;
}

const SHARED: Range = { first: sql.ref<number>('n.first'), last: sql.ref<number>('n.last') };
/** SQL: the number of wanted instants at or before the start of a reading. */
const NEEDED = sql`width_bucket(u.period_start, n.instants)`;
/** SQL: the positions of a reading, as far as the wanted ones tell them apart. */
const POSITION_FROM = sql`greatest(u.position_from, n.first)`;
const POSITION_TO = sql`CASE WHEN u.position_to <= n.last THEN u.position_to END`;

/** Readings that are in force at the same of the wanted positions, and begin between the same two wanted instants. */
export interface UsageTotal extends Versioned {
  /** Index in the wanted usage, from 0. */
  readonly index: number;
  /** The number of wanted instants at or before their start. */
  readonly needed: number;
  readonly quantity: string;
  readonly readings: string;
}

/** Sums and numbers of readings. */
export async function readUsageTotals(db: Db, wanted: readonly SharedReadings[]): Promise<UsageTotal[]> {
  const sums = addedUp(wanted, {
    selected: sql`${NEEDED} AS needed, ${POSITION_FROM} AS position_from, ${POSITION_TO} AS position_to,
      sum(u.quantity) AS quantity, count(*) AS readings`,
    by: sql`${NEEDED}, ${POSITION_FROM}, ${POSITION_TO}`,
  });
  const { rows } = await sql<UsageTotal>`
    WITH n AS (${sharedRows(wanted)})
    SELECT u.index::int AS index, u.needed, u.position_from, u.position_to, sum(u.quantity) AS quantity,
      sum(u.readings)::text AS readings
    FROM ${sums} u
    GROUP BY u.index, u.needed, u.position_from, u.position_to`.execute(db);
  return rows;
}

/** Aggregations other than sum and count, of the readings in force at a position. */
export interface UsageMeasureWanted extends Readings {
  readonly position: number;
  readonly aggregation: 'max' | 'minimum' | 'unique_count' | 'latest';
  /** For `unique_count`: the attribute whose values are counted. */
  readonly uniqueBy: string | null;
}

/** The measure of each, in the order of `wanted`. null: there are no readings. */
export async function readUsageMeasures(db: Db, wanted: readonly UsageMeasureWanted[]): Promise<(string | null)[]> {
  const position = sql.ref<number>('n.position');
  // An ordered aggregate on plain columns only would sort all readings, including those of other measures.
  const measure = sql`
    CASE n.aggregation
      WHEN 'max' THEN max(u.quantity) FILTER (WHERE n.aggregation = 'max')
      WHEN 'minimum' THEN min(u.quantity) FILTER (WHERE n.aggregation = 'minimum')
      WHEN 'unique_count' THEN
        (count(DISTINCT u.attributes ->> n.unique_by) FILTER (WHERE n.aggregation = 'unique_count'))::numeric
      WHEN 'latest' THEN
        (array_agg(u.quantity ORDER BY u.period_start DESC, u.resource_id, u.source_id || '')
          FILTER (WHERE n.aggregation = 'latest'))[1]
      END AS value`;
  const ofTable = sql`
    SELECT n.n, m.value
    FROM n
    CROSS JOIN LATERAL (
      SELECT u.deployment_id, ${measure} FROM usage_records u WHERE ${IS_WANTED} AND ${at(position, 'u')}
      GROUP BY u.deployment_id) m`;
  const selected = sql`n.n, u.quantity, u.attributes, u.period_start, u.resource_id, u.source_id`;
  const range = { first: position, last: position };
  const withLog = sql`
    SELECT n.n, ${measure}
    FROM n
    JOIN (
      SELECT * FROM ${joinedInForce({ selected, from: sql`n`, on: IS_WANTED }, range)} t
      UNION ALL
      SELECT u.deployment_id, ${selected} ${inLog(range)}) u ON u.n = n.n
    GROUP BY n.n, n.aggregation`;
  const { rows } = await sql<{ value: string | null }>`
    WITH n AS (
      SELECT * FROM unnest(${columnsOf(wanted)}, ${wanted.map(({ position: each }) => each)}::bigint[],
        ${wanted.map(({ aggregation }) => aggregation)}::text[], ${wanted.map(({ uniqueBy }) => uniqueBy)}::text[])
        WITH ORDINALITY AS n(${COLUMNS}, position, aggregation, unique_by, n)),
    measures AS (${isAnyLogged(wanted) ? withLog : ofTable})
    SELECT CASE n.aggregation WHEN 'unique_count' THEN coalesce(m.value, 0) ELSE m.value END AS value
    FROM n LEFT JOIN measures m ON m.n = n.n
    ORDER BY n.n`.execute(db);
  return rows.map(({ value }) => value);
}

/** The sum of readings, and the positions at which they were recorded. */
export interface ReadingsSum {
  readonly quantity: string;
  readonly count: number;
  /** Of the events that contain them. */
  readonly positions: readonly number[];
  /** The rate keys of the readings. */
  readonly keys: readonly RateKey[];
}

/** The sum of each, in the order of `wanted`, of the readings in force at its position. */
export async function readReadingsSums(
  db: Db,
  wanted: readonly (Readings & { readonly position: number })[],
): Promise<ReadingsSum[]> {
  const position = sql.ref<number>('n.position');
  const range = { first: position, last: position };
  const selected = sql`n.n, u.quantity, u.position_from, u.resource_type, u.resource_family, u.location`;
  const ofTable = joinedInForce({ selected, from: sql`n`, on: IS_WANTED }, range);
  const ofLog = sql`UNION ALL SELECT u.deployment_id, ${selected} ${inLog(range)}`;
  const { rows } = await sql<ReadingsSum>`
    WITH n AS (
      SELECT * FROM unnest(${columnsOf(wanted)}, ${wanted.map((each) => each.position)}::bigint[])
        WITH ORDINALITY AS n(${COLUMNS}, position, n)),
    sums AS (
      SELECT u.n, sum(u.quantity) AS quantity, count(*)::int AS count, array_agg(DISTINCT u.position_from) AS positions,
        jsonb_agg(DISTINCT jsonb_build_object(
          'resourceType', u.resource_type, 'resourceFamily', u.resource_family, 'location', u.location))
          FILTER (WHERE u.resource_type IS NOT NULL) AS keys
      FROM (SELECT * FROM ${ofTable} t ${isAnyLogged(wanted) ? ofLog : sql``}) u GROUP BY u.n)
    SELECT coalesce(s.quantity, 0) AS quantity, coalesce(s.count, 0) AS count, coalesce(s.positions, '{}') AS positions,
      coalesce(s.keys, '[]') AS keys
    FROM n LEFT JOIN sums s ON s.n = n.n
    ORDER BY n.n`.execute(db);
  return rows;
}

/** Readings of one key over a span without price changes, or the readings of one period that a price change divides. */
export interface CardReading {
  /** Index in the wanted usage, from 0. */
  readonly index: number;
  readonly position: number;
  readonly resource_type: string | null;
  readonly resource_family: string | null;
  readonly location: string | null;
  readonly period_start: Instant;
  readonly period_end: Instant;
  readonly quantity: string;
}

/** SQL: the price changes of all keys, as a further column of rows `n`. */
const ALL_CHANGES = sql`,
      (SELECT array_agg(DISTINCT c.at ORDER BY c.at) FROM prices p, unnest(p.changes) AS c(at)) AS all_changes`;
/** SQL: the number of the span between changes in which a reading begins, and in which it ends. */
const beginsIn = (changes: RawBuilder<unknown>) => sql`coalesce(width_bucket(u.period_start, ${changes}), 0)`;
const endsIn = (changes: RawBuilder<unknown>) =>
  sql`coalesce(width_bucket(u.period_end - interval '1 microsecond', ${changes}), 0)`;
/** SQL: the period of a reading that is not within one span. */
const IF_DIVIDED = sql`
  CASE WHEN u.price <> u.last_price THEN u.period_start END, CASE WHEN u.price <> u.last_price THEN u.period_end END`;

/**
 * Readings with their rate key. Readings of a key between the same two price changes and wanted instants become one
 * sum: a million readings become a few rows. Each reading is looked at once for all positions, and only with the price
 * changes of all keys together. What is left, few sums, is added up by position and by the price changes of its own
 * key.
 */
export async function readCardReadings(db: Db, wanted: readonly SharedReadings[]): Promise<CardReading[]> {
  const positions = [...new Set(wanted.flatMap((each) => each.positions))];
  const [all, own] = [sql.ref('n.all_changes'), sql.ref('p.changes')];
  const sums = addedUp(wanted, {
    selected: sql`u.resource_type, u.resource_family, u.location, ${NEEDED} AS needed,
      ${POSITION_FROM} AS position_from, ${POSITION_TO} AS position_to,
      min(u.period_start) AS period_start, max(u.period_end) AS period_end,
      sum(u.quantity) AS quantity`,
    by: sql`u.resource_type, u.resource_family, u.location, ${NEEDED}, ${POSITION_FROM}, ${POSITION_TO},
      ${beginsIn(all)}, CASE WHEN ${beginsIn(all)} <> ${endsIn(all)} THEN ARRAY[u.period_start, u.period_end] END`,
  });
  const { rows } = await sql<CardReading>`
    WITH prices AS (
      SELECT p.position, r.resource_type, r.resource_family, r.location, array_agg(c.at ORDER BY c.at) AS changes
      FROM unnest(${positions}::bigint[]) AS p(position)
      JOIN rates r ON ${at(sql.ref<number>('p.position'), 'r')}
      CROSS JOIN LATERAL unnest(ARRAY[r.effective_from, r.effective_until]) AS c(at)
      WHERE c.at IS NOT NULL
      GROUP BY p.position, r.resource_type, r.resource_family, r.location),
    n AS (${sharedRows(wanted, ALL_CHANGES)}),
    sums AS (SELECT * FROM ${sums} s)
    SELECT u.index, u.position, u.resource_type, u.resource_family, u.location, min(u.period_start) AS period_start,
      max(u.period_end) AS period_end, sum(u.quantity) AS quantity
    FROM (
      SELECT u.*, a.position, ${beginsIn(own)} AS price, ${endsIn(own)} AS last_price
      FROM sums u
      JOIN n ON n.index = u.index
      CROSS JOIN LATERAL (SELECT jsonb_array_elements_text(n.positions)::bigint AS position) a
      LEFT JOIN prices p ON p.position = a.position AND p.resource_type = u.resource_type
        AND p.resource_family = u.resource_family AND p.location = u.location
      WHERE ${at(sql.ref<number>('a.position'), 'u')}) u
    GROUP BY u.index, u.position, u.resource_type, u.resource_family, u.location, u.needed, u.price, ${IF_DIVIDED}
    ORDER BY u.index, u.position, u.resource_type, u.resource_family, u.location, period_start, period_end`.execute(db);
  return rows;
}
