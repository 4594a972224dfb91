import { expect, it } from '@jest/globals';
import { type Fact, projected } from '../../test/support/projections.js';
import { rateKeyUsageProjection } from './rate-key-usage.projection.js';
import { rateKeyUsage } from './rate-key-usage.table.js';

const { given, when, rows } = projected(rateKeyUsageProjection);

const rateKey = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
const observed = (...periods: readonly (readonly [string, string])[]): Fact => ({
  UsageObserved: {
    deploymentId: 'd',
    month: '2026-04',
    origin: 'command',
    observations: periods.map(([start, end]) => ({
      resourceId: 'r',
      billingKind: 'vm',
      period: { start, end },
      granularity: 'event',
      quantity: '1',
      rateKey,
    })),
  },
});
const used = (first_month: string, last_month: string) => ({
  resource_type: 'VmCores',
  resource_family: 'standard',
  location: 'eu',
  deployment_id: 'd',
  billing_kind: 'vm',
  first_month: `${first_month}-01T00:00:00Z`,
  last_month: `${last_month}-01T00:00:00Z`,
});

it('has each month once in which a deployment has readings with a rate key', async () => {
  await given(
    observed(['2026-04-02T00:00:00Z', '2026-04-03T00:00:00Z'], ['2026-04-05T00:00:00Z', '2026-04-06T00:00:00Z']),
  );
  await when(
    observed(['2026-04-07T00:00:00Z', '2026-04-08T00:00:00Z'], ['2026-05-07T00:00:00Z', '2026-05-08T00:00:00Z']),
  );

  expect(await rows(rateKeyUsage)).toEqual([used('2026-04', '2026-04'), used('2026-05', '2026-05')]);
  expect(await rows(rateKeyUsage, 1)).toEqual([used('2026-04', '2026-04')]);
});

it('counts a reading that ends at the start of a month in the month before', async () => {
  await when(
    observed(['2026-04-30T00:00:00Z', '2026-05-01T00:00:00Z']),
    observed(['2026-04-30T00:00:00Z', '2026-06-01T00:00:00Z']),
    observed(['2026-04-30T00:00:00Z', '2026-06-01T00:00:00.000001Z']),
  );

  expect(await rows(rateKeyUsage)).toEqual([
    used('2026-04', '2026-04'),
    used('2026-04', '2026-05'),
    used('2026-04', '2026-06'),
  ]);
});

it('ignores readings without a rate key', async () => {
  await when({
    UsageObserved: {
      deploymentId: 'd',
      month: '2026-04',
      origin: 'command',
      observations: [
        {
          resourceId: 'r',
          billingKind: 'cpu',
          period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
          granularity: 'day',
          quantity: '1',
        },
      ],
    },
  });

  expect(await rows(rateKeyUsage)).toEqual([]);
});
