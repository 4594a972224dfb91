import { type Instant, lastInstantBefore } from '#domain/time/instant';
import { monthNamed } from '#domain/time/period';

export const monthText = (at: Instant): string => at.slice(0, 7);

/** The last day of a month, as a date. */
export const lastDayOf = (month: string): string => lastInstantBefore(monthNamed(month).end).slice(0, 10);
