import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { closedPeriodsProjection } from './closed-periods.projection.js';
import { closedPeriods } from './closed-periods.table.js';

const { given, when, rows } = projected(closedPeriodsProjection);
const months = async (position?: number) =>
  (await rows(closedPeriods, position)).map(({ month, closed_position: at }) => `${month} ${at}`).sort();

it('keeps closings with their positions, until their months are open again', async () => {
  await given({ PeriodClosed: { month: '2026-03' } }, { PeriodClosed: { month: '2026-06' } });
  await when({ PeriodReopened: { month: '2026-05', reason: 'a late bill' } });

  expect(await months(2)).toEqual(['2026-03 1', '2026-06 2']);
  // April stays closed as of the second closing.
  expect(await months()).toEqual(['2026-03 1', '2026-04 2']);
  await when({ PeriodReopened: { month: '2026-04', reason: 'a later bill' } });
  expect(await months()).toEqual(['2026-03 1']);
  await when({ PeriodReopened: { month: '2026-03', reason: 'the last' } });
  // All months before it were closed with it.
  expect(await months()).toEqual(['2026-02 1']);
});
