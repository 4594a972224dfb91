import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What the open periods come to, what is issued of it, and what is left: the next invoices. */

const T = (date: string) => (date.includes('T') ? `2026-${date}Z` : `2026-${date}T00:00:00Z`);
const use = (date: string, quantity: string, more: object = {}) => ({
  command: 'observe-usage',
  deploymentId: 'd1',
  observations: [
    {
      resourceId: 'r1',
      billingKind: 'requests',
      period: { start: T(date), end: T(`${date}T00:00:01`) },
      granularity: 'event',
      quantity,
      ...more,
    },
  ],
});
const REQUESTS = { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.01' } };

interface Figures {
  readonly accrued: string;
  readonly issued: string;
  readonly unbilled: string;
  readonly dueAtPeriodEnd: string;
}
interface Accrual extends Figures {
  readonly currency: string;
  readonly total: string;
  readonly otherCurrencies: readonly string[];
  readonly subscriptions: readonly (Figures & {
    readonly subscriptionId: string;
    readonly total: string;
    readonly lines: readonly (Figures & { readonly billingKind: string; readonly quarantine: object | null })[];
  })[];
}

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
});
afterEach(async () => test.close());

const accrual = async (at: string, more: object = {}): Promise<Accrual> => test.ask('accrual', { at: T(at), ...more });
const figures = ({ accrued, issued, unbilled }: Figures): string[] => [accrued, issued, unbilled];
const ofLines = ({ subscriptions }: Accrual) =>
  subscriptions.flatMap(({ lines }) => lines.map((line) => [line.billingKind, ...figures(line)]));
const create = async (asOf: string, tenantId = 't1'): Promise<string> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  return invoices[0]?.invoiceId ?? 'none';
};
const issue = async (invoiceId: string, at: string): Promise<string> => {
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(at) });
  return (await test.ask<{ subtotal: string }>('invoice', { id: invoiceId })).subtotal;
};
const bill = async (asOf: string, tenantId = 't1'): Promise<string> => issue(await create(asOf, tenantId), asOf);
const opened = async (...more: object[]) =>
  test.apply(
    tenant('t1'),
    deployment('d1', 't1'),
    plan('p', '50.00', [REQUESTS]),
    subscription('s1', 'd1', 'p'),
    ...more,
  );

const linesOf = async (question: object): Promise<string[]> =>
  (
    await test.ask<{ items: { billingKind: string; period: { start: string } }[] }>('lines', {
      ...{ tenantId: 't1', status: 'valid', at: T('04-16'), ...question },
    })
  ).items.map(({ billingKind, period }) => `${billingKind} from ${period.start.slice(0, 10)}`);

describe('lines', () => {
  it('are those that are billed, or those that gather', async () => {
    await opened(use('04-05', '500'));
    expect(await linesOf({ billed: 'true' })).toEqual([]);
    await create('04-16');
    // The fee in advance, and the usage until the invoice. A draft counts.
    const billed = ['base_fee from 2026-04-01', 'requests from 2026-04-01'];
    expect(await linesOf({ billed: 'true' })).toEqual(billed);
    expect(await linesOf({ billed: 'false' })).toEqual(['requests from 2026-04-16']);
    expect(await linesOf({})).toEqual([...billed, 'requests from 2026-04-16']);
    expect(await linesOf({ billed: 'true', status: 'split' })).toEqual([]);
  });
});

describe('deployments', () => {
  it('are found by a part of their id or name', async () => {
    await test.apply(tenant('t1'), deployment('d1', 't1'));
    await test.apply({ ...deployment('d2', 't1'), name: 'Build farm' });
    const found = async (search: string): Promise<string[]> =>
      (await test.ask<{ items: { deploymentId: string }[] }>('deployments', { search })).items.map(
        ({ deploymentId }) => deploymentId,
      );
    expect(await found('FARM')).toEqual(['d2']);
    expect(await found('D')).toEqual(['d1', 'd2']);
    expect(await found('_')).toEqual([]);
  });
});

