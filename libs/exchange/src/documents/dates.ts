import { clockAt } from '#domain/time/calendar';
import { fromMicros, type Instant, micros } from '#domain/time/instant';
import type { Period } from '#domain/time/period';

/** Instants and periods as the tenant's clocks and calendars show them. */
export class Dates {
  constructor(readonly timeZone: string) {}

  /** `2026-04-16`, with the time of day where it is not midnight. */
  instant(at: Instant): string {
    const { date, time } = clockAt(at, this.timeZone);
    return time === '00:00' ? date : `${date} ${time}`;
  }

  /**
   * Whole days by the first and the last of them, as people count days; else the instants at which it begins and ends.
   */
  period({ start, end }: Period): string {
    const [from, until] = [clockAt(start, this.timeZone), clockAt(end, this.timeZone)];
    if (from.time !== '00:00' || until.time !== '00:00')
      return `${from.date} ${from.time} to ${until.date} ${until.time}`;
    const last = clockAt(fromMicros(micros(end) - 1n), this.timeZone).date;
    return from.date === last ? last : `${from.date} to ${last}`;
  }
}
