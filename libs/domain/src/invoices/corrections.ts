import { decimal, sum, text, ZERO } from '../money/decimal.js';
import type { FrozenRow } from './invoice.js';

/** A row of an invoice before its id and its tax. `taxRatePercent` is given where the row corrects one: that row's rate. */
export type DraftRow = Omit<FrozenRow, 'rowId' | 'tax' | 'taxRatePercent'> & { readonly taxRatePercent: string | null };

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
  if (areEqual(now, booked, OWED)) return [];
  const nowByKey = Map.groupBy(now, componentKey);
  const bookedByKey = Map.groupBy(booked, componentKey);
  return union(bookedByKey, nowByKey).flatMap((key): DraftRow[] => {
    const after = nowByKey.get(key) ?? [];
    const before = bookedByKey.get(key) ?? [];
    if (areEqual(after, before, MONEY)) return [];
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
  if (last === undefined || areEqual([], booked, MONEY)) return [];
  const { rowId: _id, tax: _tax, corrects: _corrects, reason: _reason, ...row } = last;
  const minus = (field: Amount): string => text(sumOf(booked, field).neg());
  return [
    {
      ...row,
      quantity: minus('quantity'),
      gross: minus('gross'),
      discount: minus('discount'),
      credit: minus('credit'),
      net: minus('net'),
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
/** A quantity that moved without moving money books nothing; nor does a part whose components moved without moving what is owed. */
const MONEY: readonly Amount[] = ['gross', 'discount', 'credit', 'net'];
const OWED: readonly Amount[] = ['credit', 'net'];

type Amounts = Pick<FrozenRow, Amount>;
const sumOf = (rows: readonly Amounts[], field: Amount) => (rows.length === 0 ? ZERO : sum(rows.map((row) => decimal(row[field]))));
const areEqual = (a: readonly Amounts[], b: readonly Amounts[], fields: readonly Amount[]): boolean =>
  fields.every((field) => sumOf(a, field).eq(sumOf(b, field)));
const union = <Key>(a: ReadonlyMap<Key, unknown>, b: ReadonlyMap<Key, unknown>): Key[] => [...new Set([...a.keys(), ...b.keys()])];
