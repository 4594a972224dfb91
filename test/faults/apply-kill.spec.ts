import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createPool } from '#postgres/pool';
import { cli, startCli } from '../support/cli.js';
import { testDatabase } from '../support/postgres.js';
import { expectReplayToBeLive } from '../support/replay.js';

// `kill -9` at seeded moments of `apply`, then the same file again: nothing lost, nothing counted twice.

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? '3');
const SEED = Number(process.env['FAULT_SEED'] ?? '20261121');

/** Numbers from 0 to 1, the same for the same seed. */
function* randoms(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state / 2_147_483_648;
  }
}

const day = (index: number): string => `2026-04-${String(index + 1).padStart(2, '0')}`;

const COMMANDS = [
  { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
  { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'd', from: '2026-04-01T00:00:00Z' },
  {
    command: 'publish-plan',
    planId: 'p',
    name: 'p',
    currency: 'USD',
    baseFee: '10.00',
    paymentTerm: 'in_advance',
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.01' } }],
  },
  { command: 'start-subscription', subscriptionId: 's', deploymentId: 'd', planId: 'p', from: '2026-04-01T00:00:00Z' },
  ...Array.from({ length: 20 }, (_, index) => [
    {
      command: 'observe-usage',
      deploymentId: 'd',
      observations: Array.from({ length: 50 }, (_each, hour) => ({
        resourceId: `r${hour}`,
        billingKind: 'requests',
        period: { start: `${day(index)}T00:00:00Z`, end: `${day(index + 1)}T00:00:00Z` },
        granularity: 'day',
        quantity: '3',
      })),
    },
    { command: 'create-invoice', tenantId: 't', asOf: `${day(index + 1)}T00:00:00Z` },
  ]).flat(),
];
const FILE = COMMANDS.map((command) => JSON.stringify(command)).join('\n');

let database: Awaited<ReturnType<typeof testDatabase>>;
let pool: pg.Pool;
beforeEach(async () => {
  database = await testDatabase();
  pool = createPool(database.url, { schema: 'ledgerline' });
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

const random = randoms(SEED);
let killed = 0;

describe('apply, killed at a seeded moment', () => {
  it.each(Array.from({ length: ROUNDS }, (_, round) => [round + 1, 400 + Math.floor(random.next().value * 1600)]))(
    'round %i, after %i ms: the same file again ends where an undisturbed run does',
    async (_round, afterMs) => {
      const env = { DATABASE_URL: database.url };
      const child = startCli(['apply', '-'], env);
      const ended = new Promise<void>((resolve) =>
        child.once('exit', (_code, signal) => {
          if (signal === 'SIGKILL') killed += 1;
          resolve();
        }),
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(FILE);
      child.stdout?.resume();
      child.stderr?.resume();
      const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
      await ended;
      clearTimeout(timer);

      const again = await cli(['apply', '-', '--json'], { env, input: FILE });
      // A slow machine may have told how far it was.
      const complaints = again.stderr.split('\n').filter((line) => !/^(\d+ commands)?$/.test(line));
      expect({ code: again.code, complaints }).toEqual({ code: 0, complaints: [] });
      // 20 days × 50 readings of 3.
      const usage = await pool.query<{ count: number; total: string }>('SELECT count(*)::int AS count, sum(quantity)::text AS total FROM usage_records WHERE position_to IS NULL');
      expect(usage.rows).toEqual([{ count: 1000, total: '3000' }]);
      const drafts = await cli(['query', 'invoices', '--json'], { env });
      const { items } = JSON.parse(drafts.stdout) as { items: { total: string }[] };
      // Each of 20 drafts has its own day: 50 × 3 × 0.01 = 1.50; the first also the base fee in advance.
      expect(items.map(({ total }) => total).sort()).toEqual([...Array<string>(19).fill('1.50'), '11.50'].sort());
      await expectReplayToBeLive(database.url);
    },
  );

  it('met apply at work, not only before or after it', () => {
    expect(killed).toBeGreaterThan(0);
  });
});
