import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** A tenant that is billed in several currencies: each subscription in that of its plan, nothing is converted. */

interface Invoice {
  readonly currency: string;
  readonly number: string;
  readonly total: string;
  readonly lines: readonly { readonly billingKind: string; readonly net: string }[];
}

const T = (date: string) => `${date}T00:00:00Z`;

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('a', { currencies: ['EUR'] }),
    deployment('d1', 'a'),
    deployment('d2', 'a'),
    plan('usd', '30.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } }]),
    plan('eur', '20.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '2.00' } }], { currency: 'EUR' }),
    subscription('s1', 'd1', 'usd'),
    subscription('s2', 'd2', 'eur'),
  );
});
afterEach(async () => test.close());

const use = async (deploymentId: string, date: string, quantity: string): Promise<void> => {
  const reading = { resourceId: 'r', billingKind: 'hours', granularity: 'hour', quantity };
  const period = { start: T(date), end: `${date}T01:00:00Z` };
  await test.apply({ command: 'observe-usage', deploymentId, observations: [{ ...reading, period }] });
};
const bill = async (asOf: string): Promise<string[]> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string; currency: string }[] } }).result;
  const issued: string[] = [];
  for (const { invoiceId, currency } of invoices) {
    await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-06-01') });
    const invoice = await test.ask<Invoice>('invoice', { id: invoiceId });
    expect(invoice.currency).toBe(currency);
    issued.push(`${currency} ${invoice.total}`);
  }
  return issued.sort();
};

it('has an invoice in each, made by one command, which answers the same again', async () => {
  await use('d1', '2026-04-03', '5');
  await use('d2', '2026-04-03', '7');
  // 20.00 + 7 × 2.00; 30.00 + 5 × 1.00
  expect(await bill('2026-04-20')).toEqual(['EUR 34.00', 'USD 35.00']);
  const command = { command: 'create-invoice', tenantId: 'a', asOf: T('2026-05-01') };
  const [first] = await test.apply(command);
  expect(first).toMatchObject({ status: 'done' });
  const [again] = await test.apply(command);
  expect(again).toMatchObject({ status: 'unchanged', result: (first as { result: object }).result });
  expect((await test.check()).failures).toEqual([]);
});

it('has a correction on the next invoice in its currency', async () => {
  await use('d2', '2026-04-03', '7');
  await bill('2026-05-01');
  await test.apply({
    command: 'correct-price',
    ...{ planId: 'eur', billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } },
    ...{ effectiveFrom: T('2026-04-01'), reason: 'as agreed' },
  });
  // 7 × 1.00 instead of 7 × 2.00
  expect(await bill('2026-05-02')).toEqual(['EUR -7.00']);
  expect((await test.check()).failures).toEqual([]);
});

it('changes the currency with the plan: another line begins', async () => {
  await test.apply({ command: 'change-plan', subscriptionId: 's1', planId: 'eur', at: T('2026-04-16') });
  await use('d1', '2026-04-03', '5');
  await use('d1', '2026-04-20', '3');
  // EUR: 20.00 × 15/30 + 3 × 2.00, and 20.00 of s2, and 2 × 20.00 of May; USD: 30.00 × 15/30 + 5 × 1.00
  expect(await bill('2026-05-01')).toEqual(['EUR 76.00', 'USD 20.00']);
  expect((await test.check()).failures).toEqual([]);
});

it('is refused a currency that it is not billed in, until it is added', async () => {
  await test.apply(plan('gbp', '10.00', [], { currency: 'GBP' }), deployment('d3', 'a'));
  const started = subscription('s3', 'd3', 'gbp');
  expect(await test.refused(started)).toMatchObject({
    code: 'currency_mismatch',
    message: 'plan gbp is in GBP, but tenant a is billed in USD and EUR: add GBP to its currencies with correct-tenant',
  });
  await test.apply(
    { command: 'correct-tenant', tenantId: 'a', currencies: ['EUR', 'GBP'], reason: 'a contract in pounds' },
    started,
  );
  expect(await bill('2026-05-01')).toContain('GBP 20.00');
});

it('has credit and previews in each', async () => {
  const credit = { command: 'grant-credit', creditId: 'c', tenantId: 'a', currency: 'EUR', amount: '5.00' };
  await test.apply({ ...credit, from: T('2026-04-01') });
  const preview = await test.ask<Invoice>('invoice-preview', { tenantId: 'a', currency: 'EUR', at: T('2026-04-20') });
  expect(preview).toMatchObject({ currency: 'EUR', total: '15.00' });
  expect(await bill('2026-04-20')).toEqual(['EUR 15.00', 'USD 30.00']);
});

interface Difference {
  readonly currency: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly period: { readonly start: string };
}

