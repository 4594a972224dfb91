import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { invoiceIdOf } from '#domain/invoices/invoice';
import { instant } from '#domain/time/instant';
import { cli, startCli } from '../support/cli.js';
import { tenant } from '../support/commands.js';
import { ledgerOn } from '../support/ledger.js';
import { testDatabase } from '../support/postgres.js';
import { expectReplayToBeLive } from '../support/replay.js';

// `kill -9` at seeded moments of `apply`, then the same file again: every read model is as after an undisturbed run.

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? '6');
const SEED = Number(process.env['FAULT_SEED'] ?? '20261121');

/** Numbers from 0 to 1, the same for the same seed. */
function* randoms(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state / 2_147_483_648;
  }
}

const T = (date: string) => `${date}T00:00:00Z`;
const april = (day: number): string => `2026-04-${String(day).padStart(2, '0')}`;
const KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
const reading = (day: number, billingKind: string, resourceId: string, quantity: string, more: object = {}) => ({
  resourceId,
  billingKind,
  period: { start: T(april(day)), end: T(april(day + 1)) },
  granularity: 'day',
  quantity,
  ...more,
});
const listed = (providerId: string, status: string) => ({
  providerId,
  kind: 'droplet',
  name: providerId,
  status,
  deploymentId: 'd',
});
const sync = (day: number, ...resources: object[]) => ({
  command: 'sync-resources',
  provider: 'do',
  seenAt: T(april(day)),
  resources,
});
const invoiceId = (day: number, voids = 0): string =>
  invoiceIdOf({ tenantId: 't', currency: 'USD', asOf: instant(T(april(day))), selection: null }, voids);
/** Only four days are metered. */
const create = (day: number, idempotencyKey: string) => ({
  command: 'create-invoice',
  tenantId: 't',
  asOf: T(april(day)),
  unmetered: 'bill',
  idempotencyKey,
});
const issue = (day: number, voids = 0) => ({
  command: 'issue-invoice',
  invoiceId: invoiceId(day, voids),
  at: T(april(day)),
});
const plan = (planId: string, included: string) => ({
  command: 'publish-plan',
  planId,
  name: planId,
  currency: 'USD',
  baseFee: '10.00',
  paymentTerm: 'in_advance',
  effectiveFrom: T('2026-01-01'),
  items: [
    { billingKind: 'requests', included, price: { model: 'unit', unitAmount: '0.01' } },
    {
      billingKind: 'droplet_hours',
      included: '24',
      price: { model: 'package', packageSize: '7', packageAmount: '0.33' },
    },
    { billingKind: 'vm', price: { model: 'rate_card' } },
  ],
});

const COMMANDS: readonly object[] = [
  tenant('t', { tax: { name: 'VAT', ratePercent: '19', from: T('2026-01-01') } }),
  tenant('u'),
  { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'd', from: T(april(1)) },
  plan('p', '100'),
  plan('q', '200'),
  { command: 'start-subscription', subscriptionId: 's', deploymentId: 'd', planId: 'p', from: T(april(1)) },
  { command: 'set-rate', ...KEY, unitPrice: '0.3', effectiveFrom: T('2026-01-01') },
  sync(1, listed('a', 'active'), listed('b', 'active')),
  sync(3, listed('a', 'active'), listed('b', 'off')),
  sync(4, listed('a', 'active')),
  ...[1, 2, 3, 4].map((day) => ({ command: 'run-metering', date: april(day) })),
  // Two months in one command: two streams, one key.
  {
    command: 'observe-usage',
    deploymentId: 'd',
    observations: [
      ...Array.from({ length: 40 }, (_, index) => reading(2, 'requests', `r${index}`, '3')),
      { ...reading(2, 'requests', 'r0', '5'), period: { start: T('2026-03-30'), end: T('2026-03-31') } },
      reading(3, 'vm', 'v', '40', { rateKey: KEY }),
    ],
    idempotencyKey: 'two months',
  },
  create(5, 'first'),
  issue(5),
  {
    command: 'record-cost',
    provider: 'do',
    invoiceRef: 'x',
    lines: [
      {
        lineKey: '1',
        resourceId: 'a',
        kind: 'droplet',
        chargePeriod: { start: T(april(1)), end: T('2026-05-01') },
        amount: '6.000000001',
        currency: 'USD',
        category: 'usage',
      },
    ],
  },
  { command: 'correct-usage', deploymentId: 'd', ...reading(2, 'requests', 'r1', '9'), reason: 'meter drift' },
  { command: 'correct-usage', deploymentId: 'd', ...reading(2, 'requests', 'r2', '3'), reason: 'checked, and right' },
  { command: 'correct-rate', ...KEY, unitPrice: '0.03', effectiveFrom: T(april(1)), reason: 'ten times too high' },
  { command: 'correct-rate', ...KEY, unitPrice: '0.03', effectiveFrom: T(april(2)), reason: 'checked, and right' },
  {
    command: 'correct-resource',
    provider: 'do',
    providerId: 'a',
    from: T(april(2)),
    until: T(april(3)),
    status: 'off',
    reason: 'was off',
  },
  { command: 'run-metering', date: april(2) },
  create(8, 'wrong'),
  issue(8),
  { command: 'void-invoice', invoiceId: invoiceId(8), at: T(april(8)), reason: 'sent too early' },
  {
    command: 'observe-usage',
    deploymentId: 'd',
    observations: Array.from({ length: 40 }, (_, index) => reading(6, 'requests', `r${index}`, '2')),
  },
  create(8, 'right'),
  issue(8, 1),
  { command: 'change-plan', subscriptionId: 's', planId: 'q', at: T(april(16)) },
  ...[9, 10, 11].flatMap((day) => [
    { command: 'observe-usage', deploymentId: 'd', observations: [reading(day, 'requests', 'r0', '30')] },
    create(day + 1, `draft of ${day}`),
  ]),
  { command: 'assign-deployment', deploymentId: 'd', tenantId: 'u', from: T(april(20)) },
  { command: 'correct-rate', ...KEY, unitPrice: '0.04', effectiveFrom: T(april(1)), reason: 'the list says so' },
  create(25, 'last'),
  issue(25),
  { command: 'pay-invoice', invoiceId: invoiceId(25), at: T(april(26)) },
  { command: 'cancel-subscription', subscriptionId: 's', at: T(april(28)) },
];
const FILE = COMMANDS.map((command) => JSON.stringify(command)).join('\n');

