import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { Preview } from '#operations/ledger';
import { type Bill, billed, rowsOf } from '../support/bills.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What a person stated and never was is withdrawn: prices, sightings, costs, payments, credits. */

const T = (date: string) => `${date}T00:00:00Z`;
const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'fra1' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('a'),
    deployment('d', 'a'),
    plan('p', '30.00', [
      { billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } },
      { billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '0.10' } },
      { billingKind: 'cpu', price: { model: 'rate_card' } },
    ]),
    subscription('s', 'd', 'p'),
  );
});
afterEach(async () => test.close());

const use = async (date: string, quantity: string, more: object = {}): Promise<void> => {
  const reading = { resourceId: 'r', billingKind: 'hours', granularity: 'hour', quantity, ...more };
  const period = { start: T(date), end: `${date}T01:00:00Z` };
  await test.apply({ command: 'observe-usage', deploymentId: 'd', observations: [{ ...reading, period }] });
};
const bill = async (asOf: string): Promise<Bill | null> => billed(test, 'a', asOf);
const subtotal = (invoice: Bill | null): string => invoice?.subtotal ?? 'none';
const withdraw = <Key extends object>(what: string, key: Key, reason = 'never was') => ({
  ...{ command: 'withdraw', what, reason },
  ...key,
});
const preview = async (command: object, at: string): Promise<Preview> =>
  test.ledger.preview([command], ADMIN, { at: instant(T(at)) });
/** What the preview says of issued parts. */
const owed = ({ lines }: Preview): string[] =>
  lines
    .filter(({ invoiceId }) => invoiceId !== null)
    .map(({ billingKind, difference }) => `${billingKind} ${difference}`)
    .sort();
const items = async <Item>(query: string, params: object = {}): Promise<readonly Item[]> =>
  (await test.ask<{ items: readonly Item[] }>(query, { ...params })).items;
const isSound = async (): Promise<void> => {
  expect((await test.check()).failures).toEqual([]);
};