describe('accrual', () => {
  it('leaves out what is issued: 55.00 issued, nothing unbilled', async () => {
    // 50.00 in advance, and 500 × 0.01 = 5.00
    await opened(use('04-05', '500'));
    expect(figures(await accrual('04-16'))).toEqual(['55.00', '0.00', '55.00']);
    expect(await bill('04-16')).toBe('55.00');
    const found = await accrual('04-16');
    expect(await accrual('04-16', { withoutSubscriptions: 'true' })).toEqual({ ...found, subscriptions: [] });
    expect(figures(found)).toEqual(['55.00', '55.00', '0.00']);
    expect(found.total).toBe('0.00');
    expect(found.subscriptions).toMatchObject([
      { subscriptionId: 's1', tenantId: 't1', deploymentId: 'd1', accrued: '55.00', issued: '55.00', total: '0.00' },
    ]);
    expect(ofLines(found)).toEqual([
      ['base_fee', '50.00', '50.00', '0.00'],
      ['requests', '5.00', '5.00', '0.00'],
    ]);
    expect(await test.ask('margin', { period: '2026-04-16' })).toMatchObject({ overall: { revenue: '55.00' } });
    // 200 more: an invoice would bill 2.00 of them
    await test.apply(use('04-20', '200'));
    expect(figures(await accrual('04-21'))).toEqual(['57.00', '55.00', '2.00']);
    expect(await bill('04-21')).toBe('2.00');
    expect(figures(await accrual('04-21'))).toEqual(['57.00', '57.00', '0.00']);
  });

  it('counts neither a draft nor a void invoice, and counts a paid one', async () => {
    await opened(use('04-05', '500'));
    const invoiceId = await create('04-16');
    expect(figures(await accrual('04-16'))).toEqual(['55.00', '0.00', '55.00']);
    await issue(invoiceId, '04-16');
    await test.apply({ command: 'pay-invoice', invoiceId, at: T('04-17') });
    expect(figures(await accrual('04-16'))).toEqual(['55.00', '55.00', '0.00']);
    await test.apply(use('04-18', '100'));
    const second = await create('04-20');
    await issue(second, '04-20');
    expect(figures(await accrual('04-20'))).toEqual(['56.00', '56.00', '0.00']);
    await test.apply({ command: 'void-invoice', invoiceId: second, at: T('04-21'), reason: 'wrong address' });
    expect(figures(await accrual('04-20'))).toEqual(['56.00', '55.00', '1.00']);
  });

  it('has what a correction owes, and then the correction as issued', async () => {
    await opened(use('04-05', '500'));
    await bill('04-16');
    const { observations, ...command } = use('04-05', '0');
    await test.apply({
      ...command,
      command: 'correct-usage',
      ...observations[0],
      quantity: '200',
      reason: 'read twice',
    });
    // 50.00 + 2.00, and 3.00 of the 55.00 come back
    expect(figures(await accrual('04-16'))).toEqual(['52.00', '55.00', '-3.00']);
    expect(await bill('04-17')).toBe('-3.00');
    expect(figures(await accrual('04-17'))).toEqual(['52.00', '52.00', '0.00']);
  });

  it('is before credits, and after coupons', async () => {
    const shared = { tenantId: 't1', currency: 'USD', from: T('04-01') };
    await opened(
      use('04-05', '500'),
      { command: 'grant-credit', creditId: 'c', amount: '45.00', ...shared },
      { command: 'grant-coupon', creditId: 'k', percent: '20', billingKinds: ['requests'], ...shared },
    );
    // 50.00 + 5.00 − 20 %
    expect(figures(await accrual('04-16'))).toEqual(['54.00', '0.00', '54.00']);
    // less 45.00 of credit, which pays
    expect(await bill('04-16')).toBe('9.00');
    expect(figures(await accrual('04-16'))).toEqual(['54.00', '54.00', '0.00']);
  });

  it('counts of a line that can not be rated what is issued', async () => {
    const rateKey = { resourceType: 'vm', resourceFamily: 'a', location: 'eu' };
    const card = (date: string, family = 'a') =>
      use(date, '10', { billingKind: 'cores', rateKey: { ...rateKey, resourceFamily: family } });
    await test.apply(
      tenant('t1'),
      deployment('d1', 't1'),
      plan('p', '0', [{ billingKind: 'cores', price: { model: 'rate_card' } }]),
      subscription('s1', 'd1', 'p'),
      { command: 'set-rate', ...rateKey, unitPrice: '0.10', effectiveFrom: T('01-01') },
      card('04-05'),
    );
    expect(await bill('04-10')).toBe('1.00');
    await test.apply(card('04-12', 'unknown'));
    const found = await accrual('04-20');
    expect(ofLines(found)).toEqual([
      ['base_fee', '0.00', '0.00', '0.00'],
      ['cores', '1.00', '1.00', '0.00'],
    ]);
    expect(found.subscriptions[0]?.lines[1]?.quarantine).toMatchObject({ code: 'missing_rate' });
  });

  it('answers as of a position before the invoice', async () => {
    await opened(use('04-05', '500'));
    const before = (await test.ask<{ items: { head: number }[] }>('projections')).items[0]?.head;
    await bill('04-16');
    expect(figures(await accrual('04-16', { asOf: String(before) }))).toEqual(['55.00', '0.00', '55.00']);
  });

  it('is negative at an instant before what was billed ahead', async () => {
    await opened(use('04-05', '500'), use('04-12', '300'));
    await bill('04-16');
    // Of 58.00 that are issued, 55.00 had come up by the 10th.
    expect(figures(await accrual('04-10'))).toEqual(['55.00', '58.00', '-3.00']);
  });
});

