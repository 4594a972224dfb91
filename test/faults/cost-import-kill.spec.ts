import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { cli, folder, startCli } from '../support/cli.js';
import { ledgerOn } from '../support/ledger.js';
import { testDatabase, type TestDatabase } from '../support/postgres.js';

// An import of bills is killed while it writes, at seeded moments of the log. The same import again comes to what it
// comes to undisturbed: each line once, with the amount of the last delivery.

const SEED = Number(process.env['FAULT_SEED'] ?? '20261130');

function* randoms(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state / 2_147_483_648;
  }
}

const FOCUS =
  'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargeClass,' +
  'ChargeDescription,ChargePeriodStart,ChargePeriodEnd,ProviderName,ResourceId,ServiceName,InvoiceId\n';
/** Rows of one delivery, of equal keys in threes. */
const delivery = (rows: number, cost: (n: number) => string): string =>
  FOCUS +
  Array.from(
    { length: rows },
    (_, n) =>
      `${cost(n)},42,USD,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,Usage,,r${Math.floor(n / 3)},` +
      '2026-04-10T00:00:00Z,2026-04-11T00:00:00Z,Acme Cloud,vm-1,Compute,\n',
  ).join('');
/** Three lines of each of many bills. Each bill is a delivery of its own. */
const bills = (count: number, amount: string): string =>
  `provider,invoiceRef,resourceId,kind,start,end,amount,currency,category\n${Array.from(
    { length: count * 3 },
    (_, n) =>
      `acme,INV-${Math.floor(n / 3)},vm-${n % 3},server,` +
      `2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,${amount},USD,usage\n`,
  ).join('')}`;

let database: TestDatabase;
let files: Awaited<ReturnType<typeof folder>>;
beforeEach(async () => {
  [database, files] = await Promise.all([testDatabase(), folder()]);
});
afterEach(async () => {
  await files.remove();
  await database.drop();
});

const head = async (): Promise<number> =>
  (await database.pool.query<{ position: number }>('SELECT position FROM ledgerline_log.head')).rows[0]?.position ?? 0;
const of = async (statement: string): Promise<Readonly<Record<string, unknown>>> =>
  (await database.pool.query<Record<string, unknown>>(statement)).rows[0] ?? {};
/** The lines in force: how many, and what they come to. */
const lines = async (): Promise<unknown> =>
  of('SELECT count(*)::int AS lines, sum(amount)::text AS sum FROM ledgerline.cost_lines WHERE position_to IS NULL');
const startedAndCompleted = async () =>
  of(
    "SELECT count(*) FILTER (WHERE type = 'CostDeliveryStarted')::int AS started, " +
      "count(*) FILTER (WHERE type = 'CostDeliveryCompleted')::int AS completed FROM ledgerline_log.events",
  );

const argsOf = (file: string, name: string): string[] => [
  ...['backfill', 'costs', file, '--delivery', name, '--data-dir', files.path, '--json'],
];
interface Summary {
  readonly accepted: number;
}
const imported = async (file: string, name: string): Promise<Summary> => {
  const { code, stdout, stderr } = await cli(argsOf(file, name), { env: { DATABASE_URL: database.url } });
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as Summary;
};

/** Kills the import once the log has so many events. True where that was before it was done. */
async function killed(file: string, name: string, events: number): Promise<boolean> {
  const child = startCli(argsOf(file, name), { DATABASE_URL: database.url });
  if (child.stdin === null || child.stdout === null || child.stderr === null)
    throw new Error('the process has no pipes');
  child.stdin.end();
  const exited = once(child, 'exit');
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  while (child.exitCode === null && (await head()) < events) await delay(1);
  const wasRunning = child.exitCode === null && child.kill('SIGKILL');
  await exited;
  await said;
  return wasRunning;
}

describe('an import of bills that is killed', () => {
  it(`in the middle of the corrections of a delivery comes to the same again (FAULT_SEED=${SEED})`, async () => {
    const random = randoms(SEED);
    const open = await files.write(
      'open.csv',
      delivery(9_000, () => '0.01'),
    );
    // Of each three equal keys, two have another amount: 6,000 corrections in six events.
    const closed = await files.write(
      'closed.csv',
      delivery(9_000, (n) => (n % 3 === 0 ? '0.01' : '0.02')),
    );
    expect(await imported(open, 'open')).toMatchObject({ read: 9_000, accepted: 9_000 });
    let between = 0;
    for (let kills = 0; kills < 2; kills += 1) {
      const before = await head();
      // Its start, or where it goes on, and then some of its corrections.
      await killed(closed, 'closed', before + 1 + Math.floor(random.next().value * 3));
      if ((await startedAndCompleted())['completed'] === 1) between += 1;
    }
    expect(between).toBeGreaterThan(0);
    expect(await imported(closed, 'closed')).toMatchObject({ read: 9_000, accepted: 0, rejected: 0, removed: 0 });
    // 3,000 × 0.01 + 6,000 × 0.02
    expect(await lines()).toEqual({ lines: 9_000, sum: '150.00' });
    // Started once, however often it went on.
    expect(await startedAndCompleted()).toEqual({ started: 2, completed: 2 });
    expect(await imported(closed, 'closed')).toMatchObject({ duplicate: 9_000, correction: 0 });
    expect(await lines()).toEqual({ lines: 9_000, sum: '150.00' });
  });

  it('between its deliveries comes to the same again', async () => {
    const first = await files.write('first.csv', bills(2_500, '1.00'));
    await (await ledgerOn(database.url)).close();
    // 2,500 deliveries of a start, lines and a completion each, a thousand deliveries at a time.
    expect(await killed(first, '1', (await head()) + 1_500)).toBe(true);
    const { started, completed } = await startedAndCompleted();
    expect(started).toBeGreaterThanOrEqual(500);
    expect(completed).toBeLessThan(2_500);
    expect(await imported(first, '1')).toMatchObject({ read: 7_500, rejected: 0, correction: 0, removed: 0 });
    // 7,500 × 1.00
    expect(await lines()).toEqual({ lines: 7_500, sum: '7500' });
    expect(await startedAndCompleted()).toEqual({ started: 2_500, completed: 2_500 });
  });
});

describe('two imports of one delivery at once', () => {
  it('come to the sums of one', async () => {
    const open = await files.write(
      'open.csv',
      delivery(6_000, () => '0.01'),
    );
    const both = await Promise.all([imported(open, 'open'), imported(open, 'open')]);
    // The one that came first recorded all, the other one nothing.
    expect(both.map(({ accepted }) => accepted).sort()).toEqual([0, 6_000]);
    const closed = await files.write(
      'closed.csv',
      delivery(6_000, (n) => (n % 2 === 0 ? '0.01' : '0.03')),
    );
    await Promise.all([imported(closed, 'closed'), imported(closed, 'closed')]);
    // 3,000 × 0.01 + 3,000 × 0.03
    expect(await lines()).toEqual({ lines: 6_000, sum: '120.00' });
    expect(await startedAndCompleted()).toEqual({ started: 2, completed: 2 });
  });
});
