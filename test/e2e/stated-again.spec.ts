import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CommandOutcome } from '#ledger/command';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** A command that was recorded, and that something later made untrue, is repeated: nothing is recorded, and said. */

const T = (date: string) => `${date}T00:00:00Z`;
const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'fra1' };
const READING = {
  ...{ deploymentId: 'd', resourceId: 'r', billingKind: 'hours', granularity: 'day' },
  period: { start: T('2026-04-02'), end: T('2026-04-03') },
};
const OVER = { effectiveFrom: T('2026-01-01'), reason: 'as agreed' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('a', { tax: { name: 'VAT', ratePercent: '10', from: T('2026-01-01') } }),
    tenant('b'),
    deployment('d', 'a', { from: T('2026-01-01') }),
    plan('p', '30.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } }]),
    subscription('s', 'd', 'p'),
    { command: 'set-rate', ...KEY, unitPrice: '0.5', effectiveFrom: T('2026-01-01') },
    observe(),
  );
});
afterEach(async () => test.close());

function observe(more: object = {}) {
  const { deploymentId, ...reading } = READING;
  return { command: 'observe-usage', deploymentId, observations: [{ ...reading, quantity: '9' }], ...more };
}
const run = async (command: object): Promise<CommandOutcome> => test.ledger.execute(command, ADMIN);
const noticeOf = (outcome: CommandOutcome): unknown =>
  'result' in outcome && outcome.result !== undefined && 'notice' in outcome.result ? outcome.result.notice : undefined;

describe('a correction that is repeated after another one', () => {
  it.each<[string, object, object]>([
    [
      'of a tax',
      { command: 'correct-tax', tenantId: 'a', ratePercent: '19', ...OVER },
      { command: 'correct-tax', tenantId: 'a', ratePercent: '20', ...OVER },
    ],
    [
      'of a plan',
      { command: 'correct-plan', planId: 'p', baseFee: '5.00', ...OVER },
      { command: 'correct-plan', planId: 'p', baseFee: '7.00', ...OVER },
    ],
    [
      'of a price',
      { command: 'correct-price', planId: 'p', billingKind: 'hours', ...price('2.00'), ...OVER },
      { command: 'correct-price', planId: 'p', billingKind: 'hours', ...price('3.00'), ...OVER },
    ],
    [
      'of a rate',
      { command: 'correct-rate', ...KEY, unitPrice: '0.6', ...OVER },
      { command: 'correct-rate', ...KEY, unitPrice: '0.7', ...OVER },
    ],
    [
      'of an end',
      { command: 'correct-subscription', subscriptionId: 's', cancelledAt: T('2026-06-01'), reason: 'x' },
      { command: 'correct-subscription', subscriptionId: 's', cancelledAt: T('2026-07-01'), reason: 'x' },
    ],
    [
      'of a move',
      { command: 'correct-assignment', deploymentId: 'd', tenantId: 'b', ...OVER, effectiveFrom: T('2026-04-10') },
      { command: 'correct-assignment', deploymentId: 'd', tenantId: 'a', ...OVER, effectiveFrom: T('2026-04-10') },
    ],
    [
      'of a reading',
      { command: 'correct-usage', ...READING, quantity: '7', reason: 'x' },
      { command: 'correct-usage', ...READING, quantity: '8', reason: 'x' },
    ],
  ])('%s: records nothing, and says how to state it again', async (_what, first, second) => {
    await test.apply(first);
    // It holds: a file may be applied again.
    const repeated = await run(first);
    expect([repeated.status, noticeOf(repeated)]).toEqual(['unchanged', undefined]);
    await test.apply(second);
    const third = await run(first);
    expect([third.status, noticeOf(third)]).toEqual([
      'unchanged',
      expect.stringMatching(
        /what it states was changed since\. Nothing was recorded now\. .* give an idempotencyKey\./,
      ),
    ]);
    expect(await run({ ...first, idempotencyKey: 'again' })).toMatchObject({ status: 'done' });
    expect((await test.check()).failures).toEqual([]);
  });
});

function price(unitAmount: string) {
  return { price: { model: 'unit', unitAmount } };
}

describe('a withdrawal that is repeated', () => {
  const cancel = { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-06-01') };
  const never = { ...cancel, command: 'withdraw', what: 'cancel-subscription', reason: 'never was' };

  it('after the fact was stated again: says that it stands, and how to withdraw it', async () => {
    await test.apply(cancel, never);
    expect(noticeOf(await run(never))).toBeUndefined();
    await test.apply({ ...cancel, occurredAt: T('2026-05-01') });
    const repeated = await run(never);
    expect([repeated.status, noticeOf(repeated)]).toEqual([
      'unchanged',
      expect.stringContaining('To state it again, give an idempotencyKey.'),
    ]);
    expect(await test.ask('subscriptions')).toMatchObject({ items: [{ period: { end: T('2026-06-01') } }] });
    await test.apply({ ...never, idempotencyKey: 'again' });
    expect(await test.ask('subscriptions')).toMatchObject({ items: [{ period: { end: null } }] });
  });
});

describe('a reading that is observed again', () => {
  it('after it was withdrawn: says so, and what puts it back', async () => {
    expect(noticeOf(await run(observe()))).toBeUndefined();
    await test.apply({ command: 'correct-usage', ...READING, quantity: null, reason: 'never was' });
    expect(await run(observe())).toMatchObject({
      status: 'unchanged',
      result: {
        duplicate: 1,
        notice:
          'hours of r over [2026-04-02T00:00:00Z, 2026-04-03T00:00:00Z): recorded and then withdrawn. ' +
          'Nothing was recorded now. To put a reading back, use correct-usage with its quantity.',
      },
    });
    await test.apply({ command: 'correct-usage', ...READING, quantity: '9', reason: 'it was' });
    expect(noticeOf(await run(observe()))).toBeUndefined();
  });
});
