import { ownText } from '../own-text.js';
import { invalid } from '../errors.js';

/**
 * An instant in UTC, as RFC 3339 text in one canonical form, with microseconds at most and no trailing zeros:
 * `2026-04-01T00:00:00Z`, `2026-04-01T00:00:00.5Z`. Text, so that it is the same in events, SQL and JSON.
 */
export type Instant = string & { readonly __instant: true };

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6})0*)?(Z|z|[+-]\d{2}:\d{2})$/;
const CANONICAL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{0,5}[1-9])?Z$/;

/** The earliest instant: "since ever". */
export const FROM_EVER = '0001-01-01T00:00:00Z' as Instant;

const MICROS_PER_MS = 1000n;

interface DateAndTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

function utcMillis({ year, month, day, hour, minute, second }: DateAndTime): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, 0);
  return date.getTime();
}

/** The given text, shortened for a message. */
const quoted = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/**
 * Why a text is no instant. `form`: it is not RFC 3339 with a zone · `calendar`: no such date or time · `offset`: no
 * such offset from UTC · `range`: outside the years 0001 to 9999.
 */
export interface InstantFault {
  readonly code: 'form' | 'calendar' | 'offset' | 'range';
  readonly message: string;
}

/**
 * Reads RFC 3339 with a zone (`Z` or an offset), to at most microseconds; `what` names it in the error
 * (`not_an_instant`). A date that does not exist (31 February), a leap second or a time without zone is refused, never
 * moved.
 */
export function instant(text: string, what = 'instant'): Instant {
  const found = readInstant(text);
  if (typeof found === 'string') return found;
  throw invalid('not_an_instant', `${what}: ${found.message}`);
}

/** Reads an instant for a caller that reports the fault itself. */
export function readInstant(text: string): Instant | InstantFault {
  const known = read.get(text);
  if (known !== undefined) return known;
  const found = parsed(text);
  if (typeof found === 'string') keep(read, ownText(text), found);
  return found;
}

// Instants repeat: the readings of an hour have the same texts, and the lines of a month the same bounds. What was
// computed of them is kept.
const MOST_KEPT = 10_000;
const read = new Map<string, Instant>();
const microsOf = new Map<string, bigint>();
const ofMicros = new Map<bigint, Instant>();

function keep<Key, Value>(kept: Map<Key, Value>, key: Key, value: Value): Value {
  if (kept.size === MOST_KEPT) kept.clear();
  kept.set(key, value);
  return value;
}

function parsed(text: string): Instant | InstantFault {
  const parts = RFC3339.exec(text);
  if (parts === null)
    return {
      code: 'form',
      message: `${quoted(text)} is not an RFC 3339 instant such as "2026-04-01T00:00:00Z"`,
    };
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const millis = utcMillis({ year, month, day, hour, minute, second });
  const local = new Date(millis);
  const exists =
    year >= 1 &&
    local.getUTCMonth() === month - 1 &&
    local.getUTCDate() === day &&
    local.getUTCHours() === hour &&
    local.getUTCMinutes() === minute &&
    second < 60;
  if (!exists) return { code: 'calendar', message: `${quoted(text)} does not exist in the calendar` };
  const zone = (parts[8] ?? 'Z').toUpperCase();
  const [zoneHour, zoneMinute] = zone === 'Z' ? [0, 0] : [Number(zone.slice(1, 3)), Number(zone.slice(4, 6))];
  if (zoneHour > 23 || zoneMinute > 59) return { code: 'offset', message: `${quoted(text)} has no such zone offset` };
  const offsetMs = (zone.startsWith('-') ? -1 : 1) * (zoneHour * 60 + zoneMinute) * 60_000;
  const fraction = (parts[7] ?? '').replace(/0+$/, '');
  return canonical(millis - offsetMs, fraction) ?? OUT_OF_RANGE;
}

const OUT_OF_RANGE: InstantFault = { code: 'range', message: 'outside the years 0001 to 9999' };

function canonical(millis: number, fraction: string): Instant | null {
  const iso = new Date(millis).toISOString();
  if (!/^\d{4}-/.test(iso) || iso.startsWith('0000')) return null;
  return `${iso.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z` as Instant;
}

export const isInstant = (text: string): text is Instant => CANONICAL.test(text);

/**
 * Negative, zero or positive as `a` is before, at or after `b`. Canonical text sorts by time once its `Z` is cut off.
 */
export function compareInstants(a: Instant, b: Instant): number {
  if (a === b) return 0;
  if (a.length === b.length) return a < b ? -1 : 1;
  return a.slice(0, -1) < b.slice(0, -1) ? -1 : 1;
}
export const isBefore = (a: Instant, b: Instant): boolean => compareInstants(a, b) < 0;
export const earlier = (a: Instant, b: Instant): Instant => (isBefore(b, a) ? b : a);
export const later = (a: Instant, b: Instant): Instant => (isBefore(a, b) ? b : a);

/** Microseconds since 1970-01-01T00:00:00Z. */
export function micros(at: Instant): bigint {
  const known = microsOf.get(at);
  if (known !== undefined) return known;
  const [seconds, fraction = ''] = at.slice(0, -1).split('.') as [string, string?];
  const found = BigInt(Date.parse(`${seconds}Z`)) * MICROS_PER_MS + BigInt(fraction.padEnd(6, '0'));
  return keep(microsOf, ownText(at), found);
}

/** The instant so many microseconds after 1970-01-01T00:00:00Z. */
export function fromMicros(value: bigint): Instant {
  const known = ofMicros.get(value);
  if (known !== undefined) return known;
  const perSecond = 1_000_000n;
  let seconds = value / perSecond;
  let rest = value % perSecond;
  if (rest < 0n) {
    seconds -= 1n;
    rest += perSecond;
  }
  const found = canonical(Number(seconds) * 1000, rest.toString().padStart(6, '0').replace(/0+$/, ''));
  if (found === null) throw invalid('not_an_instant', `instant: ${OUT_OF_RANGE.message}`);
  return keep(ofMicros, value, found);
}

/** The last instant before another: one microsecond earlier. */
export const lastInstantBefore = (at: Instant): Instant => fromMicros(micros(at) - 1n);

/** The first instant after another: one microsecond later. */
export const firstInstantAfter = (at: Instant): Instant => fromMicros(micros(at) + 1n);

/** From one instant to another, both without a fraction of a second. Much faster than `micros`. */
export const millisBetween = (start: Instant, end: Instant): number => Date.parse(end) - Date.parse(start);

const MICROS_PER_HOUR = 3_600_000_000n;
export const plusHours = (at: Instant, hours: number): Instant =>
  hours === 0 ? at : fromMicros(micros(at) + BigInt(hours) * MICROS_PER_HOUR);
