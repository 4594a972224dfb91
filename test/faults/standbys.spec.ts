import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { type RunningApi, startApi } from '#api/start';
import { instant } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import { answered } from '#operations/answering';
import { QUERIES } from '#operations/operations';
import { PARAMETERS, NOT_OF_THE_LOG } from '../support/all-queries.js';
import { LISTENING, logger, SECRET } from '../support/api.js';
import { ADMIN, ledgerOn, type TestLedger } from '../support/ledger.js';
import { BEGINNING, live, step } from '../support/random-history.js';
import { asked, kill, primaryIn, type Server, standbyIn, startedAgain } from '../support/standby.js';
import { mintToken } from '#runtime/token';

// Hot standbys of Postgres by streaming replication, as in production: what they answer is what the primary answers,
// also while they lag, die, are promoted, or belong to another ledger.

const STEPS = 40;
const SEED = Number(process.env['PROPERTY_SEED'] ?? 20261201);

let folder: string;
let primary: Server;
let first: Server;
let second: Server;
let test: TestLedger;
const reports: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledgerline-standbys-'));
  primary = await primaryIn(join(folder, 'primary'));
  first = await standbyIn(join(folder, 'first'), primary);
  second = await standbyIn(join(folder, 'second'), primary);
  test = await ledgerOn(primary.url, {
    readUrls: [first.url, second.url],
    report: (message) => reports.push(message),
  });
  await test.apply(...BEGINNING);
  const issued: string[] = [];
  for (const each of fc.sample(step, { seed: SEED, numRuns: STEPS })) await live(test, each, issued);
});

afterAll(async () => {
  await test.close();
  for (const server of [second, first, primary]) await server.stop();
  await rm(folder, { recursive: true });
});

let sent = 0;
const ingest = async (): Promise<void> => {
  const period = { start: instant('2026-04-05T00:00:00Z'), end: instant('2026-04-05T01:00:00Z') };
  const reading = { resourceId: `one-${(sent += 1)}`, billingKind: 'requests', period, quantity: '1' };
  const observation = { ...reading, granularity: 'hour' as const };
  const [outcome] = await test.ledger.ingest([{ deploymentId: 'd1', observation, isEvent: false }], ADMIN);
  expect(outcome).toMatchObject({ status: 'accepted' });
};

/** Where a read as of now is done: the port of its server. */
async function whoReads(): Promise<string> {
  const { position } = await test.core.readable();
  return test.core.reading(position, async ({ pool }) => {
    const { rows } = await pool.query<{ port: string }>("SELECT current_setting('port') AS port");
    return rows[0]?.port ?? '';
  });
}
const portOf = ({ url }: Server): string => new URL(url).port;

/** The servers that some reads in a row are done on. */
async function readers(): Promise<string[]> {
  const ports = new Set<string>();
  for (let n = 0; n < 6; n += 1) ports.add(await whoReads());
  const names = { [portOf(primary)]: 'primary', [portOf(first)]: 'first', [portOf(second)]: 'second' };
  return [...ports].map((port) => names[port] ?? port).sort();
}

/** Waits until reads are done on these servers. */
async function until(wanted: readonly string[]): Promise<void> {
  for (;;) {
    const found = await readers();
    if (JSON.stringify(found) === JSON.stringify(wanted)) return;
    await delay(50);
  }
}

