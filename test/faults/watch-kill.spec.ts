import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deployment, tenant } from '../support/commands.js';
import { onPostgres, type TestLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

// `kill -9` of workers at seeded moments while usage reaches the threshold of a budget, and corrections undo it: each
// crossing is recorded once. Nightly: FAULT_ROUNDS=50.

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? '4');
const SEED = Number(process.env['FAULT_SEED'] ?? '20261121');
const MAIN = fileURLToPath(new URL('../../dist/apps/worker/src/main.js', import.meta.url));

/** Numbers from 0 to 1, the same for the same seed. */
function* randoms(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

const BILL = { provider: 'p', invoiceRef: 'bill' };
const LINE = {
  ...{ kind: 'compute', currency: 'USD', category: 'usage' },
  chargePeriod: { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' },
};

let test: TestLedger;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  test = await onPostgres();
  await test.apply(
    tenant('t'),
    deployment('d', 't'),
    {
      ...{ command: 'set-budget', tenantId: 't', budgetId: 'cpu', billingKind: 'cpu', quantity: '10' },
      effectiveFrom: '2026-04-01T00:00:00Z',
    },
    {
      ...{ command: 'set-margin-alert', alertId: 'nobody', when: 'unattributed_above', percent: '50' },
      effectiveFrom: '2026-04-01T00:00:00Z',
    },
    {
      ...{ command: 'record-cost', ...BILL },
      lines: [
        { ...LINE, lineKey: 'of t', tenantId: 't', amount: '10' },
        { ...LINE, lineKey: 'of nobody', amount: '1' },
      ],
    },
  );
});
afterAll(async () => {
  for (const child of children) await kill(child);
  await test.close();
});

function start(): ChildProcess {
  const env = { ...process.env, DATABASE_URL: test.url };
  const child = spawn(process.execPath, [MAIN], { env, stdio: 'ignore' });
  children.add(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

interface Crossing {
  readonly type: string;
  readonly position: number;
  readonly data: { readonly threshold: string; readonly reached?: { readonly position: number } };
}
const recorded = async (stream: string): Promise<Crossing[]> =>
  (await test.ask<{ items: Crossing[] }>('events', { stream, limit: 10_000 })).items.filter(
    ({ type }) => type !== 'BudgetSet' && type !== 'MarginAlertSet',
  );
const crossings = async (): Promise<Crossing[]> => recorded('budget-t');
const alerts = async (): Promise<Crossing[]> => recorded('alert-nobody');

const READING = {
  ...{ resourceId: 'r', billingKind: 'cpu', granularity: 'day' },
  period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
};

it(
  `of workers, ${ROUNDS} times, records each crossing once`,
  async () => {
    const random = randoms(SEED);
    await test.apply({ command: 'observe-usage', deploymentId: 'd', observations: [{ ...READING, quantity: '1' }] });
    for (let round = 0; round < ROUNDS; round += 1) {
      const workers = [start(), start()];
      // 10 reaches 50, 80 and 100 %; 1 undoes them.
      for (const quantity of ['10', '1']) {
        const [before, alertsBefore] = [await crossings(), await alerts()];
        // 30 of 40 are nobody's, or 1 of 11.
        const amount = quantity === '10' ? '30' : '1';
        const reason = `round ${round}`;
        await test.apply(
          { command: 'correct-usage', deploymentId: 'd', ...READING, quantity, reason },
          { command: 'correct-cost', ...BILL, lineKey: 'of nobody', amount, reason },
        );
        // Before, during or after an evaluation.
        const killed = delay(random.next().value * 1500).then(async () => {
          await kill(workers.shift() ?? start());
          workers.push(start());
        });
        while ((await crossings()).length < before.length + 3) await delay(50);
        while ((await alerts()).length === alertsBefore.length) await delay(50);
        await killed;
      }
      for (const worker of workers) await kill(worker);
    }
    const all = await crossings();
    expect(all).toHaveLength(ROUNDS * 6);
    for (const threshold of ['50', '80', '100']) {
      const own = all.filter(({ data }) => data.threshold === threshold);
      const kinds = Array.from({ length: ROUNDS }, () => ['BudgetThresholdReached', 'BudgetThresholdUndone']).flat();
      expect(own.map(({ type }) => type)).toEqual(kinds);
      for (const [index, { data }] of own.entries())
        if (data.reached !== undefined) expect(data.reached.position).toBe(own[index - 1]?.position);
    }
    expect((await alerts()).map(({ type }) => type)).toEqual(
      Array.from({ length: ROUNDS }, () => ['AlertRaised', 'AlertCleared']).flat(),
    );
    await test.ledger.catchUp();
    expect((await test.check()).failures).toEqual([]);
    await expectReplayToBeLive(test.url);
  },
  60_000 + ROUNDS * 30_000,
);
