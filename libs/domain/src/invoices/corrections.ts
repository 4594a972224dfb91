import { decimal, sum, text, ZERO } from '../money/decimal.js';
import { creditUsed } from './credits.js';
import type { DraftRow, FrozenRow } from './invoice.js';

/**
 * What issued parts come to now against what is booked for them: where a component differs, the booked row is reversed
 * and the row as it should be is booked, both with the part's own charge period. A part that comes to the same books nothing.
 */
export function corrections(now: readonly DraftRow[], booked: readonly FrozenRow[], reason: string | undefined): DraftRow[] {
  const nowByPart = Map.groupBy(now, ({ partId }) => partId);
  const bookedByPart = Map.groupBy(booked, ({ partId }) => partId);
  return union(bookedByPart, nowByPart).flatMap((partId) => correctionsOfPart(nowByPart.get(partId) ?? [], bookedByPart.get(partId) ?? [], reason));
}

function correctionsOfPart(now: readonly DraftRow[], booked: readonly FrozenRow[], reason: string | undefined): DraftRow[] {
  if (chargeOf(now).eq(chargeOf(booked))) return [];
  const nowByKey = Map.groupBy(now, componentKey);
  const bookedByKey = Map.groupBy(booked, componentKey);
  return union(bookedByKey, nowByKey).flatMap((key): DraftRow[] => {
    const after = nowByKey.get(key) ?? [];
    const before = bookedByKey.get(key) ?? [];
    if (areEqual(after, before)) return [];
    // A component that was not booked yet corrects the part as it stands; a part issued with nothing to pay has no row to name.
    const corrected = standing(before.length > 0 ? before : booked);
    const shared = {
      taxRatePercent: (before[0] ?? booked[0])?.taxRatePercent ?? null,
      ...(corrected.length === 0 ? {} : { corrects: corrected.map(({ rowId }) => rowId) }),
      ...(reason === undefined ? {} : { reason }),
    };
    const rebooked = after.map((row): DraftRow => ({ ...row, ...shared, chargePeriod: booked[0]?.chargePeriod ?? row.chargePeriod, kind: 'rebooked' }));
    return [...reversalOf(before).map((row) => ({ ...row, ...shared })), ...rebooked];
  });
}

/** Takes back what a component has booked so far, as one row; nothing where that is nothing. */
function reversalOf(booked: readonly FrozenRow[]): DraftRow[] {
  const last = booked.at(-1);
  if (last === undefined || areEqual([], booked)) return [];
  const { rowId: _id, tax: _tax, corrects: _corrects, reason: _reason, credits: _credits, ...row } = last;
  const credits = [...creditUsed(booked)].filter(([, amount]) => !amount.eq(ZERO)).map(([creditId, amount]) => ({ creditId, amount: text(amount.neg()) }));
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

/** The rows that no other takes back. */
function standing(rows: readonly FrozenRow[]): FrozenRow[] {
  const reversed = new Set(rows.flatMap(({ kind, corrects }) => (kind === 'reversal' ? (corrects ?? []) : [])));
  const left = rows.filter(({ kind, rowId }) => kind !== 'reversal' && !reversed.has(rowId));
  // All taken back: what comes anew corrects the rows that took them back.
  return left.length > 0 ? left : [...rows];
}

const componentKey = ({ ref, unitAmount }: Pick<FrozenRow, 'ref' | 'unitAmount'>): string => `${ref}\n${unitAmount}`;

type Amount = 'quantity' | 'gross' | 'discount' | 'credit' | 'net';
type Amounts = Pick<FrozenRow, Amount>;
const sumOf = (rows: readonly Amounts[], field: Amount) => (rows.length === 0 ? ZERO : sum(rows.map((row) => decimal(row[field]))));

/** What is charged, before credits: these are taken from a corrected row anew. */
const chargeOf = (rows: readonly Amounts[]) => sumOf(rows, 'gross').minus(sumOf(rows, 'discount'));

/** A quantity that moved without moving money books nothing. */
const areEqual = (a: readonly Amounts[], b: readonly Amounts[]): boolean =>
  sumOf(a, 'gross').eq(sumOf(b, 'gross')) && sumOf(a, 'discount').eq(sumOf(b, 'discount'));

const union = <Key>(a: ReadonlyMap<Key, unknown>, b: ReadonlyMap<Key, unknown>): Key[] => [...new Set([...a.keys(), ...b.keys()])];
