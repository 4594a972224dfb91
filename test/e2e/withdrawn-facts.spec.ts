import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { type Bill, billed } from '../support/bills.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/**
 * A withdrawal leaves what would be recorded without the fact. What later corrections state stays, over the period that
 * they state.
 */

const T = (date: string) => `${date}T00:00:00Z`;
const HOURS = { billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } };
/** A correction that was made while the fact was recorded: from 15 April until 3 May. */
const OVER = { effectiveFrom: T('2026-04-15'), effectiveUntil: T('2026-05-03'), reason: 'as agreed' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t', { tax: { name: 'VAT', ratePercent: '10', from: T('2026-01-01') } }),
    deployment('d', 't', { from: T('2026-01-01') }),
  );
});
afterEach(async () => test.close());

const use = async (date: string, quantity: string): Promise<void> => {
  const period = { start: T(date), end: `${date}T01:00:00Z` };
  const reading = { resourceId: 'r', billingKind: 'hours', granularity: 'hour', quantity, period };
  await test.apply({ command: 'observe-usage', deploymentId: 'd', observations: [reading] });
};
const withdraw = (what: string, key: object) => ({ command: 'withdraw', what, reason: 'never was', ...key });

/** Net and tax that a tenant was billed, by billing kind and month of the charge: `hours 04 1.00 0.10`. */
async function booked(tenantId: string): Promise<string[]> {
  const { items } = await test.ask<{ items: Bill[] }>('invoices', { tenantId, limit: 1000 });
  const rows = items.flatMap(({ lines }) =>
    lines.flatMap(({ billingKind, rows: all }) =>
      all.map((row) => ({ ...row, key: `${billingKind} ${row.chargePeriod.start.slice(5, 7)}` })),
    ),
  );
  return [...Map.groupBy(rows, ({ key }) => key)]
    .map(([key, all]) => {
      const [net, tax] = [sum(all.map((row) => decimal(row.net))), sum(all.map((row) => decimal(row.tax)))];
      return { key, amounts: [moneyText(net, 'USD'), moneyText(tax, 'USD')] };
    })
    .filter(({ amounts }) => amounts.some((amount) => amount !== '0.00'))
    .map(({ key, amounts }) => `${key} ${amounts.join(' ')}`)
    .sort();
}
const bill = async (...dates: string[]): Promise<void> => {
  for (const date of dates) await billed(test, 't', date);
};
const isSound = async (): Promise<void> => {
  expect((await test.check()).failures).toEqual([]);
};

describe('a move that never was', () => {
  it('leaves the deployment with its tenant, also after a correction that moved it back for a while', async () => {
    const item = { ...HOURS, included: '20', discounts: { percentage: '50' }, commitments: { maximum: '60.00' } };
    await test.apply(tenant('u'), plan('p', '30.00', [item]), subscription('s', 'd', 'p'));
    await use('2026-04-02', '100');
    await use('2026-05-20', '50');
    await test.apply(
      { command: 'assign-deployment', deploymentId: 'd', tenantId: 'u', from: T('2026-04-10') },
      { command: 'correct-assignment', deploymentId: 'd', tenantId: 't', ...OVER },
    );
    for (const date of ['2026-04-20', '2026-06-02']) for (const id of ['t', 'u']) await billed(test, id, date);
    await test.apply(withdraw('assign-deployment', { deploymentId: 'd', from: T('2026-04-10') }));
    expect(await test.ask('deployments', { deploymentId: 'd' })).toMatchObject({
      items: [{ assignments: [{ tenantId: 't', from: T('2026-01-01') }] }],
    });
    for (const id of ['t', 'u']) await billed(test, id, '2026-07-01');
    // Half of (100 − 20) × 1.00 and of (50 − 20) × 1.00; tax is a tenth. May to July: 3 × 30.00 + 15.00 = 105.00.
    expect(await booked('t')).toEqual([
      ...['base_fee 04 30.00 3.00', 'base_fee 05 30.00 3.00', 'base_fee 06 30.00 3.00', 'base_fee 07 30.00 3.00'],
      ...['hours 04 40.00 4.00', 'hours 05 15.00 1.50'],
    ]);
    expect(await booked('u')).toEqual([]);
    await isSound();
  });

  it('leaves what a correction moved to another tenant, for that time', async () => {
    await test.apply(tenant('u'), tenant('v'));
    await test.apply(
      { command: 'assign-deployment', deploymentId: 'd', tenantId: 'u', from: T('2026-04-10') },
      { command: 'correct-assignment', deploymentId: 'd', tenantId: 'v', ...OVER },
      withdraw('assign-deployment', { deploymentId: 'd', from: T('2026-04-10') }),
    );
    const assignments = [
      { tenantId: 't', from: T('2026-01-01') },
      { tenantId: 'v', from: T('2026-04-15') },
      { tenantId: 't', from: T('2026-05-03') },
    ];
    expect(await test.ask('deployments', { deploymentId: 'd' })).toMatchObject({ items: [{ assignments }] });
    // A correction is no assignment.
    expect(
      await test.refused(withdraw('assign-deployment', { deploymentId: 'd', from: T('2026-04-15') })),
    ).toMatchObject({
      code: 'unknown_assignment',
      message: expect.stringContaining('its tenant was corrected. Use correct-assignment'),
    });
  });
});

