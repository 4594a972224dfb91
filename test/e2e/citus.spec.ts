import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { Audit } from '#audit/audit';
import { zDrafted } from '#operations/invoices';
import { READ_MODELS } from '#projections/database';
import { createPool } from '#postgres/pool';
import { isCoordinator } from '#read-model/distributed';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, ledgerOn, onPostgres, type TestLedger } from '../support/ledger.js';

/**
 * The same ledger on a coordinator of Citus and on one Postgres: each question has the same answer, and rebuilds,
 * replays and checks find no difference. `CITUS_URL` names an empty database of a coordinator that has nodes.
 */

const url = process.env['CITUS_URL'];
if (url === undefined)
  process.stderr.write(
    '\n!! CITUS_URL is not set: the forms of statements were tested, NOT the ledger on a real Citus.\n\n',
  );

const T = (date: string): string => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };
/** Citus has their readings on several nodes, by the hashes of these names. */
const DEPLOYMENTS = ['alpha', 'beta', 'north', 'south', 'east', 'west'];
const day = (number: number) => ({
  start: T(`2026-04-${String(number).padStart(2, '0')}`),
  end: T(`2026-04-${String(number + 1).padStart(2, '0')}`),
});
const RATE_KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };

const readings = (deploymentId: string, from: number, to: number) => ({
  command: 'observe-usage',
  deploymentId,
  observations: Array.from({ length: to - from + 1 }, (_, index) => from + index).flatMap((number) => [
    { ...of('droplet_hours', number), resourceId: 'vm', quantity: '24' },
    { ...of('requests', number), resourceId: 'web', quantity: '100', attributes: { path: `p${number % 3}` } },
    { ...of('requests', number), resourceId: 'batch', quantity: '7', attributes: { path: 'other' } },
    { ...of('seats', number), resourceId: 'app', quantity: '1', attributes: { user: `u${number % 4}` } },
    { ...of('peak', number), resourceId: 'app', quantity: String(number) },
    { ...of('cores', number), resourceId: 'vm', quantity: '2', rateKey: RATE_KEY },
    { ...of('unplanned', number), resourceId: 'vm', quantity: '1' },
  ]),
});
const of = (billingKind: string, number: number) => ({ billingKind, period: day(number), granularity: 'day' });

const COMMANDS: readonly object[] = [
  tenant('t1'),
  tenant('t2'),
  { command: 'set-rate', ...RATE_KEY, unitPrice: '0.10', basis: 'amount', effectiveFrom: T('2026-01-01') },
  { command: 'set-rate', ...RATE_KEY, unitPrice: '0.20', basis: 'amount', effectiveFrom: T('2026-04-11') },
  plan('p', '10.00', [
    { billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '0.01' } },
    { billingKind: 'requests', filter: { path: 'p1' }, price: { model: 'unit', unitAmount: '0.001' } },
    { billingKind: 'seats', aggregation: 'unique_count', uniqueBy: 'user', price: { model: 'unit', unitAmount: '5' } },
    { billingKind: 'peak', aggregation: 'max', price: { model: 'unit', unitAmount: '1' } },
    { billingKind: 'cores', price: { model: 'rate_card' } },
  ]),
  ...DEPLOYMENTS.flatMap((id, index) => [
    deployment(id, index % 2 === 0 ? 't1' : 't2'),
    subscription(`s-${id}`, id, 'p'),
    readings(id, 1, 20),
  ]),
];

/** After an invoice: late usage, corrections of several deployments, a withdrawn reading, and one observed again. */
const LATER: readonly object[] = [
  readings('alpha', 21, 25),
  ...['alpha', 'beta', 'north'].map((deploymentId) => ({
    ...{ command: 'correct-usage', deploymentId, ...of('droplet_hours', 3), resourceId: 'vm' },
    ...{ quantity: '12', reason: 'off for half a day' },
  })),
  {
    ...{ command: 'correct-usage', deploymentId: 'beta', ...of('droplet_hours', 4), resourceId: 'vm' },
    ...{ quantity: null, reason: 'it never was' },
  },
  {
    ...{ command: 'correct-rate', ...RATE_KEY, unitPrice: '0.15', effectiveFrom: T('2026-04-05') },
    ...{ effectiveUntil: T('2026-04-08'), reason: 'a typing error' },
  },
  {
    command: 'waive-usage',
    deploymentId: 'north',
    billingKind: 'unplanned',
    period: APRIL,
    reason: 'a test of the customer',
  },
];

