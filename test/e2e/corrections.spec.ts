import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { Preview } from '#operations/ledger';
import { type Bill, billed, rowsOf } from '../support/bills.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Every fact that a person stated wrongly can be put right; what was issued is put right on the next invoices. */

const T = (date: string) => `${date}T00:00:00Z`;

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('a', { tax: { name: 'VAT', ratePercent: '19', from: T('2026-01-01') } }),
    tenant('b'),
    deployment('d', 'a'),
    plan('p', '30.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } }]),
    plan('q', '60.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '2.00' } }]),
    subscription('s', 'd', 'p'),
  );
});
afterEach(async () => test.close());

const use = async (date: string, quantity: string): Promise<void> => {
  const reading = { resourceId: 'r', billingKind: 'hours', granularity: 'hour', quantity };
  const period = { start: T(date), end: `${date}T01:00:00Z` };
  await test.apply({ command: 'observe-usage', deploymentId: 'd', observations: [{ ...reading, period }] });
};
const bill = async (tenantId: string, asOf: string): Promise<Bill | null> => billed(test, tenantId, asOf);
const totals = (invoice: Bill | null): string[] => [invoice?.subtotal ?? 'none', invoice?.tax ?? 'none'];
const preview = async (command: object, at = '2026-06-01'): Promise<Preview> =>
  test.ledger.preview([command], ADMIN, { at: instant(T(at)) });
/** The net and tax differences of issued parts, by tenant. */
const owed = ({ lines }: Preview): string[] =>
  lines
    .filter(({ invoiceId }) => invoiceId !== null)
    .map(({ tenantId, difference, tax }) => `${tenantId} ${difference} ${tax.difference}`)
    .sort();

describe('a tax rate that was typed wrongly', () => {
  it('is put right: net 0, tax the difference, as the preview says', async () => {
    await test.apply({ command: 'set-tax', tenantId: 'a', name: 'VAT', ratePercent: '91', from: T('2026-04-01') });
    await use('2026-04-03', '70');
    // 30.00 + 70.00 and 30.00 of May, at 91 %
    expect(totals(await bill('a', '2026-05-01'))).toEqual(['130.00', '118.30']);
    const right = {
      command: 'correct-tax',
      ...{ tenantId: 'a', ratePercent: '19', effectiveFrom: T('2026-04-01'), reason: 'digits swapped' },
    };
    // 30.00 and 70.00 of April and 30.00 of May: 72 % of each
    expect(owed(await preview(right))).toEqual(['a 0.00 -21.60', 'a 0.00 -21.60', 'a 0.00 -50.40']);
    await test.apply(right);
    // −21.60 − 21.60 − 50.40 = −93.60, until an invoice books it.
    expect(await test.ask('owed')).toEqual({
      items: [
        ...[
          {
            tenantId: 'a',
            currency: 'USD',
            net: '0.00',
            tax: '-93.60',
            lines: 3,
            notRated: 0,
            reasons: [expect.any(String)],
          },
        ],
      ],
      nextCursor: null,
    });
    // June's fee of 30.00 at 19 % is 5.70: 5.70 − 93.60
    const next = await bill('a', '2026-06-01');
    expect(totals(next)).toEqual(['30.00', '-87.90']);
    expect(rowsOf(next).filter((row) => row.startsWith('hours'))).toEqual([
      'hours 04-01/05-01 rebooked 70.00',
      'hours 04-01/05-01 reversal -70.00',
    ]);
    expect(await test.ask('owed')).toEqual({ items: [], nextCursor: null });
    expect(await bill('a', '2026-06-02')).toBeNull();
    expect((await test.check()).failures).toEqual([]);
  });

  it('is withdrawn, and set again from the same date', async () => {
    const wrong = { command: 'set-tax', tenantId: 'a', name: 'VAT', ratePercent: '91', from: T('2026-05-01') };
    await test.apply(wrong);
    const again = await test.refused({ ...wrong, ratePercent: '7' });
    expect(again).toMatchObject({ code: 'conflicting_body' });
    await test.apply({ command: 'withdraw', what: 'set-tax', tenantId: 'a', from: T('2026-05-01'), reason: 'typo' });
    expect((await test.ask<{ items: { taxes: object[] }[] }>('tenants', { tenantId: 'a' })).items[0]?.taxes).toEqual([
      { name: 'VAT', ratePercent: '19', from: T('2026-01-01') },
    ]);
    await test.apply({ ...wrong, ratePercent: '7' });
    expect((await test.ask<{ items: { taxes: object[] }[] }>('tenants', { tenantId: 'a' })).items[0]?.taxes).toEqual([
      { name: 'VAT', ratePercent: '19', from: T('2026-01-01') },
      { name: 'VAT', ratePercent: '7', from: T('2026-05-01') },
    ]);
  });
});

