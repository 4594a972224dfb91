import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Instant, instant } from '#domain/time/instant';
import { invoiceRun, type InvoiceRun, type TenantBilled } from '#operations/invoice-run';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

const APRIL = '2026-04-01T00:00:00Z';
const MAY = instant('2026-05-01T00:00:00Z');
const JUNE = instant('2026-06-01T00:00:00Z');

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
    { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'd', from: APRIL },
    {
      ...{ command: 'publish-plan', planId: 'p', name: 'P', currency: 'USD', baseFee: '0', paymentTerm: 'in_arrears' },
      effectiveFrom: APRIL,
      items: [
        { billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '0.01' } },
        { billingKind: 'requests', price: { model: 'unit', unitAmount: '1' } },
      ],
    },
    { command: 'start-subscription', subscriptionId: 's', deploymentId: 'd', planId: 'p', from: APRIL },
  );
});
afterEach(async () => test.close());

const droplet = (n: number, more: object = {}): object => ({
  ...{ command: 'observe-resource', provider: 'digitalocean', providerId: `droplet-${n}`, kind: 'droplet' },
  ...{ name: 'web', status: 'active', seenAt: APRIL, deploymentId: 'd' },
  ...more,
});
const droplets = (count: number): object[] => Array.from({ length: count }, (_, n) => droplet(n + 1));
const create = async (more: object = {}) =>
  test.ledger.execute({ command: 'create-invoice', tenantId: 't', asOf: MAY, ...more }, ADMIN);
const meter = async (first: number, last: number): Promise<void> => {
  for (let day = first; day <= last; day += 1)
    await test.apply({ command: 'run-metering', date: `2026-04-${String(day).padStart(2, '0')}` });
};
const correction = (more: object): object => ({
  ...{ command: 'correct-resource', provider: 'digitalocean', providerId: 'droplet-1', reason: 'a mistake' },
  ...more,
});
async function run(more: Partial<InvoiceRun> = {}): Promise<{ billed: TenantBilled[]; metered: string[] }> {
  const [billed, metered]: [TenantBilled[], string[]] = [[], []];
  const onMetered: InvoiceRun['onMetered'] = ({ date }) => metered.push(date);
  for await (const each of invoiceRun(test.ledger, ADMIN, {
    ...{ asOf: MAY, tenantIds: ['t'], issue: true, onMetered },
    ...more,
  }))
    billed.push(each);
  return { billed, metered };
}