describe('a price of a rate key', () => {
  const set = (effectiveFrom: string, unitPrice: string, more: object = {}) => ({
    ...{ command: 'set-rate', ...KEY, basis: 'amount', unitPrice, effectiveFrom: T(effectiveFrom), ...more },
  });
  const prices = async () =>
    (await items<{ unitPrice: string; effectiveFrom: string; effectiveUntil: string | null }>('rates')).map(
      ({ unitPrice, effectiveFrom, effectiveUntil }) =>
        `${unitPrice} ${effectiveFrom.slice(0, 10)}/${effectiveUntil?.slice(0, 10) ?? ''}`,
    );

  it('never was: the price before it holds on, and what was billed is put right', async () => {
    await test.apply(set('2026-01-01', '1'), set('2026-04-16', '3'));
    await use('2026-04-03', '10', { billingKind: 'cpu', rateKey: KEY });
    await use('2026-04-20', '10', { billingKind: 'cpu', rateKey: KEY });
    // 30.00 and 30.00 of May; 10 × 1 + 10 × 3
    expect(subtotal(await bill('2026-05-01'))).toBe('100.00');
    const never = withdraw('set-rate', { ...KEY, effectiveFrom: T('2026-04-16') });
    // 10 × 1 instead of 10 × 3
    expect(owed(await preview(never, '2026-05-01'))).toEqual(['cpu -20.00']);
    await test.apply(never);
    expect(await prices()).toEqual(['1 2026-01-01/']);
    expect(subtotal(await bill('2026-05-02'))).toBe('-20.00');
    await isSound();
    // The same again is a repetition; another price is taken, and billed.
    await test.apply(set('2026-04-16', '3'));
    expect(await prices()).toEqual(['1 2026-01-01/']);
    await test.apply(set('2026-04-16', '2'));
    expect(await prices()).toEqual(['1 2026-01-01/2026-04-16', '2 2026-04-16/']);
    expect(subtotal(await bill('2026-05-03'))).toBe('10.00');
    await isSound();
  });

  it('never was, also where a price set later ended at it, and where others were withdrawn', async () => {
    await test.apply(set('2026-06-01', '6'), set('2026-01-01', '1'), set('2026-07-01', '7'));
    expect(await prices()).toEqual(['1 2026-01-01/2026-06-01', '6 2026-06-01/2026-07-01', '7 2026-07-01/']);
    await test.apply(withdraw('set-rate', { ...KEY, effectiveFrom: T('2026-06-01') }));
    expect(await prices()).toEqual(['1 2026-01-01/2026-07-01', '7 2026-07-01/']);
    await test.apply(withdraw('set-rate', { ...KEY, effectiveFrom: T('2026-07-01') }));
    expect(await prices()).toEqual(['1 2026-01-01/']);
    expect(await test.refused(withdraw('set-rate', { ...KEY, effectiveFrom: T('2026-07-01') }, 'again'))).toMatchObject(
      {
        code: 'unknown_rate',
      },
    );
    await isSound();
  });

  it('was not ended after all', async () => {
    const end = { command: 'withdraw-rate', ...KEY, from: T('2026-05-01'), reason: 'no longer sold' };
    await test.apply(set('2026-01-01', '1'), end, withdraw('withdraw-rate', { ...KEY, from: T('2026-05-01') }));
    expect(await prices()).toEqual(['1 2026-01-01/']);
    await test.apply({ ...end, reason: 'now it is' });
    expect(await prices()).toEqual(['1 2026-01-01/2026-05-01']);
    await isSound();
  });

  it('is refused when it was overtaken', async () => {
    await test.apply(set('2026-01-01', '1'), set('2026-04-16', '3'));
    const never = withdraw('set-rate', { ...KEY, effectiveFrom: T('2026-04-16') });
    const { position } = await preview(never, '2026-05-01');
    const { effectiveFrom } = never;
    await test.apply({ command: 'correct-rate', ...KEY, unitPrice: '4', effectiveFrom, reason: 'a typo' });
    expect(await test.refused({ ...never, basedOn: position })).toMatchObject({ code: 'overtaken' });
  });
});

const DROPLET = { provider: 'do', providerId: 'vm', kind: 'droplet', name: 'vm', deploymentId: 'd' };
const seen = (date: string, more: object = {}) => ({
  ...{ command: 'observe-resource', ...DROPLET, status: 'active', seenAt: T(date), ...more },
});
const meter = async (...dates: string[]): Promise<void> => {
  await test.apply(...dates.map((date) => ({ command: 'run-metering', date })));
};
const toMeter = async (): Promise<string[]> =>
  (await items<{ date: string; reason: string }>('days-to-meter', { at: T('2026-04-04') }))
    .filter(({ reason }) => reason === 'changed_since')
    .map(({ date }) => date);
const readings = async (): Promise<string[]> =>
  (await items<{ period: { start: string }; quantity: string }>('usage-records', { billingKind: 'droplet_hours' })).map(
    ({ period, quantity }) => `${period.start.slice(5, 13)} ${quantity}`,
  );

describe('a metering configuration', () => {
  it('never was: the days that it reached are metered again', async () => {
    const hourly = { billingKind: 'droplet_hours', granularity: 'hour', from: T('2026-04-02') };
    await test.apply({ command: 'configure-metering', ...hourly }, seen('2026-04-01'));
    await meter('2026-04-01', '2026-04-02');
    expect(await readings()).toHaveLength(25);
    const { billingKind, from } = hourly;
    const never = withdraw('configure-metering', { billingKind, from });
    await test.apply(never);
    expect(await toMeter()).toEqual(['2026-04-02']);
    await meter('2026-04-02');
    expect(await readings()).toEqual(['04-01T00 24', '04-02T00 24']);
    expect(await test.refused({ ...never, reason: 'again' })).toMatchObject({ code: 'unknown_configuration' });
    await test.apply({ command: 'configure-metering', ...hourly, retentionDays: 400 });
    expect(await toMeter()).toEqual(['2026-04-02']);
    await meter('2026-04-02');
    await isSound();
  });
});

