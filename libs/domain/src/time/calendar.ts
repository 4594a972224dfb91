import { fromMicros, type Instant, isBefore, micros } from './instant.js';
import type { Period } from './period.js';

/**
 * Billing periods: calendar months (or years) in a tenant's time zone, moved by a subscription's anchor. The zone
 * decides where a period begins and ends, and what people read on a document; instants are UTC everywhere.
 */
export type Interval = 'month' | 'year';

interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** Microseconds since local midnight. */
  readonly timeMicros: bigint;
}

const SECOND = 1_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(timeZone, formatter);
  }
  return formatter;
}

/** The zone of most tenants. Its local time is the instant itself; Intl took a third of the time of an invoice run. */
const UTC = 'UTC';

function localTime(at: Instant, timeZone: string): LocalTime {
  const value = micros(at);
  if (timeZone === UTC) {
    const timeMicros = ((value % DAY) + DAY) % DAY;
    const date = new Date(Number((value - timeMicros) / 1000n));
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), timeMicros };
  }
  const fraction = ((value % SECOND) + SECOND) % SECOND;
  const parts = new Map(
    formatterOf(timeZone)
      .formatToParts(Number((value - fraction) / 1000n))
      .map(({ type, value: text }) => [type, Number(text)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const timeMicros =
    BigInt(part('hour')) * HOUR + BigInt(part('minute')) * MINUTE + BigInt(part('second')) * SECOND + fraction;
  return { year: part('year'), month: part('month'), day: part('day'), timeMicros };
}

/** The local time read as if it were UTC, in microseconds: the difference to the instant is the zone's offset. */
const asIfUtc = ({ year, month, day, timeMicros }: LocalTime): bigint => {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return BigInt(date.getTime()) * 1000n + timeMicros;
};

const offsetAt = (value: bigint, timeZone: string): bigint => asIfUtc(localTime(fromMicros(value), timeZone)) - value;

/** The instants at which clocks show a local time: two where they are put back, none where they are put forward. */
function candidates(target: bigint, timeZone: string): bigint[] {
  const offsets = new Set([target - DAY, target, target + DAY].map((value) => offsetAt(value, timeZone)));
  return [...offsets]
    .map((offset) => target - offset)
    .filter((value) => value + offsetAt(value, timeZone) === target)
    .sort((a, b) => (a < b ? -1 : 1));
}

/** The same, in order. `local`: what the clocks show, as if it were UTC. */
export const instantsAt = (local: Instant, timeZone: string): Instant[] =>
  candidates(micros(local), timeZone).map(fromMicros);

/**
 * The instant of a local time: of two (clocks put back) the earlier, of none (clocks put forward) the first after the
 * gap.
 */
function instantOf(local: LocalTime, timeZone: string): Instant {
  const target = asIfUtc(local);
  if (timeZone === UTC) return fromMicros(target);
  const [first] = candidates(target, timeZone);
  if (first !== undefined) return fromMicros(first);
  // In the gap: the change lies between the two readings of the clock; the first instant after it is found by
  // bisection.
  let [low, high] = [target - offsetAt(target + DAY, timeZone) - DAY, target + DAY];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle + offsetAt(middle, timeZone) < target) low = middle;
    else high = middle;
  }
  return fromMicros(high);
}

/** The first instant of a date, `2026-10-01`, in a zone. The date must exist. */
export function midnight(date: string, timeZone: string): Instant {
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number);
  return instantOf({ year, month, day, timeMicros: 0n }, timeZone);
}

/** An instant as clocks in a zone show it: the date, and the time of day, with seconds only where there are any. */
export function clockAt(at: Instant, timeZone: string): { readonly date: string; readonly time: string } {
  const { year, month, day, timeMicros } = localTime(at, timeZone);
  const digits = (value: bigint | number, length: number): string => value.toString().padStart(length, '0');
  const minutes = `${digits(timeMicros / HOUR, 2)}:${digits((timeMicros % HOUR) / MINUTE, 2)}`;
  const seconds = digits((timeMicros % MINUTE) / SECOND, 2);
  const fraction = digits(timeMicros % SECOND, 6).replace(/0+$/, '');
  const rest = fraction === '' ? `:${seconds}`.replace(/^:00$/, '') : `:${seconds}.${fraction}`;
  return { date: `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`, time: `${minutes}${rest}` };
}

/** The same local time some days later. */
export function plusDays(at: Instant, days: number, timeZone: string): Instant {
  const local = localTime(at, timeZone);
  return instantOf({ ...local, day: local.day + days }, timeZone);
}

const daysInMonth = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** The n-th boundary of a subscription's billing periods, counted in months or years from year 0. */
function boundary(index: number, anchor: LocalTime, interval: Interval, timeZone: string): Instant {
  const [year, month] = interval === 'month' ? [Math.floor(index / 12), (index % 12) + 1] : [index, anchor.month];
  const day = Math.min(anchor.day, daysInMonth(year, month));
  return instantOf({ year, month, day, timeMicros: anchor.timeMicros }, timeZone);
}

/** The first of January, at midnight: calendar months and years. */
const CALENDAR: LocalTime = { year: 2000, month: 1, day: 1, timeMicros: 0n };

/**
 * The billing period that holds an instant. An anchor on the 29th to 31st falls on the last day of a shorter month,
 * and on its own day again in a longer one.
 */
export function billingPeriodAt(at: Instant, interval: Interval, timeZone: string, anchor: Instant | null): Period {
  const anchored = anchor === null ? CALENDAR : localTime(anchor, timeZone);
  const local = localTime(at, timeZone);
  let index = interval === 'month' ? local.year * 12 + local.month - 1 : local.year;
  while (isBefore(at, boundary(index, anchored, interval, timeZone))) index -= 1;
  while (!isBefore(at, boundary(index + 1, anchored, interval, timeZone))) index += 1;
  return {
    start: boundary(index, anchored, interval, timeZone),
    end: boundary(index + 1, anchored, interval, timeZone),
  };
}

/** An instant some years later or earlier, as a text to compare with: four-digit years compare as texts. */
export const inYear = (at: Instant, years: number): string =>
  `${String(Math.min(9999, Math.max(0, Number(at.slice(0, 4)) + years))).padStart(4, '0')}${at.slice(4)}`;
