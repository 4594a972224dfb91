import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { createPool } from '#postgres/pool';
import { deployment, plan, subscription } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// The same command from several at once is done once; the same key with other bodies is done once and refused
// otherwise.

const T = (date: string) => `${date}T00:00:00Z`;
const seen = (providerId: string, more: object = {}) => ({
  command: 'observe-resource',
  provider: 'do',
  providerId,
  kind: 'droplet',
  name: providerId,
  status: 'active',
  seenAt: T('2026-04-01'),
  deploymentId: 'd',
  ...more,
});

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
    { command: 'register-tenant', tenantId: 'u', name: 'U', currency: 'USD' },
    deployment('d', 't'),
  );
});
afterEach(async () => test.close());

const atOnce = async (...commands: object[]) =>
  Promise.all(commands.map(async (command) => test.ledger.execute(command, ADMIN)));
const statuses = (outcomes: readonly { status: string }[]) => outcomes.map(({ status }) => status).sort();

describe('simultaneous commands', () => {
  const orders: readonly (readonly [string, (n: number) => object[], (n: number) => object])[] = [
    ['starts with it', () => [], (n) => subscription(`s${n}`, `d${n}`, `p${n}`)],
    [
      'changes to it',
      (n) => [subscription(`s${n}`, `d${n}`, 'other')],
      (n) => ({ command: 'change-plan', subscriptionId: `s${n}`, planId: `p${n}`, at: T('2026-05-01') }),
    ],
    [
      'is corrected to it',
      (n) => [subscription(`s${n}`, `d${n}`, 'other')],
      (n) => ({ command: 'correct-subscription', subscriptionId: `s${n}`, planId: `p${n}`, reason: 'as ordered' }),
    ],
    [
      'does not end at its start after all',
      (n) => [
        subscription(`s${n}`, `d${n}`, `p${n}`),
        { command: 'cancel-subscription', subscriptionId: `s${n}`, at: T('2026-04-01') },
      ],
      (n) => ({
        ...{ command: 'withdraw', what: 'cancel-subscription', subscriptionId: `s${n}`, at: T('2026-04-01') },
        reason: 'it stays',
      }),
    ],
  ];
  it.each(orders)('withdraw no plan while a subscription %s', async (_what, before, taking) => {
    await test.apply(plan('other', '1.00', []));
    for (let n = 0; n < 10; n += 1) {
      await test.apply(deployment(`d${n}`, 't'), plan(`p${n}`, '10.00', []), ...before(n));
      const withdrawing = {
        ...{ command: 'withdraw', what: 'publish-plan', planId: `p${n}`, effectiveFrom: T('2026-01-01') },
        reason: 'never offered',
      };
      const [withdrawn, taken] =
        n % 2 === 0 ? await atOnce(withdrawing, taking(n)) : (await atOnce(taking(n), withdrawing)).reverse();
      // One of them comes first, and refuses the other one.
      expect(statuses([withdrawn, taken].flatMap((outcome) => outcome ?? []))).toEqual(['done', 'refused']);
    }
    expect((await test.check()).failures).toEqual([]);
  });

  it('give one listing one strike', async () => {
    await test.apply(seen('1'), seen('2'));
    const sync = {
      command: 'sync-resources',
      provider: 'do',
      seenAt: T('2026-04-02'),
      resources: [{ providerId: '1', kind: 'droplet', name: '1', status: 'active' }],
    };
    // Who decides the same at the same revision appends the same events, which the log recognises: `done`, at the one
    // position.
    const outcomes = await atOnce(sync, sync, sync, sync);
    const positions = outcomes.flatMap((outcome) => (outcome.status === 'done' ? [outcome.position] : []));
    expect(new Set(positions).size).toBe(1);
    expect(statuses(outcomes)).not.toContain('refused');
    const { items } = await test.ask<{ items: { providerId: string; staleStrikeCount: number }[] }>('resources');
    expect(items.map(({ providerId, staleStrikeCount }) => [providerId, staleStrikeCount])).toEqual([
      ['1', 0],
      ['2', 1],
    ]);
  });

  it('accept one of several bodies with one key, natural or given', async () => {
    expect(statuses(await atOnce(seen('3'), seen('3', { status: 'off' }), seen('3', { status: 'new' })))).toEqual([
      'done',
      'refused',
      'refused',
    ]);
    const tax = (tenantId: string, ratePercent: string) => ({
      command: 'set-tax',
      tenantId,
      name: 'VAT',
      ratePercent,
      from: T('2026-01-01'),
      idempotencyKey: 'k',
    });
    expect(statuses(await atOnce(tax('t', '19'), tax('u', '19'), tax('t', '21')))).toEqual([
      'done',
      'refused',
      'refused',
    ]);
  });

  it('never starve each other of connections', async () => {
    await test.apply(plan('p', '1', []));
    const starts = Array.from({ length: 12 }, (_, index) => ({
      command: 'start-subscription',
      subscriptionId: `s${index}`,
      deploymentId: 'd',
      planId: 'p',
      from: T('2026-04-01'),
      idempotencyKey: `key ${index}`,
    }));
    expect(statuses(await atOnce(...starts)).filter((status) => status === 'done')).toHaveLength(1);
  });
});

