import { type Kysely, sql } from 'kysely';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import type { ReadModels } from '#read-model/read-models';
import type { ProviderMonthRow } from './provider-months.table.js';

/** The providers that readings of some kinds name in some UTC months. */
export async function readProviderMonths(
  db: Kysely<ReadModels>,
  position: number,
  { months, billingKinds }: { readonly months: readonly Period[]; readonly billingKinds: readonly string[] },
): Promise<ProviderMonthRow[]> {
  const starts = months.map(({ start }) => start);
  const { rows } = await sql<ProviderMonthRow>`
    SELECT billing_kind, month, provider FROM provider_months
    WHERE billing_kind = ${anyOf(billingKinds)} AND month = ${anyOf(starts, 'timestamptz')}
      AND position_from <= ${position}
    ORDER BY 1, 2, 3`.execute(db);
  return rows;
}
