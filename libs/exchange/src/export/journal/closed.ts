import { type Closing, monthAfter } from '#domain/books/period';
import { type Decimal, decimal, ZERO } from '#domain/money/decimal';
import { unitAmountText } from '#domain/money/money';
import { monthNamed, type Period } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { readClosings } from '#projections/closed-periods/closed-periods.read';
import { readFirstBookedMonth } from '#projections/invoices/journal.read';
import type { Accounts } from './accounts.js';
import { monthText } from './dates.js';
import { type Posting, postingsOf } from './journal.js';

/**
 * The postings of a month, of which nothing changes once it is closed. What becomes known of closed months later is
 * booked in the first open month, as `late` transactions that name the original month: the difference between what the
 * closed months come to now, and what they came to when they were closed.
 */
export async function* bookedPostings(
  core: LedgerCore,
  position: number,
  period: Period,
  accounts: Accounts,
): AsyncGenerator<Posting> {
  const month = monthText(period.start);
  const closings = await readClosings(core.db, position);
  const index = closings.findIndex((closing) => month <= closing.month);
  const until = closings[index]?.position ?? position;
  yield* postingsOf(core, until, period, accounts);
  const before = index === -1 ? closings.at(-1) : closings[index - 1];
  if (before === undefined || month !== monthAfter(before.month)) return;
  const first = await firstOf(core, [before.position, until]);
  if (first === null) return;
  for (let closed = first; closed <= before.month; closed = monthAfter(closed))
    yield* latePostings(core, { closed, before, until, accounts, period });
}

/** The first month with a booking as of any of the positions: what was booked first may have been withdrawn since. */
async function firstOf({ db }: LedgerCore, positions: readonly number[]): Promise<string | null> {
  const months = await Promise.all(positions.map(async (position) => readFirstBookedMonth(db, position)));
  return months.filter((month) => month !== null).sort()[0] ?? null;
}

interface Late {
  readonly closed: string;
  readonly before: Closing;
  readonly until: number;
  readonly accounts: Accounts;
  readonly period: Period;
}

async function* latePostings(
  core: LedgerCore,
  { closed, before, until, accounts, period }: Late,
): AsyncGenerator<Posting> {
  const left = new Map<string, { posting: Posting; amount: Decimal }>();
  const add = async (position: number, isLater: boolean): Promise<void> => {
    for await (const posting of postingsOf(core, position, monthNamed(closed), accounts)) {
      const { date: _date, amount, ...of } = posting;
      const key = JSON.stringify(of);
      const known = left.get(key)?.amount ?? ZERO;
      left.set(key, { posting, amount: isLater ? known.plus(decimal(amount)) : known.minus(decimal(amount)) });
    }
  };
  await add(before.position, false);
  await add(until, true);
  const changed = [...left.values()].filter(({ amount }) => !amount.eq(ZERO));
  const byTransaction = Map.groupBy(changed, ({ posting }) => JSON.stringify([posting.transaction, posting.currency]));
  for (const entries of byTransaction.values())
    for (const { posting, amount } of entries)
      yield {
        ...posting,
        date: period.start.slice(0, 10),
        transaction: `${posting.transaction}/late/${closed}/${monthText(period.start)}`,
        type: 'late',
        bookedMonth: monthText(period.start),
        amount: unitAmountText(amount, posting.currency),
        originalMonth: closed,
      };
}
