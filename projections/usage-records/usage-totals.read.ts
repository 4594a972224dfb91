import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { ReadModels } from '#read-model/read-models';
import { at } from '#read-model/at';
import { recordsInForce } from './usage-records.read.js';

type Db = Kysely<ReadModels>;

/** The readings of a deployment and kind that start within `[start, end)`, in force at a position. */
export interface ReadingsWanted {
  readonly position: number;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly start: Instant;
  readonly end: Instant;
  /** Attributes that a reading must have, as JSON. null: any reading. */
  readonly filter: string | null;
  /** Readings that are only in the log, as JSON (`asJsonb`). null: none. */
  readonly logged: string | null;
}

/** SQL, for FROM: the wanted usage as rows `n`, numbered from 1, with further columns. */
const wantedRows = (wanted: readonly ReadingsWanted[]) => sql`
  ${wanted.map(({ position }) => position)}::bigint[], ${wanted.map(({ deploymentId }) => deploymentId)}::text[],
  ${wanted.map(({ billingKind }) => billingKind)}::text[], ${wanted.map(({ start }) => start)}::timestamptz[],
  ${wanted.map(({ end }) => end)}::timestamptz[], ${wanted.map(({ filter }) => filter)}::jsonb[],
  ${wanted.map(({ logged }) => logged)}::jsonb[]`;

const WANTED = sql.raw('position, deployment_id, billing_kind, start_at, end_at, filter, logged');

const READINGS = recordsInForce(
  sql.ref<number>('n.position'),
  sql`deployment_id = n.deployment_id AND billing_kind = n.billing_kind
    AND period_start >= n.start_at AND period_start < n.end_at`,
  sql.ref('n.logged'),
);

export interface UsageTotal {
  /** null: there are no readings. */
  readonly quantity: string | null;
  readonly readings: string;
}

/** Sum and number of readings, in the order of `wanted`. */
export async function readUsageTotals(db: Db, wanted: readonly ReadingsWanted[]): Promise<UsageTotal[]> {
  const { rows } = await sql<UsageTotal>`
    SELECT a.quantity, a.readings
    FROM unnest(${wantedRows(wanted)}) WITH ORDINALITY AS n(${WANTED}, n)
    CROSS JOIN LATERAL (
      SELECT sum(u.quantity) AS quantity, count(*)::text AS readings FROM ${READINGS} u
      WHERE n.filter IS NULL OR u.attributes @> n.filter) a
    ORDER BY n.n`.execute(db);
  return rows;
}

/** Aggregations other than sum and count. */
export interface UsageMeasureWanted extends ReadingsWanted {
  readonly aggregation: 'max' | 'minimum' | 'unique_count' | 'latest';
  /** For `unique_count`: the attribute whose values are counted. */
  readonly uniqueBy: string | null;
}

/** The measure of each, in the order of `wanted`. null: there are no readings. */
export async function readUsageMeasures(db: Db, wanted: readonly UsageMeasureWanted[]): Promise<(string | null)[]> {
  // An ordered aggregate on plain columns only would sort all readings, including those of other measures.
  const { rows } = await sql<{ value: string | null }>`
    SELECT a.value
    FROM unnest(${wantedRows(wanted)}, ${wanted.map(({ aggregation }) => aggregation)}::text[],
      ${wanted.map(({ uniqueBy }) => uniqueBy)}::text[]) WITH ORDINALITY AS n(${WANTED}, aggregation, unique_by, n)
    CROSS JOIN LATERAL (
      SELECT CASE n.aggregation
        WHEN 'max' THEN max(u.quantity) FILTER (WHERE n.aggregation = 'max')
        WHEN 'minimum' THEN min(u.quantity) FILTER (WHERE n.aggregation = 'minimum')
        WHEN 'unique_count' THEN
          (count(DISTINCT u.attributes ->> n.unique_by) FILTER (WHERE n.aggregation = 'unique_count'))::numeric
        WHEN 'latest' THEN
          (array_agg(u.quantity ORDER BY u.period_start DESC, u.resource_id, u.source_id || '')
            FILTER (WHERE n.aggregation = 'latest'))[1]
        END AS value
      FROM ${READINGS} u WHERE n.filter IS NULL OR u.attributes @> n.filter) a
    ORDER BY n.n`.execute(db);
  return rows.map(({ value }) => value);
}

export interface CardReadingsWanted extends ReadingsWanted {
  /** The instants, in order, between which readings are added up. */
  readonly instants: readonly Instant[];
}

/** Readings of one key over a span without price changes, or the readings of one period that a price change divides. */
export interface CardReading {
  /** Index in the wanted usage, from 0. */
  readonly index: number;
  readonly resource_type: string | null;
  readonly resource_family: string | null;
  readonly location: string | null;
  readonly period_start: Instant;
  readonly period_end: Instant;
  readonly quantity: string;
}

/**
 * Readings with their rate key. Readings of a key between the same two price changes and wanted instants become one
 * sum: a million readings become a few rows.
 */
export async function readCardReadings(db: Db, wanted: readonly CardReadingsWanted[]): Promise<CardReading[]> {
  const positions = [...new Set(wanted.map(({ position }) => position))];
  const { rows } = await sql<CardReading>`
    WITH prices AS (
      SELECT p.position, r.resource_type, r.resource_family, r.location, array_agg(c.at ORDER BY c.at) AS changes
      FROM unnest(${positions}::bigint[]) AS p(position)
      JOIN rates r ON ${at(sql.ref<number>('p.position'), 'r')}
      CROSS JOIN LATERAL unnest(ARRAY[r.effective_from, r.effective_until]) AS c(at)
      WHERE c.at IS NOT NULL
      GROUP BY p.position, r.resource_type, r.resource_family, r.location)
    SELECT g.index, g.resource_type, g.resource_family, g.location, min(g.period_start) AS period_start,
      max(g.period_end) AS period_end, sum(g.quantity) AS quantity
    FROM (
      SELECT n.index, u.resource_type, u.resource_family, u.location, u.period_start, u.period_end, u.quantity,
        width_bucket(u.period_start, n.instants) AS needed,
        coalesce(width_bucket(u.period_start, p.changes), 0) AS price,
        coalesce(width_bucket(u.period_end - interval '1 microsecond', p.changes), 0) AS last_price
      FROM (
        SELECT n - 1 AS index, ${WANTED}, ARRAY(SELECT jsonb_array_elements_text(needed)::timestamptz) AS instants
        FROM unnest(${wantedRows(wanted)}, ${wanted.map(({ instants }) => JSON.stringify(instants))}::jsonb[])
          WITH ORDINALITY AS n(${WANTED}, needed, n)) n
      CROSS JOIN LATERAL (SELECT * FROM ${READINGS} r WHERE n.filter IS NULL OR r.attributes @> n.filter) u
      LEFT JOIN prices p ON p.position = n.position AND p.resource_type = u.resource_type
        AND p.resource_family = u.resource_family AND p.location = u.location) g
    GROUP BY g.index, g.resource_type, g.resource_family, g.location, g.needed, g.price,
      CASE WHEN g.price <> g.last_price THEN g.period_start END, CASE WHEN g.price <> g.last_price THEN g.period_end END
    ORDER BY g.index, g.resource_type, g.resource_family, g.location, period_start, period_end`.execute(db);
  return rows;
}
