import { byMonth } from '../margin/months.js';
import { type Decimal, decimal, sum, text, ZERO } from '../money/decimal.js';
import { creditUsed } from './credit-draw.js';
import type { Coupon } from './credits.js';
import type { DraftRow, FrozenRow } from './invoice.js';

/** Why lines are corrected, in which currency, and the coupons that reduce their charges. */
export interface CorrectedFor {
  readonly currency: string;
  readonly coupons: readonly Coupon[];
  readonly reason: string | undefined;
}

/**
 * Compares what issued parts come to now with what is booked for them. Where a component differs, the booked row is
 * reversed, with its own charge period and tax, and the right row is booked. A part whose charges are the same in every
 * month, at the same tax rates, books nothing.
 */
export function corrections(
  now: readonly DraftRow[],
  booked: readonly FrozenRow[],
  { currency, coupons, reason }: CorrectedFor,
): DraftRow[] {
  const couponIds = new Set(coupons.map(({ creditId }) => creditId));
  const nowByPart = Map.groupBy(now, ({ partId }) => partId);
  const bookedByPart = Map.groupBy(booked, ({ partId }) => partId);
  return union(bookedByPart, nowByPart).flatMap((partId) => {
    const [after, before] = [nowByPart.get(partId) ?? [], bookedByPart.get(partId) ?? []];
    const isRight = areSameBooks(
      monthlyCharges(after, couponIds, currency),
      monthlyCharges(before, couponIds, currency),
    );
    return isRight ? [] : correctionsOfPart(after, before, { booked: before, couponIds, reason });
  });
}

type Books = ReadonlyMap<string, Decimal>;

/** The charge before credits of each UTC month, at each tax rate. */
function monthlyCharges(
  rows: readonly (DraftRow | FrozenRow)[],
  couponIds: ReadonlySet<string>,
  currency: string,
): Books {
  const books = new Map<string, Decimal>();
  for (const row of rows)
    for (const { month, amount } of byMonth(chargeOf([row], couponIds), row.chargePeriod, currency)) {
      const key = `${month} ${text(decimal(row.taxRatePercent))}`;
      books.set(key, (books.get(key) ?? ZERO).plus(amount));
    }
  return books;
}

const areSameBooks = (a: Books, b: Books): boolean =>
  union(a, b).every((key) => (a.get(key) ?? ZERO).eq(b.get(key) ?? ZERO));

/** Amounts of different charge periods, or at different tax rates, are different charges. */
const chargeKey = ({ chargePeriod, taxRatePercent }: DraftRow | FrozenRow): string =>
  `${chargePeriod.start}\n${chargePeriod.end}\n${text(decimal(taxRatePercent))}`;

function correctionsOfPart(now: readonly DraftRow[], booked: readonly FrozenRow[], correcting: Correcting): DraftRow[] {
  const nowByCharge = Map.groupBy(now, chargeKey);
  const bookedByCharge = Map.groupBy(booked, chargeKey);
  return union(bookedByCharge, nowByCharge).flatMap((key) => {
    const [after, before] = [nowByCharge.get(key) ?? [], bookedByCharge.get(key) ?? []];
    const isRight = chargeOf(after, correcting.couponIds).eq(chargeOf(before, correcting.couponIds));
    return isRight ? [] : correctionsOfCharge(after, before, correcting);
  });
}

/** What the part of a charge has booked, and why it is corrected. */
interface Correcting {
  readonly booked: readonly FrozenRow[];
  readonly couponIds: ReadonlySet<string>;
  readonly reason: string | undefined;
}

function correctionsOfCharge(
  now: readonly DraftRow[],
  before: readonly FrozenRow[],
  { booked, couponIds, reason }: Correcting,
): DraftRow[] {
  const nowByKey = Map.groupBy(now, componentKey);
  const beforeByKey = Map.groupBy(before, componentKey);
  return union(beforeByKey, nowByKey).flatMap((key): DraftRow[] => {
    const [after, reversed] = [nowByKey.get(key) ?? [], beforeByKey.get(key) ?? []];
    if (areEqual(after, reversed, couponIds)) return [];
    // A new component corrects the rows of its part. A part that was issued without rows has no row to name.
    const alike = reversed.length > 0 ? reversed : booked.filter((row) => componentKey(row) === key);
    const corrected = notReversed(alike.length > 0 ? alike : booked);
    const shared = {
      ...(corrected.length === 0 ? {} : { corrects: corrected.map(({ rowId }) => rowId) }),
      ...(reason === undefined ? {} : { reason }),
    };
    return [
      ...reversalOf(reversed, couponIds).map((row) => ({ ...row, ...shared })),
      ...after.map((row): DraftRow => ({ ...row, ...shared, kind: 'rebooked' })),
    ];
  });
}

/** Reverses all that a component has booked so far, in one row. No row if nothing is booked. */
function reversalOf(booked: readonly FrozenRow[], couponIds: ReadonlySet<string>): DraftRow[] {
  const last = booked.at(-1);
  if (last === undefined || areEqual([], booked, couponIds)) return [];
  const { rowId: _id, corrects: _corrects, reason: _reason, credits: _credits, ...row } = last;
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
      tax: text(sum(booked.map(({ tax }) => decimal(tax))).neg()),
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
const couponsIn = (rows: readonly (DraftRow | FrozenRow)[], couponIds: ReadonlySet<string>) =>
  sum(
    rows.flatMap(({ credits }) =>
      (credits ?? []).filter(({ creditId }) => couponIds.has(creditId)).map(({ amount }) => decimal(amount)),
    ),
  );

/** The charge before credits. */
export const chargeOf = (rows: readonly (DraftRow | FrozenRow)[], couponIds: ReadonlySet<string>) =>
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
