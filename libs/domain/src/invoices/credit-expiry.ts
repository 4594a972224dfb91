import { type Decimal, decimal, sum, ZERO } from '../money/decimal.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { creditsLeft, rollsOver } from './credit-draw.js';
import type { Credit } from './credits.js';

/** What an invoice took of a credit (below 0: gave back), with the instants of its issue and of its void. */
export interface BookedTaking {
  readonly amount: Decimal;
  readonly asOf: Instant;
  readonly issuedAt: Instant;
  /** null: the invoice is not void. */
  readonly voidedAt: Instant | null;
}

/** The amount of a bought credit that nobody can use any more since a day, `2026-06-01`. Below 0: it was used again. */
export interface Expiry {
  readonly date: string;
  readonly amount: Decimal;
}

/**
 * What expires of a bought credit, day by day: what is paid and not taken, less what invoices may still take of it. Of
 * 100.00 that end with 30.00 taken, 70.00 expire on the day of the end. What invoices take of it later, or give back,
 * changes this on the days of their issue and of their void.
 */
export function expiriesOf(credit: Credit, takings: readonly BookedTaking[], currency: string): Expiry[] {
  const { amount, payment, until } = credit;
  if (payment === null || until === null) return [];
  const ends = rollsOver(credit, until) && credit.rollover !== null ? [until, credit.rollover.until] : [until];
  const changes = takings.flatMap(({ issuedAt, voidedAt }) => (voidedAt === null ? [issuedAt] : [issuedAt, voidedAt]));
  const expiredAt = (at: Instant): Decimal => {
    if (isBefore(at, payment.at) || isBefore(at, until)) return ZERO;
    const booked = takings.filter(
      ({ issuedAt, voidedAt }) => !isBefore(at, issuedAt) && (voidedAt === null || isBefore(at, voidedAt)),
    );
    const uses = booked.map(({ amount: used, asOf }) => ({ creditId: credit.creditId, amount: used, asOf }));
    const [still] = creditsLeft([credit], uses, { asOf: at, currency });
    const left = still === undefined || still.parts !== null ? ZERO : still.left;
    return decimal(amount)
      .minus(sum(uses.map((use) => use.amount)))
      .minus(left);
  };
  const days = Map.groupBy([payment.at, ...ends, ...changes].sort(compareInstants), (at) => at.slice(0, 10));
  let expired = ZERO;
  const expiries: Expiry[] = [];
  for (const [date, instants] of days) {
    const now = expiredAt(instants.at(-1) ?? payment.at);
    if (!now.eq(expired)) expiries.push({ date, amount: now.minus(expired) });
    expired = now;
  }
  return expiries;
}