describe('a plan in another currency that is learnt after its billing', () => {
  const corrected = { command: 'correct-subscription', subscriptionId: 's1', planId: 'eur', reason: 'sold in euro' };
  const booked = async (): Promise<string[]> => {
    const { items } = await test.ask<{ items: readonly Invoice[] }>('invoices', { tenantId: 'a' });
    return items
      .filter(({ number }) => Number(number.slice('INV-'.length)) > 2)
      .flatMap(({ currency, lines }) => lines.map(({ billingKind, net }) => `${billingKind} ${currency} ${net}`))
      .filter((line) => !line.endsWith(' 0.00'))
      .sort();
  };

  it('takes back what was billed in the one, and bills in the other: two lines of the preview', async () => {
    await use('d1', '2026-04-03', '5');
    await bill('2026-04-20');
    const { lines, total, totals } = await test.ledger.preview([corrected], ADMIN, { at: instant(T('2026-04-20')) });
    const shown = lines.map(
      ({ billingKind, currency, before, after, difference }) =>
        `${billingKind} ${currency} ${before} ${after} ${difference}`,
    );
    // 20.00 and 5 × 2.00 in EUR, instead of 30.00 and 5 × 1.00 in USD
    expect(shown.sort()).toEqual([
      'base_fee EUR 0.00 20.00 20.00',
      'base_fee USD 30.00 0.00 -30.00',
      'hours EUR 0.00 10.00 10.00',
      'hours USD 5.00 0.00 -5.00',
    ]);
    expect(total).toBeNull();
    expect(totals).toEqual([
      { currency: 'EUR', total: '30.00' },
      { currency: 'USD', total: '-35.00' },
    ]);
    const before = await test.core.projector.catchUp();
    await test.apply(corrected);
    const { lines: changed } = await test.ask<{ lines: readonly Difference[] }>('diff', { from: String(before) });
    const ofApril = changed.filter(
      ({ period, before: was, after }) => period.start < T('2026-05-01') && was !== '0.00' && after !== '0.00',
    );
    expect(ofApril.map(({ currency, before: was, after }) => `${currency} ${was} ${after}`).sort()).toEqual([
      ...['EUR null 10.00', 'EUR null 20.00', 'USD 30.00 null', 'USD 5.00 null'],
    ]);
    expect(await bill('2026-04-21')).toEqual(['EUR 30.00', 'USD -35.00']);
    expect(await booked()).toEqual([
      ...['base_fee EUR 20.00', 'base_fee USD -30.00', 'hours EUR 10.00', 'hours USD -5.00'],
    ]);
    expect((await test.check()).failures).toEqual([]);
  });

  it('accrues in its own currency, and issued is what was billed in it', async () => {
    await use('d1', '2026-04-03', '5');
    await bill('2026-04-20');
    await test.apply(corrected);
    const { subscriptions } = await test.ask<{ subscriptions: readonly object[] }>('accrual', {
      ...{ at: T('2026-04-20'), currency: 'EUR' },
    });
    expect(subscriptions).toMatchObject([
      // 20.00 and 5 × 2.00: nothing of it was issued in EUR
      { subscriptionId: 's1', accrued: '30.00', issued: '0.00', unbilled: '30.00' },
      { subscriptionId: 's2', accrued: '20.00', issued: '20.00', unbilled: '0.00' },
    ]);
    const { items } = await test.ask<{ items: readonly { status: string; currency: string; net: string }[] }>('lines', {
      ...{ subscriptionId: 's1', at: T('2026-04-20') },
    });
    expect(items.filter(({ net }) => net !== '0.00').map(({ currency, net }) => `${currency} ${net}`)).toEqual([
      ...['EUR 20.00', 'EUR 10.00'],
    ]);
  });
});

describe('a day that is not metered', () => {
  it('refuses the invoices in all currencies, before one is drafted', async () => {
    const droplets = [{ billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '0.01' } }];
    const droplet = { provider: 'do', providerId: 'vm', kind: 'droplet', name: 'vm', deploymentId: 'd3' };
    await test.apply(...[deployment('d3', 'a'), plan('vm', '10.00', droplets), subscription('s3', 'd3', 'vm')], {
      command: 'observe-resource',
      ...droplet,
      status: 'active',
      seenAt: T('2026-04-01'),
    });
    // The droplet is billed in USD; EUR comes first.
    const create = { command: 'create-invoice', tenantId: 'a', asOf: T('2026-04-03') };
    expect(await test.refused(create)).toMatchObject({ code: 'not_metered' });
    expect(await test.ask('invoices')).toMatchObject({ items: [] });
    await test.apply({ ...create, unmetered: 'bill' });
    expect(await test.ask('invoices')).toMatchObject({ items: [{ currency: 'EUR' }, { currency: 'USD' }] });
  });
});

describe('the preview of an invoice', () => {
  it('names the other currencies in which something is due', async () => {
    await test.apply(
      ...[tenant('b', { currencies: ['EUR', 'GBP'] }), deployment('d3', 'b'), subscription('s3', 'd3', 'eur')],
    );
    const preview = async (currency?: string) =>
      test.ask('invoice-preview', {
        tenantId: 'b',
        at: T('2026-04-20'),
        ...(currency === undefined ? {} : { currency }),
      });
    expect(await preview()).toMatchObject({ currency: 'USD', total: '0.00', otherCurrencies: ['EUR'] });
    expect(await preview('EUR')).toMatchObject({ currency: 'EUR', total: '20.00', otherCurrencies: [] });
  });
});