describe('the currency of accrual', () => {
  const inCurrency = (id: string, currency: string) => [
    tenant(`t-${id}`, { currency }),
    deployment(`d-${id}`, `t-${id}`),
    plan(`p-${id}`, '20', [], { currency }),
    subscription(`s-${id}`, `d-${id}`, `p-${id}`),
  ];
  const shown = ({ currency, total, otherCurrencies, subscriptions }: Accrual) => [
    currency,
    total,
    otherCurrencies,
    subscriptions.map(({ subscriptionId }) => subscriptionId),
  ];

  it('is the only one there is, or USD, and the others are named', async () => {
    // Without any open period there is nothing to name.
    expect(shown(await accrual('04-16'))).toEqual(['USD', '0.00', [], []]);
    await test.apply(...inCurrency('e', 'EUR'));
    expect(shown(await accrual('04-16'))).toEqual(['EUR', '20.00', [], ['s-e']]);
    await test.apply(...inCurrency('j', 'JPY'));
    expect(shown(await accrual('04-16'))).toEqual(['EUR', '20.00', ['JPY'], ['s-e']]);
    await test.apply(...inCurrency('u', 'USD'));
    expect(shown(await accrual('04-16'))).toEqual(['USD', '20.00', ['EUR', 'JPY'], ['s-u']]);
    expect(shown(await accrual('04-16', { currency: 'JPY' }))).toEqual(['JPY', '20', ['EUR', 'USD'], ['s-j']]);
    expect(shown(await accrual('04-16', { currency: 'KWD' }))).toEqual(['KWD', '0.000', ['EUR', 'JPY', 'USD'], []]);
    // A currency without an open period is not among them.
    expect(shown(await accrual('03-16'))).toEqual(['USD', '0.00', [], []]);
  });
});

describe('accrual at the last instant of a period', () => {
  // 30.00 in arrears; 1,817 × 0.01 = 18.17 by volume; 10.00 minimum; next to 5,440 × 0.01 = 54.40 as it comes up.
  const CLOSING = '58.17';
  beforeEach(async () => {
    await test.apply(
      tenant('t1'),
      deployment('d1', 't1'),
      plan(
        'p',
        '30.00',
        [
          REQUESTS,
          {
            billingKind: 'storage',
            price: {
              model: 'volume',
              tiers: [
                { upTo: '1000', unitAmount: '0.02' },
                { upTo: null, unitAmount: '0.01' },
              ],
            },
          },
          { billingKind: 'calls', price: { model: 'unit', unitAmount: '1.00' }, commitments: { minimum: '10.00' } },
        ],
        { paymentTerm: 'in_arrears' },
      ),
      subscription('s1', 'd1', 'p'),
      use('04-05', '5440'),
      use('04-06', '1817', { billingKind: 'storage' }),
    );
  });

  it('has what falls due at its end, and marks it: 54.40 before, 112.57 then', async () => {
    const before = await accrual('04-30T23:59:58');
    expect([before.total, before.dueAtPeriodEnd]).toEqual(['54.40', '0.00']);
    for (const last of ['04-30T23:59:59', '04-30T23:59:59.5', '04-30T23:59:59.999999']) {
      const found = await accrual(last);
      // 54.40 + 58.17
      expect([found.total, found.dueAtPeriodEnd]).toEqual(['112.57', CLOSING]);
      expect(
        found.subscriptions[0]?.lines.map(({ billingKind, accrued, dueAtPeriodEnd }) => [
          billingKind,
          accrued,
          dueAtPeriodEnd,
        ]),
      ).toEqual([
        ['base_fee', '30.00', '30.00'],
        ['requests', '54.40', '0.00'],
        ['storage', '18.17', '18.17'],
        ['calls', '10.00', '10.00'],
      ]);
    }
    // It stays until it is invoiced, a second later.
    expect((await accrual('05-01')).total).toBe('112.57');
    expect(await bill('05-01')).toBe('112.57');
    expect((await accrual('05-01')).total).toBe('0.00');
    expect(figures(await accrual('04-30T23:59:59'))).toEqual(['112.57', '112.57', '0.00']);
  });

  it('is the end of a line where its subscription ends', async () => {
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's1', at: T('04-16') });
    // 30.00 × 15 ⁄ 30 = 15.00, and 10.00 × 15 ⁄ 30 = 5.00 at least
    const found = await accrual('04-15T23:59:59');
    expect([found.total, found.dueAtPeriodEnd]).toEqual(['92.57', '38.17']);
    expect(await bill('04-16')).toBe('92.57');
  });

  it('has usage of its last second', async () => {
    const last = { period: { start: T('04-30T23:59:59.5'), end: T('04-30T23:59:59.6') } };
    await test.apply(use('04-30', '100', last));
    expect((await accrual('04-30T23:59:58')).total).toBe('54.40');
    expect((await accrual('04-30T23:59:59')).total).toBe('113.57');
    expect(await bill('05-01')).toBe('113.57');
  });
});

