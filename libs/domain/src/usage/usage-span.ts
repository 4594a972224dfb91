import { invalid, type FieldError } from '../errors.js';
import { inYear } from '../time/calendar.js';
import type { Instant } from '../time/instant.js';
import type { ReadingKey } from './usage.js';

/** How far from now the period of a new reading may be, in years. */
export interface UsageYears {
  readonly back: number;
  readonly ahead: number;
}
export const DEFAULT_USAGE_YEARS: UsageYears = { back: 10, ahead: 1 };

/**
 * Why a new reading is not taken: its period begins too far from now, which is a mistake in its date, and would cost a
 * partition. null: it is near enough.
 */
export function farFromNow({ period }: Pick<ReadingKey, 'period'>, now: Instant, years: UsageYears): string | null {
  const { start } = period;
  const [first, last] = [inYear(now, -years.back).slice(0, 7), inYear(now, years.ahead)];
  if (start >= first && start <= last) return null;
  return (
    `begins at ${start}, which is not between ${years.back} years ago and ${years.ahead} ahead. Correct the date, or ` +
    'set LEDGERLINE_USAGE_YEARS_BACK or LEDGERLINE_USAGE_YEARS_AHEAD.'
  );
}

/** Errors: `usage_out_of_range`, with every reading whose period is too far from now. */
export function assertNear(readings: readonly Pick<ReadingKey, 'period'>[], now: Instant, years: UsageYears): void {
  const errors = readings.flatMap((reading, index): FieldError[] => {
    const message = farFromNow(reading, now, years);
    return message === null ? [] : [{ field: `observations[${index}].period`, message }];
  });
  const [first] = errors;
  if (first !== undefined) throw invalid('usage_out_of_range', `${first.field} ${first.message}`, errors);
}
