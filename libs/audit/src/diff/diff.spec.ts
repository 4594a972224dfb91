import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { contextFor } from '#ledger/query';
import { differences } from './index.js';

const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t'),
    deployment('d', 't'),
    plan('p', '0', [{ billingKind: 'cores', price: { model: 'rate_card' } }]),
    subscription('s', 'd', 'p'),
    { command: 'set-rate', ...KEY, unitPrice: '2', effectiveFrom: '2026-01-01T00:00:00Z' },
    {
      command: 'observe-usage',
      deploymentId: 'd',
      observations: [
        {
          resourceId: 'x',
          billingKind: 'cores',
          period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
          granularity: 'day',
          quantity: '4',
          rateKey: KEY,
        },
      ],
    },
  );
});
afterAll(async () => test.close());

describe('a corrected price', () => {
  it('differs in the rate and in the open line that uses it, each with the event that explains it', async () => {
    const before = await test.core.projector.catchUp();
    await test.apply({
      command: 'correct-rate',
      ...KEY,
      unitPrice: '3',
      effectiveFrom: '2026-01-01T00:00:00Z',
      reason: 'a typo',
    });
    const after = await test.core.projector.catchUp();
    const found = await differences(contextFor(test.core, after, ADMIN), before, after);
    expect([found.usage, found.invoices, found.margin]).toEqual([[], [], []]);
    const terms = { currency: 'USD', unit: null, basis: 'duration', effectiveUntil: null };
    expect(found.rates).toMatchObject([
      { ...KEY, before: { ...terms, unitPrice: '2' }, after: { ...terms, unitPrice: '3' }, eventCount: 1 },
    ]);
    // 4 × 2 = 8.00, and 4 × 3 = 12.00
    expect(found.lines).toMatchObject([
      { billingKind: 'cores', before: '8.00', after: '12.00', difference: '4.00', eventCount: 1 },
    ]);
    expect(found.lines[0]?.events).toMatchObject([{ type: 'RateCorrected', reason: 'a typo', position: after }]);
  });

  it('is no cause of lines outside its dates, and a cut is no difference', async () => {
    const used = (day: string) => ({
      ...{ resourceId: 'x', billingKind: 'cores', granularity: 'event', quantity: '4', rateKey: KEY },
      period: { start: `${day}T00:00:00Z`, end: `${day}T01:00:00Z` },
    });
    const observed = (day: string) => ({ command: 'observe-usage', deploymentId: 'd', observations: [used(day)] });
    await test.apply(observed('2026-04-12'), observed('2026-05-02'));
    const between = async (...commands: object[]) => {
      const before = await test.core.projector.catchUp();
      await test.apply(...commands);
      const after = await test.core.projector.catchUp();
      return (await differences(contextFor(test.core, after, ADMIN), before, after)).lines;
    };
    // 4 × 3 = 12.00 of the 12th become 4 × 5 = 20.00; May's 12.00 stay, and get a reading of 12.00 more.
    const lines = await between(
      {
        ...{
          command: 'correct-rate',
          ...KEY,
          unitPrice: '5',
          reason: 'ten days',
          effectiveFrom: '2026-04-10T00:00:00Z',
        },
        effectiveUntil: '2026-04-20T00:00:00Z',
      },
      observed('2026-05-03'),
    );
    expect(lines.map(({ difference, events }) => [difference, events.map(({ type }) => type)])).toEqual([
      ['8.00', ['RateCorrected']],
      ['12.00', ['UsageObserved']],
    ]);
    // Invoiced in the middle of May: April's line is billed as it is, and May's is cut in two of 24.00 in all.
    expect(await between({ command: 'create-invoice', tenantId: 't', asOf: '2026-05-03T00:00:00Z' })).toEqual([]);
  });

  it('is not a difference between two positions before it', async () => {
    const position = await test.core.projector.catchUp();
    const found = await differences(contextFor(test.core, position, ADMIN), position - 1, position - 1);
    expect([found.rates, found.usage, found.lines, found.invoices, found.margin]).toEqual([[], [], [], [], []]);
  });

  it('is refused from a later position to an earlier one', async () => {
    await expect(differences(contextFor(test.core, 2, ADMIN), 2, 1)).rejects.toMatchObject({ code: 'invalid_span' });
  });
});
