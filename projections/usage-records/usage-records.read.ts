import { type Expression, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { OpenPeriod, Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import { bigint } from '#read-model/column';
import { keyset, type Rows } from '#read-model/keyset';
import type { Versioned } from '#read-model/table';
import type { ReadModels } from '#read-model/read-models';
import { usageRecords, type UsageRecordRow } from './usage-records.table.js';

/** The record of a reading over the positions at which it was in force. */
export type RecordVersion = UsageRecordRow & Versioned;

const COLUMNS = { ...usageRecords.columns, position_from: bigint, position_to: bigint };
const columns = sql.raw(Object.keys(usageRecords.columns).join(', '));
const versionColumns = sql.raw(Object.keys(COLUMNS).join(', '));
const columnTypes = sql.raw(
  Object.entries(COLUMNS)
    .map(([name, { type }]) => `${name} ${type}`)
    .join(', '),
);

/** Record versions as the parameter that readers take in addition to the table. */
export const asJsonb = (versions: readonly RecordVersion[]): string => JSON.stringify(versions);
/** The parameter of no versions. */
export const NONE = asJsonb([]);

/**
 * Where the database is a coordinator of Citus, other machines hold the rows, all of a deployment on one. A statement
 * then reads the table in one of these forms (citus-forms.spec.ts): by itself; joined with rows of a WITH or of
 * `unnest(…)`; row by row of a WITH, in a LATERAL that groups by the deployment first. Rows of the log are added where
 * there are some: together with them, the rows of the table come to the coordinator.
 */

/** SQL, for FROM: the rows of a parameter that `asJsonb` made, or of a column of such. */
export const fromLog = (jsonb: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`jsonb_to_recordset(${jsonb}) AS from_log(${columnTypes})`;

/** Positions, of a parameter or of the rows that records are joined with. */
export interface Range {
  readonly first: number | Expression<number>;
  readonly last: number | Expression<number>;
}

/** SQL: each half of the table, the rows in force and those superseded, which are few, is read by its own index. */
const halves = (half: (isInForce: RawBuilder<unknown>) => RawBuilder<unknown>, { first, last }: Range) => sql`
  ${half(sql`u.position_to IS NULL AND u.position_from <= ${last}`)}
  UNION ALL
  ${half(sql`u.position_to > ${first} AND u.position_from <= ${last}`)}`;

const orInLog = (logged: string, rows: RawBuilder<unknown>): RawBuilder<unknown> =>
  logged === NONE ? sql`` : sql`UNION ALL ${rows}`;

/** SQL, for FROM: the records in force at a position that meet `where`, from the table and from `logged` (jsonb). */
export const recordsInForce = (
  position: number,
  where: RawBuilder<unknown>,
  logged = NONE,
): RawBuilder<unknown> => sql`(
  ${halves((isInForce) => sql`SELECT ${columns} FROM usage_records u WHERE ${isInForce} AND ${where}`, {
    first: position,
    last: position,
  })}
  ${orInLog(logged, sql`SELECT ${columns} FROM ${loggedInForce(position, logged, where)} AS from_log`)})`;

/** SQL, for FROM: the records in `logged` (jsonb) that are in force at a position. */
export const loggedInForce = (
  position: number,
  logged: string,
  where: RawBuilder<unknown> = sql`true`,
): RawBuilder<unknown> => sql`(SELECT * FROM ${fromLog(sql`${logged}::jsonb`)} WHERE ${at(position)} AND ${where})`;

/** Records `u` of each row of a WITH of the statement. */
interface OfEach {
  readonly from: RawBuilder<unknown>;
  readonly on: RawBuilder<unknown>;
  /** What is read of them and, unless they are added up, of the rows. */
  readonly selected: RawBuilder<unknown>;
}

/** SQL, for FROM: the records of each row that were in force at one of a range of positions, as one join. */
export const joinedInForce = (joined: OfEach, range: Range): RawBuilder<unknown> =>
  sql`(${halves((isInForce) => sql`${joinOf(joined)} AND ${isInForce}`, range)})`;

/** The same of every version. */
export const joinedVersions = (joined: OfEach): RawBuilder<unknown> => sql`(
  ${joinOf(joined)} AND u.position_to IS NULL
  UNION ALL
  ${joinOf(joined)} AND u.position_to IS NOT NULL)`;

const joinOf = ({ selected, from, on }: OfEach) => sql`
  SELECT u.deployment_id, ${selected} FROM ${from} JOIN usage_records u ON ${on}`;

/**
 * SQL, for FROM: the same, but added up row by row through the index, which costs less where a row has many records. It
 * has the columns `of` of the row, and up to one row of each half for each group.
 */
export const addedInForce = (
  { of, from, on, selected, by }: OfEach & { readonly of: RawBuilder<unknown>; readonly by: RawBuilder<unknown> },
  range: Range,
): RawBuilder<unknown> =>
  sql`(${halves(
    (isInForce) => sql`
  SELECT ${of}, s.*
  FROM ${from}
  CROSS JOIN LATERAL (
    SELECT u.deployment_id, ${selected} FROM usage_records u WHERE ${on} AND ${isInForce}
    GROUP BY u.deployment_id, ${by}) s`,
    range,
  )})`;

/** SQL, for FROM: every version of records that meet `where`, from the table and from `logged` (jsonb). */
export const recordVersions = (where: RawBuilder<unknown>, logged = NONE): RawBuilder<unknown> => sql`(
  SELECT ${versionColumns} FROM usage_records WHERE position_to IS NULL AND ${where}
  UNION ALL
  SELECT ${versionColumns} FROM usage_records WHERE position_to IS NOT NULL AND ${where}
  ${orInLog(logged, sql`SELECT ${versionColumns} FROM ${fromLog(sql`${logged}::jsonb`)} WHERE ${where}`)})`;

/** Readings of a deployment that start within a span of time, which may have no end. */
export interface VisibleUsage {
  readonly deploymentId: string;
  readonly period: OpenPeriod;
}

/** SQL, for FROM: spans as `v(id, start_at, end_at)`. */
export const spans = (visible: readonly VisibleUsage[]) => sql`
  unnest(${visible.map(({ deploymentId }) => deploymentId)}::text[],
    ${visible.map(({ period }) => period.start)}::timestamptz[],
    ${visible.map(({ period }) => period.end)}::timestamptz[]) AS v(id, start_at, end_at)`;

/** SQL: whether a reading is one of these. By the index of deployments first. */
const isAmong = (visible: readonly VisibleUsage[]): RawBuilder<unknown> => sql`
  deployment_id = ${anyOf([...new Set(visible.map(({ deploymentId }) => deploymentId))])}
  AND EXISTS (
    SELECT FROM ${spans(visible)}
    WHERE deployment_id = v.id AND period_start >= v.start_at AND (v.end_at IS NULL OR period_start < v.end_at))`;

/** Readings that start within `[start, end)`. undefined: no limit. */
interface Within {
  readonly start?: Instant | undefined;
  readonly end?: Instant | undefined;
}

function beginsWithin({ start, end }: Within): RawBuilder<unknown>[] {
  return [
    ...(start === undefined ? [] : [sql`period_start >= ${start}::timestamptz`]),
    ...(end === undefined ? [] : [sql`period_start < ${end}::timestamptz`]),
  ];
}

const all = (conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> =>
  conditions.length === 0 ? sql`true` : sql.join([...conditions], sql` AND `);

export const USAGE_RECORD_ORDER = keyset<UsageRecordRow>({
  deployment_id: 'indexed text',
  billing_kind: 'indexed text',
  period_start: 'timestamptz',
  resource_id: 'indexed text',
  period_end: 'timestamptz',
  granularity: 'indexed text',
  provider: 'indexed text',
  source_id: 'indexed text',
});

/** Records in the order of their list. `visible`: null for all deployments. */
export async function readUsageRecordPage(
  db: Kysely<ReadModels>,
  position: number,
  of: Within & {
    readonly visible: readonly VisibleUsage[] | null;
    readonly billingKind?: string | undefined;
    readonly resourceId?: string | undefined;
  },
  { after, limit }: Rows,
): Promise<UsageRecordRow[]> {
  const { visible, billingKind, resourceId } = of;
  const where = all([
    ...(visible === null ? [] : [isAmong(visible)]),
    ...(billingKind === undefined ? [] : [sql`billing_kind = ${billingKind}`]),
    ...(resourceId === undefined ? [] : [sql`resource_id = ${resourceId}`]),
    ...beginsWithin(of),
    USAGE_RECORD_ORDER.after(after),
  ]);
  const { rows } = await sql<UsageRecordRow>`
    SELECT * FROM ${recordsInForce(position, where)} u
    ORDER BY ${USAGE_RECORD_ORDER.order()} LIMIT ${limit}`.execute(db);
  return rows;
}

/** The quantity of each billing kind within spans. `logged`: usage that is only in the log, as JSON. */
export async function readUsageByKind(
  db: Kysely<ReadModels>,
  position: number,
  of: Within & { readonly visible: readonly VisibleUsage[]; readonly logged: string },
): Promise<Pick<UsageRecordRow, 'billing_kind' | 'quantity'>[]> {
  const isWithin = all([
    sql`u.deployment_id = v.id AND u.period_start >= v.start_at AND u.period_start < coalesce(v.end_at, 'infinity')`,
    ...beginsWithin(of),
  ]);
  const ofTable = addedInForce(
    {
      ...{ of: sql`v.id`, from: sql`v`, on: isWithin },
      ...{ selected: sql`u.billing_kind, sum(u.quantity) AS quantity`, by: sql`u.billing_kind` },
    },
    { first: position, last: position },
  );
  const ofLog = sql`
    SELECT u.billing_kind, u.quantity FROM v JOIN ${loggedInForce(position, of.logged)} u ON ${isWithin}`;
  const { rows } = await sql<Pick<UsageRecordRow, 'billing_kind' | 'quantity'>>`
    WITH v AS (SELECT * FROM ${spans(of.visible)})
    SELECT u.billing_kind, sum(u.quantity) AS quantity
    FROM (
      SELECT t.billing_kind, t.quantity FROM ${ofTable} t
      ${orInLog(of.logged, ofLog)}) u
    GROUP BY u.billing_kind
    ORDER BY u.billing_kind`.execute(db);
  return rows;
}

/** Every version of a deployment's readings with one of these source ids, in the order of positions. */
export async function readRecordsBySource(
  db: Kysely<ReadModels>,
  deploymentId: string,
  sourceIds: readonly string[],
): Promise<RecordVersion[]> {
  const { rows } = await sql<RecordVersion>`
    SELECT * FROM usage_records
    WHERE deployment_id = ${deploymentId} AND source_id = ANY(${sourceIds}) AND source_id <> ''
    ORDER BY position_from`.execute(db);
  return rows;
}

/** Records of one deployment and kind. */
export interface HeldRecords {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly records: number;
}

/** Number of records of readings that start within a period, at any position. `deploymentId`: null for all. */
export async function readHeldRecords(
  db: Kysely<ReadModels>,
  { start, end }: Period,
  deploymentId: string | null,
): Promise<HeldRecords[]> {
  const { rows } = await sql<HeldRecords>`
    SELECT deployment_id AS "deploymentId", billing_kind AS "billingKind", count(*)::int AS records
    FROM usage_records
    WHERE period_start >= ${start} AND period_start < ${end}
      AND (${deploymentId}::text IS NULL OR deployment_id = ${deploymentId})
    GROUP BY 1, 2 ORDER BY 1, 2`.execute(db);
  return rows;
}

/** Readings metered from the inventory within a period that are in force at a position. */
export async function readMeteredRecords(
  db: Kysely<ReadModels>,
  position: number,
  { start, end }: Period,
): Promise<RecordVersion[]> {
  const { rows } = await sql<RecordVersion>`
    SELECT * FROM usage_records
    WHERE origin = 'metering' AND ${at(position)}
      AND period_start >= ${start}::timestamptz AND period_start < ${end}::timestamptz`.execute(db);
  return rows;
}

/** Every version of the records of deployments that begin within a period, in order, as known at a position. */
export async function readVersionsWithin(
  db: Kysely<ReadModels>,
  position: number,
  of: {
    readonly deploymentIds: readonly string[];
    readonly billingKinds: readonly string[];
    readonly period: Period;
  },
): Promise<RecordVersion[]> {
  const { start, end } = of.period;
  const wanted = sql`
    deployment_id = ${anyOf(of.deploymentIds)} AND billing_kind = ${anyOf(of.billingKinds)}
    AND period_start >= ${start}::timestamptz AND period_start < ${end}::timestamptz AND position_from <= ${position}`;
  const { rows } = await sql<RecordVersion>`
    SELECT * FROM ${recordVersions(wanted)} u ORDER BY position_from`.execute(db);
  return rows;
}
