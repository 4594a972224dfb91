import { type Kysely, sql } from 'kysely';
import { anyOf } from '#read-model/any-of';
import { type AsOf, at } from '#read-model/at';
import type { History, ReadModels } from '#read-model/read-models';
import type { MeteredDayRow, MeteringConfigurationRow } from './metering.table.js';

type Db = Kysely<ReadModels>;

export const readMeteringConfigurations = async (db: Db, asOf: AsOf): Promise<History<MeteringConfigurationRow>[]> =>
  db.selectFrom('metering_configurations').selectAll().where(at(asOf)).orderBy('effective_from').execute();

/** The metered days, in order. `dates`: null for all. */
export async function readMeteredDays(
  db: Db,
  position: number,
  dates: readonly string[] | null,
): Promise<History<MeteredDayRow>[]> {
  const query = db.selectFrom('metered_days').selectAll().where(at(position)).orderBy('date');
  return (dates === null ? query : query.where('date', '=', anyOf(dates))).execute();
}

/** The last metered day, `2026-04-30`. null: none was. */
export async function readLastMeteredDay(db: Db, position: number): Promise<string | null> {
  const { rows } = await sql<{ date: string | null }>`
    SELECT max(d.date) AS date FROM metered_days d WHERE ${at(position, 'd')}`.execute(db);
  return rows[0]?.date ?? null;
}

/** The dates of a span, in order, that were not metered. `first`, `last`: both included. */
export async function readUnmeteredDates(
  db: Db,
  position: number,
  { first, last }: { readonly first: string; readonly last: string },
): Promise<string[]> {
  const { rows } = await sql<{ date: string }>`
    SELECT s.date FROM (
      SELECT to_char(day, 'YYYY-MM-DD') AS date
      FROM generate_series(${first}::timestamp, ${last}::timestamp, interval '1 day') AS day) s
    WHERE NOT EXISTS (SELECT FROM metered_days d WHERE d.date = s.date AND ${at(position, 'd')})
    ORDER BY s.date`.execute(db);
  return rows.map(({ date }) => date);
}

/** A metered day whose inventory or metering configuration changed afterwards. */
export interface ChangedDay {
  readonly date: string;
  /** The position of the first event that changed it. */
  readonly marked_at: number;
  readonly causes: readonly string[];
}

/**
 * The metered days that are to be metered again, in order. `dates`: null for all. `since`: marked after this position
 * only.
 */
export async function readChangedDays(
  db: Db,
  position: number,
  { dates, since = 0 }: { readonly dates: readonly string[] | null; readonly since?: number },
): Promise<ChangedDay[]> {
  const { rows } = await sql<ChangedDay>`
    SELECT d.date, min(m.marked_at) AS marked_at, jsonb_agg(DISTINCT m.cause) AS causes
    FROM days_to_meter m
    JOIN metered_days d ON d.date BETWEEN m.first_date AND m.last_date AND d.inventory_at < m.marked_at
    WHERE ${at(position, 'm')} AND ${at(position, 'd')} AND m.marked_at > ${since}
      AND ${dates === null ? sql`true` : sql`d.date = ANY(${dates}::text[])`}
    GROUP BY d.date ORDER BY d.date`.execute(db);
  return rows;
}
