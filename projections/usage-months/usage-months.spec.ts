import { expect, it } from '@jest/globals';
import { type Fact, projected } from '../../test/support/projections.js';
import { usageMonthsProjection } from './usage-months.projection.js';
import { usageMonths } from './usage-months.table.js';

const { given, when, rows } = projected(usageMonthsProjection);

const observed = (deploymentId: string, ...readings: readonly (readonly [string, string])[]): Fact => ({
  UsageObserved: {
    deploymentId,
    month: '2026-04',
    origin: 'command',
    observations: readings.map(([billingKind, start]) => ({
      resourceId: 'r',
      billingKind,
      period: { start, end: '2026-06-01T00:00:00Z' },
      granularity: 'event',
      quantity: '1',
    })),
  },
});
const used = (deployment_id: string, billing_kind: string, month: string) => ({
  ...{ deployment_id, billing_kind },
  month: `${month}-01T00:00:00Z`,
});

it('has each month once in which readings of a deployment and kind begin, from the first reading', async () => {
  await given(observed('d', ['vm', '2026-04-02T00:00:00Z'], ['vm', '2026-04-30T23:59:59.999999Z']));
  await when(
    observed('d', ['vm', '2026-04-07T00:00:00Z'], ['disk', '2026-04-07T00:00:00Z'], ['vm', '2026-05-01T00:00:00Z']),
    observed('e', ['vm', '2026-04-07T00:00:00Z']),
  );

  expect(await rows(usageMonths)).toEqual([
    used('d', 'disk', '2026-04'),
    used('d', 'vm', '2026-04'),
    used('d', 'vm', '2026-05'),
    used('e', 'vm', '2026-04'),
  ]);
  expect(await rows(usageMonths, 1)).toEqual([used('d', 'vm', '2026-04')]);
});