describe('a sighting or a removal of a resource', () => {
  const APRIL_1_TO_3 = ['2026-04-01', '2026-04-02', '2026-04-03'];
  const resource = async () => (await items<object>('resources'))[0];

  it('a removal that never was: the metered days since are metered again, and billed', async () => {
    await test.apply(seen('2026-04-01', { region: 'fra1' }), {
      ...{ command: 'remove-resource', provider: 'do', providerId: 'vm', at: T('2026-04-02') },
    });
    await meter(...APRIL_1_TO_3);
    expect(await readings()).toEqual(['04-01T00 24']);
    // 30.00 and 24 × 0.10
    expect(subtotal(await bill('2026-04-04'))).toBe('32.40');
    const never = withdraw('remove-resource', { provider: 'do', providerId: 'vm', at: T('2026-04-02') });
    const { remetered, lines } = await preview(never, '2026-04-04');
    expect(remetered).toEqual(['2026-04-02', '2026-04-03']);
    // 2 days of 24 × 0.10
    expect(lines.map(({ difference }) => difference)).toEqual(['4.80']);
    await test.apply(never);
    expect(await resource()).toMatchObject({ region: 'fra1', deletedAt: null, lastSeenAt: T('2026-04-01') });
    expect(await toMeter()).toEqual(['2026-04-02', '2026-04-03']);
    await meter('2026-04-02', '2026-04-03', '2026-04-04');
    // 2.40 of the 4th, and 4.80 of the two days before
    expect(rowsOf(await bill('2026-04-05'))).toEqual([
      'droplet_hours 04-01/04-04 rebooked 7.20',
      'droplet_hours 04-01/04-04 reversal -2.40',
      'droplet_hours 04-04/04-05 charge 2.40',
    ]);
    await isSound();
    await test.apply({
      command: 'remove-resource',
      provider: 'do',
      providerId: 'vm',
      at: T('2026-04-02'),
      reason: 'x',
    });
    expect(await resource()).toMatchObject({ deletedAt: T('2026-04-02') });
    await meter('2026-04-02', '2026-04-03', '2026-04-04');
    expect(await readings()).toEqual(['04-01T00 24']);
    await isSound();
  });

  it('a sighting that never was, also one of a listing: the one before it holds on', async () => {
    const { command: _, provider, seenAt, ...listed } = seen('2026-04-02', { status: 'off', name: 'renamed' });
    await test.apply(seen('2026-04-01', { tags: ['web'] }), {
      ...{ command: 'sync-resources', provider, seenAt, resources: [listed] },
    });
    await meter(...APRIL_1_TO_3);
    expect(await readings()).toEqual(['04-01T00 24', '04-02T00 0', '04-03T00 0']);
    const key = { provider: 'do', providerId: 'vm', seenAt: T('2026-04-02') };
    await test.apply(withdraw('observe-resource', key));
    expect(await resource()).toMatchObject({
      name: 'vm',
      status: 'active',
      tags: ['web'],
      lastSeenAt: T('2026-04-01'),
    });
    expect(await toMeter()).toEqual(['2026-04-02', '2026-04-03']);
    await meter('2026-04-02', '2026-04-03');
    expect(await readings()).toEqual(['04-01T00 24', '04-02T00 24', '04-03T00 24']);
    expect(await test.refused(withdraw('observe-resource', key, 'again'))).toMatchObject({ code: 'unknown_sighting' });
    await isSound();
  });

  it('a resource that never was: its key is free, also before the read models know it', async () => {
    const key = { provider: 'do', providerId: 'vm', seenAt: T('2026-04-01') };
    await test.apply(seen('2026-04-01'));
    expect(await test.refused(seen('2026-04-01', { status: 'off' }))).toMatchObject({ code: 'conflicting_body' });
    await test.apply(withdraw('observe-resource', key), seen('2026-04-01', { status: 'off' }));
    expect(await resource()).toMatchObject({ status: 'off' });
    await test.apply(withdraw('observe-resource', key, 'again'));
    expect(await resource()).toBeUndefined();
    await isSound();
  });
});