describe('with two standbys', () => {
  it('answers each query on a standby as on the primary', async () => {
    await until(['first', 'second']);
    const { position } = await test.core.readable();
    const onStandby = await test.core.reading(position, async (core): Promise<LedgerCore> => Promise.resolve(core));
    expect(onStandby).not.toBe(test.core);
    const asOf = { asOf: String(position) };
    const answerOn = async (core: LedgerCore, name: string): Promise<string> => {
      const query = QUERIES.get(name);
      if (query === undefined) throw new Error(name);
      const given = { ...PARAMETERS[name], ...('asOf' in query.params.shape ? asOf : {}) };
      try {
        return JSON.stringify((await answered(core, query, given, ADMIN)).answer);
      } catch (error) {
        return `refused: ${error instanceof Error ? error.message : String(error)}`;
      }
    };
    const names = [...QUERIES.keys()].filter((name) => !NOT_OF_THE_LOG.includes(name));
    const differing: object[] = [];
    for (const name of names) {
      const [here, there] = [await answerOn(test.core, name), await answerOn(onStandby, name)];
      if (here !== there) differing.push({ name, here, there });
    }
    expect(differing).toEqual([]);
  });

  it('reads on the primary while a standby lags, and again on it once it has caught up', async () => {
    await asked(first.url, 'SELECT pg_wal_replay_pause()');
    await asked(second.url, 'SELECT pg_wal_replay_pause()');
    await ingest();
    expect(await readers()).toEqual(['primary']);
    await asked(second.url, 'SELECT pg_wal_replay_resume()');
    await until(['second']);
    await asked(first.url, 'SELECT pg_wal_replay_resume()');
    await until(['first', 'second']);
    const of = reports.filter((message) => message.includes(`:${portOf(first)} `));
    expect(of.slice(-2)).toEqual([
      expect.stringMatching(/is left out: it did not have position \d+ within 100 ms. The primary answers./),
      expect.stringMatching(/answers reads again/),
    ]);
  });

  it('keeps what a check on a standby found', async () => {
    await until(['first', 'second']);
    const query = QUERIES.get('check');
    const last = QUERIES.get('last-check');
    if (query === undefined || last === undefined) throw new Error('there is no check');
    const checked = (await answered(test.core, query, {}, ADMIN)).answer as { ok: boolean; position: number };
    expect((await answered(test.core, last, {}, ADMIN)).answer).toMatchObject({
      ...{ checkedBy: ADMIN.actor, ok: checked.ok, position: checked.position },
    });
  });

  it('reads on the primary while a standby has the read models from before a rebuild or a rollback', async () => {
    for (const exchange of [
      async () => test.core.rebuilder.rebuild({ accept: true }),
      async () => test.core.rebuilder.rebuild({ accept: true, only: ['tokens'] }),
      async () => test.core.rebuilder.rollback(),
    ]) {
      await until(['first', 'second']);
      for (const { url } of [first, second]) await asked(url, 'SELECT pg_wal_replay_pause()');
      // At the same position.
      const { position } = await test.core.readable();
      await exchange();
      expect(await test.core.readable()).toMatchObject({ position });
      expect(await readers()).toEqual(['primary']);
      for (const { url } of [first, second]) await asked(url, 'SELECT pg_wal_replay_resume()');
    }
    await until(['first', 'second']);
    expect(reports).toContainEqual(
      `The standby /tmp:${portOf(first)} is left out: it has the read models from before a rebuild or a rollback.` +
        ' The primary answers. It is tried again every second.',
    );
  });

  it('reads nowhere backwards while standbys are killed and paused, over REST', async () => {
    const api = await served();
    const token = await mintToken(SECRET, { sub: 'reader', role: 'platform_admin', ttl: '365d' }, ADMIN.now);
    const used = async (): Promise<number> => {
      const response = await fetch(
        `${api.url}/api/v1/usage?deploymentId=d1&start=2026-04-05T00:00:00Z&end=2026-04-05T01:00:00Z`,
        { headers: { authorization: `Bearer ${token}` } },
      );
      expect(response.status).toBe(200);
      return Number(z.object({ requests: z.string() }).parse(await response.json()).requests);
    };
    try {
      await ingest();
      const before = (await used()) - sent;
      for (let n = 0; n < 60; n += 1) {
        if (n === 10) await asked(first.url, 'SELECT pg_wal_replay_pause()');
        if (n === 20) await kill(second);
        if (n === 30) await asked(first.url, 'SELECT pg_wal_replay_resume()');
        if (n === 40) second = await startedAgain(second, primary);
        if (n === 50) await kill(first);
        await ingest();
        expect([n, (await used()) - before]).toEqual([n, sent]);
      }
    } finally {
      await api.close();
    }
    first = await startedAgain(first, primary);
    await until(['first', 'second']);
  });

  it('leaves out a standby that was promoted', async () => {
    await asked(first.url, 'SELECT pg_promote(false)');
    await until(['second']);
    await ingest();
    expect(reports.filter((message) => message.includes('it is no standby'))).toEqual([
      `The standby /tmp:${portOf(first)} is left out: it is no standby (any more): it takes writes of its own.` +
        ' The primary answers. It is tried again every second.',
    ]);
  });
});

async function served(): Promise<RunningApi> {
  return startApi({
    ...LISTENING,
    ...{ databaseUrl: primary.url, readUrls: [first.url, second.url], jwtSecret: SECRET, logger },
    clock: { now: () => ADMIN.now },
  });
}
