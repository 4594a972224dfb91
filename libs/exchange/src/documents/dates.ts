import { clockAt } from '#domain/time/calendar';
import { type Instant, lastInstantBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';

/** Instants and periods in the tenant's time zone. */
export class Dates {
  constructor(readonly timeZone: string) {}

  /** `2026-04-16`, with the time of day unless it is midnight. */
  instant(at: Instant): string {
    const { date, time } = clockAt(at, this.timeZone);
    return time === '00:00' ? date : `${date} ${time}`;
  }

  /** Whole days as their first and last day. Otherwise the instants of start and end. */
  period({ start, end }: Period): string {
    const [from, until] = [clockAt(start, this.timeZone), clockAt(end, this.timeZone)];
    if (from.time !== '00:00' || until.time !== '00:00')
      return `${from.date} ${from.time} to ${until.date} ${until.time}`;
    const last = clockAt(lastInstantBefore(end), this.timeZone).date;
    return from.date === last ? last : `${from.date} to ${last}`;
  }
}