describe('an invoice of days that were never metered', () => {
  it('is refused: 18 droplets of a month would come to 0.00', async () => {
    await test.apply(...droplets(18));
    expect(await create()).toEqual({
      command: 'create-invoice',
      status: 'refused',
      error: {
        code: 'not_metered',
        kind: 'conflict',
        message:
          '30 days are not metered: 2026-04-01 (droplet-1, droplet-10, droplet-11 and 15 more);' +
          ' 2026-04-02 (droplet-1, droplet-10, droplet-11 and 15 more);' +
          ' 2026-04-03 (droplet-1, droplet-10, droplet-11 and 15 more);' +
          ' 2026-04-04 (droplet-1, droplet-10, droplet-11 and 15 more);' +
          ' 2026-04-05 (droplet-1, droplet-10, droplet-11 and 15 more) and 25 more.' +
          ' Meter them first (run-metering, or ledgerline meter --date 2026-04-01 --to 2026-04-30),' +
          ' or set unmetered to "bill" to bill without them.',
      },
    });
    expect((await create({ unmetered: 'bill' })).status).toBe('unchanged');
    await meter(1, 30);
    expect((await create()).status).toBe('done');
  });

  it('names the days that are missing, also where some usage is due', async () => {
    await test.apply(...droplets(1));
    await meter(1, 28);
    expect(await create()).toMatchObject({
      error: {
        message: expect.stringMatching(
          /^2 days are not metered: 2026-04-29 \(droplet-1\); 2026-04-30 \(droplet-1\)\. /,
        ),
      },
    });
    // As of 29 April 12:00 the 29th is not over, and nobody misses it.
    expect(await create({ asOf: '2026-04-29T12:00:00Z' })).toMatchObject({ status: 'done' });
    // The part up to then is on a draft. Billed nevertheless: the 29th and 30th come to nothing.
    expect(await create()).toMatchObject({ error: { code: 'not_metered' } });
    expect(await create({ unmetered: 'bill' })).toMatchObject({ status: 'unchanged', result: { invoices: [] } });
  });

  it('is refused where a day changed after it was metered, until it is metered again', async () => {
    await test.apply(...droplets(1));
    await meter(1, 30);
    await test.apply(correction({ from: '2026-04-02T00:00:00Z', until: '2026-04-03T00:00:00Z', status: 'off' }));
    expect(await create()).toMatchObject({
      error: {
        message: expect.stringMatching(
          /^1 day is not metered: 2026-04-02 \(changed since it was metered: droplet-1\)\. Meter it first \(run-metering, or ledgerline meter --date 2026-04-02\), or/,
        ),
      },
    });
    await meter(2, 2);
    // 29 days × 24 h × 0.01.
    expect((await create()).status).toBe('done');
    expect((await test.ask<{ items: { total: string }[] }>('invoices')).items).toMatchObject([{ total: '6.96' }]);
  });

  it('is refused where only a true-up is billed, which counts those days', async () => {
    await test.apply(...droplets(1), {
      ...{ command: 'set-commitment', commitmentId: 'c', subscriptionId: 's', tenantId: 't', currency: 'USD' },
      terms: [{ start: APRIL, end: MAY, amount: '20.00' }],
      billingKinds: ['droplet_hours'],
    });
    await meter(1, 28);
    const select = { billingKinds: ['commitment'] };
    expect(await create({ select })).toMatchObject({
      error: { message: expect.stringMatching(/^2 days are not metered: 2026-04-29 \(droplet-1\); 2026-04-30 /) },
    });
    await meter(29, 30);
    expect((await create({ select })).status).toBe('done');
    // 20.00 − 30 days × 24 h × 0.01
    expect((await test.ask<{ items: { total: string }[] }>('invoices')).items).toMatchObject([{ total: '12.80' }]);
  });

  it.each<[string, object[]]>([
    ['there is no resource of that kind', []],
    ['the resource was seen only later', [droplet(1, { seenAt: MAY })]],
    [
      'the resource belongs to no deployment, or to another',
      [droplet(1, { deploymentId: null }), droplet(2, { deploymentId: 'x' })],
    ],
    ['the plan has no item for its kind', [droplet(1, { kind: 'snapshot', sizeGb: '8' })]],
    ['the resource is of a kind that is not metered', [droplet(1, { kind: 'load_balancer' })]],
  ])('is not refused where %s', async (_name, commands) => {
    await test.apply(...commands, {
      ...{ command: 'observe-usage', deploymentId: 'd' },
      observations: [
        {
          resourceId: 'r',
          billingKind: 'requests',
          period: { start: APRIL, end: '2026-04-01T01:00:00Z' },
          granularity: 'hour',
          quantity: '2',
        },
      ],
    });
    expect((await create()).status).toBe('done');
  });

  it('is not refused where the usage of the resource is observed by others', async () => {
    const hour = (day: number) => ({
      start: `2026-04-${String(day).padStart(2, '0')}T00:00:00Z`,
      end: `2026-04-${String(day).padStart(2, '0')}T01:00:00Z`,
    });
    await test.apply(...droplets(1), {
      ...{ command: 'observe-usage', deploymentId: 'd' },
      observations: Array.from({ length: 30 }, (_, n) => ({
        ...{
          resourceId: 'droplet-1',
          billingKind: 'droplet_hours',
          period: hour(n + 1),
          granularity: 'hour',
          quantity: '1',
        },
      })),
    });
    expect((await create()).status).toBe('done');
    expect((await run()).metered).toEqual([]);
  });
});

describe('an invoice run', () => {
  it('first meters what is due up to its instant', async () => {
    await test.apply(...droplets(18));
    const { billed, metered } = await run();
    expect(metered).toHaveLength(30);
    // 18 × 720 h × 0.01.
    expect(billed).toMatchObject([{ failure: null, invoices: [{ total: '129.60', status: 'issued' }] }]);
    expect(await run()).toMatchObject({ metered: [] });
  });

  it('meters changed days again, and corrects what was billed of them', async () => {
    await test.apply(...droplets(1));
    await run();
    await test.apply(correction({ from: '2026-04-02T00:00:00Z', until: '2026-04-03T00:00:00Z', status: 'off' }));
    const { billed, metered } = await run({ asOf: JUNE });
    expect([metered[0], metered.length]).toEqual(['2026-04-02', 32]);
    // 31 days of May × 24 h × 0.01 = 7.44, less 24 h × 0.01 of 2 April.
    expect(billed).toMatchObject([{ invoices: [{ total: '7.20' }] }]);
  });

  it('bills no tenant whose days are still to come, unless asked to', async () => {
    await test.apply(...droplets(1));
    // The clock shows 1 June: 30 days of June are not over.
    const asOf = instant('2026-07-01T00:00:00Z');
    const { billed, metered } = await run({ asOf });
    expect(metered).toHaveLength(61);
    expect(billed).toMatchObject([
      { invoices: [], failure: { message: expect.stringMatching(/^30 days are not metered/) } },
    ]);
    // 61 days × 24 h × 0.01.
    expect((await run({ asOf, unmetered: 'bill' })).billed).toMatchObject([
      { failure: null, invoices: [{ total: '14.64' }] },
    ]);
  });
});

