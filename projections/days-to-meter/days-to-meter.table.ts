import { bigint, text } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Metered days whose inventory or metering configuration an event changed afterwards. A day is to be metered again if a
 * mark covers it that is newer than the position that it was metered from. A mark ends when no such day is left.
 */
export const daysToMeter = defineTable({
  name: 'days_to_meter',
  columns: {
    /** The position of the event. */
    marked_at: bigint,
    first_date: text,
    last_date: text,
    cause: text,
  },
  key: ['marked_at'],
});

export type DaysToMeterRow = RowOf<typeof daysToMeter>;

declare module '#read-model/read-models' {
  interface ReadModels {
    days_to_meter: History<DaysToMeterRow>;
  }
}
