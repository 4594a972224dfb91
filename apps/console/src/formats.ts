import { readInstant } from '#domain/time/instant';

/** The most that browsers print. */
const MOST_DIGITS = 20;

/** An amount such as `-1234.50` in the form of its currency. The text is formatted, never a number made of it. */
export function moneyText(amount: string, currency: string): string {
  // Prices may have more digits than the currency.
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, maximumFractionDigits: MOST_DIGITS });
  return format.format(amount as Intl.StringNumericLiteral);
}

/** A quantity with thousands, and all of its digits. */
export const quantityText = (quantity: string): string =>
  new Intl.NumberFormat('en', { maximumFractionDigits: MOST_DIGITS }).format(quantity as Intl.StringNumericLiteral);

/** An instant in a time zone: `16 Apr 2026, 02:00`. */
export const instantText = (instant: string, timeZone = 'UTC'): string =>
  new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(new Date(instant));

/** The day of an instant in a time zone: `16 Apr 2026`. */
export const dayText = (instant: string, timeZone = 'UTC'): string =>
  new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone }).format(new Date(instant));

/** A charge period. Its end is the day after its last. */
export const periodText = (
  { start, end }: { readonly start: string; readonly end: string | null },
  timeZone = 'UTC',
): string => `${dayText(start, timeZone)} – ${end === null ? 'open' : dayText(end, timeZone)}`;

/** `2026-04` and such: the UTC month of an instant, some months later. */
export function monthOf(instant: Date, later = 0): string {
  return new Date(Date.UTC(instant.getUTCFullYear(), instant.getUTCMonth() + later, 1)).toISOString().slice(0, 7);
}

export const monthText = (month: string): string =>
  new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    new Date(`${month}-01T00:00:00Z`),
  );

/** `Apr 2026`: a UTC month beside the axis of a chart. */
export const shortMonthText = (instant: Date | string): string =>
  new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' }).format(new Date(instant));

/** `2 Apr`: a UTC day beside the axis of a chart. */
export const shortDayText = (day: string): string =>
  new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(day));

/** `$1.5K`, `1.5K`: what stands beside the axis of a chart. For drawing, not for money. `currency` null: no money. */
export const axisText = (value: number, currency: string | null): string =>
  new Intl.NumberFormat('en', {
    ...(currency === null ? {} : { style: 'currency', currency }),
    notation: 'compact',
    maximumSignificantDigits: 3,
  }).format(value);

/** There is no year 0, and the month after 9999-12 has no name of four digits. */
export const isMonthText = (text: string): boolean => /^(?!0000|9999)\d{4}-(0[1-9]|1[0-2])$/.test(text);

/** A day that there is, such as 2026-02-28. */
export const isDayText = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && typeof readInstant(`${text}T00:00:00Z`) === 'string';

export const isZero = (amount: string): boolean => !/[1-9]/.test(amount);

export const isNegative = (amount: string): boolean => amount.startsWith('-') && !isZero(amount);

/** Where a share of a whole period begins and ends, in percent. For drawing, not for money. */
export function shareOf(
  { start, end }: { readonly start: string; readonly end: string },
  whole: { readonly start: string; readonly end: string },
): { readonly from: number; readonly width: number } {
  const [first, last] = [Date.parse(whole.start), Date.parse(whole.end)];
  const at = (instant: string): number => (100 * (Date.parse(instant) - first)) / (last - first);
  return { from: at(start), width: at(end) - at(start) };
}
