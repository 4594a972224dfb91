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
 * Tells why a new reading is not taken: its period begins too far from now, which is a mistake in its date, and would
 * cost a partition. null: it is near enough.
 */
export function farFrom(now: Instant, { back, ahead }: UsageYears): (reading: Dated) => string | null {
  const [first, last] = [inYear(now, -back).slice(0, 7), inYear(now, ahead)];
  return ({ period: { start } }) =>
    start >= first && start <= last
      ? null
      : `begins at ${start}, which is not between ${back} years ago and ${ahead} ahead. Correct the date, or set ` +
        'LEDGERLINE_USAGE_YEARS_BACK or LEDGERLINE_USAGE_YEARS_AHEAD.';
}

type Dated = Pick<ReadingKey, 'period'>;

/** Errors: `usage_out_of_range`, with every reading whose period is too far from now. */
export function assertNear(readings: readonly Dated[], now: Instant, years: UsageYears): void {
  const faultOf = farFrom(now, years);
  const errors = readings.flatMap((reading, index): FieldError[] => {
    const message = faultOf(reading);
    return message === null ? [] : [{ field: `observations[${index}].period`, message }];
  });
  const [first] = errors;
  if (first !== undefined) throw invalid('usage_out_of_range', `${first.field} ${first.message}`, errors);
}
