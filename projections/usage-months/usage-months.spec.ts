import { expect, it } from '@jest/globals';
import { type Fact, projected } from '../../test/support/projections.js';
import { providerMonths } from './provider-months.table.js';
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

it('has the providers that readings of a kind name in a month, once for all deployments', async () => {
  const of = (deploymentId: string, ...providers: readonly (string | undefined)[]): Fact => ({
    UsageObserved: {
      ...{ deploymentId, month: '2026-04', origin: 'command' },
      observations: providers.map((provider, day) => ({
        ...(provider === undefined ? {} : { provider }),
        ...{ resourceId: 'r', billingKind: 'vm', granularity: 'event', quantity: '1' },
        period: { start: `2026-04-0${day + 1}T00:00:00Z`, end: '2026-06-01T00:00:00Z' },
      })),
    },
  });
  await given(of('d', undefined, 'aws'), of('e', 'aws', undefined));
  await when(of('d', 'oci'));

  const row = (provider: string) => ({ billing_kind: 'vm', month: '2026-04-01T00:00:00Z', provider });
  expect(await rows(providerMonths)).toEqual([row(''), row('aws'), row('oci')]);
  expect(await rows(providerMonths, 1)).toEqual([row(''), row('aws')]);
});