/** Each question, with what both ledgers are asked. */
const QUESTIONS: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['usage', { deploymentId: 'alpha', ...APRIL }],
  ['usage-records', { deploymentId: 'beta', limit: 1000 }],
  ['usage-records', { billingKind: 'requests', start: T('2026-04-02'), end: T('2026-04-04') }],
  ['unbilled', {}],
  ['lines', { at: T('2026-05-01') }],
  ['invoices', {}],
  ['accrual', { at: T('2026-04-30') }],
  ['price-realisation', { from: '2026-04', to: '2026-05' }],
  ['margin', { period: '2026-04' }],
  ['margin-units', { from: '2026-04', to: '2026-05' }],
  ['reconciliation', { period: '2026-04' }],
  ['diff', { from: '20' }],
];

/** What differs between two ledgers of the same commands: when something was recorded, and ids that are drawn. */
const masked = (answer: unknown, since: string): unknown =>
  JSON.parse(
    JSON.stringify(answer, (name, value: unknown) => {
      if (typeof value !== 'string') return value;
      if (name === 'eventId' || /[hH]ash$/.test(name)) return 'of this ledger';
      return /^\d{4}-\d{2}-\d{2}T/.test(value) && value >= since ? 'now' : value;
    }),
  );

describe('a ledger on one Postgres', () => {
  it('has no distributed table', async () => {
    const test = await onPostgres();
    try {
      expect(await isCoordinator(test.core.pool)).toBe(false);
    } finally {
      await test.close();
    }
  });
});