describe('a tax that never was', () => {
  const set = { command: 'set-tax', tenantId: 't', name: 'VAT', ratePercent: '20', from: T('2026-04-10') };
  const never = withdraw('set-tax', { tenantId: 't', from: T('2026-04-10') });
  const taxes = async (): Promise<string[]> => {
    const { items } = await test.ask<{ items: { taxes: { ratePercent: string; from: string }[] }[] }>('tenants', {
      tenantId: 't',
    });
    return (items[0]?.taxes ?? []).map(({ ratePercent, from }) => `${ratePercent} ${from.slice(0, 10)}`);
  };

  it('is none where a correction of it ends', async () => {
    await test.apply(plan('p', '30.00', [HOURS]), subscription('s', 'd', 'p'));
    await use('2026-04-02', '100');
    await use('2026-05-20', '50');
    await test.apply(set, { command: 'correct-tax', tenantId: 't', ratePercent: '15', ...OVER });
    await bill('2026-04-20');
    await test.apply(never);
    expect(await taxes()).toEqual(['10 2026-01-01', '15 2026-04-15', '10 2026-05-03']);
    await bill('2026-07-01');
    // 10 %, and 15 % of May's fee: 15 % holds on 1 May.
    expect(await booked('t')).toEqual([
      ...['base_fee 04 30.00 3.00', 'base_fee 05 30.00 4.50', 'base_fee 06 30.00 3.00', 'base_fee 07 30.00 3.00'],
      ...['hours 04 100.00 10.00', 'hours 05 50.00 5.00'],
    ]);
    await isSound();
  });

  it('is none where a correction reaches over its start', async () => {
    const over = { effectiveFrom: T('2026-04-05'), effectiveUntil: T('2026-04-20'), reason: 'as agreed' };
    await test.apply(set, { command: 'correct-tax', tenantId: 't', ratePercent: '15', ...over }, never);
    expect(await taxes()).toEqual(['10 2026-01-01', '15 2026-04-05', '10 2026-04-20']);
    expect(await test.refused({ ...never, reason: 'again' })).toMatchObject({ code: 'unknown_tax' });
    const ofCorrection = withdraw('set-tax', { tenantId: 't', from: T('2026-04-05') });
    expect(await test.refused(ofCorrection)).toMatchObject({
      code: 'unknown_tax',
      message: expect.stringContaining('the one from then on was corrected. Use correct-tax'),
    });
  });

  it('leaves a correction that stated the same rate', async () => {
    const over = { effectiveFrom: T('2026-04-05'), effectiveUntil: T('2026-04-20'), reason: 'as agreed' };
    await test.apply(set, { command: 'correct-tax', tenantId: 't', ratePercent: '20', ...over }, never);
    expect(await taxes()).toEqual(['10 2026-01-01', '20 2026-04-05', '10 2026-04-20']);
  });

  it('leaves a correction without an end until the next tax, whatever that is now', async () => {
    const open = { effectiveFrom: T('2026-04-05'), reason: 'as agreed' };
    await test.apply(set, { command: 'correct-tax', tenantId: 't', ratePercent: '15', ...open });
    expect(await taxes()).toEqual(['10 2026-01-01', '15 2026-04-05', '20 2026-04-10']);
    await test.apply(never);
    expect(await taxes()).toEqual(['10 2026-01-01', '15 2026-04-05']);
  });

  it('is also that of the registration', async () => {
    await test.apply(set, withdraw('set-tax', { tenantId: 't', from: T('2026-01-01') }), never);
    expect(await taxes()).toEqual([]);
  });
});

