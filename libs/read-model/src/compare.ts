import type pg from 'pg';
import { decimal, text } from '#domain/money/decimal';
import type { Projection } from './projection.js';
import type { TableDefinition } from './table.js';

/** One table in the live schema and in the shadow, at the same log position. The numbers count all versions of rows. */
export interface TableDifference {
  readonly table: string;
  readonly rows: number;
  /** Rows in one schema only, by key and `position_from`; and rows in both schemas, with different values. */
  readonly onlyLive: number;
  readonly onlyShadow: number;
  readonly different: number;
  /** Columns in one schema only. They are not compared. */
  readonly columnsApart: readonly string[];
  /** Some of the rows that differ, with their values in the live schema and in the shadow. */
  readonly examples: readonly { readonly live: unknown; readonly shadow: unknown }[];
}

/** A sum of money of one tenant and month that differs. */
export interface MoneyDifference {
  readonly of: string;
  readonly tenantId: string;
  readonly month: string;
  readonly currency: string;
  readonly live: string;
  readonly shadow: string;
  readonly difference: string;
}

export interface Comparison {
  readonly tables: readonly TableDifference[];
  readonly money: readonly MoneyDifference[];
}

const MOST_EXAMPLES = 3;

export const isEqual = ({ tables, money }: Comparison): boolean =>
  money.length === 0 &&
  tables.every(
    ({ onlyLive, onlyShadow, different, columnsApart }) =>
      onlyLive + onlyShadow + different + columnsApart.length === 0,
  );

/**
 * Compares in the client's snapshot, in which both schemas must be at the same position. `upTo`: of versioned tables,
 * only the rows that were there at this position.
 */
export async function compareSchemas(
  client: pg.ClientBase,
  live: string,
  shadow: string,
  projections: readonly Projection[],
  upTo: number = Number.MAX_SAFE_INTEGER,
): Promise<Comparison> {
  const tables: TableDifference[] = [];
  const money: MoneyDifference[] = [];
  for (const projection of projections) {
    const own: TableDifference[] = [];
    for (const table of projection.tables) own.push(await compareTable(client, live, shadow, table, upTo));
    tables.push(...own);
    // A sum may need a column that the tables of an earlier version do not have. The report names these columns.
    if (own.some(({ columnsApart }) => columnsApart.length > 0)) continue;
    for (const { of, sql } of projection.money ?? [])
      money.push(...(await compareMoney(client, live, shadow, of, sql)));
  }
  return { tables, money };
}

async function columnsOf(client: pg.ClientBase, schema: string, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0' +
      ' AND NOT attisdropped ORDER BY attnum',
    [`${schema}.${table}`],
  );
  return rows.map(({ name }) => name);
}

async function compareTable(
  client: pg.ClientBase,
  live: string,
  shadow: string,
  table: TableDefinition,
  upTo: number,
): Promise<TableDifference> {
  const { name } = table;
  const [liveColumns, shadowColumns] = [await columnsOf(client, live, name), await columnsOf(client, shadow, name)];
  const columns = shadowColumns.filter((column) => liveColumns.includes(column));
  const columnsApart = [...new Set([...liveColumns, ...shadowColumns])].filter((column) => !columns.includes(column));
  const selected = columns.map((column) => `"${column}"`).join(', ');
  const where = columns.includes('position_from') ? ` WHERE position_from <= ${upTo}` : '';
  // Nearly always both are equal, and two scans are enough to know it.
  const digest = async (schema: string, of: string): Promise<Digest> =>
    digestOf(client, `SELECT ${of} FROM ${schema}.${name}${where}`);
  const ofShadow = await digest(shadow, selected === '' ? '*' : selected);
  const ofLive = liveColumns.length === 0 ? NO_ROWS : await digest(live, selected);
  const same = {
    table: name,
    rows: ofShadow.rows,
    onlyLive: 0,
    onlyShadow: 0,
    different: 0,
    columnsApart,
    examples: [],
  };
  if (ofLive.rows === ofShadow.rows && ofLive.hash === ofShadow.hash) return same;
  if (liveColumns.length === 0) return { ...same, onlyShadow: ofShadow.rows };
  return { ...same, ...(await rowByRow(client, live, shadow, table, { columns, where })) };
}