if (url !== undefined) {
  describe('a ledger on Citus', () => {
    const since = new Date().toISOString();
    let citus: TestLedger;
    let plain: TestLedger;
    let pool: pg.Pool;
    beforeAll(async () => {
      pool = createPool(url, { applicationName: 'ledgerline specs' });
      await assertEmpty();
      citus = await ledgerOn(url);
      plain = await onPostgres();
      await both(async (test) => test.apply(...COMMANDS));
      await citus.ledger.catchUp();
    });
    afterAll(async () => {
      await citus.close();
      await plain.close();
      for (const schema of await schemas()) await pool.query(`DROP SCHEMA ${schema} CASCADE`);
      await pool.end();
    });

    async function schemas(): Promise<string[]> {
      const { rows } = await pool.query<{ name: string }>(
        "SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'ledgerline%' OR nspname LIKE 'replay%'",
      );
      return rows.map(({ name }) => name);
    }

    async function assertEmpty(): Promise<void> {
      const there = await schemas();
      if (there.length > 0)
        throw new Error(
          `The database of CITUS_URL has ${there.join(', ')}. Name an empty database: its ledger is removed.`,
        );
      if (!(await isCoordinator(pool)))
        throw new Error('The database of CITUS_URL has no nodes of Citus. Add them with citus_add_node.');
    }

    const both = async <Result>(work: (test: TestLedger) => Promise<Result>): Promise<[Result, Result]> => [
      await work(citus),
      await work(plain),
    ];

    /** Asks both. Each question is named where the answers differ. */
    async function expectSameAnswers(): Promise<void> {
      for (const [name, params] of QUESTIONS) {
        const [ofCitus, ofPlain] = await both(async (test) => masked(await test.ask(name, params), since));
        expect({ name, params, answer: ofCitus }).toEqual({ name, params, answer: ofPlain });
      }
      const { items } = await plain.ask<{ items: { invoiceId: string }[] }>('invoices', { limit: 1000 });
      for (const { invoiceId: id } of items) {
        const [ofCitus, ofPlain] = await both(async (test) => masked(await test.ask('explain', { id }), since));
        expect(ofCitus).toEqual(ofPlain);
      }
    }

    async function expectSound(): Promise<void> {
      const { ok, failures } = await citus.check();
      expect({ ok, failures }).toEqual({ ok: true, failures: [] });
    }

    const distributed = async (): Promise<string[]> => {
      const { rows } = await pool.query<{ name: string }>(
        'SELECT logicalrelid::regclass::text AS name FROM pg_dist_partition ORDER BY 1',
      );
      return rows.map(({ name }) => name);
    };

    it('has the readings on the nodes, and all other tables on the coordinator', async () => {
      expect(await distributed()).toEqual([`${READ_MODELS}.usage_records`, `${READ_MODELS}.usage_records_2026_04`]);
      const { rows } = await pool.query<{ node: number; readings: number }>(
        'SELECT p.groupid AS node, sum(r.result::int)::int AS readings' +
          ` FROM run_command_on_shards('${READ_MODELS}.usage_records', 'SELECT count(*) FROM %s') r` +
          ' JOIN pg_dist_placement p USING (shardid) WHERE r.success GROUP BY 1 HAVING sum(r.result::int) > 0',
      );
      // 6 deployments × 20 days × 7 readings, on several nodes.
      expect(rows.reduce((sum, { readings: count }) => sum + count, 0)).toBe(840);
      expect(rows.length).toBeGreaterThan(1);
    });

    it('answers each question as one Postgres does', async () => {
      // 20 days × 24 hours
      expect(await citus.ask('usage', { deploymentId: 'alpha', ...APRIL })).toMatchObject({ droplet_hours: '480' });
      await expectSameAnswers();
    });

    it('invoices, corrects and withdraws as one Postgres does', async () => {
      const [ofCitus, ofPlain] = await both(async (test) => {
        const invoices = await invoiced(test, '2026-04-16');
        await test.apply(...LATER);
        return invoices.concat(await invoiced(test, '2026-05-01'));
      });
      expect(ofCitus).toEqual(ofPlain);
      expect(ofCitus).toHaveLength(4);
      await expectSameAnswers();
      await expectSound();
    });

    it('refuses the hours of a day that is recorded, for several deployments at once', async () => {
      const hour = { start: T('2026-04-03'), end: '2026-04-03T01:00:00Z' };
      const codes = await Promise.all(
        DEPLOYMENTS.map(async (deploymentId) => {
          const reading = {
            billingKind: 'requests',
            resourceId: 'web',
            period: hour,
            granularity: 'hour',
            quantity: '1',
          };
          return (await citus.refused({ command: 'observe-usage', deploymentId, observations: [reading] })).code;
        }),
      );
      expect(codes).toEqual(DEPLOYMENTS.map(() => 'usage_overlap'));
    });

    it('rebuilds, exchanges and restores what the log says', async () => {
      const { rebuilder } = citus.ledger;
      expect(await rebuilder.rebuild()).toMatchObject({ outcome: 'swapped', money: [] });
      await expectSameAnswers();
      await rebuilder.rollback();
      expect(await rebuilder.rebuild({ only: ['usage-records'] })).toMatchObject({ outcome: 'swapped' });
      expect(await distributed()).toContain(`${READ_MODELS}.usage_records_2026_04`);
      await citus.apply(readings('south', 26, 27));
      await plain.apply(readings('south', 26, 27));
      await expectSameAnswers();
      await rebuilder.rollback();
      await expectSameAnswers();
      await expectSound();
    });

    it('replays into a schema, for all and for one tenant', async () => {
      const audit = citus.app.get(Audit);
      const all = await audit.replay({ asOf: String(await citus.core.log.head()), into: 'replay_all' }, ADMIN);
      expect(all.differing).toEqual([]);
      const [one, expected] = await both(async (test) =>
        test.app.get(Audit).replay({ asOf: '100', into: 'replay_one', tenantId: 't1' }, ADMIN),
      );
      expect(one.tables).toEqual(expected.tables);
    });

    it('prunes, and answers from the log', async () => {
      await both(async (test) =>
        test.apply(
          ...['droplet_hours', 'seats', 'cores', 'requests', 'peak', 'unplanned'].map((billingKind) => ({
            command: 'configure-metering',
            ...{ billingKind, granularity: 'day', retentionDays: 1, from: T('2026-01-01') },
          })),
        ),
      );
      const prune = { command: 'prune-usage', month: '2026-04', at: T('2026-06-01') };
      const [pruned, expected] = await both(async (test) => test.apply(prune));
      expect(pruned).toEqual(expected);
      await expectSameAnswers();
      expect(await citus.ledger.rebuilder.rebuild()).toMatchObject({ outcome: 'swapped' });
      await expectSound();
    });

    it('verifies', async () => {
      expect(await citus.ask('verify')).toMatchObject({ ok: true, failures: [] });
    });
  });
}

/** Invoices of both tenants, issued. Their numbers and totals. */
async function invoiced(test: TestLedger, date: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const tenantId of ['t1', 't2']) {
    const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(date) });
    for (const { invoiceId } of zDrafted.parse(created?.status === 'refused' ? null : created?.result).invoices) {
      await test.apply({ command: 'issue-invoice', invoiceId, at: T(date) });
      const { number, total } = await test.ask<{ number: string; total: string }>('invoice', { id: invoiceId });
      found.push({ tenantId, number, total });
    }
  }
  return found;
}
