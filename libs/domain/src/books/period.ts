import { z } from 'zod';
import { conflict, invalid } from '../errors.js';
import { type EventOf, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { type Instant, isBefore, lastInstantBefore } from '../time/instant.js';
import { monthNamed } from '../time/period.js';

/** One stream has all decisions about periods. */
export const booksStream = streamName('books', ['periods']);

/** A UTC month, such as 2026-04. */
export const zMonthName = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month such as "2026-04"');

// Stored permanently. The position of the event is the one that the journal of the period is as of.
export const bookEventsWith = () => ({
  /** The month and all before it. */
  PeriodClosed: z.object({ month: zMonthName }),
  /** The month and all after it. Months before it stay closed. */
  PeriodReopened: z.object({ month: zMonthName, reason: zText }),
});
export const bookEvents = bookEventsWith();
export type BookEvent = EventOf<typeof bookEventsWith>;

/** The months up to this one are closed as of a position. */
export interface Closing {
  readonly month: string;
  readonly position: number;
}

/** `2026-03` is before `2026-04`. */
const monthBefore = (month: string): string => lastInstantBefore(monthNamed(month).start).slice(0, 7);
export const monthAfter = (month: string): string => monthNamed(month).end.slice(0, 7);

/** The closings after an event, the earliest first. */
export function withBookEvent(
  closings: readonly Closing[],
  { type, data }: BookEvent,
  position: number,
): readonly Closing[] {
  if (type === 'PeriodClosed') return [...closings, { month: data.month, position }];
  const before = monthBefore(data.month);
  const kept = closings.filter(({ month }) => month <= before);
  const cut = closings.find(({ month }) => month > before);
  // The months before the reopened one stay closed as of the closing that closed them.
  return cut === undefined || (kept.at(-1)?.month ?? '') >= before || kept.length === closings.length
    ? kept
    : [...kept, ...(closesBefore(closings, cut, before) ? [{ month: before, position: cut.position }] : [])];
}

/** Whether a closing closed months before the reopened one. The first closing closes all months before it. */
const closesBefore = (closings: readonly Closing[], cut: Closing, before: string): boolean => {
  const previous = closings[closings.indexOf(cut) - 1];
  return previous === undefined || previous.month < before;
};

/** Errors: `period_not_over`. A period that is closed already stays as it is. */
export function closePeriod(closings: readonly Closing[], month: string, now: Instant): BookEvent[] {
  if (month <= (closings.at(-1)?.month ?? '')) return [];
  if (isBefore(now, monthNamed(month).end))
    throw invalid('period_not_over', `${month} is not over. Close it when it has ended.`, [
      { field: 'month', message: 'is not over' },
    ]);
  return [{ type: 'PeriodClosed', data: { month } }];
}

/** Errors: `period_not_closed`. */
export function reopenPeriod(closings: readonly Closing[], month: string, reason: string): BookEvent[] {
  const last = closings.at(-1)?.month;
  if (last === undefined || month > last)
    throw conflict(
      'period_not_closed',
      `${month} is not closed. ${last === undefined ? 'No period is.' : `Periods up to ${last} are.`}`,
    );
  return [{ type: 'PeriodReopened', data: { month, reason } }];
}
