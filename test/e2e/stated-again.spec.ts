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

describe('a fact that is repeated after it was corrected', () => {
  const moved = { command: 'assign-deployment', deploymentId: 'd', tenantId: 'b', from: T('2026-05-01') };
  const cancelled = { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-06-01') };
  const changed = { command: 'change-plan', subscriptionId: 's', planId: 'q', at: T('2026-05-01') };
  const taxed = { command: 'set-tax', tenantId: 'a', name: 'VAT', ratePercent: '20', from: T('2026-07-01') };
  const priced = { command: 'set-rate', ...KEY, unitPrice: '0.5', effectiveFrom: T('2026-01-01') };
  const until = { effectiveFrom: T('2026-05-01'), effectiveUntil: T('2026-05-10'), reason: 'as agreed' };
  const published = plan('q', '10.00', []);
  const resource = { providerId: 'r', kind: 'droplet', name: 'r', status: 'active', sizeGb: '25' };
  const sighted = { command: 'observe-resource', provider: 'do', ...resource, seenAt: T('2026-05-01') };
  const listed = { command: 'sync-resources', provider: 'do', resources: [resource], seenAt: T('2026-04-20') };
  const over = { from: T('2026-04-25'), until: T('2026-05-10') };
  const RECORDED =
    /was recorded( at position \d+)?, and what it states was changed since\. Nothing was recorded now\. /;

  it.each<[string, object, readonly object[], object, string]>([
    [
      'a tenant',
      tenant('b'),
      [{ command: 'set-tax', tenantId: 'b', name: 'VAT', ratePercent: '20', from: T('2026-01-01') }],
      { command: 'correct-tenant', tenantId: 'b', timeZone: 'Europe/Paris', reason: 'x' },
      'correct-tenant or correct-tax',
    ],
    [
      'a tax',
      taxed,
      [{ ...taxed, ratePercent: '21', from: T('2026-08-01') }],
      { command: 'correct-tax', tenantId: 'a', ratePercent: '19', effectiveFrom: T('2026-07-10'), reason: 'x' },
      'correct-tax or withdraw',
    ],
    [
      'a deployment',
      deployment('d', 'a', { from: T('2026-01-01') }),
      [moved],
      { command: 'correct-assignment', deploymentId: 'd', tenantId: 'b', ...OVER, effectiveFrom: T('2026-04-10') },
      'correct-assignment or correct-deployment',
    ],
    [
      'a move',
      moved,
      [{ ...moved, tenantId: 'a', from: T('2026-06-01') }],
      { command: 'correct-assignment', deploymentId: 'd', tenantId: 'a', ...until },
      'correct-assignment or withdraw',
    ],
    [
      'a plan',
      published,
      [plan('q', '11.00', [], { effectiveFrom: T('2026-06-01') })],
      { command: 'correct-plan', planId: 'q', baseFee: '12.00', ...until },
      'correct-plan or correct-price or withdraw',
    ],
    [
      'a price',
      priced,
      [{ ...priced, unitPrice: '0.4', effectiveFrom: T('2026-06-01') }],
      { command: 'correct-rate', ...KEY, unitPrice: '0.6', ...until },
      'correct-rate or withdraw',
    ],
    [
      'a subscription',
      subscription('s', 'd', 'p'),
      [published, changed, cancelled],
      { command: 'correct-subscription', subscriptionId: 's', from: T('2026-04-02'), reason: 'x' },
      'correct-subscription or withdraw',
    ],
    [
      'a change of plan',
      changed,
      [cancelled],
      { command: 'correct-subscription', subscriptionId: 's', plans: [], reason: 'x' },
      'correct-subscription or withdraw',
    ],
    [
      'a sighting',
      sighted,
      [{ ...sighted, status: 'off', seenAt: T('2026-06-01') }],
      { command: 'correct-resource', provider: 'do', providerId: 'r', status: 'off', ...over, reason: 'x' },
      'correct-resource or withdraw',
    ],
    [
      'a listing',
      listed,
      [sighted],
      { command: 'correct-resource', provider: 'do', providerId: 'r', sizeGb: '50', ...over, reason: 'x' },
      'correct-resource',
    ],
    [
      'a cancellation',
      cancelled,
      [],
      { command: 'correct-subscription', subscriptionId: 's', cancelledAt: T('2026-06-02'), reason: 'x' },
      'correct-subscription or withdraw',
    ],
  ])('%s: records nothing, and names what corrects it', async (_what, fact, later, correction, remedy) => {
    await test.apply(published, fact);
    // Later facts are no corrections.
    await test.apply(...later);
    const repeated = await run(fact);
    expect([repeated.status, noticeOf(repeated)]).toEqual(['unchanged', undefined]);
    await test.apply(correction);
    const again = await run(fact);
    expect([again.status, noticeOf(again)]).toEqual(['unchanged', expect.stringMatching(RECORDED)]);
    expect(noticeOf(again)).toContain(`To correct what is recorded, use ${remedy}.`);
    // A key of its own does not hide it.
    expect(noticeOf(await run({ ...fact, idempotencyKey: 'k' }))).toMatch(RECORDED);
    expect(noticeOf(await run(fact))).toMatch(RECORDED);
  });
});

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

  it('after its quantity was corrected: says so', async () => {
    await test.apply({ command: 'correct-usage', ...READING, quantity: '8', reason: 'counted again' });
    expect(await run(observe())).toMatchObject({
      status: 'unchanged',
      result: {
        duplicate: 1,
        notice:
          'hours of r over [2026-04-02T00:00:00Z, 2026-04-03T00:00:00Z): recorded and then corrected. ' +
          'Nothing was recorded now. To correct a reading again, use correct-usage.',
      },
    });
  });
});

describe('a cost line that is recorded again', () => {
  const line = (lineKey: string, amount: string) => ({
    ...{ lineKey, kind: 'server', currency: 'USD', category: 'usage', amount },
    chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') },
  });
  const record = {
    ...{ command: 'record-cost', provider: 'acme', invoiceRef: '2026-04' },
    lines: [line('1', '3.00'), line('2', '4.00'), line('3', '5.00')],
  };
  const correct = { command: 'correct-cost', provider: 'acme', invoiceRef: '2026-04', reason: 'x' };

  it('after it was corrected or withdrawn: says so', async () => {
    await test.apply(record);
    expect(noticeOf(await run(record))).toBeUndefined();
    await test.apply(
      { ...correct, lineKey: '2', amount: '4.50' },
      { ...correct, command: 'withdraw', what: 'record-cost', lineKey: '3' },
    );
    expect(await run(record)).toEqual({
      command: 'record-cost',
      status: 'unchanged',
      result: {
        ...{ accepted: 0, duplicate: 3 },
        notice:
          'line 2 and 1 more: recorded and then corrected or withdrawn. Nothing was recorded of it now. ' +
          'To correct a line again, use correct-cost.',
      },
    });
    await test.apply({ ...correct, lineKey: '2', amount: '4.00' }, { ...correct, lineKey: '3', amount: '5.00' });
    expect(noticeOf(await run(record))).toBeUndefined();
  });
});