describe('a cost line', () => {
  const OF = { provider: 'do', invoiceRef: '2026-04' };
  const line = (amount: string, more: object = {}) => ({
    ...{ lineKey: '1', kind: 'droplet', chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') } },
    ...{ amount, currency: 'USD', category: 'usage', tenantId: 'a', ...more },
  });
  const record = (amount: string) => ({ command: 'record-cost', ...OF, lines: [line(amount)] });
  const correct = (more: object) => ({ command: 'correct-cost', ...OF, lineKey: '1', reason: 'a typo', ...more });
  const cogs = async (): Promise<string> => {
    const { overall } = await test.ask<{ overall: { cogs: string } }>('margin', { period: '2026-04' });
    return overall.cogs;
  };

  it('is corrected, in any field', async () => {
    await test.apply(record('30.00'));
    expect(await cogs()).toBe('30.00');
    await test.apply(correct({ amount: '3.00', description: 'a droplet', tenantId: null }));
    expect(await cogs()).toBe('3.00');
    expect(await test.ask<object>('margin', { period: '2026-04' })).toMatchObject({ unattributed: { cogs: '3.00' } });
    const repeated = await test.ledger.execute(correct({ amount: '3.00', reason: 'again' }), ADMIN);
    expect(repeated.status).toBe('unchanged');
    expect(await test.refused(correct({}))).toMatchObject({ code: 'nothing_to_correct' });
    expect(await test.refused(correct({ lineKey: '2', amount: '1' }))).toMatchObject({ code: 'unknown_cost' });
    await isSound();
  });

  it('never was: the same body changes nothing then, another is taken, and a correction brings it back', async () => {
    const never = withdraw('record-cost', { ...OF, lineKey: '1' });
    await test.apply(record('30.00'), never);
    expect(await cogs()).toBe('0.00');
    const [same] = await test.apply(record('30.00'));
    expect([same?.status, await cogs()]).toEqual(['unchanged', '0.00']);
    expect(await test.refused({ ...never, reason: 'again' })).toMatchObject({ code: 'unknown_cost' });
    await test.apply(record('20.00'));
    expect(await cogs()).toBe('20.00');
    expect(await test.refused(record('10.00'))).toMatchObject({ code: 'cost_conflict' });
    await test.apply({ ...never, reason: 'not that either' });
    expect(await cogs()).toBe('0.00');
    await test.apply(correct({ amount: '5.00' }));
    expect(await cogs()).toBe('5.00');
    await isSound();
  });

  it('is not corrected by someone who did not see the last correction', async () => {
    await test.apply(record('30.00'));
    const { position } = await preview(correct({ amount: '3.00' }), '2026-05-01');
    await test.apply(correct({ amount: '4.00' }));
    expect(await test.refused(correct({ amount: '3.00', basedOn: position }))).toMatchObject({ code: 'overtaken' });
    expect(
      await test.refused({ ...withdraw('record-cost', { ...OF, lineKey: '1' }), basedOn: position }),
    ).toMatchObject({ code: 'overtaken' });
  });
});

describe('waived usage', () => {
  it('is listed as unbilled again', async () => {
    const waived = {
      deploymentId: 'd',
      billingKind: 'zones',
      period: { start: T('2026-04-01'), end: T('2026-05-01') },
    };
    await use('2026-04-03', '2', { billingKind: 'zones' });
    const waive = { command: 'waive-usage', ...waived, reason: 'a trial' };
    await test.apply(waive);
    expect(await items('unbilled')).toEqual([]);
    await test.apply(withdraw('waive-usage', waived));
    expect(await items('unbilled')).toMatchObject([{ billingKind: 'zones', quantity: '2' }]);
    expect(await test.refused(withdraw('waive-usage', waived, 'again'))).toMatchObject({ code: 'unknown_waiver' });
    await test.apply({ ...waive, reason: 'a trial after all' });
    expect(await items('unbilled')).toEqual([]);
    await isSound();
  });
});

describe('a payment', () => {
  it('never was: the invoice is issued again, and may be paid', async () => {
    const invoiceId = (await bill('2026-04-01'))?.invoiceId ?? '';
    const pay = { command: 'pay-invoice', invoiceId, at: T('2026-07-10') };
    await test.apply(pay, withdraw('pay-invoice', { invoiceId }));
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ status: 'issued', paidAt: null });
    expect(await test.refused(withdraw('pay-invoice', { invoiceId }, 'again'))).toMatchObject({
      code: 'invoice_not_paid',
    });
    await test.apply({ ...pay, at: T('2026-07-12') });
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ status: 'paid', paidAt: T('2026-07-12') });
    await isSound();
  });

  it('never was, though a credit note was issued since: that stays credit of the tenant', async () => {
    const invoiceId = (await bill('2026-04-01'))?.invoiceId ?? '';
    await test.apply(
      { command: 'pay-invoice', invoiceId, at: T('2026-07-10') },
      { command: 'create-credit-note', invoiceId, amount: '5.00', at: T('2026-07-11'), reason: 'an outage' },
      withdraw('pay-invoice', { invoiceId }),
    );
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ status: 'issued', amountDue: '30.00' });
    await isSound();
  });

  it('is none where credit notes leave nothing to pay', async () => {
    const invoiceId = (await bill('2026-04-01'))?.invoiceId ?? '';
    await test.apply({ command: 'create-credit-note', invoiceId, at: T('2026-07-11'), reason: 'an outage' });
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({
      ...{ status: 'paid', paidAt: T('2026-07-11'), amountDue: '0.00' },
    });
    expect(await test.refused(withdraw('pay-invoice', { invoiceId }))).toMatchObject({
      code: 'invoice_credited',
      message: expect.stringContaining('nobody paid it'),
    });
    await isSound();
  });
});

