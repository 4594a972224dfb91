import { withBookEvent } from '#domain/books/period';
import { changing, type Handler } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { closedPeriods } from './closed-periods.table.js';

const BOOKS = 'journal';

const decided: Handler<'PeriodClosed' | 'PeriodReopened'> = changing(
  closedPeriods,
  () => [BOOKS],
  (event, rows) => {
    const closings = rows
      .map(({ month, closed_position: position }) => ({ month, position }))
      .sort((a, b) => (a.month < b.month ? -1 : 1));
    return withBookEvent(closings, event, event.position).map(({ month, position }) => ({
      ...{ books: BOOKS, month, closed_position: position },
    }));
  },
);

export const closedPeriodsProjection = versionedProjection('closed-periods', {
  version: 1,
  tables: [closedPeriods],
  on: { PeriodClosed: decided, PeriodReopened: decided },
});