describe('a move of a deployment that never was', () => {
  it('is withdrawn: the one is charged, the other gets back', async () => {
    await use('2026-04-03', '10');
    await use('2026-04-20', '5');
    const move = { command: 'assign-deployment', deploymentId: 'd', tenantId: 'b', from: T('2026-04-11') };
    await test.apply(move);
    // 30.00 × 10/30, and 10 hours; 30.00 × 20/30, 5 hours, and May
    expect(rowsOf(await bill('a', '2026-05-01'))).toEqual([
      'base_fee 04-01/04-11 charge 10.00',
      'hours 04-01/04-11 charge 10.00',
    ]);
    expect(rowsOf(await bill('b', '2026-05-01'))).toEqual([
      'base_fee 04-11/05-01 charge 20.00',
      'base_fee 05-01/06-01 charge 30.00',
      'hours 04-11/05-01 charge 5.00',
    ]);
    const withdrawn = {
      command: 'withdraw',
      ...{ what: 'assign-deployment', deploymentId: 'd', from: T('2026-04-11'), reason: 'a mix-up' },
    };
    expect(owed(await preview(withdrawn, '2026-05-01'))).toEqual(['b -20.00 0.00', 'b -30.00 0.00', 'b -5.00 0.00']);
    await test.apply(withdrawn);
    expect(rowsOf(await bill('b', '2026-05-02'))).toEqual([
      'base_fee 04-11/05-01 reversal -20.00',
      'base_fee 05-01/06-01 reversal -30.00',
      'hours 04-11/05-01 reversal -5.00',
    ]);
    expect(rowsOf(await bill('a', '2026-05-02'))).toEqual([
      'base_fee 04-11/05-01 charge 20.00',
      'base_fee 05-01/06-01 charge 30.00',
      'hours 04-11/05-01 charge 5.00',
    ]);
    expect((await test.check()).failures).toEqual([]);
    // and it may be stated again, to another tenant
    await test.apply({ ...move, tenantId: 'a', from: T('2026-04-12') });
  });

  it('is corrected to another instant, or another tenant', async () => {
    await test.apply({ command: 'assign-deployment', deploymentId: 'd', tenantId: 'b', from: T('2026-04-11') });
    await test.apply({
      command: 'correct-assignment',
      ...{ deploymentId: 'd', tenantId: 'a', effectiveFrom: T('2026-04-11'), effectiveUntil: T('2026-04-16') },
      reason: 'moved later',
    });
    const { items } = await test.ask<{ items: { assignments: object[] }[] }>('deployments', { deploymentId: 'd' });
    expect(items[0]?.assignments).toEqual([
      { tenantId: 'a', from: T('2026-04-01') },
      { tenantId: 'b', from: T('2026-04-16') },
    ]);
  });
});

