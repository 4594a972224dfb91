import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant, plusHours } from '#domain/time/instant';
import { mintToken } from '#runtime/token';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#postgres/embedded';
import { cli, startCli } from '../support/cli.js';
import { tenant } from '../support/commands.js';
import { ledgerOn } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

// `kill -9` of a worker, the API or Postgres at seeded moments while usage is recorded over HTTP: what was answered is
// there, once, and the read models are those of a replay from nothing. Nightly: FAULT_ROUNDS=50.

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? '4');
const SEED = Number(process.env['FAULT_SEED'] ?? '20261121');
const SECRET = 'a secret of the specs, longer than 32 characters';
const START = instant('2026-04-01T00:00:00Z');
const WRITES_PER_ROUND = 40;
const VICTIMS = ['worker', 'postgres', 'api', 'worker'] as const;

/** Numbers from 0 to 1, the same for the same seed. */
function* randoms(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

const main = (app: string): string => fileURLToPath(new URL(`../../dist/apps/${app}/src/main.js`, import.meta.url));

let dataDir: string;
let server: EmbeddedPostgres;
let token: string;
const children = new Set<ChildProcess>();

/** On the same port again, so that clients find it again. */
async function startPostgres(): Promise<void> {
  const port = (server as EmbeddedPostgres | undefined) === undefined ? undefined : new URL(server.url).port;
  server = await startEmbeddedPostgres({
    dataDir,
    settings: { fsync: 'off', ...(port === undefined ? {} : { port }) },
  });
}

function start(app: 'worker' | 'api'): ChildProcess {
  if (!existsSync(main(app))) throw new Error(`${main(app)} is missing: run npm run build first`);
  const env = { ...process.env, DATABASE_URL: server.url, LEDGERLINE_JWT_SECRET: SECRET, LEDGERLINE_PORT: '0' };
  const child = spawn(process.execPath, [main(app)], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function startApi(): Promise<{ child: ChildProcess; url: string }> {
  for (;;) {
    const child = start('api');
    if (child.stdout === null) throw new Error('the API has no output');
    for await (const url of createInterface({ input: child.stdout })) return { child, url };
    // Postgres was not back yet.
    await delay(100);
  }
}

async function killPostgres(): Promise<void> {
  const folder = await readFile(join(dataDir, 'postgres', 'location'), 'utf8').catch(() => join(dataDir, 'postgres'));
  const pid = Number((await readFile(join(folder.trim(), 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
  process.kill(pid, 'SIGKILL');
}

async function kill(child: ChildProcess): Promise<void> {
  const ended =
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

const usage = (n: number) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      resourceId: 'r',
      billingKind: 'cpu',
      period: { start: plusHours(START, n), end: plusHours(START, n + 1) },
      granularity: 'hour',
      quantity: '1',
    },
  ],
});

/** Readings of the same month, whose keys the API remembers. */
const readings = (n: number) => ({
  deploymentId: 'd',
  observations: ['a', 'b', 'c'].map((resourceId) => ({
    ...usage(n).observations[0],
    resourceId,
    billingKind: 'calls',
  })),
});

/** Whether the command was carried out, or the readings recorded, as far as anyone was told. */
async function sent(url: string, body: object, path = 'commands'): Promise<boolean> {
  try {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    await response.text();
    return response.status === 200;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ledgerline-kill-'));
  await startPostgres();
  token = await mintToken(
    SECRET,
    { sub: 'spec', role: 'platform_admin', ttl: '2h' },
    instant(new Date().toISOString()),
  );
});
afterAll(async () => {
  for (const child of children) await kill(child);
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

describe('kill -9', () => {
  it(
    `of a worker, Postgres or the API, ${ROUNDS} times, loses nothing that was confirmed and does nothing twice`,
    async () => {
      const random = randoms(SEED);
      let api = await startApi();
      let workers = [start('worker'), start('worker')];
      expect(await sent(api.url, tenant('t'))).toBe(true);
      expect(
        await sent(api.url, {
          command: 'register-deployment',
          deploymentId: 'd',
          tenantId: 't',
          name: 'D',
          from: START,
        }),
      ).toBe(true);
      let n = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const victim = VICTIMS[round % VICTIMS.length];
        const at = Math.floor(random.next().value * WRITES_PER_ROUND);
        for (let write = 0; write < WRITES_PER_ROUND; write += 1) {
          const sending = Promise.all([sent(api.url, usage(n)), sent(api.url, readings(n), 'usage')]);
          if (write === at) {
            // In the middle of what is under way.
            await delay(random.next().value * 5);
            if (victim === 'api') await kill(api.child);
            else if (victim === 'postgres') await killPostgres();
            else await Promise.all(workers.slice(0, 1).map(kill));
          }
          // What was not answered is sent again, until it is.
          if ((await sending).every(Boolean)) n += 1;
          else {
            if (victim === 'postgres') await startPostgres();
            if (api.child.exitCode !== null || api.child.signalCode !== null) api = await startApi();
          }
        }
        workers = workers.map((worker) =>
          worker.exitCode !== null || worker.signalCode !== null ? start('worker') : worker,
        );
      }
      if (api.child.exitCode !== null || api.child.signalCode !== null) api = await startApi();
      for (const child of children) await kill(child);
      const test = await ledgerOn(server.url);
      try {
        await test.ledger.catchUp();
        // The last one may have been carried out, and not answered.
        const { cpu, calls } = await test.ask<{ cpu: string; calls: string }>('usage', { deploymentId: 'd' });
        expect([n, n + 1]).toContain(Number(cpu));
        expect([3 * n, 3 * (n + 1)]).toContain(Number(calls));
        expect(n).toBeGreaterThan((ROUNDS * WRITES_PER_ROUND) / 2);
        await expectReplayToBeLive(server.url);
      } finally {
        await test.close();
      }
    },
    60_000 + ROUNDS * 30_000,
  );

  it('of the projecting worker: the standby takes over within seconds', async () => {
    const first = start('worker');
    const test = await ledgerOn(server.url);
    const CAUSE = {
      name: 'spec',
      key: null,
      bodyHash: '',
      occurredAt: null,
      isKeyed: false,
      idempotencyKey: null,
      caller: { actor: 'spec', role: 'operator' as const, now: START },
    };
    const record = async (): Promise<number> => {
      const stream = `spec-${await test.core.log.head()}`;
      return (await test.core.book.appendAt(stream, -1, CAUSE, [{ type: 'CommandUnchanged', data: { command: 'x' } }]))
        .position;
    };
    /** Milliseconds until someone else than this test has projected it. */
    const projected = async (position: number): Promise<number> => {
      const since = performance.now();
      while ((await test.core.projector.position()) < position) await delay(10);
      return performance.now() - since;
    };
    try {
      await projected(await record());
      const second = start('worker');
      // It has connected, and found the lock taken.
      const standingBy =
        "SELECT FROM pg_stat_activity WHERE application_name = 'ledgerline worker' AND query LIKE " +
        "'%pg_try_advisory_lock%'";
      while ((await test.core.pool.query(standingBy)).rowCount === 0) await delay(10);
      await kill(first);
      expect(await projected(await record())).toBeLessThan(120_000);
      await kill(second);
    } finally {
      await test.close();
    }
  });

  it('of a rebuild: the same command continues it, and finds no difference', async () => {
    const random = randoms(SEED);
    const test = await ledgerOn(server.url);
    try {
      const observations = (event: number) =>
        Array.from({ length: 1000 }, (_, n) => ({ ...usage(n).observations[0], resourceId: `x-${event}` }));
      for (let event = 0; event < 20; event += 1)
        await test.apply({ command: 'observe-usage', deploymentId: 'd', observations: observations(event) });
      await test.ledger.catchUp();
    } finally {
      await test.close();
    }
    const env = { DATABASE_URL: server.url };
    for (let round = 0; round < 2; round += 1) {
      const rebuilding = startCli(['projections', 'rebuild', '--preview', '--json'], env);
      const ended = new Promise((resolve) => rebuilding.once('exit', resolve));
      // Somewhere between its start and its end.
      await delay(500 + random.next().value * 1500);
      rebuilding.kill('SIGKILL');
      await ended;
    }
    const { code, stdout } = await cli(['projections', 'rebuild', '--json'], { env });
    const report = JSON.parse(stdout) as {
      outcome: string;
      tables: { onlyLive: number; onlyShadow: number; different: number }[];
    };
    expect({ code, outcome: report.outcome }).toEqual({ code: 0, outcome: 'swapped' });
    expect(
      report.tables.filter(({ onlyLive, onlyShadow, different }) => onlyLive + onlyShadow + different > 0),
    ).toEqual([]);
    await expectReplayToBeLive(server.url, 'replayed_after_rebuild');
  });
});