interface Digest {
  readonly rows: number;
  /** A sum of hashes, which does not depend on the order of rows. */
  readonly hash: string;
}

const NO_ROWS: Digest = { rows: 0, hash: '0' };

/** Number and hash of the rows of a query. Different rows almost certainly have different hashes. */
export async function digestOf(
  client: pg.ClientBase | pg.Pool,
  query: string,
  values: readonly unknown[] = [],
): Promise<Digest> {
  const { rows } = await client.query<Digest>(
    `SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS hash FROM (${query}) t`,
    [...values],
  );
  return rows[0] ?? NO_ROWS;
}

async function rowByRow(
  client: pg.ClientBase,
  live: string,
  shadow: string,
  table: TableDefinition,
  { columns, where }: { readonly columns: readonly string[]; readonly where: string },
): Promise<Pick<TableDifference, 'onlyLive' | 'onlyShadow' | 'different' | 'examples'>> {
  const key = [...table.key, 'position_from'].filter((column) => columns.includes(column));
  const selected = columns.map((column) => `"${column}"`).join(', ');
  const rowsOf = (schema: string): string =>
    `(SELECT ${key.join(', ')}, t AS r FROM (SELECT ${selected} FROM ${schema}.${table.name}${where}) t)`;
  const joined =
    `FROM ${rowsOf(live)} l FULL JOIN ${rowsOf(shadow)} s` +
    ` ON ${key.map((column) => `l.${column} = s.${column}`).join(' AND ')}` +
    ' WHERE l.r::text IS DISTINCT FROM s.r::text';
  const { rows: counted } = await client.query<{ onlyLive: number; onlyShadow: number; different: number }>(
    'SELECT count(*) FILTER (WHERE s.r::text IS NULL) AS "onlyLive",' +
      ' count(*) FILTER (WHERE l.r::text IS NULL) AS "onlyShadow",' +
      ` count(*) FILTER (WHERE l.r::text IS NOT NULL AND s.r::text IS NOT NULL) AS different ${joined}`,
  );
  // Values as text: JSON would turn decimals into floating-point numbers.
  const shown = (row: string): string =>
    `(SELECT jsonb_object_agg(k, v) FROM jsonb_each_text(to_jsonb(${row}.r)) AS e(k, v))`;
  const { rows: examples } = await client.query<{ live: unknown; shadow: unknown }>(
    `SELECT ${shown('l')} AS live, ${shown('s')} AS shadow ${joined}` +
      ` ORDER BY coalesce(l.r::text, s.r::text) LIMIT ${MOST_EXAMPLES}`,
  );
  return { ...(counted[0] ?? { onlyLive: 0, onlyShadow: 0, different: 0 }), examples };
}

interface MoneyRow {
  readonly tenant_id: string;
  readonly month: string;
  readonly currency: string;
  readonly amount: string;
}

async function compareMoney(
  client: pg.ClientBase,
  live: string,
  shadow: string,
  of: string,
  sql: string,
): Promise<MoneyDifference[]> {
  const [ofLive, ofShadow] = [await sumsIn(client, live, sql), await sumsIn(client, shadow, sql)];
  const keys = [...new Set([...ofLive.keys(), ...ofShadow.keys()])].sort();
  return keys.flatMap((key) => {
    const [before, after] = [decimal(ofLive.get(key) ?? '0'), decimal(ofShadow.get(key) ?? '0')];
    if (before.eq(after)) return [];
    const [tenantId, month, currency] = JSON.parse(key) as [string, string, string];
    return [
      { of, tenantId, month, currency, live: text(before), shadow: text(after), difference: text(after.minus(before)) },
    ];
  });
}

async function sumsIn(client: pg.ClientBase, schema: string, sql: string): Promise<Map<string, string>> {
  await client.query(`SET LOCAL search_path TO ${schema}`);
  const { rows } = await client.query<MoneyRow>(sql);
  return new Map(
    rows.map(({ tenant_id, month, currency, amount }) => [JSON.stringify([tenant_id, month, currency]), amount]),
  );
}