describe('the time line of a subscription', () => {
  it('has no cancellation after all: the rest is billed', async () => {
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's', at: T('2026-04-11') });
    expect(rowsOf(await bill('a', '2026-04-15'))).toEqual(['base_fee 04-01/04-11 charge 10.00']);
    await test.apply({ command: 'correct-subscription', subscriptionId: 's', cancelledAt: null, reason: 'they stay' });
    await use('2026-04-20', '5');
    expect(rowsOf(await bill('a', '2026-05-01'))).toEqual([
      'base_fee 04-11/05-01 charge 20.00',
      'base_fee 05-01/06-01 charge 30.00',
      'hours 04-11/05-01 charge 5.00',
    ]);
    const lines = await test.ask<{ items: { lineId: string; parentLineId: string | null; status: string }[] }>(
      'lines',
      { tenantId: 'a', at: T('2026-05-01') },
    );
    const fee = lines.items.filter(({ status, parentLineId }) => status === 'split' || parentLineId !== null);
    expect(fee.map(({ status }) => status)).toEqual(['split', 'valid', 'valid', 'split', 'valid', 'valid']);
    expect((await test.check()).failures).toEqual([]);
  });

  it('started later, on another anchor, and changed its plan at another instant', async () => {
    await test.apply({ command: 'change-plan', subscriptionId: 's', planId: 'q', at: T('2026-04-21') });
    await use('2026-04-03', '10');
    await use('2026-04-20', '5');
    // 30.00 × 20/30 + 60.00 × 10/30; 10 and 5 hours at 1.00; 60.00 of May
    expect(totals(await bill('a', '2026-05-01'))).toEqual(['115.00', '21.85']);
    const right = {
      command: 'correct-subscription',
      ...{ subscriptionId: 's', from: T('2026-04-16'), plans: [{ planId: 'q', at: T('2026-04-19') }] },
      reason: 'as the contract says',
    };
    await test.apply(right);
    const [found] = (await test.ask<{ items: object[] }>('subscriptions', { subscriptionId: 's' })).items;
    expect(found).toMatchObject({
      period: { start: T('2026-04-16'), end: null },
      plans: [
        { planId: 'p', from: T('2026-04-16') },
        { planId: 'q', from: T('2026-04-19') },
      ],
    });
    // From the 16th: 30.00 × 3/30 + 60.00 × 12/30 = 27.00 and 5 hours at 2.00: 37.00 instead of 55.00
    expect(totals(await bill('a', '2026-05-02'))).toEqual(['-18.00', '-3.42']);
    expect((await test.check()).failures).toEqual([]);
  });

  it('is refused where it contradicts itself, or another subscription', async () => {
    const refused = async (more: object) =>
      test.refused({ command: 'correct-subscription', subscriptionId: 's', reason: 'no', ...more });
    expect(await refused({ cancelledAt: T('2026-03-01') })).toMatchObject({ code: 'invalid_timeline' });
    expect(await refused({ from: T('2026-03-01') })).toMatchObject({ code: 'deployment_not_assigned' });
    expect(await refused({})).toMatchObject({ code: 'nothing_to_correct' });
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's', at: T('2026-04-11') });
    await test.apply(subscription('s2', 'd', 'q', { from: T('2026-04-11') }));
    expect(await refused({ cancelledAt: null })).toMatchObject({ code: 'subscription_overlap' });
  });

  it('is withdrawn as a whole: all that was billed comes back, and its id may be used again', async () => {
    await use('2026-04-03', '10');
    expect(totals(await bill('a', '2026-05-01'))).toEqual(['70.00', '13.30']);
    await test.apply({ command: 'withdraw', what: 'start-subscription', subscriptionId: 's', reason: 'never ordered' });
    expect(totals(await bill('a', '2026-05-02'))).toEqual(['-70.00', '-13.30']);
    await test.apply(subscription('s', 'd', 'q'));
    // 60.00 and 10 hours at 2.00; 60.00 of May
    expect(totals(await bill('a', '2026-05-03'))).toEqual(['140.00', '26.60']);
    expect((await test.check()).failures).toEqual([]);
  });
});

describe('a billed line that lost its price', () => {
  it('owes what nobody knows, and says so', async () => {
    const key = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
    const from = T('2026-01-01');
    await test.apply(
      { command: 'set-rate', ...key, unitPrice: '2', effectiveFrom: from },
      deployment('e', 'b'),
      plan('r', '0', [{ billingKind: 'vm', price: { model: 'rate_card' } }]),
      subscription('u', 'e', 'r'),
      {
        command: 'observe-usage',
        deploymentId: 'e',
        observations: [
          {
            ...{ resourceId: 'r', billingKind: 'vm', granularity: 'hour', quantity: '5', rateKey: key },
            period: { start: T('2026-04-03'), end: '2026-04-03T01:00:00Z' },
          },
        ],
      },
    );
    expect(totals(await bill('b', '2026-05-01'))).toEqual(['10.00', '0.00']);
    await test.apply({ command: 'withdraw', what: 'set-rate', ...key, effectiveFrom: from, reason: 'never agreed' });
    expect(await test.ask('owed')).toMatchObject({ items: [{ tenantId: 'b', net: '0.00', lines: 0, notRated: 1 }] });
  });
});

