import { READ_MODELS } from '#projections/database';
import type { QueryContext } from '#ledger/query';
import { prunedUsage, usageProviders, usageRecords } from '#projections/usage-records/usage-records.table';
import { digestOf } from '#read-model/compare';
import type { TableDefinition } from '#read-model/table';

/** Compares the live read models, as of the context's position, with a replay of the log. */

/** SQL: the versions that were known then, as they were then. A version that ended later was in force. */
const then = (schema: string, { name, columns }: TableDefinition): string =>
  `${PRUNED.includes(name) ? WITH_PRUNED : ''}SELECT ${Object.keys(columns).map(thenColumn).join(', ')}, position_from,
     CASE WHEN position_to <= $1 THEN position_to END AS position_to
   FROM ${schema}.${name} t WHERE position_from <= $1${PRUNED.includes(name) ? KEPT : ''}`;

/** Raw records that were pruned later are only in the replay. */
const PRUNED: readonly string[] = [usageRecords.name, usageProviders.name];
/** As a WITH: the records may be on other machines than this table. */
const WITH_PRUNED = `WITH pruned AS MATERIALIZED (SELECT * FROM ${READ_MODELS}.${prunedUsage.name}) `;
const KEPT =
  ' AND NOT EXISTS (SELECT FROM pruned p' +
  ' WHERE p.deployment_id = t.deployment_id AND p.billing_kind = t.billing_kind' +
  " AND t.period_start >= p.month AND t.period_start < p.month + interval '1 month')";

/** A version's `superseded_by` is written when it is superseded: before that it was null. */
const thenColumn = (column: string): string =>
  column === 'superseded_by' ? 'CASE WHEN position_to <= $1 THEN superseded_by END AS superseded_by' : column;

/** Tables whose row versions up to the position differ between the replay and the live read models. */
export async function differingTables({ core, position }: QueryContext, schema: string): Promise<TableDefinition[]> {
  const differing: TableDefinition[] = [];
  for (const table of core.projector.list().flatMap(({ tables }) => tables)) {
    const [replayed, live] = await Promise.all(
      [schema, READ_MODELS].map((of) => digestOf(core.pool, then(of, table), [position])),
    );
    if (replayed?.rows !== live?.rows || replayed?.hash !== live?.hash) differing.push(table);
  }
  return differing;
}

type Values = Readonly<Record<string, string | null>>;

/** A row version that differs. null: the live read models, or the log, have none with this key. Values are texts. */
export interface DifferingRow {
  readonly key: Values;
  readonly shown: Values | null;
  readonly recorded: Values | null;
}

/**
 * How many row versions of a table differ, and the first ones. If both have the version, only the columns that differ.
 */
export async function differingRows(
  { core, position }: QueryContext,
  schema: string,
  table: TableDefinition,
  limit: number,
): Promise<{ count: number; rows: DifferingRow[] }> {
  const key = [...table.key, 'position_from'];
  const rowsOf = (of: string): string => `(SELECT ${key.join(', ')}, to_jsonb(t) AS row FROM (${then(of, table)}) t)`;
  const texts = (row: string): string => `(SELECT jsonb_object_agg(k, v) FROM jsonb_each_text(${row}) AS e(k, v))`;
  const { rows } = await core.pool.query<{ count: number; shown: Values | null; recorded: Values | null }>(
    `SELECT count(*) OVER ()::int AS count, ${texts('l.row')} AS shown, ${texts('r.row')} AS recorded
     FROM ${rowsOf(READ_MODELS)} l FULL JOIN ${rowsOf(schema)} r USING (${key.join(', ')})
     WHERE l.row IS DISTINCT FROM r.row ORDER BY ${key.join(', ')} LIMIT $2`,
    [position, limit],
  );
  return { count: rows[0]?.count ?? 0, rows: rows.map((row) => differingRow(table, row)) };
}

function differingRow(
  { key }: TableDefinition,
  { shown, recorded }: { readonly shown: Values | null; readonly recorded: Values | null },
): DifferingRow {
  const either = shown ?? recorded ?? {};
  const only = (row: Values | null, other: Values | null): Values | null => {
    if (row === null) return null;
    return Object.fromEntries(
      Object.entries(row).filter(
        ([column, value]) => !key.includes(column) && (other === null || other[column] !== value),
      ),
    );
  };
  return {
    key: Object.fromEntries(key.map((column) => [column, either[column] ?? null])),
    shown: only(shown, recorded),
    recorded: only(recorded, shown),
  };
}