describe('coupons and credits', () => {
  const OF = { tenantId: 'a', currency: 'USD', creditId: 'c' };
  const coupon = { command: 'grant-coupon', ...OF, percent: '50', from: T('2026-04-01') };
  const credit = { command: 'grant-credit', ...OF, amount: '10.00', from: T('2026-04-01') };
  const revoke = { command: 'revoke-credit', ...OF, at: T('2026-04-01'), reason: 'a mix-up' };

  it('a coupon that was never granted: all that it took is charged', async () => {
    await use('2026-04-03', '10');
    await test.apply(coupon);
    // half of 30.00 + 10.00 + 30.00 of May
    expect(subtotal(await bill('2026-05-01'))).toBe('35.00');
    const never = withdraw('grant-coupon', OF);
    expect(owed(await preview(never, '2026-05-01'))).toEqual(['base_fee 15.00', 'base_fee 15.00', 'hours 5.00']);
    await test.apply(never);
    expect(await items('credits')).toEqual([]);
    expect(subtotal(await bill('2026-05-02'))).toBe('35.00');
    await isSound();
    expect(await test.refused(credit)).toMatchObject({ code: 'credit_exists' });
    await test.apply({ ...coupon, percent: '10' });
    // 10 % of 70.00
    expect(subtotal(await bill('2026-05-03'))).toBe('-7.00');
    await isSound();
  });

  it('a coupon that was never revoked: it takes its share again', async () => {
    await use('2026-04-03', '10');
    await test.apply({ ...coupon, billingKinds: ['hours'] }, revoke);
    expect(subtotal(await bill('2026-05-01'))).toBe('70.00');
    const never = withdraw('revoke-credit', OF);
    expect(owed(await preview(never, '2026-05-01'))).toEqual(['hours -5.00']);
    await test.apply(never);
    expect(subtotal(await bill('2026-05-02'))).toBe('-5.00');
    expect(await test.refused(withdraw('revoke-credit', OF, 'again'))).toMatchObject({ code: 'credit_not_revoked' });
    await isSound();
    await test.apply({ ...revoke, at: T('2026-04-02') });
    await isSound();
  });

  it('a credit that was never granted, unless invoices took it: then they are named', async () => {
    await test.apply(credit, withdraw('grant-credit', OF));
    expect(await items('credits')).toEqual([]);
    await test.apply({ ...credit, amount: '20.00' });
    // 30.00 − 20.00
    expect(subtotal(await bill('2026-04-01'))).toBe('10.00');
    expect(await test.refused(withdraw('grant-credit', OF, 'again'))).toMatchObject({
      code: 'credit_taken',
      message: 'credit c was taken by INV-000001: void these first, or revoke the rest (revoke-credit)',
    });
    const [invoice] = await items<{ invoiceId: string }>('invoices');
    await test.apply(
      { command: 'void-invoice', invoiceId: invoice?.invoiceId, at: T('2026-07-01') },
      withdraw('grant-credit', OF, 'again'),
    );
    expect(rowsOf(await bill('2026-04-01'))).toEqual(['base_fee 04-01/05-01 charge 30.00']);
    await isSound();
  });

  it('a revoked credit that was never granted may be granted and revoked again', async () => {
    await test.apply(credit, revoke, withdraw('grant-credit', OF));
    await test.apply({ ...credit, amount: '20.00' }, { ...revoke, at: T('2026-06-01') });
    expect(await items('credits')).toMatchObject([{ amount: '20.00', period: { end: T('2026-06-01') } }]);
    await isSound();
  });
});

