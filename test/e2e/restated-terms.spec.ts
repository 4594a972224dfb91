import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What a person corrects or withdraws of subscriptions, tenants and plans, and states again. */

const T = (date: string) => `${date}T00:00:00Z`;
const USE = [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } }];

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(tenant('a'), deployment('d1', 'a'), deployment('d2', 'a'), plan('p', '30.00', USE));
});
afterEach(async () => test.close());

const withdraw = (what: string, key: object, reason = 'never was') => ({ command: 'withdraw', what, reason, ...key });
const erase = async (tenantId: string): Promise<void> => {
  await test.core.pool.query('DELETE FROM ledgerline_private.tenant_details WHERE tenant_id = $1', [tenantId]);
};
const isSound = async (): Promise<void> => {
  expect((await test.check()).failures).toEqual([]);
};

describe('a subscription id that was withdrawn', () => {
  const used = {
    code: 'subscription_exists',
    message: 'subscription s was of deployment d1 before it was withdrawn: use another subscriptionId',
  };

  it('is not used on another deployment: its lines are those of the first', async () => {
    await test.apply(subscription('s', 'd1', 'p'), withdraw('start-subscription', { subscriptionId: 's' }));
    // The read models may not know it yet, and then they do.
    expect(await test.refused(subscription('s', 'd2', 'p'))).toMatchObject(used);
    expect(await test.ask('subscriptions')).toMatchObject({ items: [] });
    expect(await test.refused(subscription('s', 'd2', 'p'))).toMatchObject(used);
    await test.apply(subscription('s2', 'd2', 'p'));
    await isSound();
  });

  it('is used on the same deployment again', async () => {
    await test.apply(subscription('s', 'd1', 'p'), withdraw('start-subscription', { subscriptionId: 's' }));
    await test.apply({ ...subscription('s', 'd1', 'p'), from: T('2026-04-02') });
    expect(await test.ask('subscriptions')).toMatchObject({
      items: [{ subscriptionId: 's', deploymentId: 'd1', period: { start: T('2026-04-02') } }],
    });
    await isSound();
  });
});

describe('the first plan of a subscription', () => {
  const plans = async (): Promise<string[]> => {
    const { items } = await test.ask<{ items: { plans: { planId: string; from: string }[] }[] }>('subscriptions');
    return (items[0]?.plans ?? []).map(({ planId, from }) => `${planId} ${from.slice(0, 10)}`);
  };
  const correct = (more: object) => ({
    ...{ command: 'correct-subscription', subscriptionId: 's', reason: 'the other plan was ordered', ...more },
  });

  it('is corrected, and what was issued is put right', async () => {
    await test.apply(plan('q', '20.00', USE), subscription('s', 'd1', 'p'));
    await test.apply({ command: 'change-plan', subscriptionId: 's', planId: 'p', at: T('2026-05-01') });
    const bill = async (asOf: string) => {
      const [created] = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: T(asOf) });
      const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
      const invoiceId = invoices[0]?.invoiceId;
      await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
      return test.ask<{ subtotal: string }>('invoice', { id: invoiceId });
    };
    expect(await bill('2026-04-01')).toMatchObject({ subtotal: '30.00' });
    expect(await test.refused(withdraw('change-plan', { subscriptionId: 's', at: T('2026-04-01') }))).toMatchObject({
      code: 'unknown_plan_change',
      message: expect.stringContaining('it starts then. Use correct-subscription with planId'),
    });
    await test.apply(correct({ planId: 'q' }));
    expect(await plans()).toEqual(['q 2026-04-01', 'p 2026-05-01']);
    // 20.00 instead of 30.00
    expect(await bill('2026-04-02')).toMatchObject({ subtotal: '-10.00' });
    await isSound();
  });

  it('is corrected with the start, and must be a plan of then', async () => {
    await test.apply(plan('q', '20.00', USE), subscription('s', 'd1', 'p'));
    await test.apply(correct({ planId: 'q', from: T('2026-04-11') }));
    expect(await plans()).toEqual(['q 2026-04-11']);
    expect(await test.refused(correct({ planId: 'none' }))).toMatchObject({ code: 'unknown_plan' });
    expect(await test.refused(correct({}))).toMatchObject({
      code: 'nothing_to_correct',
      message: 'correct-subscription: give at least one of from, anchor, planId, plans, cancelledAt',
    });
  });
});