describe('terms of a plan that never were', () => {
  const later = { ...HOURS, price: { model: 'unit', unitAmount: '2.00' } };
  const never = withdraw('publish-plan', { planId: 'p', effectiveFrom: T('2026-04-10') });
  beforeEach(async () => {
    await test.apply(
      plan('p', '30.00', [HOURS]),
      subscription('s', 'd', 'p'),
      plan('p', '60.00', [later], { effectiveFrom: T('2026-04-10') }),
    );
    await use('2026-04-02', '100');
    await use('2026-04-20', '10');
  });

  it('leave a fee that a correction stated, for its period', async () => {
    await test.apply({ command: 'correct-plan', planId: 'p', baseFee: '45.00', ...OVER });
    await bill('2026-04-20');
    await test.apply(never);
    await bill('2026-05-01');
    // April: 30.00 × 14/30 + 45.00 × 16/30 = 38.00. May: 45.00 × 2/31 = 2.90, and 30.00 − 30.00 × 2/31 = 28.06.
    expect(await booked('t')).toEqual(['base_fee 04 38.00 3.80', 'base_fee 05 30.96 3.10', 'hours 04 110.00 11.00']);
    await isSound();
  });

  it('leave a price that a correction stated, for its period', async () => {
    const price = { model: 'unit', unitAmount: '3.00' };
    await test.apply({ command: 'correct-price', planId: 'p', billingKind: 'hours', price, ...OVER });
    await bill('2026-04-20');
    await test.apply(never);
    await bill('2026-05-01');
    // 100 × 1.00 + 10 × 3.00
    expect(await booked('t')).toEqual(['base_fee 04 30.00 3.00', 'base_fee 05 30.00 3.00', 'hours 04 130.00 13.00']);
    await isSound();
  });

  it('take with them what a correction said of an item that only they had', async () => {
    const zones = { billingKind: 'zones', price: { model: 'unit', unitAmount: '5.00' } };
    await test.apply(
      plan('p', '60.00', [later, zones], { effectiveFrom: T('2026-06-01') }),
      { command: 'correct-plan', planId: 'p', items: [{ billingKind: 'zones', included: '3' }], ...OVER, ...JUNE },
      withdraw('publish-plan', { planId: 'p', effectiveFrom: T('2026-06-01') }),
      never,
    );
    const { items } = await test.ask<{ items: { baseFee: string; items: { billingKind: string }[] }[] }>('plans');
    expect(items.map((each) => [each.baseFee, each.items.map(({ billingKind }) => billingKind)])).toEqual([
      ['30.00', ['hours']],
    ]);
  });
  const JUNE = { effectiveFrom: T('2026-06-01'), effectiveUntil: T('2026-07-01') };
});