describe('a fee in arrears that was billed to the end of its subscription', () => {
  it('is unbilled below 0 once the cancellation never was: it falls due when the period ends', async () => {
    const never = { command: 'withdraw', what: 'cancel-subscription', subscriptionId: 's1', at: T('04-16') };
    await test.apply(
      tenant('t1'),
      deployment('d1', 't1'),
      plan('p', '30.00', [REQUESTS], { paymentTerm: 'in_arrears' }),
      subscription('s1', 'd1', 'p'),
      { command: 'cancel-subscription', subscriptionId: 's1', at: T('04-16') },
    );
    // 30.00 × 15 ⁄ 30
    expect(await bill('04-16')).toBe('15.00');
    await test.apply({ ...never, reason: 'the customer stays' });
    const due = async (at: string) =>
      (await test.ask<{ subtotal: string }>('invoice-preview', { tenantId: 't1', at: T(at) })).subtotal;
    // As if it had been known at once: no fee before 1 May.
    expect(await due('04-20')).toBe('-15.00');
    expect(figures(await accrual('04-20'))).toEqual(['0.00', '15.00', '-15.00']);
    expect(figures(await accrual('04-30T23:59:59'))).toEqual(['30.00', '15.00', '15.00']);
    expect(await bill('05-01')).toBe('15.00');
  });
});

describe('who may see it', () => {
  it('is platform_admin alone', async () => {
    await expect(test.ledger.ask('accrual', { at: T('04-16') }, { ...ADMIN, role: 'operator' })).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});

describe('what ended and is not billed yet', () => {
  const ARREARS = { paymentTerm: 'in_arrears' };
  const HOURS = { billingKind: 'requests', price: { model: 'unit', unitAmount: '1.00' } };
  const ofSubscriptions = ({ subscriptions }: Accrual) =>
    subscriptions.map((each) => [each.subscriptionId, ...figures(each)]);
  beforeEach(async () => {
    await test.apply(
      ...[tenant('t1'), tenant('t2'), deployment('d1', 't1')],
      plan('p', '30.00', [HOURS], ARREARS),
      ...[subscription('s1', 'd1', 'p'), use('04-02', '100')],
    );
  });

  it('stays when the plan changes to one of another interval', async () => {
    await test.apply(plan('y', '365.00', [HOURS], { ...ARREARS, interval: 'year' }));
    await test.apply({ command: 'change-plan', subscriptionId: 's1', planId: 'y', at: T('04-28') });
    // 100.00, and 27 of 30 days of 30.00. The yearly fee is due when its year ends.
    expect(figures(await accrual('04-27'))).toEqual(['100.00', '0.00', '100.00']);
    for (const at of ['04-28', '04-30', '05-10'])
      expect(figures(await accrual(at))).toEqual(['127.00', '0.00', '127.00']);
    expect(await bill('05-01')).toBe('127.00');
    expect(figures(await accrual('05-01'))).toEqual(['0.00', '0.00', '0.00']);
  });

  it('stays when the deployment is moved: with the tenant who held it', async () => {
    await test.apply({ command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('04-20') });
    // 100.00, and 19 of 30 days of 30.00
    const of = await test.ask<{ subscriptions: object[] }>('accrual', { at: T('04-25') });
    expect(of.subscriptions).toMatchObject([
      { subscriptionId: 's1', tenantId: 't1', total: '119.00' },
      { subscriptionId: 's1', tenantId: 't2', total: '0.00' },
    ]);
    expect(await bill('05-01')).toBe('119.00');
  });

  it('stays when the subscription is cancelled, until it is billed, and with what is learnt then', async () => {
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's1', at: T('04-20') });
    expect(ofSubscriptions(await accrual('04-20'))).toEqual([['s1', '119.00', '0.00', '119.00']]);
    expect(ofSubscriptions(await accrual('06-20'))).toEqual([['s1', '119.00', '0.00', '119.00']]);
    expect(await bill('05-01')).toBe('119.00');
    expect(ofSubscriptions(await accrual('06-20'))).toEqual([]);
    await test.apply(use('04-03', '7'));
    // The fee is billed as it is; 7 × 1.00 are late.
    expect(ofSubscriptions(await accrual('06-20'))).toEqual([['s1', '107.00', '100.00', '7.00']]);
    expect(await bill('06-20')).toBe('7.00');
    expect(ofSubscriptions(await accrual('06-20'))).toEqual([]);
  });
});
