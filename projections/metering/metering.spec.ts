import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { meteringProjection } from './metering.projection.js';
import { meteredDays, meteringConfigurations } from './metering.table.js';

const { given, when, rows } = projected(meteringProjection);

const MAY = '2026-05-01T00:00:00Z';

it('keeps the metering configuration of a billing kind by its start', async () => {
  await given({
    MeteringConfigured: { billingKind: 'cpu', granularity: 'day', retentionDays: null, from: MAY },
  });
  await when({
    MeteringConfigured: { billingKind: 'cpu', granularity: 'hour', retentionDays: 400, from: MAY },
  });

  expect(await rows(meteringConfigurations)).toEqual([
    { billing_kind: 'cpu', effective_from: MAY, granularity: 'hour', retention_days: 400 },
  ]);
  expect(await rows(meteringConfigurations, 1)).toEqual([
    { billing_kind: 'cpu', effective_from: MAY, granularity: 'day' },
  ]);
});

it('keeps the metered days, and the resources skipped on them', async () => {
  const skipped = [{ provider: 'do', providerId: 'lb', kind: 'load_balancer', reason: 'no billing kind' }];
  await given({ DayMetered: { date: '2026-04-01', recordCount: 7, skipped } });
  await when({ DayMetered: { date: '2026-04-01', recordCount: 8, skipped: [] } });
  await when({ DayMetered: { date: '2026-04-02', recordCount: 8, inventoryAt: 1, skipped: [] } });

  expect(await rows(meteredDays)).toEqual([
    { date: '2026-04-01', record_count: 8, skipped: [], inventory_at: 2 },
    { date: '2026-04-02', record_count: 8, skipped: [], inventory_at: 1 },
  ]);
  expect(await rows(meteredDays, 1)).toEqual([{ date: '2026-04-01', record_count: 7, skipped, inventory_at: 1 }]);
});
