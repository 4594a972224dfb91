import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
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

/** A span of time. null: no end. */
export interface Since {
  readonly from: Instant;
  readonly until: Instant | null;
}

/** The UTC days that were ever metered and lie within one of the spans, including the day in which a span starts. */
export async function readMeteredDates(db: Db, within: readonly Since[]): Promise<string[]> {
  const { rows } = await sql<{ date: string }>`
    SELECT DISTINCT d.date
    FROM unnest(${within.map(({ from }) => from.slice(0, 10))}::text[],
      ${within.map(({ until }) => until)}::timestamptz[]) AS w(from_date, until_at)
    JOIN metered_days d ON d.date >= w.from_date
      AND (w.until_at IS NULL OR (d.date || 'T00:00:00Z')::timestamptz < w.until_at)
    ORDER BY d.date`.execute(db);
  return rows.map(({ date }) => date);
}
