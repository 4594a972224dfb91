import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ALERTS, evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import type { Evaluated } from '#billing/watching/watch';
import { costStream } from '#domain/costs/cost';
import { type Instant, instant, plusHours } from '#domain/time/instant';
import { NO_STREAM } from '#event-store/port';
import type { AppendedEvent } from '#ledger/appending/event-book';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** When the worker raises alerts about margin and cost, and when it clears them. */

const T = (date: string) => `${date}T00:00:00Z`;
const MONTHS = ['2026-03', '2026-04', '2026-05'];
const NOW = instant('2026-05-20T12:00:00Z');

interface Alert {
  readonly id: string;
  readonly alertId: string;
  readonly period: string;
  readonly tenantId: string | null;
  readonly provider: string | null;
  readonly kind: string | null;
  readonly state: string;
  readonly value: string | null;
  readonly clearedValue: string | null;
  readonly raisedAt: number;
  readonly clearedAt: number | null;
}

const month = (name: string) => ({
  start: T(`${name}-01`),
  end: T(`${MONTHS[MONTHS.indexOf(name) + 1] ?? '2026-06'}-01`),
});
const cost = (key: string, amount: string, period: object, more: object = {}) => ({
  ...{ command: 'record-cost', provider: 'aws', invoiceRef: `bill ${key}` },
  lines: [{ lineKey: '1', kind: 'compute', chargePeriod: period, amount, currency: 'USD', category: 'usage', ...more }],
});
const day = (n: number) => ({
  start: T(`2026-04-${String(n).padStart(2, '0')}`),
  end: T(`2026-04-${String(n + 1).padStart(2, '0')}`),
});
const rule = (alertId: string, when: string, percent: string, more: object = {}) => ({
  ...{ command: 'set-margin-alert', alertId, when, percent, effectiveFrom: T('2026-01-01'), ...more },
});

const CAUSE = {
  ...{ name: 'spec', key: null, bodyHash: '', occurredAt: null, isKeyed: false, idempotencyKey: null },
  caller: ADMIN,
};

let test: TestLedger;
let evaluated: Evaluated | null;
beforeEach(async () => {
  evaluated = null;
  test = await testLedger();
  await test.apply(
    // 100.00 for a, 50.00 for b, each month in advance.
    ...['a', 'b'].flatMap((id) => [
      tenant(id),
      deployment(`${id}1`, id, { from: T('2026-03-01') }),
      plan(`p-${id}`, id === 'a' ? '100.00' : '50.00', []),
      subscription(`s-${id}`, `${id}1`, `p-${id}`, { from: T('2026-03-01') }),
    ]),
  );
  for (const tenantId of ['a', 'b']) {
    const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T('2026-05-01') });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    for (const { invoiceId } of invoices)
      await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-01') });
  }
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const evaluate = async (now = NOW) => {
  await test.ledger.catchUp();
  const caller: Caller = { actor: 'scheduler', role: 'operator', now };
  const { raised, cleared, ...done } = await evaluateAlerts(test.core, caller, evaluated);
  evaluated = done;
  await test.ledger.catchUp();
  return { raised, cleared };
};
const alerts = async (params: object = {}) => (await test.ask<{ items: Alert[] }>('alerts', { ...params })).items;
const briefly = (of: readonly Alert[]) =>
  of.map(({ alertId, period, tenantId, kind, value, state }) => [...[alertId, period, tenantId ?? kind, value, state]]);
const head = async () => String(await test.ledger.catchUp());
/** The invoice of a tenant as of an instant, issued then. */
const billed = async (tenantId: string, asOf: string): Promise<string> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf });
  const [invoice] = (created as { result: { invoices: { invoiceId: string }[] } }).result.invoices;
  const { invoiceId } = invoice ?? { invoiceId: '' };
  await test.apply({ command: 'issue-invoice', invoiceId, at: asOf });
  return invoiceId;
};
/** A tenant that is billed 100.00 for each month once it has ended. */
const billedLater = (id: string, from: string) => [
  ...[tenant(id), deployment(`${id}1`, id, { from }), plan(`p-${id}`, '100.00', [], { paymentTerm: 'in_arrears' })],
  subscription(`s-${id}`, `${id}1`, `p-${id}`, { from }),
];

