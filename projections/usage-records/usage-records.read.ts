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

/** Record versions as the parameter that `recordsInForce` reads in addition to the table. */
export const asJsonb = (versions: readonly RecordVersion[]): string => JSON.stringify(versions);

/** SQL: the rows of such a parameter, or of a column of them. */
const fromLog = (jsonb: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`jsonb_to_recordset(${jsonb}) AS from_log(${columnTypes})`;

/**
 * SQL, for FROM: the records in force at a position that meet `where`, from the table and from `logged` (jsonb).
 * Superseded records are few and have their own index, so each half of the table is read by its own index.
 */
export const recordsInForce = (
  position: number | Expression<number>,
  where: RawBuilder<unknown>,
  logged?: RawBuilder<unknown>,
): RawBuilder<unknown> => inForce(columns, { first: position, last: position }, where, logged);

/** The same of versions that were in force at one of the positions of a range at least, with their own positions. */
export const versionsInForce = (
  range: Range,
  where: RawBuilder<unknown>,
  logged: RawBuilder<unknown>,
): RawBuilder<unknown> => inForce(versionColumns, range, where, logged);

interface Range {
  readonly first: number | Expression<number>;
  readonly last: number | Expression<number>;
}

const inForce = (
  selected: RawBuilder<unknown>,
  { first, last }: Range,
  where: RawBuilder<unknown>,
  logged: RawBuilder<unknown> | undefined,
): RawBuilder<unknown> => sql`(
  SELECT ${selected} FROM usage_records WHERE position_to IS NULL AND position_from <= ${last} AND ${where}
  UNION ALL
  SELECT ${selected} FROM usage_records
  WHERE position_to > ${first} AND position_from <= ${last} AND ${where}${
    logged === undefined
      ? sql``
      : sql`
  UNION ALL
  SELECT ${selected} FROM ${inForceFromLog({ first, last }, where, logged)} AS from_log`
  })`;

const inForceFromLog = ({ first, last }: Range, where: RawBuilder<unknown>, logged: RawBuilder<unknown>) => sql`(
  SELECT * FROM ${fromLog(logged)}
  WHERE (position_to IS NULL OR position_to > ${first}) AND position_from <= ${last} AND ${where})`;

/** SQL, for FROM: the records in `logged` (jsonb) that are in force at a position. */
export const loggedInForce = (position: number, logged: RawBuilder<unknown>): RawBuilder<unknown> =>
  inForceFromLog({ first: position, last: position }, sql`true`, logged);

/** SQL, for FROM: every version of records that meet `where`, from the table and from `logged` (jsonb). */
export const recordVersions = (where: RawBuilder<unknown>, logged: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
  SELECT ${versionColumns} FROM usage_records WHERE ${where}
  UNION ALL
  SELECT ${versionColumns} FROM ${fromLog(logged)} WHERE ${where})`;
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
  // Span by span, each by the index: as a condition on every row it cost more than adding up the rows.
  const where = all([
    sql`deployment_id = v.id AND period_start >= v.start_at AND period_start < coalesce(v.end_at, 'infinity')`,
    ...beginsWithin(of),
  ]);
  const { rows } = await sql<Pick<UsageRecordRow, 'billing_kind' | 'quantity'>>`
    SELECT u.billing_kind, sum(u.quantity) AS quantity
    FROM ${spans(of.visible)}
    CROSS JOIN LATERAL ${recordsInForce(position, where, sql`${of.logged}::jsonb`)} u
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
  const { rows } = await sql<RecordVersion>`
    SELECT u.* FROM unnest(${of.deploymentIds}::text[]) AS d(deployment_id)
    CROSS JOIN unnest(${of.billingKinds}::text[]) AS k(billing_kind)
    CROSS JOIN LATERAL (
      SELECT * FROM usage_records r
      WHERE r.deployment_id = d.deployment_id AND r.billing_kind = k.billing_kind
        AND r.period_start >= ${start}::timestamptz AND r.period_start < ${end}::timestamptz
        AND r.position_from <= ${position}
      OFFSET 0) u
    ORDER BY u.position_from`.execute(db);
  return rows;
}