describe('details and terms of a tenant', () => {
  const correct = (more: object) => ({ command: 'correct-tenant', tenantId: 'c', reason: 'as agreed', ...more });
  const first = async () => (await test.ask<{ items: object[] }>('tenants', { tenantId: 'c' })).items[0];

  it('are taken away by null', async () => {
    const details = { address: '1 Main St', taxNumber: 'DE1', email: 'c@example.org', paymentTermsDays: 14 };
    await test.apply(tenant('c', details));
    expect(await first()).toMatchObject(details);
    await test.apply(correct({ address: null, paymentTermsDays: null }));
    expect(await first()).toMatchObject({ ...details, address: null, paymentTermsDays: null });
    await test.apply(correct({ taxNumber: null, email: null }));
    expect(await first()).toMatchObject({ name: 'c', taxNumber: null, email: null });
    const again = await test.ledger.execute(correct({ taxNumber: null, paymentTermsDays: null }), ADMIN);
    expect(again.status).toBe('unchanged');
    await isSound();
  });

  it('that were erased are asked for only where details are corrected', async () => {
    await test.apply(tenant('c', { address: '1 Main St' }));
    await erase('c');
    await test.apply(correct({ timeZone: 'Europe/Paris', currencies: ['EUR'], paymentTermsDays: 30 }));
    expect(await first()).toMatchObject({
      ...{ name: null, timeZone: 'Europe/Paris', currencies: ['EUR'], paymentTermsDays: 30 },
    });
    expect(await test.refused(correct({ email: 'c@example.org' }))).toMatchObject({ code: 'details_erased' });
    await test.apply(correct({ email: 'c@example.org', name: 'C' }));
    expect(await first()).toMatchObject({ name: 'C', address: null, email: 'c@example.org' });
    await isSound();
  });

  it('keep the currencies that it has: invoices, plans and credits may be in them', async () => {
    await test.apply(tenant('c', { currencies: ['EUR'] }));
    expect(await test.refused(correct({ currencies: [] }))).toMatchObject({
      code: 'currency_in_use',
      message: expect.stringContaining('EUR'),
    });
    expect(await test.refused(correct({ currencies: ['GBP'] }))).toMatchObject({ code: 'currency_in_use' });
    await test.apply(correct({ currencies: ['EUR', 'GBP'] }));
    expect(await first()).toMatchObject({ currency: 'USD', currencies: ['EUR', 'GBP'] });
    await isSound();
  });
});

describe('a publication of a plan that never was', () => {
  const published = async (): Promise<string[]> => {
    const { items } = await test.ask<{
      items: { baseFee: string; effectiveFrom: string; effectiveUntil: string | null }[];
    }>('plans', { planId: 'p' });
    return items.map(
      ({ baseFee, effectiveFrom, effectiveUntil }) =>
        `${baseFee} ${effectiveFrom.slice(0, 10)}/${effectiveUntil?.slice(0, 10) ?? ''}`,
    );
  };
  const publish = (date: string, baseFee: string) => plan('p', baseFee, USE, { effectiveFrom: T(date) });
  const correct = (from: string, until: string | null, baseFee: string) => ({
    ...{ command: 'correct-plan', planId: 'p', effectiveFrom: T(from), baseFee, reason: 'as agreed' },
    ...(until === null ? {} : { effectiveUntil: T(until) }),
  });
  const never = (date: string, reason = 'never was') =>
    withdraw('publish-plan', { planId: 'p', effectiveFrom: T(date) }, reason);

  it('is withdrawn where a correction gave it the terms before it', async () => {
    await test.apply(publish('2026-05-01', '40.00'), correct('2026-05-01', null, '30.00'));
    expect(await published()).toEqual(['30.00 2026-01-01/']);
    await test.apply(never('2026-05-01'));
    expect(await published()).toEqual(['30.00 2026-01-01/']);
    expect(await test.refused(never('2026-05-01', 'again'))).toMatchObject({ code: 'unknown_publication' });
    // Its key is free.
    await test.apply(publish('2026-05-01', '45.00'));
    expect(await published()).toEqual(['30.00 2026-01-01/2026-05-01', '45.00 2026-05-01/']);
    await isSound();
  });

  it('is withdrawn where a correction reaches over its start: it stays, over its period', async () => {
    await test.apply(publish('2026-05-01', '40.00'), correct('2026-04-01', '2026-06-01', '35.00'));
    expect(await published()).toEqual([
      ...['30.00 2026-01-01/2026-04-01', '35.00 2026-04-01/2026-06-01', '40.00 2026-06-01/'],
    ]);
    await test.apply(never('2026-05-01'));
    expect(await published()).toEqual([
      ...['30.00 2026-01-01/2026-04-01', '35.00 2026-04-01/2026-06-01', '30.00 2026-06-01/'],
    ]);
    await isSound();
  });

  it('leaves the next one, also where a correction gave both the same terms', async () => {
    await test.apply(publish('2026-05-01', '40.00'), publish('2026-07-01', '50.00'));
    await test.apply(correct('2026-07-01', null, '40.00'));
    expect(await published()).toEqual(['30.00 2026-01-01/2026-05-01', '40.00 2026-05-01/']);
    await test.apply(never('2026-05-01'));
    expect(await published()).toEqual(['30.00 2026-01-01/2026-07-01', '40.00 2026-07-01/']);
    expect(await test.refused(never('2026-06-01'))).toMatchObject({ code: 'unknown_publication' });
    await isSound();
  });
});