describe('an end or a change of plan that never was', () => {
  const correct = (changes: object) => ({
    ...{ command: 'correct-subscription', subscriptionId: 's', reason: 'as agreed', ...changes },
  });
  const timeline = async (): Promise<string[]> => {
    const { items } = await test.ask<{
      items: { period: { end: string | null }; plans: { planId: string; from: string }[] }[];
    }>('subscriptions');
    return items.flatMap(({ period, plans }) => [
      ...plans.map(({ planId, from }) => `${planId} ${from.slice(0, 10)}`),
      `end ${period.end?.slice(0, 10) ?? 'open'}`,
    ]);
  };
  beforeEach(async () => {
    await test.apply(plan('p', '30.00', []), plan('q', '60.00', []), subscription('s', 'd', 'p'));
  });

  it('leaves what a correction stated since', async () => {
    await test.apply(
      { command: 'change-plan', subscriptionId: 's', planId: 'q', at: T('2026-04-10') },
      { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-06-01') },
      correct({ plans: [{ planId: 'q', at: T('2026-04-15') }] }),
      withdraw('change-plan', { subscriptionId: 's', at: T('2026-04-10') }),
    );
    expect(await timeline()).toEqual(['p 2026-04-01', 'q 2026-04-15', 'end 2026-06-01']);
    await test.apply(withdraw('cancel-subscription', { subscriptionId: 's', at: T('2026-06-01') }));
    expect(await timeline()).toEqual(['p 2026-04-01', 'q 2026-04-15', 'end open']);
    expect(await test.refused(withdraw('change-plan', { subscriptionId: 's', at: T('2026-04-15') }))).toMatchObject({
      code: 'unknown_plan_change',
      message: expect.stringContaining('its plans were corrected. Use correct-subscription with plans'),
    });
  });

  it('leaves the end that a correction stated', async () => {
    await test.apply(
      { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-06-01') },
      correct({ cancelledAt: T('2026-07-01') }),
      withdraw('cancel-subscription', { subscriptionId: 's', at: T('2026-06-01') }),
    );
    expect(await timeline()).toEqual(['p 2026-04-01', 'end 2026-07-01']);
    expect(
      await test.refused(withdraw('cancel-subscription', { subscriptionId: 's', at: T('2026-07-01') })),
    ).toMatchObject({
      code: 'unknown_cancellation',
      message: 'subscription s ends at 2026-07-01T00:00:00Z by a correction: use correct-subscription with cancelledAt',
    });
  });

  it('is refused where another subscription began since', async () => {
    await test.apply(
      { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-06-01') },
      subscription('s2', 'd', 'q', { from: T('2026-06-01') }),
    );
    const never = withdraw('cancel-subscription', { subscriptionId: 's', at: T('2026-06-01') });
    expect(await test.refused(never)).toMatchObject({ code: 'subscription_overlap' });
  });
});

describe('a plan that a subscription uses', () => {
  const never = withdraw('publish-plan', { planId: 'p', effectiveFrom: T('2026-01-01') });
  const correct = (changes: object) => ({
    ...{ command: 'correct-subscription', subscriptionId: 's', reason: 'ordered the other plan', ...changes },
  });

  it('is not withdrawn before the subscription has another one', async () => {
    await test.apply(plan('p', '30.00', [HOURS]), subscription('s', 'd', 'p'));
    await use('2026-04-02', '100');
    await bill('2026-05-01');
    expect(await test.refused(never)).toMatchObject({
      code: 'plan_in_use',
      message:
        'plan p would have no terms for the subscriptions that use it: s from 2026-04-01T00:00:00Z. ' +
        'Correct them first (correct-subscription with planId or plans), or withdraw them (start-subscription)',
    });
    await test.apply(plan('q', '20.00', [HOURS]), correct({ planId: 'q' }), never);
    await bill('2026-05-02');
    // Two fees of 20.00 instead of 30.00
    expect(await booked('t')).toEqual(['base_fee 04 20.00 2.00', 'base_fee 05 20.00 2.00', 'hours 04 100.00 10.00']);
    await isSound();
  });

  it('is withdrawn where other terms of it hold for the subscription, or nothing of it does', async () => {
    await test.apply(plan('p', '30.00', [HOURS]), plan('p', '40.00', [HOURS], { effectiveFrom: T('2026-03-01') }));
    await test.apply(subscription('s', 'd', 'p', { from: T('2026-03-01') }));
    // From March on the second terms hold.
    await test.apply(never);
    const second = withdraw('publish-plan', { planId: 'p', effectiveFrom: T('2026-03-01') });
    expect(await test.refused(second)).toMatchObject({ code: 'plan_in_use' });
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's', at: T('2026-03-01') }, second);
    await isSound();
  });

  it('is named with what to do, where it is not published', async () => {
    await test.apply(plan('p', '30.00', [HOURS]), subscription('s', 'd', 'p'));
    expect(await test.refused(correct({ planId: 'x' }))).toMatchObject({
      code: 'unknown_plan',
      message: expect.stringContaining('correct-subscription with planId'),
    });
  });
});
