import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deployment, tenant } from '../../../../test/support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { monthNamed } from '#domain/time/period';
import {
  type CostGrain,
  keepMonth,
  proveKept,
  readChangedMonths,
  readKeeper,
  readKeptMonths,
} from '#projections/margins/kept-costs.read';
import { contextFor } from '#ledger/query';
import { keepMonths, keepNext } from './keep-months.js';
import { costSums } from './kept-costs.js';

const MARCH = monthNamed('2026-03');
const T = (date: string) => `${date}T00:00:00Z`;
const SINCE = { from: T('2026-01-01') };
const seen = { provider: 'do', providerId: 'vm' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    ...[tenant('t1'), tenant('t2'), deployment('d1', 't1', SINCE), deployment('d2', 't2', SINCE)],
    {
      ...{ command: 'observe-resource', ...seen, kind: 'droplet', name: 'vm', status: 'active' },
      ...{ seenAt: T('2026-03-01'), deploymentId: 'd1' },
    },
    {
      ...{ command: 'record-cost', provider: 'do', invoiceRef: '2026-03' },
      lines: [
        {
          ...{ lineKey: '1', resourceId: 'vm', kind: 'droplet', chargePeriod: MARCH },
          ...{ amount: '31.00', currency: 'USD', category: 'usage' },
        },
      ],
    },
  );
  await test.core.projector.catchUp();
  while (!(await keepNext(test.core)).isDone);
});
afterEach(async () => test.close());

const march = async (position: number): Promise<string[]> => {
  const [sums = []] = await costSums(contextFor(test.core, position, ADMIN), [MARCH], 'USD');
  return sums.map(({ tenantId, amount }) => `${tenantId} ${amount.toFixed(2)}`);
};
const kept = async () => (await readKeptMonths(test.core.db, { months: [MARCH], currency: 'USD' }))[0];
/** As if a month had been computed wrongly: an answer shows whether it was taken. */
const spoil = async () => test.core.pool.query("UPDATE kept_costs SET amount = '99'");
const now = async () => test.core.projector.catchUp();