describe('the terms of a plan', () => {
  it('are corrected over a period: fee, included quantity, discounts, a forgotten item', async () => {
    await use('2026-04-03', '10');
    await bill('a', '2026-05-01');
    const right = {
      command: 'correct-plan',
      ...{ planId: 'p', effectiveFrom: T('2026-04-01'), effectiveUntil: T('2026-05-01'), baseFee: '20.00' },
      items: [{ billingKind: 'hours', included: '4', discounts: { percentage: '50' } }],
      reason: 'as agreed',
    };
    // 20.00 instead of 30.00; 6 hours at half of 1.00 instead of 10.00
    expect(owed(await preview(right, '2026-05-01'))).toEqual(['a -10.00 -1.90', 'a -7.00 -1.33']);
    await test.apply(right);
    expect(totals(await bill('a', '2026-05-02'))).toEqual(['-17.00', '-3.23']);
    await test.apply({
      ...right,
      items: [{ billingKind: 'hours', included: null, discounts: null }],
      baseFee: '30.00',
    });
    expect(totals(await bill('a', '2026-05-03'))).toEqual(['17.00', '3.23']);
    expect((await test.check()).failures).toEqual([]);
  });

  it('are those before a publication that is withdrawn', async () => {
    await test.apply(plan('p', '90.00', [], { effectiveFrom: T('2026-04-16') }));
    await test.apply({
      command: 'withdraw',
      ...{ what: 'publish-plan', planId: 'p', effectiveFrom: T('2026-04-16'), reason: 'a draft' },
    });
    const { items } = await test.ask<{ items: object[] }>('plans', { planId: 'p' });
    expect(items).toMatchObject([{ baseFee: '30.00', effectiveFrom: T('2026-01-01'), effectiveUntil: null }]);
  });
});

describe('a tenant', () => {
  it('has another name, address and time zone, and the events name none of it', async () => {
    await test.apply({
      command: 'correct-tenant',
      ...{ tenantId: 'a', name: 'Anna', address: '1 Main Street', taxNumber: 'DE1', email: 'a@example.com' },
      ...{ timeZone: 'Europe/Berlin', paymentTermsDays: 14, reason: 'as on the contract' },
    });
    expect((await test.ask<{ items: object[] }>('tenants', { tenantId: 'a' })).items).toMatchObject([
      {
        ...{ name: 'Anna', address: '1 Main Street', taxNumber: 'DE1', email: 'a@example.com' },
        ...{ timeZone: 'Europe/Berlin', paymentTermsDays: 14 },
      },
    ]);
    const events = await test.ask<object>('events', { stream: 'tenant-a' });
    expect(JSON.stringify(events)).not.toMatch(/Anna|Main Street|DE1|example\.com/);
    const repeated = await test.ledger.execute(
      { command: 'correct-tenant', tenantId: 'a', name: 'Anna', reason: 'again' },
      ADMIN,
    );
    expect(repeated.status).toBe('unchanged');
  });
});

describe('a correction', () => {
  it('is refused when it was overtaken', async () => {
    const { position } = await preview({
      command: 'correct-tax',
      ...{ tenantId: 'a', ratePercent: '7', effectiveFrom: T('2026-04-01'), reason: 'typo' },
    });
    const right = { command: 'correct-tax', tenantId: 'a', effectiveFrom: T('2026-04-01'), reason: 'typo' };
    await test.apply({ ...right, ratePercent: '8' });
    expect(await test.refused({ ...right, ratePercent: '7', basedOn: position })).toMatchObject({ code: 'overtaken' });
  });

  it('that is withdrawn and repeated records nothing, and says how to state it again', async () => {
    const cancelled = { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-04-20') };
    const withdrawn = { ...cancelled, command: 'withdraw', what: 'cancel-subscription', reason: 'they stay' };
    await test.apply(cancelled, withdrawn);
    const repeated = await test.ledger.execute(cancelled, ADMIN);
    expect(repeated).toMatchObject({
      status: 'unchanged',
      result: { notice: expect.stringContaining('To state it again, give occurredAt.') },
    });
    const [again] = await test.apply({ ...cancelled, occurredAt: T('2026-04-19') });
    expect(again?.status).toBe('done');
  });

  it('names what corrects a command that can not be withdrawn', async () => {
    expect(await test.refused({ command: 'withdraw', what: 'observe-usage', reason: 'no' })).toMatchObject({
      code: 'not_withdrawable',
      message: "withdraw: observe-usage can't be withdrawn. To correct what is recorded, use correct-usage.",
    });
  });
});
