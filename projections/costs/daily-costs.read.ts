import { type Kysely, sql } from 'kysely';
import type { Period } from '#domain/time/period';
import type { ReadModels } from '#read-model/read-models';
import { type CostsOf, linesOf } from './charged.read.js';

/** What a provider's kind cost on a UTC day. */
export interface DailyCost {
  readonly provider: string;
  readonly kind: string;
  /** `2026-04-15` */
  readonly day: string;
  readonly amount: string;
}

/**
 * The cost of each kind on each day of neighbouring UTC months, without tax. A charge period of several days is divided
 * by time, telescoping to 12 decimals. Days without cost have no row.
 */
export async function readDailyCosts(
  db: Kysely<ReadModels>,
  position: number,
  { months, currency }: CostsOf,
  within: Period,
): Promise<DailyCost[]> {
  if (months.length === 0) return [];
  const until = (instant: string) =>
    sql`round(l.amount * extract(epoch FROM ${sql.raw(instant)} - l.start_at)
      / extract(epoch FROM l.end_at - l.start_at), 12)`;
  const { rows } = await sql<DailyCost>`
    SELECT l.provider, l.kind, to_char(d.day AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
      sum(${until("least(d.day + interval '1 day', l.end_at)")} - ${until('greatest(d.day, l.start_at)')}) AS amount
    FROM (
      SELECT provider, kind, charge_period_start AS start_at, charge_period_end AS end_at, sum(amount) AS amount
      FROM ${linesOf(
        position,
        { months, currency },
        sql`provider, kind, amount, charge_period_start, charge_period_end`,
      )} lines
      GROUP BY 1, 2, 3, 4) l
    CROSS JOIN LATERAL generate_series(
      greatest(date_trunc('day', l.start_at, 'UTC'), ${within.start}::timestamptz),
      least(l.end_at, ${within.end}::timestamptz) - interval '1 microsecond', interval '1 day') AS d(day)
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3`.execute(db);
  return rows;
}
