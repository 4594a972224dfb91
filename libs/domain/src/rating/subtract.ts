import { text } from '../money/decimal.js';
import { isNothing, type RatedRow } from './row.js';

/** Rows with the same reference and unit amount are the same component: "1.00" and "1" are equal. */
const keyOf = (row: RatedRow): string => `${row.ref}\n${text(row.unitAmount)}`;

const negated = (row: RatedRow): RatedRow => ({
  ...row,
  quantity: row.quantity.neg(),
  gross: row.gross.neg(),
  discount: row.discount.neg(),
  credit: row.credit.neg(),
  net: row.net.neg(),
});

const plus = (a: RatedRow, b: RatedRow): RatedRow => ({
  ...a,
  quantity: a.quantity.plus(b.quantity),
  gross: a.gross.plus(b.gross),
  discount: a.discount.plus(b.discount),
  credit: a.credit.plus(b.credit),
  net: a.net.plus(b.net),
});

/**
 * The sum of both, component by component: in the order of `rows`, then the components of `more` alone. Empty rows are
 * left out.
 */
export function add(rows: readonly RatedRow[], more: readonly RatedRow[]): RatedRow[] {
  if (more.length === 0) return rows.filter((row) => !isNothing(row));
  const byKey = new Map<string, RatedRow>();
  for (const row of [...rows, ...more]) {
    const key = keyOf(row);
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? row : plus(known, row));
  }
  return [...byKey.values()].filter((row) => !isNothing(row));
}

/**
 * What `now` owes beyond `booked`. A component that is only in `booked` comes back negative.
 * [tier-1: 10, tier-2: 5] − [tier-1: 6, tier-3: 2] = [tier-1: 4, tier-2: 5, tier-3: −2]
 */
export const subtract = (now: readonly RatedRow[], booked: readonly RatedRow[]): RatedRow[] =>
  add(now, booked.map(negated));
