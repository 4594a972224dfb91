import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { UsageIntake } from '#billing/usage/ingest';
import { Audit } from '#audit/audit';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

/**
 * Raw usage records are pruned once nothing that is still to be issued uses them; what they came to, and their keys,
 * stay known.
 */

const T = (date: string) => `${date}T00:00:00Z`;
const day = (number: number): string => String(number).padStart(2, '0');
const CALLER = { ...ADMIN, now: instant(T('2026-09-01')) };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t1'),
    deployment('d1', 't1'),
    plan('studio', '50.00', [
      { billingKind: 'droplet_hours', included: '1488', price: { model: 'unit', unitAmount: '0.01' } },
    ]),
    subscription('s1', 'd1', 'studio'),
    {
      command: 'configure-metering',
      billingKind: 'droplet_hours',
      granularity: 'day',
      retentionDays: 30,
      from: T('2026-01-01'),
    },
    { command: 'observe-usage', deploymentId: 'd1', observations: APRIL },
    // Without a provider, and then with it: whose it is, is a fact of its own.
    { command: 'observe-usage', deploymentId: 'd1', observations: [{ ...reading('r1', 1), provider: 'do' }] },
  );
});
afterEach(async () => test.close());

const reading = (resourceId: string, date: number, quantity = '24') => ({
  resourceId,
  billingKind: 'droplet_hours',
  period: { start: T(`2026-04-${day(date)}`), end: date === 30 ? T('2026-05-01') : T(`2026-04-${day(date + 1)}`) },
  granularity: 'day',
  quantity,
});
/** 5 droplets × 30 days × 24 h = 3600 h; 3600 − 1488 = 2112 × 0.01 = 21.12. */
const APRIL = ['r1', 'r2', 'r3', 'r4', 'r5'].flatMap((id) =>
  Array.from({ length: 30 }, (_, index) => reading(id, index + 1)),
);

interface Page<Item> {
  readonly items: readonly Item[];
  readonly pruned?: readonly string[];
}
interface Invoice {
  readonly invoiceId: string;
  readonly total: string;
  readonly lines: readonly { readonly billingKind: string; readonly net: string; readonly correction: boolean }[];
}
const prune = async (at: string, more: object = {}) =>
  test.ledger.execute({ command: 'prune-usage', month: '2026-04', at: T(at), ...more }, CALLER);
const bill = async (asOf: string): Promise<Invoice> => {
  const [outcome] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T(asOf) });
  const { invoices } =
    outcome?.status === 'refused' ? { invoices: [] } : (outcome?.result as { invoices: { invoiceId: string }[] });
  for (const { invoiceId } of invoices) await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return test.ask<Invoice>('invoice', { id: invoices[0]?.invoiceId });
};
const records = async (params: object = {}) =>
  test.ask<Page<object>>('usage-records', {
    deploymentId: 'd1',
    start: T('2026-04-01'),
    end: T('2026-05-01'),
    ...params,
  });
const head = async (): Promise<number> => test.ledger.catchUp();

