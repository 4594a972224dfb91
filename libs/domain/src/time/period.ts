import { invalid } from '../errors.js';
import { compareInstants, earlier, fromMicros, type Instant, instant, isBefore, later, micros } from './instant.js';

/** `[start, end)`: start inclusive, end exclusive, UTC. Every period has this form, and none is empty. */
export interface Period {
  readonly start: Instant;
  readonly end: Instant;
}

/** `[start, end)`, where `end` null means: until further notice. */
export interface OpenPeriod {
  readonly start: Instant;
  readonly end: Instant | null;
}

/** Errors: `empty_period`, if the end is not after the start. */
export function period(start: Instant, end: Instant): Period {
  if (!isBefore(start, end)) throw invalid('empty_period', `a period must end after it starts: [${start}, ${end})`);
  return { start, end };
}

/** Refuses an effective period that does not end after it starts. Errors: `empty_period`. */
export function assertEffective(effectiveFrom: Instant, effectiveUntil: Instant | null): void {
  if (effectiveUntil === null || isBefore(effectiveFrom, effectiveUntil)) return;
  throw invalid('empty_period', `effectiveUntil ${effectiveUntil} is not after effectiveFrom ${effectiveFrom}`, [
    { field: 'effectiveUntil', message: 'must be after effectiveFrom' },
  ]);
}

export const parsePeriod = (value: { start: string; end: string }, what = 'period'): Period =>
  period(instant(value.start, `${what}.start`), instant(value.end, `${what}.end`));

/** The one meaning of "contains": start ≤ at < end. */
export const contains = (within: OpenPeriod, at: Instant): boolean =>
  compareInstants(within.start, at) <= 0 && (within.end === null || isBefore(at, within.end));

export const overlaps = (a: OpenPeriod, b: OpenPeriod): boolean =>
  (b.end === null || isBefore(a.start, b.end)) && (a.end === null || isBefore(b.start, a.end));

/** The common part of two periods; null if there is none. */
export function intersection(a: Period, b: OpenPeriod): Period | null;
export function intersection(a: OpenPeriod, b: OpenPeriod): OpenPeriod | null;
export function intersection(a: OpenPeriod, b: OpenPeriod): OpenPeriod | null {
  const start = later(a.start, b.start);
  const end = a.end === null || b.end === null ? (a.end ?? b.end) : earlier(a.end, b.end);
  return end !== null && !isBefore(start, end) ? null : { start, end };
}

/** From the start of the first of periods in order to the end of the last. null: there are none. */
export function spanOf(periods: readonly Period[]): Period | null {
  const [first, last] = [periods[0], periods.at(-1)];
  return first === undefined || last === undefined ? null : { start: first.start, end: last.end };
}

/** Where a period begins and, unless it is open, ends. */
export const boundsOf = ({ start, end }: OpenPeriod): Instant[] => (end === null ? [start] : [start, end]);

/** The instants that a period contains, each once and in order. */
export const instantsIn = (within: Period, instants: readonly Instant[]): Instant[] =>
  [...new Set(instants)].filter((at) => contains(within, at)).sort(compareInstants);

export const samePeriod = (a: Period, b: Period): boolean => a.start === b.start && a.end === b.end;
export const comparePeriods = (a: Period, b: Period): number =>
  compareInstants(a.start, b.start) || compareInstants(a.end, b.end);
export const periodText = (value: OpenPeriod): string => `[${value.start}, ${value.end ?? 'open'})`;

/**
 * Cuts a period at the instants strictly inside it: the pieces tile it. Cuts outside or at its edges make no empty
 * piece.
 */
export function cutAt(whole: Period, cuts: readonly Instant[]): Period[] {
  const inside = [...new Set(cuts)]
    .filter((cut) => isBefore(whole.start, cut) && isBefore(cut, whole.end))
    .sort(compareInstants);
  const bounds = [whole.start, ...inside, whole.end];
  return bounds.slice(0, -1).map((start, index) => ({ start, end: bounds[index + 1] ?? whole.end }));
}

/** Length in microseconds. */
export const lengthMicros = (value: Period): bigint => micros(value.end) - micros(value.start);

const DAY_MICROS = 86_400_000_000n;
const HOUR_MICROS = 3_600_000_000n;

const pieceAt = (at: Instant, length: bigint): Period => {
  const value = micros(at);
  const start = value - (((value % length) + length) % length);
  return { start: fromMicros(start), end: fromMicros(start + length) };
};

/** The UTC day that holds the instant. */
export const dayOf = (at: Instant): Period => pieceAt(at, DAY_MICROS);
export const hourOf = (at: Instant): Period => pieceAt(at, HOUR_MICROS);

/** The UTC calendar month that holds the instant. */
export function monthOf(at: Instant): Period {
  const year = Number(at.slice(0, 4));
  const month = Number(at.slice(5, 7));
  const next = month === 12 ? { year: year + 1, month: 1 } : { year, month: month + 1 };
  return { start: monthStart(year, month), end: monthStart(next.year, next.month) };
}

/** The UTC month of a name such as `2026-04`. */
export const monthNamed = (name: string): Period => monthOf(instant(`${name}-01T00:00:00Z`));
const monthStart = (year: number, month: number): Instant =>
  instant(`${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-01T00:00:00Z`);

/** The pieces of `whole` of one length: its days, hours or months. */
export function piecesOf(whole: Period, pieceHolding: (at: Instant) => Period): Period[] {
  const pieces: Period[] = [];
  for (let at = whole.start; isBefore(at, whole.end); at = pieceHolding(at).end) {
    pieces.push({ start: at, end: earlier(pieceHolding(at).end, whole.end) });
  }
  return pieces;
}