describe('days to be metered', () => {
  const unbilled = async (params: object = {}) =>
    test.ask<{ items: object[]; nextCursor: string | null }>('unbilled', { ...params });

  it('are unbilled usage, by deployment, kind and reason', async () => {
    const period = { start: '2026-05-31T00:00:00Z', end: JUNE };
    await test.apply(
      droplet(1, { seenAt: '2026-05-29T00:00:00Z' }),
      ...['2026-05-29', '2026-05-30'].map((date) => ({ command: 'run-metering', date })),
      {
        ...{ command: 'observe-usage', deploymentId: 'd' },
        observations: [{ resourceId: 'r', billingKind: 'emails', period, granularity: 'day', quantity: '5' }],
      },
      correction({ from: '2026-05-30T00:00:00Z', until: '2026-05-31T00:00:00Z', status: 'off' }),
    );
    const reasons = [
      // 24 h are recorded of the 30th, and none are right.
      {
        ...{ deploymentId: 'd', billingKind: 'droplet_hours', reason: 'changed_since', readings: 1, quantity: '-24' },
        period: { start: '2026-05-30T00:00:00Z', end: '2026-05-31T00:00:00Z' },
      },
      { deploymentId: 'd', billingKind: 'emails', reason: 'no_plan_item', readings: 1, quantity: '5', period },
    ];
    // At midnight the 31st may not be reported yet.
    expect((await unbilled()).items).toEqual(reasons);
    expect((await unbilled({ deploymentId: 'd' })).items).toEqual(reasons);
    expect((await unbilled({ tenantId: 't', limit: 1 })).items).toEqual(reasons.slice(0, 1));
    const first = await unbilled({ limit: 1 });
    expect(first.items).toEqual(reasons.slice(0, 1));
    expect(await unbilled({ limit: 1, cursor: first.nextCursor })).toEqual({
      items: reasons.slice(1),
      nextCursor: null,
    });
    const later = await test.ledger.ask('unbilled', {}, { ...ADMIN, now: instant('2026-06-01T01:10:00Z') });
    expect(later).toEqual({
      items: [reasons[0], { ...reasons[0], reason: 'not_metered', quantity: '24', period }, reasons[1]],
      nextCursor: null,
    });
  });

  it('fail the check while a metered day stays marked after the daily job was due; before it is a notice', async () => {
    await test.apply(...droplets(1));
    await meter(1, 3);
    expect(await test.ask('check')).toMatchObject({ ok: true });
    const [corrected] = await test.apply(correction({ from: '2026-04-03T00:00:00Z', status: 'off' }));
    const { position: markedAt } = corrected as { position: number };
    const marked = {
      code: 'metered_day_changed',
      message:
        'The inventory of 2026-04-03 changed after it was metered:' +
        ' resource droplet-1 of digitalocean was corrected: a mistake',
      ids: { date: '2026-04-03', markedAt, causes: ['resource droplet-1 of digitalocean was corrected: a mistake'] },
      remedy: 'Meter it again: ledgerline meter --date 2026-04-03. The daily job does so at 01:10 UTC.',
    };
    const recordedAt: Instant[] = [];
    for await (const event of test.core.log.readAt([markedAt])) recordedAt.push(event.recordedAt);
    const [at = APRIL] = recordedAt;
    const checked = async (now: Instant) => test.ledger.ask('check', {}, { ...ADMIN, now });
    // The last job due as it was recorded was before it. A day later one was due since.
    expect(await checked(instant(at))).toMatchObject({
      ...{ ok: true, failures: [], notices: expect.arrayContaining([expect.objectContaining(marked)]) },
    });
    const dayLater = instant(new Date(Date.parse(at) + 24 * 3_600_000).toISOString());
    expect(await checked(dayLater)).toMatchObject({ ok: false, failures: [marked] });
    // As of an instant at which a job had been due, asked a day after it
    const twoDaysLater = instant(new Date(Date.parse(at) + 48 * 3_600_000).toISOString());
    expect(await test.ledger.ask('check', { asOf: dayLater }, { ...ADMIN, now: twoDaysLater })).toMatchObject({
      ...{ ok: false, failures: [marked] },
    });
    await meter(3, 3);
    expect(await checked(dayLater)).toMatchObject({ ok: true, failures: [] });
    // At the position of the mark, no later job was due yet. So the check must not fail, even if it runs a day later.
    const asOf = async (params: object) => test.ledger.ask('check', { ...params }, { ...ADMIN, now: dayLater });
    const notice = { ok: true, failures: [], notices: expect.arrayContaining([expect.objectContaining(marked)]) };
    expect(await asOf({ asOf: String(markedAt) })).toMatchObject(notice);
    expect(await asOf({ knownAt: String(markedAt) })).toMatchObject(notice);
    expect(await asOf({ asOf: at })).toMatchObject(notice);
    expect(await asOf({ asOf: String(markedAt), knownAt: dayLater })).toMatchObject(notice);
  });
});
