import type pg from 'pg';
import type { LogMark } from './same-log.js';

/**
 * The ranges that are done, while the rebuild runs. A rebuild that an earlier program began has it too: do not rename
 * it.
 */
const PROGRESS = 'folded';
export const MAIN = 'main';
export const COPY = 'copy';
export const FINISH = 'finish';

/** Positions, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

export async function createProgress(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(
    `CREATE TABLE ${schema}.${PROGRESS}
       (lane text NOT NULL, first bigint NOT NULL, last bigint NOT NULL, event_hash text)`,
  );
}

export async function dropProgress(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(`DROP TABLE ${schema}.${PROGRESS}`);
}

export interface BulkMark {
  /** The position up to which the main lane is done. */
  readonly position: number;
  /** The last event of the range that ends last, of any lane. Copying is ahead of the main lane. */
  readonly furthest: LogMark;
  /**
   * The position up to which the corrections of all rows were applied: rows that are copied afterwards would lack
   * theirs. null: they were not. 0: an earlier program did it, and recorded no position.
   */
  readonly finishedAt: number | null;
}

/** How far an unfinished bulk rebuild is; null if there is none. */
export async function bulkMark(client: pg.ClientBase | pg.Pool, schema: string): Promise<BulkMark | null> {
  const { rows: there } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    `${schema}.${PROGRESS}`,
  ]);
  if (there[0]?.there !== true) return null;
  // As one object: the table of a rebuild that an earlier program began has no hashes.
  const { rows } = await client.query<{
    main: number | null;
    finished: number | null;
    last: number;
    hash: string | null;
  }>(
    `SELECT (SELECT max(last) FROM ${schema}.${PROGRESS} WHERE lane = '${MAIN}') AS main,
       (SELECT max(last) FROM ${schema}.${PROGRESS} WHERE lane = '${FINISH}') AS finished, last,
       to_jsonb(p) ->> 'event_hash' AS hash
     FROM ${schema}.${PROGRESS} p ORDER BY last DESC, hash NULLS LAST LIMIT 1`,
  );
  const [row] = rows;
  return {
    position: row?.main ?? 0,
    furthest: { position: row?.last ?? 0, eventHash: row?.hash ?? null, log: null },
    finishedAt: row?.finished ?? null,
  };
}

/** Records that a lane has done a range. `hash`: of the last event. */
export async function markDone(
  client: pg.ClientBase,
  schema: string,
  lane: string,
  { first, last }: Range,
  hash: string | null,
): Promise<void> {
  await client.query(`INSERT INTO ${schema}.${PROGRESS} (lane, first, last, event_hash) VALUES ($1, $2, $3, $4)`, [
    lane,
    first,
    last,
    hash,
  ]);
}

export async function isDone(client: pg.ClientBase, schema: string, lane: string): Promise<boolean> {
  return (await client.query(`SELECT FROM ${schema}.${PROGRESS} WHERE lane = $1`, [lane])).rows.length > 0;
}

/** The position up to which the main lane is done, and the ranges that are copied. */
export async function rangesDone(
  client: pg.Pool,
  schema: string,
): Promise<{ readonly main: number; readonly copied: readonly Range[] }> {
  const { rows } = await client.query<Range & { readonly lane: string }>(
    `SELECT lane, first, last FROM ${schema}.${PROGRESS} ORDER BY first`,
  );
  return {
    main: Math.max(0, ...rows.filter(({ lane }) => lane === MAIN).map(({ last }) => last)),
    copied: merged(rows.filter(({ lane }) => lane === COPY)),
  };
}

/** Ranges in the order of their first positions. Ranges that touch or overlap become one. */
function merged(ranges: readonly Range[]): Range[] {
  const separate: Range[] = [];
  for (const { first, last } of ranges) {
    const before = separate.at(-1);
    if (before === undefined || first > before.last + 1) separate.push({ first, last });
    else separate[separate.length - 1] = { first: before.first, last: Math.max(before.last, last) };
  }
  return separate;
}
