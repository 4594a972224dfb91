import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { logEnvironment } from '../support/log.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';
import { type Receiver, receiver } from '../support/receiver.js';

// `kill -9` of the worker at seeded moments while it sends webhooks to an endpoint that refuses at times. Nightly:
// FAULT_ROUNDS=50.

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? '3');
const SEED = Number(process.env['FAULT_SEED'] ?? '20261201');
const WORKER = fileURLToPath(new URL('../../dist/apps/worker/src/main.js', import.meta.url));
const TENANTS = ['t1', 't2', 't3'];
const FIRST_MONTH = Date.UTC(2020, 0);

/** Numbers from 0 to 1, the same for the same seed. */
function* randoms(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

let test: TestLedger;
let books: Receiver;
let worker: ChildProcess | undefined;

function startWorker(): void {
  if (!existsSync(WORKER)) throw new Error(`${WORKER} is missing: run npm run build first`);
  const environment = { DATABASE_URL: test.url, LEDGERLINE_WEBHOOK_PRIVATE_NETWORKS: 'allow' };
  const env = { ...process.env, ...environment, ...logEnvironment(environment), LEDGERLINE_LOG_LEVEL: 'fatal' };
  worker = spawn(process.execPath, [WORKER], { env, stdio: ['ignore', 'inherit', 'inherit'] });
}
async function killWorker(): Promise<void> {
  if (worker === undefined) return;
  const ended = new Promise((resolve) => worker?.once('exit', resolve));
  worker.kill('SIGKILL');
  await ended;
  worker = undefined;
}

beforeEach(async () => {
  test = await testLedger();
  books = await receiver();
  const from = new Date(FIRST_MONTH).toISOString();
  await test.apply(
    plan('p', '50.00', [], { effectiveFrom: from }),
    ...TENANTS.flatMap((id) => [
      ...[tenant(id), deployment(`d-${id}`, id, { from }), subscription(`s-${id}`, `d-${id}`, 'p', { from })],
    ]),
    { command: 'register-webhook', webhookId: 'books', url: books.url },
  );
});
afterEach(async () => {
  await killWorker();
  await books.close();
  await test.close();
});

it(`each message reaches the endpoint, none before its predecessor, whenever the worker is killed: ${ROUNDS} times`, async () => {
  const random = randoms(SEED);
  const pick = (most: number): number => Math.floor(random.next().value * most);
  // The first message of a tenant is refused once: it is sent again after five seconds.
  const refused = new Set<string>();
  books.answers(({ body }) => {
    const { tenantid } = JSON.parse(body) as { tenantid: string };
    if (tenantid !== 't1' || refused.has(tenantid)) return 204;
    refused.add(tenantid);
    return 503;
  });
  let expected = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    // A draft of the next month for each tenant, so one message each.
    const asOf = new Date(FIRST_MONTH);
    asOf.setUTCMonth(round + 1);
    for (const tenantId of TENANTS) {
      await test.apply({ command: 'create-invoice', tenantId, asOf: asOf.toISOString() });
      expected += 1;
    }
    const before = books.received.length;
    startWorker();
    await books.until(before + 1 + pick(2));
    await killWorker();
  }
  startWorker();
  const ids = (): Set<string | undefined> => new Set(books.received.map(({ headers }) => headers['webhook-id']));
  for (let count = 1; ids().size < expected; count = books.received.length + 1) await books.until(count);
  await test.ledger.catchUp();

  const { items } = await test.ask<{ items: { id: string; tenantid: string }[] }>('feed', { after: 0, limit: 1000 });
  const taken = books.received.map(({ body }) => JSON.parse(body) as { id: string; tenantid: string });
  for (const tenantId of TENANTS) {
    const of = (all: readonly { id: string; tenantid: string }[]): string[] => [
      ...new Set(all.filter(({ tenantid }) => tenantid === tenantId).map(({ id }) => id)),
    ];
    expect(of(taken)).toEqual(of(items));
  }
});