describe('pruning', () => {
  it('keeps what an open line or a draft uses, naming the line or the invoice', async () => {
    expect(await prune('2026-08-01')).toMatchObject({
      status: 'refused',
      error: {
        code: 'usage_in_use',
        message: expect.stringContaining(
          'droplet_hours of d1 over [2026-04-01T00:00:00Z, 2026-05-01T00:00:00Z) is on no issued invoice up to its end',
        ),
      },
    });
    const [draft] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-05-01') });
    const { invoices } = (draft as { result: { invoices: { invoiceId: string }[] } }).result;
    expect(await prune('2026-08-01')).toMatchObject({
      status: 'refused',
      error: {
        code: 'usage_in_use',
        message: expect.stringContaining(`is on draft ${invoices[0]?.invoiceId ?? ''}, which is not issued`),
        errors: [{ field: `invoices.${invoices[0]?.invoiceId ?? ''}` }],
      },
    });
    expect((await records()).items).toHaveLength(150);
  });

  it('keeps usage within its retention, and reports its end', async () => {
    await bill('2026-05-01');
    // April ends on 1 May; 30 days after that is 31 May.
    expect(await prune('2026-05-30')).toMatchObject({
      status: 'refused',
      error: { code: 'retention_not_over', message: expect.stringContaining('are kept until 2026-05-31T00:00:00Z') },
    });
    expect(await prune('2026-05-31')).toMatchObject({
      status: 'done',
      result: { month: '2026-04', records: 150, deployments: 1, kept: [] },
    });
    expect(await prune('2026-05-31')).toMatchObject({ status: 'unchanged', result: { records: 0 } });
    expect(await prune('2026-10-01')).toMatchObject({ status: 'refused', error: { code: 'not_yet' } });
  });

  it('keeps usage with an owed correction, and usage without a line', async () => {
    await bill('2026-05-01');
    await test.apply({ command: 'correct-usage', deploymentId: 'd1', ...reading('r1', 2, '0'), reason: 'was off' });
    expect(await prune('2026-08-01')).toMatchObject({
      status: 'refused',
      error: { code: 'usage_in_use', message: expect.stringContaining('(was off): issue the next invoice of t1') },
    });
    await bill('2026-06-01');
    const stray = { ...reading('z1', 3, '7'), billingKind: 'dns_zones' };
    await test.apply(
      {
        command: 'configure-metering',
        billingKind: 'dns_zones',
        granularity: 'day',
        retentionDays: 1,
        from: T('2026-01-01'),
      },
      { command: 'observe-usage', deploymentId: 'd1', observations: [stray] },
    );
    expect(await prune('2026-08-01')).toMatchObject({
      status: 'done',
      result: {
        records: 151,
        kept: [
          {
            reason: 'unbilled',
            billingKind: 'dns_zones',
            deploymentId: 'd1',
            message: expect.stringContaining('1 readings of dns_zones of d1 (7) are on no line'),
          },
        ],
      },
    });
    expect((await records()).items).toMatchObject([{ billingKind: 'dns_zones', quantity: '7' }]);
  });

  it('prunes usage of amount zero that is on no invoice, and bills later usage of it', async () => {
    const free = plan('free', '0', [
      { billingKind: 'droplet_hours', included: '1000', price: { model: 'unit', unitAmount: '0.01' } },
    ]);
    await test.apply(tenant('t2'), deployment('d2', 't2'), free, subscription('s2', 'd2', 'free'), {
      command: 'observe-usage',
      deploymentId: 'd2',
      observations: [reading('r1', 1, '10')],
    });
    // Before its line ends it may come to more.
    expect(await prune('2026-04-20', { deploymentId: 'd2' })).toMatchObject({
      status: 'refused',
      error: { code: 'retention_not_over' },
    });
    expect(await prune('2026-08-01', { deploymentId: 'd2' })).toMatchObject({
      status: 'done',
      result: { records: 1, kept: [] },
    });
    await test.apply({ command: 'observe-usage', deploymentId: 'd2', observations: [reading('r2', 2, '2000')] });
    const [late] = await test.apply({ command: 'create-invoice', tenantId: 't2', asOf: T('2026-08-01') });
    const { invoices } = (late as { result: { invoices: { invoiceId: string }[] } }).result;
    // 10 + 2000 − 1000 included = 1010 × 0.01 = 10.10, one of the readings from the log alone.
    expect(await test.ask('invoice', { id: invoices[0]?.invoiceId })).toMatchObject({ total: '10.10' });
  });

  it('keeps usage within the grace period of its tenant', async () => {
    await test.apply(
      tenant('t3'),
      { command: 'set-grace-period', tenantId: 't3', hours: 72, from: T('2026-01-01') },
      deployment('d3', 't3'),
      plan('usage', '0', [{ billingKind: 'calls', price: { model: 'unit', unitAmount: '1' } }]),
      subscription('s3', 'd3', 'usage'),
      {
        command: 'configure-metering',
        billingKind: 'calls',
        granularity: 'day',
        retentionDays: 1,
        from: T('2026-01-01'),
      },
      {
        command: 'observe-usage',
        deploymentId: 'd3',
        observations: [{ ...reading('r1', 1, '500'), billingKind: 'calls' }],
      },
    );
    // April ends on 1 May and is retained until 2 May; late usage of it is waited for until 4 May.
    expect(await prune('2026-05-03', { deploymentId: 'd3' })).toMatchObject({
      status: 'refused',
      error: { code: 'usage_in_use' },
    });
    expect(await prune('2026-05-05', { deploymentId: 'd3' })).toMatchObject({
      status: 'refused',
      error: { code: 'usage_in_use' },
    });
  });

  it('keeps a kind that has no retention in a part of the month', async () => {
    await bill('2026-05-01');
    await test.apply({
      command: 'configure-metering',
      billingKind: 'droplet_hours',
      granularity: 'day',
      from: T('2026-04-20'),
    });
    expect(await prune('2026-08-01')).toMatchObject({
      status: 'refused',
      error: { code: 'retention_not_over', message: expect.stringContaining('droplet_hours have no retention limit') },
    });
  });
});