describe('the projections’ writer', () => {
  it('takes over again after it loses its connection, and nothing is lost', async () => {
    const stopping = new AbortController();
    const projecting = test.ledger.project(stopping.signal);
    const admin = createPool(test.url);
    try {
      await test.apply(seen('1'));
      const holders =
        "SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND " +
        'a.datname = current_database()';
      const { rows } = await admin.query<{ pid: number }>(holders);
      expect(rows.length).toBeGreaterThan(0);
      for (const { pid } of rows) await admin.query('SELECT pg_terminate_backend($1)', [pid]);
      await test.apply(seen('2'));
      expect((await test.ask<{ items: unknown[] }>('resources')).items).toHaveLength(2);
    } finally {
      stopping.abort();
      await projecting;
      await admin.end();
    }
  });
});

describe('a deployment that moves to another tenant', () => {
  const tenant = (tenantId: string, role: Caller['role'] = 'tenant'): Caller => ({
    actor: tenantId,
    role,
    tenantId,
    now: instant('2026-06-01T00:00:00Z'),
  });
  const usage = (day: string) => ({
    command: 'observe-usage',
    deploymentId: 'd',
    observations: [
      {
        resourceId: 'r',
        billingKind: 'k',
        period: { start: T(day), end: `${day}T01:00:00Z` },
        granularity: 'hour',
        quantity: '1',
      },
    ],
  });

  it('shows and bills each tenant only the usage in its own time', async () => {
    await test.apply(
      { command: 'assign-deployment', deploymentId: 'd', tenantId: 'u', from: T('2026-05-01') },
      usage('2026-04-10'),
      usage('2026-05-10'),
    );
    const daysOf = async (tenantId: string) =>
      (
        (await test.ledger.ask('usage-records', { deploymentId: 'd' }, tenant(tenantId))) as {
          items: { period: { start: string } }[];
        }
      ).items.map(({ period }) => period.start);
    expect([await daysOf('t'), await daysOf('u')]).toEqual([[T('2026-04-10')], [T('2026-05-10')]]);
    const deployments = (await test.ledger.ask('deployments', {}, tenant('u'))) as { items: object[] };
    expect(deployments.items).toEqual([
      { deploymentId: 'd', name: 'd', tenantId: 'u', assignments: [{ tenantId: 'u', from: T('2026-05-01') }] },
    ]);
    expect(await test.ledger.execute(usage('2026-04-11'), tenant('u', 'ingest'))).toMatchObject({
      status: 'refused',
      error: { code: 'unknown_deployment' },
    });
    expect(await test.ledger.execute(usage('2026-04-11'), tenant('t', 'ingest'))).toMatchObject({ status: 'done' });
  });
});

describe('cost data', () => {
  it('is only for the platform’s admin, also in the log', async () => {
    const line = {
      lineKey: '1',
      kind: 'droplet',
      chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') },
      amount: '6.53',
      currency: 'USD',
      category: 'usage',
    };
    await test.apply({ command: 'record-cost', provider: 'do', invoiceRef: 'x', lines: [line] });
    for (const role of ['operator', 'auditor'] as const) {
      const events = await test.ledger.ask('events', { type: 'CostRecorded' }, { ...ADMIN, role });
      expect(JSON.stringify(events)).not.toContain('6.53');
      expect(events).toMatchObject({ items: [{ type: 'CostRecorded', data: null }] });
    }
    const conflict = await test.ledger.execute(
      { command: 'record-cost', provider: 'do', invoiceRef: 'x', lines: [{ ...line, amount: '1' }] },
      { ...ADMIN, role: 'operator' },
    );
    expect(conflict.status).toBe('refused');
    expect(JSON.stringify(conflict)).not.toContain('6.53');
  });
});

describe('an instant far away', () => {
  it('is refused as a typo, and writes nothing', async () => {
    await test.apply(
      {
        command: 'publish-plan',
        planId: 'p',
        name: 'p',
        currency: 'USD',
        baseFee: '1',
        paymentTerm: 'in_advance',
        effectiveFrom: T('2026-01-01'),
        items: [],
      },
      subscription('s', 'd', 'p'),
    );
    const before = await test.ledger.catchUp();
    const refused = await test.ledger.execute(
      { command: 'create-invoice', tenantId: 't', asOf: T('3026-06-01') },
      ADMIN,
    );
    expect(refused).toMatchObject({ status: 'refused', error: { code: 'too_many_periods' } });
    expect(await test.ledger.catchUp()).toBe(before);
  });
});
