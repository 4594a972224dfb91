import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { ReadModels } from '#read-model/read-models';
import { type CostsOf, linesOf } from './charged.read.js';

/** Neighbouring UTC days for which a provider billed the use of one of its kinds. */
export interface BilledDays {
  readonly provider: string;
  readonly kind: string;
  readonly start_at: Instant;
  readonly end_at: Instant;
}

/**
 * The days that lines of usage charge, of the months. Lines of a bill with deliveries of which none is whole and
 * completed do not count: of such a bill it is not known what is missing.
 */
export async function readBilledDays(db: Kysely<ReadModels>, position: number, of: CostsOf): Promise<BilledDays[]> {
  const columns = sql`provider, kind, invoice_ref, category, charge_period_start, charge_period_end`;
  const { rows } = await sql<BilledDays>`
    WITH partial AS MATERIALIZED (
      SELECT provider, delivery FROM cost_deliveries WHERE position_from <= ${position}
      GROUP BY provider, delivery HAVING bool_and(mode = 'partial' OR pending <> '[]')),
    days AS (
      SELECT DISTINCT provider, kind, invoice_ref, date_trunc('day', charge_period_start, 'UTC') AS first_day,
        date_trunc('day', charge_period_end - interval '1 microsecond', 'UTC') + interval '1 day' AS next_day
      FROM ${linesOf(position, of, columns)} l WHERE category = 'usage')
    SELECT b.provider, b.kind, lower(r.span) AS start_at, upper(r.span) AS end_at
    FROM (
      SELECT provider, kind, range_agg(tstzrange(first_day, next_day)) AS spans FROM days d
      WHERE NOT EXISTS (
        SELECT FROM partial p
        WHERE p.provider = d.provider
          AND (d.invoice_ref = p.delivery OR starts_with(d.invoice_ref, p.delivery || ' ')))
      GROUP BY provider, kind) b
    CROSS JOIN LATERAL unnest(b.spans) AS r(span)
    ORDER BY 1, 2, 3`.execute(db);
  return rows;
}
