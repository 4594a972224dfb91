import { type Kysely, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { ReadModels } from '#read-model/read-models';
import { type Bill, known } from './billed.read.js';

type Db = Kysely<ReadModels>;

/** Cost lines of a provider's invoice: the sum of those within the month, or lines that must be divided. */
export interface JournalCost extends Bill {
  readonly kind: string;
  readonly is_tax: boolean;
  readonly is_correction: boolean;
  /** How many lines have this amount. A sum: 1. */
  readonly lines: number;
  readonly amount: string;
  /** null: a sum. */
  readonly charge_period_start: Instant | null;
  readonly charge_period_end: Instant | null;
}

/** The cost charged within a month in one currency, with tax, by provider invoice. */
export async function readJournalCosts(
  db: Db,
  position: number,
  { month, currency }: { readonly month: Period; readonly currency: string },
): Promise<JournalCost[]> {
  const { start, end } = month;
  const { rows } = await sql<JournalCost>`
    SELECT provider, invoice_ref, kind, is_tax, is_correction,
      CASE WHEN divided IS NULL THEN 1 ELSE count(*)::int END AS lines, coalesce(divided, sum(amount)) AS amount,
      charge_period_start, charge_period_end
    FROM (
      SELECT l.provider, l.invoice_ref, l.kind, l.amount, l.category = 'tax' AS is_tax,
        l.class IS NOT NULL AS is_correction,
        CASE WHEN w.is_within THEN NULL ELSE l.amount END AS divided,
        CASE WHEN w.is_within THEN NULL ELSE l.charge_period_start END AS charge_period_start,
        CASE WHEN w.is_within THEN NULL ELSE l.charge_period_end END AS charge_period_end
      FROM ${known(
        position,
        sql`provider, invoice_ref, kind, amount, category, class, charge_period_start, charge_period_end`,
        sql`currency = ${currency} AND charge_period_start < ${end} AND charge_period_end > ${start}`,
      )} l
      CROSS JOIN LATERAL (
        SELECT l.charge_period_start >= ${start} AND l.charge_period_end <= ${end} AS is_within) w) x
    GROUP BY provider, invoice_ref, kind, is_tax, is_correction, divided, charge_period_start, charge_period_end
    ORDER BY provider, invoice_ref, kind`.execute(db);
  return rows;
}