describe('a refusal that tells of a recorded fact', () => {
  const CORRECT = 'Nothing was changed. To correct what is recorded, use';
  const message = async (command: object): Promise<string> => (await test.refused(command)).message;

  it('says which field differs and what is recorded, and names what corrects it', async () => {
    const tax = { command: 'set-tax', tenantId: 'a', name: 'VAT', ratePercent: '91', from: T('2026-04-01') };
    await test.apply(tax, seen('2026-04-01'));
    expect(await message({ ...tax, ratePercent: '7' })).toBe(
      'set-tax: the same key was recorded with another body: ratePercent is "91", not "7". ' +
        `${CORRECT} correct-tax or withdraw.`,
    );
    expect(await message(seen('2026-04-01', { status: 'off' }))).toBe(
      'observe-resource: the same key was recorded with another body: status is "active", not "off". ' +
        `${CORRECT} correct-resource or withdraw.`,
    );
    await test.core.projector.catchUp();
    expect(await message(seen('2026-04-01', { status: 'off' }))).toContain('status is "active", not "off"');
  });

  it('names no detail of a person', async () => {
    const register = { command: 'register-tenant', tenantId: 'b', name: 'Anna', currency: 'USD' };
    await test.apply(register);
    const said = [await message({ ...register, name: 'Bert' }), await message({ ...register, currency: 'EUR' })];
    expect(said.join()).not.toMatch(/Anna|Bert/);
    expect(said[1]).toContain('currency is "USD", not "EUR"');
  });

  it('says that another command has the idempotency key', async () => {
    const tax = { tenantId: 'a', name: 'VAT', ratePercent: '7', from: T('2026-04-01') };
    await test.apply({ command: 'set-tax', ...tax, idempotencyKey: 'k' });
    expect(
      await message({
        command: 'set-grace-period',
        tenantId: 'a',
        hours: 6,
        from: T('2026-04-01'),
        idempotencyKey: 'k',
      }),
    ).toBe(
      'set-grace-period: set-tax was recorded with the same idempotency key. Nothing was changed. ' +
        'Give another key.',
    );
  });

  it('names what corrects it, whatever the code', async () => {
    const refused = [
      await message(subscription('s2', 'd', 'p')),
      await message({ command: 'register-tenant', tenantId: 'a', name: 'X', currency: 'EUR' }),
    ];
    expect(refused.map((said) => / use (correct-[a-z]+)/.exec(said)?.[1])).toEqual([
      'correct-subscription',
      'correct-tenant',
    ]);
  });
});
