import type { Kysely } from 'kysely';
import { type BookedTaking, expiriesOf } from '#domain/invoices/credit-expiry';
import type { Credit } from '#domain/invoices/credits';
import { type Decimal, decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { instant, type Instant, isBefore } from '#domain/time/instant';
import { contains, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { toCredit } from '#projections/credits/credits.projection';
import { readCredits } from '#projections/credits/credits.read';
import type { CreditRow } from '#projections/credits/credits.table';
import { readBookedTakings } from '#projections/invoices/journal.read';
import type { ReadModels } from '#read-model/read-models';

/** An amount on a day, of the credit that a tenant bought. Below 0: it is less. */
interface Change {
  readonly at: Instant;
  readonly amount: Decimal;
}

/** Whether a row is of a credit that was bought, and not withdrawn. */
export const isBought = ({ payment, is_withdrawn: isWithdrawn }: CreditRow): boolean =>
  payment !== null && !isWithdrawn;

/** Bought credits, each with what invoices took of it. */
export async function withTakings(
  db: Kysely<ReadModels>,
  position: number,
  rows: readonly CreditRow[],
): Promise<{ readonly row: CreditRow; readonly credit: Credit; readonly takings: readonly BookedTaking[] }[]> {
  const booked = Map.groupBy(await readBookedTakings(db, position, rows), keyOfCredit);
  return rows.flatMap((row) => {
    const credit = toCredit(row);
    if (credit.kind !== 'credit') return [];
    const takings = (booked.get(keyOfCredit(row)) ?? []).map((each) => ({
      ...{ amount: decimal(each.amount), asOf: each.as_of, issuedAt: each.issued_at, voidedAt: each.voided_at },
    }));
    return [{ row, credit, takings }];
  });
}

/** A credit of a tenant in a currency, as a text. */
export const keyOfCredit = (row: Pick<CreditRow, 'tenant_id' | 'currency' | 'credit_id'>): string =>
  JSON.stringify([row.tenant_id, row.currency, row.credit_id]);

/**
 * The credit that a tenant bought, over a period: what it bought, what invoices used (less what void ones gave back),
 * and what expired. `closing` = `opening` + bought − used − expired, as the journal has it.
 */
export async function prepaidOf(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  { tenantId, currency, period }: { readonly tenantId: string; readonly currency: string; readonly period: Period },
) {
  const rows = (await readCredits(core.db, position, [tenantId])).filter(
    (row) => row.currency === currency && isBought(row),
  );
  const [bought, used, expired]: [(Change & { creditId: string })[], Change[], Change[]] = [[], [], []];
  for (const { credit, takings } of await withTakings(core.db, position, rows)) {
    if (credit.payment === null) continue;
    bought.push({ creditId: credit.creditId, at: credit.payment.at, amount: decimal(credit.amount) });
    for (const { amount, issuedAt, voidedAt } of takings) {
      used.push({ at: issuedAt, amount });
      if (voidedAt !== null) used.push({ at: voidedAt, amount: amount.neg() });
    }
    for (const { date, amount } of expiriesOf(credit, takings, currency))
      expired.push({ at: instant(`${date}T00:00:00Z`), amount });
  }
  const money = (amount: Decimal): string => moneyText(amount, currency);
  const before = (changes: readonly Change[], until: Instant): Decimal =>
    sum(changes.filter(({ at }) => isBefore(at, until)).map(({ amount }) => amount));
  const within = (changes: readonly Change[]): string =>
    money(before(changes, period.end).minus(before(changes, period.start)));
  const left = (until: Instant): string =>
    money(before(bought, until).minus(before(used, until)).minus(before(expired, until)));
  return {
    opening: left(period.start),
    topUps: bought
      .filter(({ at }) => contains(period, at))
      .sort((a, b) => (isBefore(a.at, b.at) ? -1 : 1))
      .map(({ creditId, at, amount }) => ({ creditId, at, amount: money(amount) })),
    ...{ bought: within(bought), used: within(used), expired: within(expired) },
    closing: left(period.end),
  };
}
