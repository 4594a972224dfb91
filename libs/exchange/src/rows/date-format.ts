import { fromMicros } from '#domain/time/instant';

/**
 * The dates of a file in a format such as `DD/MM/YYYY HH:mm`, or `unix`, `unix-ms`. `T` stands for itself, and a `Z` at
 * the end too: it says UTC. Everything else in a format stands for itself; other letters in [brackets].
 */
export interface DateFormat {
  readonly format: string;
  /** The date as ISO 8601; with Z if it is in UTC, else without a zone. null: the text is not in this format. */
  read(text: string): string | null;
}

type Part = 'year' | 'month' | 'day' | 'hour' | 'hour12' | 'half' | 'minute' | 'second' | 'fraction';

const TOKENS: Readonly<Record<string, { readonly part: Part; readonly pattern: string }>> = {
  YYYY: { part: 'year', pattern: '\\d{4}' },
  MMM: { part: 'month', pattern: '[A-Za-z]{3}' },
  MM: { part: 'month', pattern: '\\d{2}' },
  M: { part: 'month', pattern: '\\d{1,2}' },
  DD: { part: 'day', pattern: '\\d{2}' },
  D: { part: 'day', pattern: '\\d{1,2}' },
  HH: { part: 'hour', pattern: '\\d{2}' },
  H: { part: 'hour', pattern: '\\d{1,2}' },
  hh: { part: 'hour12', pattern: '\\d{2}' },
  h: { part: 'hour12', pattern: '\\d{1,2}' },
  A: { part: 'half', pattern: '[AaPp][Mm]' },
  mm: { part: 'minute', pattern: '\\d{2}' },
  ss: { part: 'second', pattern: '\\d{2}' },
  SSS: { part: 'fraction', pattern: '\\d{1,6}' },
};
const PIECES = /\[([^\]]*)\]|YYYY|MMM|MM|M|DD|D|HH|H|hh|h|A|mm|ss|SSS|T|Z|(([A-Za-z])\3*)|[^A-Za-z[]+|(\[)/g;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** The tokens, as messages list them. */
const DATE_TOKENS = [...Object.keys(TOKENS), 'T', 'Z'].join(', ');

/** A format, or the reason why it is none: a sentence after "must". */
export function dateFormat(format: string): DateFormat | string {
  if (format === 'unix') return { format, read: (text) => sinceEpoch(text, 6) };
  if (format === 'unix-ms') return { format, read: (text) => sinceEpoch(text, 3) };
  const parts: Part[] = [];
  let pattern = '';
  let isUtc = false;
  for (const [piece, bracketed, letters, , open] of format.matchAll(PIECES)) {
    const token = TOKENS[piece];
    if (isUtc) return 'have Z only at its end';
    isUtc = piece === 'Z';
    if (token !== undefined) {
      if (parts.includes(token.part)) return `name the ${token.part} once, not twice`;
      parts.push(token.part);
      pattern += `(${token.pattern})`;
    } else if (open !== undefined || letters !== undefined)
      return `have only the tokens ${DATE_TOKENS}, and other letters in [brackets]: ${piece} is none`;
    else pattern += escaped(bracketed ?? piece);
  }
  const lacking = (['year', 'month', 'day'] as const).filter((part) => !parts.includes(part));
  if (lacking.length > 0) return `have YYYY, MM and DD: the ${lacking.join(' and the ')} is missing`;
  if (parts.includes('hour12') !== parts.includes('half')) return 'have hh and A together: 01:00 PM';
  if (parts.includes('hour12') && parts.includes('hour')) return 'have HH, or hh and A, not both';
  const whole = new RegExp(`^${pattern}$`);
  return {
    format,
    read(text) {
      const found = whole.exec(text.trim());
      if (found === null) return null;
      const of = (part: Part): string | undefined =>
        parts.includes(part) ? found[parts.indexOf(part) + 1] : undefined;
      const month = monthOf(of('month') ?? '');
      const hour = hourOf(of('hour') ?? of('hour12') ?? '0', of('half'));
      if (month === null || hour === null) return null;
      const fraction = of('fraction');
      return (
        `${of('year') ?? ''}-${month}-${two(of('day') ?? '')}T${hour}:${of('minute') ?? '00'}:${of('second') ?? '00'}` +
        `${fraction === undefined ? '' : `.${fraction}`}${isUtc ? 'Z' : ''}`
      );
    },
  };
}

/** Whether a zone is a distance from UTC, `Z` or `+02:00`, and none with a name. */
export const isOffset = (zone: string): boolean => /^(Z|[+-]\d{2}:\d{2})$/.test(zone);

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
const two = (digits: string): string => digits.padStart(2, '0');

function monthOf(text: string): string | null {
  if (/^\d/.test(text)) return two(text);
  const index = MONTHS.indexOf(text.toLowerCase());
  return index === -1 ? null : two(String(index + 1));
}

/** 12 AM is 00:00, 12 PM is noon. null: there is no such hour. */
function hourOf(hour: string, half: string | undefined): string | null {
  if (half === undefined) return two(hour);
  const value = Number(hour);
  if (value < 1 || value > 12) return null;
  return two(String((value % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)));
}

const EPOCH = /^(-?)(\d{1,15})(?:\.(\d{1,6}))?$/;

/** Seconds or milliseconds since 1970. `decimals`: those of a microsecond in that unit. */
function sinceEpoch(text: string, decimals: number): string | null {
  const found = EPOCH.exec(text.trim());
  if (found === null) return null;
  const [, sign = '', whole = '', fraction = ''] = found;
  if (fraction.length > decimals) return null;
  const value = BigInt(whole + fraction.padEnd(decimals, '0'));
  const micros = sign === '-' ? -value : value;
  return micros < EARLIEST || micros > LATEST ? null : fromMicros(micros);
}

const EARLIEST = BigInt(Date.parse('0001-01-01T00:00:00Z')) * 1000n;
const LATEST = BigInt(Date.parse('9999-12-31T23:59:59Z')) * 1000n;
