import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

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
