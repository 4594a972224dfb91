import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { invoiceRun, type TenantBilled } from '#operations/invoice-run';
import { deployment, plan, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// A date in place of an instant is midnight in the time zone of the tenant that the command is about.

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('paris', { timeZone: 'Europe/Paris' }),
    tenant('new-york', { timeZone: 'America/New_York' }),
    tenant('utc'),
    deployment('d', 'paris', { from: '2026-01-01' }),
    plan('p', '40.00', [], { paymentTerm: 'in_arrears' }),
  );
});
afterEach(async () => test.close());

const start = (from: string, subscriptionId = 's', deploymentId = 'd') => ({
  ...{ command: 'start-subscription', subscriptionId, deploymentId, planId: 'p', from },
});
const create = (asOf: string, tenantId = 'paris') => ({ command: 'create-invoice', tenantId, asOf });
/** 1 September and 1 October in Paris. */
const SEPTEMBER = '2026-08-31T22:00:00Z';
const OCTOBER = '2026-09-30T22:00:00Z';

describe('a date', () => {
  it('is midnight in the time zone of the tenant, and the outcome says so', async () => {
    const [started] = await test.apply(start('2026-09-01'));
    expect(started).toMatchObject({
      status: 'done',
      dates: [{ field: 'from', date: '2026-09-01', timeZone: 'Europe/Paris', instant: SEPTEMBER }],
    });
    const [created] = await test.apply(create('2026-10-01'));
    expect(created).toMatchObject({ dates: [{ field: 'asOf', instant: OCTOBER }] });
    const { items } = await test.ask<{ items: { asOf: string; total: string }[] }>('invoices', { tenantId: 'paris' });
    // The whole month. From midnight UTC on it is 718 of 720 hours: 39.89.
    expect(items).toMatchObject([{ asOf: OCTOBER, total: '40.00' }]);
  });

  it('is the same key and the same body as its instant', async () => {
    await test.apply(start('2026-09-01'), create('2026-10-01'));
    expect(await test.apply(start(SEPTEMBER), create(OCTOBER))).toMatchObject([
      { status: 'unchanged' },
      { status: 'unchanged' },
    ]);
    const tax = (from: string) => ({ command: 'set-tax', tenantId: 'paris', name: 'VAT', ratePercent: '20', from });
    await test.apply(tax('2026-09-01'));
    expect(await test.apply(tax(SEPTEMBER))).toMatchObject([{ status: 'unchanged' }]);
    const withdrawn = { command: 'withdraw', what: 'set-tax', tenantId: 'paris', from: '2026-09-01', reason: 'wrong' };
    expect(await test.apply(withdrawn)).toMatchObject([{ status: 'done', dates: [{ field: 'from' }] }]);
  });

  it('is of the tenant that is named, else of the one that holds the deployment', async () => {
    const midnights = async (...commands: object[]) =>
      (await test.apply(...commands)).map(({ dates = [] }) => dates.map(({ instant }) => instant));
    expect(
      await midnights(
        start('2026-04-01'),
        // The new holder begins with its own day.
        { command: 'assign-deployment', deploymentId: 'd', tenantId: 'new-york', from: '2026-06-01' },
        { command: 'cancel-subscription', subscriptionId: 's', at: '2026-07-01' },
        { command: 'correct-subscription', subscriptionId: 's', cancelledAt: '2026-08-01', reason: 'later' },
        { command: 'grant-credit', creditId: 'c', tenantId: 'utc', currency: 'USD', amount: '1', from: '2026-06-01' },
        tenant('tokyo', { timeZone: 'Asia/Tokyo', tax: { name: 'VAT', ratePercent: '10', from: '2026-01-01' } }),
      ),
    ).toEqual([
      ['2026-03-31T22:00:00Z'],
      ['2026-06-01T04:00:00Z'],
      ['2026-07-01T04:00:00Z'],
      ['2026-08-01T04:00:00Z'],
      ['2026-06-01T00:00:00Z'],
      ['2025-12-31T15:00:00Z'],
    ]);
  });

  it('is refused if it does not exist, or if no tenant is named', async () => {
    expect((await test.refused(create('2026-02-31'))).code).toBe('invalid_input');
    expect((await test.refused(create('2026-10-01', 'nobody'))).code).toBe('unknown_tenant');
    expect((await test.refused(plan('q', '1.00', [], { effectiveFrom: '2026-01-01' }))).code).toBe('invalid_input');
  });

  it('of an invoice run is midnight in the time zone of each tenant', async () => {
    await test.apply(
      deployment('e', 'new-york', { from: '2026-01-01' }),
      ...[start('2026-09-01'), start('2026-09-01', 's2', 'e')],
    );
    const billed: TenantBilled[] = [];
    for await (const each of invoiceRun(test.ledger, ADMIN, {
      ...{ asOf: '2026-10-01', tenantIds: ['new-york', 'paris', 'utc'], issue: true },
    }))
      billed.push(each);
    expect(billed.map(({ asOf, failure, invoices }) => [asOf, failure, invoices.map(({ total }) => total)])).toEqual([
      ['2026-10-01T04:00:00Z', null, ['40.00']],
      [OCTOBER, null, ['40.00']],
      ['2026-10-01T00:00:00Z', null, []],
    ]);
  });
});