describe('a kept month', () => {
  it('answers from the position at which it last changed', async () => {
    const { position } = await readKeeper(test.core.db);
    expect(await kept()).toMatchObject({ cogs: '31', unattributed: '0', position_from: position });
    await spoil();
    expect(await march(position)).toEqual(['t1 99.00']);
    expect(await march(position - 1)).toEqual([]);
  });

  it('is added up by tenant, by deployment, by kind or by tenant and kind, as when it is computed', async () => {
    const line = { chargePeriod: MARCH, currency: 'USD', category: 'usage' };
    await test.apply(
      {
        ...{ command: 'observe-resource', ...seen, providerId: 'disk', kind: 'volume', name: 'disk', status: 'active' },
        ...{ seenAt: T('2026-03-01'), deploymentId: 'd1' },
      },
      {
        ...{ command: 'record-cost', provider: 'do', invoiceRef: 'more' },
        lines: [
          { ...line, lineKey: '1', resourceId: 'disk', kind: 'volume', amount: '2.00' },
          { ...line, lineKey: '2', kind: 'support', amount: '-0.50' },
        ],
      },
    );
    const position = await now();
    const by = async (grain: CostGrain, at = position): Promise<string[]> => {
      const [sums = []] = await costSums(contextFor(test.core, at, ADMIN), [MARCH], 'USD', grain);
      return sums
        .filter(({ amount }) => !amount.eq('0'))
        .map((of) => `${of.kind} ${of.tenantId} ${of.deploymentId} ${of.amount.toFixed(2)}`)
        .sort();
    };
    const ofTenants = ['droplet t1 null 31.00', 'support null null -0.50', 'volume t1 null 2.00'];
    expect(await by('tenant_kind')).toEqual(ofTenants);
    while (!(await keepNext(test.core)).isDone);
    // 31.00 + 2.00, and −0.50 of nobody
    expect(await by('tenant')).toEqual([' null null -0.50', ' t1 null 33.00']);
    expect(await by('deployment')).toEqual([' null null -0.50', ' t1 d1 33.00']);
    expect(await by('kind')).toEqual(['droplet null null 31.00', 'support null null -0.50', 'volume null null 2.00']);
    expect(await by('tenant_kind')).toEqual(ofTenants);
    // Kept once, whatever was kept before.
    const { rows } = await test.core.pool.query('SELECT count(*)::int AS tenants FROM kept_tenants');
    expect(rows).toEqual([{ tenants: 2 }]);
  });

  it('goes on answering while nothing of it changes', async () => {
    await spoil();
    await test.apply(tenant('t3'), {
      ...{ command: 'observe-resource', ...seen, kind: 'droplet', name: 'vm', status: 'off' },
      ...{ seenAt: T('2026-04-01'), deploymentId: 'd2' },
    });
    expect(await march(await now())).toEqual(['t1 99.00']);
    await keepNext(test.core);
    expect((await kept())?.proven_to).toBe((await now()) + 1);
  });

  it.each([
    // It moves on the 16th: 31.00 × 15/31 and 31.00 × 16/31.
    ['a later sighting', ['t1 15.00', 't2 16.00'], { seenAt: T('2026-03-16'), deploymentId: 'd2' }],
    ['an earlier first sighting', ['t1 31.00'], { seenAt: T('2026-02-16'), deploymentId: 'd2' }],
  ])('is computed again after %s', async (_, expected, sighting) => {
    const before = await now();
    await spoil();
    await test.apply({
      ...{ command: 'observe-resource', ...seen, kind: 'droplet', name: 'vm', status: 'active' },
      ...sighting,
    });
    expect(await march(await now())).toEqual(expected);
    expect(await march(before)).toEqual(['t1 99.00']);
  });

  it('is computed again after a correction of the resource', async () => {
    await spoil();
    await test.apply({
      ...{ command: 'correct-resource', ...seen, from: T('2026-03-11'), deploymentId: 'd2' },
      reason: 'it was moved on the 11th',
    });
    // 31.00 × 10/31 and 31.00 × 21/31
    expect(await march(await now())).toEqual(['t1 10.00', 't2 21.00']);
  });

  it('is computed again after its deployment got another tenant', async () => {
    await spoil();
    await test.apply({ command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-03-31') });
    expect(await march(await now())).toEqual(['t1 30.00', 't2 1.00']);
    // A worker keeps the new one.
    await keepNext(test.core);
    expect((await kept())?.position_from).toBe(await now());
    await spoil();
    expect(await march(await now())).toEqual(['t1 99.00', 't2 99.00']);
  });

  it('is not taken from other read models', async () => {
    await spoil();
    await test.core.pool.query('UPDATE checkpoint SET generation = gen_random_uuid()');
    expect(await march(await now())).toEqual(['t1 31.00']);
    await keepNext(test.core);
    expect(await kept()).toMatchObject({ cogs: '31' });
  });

  it('is not proven by read models that were exchanged after it was read', async () => {
    const row = await kept();
    const position = await now();
    const of = { first: position, last: position, madeBy: row?.made_by ?? '', mostResources: 10 };
    expect(await readChangedMonths(test.core.db, of, [MARCH])).toMatchObject([{ month: '2026-03', position }]);
    await test.core.pool.query('UPDATE checkpoint SET generation = gen_random_uuid()');
    expect(await readChangedMonths(test.core.db, of, [MARCH])).toBeNull();
    await proveKept(test.core.db, [row?.kept_id ?? ''], position + 1);
    const { rows } = await test.core.pool.query('SELECT proven_to FROM kept_months');
    expect(rows).toEqual([{ proven_to: position + 1 }]);
  });

  it('is not written by who computed it from read models that were exchanged meanwhile', async () => {
    const { position, madeBy } = await readKeeper(test.core.db);
    const computed = {
      ...{ month: '2026-03', currency: 'USD', cogs: '99', unattributed: '99', kinds: [], costs: [], days: [] },
      ...{ position_from: position, proven_to: position + 1 },
    };
    await test.core.pool.query('UPDATE checkpoint SET generation = gen_random_uuid()');
    await keepMonth(test.core.db, { ...computed, made_by: madeBy });
    expect((await test.core.pool.query('SELECT cogs FROM kept_months')).rows).toEqual([]);
    await keepMonth(test.core.db, { ...computed, made_by: (await readKeeper(test.core.db)).madeBy });
    expect((await test.core.pool.query('SELECT cogs FROM kept_months')).rows).toEqual([{ cogs: '99' }]);
  });

  it('is checked against what it is computed from', async () => {
    expect((await test.check()).failures).toEqual([]);
    await spoil();
    expect((await test.check()).failures).toMatchObject([
      {
        code: 'kept_cost_differs',
        ids: { month: '2026-03', currency: 'USD' },
        remedy: expect.stringMatching('projections rebuild --only margins'),
      },
    ]);
  });

  it('has the days that bills charge, which are checked, too', async () => {
    const { rows } = await test.core.pool.query(
      'SELECT provider, kind, invoice_ref, start_at, end_at FROM kept_billed_days',
    );
    const of = { provider: 'do', kind: 'droplet', invoice_ref: '2026-03' };
    expect(rows).toEqual([{ ...of, start_at: MARCH.start, end_at: MARCH.end }]);
    await test.core.pool.query("UPDATE kept_billed_days SET end_at = '2026-03-31'");
    expect((await test.check()).failures).toMatchObject([
      { code: 'kept_cost_differs', message: expect.stringMatching('other days are kept') },
    ]);
  });

  it('is checked at the first and at the last position that it is proven for', async () => {
    const { position } = await readKeeper(test.core.db);
    // Before its cost was recorded, the month came to nothing.
    await test.core.pool.query('UPDATE kept_months SET position_from = position_from - 1');
    expect((await test.check()).failures).toMatchObject([
      { code: 'kept_cost_differs', ids: { position: position - 1 }, message: expect.stringMatching('comes to 0$') },
    ]);
  });

  it('is computed if more resources changed than are worth looking at', async () => {
    await spoil();
    // One more resource, which is not charged in March.
    await test.apply({
      ...{ command: 'observe-resource', provider: 'do', providerId: 'vm2', kind: 'droplet', name: 'vm2' },
      ...{ status: 'active', seenAt: T('2026-03-01'), deploymentId: 'd2' },
    });
    const position = await now();
    const total = async (mostResources: number): Promise<string[]> => {
      const totals = await costSums({ core: test.core, position, mostResources }, [MARCH], 'USD');
      return totals.flat().map(({ amount }) => amount.toFixed(2));
    };
    expect(await total(1)).toEqual(['99.00']);
    expect(await total(0)).toEqual(['31.00']);
    // A worker does not look either: it keeps the month again.
    await keepNext(test.core, position, 0);
    expect(await kept()).toMatchObject({ cogs: '31', position_from: position, proven_to: position + 1 });
    expect(await march(position)).toEqual(['t1 31.00']);
  });

  it('waits while it still changes', async () => {
    await test.apply({ command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-03-31') });
    const head = await now();
    expect(await keepNext(test.core, head - 1)).toMatchObject({ isDone: false });
    expect((await kept())?.proven_to).toBe(head);
    expect(await keepNext(test.core, head)).toMatchObject({ isDone: false });
    expect(await keepNext(test.core, head)).toMatchObject({ isDone: true });
  });
});

it('keeps no month twice if several workers look at once', async () => {
  await test.apply({ command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-03-31') });
  await now();
  await Promise.all([keepNext(test.core), keepNext(test.core)]);
  expect(await march(await now())).toEqual(['t1 30.00', 't2 1.00']);
  // Also where none was kept before.
  await test.core.pool.query('DELETE FROM kept_months');
  await Promise.all([keepNext(test.core), keepNext(test.core), keepNext(test.core)]);
  expect(await readKeptMonths(test.core.db, null)).toMatchObject([{ month: '2026-03', currency: 'USD', cogs: '31' }]);
  expect(await march(await now())).toEqual(['t1 30.00', 't2 1.00']);
});

it('leaves a month that is under way when the worker stops', async () => {
  await test.core.pool.query('DELETE FROM kept_months');
  const [stopping, reports]: [AbortController, string[]] = [new AbortController(), []];
  const client = await test.core.pool.connect();
  // As if the lines took long to read.
  await client.query('BEGIN; LOCK TABLE cost_lines');
  const keeping = keepMonths(test.core, stopping.signal, (message) => reports.push(message));
  const waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while ((await test.core.pool.query(waits)).rowCount === 0);
  stopping.abort();
  await keeping;
  await client.query('ROLLBACK');
  client.release();
  expect(reports).toEqual([]);
  expect(await kept()).toBeUndefined();
  // The lock of the worker is free again.
  const giveBack = await test.core.takeFree([['kept months']]);
  expect(giveBack).not.toBeNull();
  await giveBack?.();
});