describe('an alert', () => {
  it('is raised where the margin of a month is below a percentage, and cleared when it is not any more', async () => {
    await test.apply(
      rule('all', 'margin_below', '40'),
      rule('each', 'margin_below', '40', { by: 'tenant' }),
      // April: 150.00 − 90.00 = 60.00, 40 %: not below. a: 100.00 − 70.00 = 30 %. b: 50.00 − 20.00 = 60 %.
      cost('1', '70.00', month('2026-04'), { tenantId: 'a' }),
      cost('2', '20.00', month('2026-04'), { tenantId: 'b' }),
      // May has not ended: 150.00 − 149.00.
      cost('3', '149.00', month('2026-05')),
    );
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toEqual([['each', '2026-04', 'a', '30', 'raised']]);
    expect(await evaluate()).toEqual({ raised: 0, cleared: 0 });
    const before = await head();

    await test.apply(cost('4', '0.01', month('2026-04')));
    // 59.99 ÷ 150.00 = 39.993333 %
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts({ alertId: 'all' }))).toEqual([['all', '2026-04', null, '39.993333', 'raised']]);

    await test.apply({
      ...{ command: 'correct-cost', provider: 'aws', invoiceRef: 'bill 1', lineKey: '1', amount: '60.00' },
      reason: 'a typo',
    });
    // a: 40 %. All: 150.00 − 80.01 = 69.99, 46.66 %.
    expect(await evaluate()).toEqual({ raised: 0, cleared: 2 });
    expect((await alerts({ state: 'cleared' })).map(({ clearedValue }) => clearedValue)).toEqual(['46.66', '40']);
    expect(briefly(await alerts({ asOf: before }))).toEqual([['each', '2026-04', 'a', '30', 'raised']]);

    // May ends, and only then counts.
    expect(await evaluate(instant('2026-06-01T00:00:00Z'))).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts({ state: 'raised' }))).toEqual([['all', '2026-05', null, '0.666667', 'raised']]);
  });

  it('is raised where there is cost and no revenue, or less than none', async () => {
    await test.apply(
      tenant('c'),
      rule('each', 'margin_below', '20', { by: 'tenant' }),
      rule('drops', 'margin_drop', '5', { by: 'tenant' }),
      cost('1', '0.01', month('2026-04'), { tenantId: 'c' }),
    );
    // c earned nothing in March either: nothing drops.
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toEqual([['each', '2026-04', 'c', null, 'raised']]);
    expect((await test.ask<{ items: object[] }>('alerts')).items).toMatchObject([{ threshold: '20', value: null }]);
    await test.apply({
      ...{ command: 'correct-cost', provider: 'aws', invoiceRef: 'bill 1', lineKey: '1', amount: '0' },
      reason: 'a typo',
    });
    expect(await evaluate()).toEqual({ raised: 0, cleared: 1 });
    // b leaves at the end of March: its fee of April is taken back, and its machine still costs.
    await test.apply(
      { command: 'cancel-subscription', subscriptionId: 's-b', at: T('2026-04-01') },
      cost('2', '3.00', month('2026-04'), { tenantId: 'b' }),
    );
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'b', asOf: T('2026-05-02') });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    for (const { invoiceId } of invoices)
      await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-02') });
    // b: 0.00 − 3.00, after 50.00 in March.
    expect(await evaluate()).toEqual({ raised: 2, cleared: 0 });
    expect(briefly(await alerts({ state: 'raised' }))).toEqual([
      ['drops', '2026-04', 'b', null, 'raised'],
      ['each', '2026-04', 'b', null, 'raised'],
    ]);
  });

  it('waits for the invoices of a month that is billed afterwards, and not for ever', async () => {
    const fee = { paymentTerm: 'in_arrears' };
    const usage = [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.10' } }];
    await test.apply(
      ...['late', 'never', 'free'].flatMap((id) => [tenant(id), deployment(`${id}1`, id, { from: T('2026-04-01') })]),
      plan('later', '100.00', usage, fee),
      plan('used', '0.00', usage),
      ...['late', 'never'].map((id) => subscription(`s-${id}`, `${id}1`, 'later', { from: T('2026-04-01') })),
      subscription('s-free', 'free1', 'used', { from: T('2026-04-01') }),
      rule('all', 'margin_below', '40'),
      rule('each', 'margin_below', '20', { by: 'tenant' }),
      cost('1', '90.00', month('2026-04'), { tenantId: 'late' }),
      cost('2', '1.00', month('2026-04'), { tenantId: 'never' }),
      // Used nothing: no invoice will come.
      cost('3', '1.00', month('2026-04'), { tenantId: 'free' }),
    );
    // The margin in all would be 150.00 − 92.00, 38.7 %, and those of late and never a loss.
    expect(await evaluate(instant(T('2026-05-01')))).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toEqual([['each', '2026-04', 'free', null, 'raised']]);
    const invoice = async (asOf: string, tenantId = 'late') => {
      const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf });
      return (created as { result: { invoices: { invoiceId: string }[] } }).result.invoices[0]?.invoiceId ?? '';
    };
    const invoiceId = await invoice(T('2026-05-01'));
    expect(await evaluate(instant(T('2026-05-02')))).toEqual({ raised: 0, cleared: 0 });
    await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-02') });
    // 100.00 − 90.00 = 10 %
    expect(await evaluate(instant('2026-05-02T00:00:01Z'))).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toContainEqual(['each', '2026-04', 'late', '10', 'raised']);
    // While the invoice is made again, what is raised stays.
    await test.apply({ command: 'void-invoice', invoiceId, reason: 'a typo', at: T('2026-05-02') });
    expect(await evaluate(instant('2026-05-02T00:00:02Z'))).toEqual({ raised: 0, cleared: 0 });
    const again = await invoice(T('2026-05-01'));
    await test.apply({ command: 'issue-invoice', invoiceId: again, at: T('2026-05-02') });
    expect(await evaluate(instant(T('2026-06-04')))).toEqual({ raised: 0, cleared: 0 });
    // 35 days after April nobody waits for the invoice of `never`. In all: 250.00 − 92.00 = 63.2 %.
    expect(await evaluate(instant(T('2026-06-05')))).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toContainEqual(['each', '2026-04', 'never', null, 'raised']);
  });

  it('waits in each time zone for the month of the tenant, and not for the one that begins before it in UTC', async () => {
    // April and May of Asia/Kolkata begin 5.5 hours earlier.
    const from = '2026-03-31T18:30:00Z';
    const [registered, ...others] = billedLater('k', from);
    await test.apply(
      { ...registered, timeZone: 'Asia/Kolkata' },
      ...others,
      rule('each', 'margin_below', '60', { by: 'tenant' }),
      cost('1', '49.62', month('2026-04'), { tenantId: 'k' }),
      // Its only day, 30 April, is of April: its invoice is awaited.
      ...billedLater('day', T('2026-04-30')),
      { command: 'cancel-subscription', subscriptionId: 's-day', at: T('2026-05-01') },
      cost('2', '9.00', month('2026-04'), { tenantId: 'day' }),
    );
    expect(await evaluate(instant(T('2026-05-01')))).toEqual({ raised: 0, cleared: 0 });
    await billed('k', T('2026-05-01'));
    // 714.5 of 720 hours of 100.00 are of April: 99.24, and 49.62 are left of it.
    expect(await evaluate(instant(T('2026-05-02')))).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toEqual([['each', '2026-04', 'k', '50', 'raised']]);
  });

  it('waits for 35 days after the month for usage that is billed once a year', async () => {
    const usage = [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.10' } }];
    await test.apply(
      ...[tenant('y'), deployment('y1', 'y'), plan('yearly', '0.00', usage, { interval: 'year' })],
      subscription('s-y', 'y1', 'yearly'),
      rule('each', 'margin_below', '20', { by: 'tenant' }),
      cost('1', '1.00', month('2026-04'), { tenantId: 'y' }),
    );
    expect(await evaluate(instant(T('2026-06-04')))).toEqual({ raised: 0, cleared: 0 });
    expect(await evaluate(instant(T('2026-06-05')))).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toEqual([['each', '2026-04', 'y', null, 'raised']]);
  });

  it('waits for an invoice that is voided late to be issued again', async () => {
    await test.apply(
      ...billedLater('late', T('2026-04-01')),
      rule('each', 'margin_below', '20', { by: 'tenant' }),
      rule('all', 'margin_below', '70'),
      cost('1', '50.00', month('2026-04'), { tenantId: 'late' }),
    );
    // late: 100.00 − 50.00. All: 250.00 − 50.00 = 80 %.
    const invoiceId = await billed('late', T('2026-05-01'));
    expect(await evaluate(instant(T('2026-07-10')))).toEqual({ raised: 0, cleared: 0 });
    await test.apply({ command: 'void-invoice', invoiceId, reason: 'a typo', at: T('2026-07-10') });
    expect(await evaluate(instant('2026-07-10T00:00:01Z'))).toEqual({ raised: 0, cleared: 0 });
    expect(await evaluate(instant('2026-08-13T23:59:59Z'))).toEqual({ raised: 0, cleared: 0 });
    // 35 days after 10 July. All: 150.00 − 50.00 = 66.7 %.
    expect(await evaluate(instant(T('2026-08-14')))).toEqual({ raised: 2, cleared: 0 });
    expect(briefly(await alerts())).toEqual([
      ['all', '2026-04', null, '66.666667', 'raised'],
      ['each', '2026-04', 'late', null, 'raised'],
    ]);
  });

  it('of a drop stays while an invoice of the month before is issued again', async () => {
    await test.apply(
      ...billedLater('d', T('2026-03-01')),
      rule('each', 'margin_drop', '10', { by: 'tenant' }),
      rule('all', 'margin_drop', '4'),
      cost('1', '20.00', month('2026-03'), { tenantId: 'd' }),
      cost('2', '40.00', month('2026-04'), { tenantId: 'd' }),
    );
    const invoiceId = await billed('d', T('2026-04-01'));
    await billed('d', T('2026-05-01'));
    // d: 80 % and 60 %. All: 230.00 ÷ 250.00 = 92 % and 210.00 ÷ 250.00 = 84 %.
    expect(await evaluate()).toEqual({ raised: 2, cleared: 0 });
    await test.apply({ command: 'void-invoice', invoiceId, reason: 'a typo', at: '2026-05-20T12:00:00Z' });
    expect(await evaluate()).toEqual({ raised: 0, cleared: 0 });
    await billed('d', '2026-05-20T12:00:00Z');
    expect(await evaluate()).toEqual({ raised: 0, cleared: 0 });
  });

  it('is not raised where tenants are billed in another currency than their cost', async () => {
    const from = T('2026-02-01');
    await test.apply(
      ...[tenant('i', { currency: 'INR' }), deployment('i1', 'i', { from })],
      ...[plan('rupees', '8000.00', [], { currency: 'INR' }), subscription('s-i', 'i1', 'rupees', { from })],
      tenant('none', { currency: 'INR' }),
      rule('all', 'margin_below', '20'),
      rule('each', 'margin_below', '20', { by: 'tenant' }),
      cost('feb', '10.00', { start: from, end: T('2026-03-01') }, { tenantId: 'i' }),
      cost('apr', '10.00', month('2026-04'), { tenantId: 'i' }),
      cost('none', '1.00', month('2026-04'), { tenantId: 'none' }),
    );
    await billed('i', T('2026-05-01'));
    // February has revenue in INR only. April: a and b earn 150.00 USD.
    expect(await evaluate()).toEqual({ raised: 0, cleared: 0 });
    // January has no revenue at all.
    await test.apply(cost('jan', '1.00', { start: T('2026-01-01'), end: from }, { tenantId: 'a' }));
    expect(await evaluate()).toEqual({ raised: 2, cleared: 0 });
    expect(briefly(await alerts())).toEqual([
      ['all', '2026-01', null, null, 'raised'],
      ['each', '2026-01', 'a', null, 'raised'],
    ]);
  });

  it('is raised where a margin drops, or cost has no tenant, and has the same id when it is raised again', async () => {
    await test.apply(
      rule('drop', 'margin_drop', '10'),
      rule('nobody', 'unattributed_above', '25'),
      rule('euros', 'unattributed_above', '25', { currency: 'EUR' }),
      rule('daily', 'cost_off_average', '50', { days: 1, minimum: '1.00', currency: 'EUR' }),
      rule('dollars', 'cost_off_average', '50', { days: 1, minimum: '1000.00' }),
      cost('1', '30.00', month('2026-03'), { tenantId: 'a' }),
      cost('2', '45.00', month('2026-04'), { tenantId: 'a' }),
      cost('3', '15.00', month('2026-04')),
    );
    // March: 120 ÷ 150 = 80 %. April: 90 ÷ 150 = 60 %: 20 points. 15.00 of 60.00 has no tenant: 25 %, not above.
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    await test.apply(cost('4', '1.00', month('2026-04')));
    // 16.00 ÷ 61.00 = 26.229508 %
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    // Nobody's 3.00 EUR, and 2.00 after 1.00. They stay raised while only dollars change.
    await test.apply(
      cost('eur 1', '1.00', day(1), { currency: 'EUR' }),
      cost('eur 2', '2.00', day(2), { currency: 'EUR' }),
    );
    expect(await evaluate()).toEqual({ raised: 2, cleared: 0 });
    await test.apply(cost('5', '0.01', day(1), { tenantId: 'a' }), cost('6', '-0.01', day(2), { tenantId: 'a' }));
    expect(await evaluate()).toEqual({ raised: 0, cleared: 0 });
    expect(briefly(await alerts({ alertId: 'daily' }))).toEqual([['daily', '2026-04-02', 'compute', '100', 'raised']]);
    expect(briefly(await alerts({ alertId: 'euros' }))).toEqual([['euros', '2026-04', null, '100', 'raised']]);
    // In dollars, 16.00 of 61.00 has no tenant: the alert about euros is cleared, and one about dollars is raised.
    await test.apply({
      ...{ command: 'correct-margin-alert', alertId: 'euros', when: 'unattributed_above', percent: '25' },
      ...{ currency: 'USD', effectiveFrom: T('2026-01-01'), reason: 'of dollars' },
    });
    expect(await evaluate()).toEqual({ raised: 1, cleared: 1 });
    expect(await alerts({ alertId: 'euros' })).toMatchObject([
      { state: 'raised', currency: 'USD', value: '26.229508' },
    ]);
    const [drop, nobody] = (await alerts()).filter(({ alertId }) => ['drop', 'nobody'].includes(alertId));
    expect(briefly([drop, nobody] as Alert[])).toEqual([
      ['drop', '2026-04', null, '20', 'raised'],
      ['nobody', '2026-04', null, '26.229508', 'raised'],
    ]);
    const withdrawn = { command: 'withdraw', what: 'set-margin-alert', effectiveFrom: T('2026-01-01') };
    await test.apply({ ...withdrawn, alertId: 'drop', reason: 'not needed' });
    expect(await evaluate()).toEqual({ raised: 0, cleared: 1 });
    await test.apply(rule('drop', 'margin_drop', '10.5'));
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    const again = (await alerts({ alertId: 'drop' }))[0];
    // 120 ÷ 150 − 89 ÷ 150 = 20.666667 points
    expect(again).toMatchObject({ id: drop?.id, state: 'raised', value: '20.666667', clearedAt: null });
    await test.apply({
      ...{ command: 'correct-margin-alert', alertId: 'drop', when: 'margin_drop', percent: '21' },
      ...{ effectiveFrom: T('2026-04-01'), effectiveUntil: T('2026-05-01'), reason: 'as agreed' },
    });
    expect(await evaluate()).toEqual({ raised: 0, cleared: 1 });
    // Of the same month, another question: the old alert is cleared. 89 ÷ 150 = 59.333333 %
    await test.apply({
      ...{ command: 'correct-margin-alert', alertId: 'nobody', when: 'margin_below', percent: '60' },
      ...{ effectiveFrom: T('2026-01-01'), reason: 'ask for the margin' },
    });
    expect(await evaluate()).toEqual({ raised: 1, cleared: 1 });
    expect(await alerts({ alertId: 'nobody' })).toMatchObject([{ when: 'margin_below', value: '59.333333' }]);
  });

  it('waits for the whole of a bill that is being imported, but for no longer than an hour', async () => {
    const delivered = { provider: 'aws', delivery: 'bill 1' };
    const files = [{ name: 'bill.csv', sha256: 'x', mapping: 'x', rejected: 0 }];
    // As the worker does it. A preview does not wait.
    const worked = async (now: Instant) => {
      await test.ledger.catchUp();
      const { said, ...done } = await ALERTS.evaluate(
        test.core,
        { actor: 'scheduler', role: 'operator', now },
        evaluated,
      );
      evaluated = done;
      await test.ledger.catchUp();
      return said;
    };
    const record = async (revision: number, event: AppendedEvent) =>
      test.core.book.appendAt(costStream('aws', 'bill 1'), revision, CAUSE, [event]);
    await test.apply(rule('half', 'unattributed_above', '50'));
    await record(NO_STREAM, { type: 'CostDeliveryStarted', data: { ...delivered, mode: 'whole', files } });
    // The first half of the bill: all of it is of nobody.
    await test.apply(cost('first', '10.00', month('2026-04')));
    const now = instant(new Date().toISOString());
    expect(await worked(now)).toBeNull();
    // Two hours later the import was interrupted: what there is counts.
    expect(await worked(plusHours(now, 2))).toBe('alerts: 1 raised, 0 cleared');
    // The other half: 10.00 of 30.00 are of nobody.
    await test.apply(cost('second', '20.00', month('2026-04'), { tenantId: 'a' }));
    expect(await worked(now)).toBeNull();
    // A rule that is tried meanwhile says what it would raise: a third is of nobody.
    expect(await test.ledger.preview([rule('tried', 'unattributed_above', '20')], ADMIN)).toMatchObject({
      alerts: [{ alertId: 'tried', change: 'raised' }],
    });
    await record(0, { type: 'CostDeliveryCompleted', data: delivered });
    expect(await worked(now)).toBe('alerts: 0 raised, 1 cleared');
  });

  it('is raised where the cost of a kind is off its average, once it is not small', async () => {
    await test.apply(
      rule('off', 'cost_off_average', '50', { days: 3, minimum: '10.00' }),
      // 30.00 over three days are 10.00 a day.
      cost('a', '30.00', { start: T('2026-04-01'), end: T('2026-04-04') }),
      cost('4', '15.00', day(4)),
      cost('5', '18.00', day(5)),
      cost('6', '5.00', day(6)),
      cost('small', '1.00', day(3), { kind: 'mail' }),
      cost('less', '9.99', day(6), { kind: 'mail' }),
    );
    // The 4th: 15 against (10 + 10 + 10) ÷ 3 = 10: 50 %, not more. The 5th: 18 against 35 ÷ 3: 54.285714 %.
    // The 6th: 5 against 43 ÷ 3 = 14.33: −65.116279 %. Mail: 9.99 is under the minimum.
    expect(await evaluate()).toEqual({ raised: 2, cleared: 0 });
    expect(briefly(await alerts())).toEqual([
      ['off', '2026-04-05', 'compute', '54.285714', 'raised'],
      ['off', '2026-04-06', 'compute', '-65.116279', 'raised'],
    ]);
    // On the 6th mail costs 10.00, and its average is 1 ÷ 3.
    await test.apply(cost('more', '0.01', day(6), { kind: 'mail' }));
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    // The bill of the 7th has not come: neither it nor the 8th, whose average it is in, is judged.
    await test.apply(cost('8', '30.00', day(8)));
    expect(await evaluate()).toEqual({ raised: 0, cleared: 0 });
    // The 7th: 12 against (15 + 18 + 5) ÷ 3 = 12.67.
    // The 8th: 30 against (18 + 5 + 12) ÷ 3: (90 − 35) ÷ 35 = 157.142857 %.
    await test.apply(cost('7', '12.00', day(7)));
    expect(await evaluate()).toEqual({ raised: 1, cleared: 0 });
    expect(briefly(await alerts())).toContainEqual(['off', '2026-04-08', 'compute', '157.142857', 'raised']);
    expect((await alerts({ state: 'raised' })).map(({ kind, value }) => [kind, value])).toContainEqual([
      'mail',
      '2900',
    ]);
  });
});

