import { bigint, text } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** The months that are closed: those up to `month` that no earlier row has, as of a log position. */
export const closedPeriods = defineTable({
  name: 'closed_periods',
  columns: {
    /** Always `journal`. */
    books: text,
    month: text,
    closed_position: bigint,
  },
  key: ['books', 'month'],
  group: ['books'],
});

export type ClosedPeriodRow = RowOf<typeof closedPeriods>;

declare module '#read-model/read-models' {
  interface ReadModels {
    closed_periods: History<ClosedPeriodRow>;
  }
}
