import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/**
 * What was billed, and turns out to fall due later: a fee in advance that was the price of usage, or a fee in arrears,
 * or an end that never was. Invoices of before it falls due take it back; the invoice of then bills it.
 */

const T = (day: string) => `2026-${day}T00:00:00Z`;

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(tenant('a'), deployment('d', 'a'));
});
afterEach(async () => test.close());

interface Row {
  readonly kind: string;
  readonly net: string;
  readonly chargePeriod: { readonly start: string; readonly end: string };
}
const draft = async (asOf: string): Promise<string | undefined> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf });
  return (created as { result: { invoices: { invoiceId: string }[] } }).result.invoices[0]?.invoiceId;
};
const issue = async (invoiceId: string, at: string) => test.apply({ command: 'issue-invoice', invoiceId, at });
/** What the invoice as of an instant bills: each row, and the total. Nothing: []. */
const bill = async (asOf: string): Promise<string[]> => {
  const invoiceId = await draft(asOf);
  if (invoiceId === undefined) return [];
  await issue(invoiceId, asOf);
  const { subtotal, lines } = await test.ask<{ subtotal: string; lines: { rows: Row[] }[] }>('invoice', {
    id: invoiceId,
  });
  const rows = lines.flatMap((line) =>
    line.rows.map(
      ({ kind, net, chargePeriod: { start, end } }) => `${start.slice(5, 10)}/${end.slice(5, 10)} ${kind} ${net}`,
    ),
  );
  return [...rows, subtotal];
};
const use = (day: string, quantity: string, next: string) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      ...{ resourceId: 'r', billingKind: 'hours', granularity: 'day', quantity },
      period: { start: T(day), end: T(next) },
    },
  ],
});
const flat = (paymentTerm: string) => [
  { billingKind: 'hours', price: { model: 'flat', amount: '50.00', paymentTerm } },
];
const METERED = [
  { billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' }, commitments: { minimum: '20.00' } },
];
const correct = (more: object) => ({
  ...{ command: 'correct-plan', planId: 'p', effectiveFrom: T('01-01'), reason: 'as agreed', ...more },
});
const isSound = async (): Promise<void> => {
  expect((await test.check()).failures).toEqual([]);
};

describe('a fee in advance that was the price of usage', () => {
  beforeEach(async () => {
    await test.apply(plan('p', '0.00', flat('in_advance')), subscription('s', 'd', 'p'));
  });

  it('is taken back, and usage is billed as it falls due: the minimum when the period ends', async () => {
    expect(await bill(T('04-01'))).toEqual(['04-01/05-01 charge 50.00', '50.00']);
    await test.apply(correct({ items: METERED }), use('04-02', '5', '04-03'), use('04-20', '5', '04-21'));
    const preview = await test.ask<{ total: string }>('invoice-preview', { tenantId: 'a', at: T('04-10') });
    expect(preview).toMatchObject({ subtotal: '-45.00' });
    // −50.00 + 5 × 1.00. The other 5 are of 20 April, and the minimum of 20.00 is due on 1 May.
    expect(await bill(T('04-10'))).toEqual(['04-01/04-10 charge 5.00', '04-01/05-01 reversal -50.00', '-45.00']);
    expect(await bill(T('04-21'))).toEqual(['04-10/04-21 charge 5.00', '5.00']);
    // 20.00 − 10.00
    expect(await bill(T('05-01'))).toEqual(['04-01/05-01 charge 10.00', '10.00']);
    await isSound();
  });

  it('is not billed by a draft that has it: the draft comes to nothing', async () => {
    const invoiceId = (await draft(T('04-01'))) ?? '';
    await test.apply(correct({ items: METERED }), use('04-02', '5', '04-03'));
    await issue(invoiceId, T('04-01'));
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ status: 'void' });
    expect(await bill(T('04-10'))).toEqual(['04-01/04-10 charge 5.00', '5.00']);
    expect(await bill(T('05-01'))).toEqual(['04-01/05-01 charge 15.00', '15.00']);
    await isSound();
  });

  it('is billed by one draft only, if it was a fee in advance after all', async () => {
    const first = (await draft(T('04-01'))) ?? '';
    await test.apply(correct({ items: METERED }), use('04-02', '5', '04-03'));
    const second = (await draft(T('05-01'))) ?? '';
    await test.apply(correct({ items: flat('in_advance') }));
    await issue(first, T('04-01'));
    await issue(second, T('05-01'));
    expect(await test.ask('invoice', { id: first })).toMatchObject({ status: 'void' });
    // 50.00 of April and 50.00 of May
    expect(await test.ask('invoice', { id: second })).toMatchObject({ status: 'issued', subtotal: '50.00' });
    expect(await bill('2026-05-01T00:00:01Z')).toEqual(['05-01/06-01 charge 50.00', '50.00']);
    await isSound();
  });

  it('is billed again if it was a fee in advance after all', async () => {
    await bill(T('04-01'));
    await test.apply(correct({ items: METERED }), use('04-02', '5', '04-03'));
    expect(await bill(T('04-10'))).toContain('-45.00');
    await test.apply(correct({ items: flat('in_advance') }));
    // The part that was billed until 10 April has the fee now, for all of April: 50.00 − 5.00
    expect(await bill(T('04-11'))).toEqual(['04-01/04-10 reversal -5.00', '04-01/05-01 rebooked 50.00', '45.00']);
    expect(await bill(T('05-01'))).toEqual(['05-01/06-01 charge 50.00', '50.00']);
    await isSound();
  });

  it('shows what was billed until it is taken back, and the usage as open', async () => {
    await bill(T('04-01'));
    await test.apply(correct({ items: METERED }), use('04-02', '5', '04-03'));
    const { items } = await test.ask<{ items: { billingKind: string }[] }>('lines', { at: T('04-10') });
    expect(items.filter(({ billingKind }) => billingKind === 'hours')).toMatchObject([
      { status: 'valid', invoiceId: null, quantity: '5', net: '5.00' },
    ]);
    // 5.00 accrued, 50.00 issued
    const accrual = { accrued: '5.00', issued: '50.00', unbilled: '-45.00' };
    expect(await test.ask('accrual', { at: T('04-10') })).toMatchObject(accrual);
    // What is issued is taken back; what is used is not issued yet.
    const { lines } = await test.ledger.preview([correct({ items: flat('in_arrears') })], ADMIN, {
      at: instant(T('04-10')),
    });
    expect(lines.map(({ before, after, difference }) => [before, after, difference])).toEqual([
      ['5.00', '0.00', '-5.00'],
    ]);
  });
});