describe('a pruned month', () => {
  let before: number;
  beforeEach(async () => {
    await bill('2026-05-01');
    before = await head();
    expect(await prune('2026-08-01')).toMatchObject({ status: 'done', result: { records: 150 } });
  });

  it('reports that its raw records are gone, also as of an earlier position', async () => {
    expect(await records()).toEqual({ items: [], nextCursor: null, pruned: ['2026-04'] });
    expect(await records({ start: T('2026-05-01'), end: T('2026-06-01') })).toEqual({ items: [], nextCursor: null });
    await expect(records({ asOf: String(before) })).rejects.toMatchObject({
      code: 'usage_pruned',
      message: expect.stringContaining(`so those in force at position ${before} can't be listed`),
    });
  });

  it('answers quantities, lines, explanations and checks as before', async () => {
    const whole = { deploymentId: 'd1', start: T('2026-04-01'), end: T('2026-05-01') };
    expect(await test.ask('usage', whole)).toEqual({ droplet_hours: '3600' });
    expect(await test.ask('usage', { ...whole, asOf: String(before) })).toEqual({ droplet_hours: '3600' });
    const lines = await test.ask<Page<object>>('lines', { tenantId: 't1' });
    expect(lines.items).toContainEqual(
      expect.objectContaining({ billingKind: 'droplet_hours', quantity: '3600', net: '21.12' }),
    );
    const invoices = await test.ask<
      Page<{ invoiceId: string; lines: { billingKind: string; rows: { rowId: string }[] }[] }>
    >('invoices', { tenantId: 't1' });
    const rowId = invoices.items[0]?.lines.find(({ billingKind }) => billingKind === 'droplet_hours')?.rows[0]?.rowId;
    expect(JSON.stringify(await test.ask('explain', { id: rowId }))).toContain('(3600 − 1488) × 0.01 = 21.12');
    expect(await test.ask('explain', { id: `usage:d1/droplet_hours/r2/${T('2026-04-02')}` })).toMatchObject({
      is: 'usage record',
      versions: [{ quantity: '24', isInForce: true }],
    });
    expect(await test.ask('check')).toMatchObject({ ok: true, failures: [], notices: [] });
    expect(await test.ask('unbilled')).toMatchObject({ items: [] });
    expect(await test.ask('margin', { period: '2026-04-01' })).toMatchObject({ overall: { revenue: '71.12' } });
  });

  it('recognises its readings, also one whose provider was named later', async () => {
    const observe = async (observation: object) =>
      test.ledger.execute({ command: 'observe-usage', deploymentId: 'd1', observations: [observation] }, ADMIN);
    expect(await observe(reading('r2', 2))).toMatchObject({ status: 'unchanged' });
    expect(await observe({ ...reading('r1', 1), provider: 'do' })).toMatchObject({ status: 'unchanged' });
    expect(await observe(reading('r2', 2, '23'))).toMatchObject({
      status: 'refused',
      error: { code: 'usage_conflict' },
    });
    // r1 is do's: another provider's r1 is another.
    expect(await observe({ ...reading('r1', 1, '1'), provider: 'aws' })).toMatchObject({
      status: 'done',
      result: { accepted: 1 },
    });
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ droplet_hours: '3601' });
  });

  it('recognises the events of a source by their ids, also with another time', async () => {
    const event = (date: number, sourceId: string) => ({
      deploymentId: 'd1',
      observation: {
        ...reading('r1', date, '2'),
        granularity: 'event' as const,
        period: { start: instant(T(`2026-04-${day(date)}`)), end: instant(T('2026-05-01')) },
        sourceId,
      },
      isEvent: true,
    });
    expect(await test.ledger.ingest([event(3, 'e1')], ADMIN)).toMatchObject([{ status: 'accepted' }]);
    await test.ledger.catchUp();
    expect((await records()).items).toEqual([]);
    expect(await test.ledger.ingest([event(4, 'e1'), event(3, 'e2')], ADMIN)).toMatchObject([
      { status: 'duplicate' },
      { status: 'accepted' },
    ]);
  });

  it('reads the log for the ids of a source once, and then only where one may be known', async () => {
    const intake = new UsageIntake(test.core);
    const send = async (sourceId: string, month: string) => {
      const observation = {
        ...{ resourceId: 'r9', billingKind: 'droplet_hours', granularity: 'event' as const, quantity: '1', sourceId },
        period: { start: instant(T(`2026-${month}-01`)), end: instant(T(`2026-${month}-02`)) },
      };
      const [verdict] = await intake.ingest([{ deploymentId: 'd1', isEvent: true, observation }], CALLER);
      return verdict?.status;
    };
    for (let n = 1; n <= 20; n += 1) expect(await send(`event ${n}`, '04')).toBe('accepted');
    await head();
    const read = jest.spyOn(test.core.log, 'read');
    /** The first revisions that were read of the stream of April. */
    const readFrom = () => read.mock.calls.flatMap(([stream, from = 0]) => (stream.includes('2026-04') ? [from] : []));
    const later = async (sourceId: string) => send(sourceId, '07');
    const end = (await test.core.log.revisionOf('usage-d1-2026-04')) + 1;
    expect([await later('new 1'), await later('new 2'), await later('new 3')]).toEqual(Array(3).fill('accepted'));
    expect(readFrom()).toEqual([0, end, end]);
    expect(await later('event 7')).toBe('duplicate');
    // Late usage of April is found, too.
    expect(await send('late', '04')).toBe('accepted');
    expect([await later('late'), await later('new 3'), await later('new 4')]).toEqual([
      ...['duplicate', 'duplicate', 'accepted'],
    ]);
    read.mockRestore();
  });

  it('accepts late usage and corrections, and the next invoice books them', async () => {
    await test.apply(
      // 25 h more, and 24 h less: + 0.25 − 0.24 = 0.01.
      { command: 'observe-usage', deploymentId: 'd1', observations: [reading('r6', 10, '25')] },
      { command: 'correct-usage', deploymentId: 'd1', ...reading('r2', 2), quantity: null, reason: 'never was' },
    );
    const next = await bill('2026-06-01');
    expect(next.lines.filter(({ correction }) => correction).map(({ billingKind, net }) => [billingKind, net])).toEqual(
      [['droplet_hours', '0.01']],
    );
    expect(await test.ask('usage', { deploymentId: 'd1', start: T('2026-04-01'), end: T('2026-05-01') })).toEqual({
      droplet_hours: '3601',
    });
    expect(await test.ask('check')).toMatchObject({ ok: true });
    expect(await prune('2026-08-01')).toMatchObject({ status: 'unchanged' });
  });

  it('lists usage that has no line after a later command', async () => {
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's1', at: T('2026-04-30') });
    // 5 droplets × 24 h of 30 April.
    expect(await test.ask('unbilled')).toMatchObject({
      items: [{ deploymentId: 'd1', billingKind: 'droplet_hours', readings: 5, quantity: '120' }],
    });
    expect(await test.ask('check')).toMatchObject({ ok: true, notices: [{ code: 'usage_unbilled' }] });
  });

  it('is the same after a rebuild, and in a replay, from batches of any size', async () => {
    await test.apply(
      { command: 'observe-usage', deploymentId: 'd1', observations: [reading('r6', 10, '25')] },
      { command: 'correct-usage', deploymentId: 'd1', ...reading('r2', 2), quantity: '1', reason: 'late' },
    );
    await test.ledger.catchUp();
    await expectReplayToBeLive(test.url);
    const report = await test.ledger.rebuilder.rebuild();
    expect(report).toMatchObject({ outcome: 'swapped', money: [] });
    expect(
      report.tables.filter(({ onlyLive, onlyShadow, different }) => onlyLive + onlyShadow + different > 0),
    ).toEqual([]);
    expect((await records()).pruned).toEqual(['2026-04']);
    // As of before, the replay has the raw records, and all else is as the live read models say that it was.
    const replayed = await test.app.get(Audit).replay({ asOf: String(before), into: 'before_pruning' }, ADMIN);
    expect([replayed.tables['usage_records'], replayed.differing]).toEqual([150, []]);
  });

  it('shows what changed in it between two positions', async () => {
    await test.apply({
      command: 'correct-usage',
      deploymentId: 'd1',
      ...reading('r2', 2),
      quantity: '1',
      reason: 'late',
    });
    const difference = await test.ask<{ usage: object[] }>('diff', { from: String(before) });
    expect(difference.usage).toMatchObject([
      { deploymentId: 'd1', billingKind: 'droplet_hours', month: '2026-04', before: '24', after: '1', readings: 1 },
    ]);
  });
});