describe('rules', () => {
  it('are listed with their periods, for platform_admin only, and refused where they say too little', async () => {
    await test.apply(rule('off', 'cost_off_average', '50', { days: 3, minimum: '10.00', provider: 'aws' }));
    const { items } = await test.ask<{ items: object[] }>('margin-alerts');
    expect(items).toMatchObject([
      { alertId: 'off', when: 'cost_off_average', percent: '50', days: 3, minimum: '10', provider: 'aws', by: null },
    ]);
    for (const role of ['operator', 'auditor'] as const) {
      await expect(test.ledger.ask('alerts', {}, { ...ADMIN, role })).rejects.toMatchObject({ code: 'forbidden' });
      expect(await test.ledger.execute(rule('x', 'margin_below', '1'), { ...ADMIN, role })).toMatchObject({
        status: 'refused',
      });
    }
    for (const [more, field] of [
      [{ when: 'margin_drop', percent: '0' }, 'percent'],
      [{ when: 'unattributed_above', percent: '5', by: 'tenant' }, 'by'],
      [{ when: 'cost_off_average', percent: '5', minimum: '1' }, 'days'],
      [{ when: 'cost_off_average', percent: '5', days: 2 }, 'minimum'],
      [{ when: 'margin_below', percent: '5', days: 2 }, 'days'],
    ] as const)
      expect(await test.refused({ ...rule('y', 'margin_below', '1'), ...more })).toMatchObject({
        code: 'invalid_alert',
        errors: expect.arrayContaining([expect.objectContaining({ field })]),
      });
    expect(
      await test.refused({ ...rule('z', 'margin_below', '1'), command: 'correct-margin-alert', reason: 'r' }),
    ).toMatchObject({ code: 'unknown_alert' });
  });
});
