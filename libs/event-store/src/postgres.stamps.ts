import type pg from 'pg';
import type { Instant } from '#domain/time/instant';
import type { Stamp } from './port.js';

/** As text from SQL: a JavaScript Date would cut off the microseconds. */
export const RECORDED_AT =
  "rtrim(rtrim(to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '0'), '.') || 'Z'";

/** The stamp of the event at a position. */
export async function stampIn(pool: pg.Pool, schema: string, position: number): Promise<Stamp | undefined> {
  const { rows } = await pool.query<{ event_id: string; recorded_at: Instant }>(
    `select event_id, ${RECORDED_AT} as recorded_at from ${schema}.events where position = $1`,
    [position],
  );
  return rows.map(({ event_id: id, recorded_at: recordedAt }) => ({ id, recordedAt }))[0];
}