describe('a minimum a year', () => {
  it('is due when the year ends', async () => {
    await test.apply(
      plan('p', '0.00', flat('in_advance'), { interval: 'year' }),
      ...[subscription('s', 'd', 'p', { anchor: T('04-01') }), use('04-02', '5', '04-03')],
    );
    expect(await bill(T('04-01'))).toEqual(['04-01/04-01 charge 50.00', '50.00']);
    await test.apply(correct({ items: METERED }));
    expect(await bill(T('04-10'))).toEqual(['04-01/04-10 charge 5.00', '04-01/04-01 reversal -50.00', '-45.00']);
    expect(await bill('2027-03-31T23:59:59Z')).toEqual([]);
    // 20.00 − 5.00
    expect(await bill('2027-04-01T00:00:00Z')).toEqual(['04-01/04-01 charge 15.00', '15.00']);
    await isSound();
  });
});

describe('a fee in advance that was one in arrears', () => {
  beforeEach(async () => {
    await test.apply(plan('p', '30.00', []), subscription('s', 'd', 'p', { from: T('05-01') }));
    // May, June and July
    expect((await bill(T('07-01'))).at(-1)).toBe('90.00');
  });

  it('is due when its period ends: what is over stays, the rest is taken back until then', async () => {
    await test.apply(correct({ paymentTerm: 'in_arrears' }));
    expect(await bill(T('07-10'))).toEqual(['07-01/08-01 reversal -30.00', '-30.00']);
    expect(await bill(T('08-01'))).toEqual(['07-01/08-01 charge 30.00', '30.00']);
    await isSound();
  });

  it('is due again where the invoice that billed it then is void', async () => {
    await test.apply(correct({ paymentTerm: 'in_arrears' }));
    await bill(T('07-10'));
    const august = (await draft(T('08-01'))) ?? '';
    await issue(august, T('08-01'));
    await test.apply({ command: 'void-invoice', invoiceId: august, at: T('08-02') });
    // The invoice of 1 July claims July still, and bills nothing of it.
    expect(await bill(T('08-02'))).toEqual(['07-01/08-01 charge 30.00', '30.00']);
    expect(await bill(T('08-03'))).toEqual([]);
    await isSound();
  });

  it('has its new amount then', async () => {
    await test.apply(correct({ paymentTerm: 'in_arrears', baseFee: '20.00' }));
    // May and June: −30.00 + 20.00 each; July: −30.00
    expect((await bill(T('07-10'))).at(-1)).toBe('-50.00');
    expect(await bill(T('08-01'))).toEqual(['07-01/08-01 charge 20.00', '20.00']);
    await isSound();
  });
});

describe('a cancellation that never was', () => {
  it('takes back all that falls due at the end: fee in arrears, volume and minimum', async () => {
    const items = [
      {
        billingKind: 'hours',
        price: {
          model: 'volume',
          tiers: [
            { upTo: '10', unitAmount: '1.00' },
            { upTo: null, unitAmount: '0.50' },
          ],
        },
        commitments: { minimum: '80.00' },
      },
    ];
    await test.apply(
      plan('p', '30.00', items, { paymentTerm: 'in_arrears' }),
      ...[subscription('s', 'd', 'p'), use('04-02', '100', '04-03')],
      { command: 'cancel-subscription', subscriptionId: 's', at: T('04-16') },
    );
    // Half of 30.00; 100 × 0.50, which is above half of 80.00
    const cancelled = ['04-01/04-16 charge 15.00', '04-01/04-16 charge 50.00', '65.00'];
    expect(await bill(T('04-16'))).toEqual(cancelled);
    await test.apply({
      ...{ command: 'withdraw', what: 'cancel-subscription', subscriptionId: 's', at: T('04-16'), reason: 'never was' },
    });
    expect(await bill(T('04-18'))).toEqual(['04-01/04-16 reversal -15.00', '04-01/04-16 reversal -50.00', '-65.00']);
    // 30.00; 50.00, and 30.00 to the minimum
    expect(await bill(T('05-01'))).toEqual([
      ...['04-01/05-01 charge 30.00', '04-01/05-01 charge 50.00', '04-01/05-01 charge 30.00'],
      '110.00',
    ]);
    await isSound();
  });
});