const AT = T('2026-05-02');
const QUESTIONS: readonly (readonly [string, Record<string, unknown>])[] = [
  ['tenants', {}],
  ['deployments', {}],
  ['subscriptions', {}],
  ['plans', {}],
  ['rates', {}],
  ['resources', {}],
  ['metered-days', {}],
  ['usage-records', {}],
  ['usage', { deploymentId: 'd' }],
  ['unbilled', {}],
  ['lines', { at: AT }],
  ['invoices', {}],
  ['margin', { period: '2026-04' }],
  ['accrual', { at: T(april(27)) }],
];

/** Two runs record the same at different times. */
const withoutTimes = (answer: unknown): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === 'recordedAt' ? undefined : value)));

/** What the read models answer, and a replay of the log with them. */
async function answersOf(url: string): Promise<Map<string, unknown>> {
  const ledger = await ledgerOn(url);
  const answers = new Map<string, unknown>();
  for (const [name, params] of QUESTIONS) answers.set(name, withoutTimes(await ledger.ask(name, params)));
  await ledger.close();
  await expectReplayToBeLive(url);
  return answers;
}

async function withDatabase<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const database = await testDatabase();
  try {
    return await work(database.url);
  } finally {
    await database.drop();
  }
}

/** The same file to its end; nothing of it is refused. */
async function applied(url: string): Promise<void> {
  const { code, stderr } = await cli(['apply', '-', '--json'], { env: { DATABASE_URL: url }, input: FILE });
  // A slow machine may have told how far it was.
  const complaints = stderr.split('\n').filter((line) => !/^(\d+ commands?)?$/.test(line));
  expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
}

/**
 * Starts on the file, and dies some milliseconds after its n-th line of output; whether it did, or was through before.
 */
async function killed(url: string, afterLine: number, ms: number): Promise<boolean> {
  const child = startCli(['apply', '-'], { DATABASE_URL: url });
  if (child.stdin === null || child.stdout === null) throw new Error('the process has no pipes');
  const signal = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('exit', (_code, by) => {
      resolve(by);
    }),
  );
  child.stdin.on('error', () => undefined);
  child.stdin.end(FILE);
  child.stderr?.resume();
  let lines = 0;
  createInterface({ input: child.stdout }).on('line', () => {
    lines += 1;
    if (lines === afterLine) setTimeout(() => child.kill('SIGKILL'), ms);
  });
  return (await signal) === 'SIGKILL';
}

const random = randoms(SEED);
/**
 * Spread over the file, each somewhere in its stretch; the moment after the line may be within any step of what comes
 * next.
 */
const MOMENTS = Array.from({ length: ROUNDS }, (_, round): [number, number] => [
  1 + Math.floor(((round + random.next().value) * (COMMANDS.length - 6)) / ROUNDS),
  Math.floor(random.next().value * 25),
]);

describe('apply, killed', () => {
  let kills = 0;
  let undisturbed: ReadonlyMap<string, unknown>;
  beforeAll(async () => {
    undisturbed = await withDatabase(async (url) => {
      await applied(url);
      const answers = await answersOf(url);
      // Once is as good as twice.
      await applied(url);
      expect(await answersOf(url)).toEqual(answers);
      return answers;
    });
  });

  it('has an undisturbed run for comparison, with some of everything', () => {
    const items = (name: string) => (undisturbed.get(name) as { items: object[] }).items;
    for (const name of ['tenants', 'plans', 'rates', 'resources', 'metered-days', 'usage-records', 'unbilled', 'lines'])
      expect([name, items(name).length > 0]).toEqual([name, true]);
    const invoices = items('invoices') as { status: string; asOf: string; total: string }[];
    expect(invoices.map(({ status, asOf }) => [asOf.slice(8, 10), status]).sort()).toEqual([
      ['05', 'issued'],
      ['08', 'issued'],
      ['08', 'void'],
      ['10', 'draft'],
      ['11', 'draft'],
      ['12', 'draft'],
      ['25', 'paid'],
    ]);
    expect(undisturbed.get('margin')).toMatchObject({ overall: { cogs: '6.000000001' } });
  });

  it.each(MOMENTS)(
    'after line %i and %i ms: the same file again ends like an undisturbed run',
    async (afterLine, ms) => {
      await withDatabase(async (url) => {
        if (await killed(url, afterLine, ms)) kills += 1;
        await applied(url);
        const answers = await answersOf(url);
        for (const [name] of QUESTIONS)
          expect({ name, answer: answers.get(name) }).toEqual({ name, answer: undisturbed.get(name) });
      });
    },
  );

  it('was killed during its work, not only before or after it', () => {
    expect(kills).toBeGreaterThan(0);
  });
});
