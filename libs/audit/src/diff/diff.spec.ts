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

  it('is not a difference between two positions before it', async () => {
    const position = await test.core.projector.catchUp();
    const found = await differences(contextFor(test.core, position, ADMIN), position - 1, position - 1);
    expect([found.rates, found.usage, found.lines, found.invoices, found.margin]).toEqual([[], [], [], [], []]);
  });

  it('is refused from a later position to an earlier one', async () => {
    await expect(differences(contextFor(test.core, 2, ADMIN), 2, 1)).rejects.toMatchObject({ code: 'invalid_span' });
  });
});
