import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { text } from '#domain/money/decimal';
import { type Instant, instant } from '#domain/time/instant';
import { tenantAccount } from './accounts.js';
import { linesOfTenant } from './contracts.js';
import { loadUsageAt } from './line-usage.js';

const [MID_APRIL, MAY] = [instant('2026-04-15T00:00:00Z'), instant('2026-05-01T00:00:00Z')];
const key = (location: string) => ({ resourceType: 'VmCores', resourceFamily: 'standard', location });
const rate = (location: string, unitPrice: string, effectiveFrom: string) => ({
  command: 'set-rate',
  ...key(location),
  ...{ unitPrice, effectiveFrom: `${effectiveFrom}T00:00:00Z` },
});
const readingKey = (location: string, start: string, end: string) => ({
  resourceId: 'r',
  billingKind: 'cores',
  period: { start: `${start}:00:00Z`, end: `${end}:00:00Z` },
  granularity: 'event',
  sourceId: `${location} ${start}`,
});
const reading = (location: string, start: string, end: string, quantity: string) => ({
  ...readingKey(location, start, end),
  quantity,
  rateKey: key(location),
});
const observe = (...observations: object[]) => ({ command: 'observe-usage', deploymentId: 'd', observations });

let test: TestLedger;
/** After each step, the log position that it reached. */
let [observed, corrected, late]: [number, number, number] = [0, 0, 0];
beforeAll(async () => {
  test = await testLedger();
  const reached = async (...commands: object[]): Promise<number> => {
    await test.apply(...commands);
    return test.core.projector.catchUp();
  };
  observed = await reached(
    tenant('t'),
    plan('p', '0', [{ billingKind: 'cores', price: { model: 'rate_card' } }]),
    deployment('d', 't'),
    subscription('s', 'd', 'p'),
    rate('eu', '0.10', '2026-01-01'),
    rate('eu', '0.20', '2026-04-10'),
    rate('us', '1.00', '2026-01-01'),
    rate('us', '2.00', '2026-04-20'),
    observe(
      reading('eu', '2026-04-02T00', '2026-04-03T00', '24'),
      // The price of the one changes in the middle, the price of the other does not.
      reading('eu', '2026-04-09T12', '2026-04-10T12', '24'),
      reading('us', '2026-04-09T12', '2026-04-10T12', '10'),
      reading('us', '2026-04-21T00', '2026-04-22T00', '10'),
    ),
  );
  corrected = await reached(
    {
      command: 'correct-usage',
      deploymentId: 'd',
      ...readingKey('eu', '2026-04-02T00', '2026-04-03T00'),
      quantity: '48',
      reason: 'misread',
    },
    {
      command: 'correct-rate',
      ...key('eu'),
      ...{ unitPrice: '0.15', effectiveFrom: '2026-04-01T00:00:00Z', effectiveUntil: '2026-04-05T00:00:00Z' },
      reason: 'mistyped',
    },
  );
  late = await reached(observe(reading('eu', '2026-04-03T00', '2026-04-04T00', '1')));
});
afterAll(async () => test.close());

/** By position, what the line of April comes to up to each instant: quantities by rate and unit amount. */
async function usageOf(positions: readonly number[], instants: readonly Instant[]) {
  const account = await tenantAccount(test.core, late, 't');
  const line = (await linesOfTenant(test.core, late, account, MID_APRIL)).find(
    ({ billingKind, period }) => billingKind === 'cores' && period.end === MAY,
  );
  if (line === undefined) throw new Error('there is no line of April');
  const usage = await loadUsageAt(
    test.core,
    positions.map((position) => ({ line, instants, position })),
  );
  return positions.map((position) =>
    instants.map((at) => {
      const used = usage(line, position)(at);
      if ('times' in used) throw new Error('rate-card usage has rates');
      const byRate = Map.groupBy(used, ({ ref, unitAmount }) => `${ref} ${text(unitAmount)}`);
      return [...byRate].map(([of, each]) => `${each.map(({ quantity }) => text(quantity)).join(' + ')} of ${of}`);
    }),
  );
}

it('is as known at each of several positions, read together', async () => {
  const EU = 'VmCores/standard/eu';
  const us = ['10 of VmCores/standard/us@2026-01-01T00:00:00Z 1', '10 of VmCores/standard/us@2026-04-20T00:00:00Z 2'];
  const fromTheMiddle = `12 of ${EU}@2026-04-10T00:00:00Z 0.2`;
  expect(await usageOf([observed, corrected, late], [MAY])).toEqual([
    [[`24 + 12 of ${EU}@2026-01-01T00:00:00Z 0.1`, fromTheMiddle, ...us]],
    [[`48 of ${EU}@2026-04-01T00:00:00Z 0.15`, `12 of ${EU}@2026-04-05T00:00:00Z 0.1`, fromTheMiddle, ...us]],
    [[`49 of ${EU}@2026-04-01T00:00:00Z 0.15`, `12 of ${EU}@2026-04-05T00:00:00Z 0.1`, fromTheMiddle, ...us]],
  ]);
});

it('is the same at each position alone, also up to an instant within', async () => {
  const positions = [observed, corrected, late];
  const together = await usageOf(positions, [MID_APRIL, MAY]);
  const alone = [];
  for (const position of positions) alone.push(...(await usageOf([position], [MID_APRIL, MAY])));
  expect(together).toEqual(alone);
});
