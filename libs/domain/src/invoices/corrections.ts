import { decimal, sum, text, ZERO } from '../money/decimal.js';
import { type Coupon, creditUsed } from './credits.js';
import type { DraftRow, FrozenRow } from './invoice.js';

/**
 * Compares what issued parts come to now with what is booked for them. Where a component differs, the booked row is
 * reversed and the right row is booked, both with the part's own charge period. A part with equal amounts books
 * nothing.
 */
export function corrections(
  now: readonly DraftRow[],
  booked: readonly FrozenRow[],
  coupons: readonly Coupon[],
  reason: string | undefined,
): DraftRow[] {
  const couponIds = new Set(coupons.map(({ creditId }) => creditId));
  const nowByPart = Map.groupBy(now, ({ partId }) => partId);
  const bookedByPart = Map.groupBy(booked, ({ partId }) => partId);
  return union(bookedByPart, nowByPart).flatMap((partId) =>
    correctionsOfPart(nowByPart.get(partId) ?? [], bookedByPart.get(partId) ?? [], couponIds, reason),
  );
}

function correctionsOfPart(
  now: readonly DraftRow[],
  booked: readonly FrozenRow[],
  couponIds: ReadonlySet<string>,
  reason: string | undefined,
): DraftRow[] {
  if (chargeOf(now, couponIds).eq(chargeOf(booked, couponIds))) return [];
  const nowByKey = Map.groupBy(now, componentKey);
  const bookedByKey = Map.groupBy(booked, componentKey);
  return union(bookedByKey, nowByKey).flatMap((key): DraftRow[] => {
    const after = nowByKey.get(key) ?? [];
    const before = bookedByKey.get(key) ?? [];
    if (areEqual(after, before, couponIds)) return [];
    // A new component corrects the rows of its part. A part that was issued without rows has no row to name.
    const corrected = notReversed(before.length > 0 ? before : booked);
    const shared = {
      taxRatePercent: (before[0] ?? booked[0])?.taxRatePercent ?? null,
      ...(corrected.length === 0 ? {} : { corrects: corrected.map(({ rowId }) => rowId) }),
      ...(reason === undefined ? {} : { reason }),
    };
    const rebooked = after.map((row): DraftRow => ({
      ...row,
      ...shared,
      chargePeriod: booked[0]?.chargePeriod ?? row.chargePeriod,
      kind: 'rebooked',
    }));
    return [...reversalOf(before, couponIds).map((row) => ({ ...row, ...shared })), ...rebooked];
  });
}

/** Reverses all that a component has booked so far, in one row. No row if nothing is booked. */
function reversalOf(booked: readonly FrozenRow[], couponIds: ReadonlySet<string>): DraftRow[] {
  const last = booked.at(-1);
  if (last === undefined || areEqual([], booked, couponIds)) return [];
  const { rowId: _id, tax: _tax, corrects: _corrects, reason: _reason, credits: _credits, ...row } = last;
  const credits = [...creditUsed(booked)]
    .filter(([, amount]) => !amount.eq(ZERO))
    .map(([creditId, amount]) => ({ creditId, amount: text(amount.neg()) }));
  const minus = (field: Amount): string => text(sumOf(booked, field).neg());
  return [
    {
      ...row,
      quantity: minus('quantity'),
      gross: minus('gross'),
      discount: minus('discount'),
      credit: minus('credit'),
      net: minus('net'),
      ...(credits.length === 0 ? {} : { credits }),
      kind: 'reversal',
    },
  ];
}

/** The rows that no other row reverses. */
function notReversed(rows: readonly FrozenRow[]): FrozenRow[] {
  const reversed = new Set(rows.flatMap(({ kind, corrects }) => (kind === 'reversal' ? (corrects ?? []) : [])));
  const left = rows.filter(({ kind, rowId }) => kind !== 'reversal' && !reversed.has(rowId));
  // If all rows are reversed, a new row corrects the rows that reversed them.
  return left.length > 0 ? left : [...rows];
}

const componentKey = ({ ref, unitAmount }: Pick<FrozenRow, 'ref' | 'unitAmount'>): string => `${ref}\n${unitAmount}`;

type Amount = 'quantity' | 'gross' | 'discount' | 'credit' | 'net';
type Amounts = Pick<FrozenRow, Amount>;
const sumOf = (rows: readonly Amounts[], field: Amount) =>
  rows.length === 0 ? ZERO : sum(rows.map((row) => decimal(row[field])));

/**
 * The amount that coupons took. Like a discount it follows from the charge; credits are taken again from a corrected
 * row.
 */
const couponsIn = (rows: readonly DraftRow[] | readonly FrozenRow[], couponIds: ReadonlySet<string>) =>
  sum(
    rows.flatMap(({ credits }) =>
      (credits ?? []).filter(({ creditId }) => couponIds.has(creditId)).map(({ amount }) => decimal(amount)),
    ),
  );

/** The charge before credits. */
const chargeOf = (rows: readonly DraftRow[] | readonly FrozenRow[], couponIds: ReadonlySet<string>) =>
  sumOf(rows, 'gross').minus(sumOf(rows, 'discount')).minus(couponsIn(rows, couponIds));

/** A change of quantity without a change of money books nothing. */
const areEqual = (
  a: readonly DraftRow[] | readonly FrozenRow[],
  b: readonly FrozenRow[],
  couponIds: ReadonlySet<string>,
): boolean =>
  sumOf(a, 'gross').eq(sumOf(b, 'gross')) &&
  sumOf(a, 'discount').eq(sumOf(b, 'discount')) &&
  couponsIn(a, couponIds).eq(couponsIn(b, couponIds));

const union = <Key>(a: ReadonlyMap<Key, unknown>, b: ReadonlyMap<Key, unknown>): Key[] => [
  ...new Set([...a.keys(), ...b.keys()]),
];
