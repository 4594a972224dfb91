import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';
import type pg from 'pg';
import { z } from 'zod';
import { instant } from '#domain/time/instant';
import { usageRecords } from '#projections/usage-records/usage-records.table';
import { mintToken } from '#runtime/token';
import { type Bench, figure, type Measured, mustBe } from './bench.js';
import { onDatabase } from './database.js';
import { onNode } from './on-node.js';
import { plainCopy } from './plain-copy.js';

export const SECRET = 'a secret of the benches, longer than 32 characters';
const DEPLOYMENTS = 100;
export const BATCH = 100;
/** As many as a collector in front of many machines has open. */
export const CONNECTIONS = 10;
/** Who sends one reading at a time waits for each answer: a thousand a second are of many senders. */
const SINGLE_CONNECTIONS = 20;
const SECONDS = 5;
/** Ten times as many at once as the API takes. */
const OVERLOAD_CONNECTIONS = 640;

export interface Running {
  readonly url: string;
  readonly token: string;
  /** Process ids of this API and of the worker. */
  readonly pids: { readonly api: number; readonly worker: number };
  stop(): Promise<void>;
}

/**
 * The API and the worker, as `up` has them: processes of their own, on this machine with the database and the load.
 * `count`: how many APIs.
 */
export async function withApi<Result>(
  databaseUrl: string,
  work: (api: Running, others: readonly Running[]) => Promise<Result>,
  { log = {}, count = 1 }: { readonly log?: Readonly<Record<string, string>>; readonly count?: number } = {},
): Promise<Result> {
  const environment = {
    ...process.env,
    EVENT_STORE_URL: '',
    ...log,
    DATABASE_URL: databaseUrl,
    LEDGERLINE_JWT_SECRET: SECRET,
    LEDGERLINE_PORT: '0',
    LEDGERLINE_LOG_LEVEL: 'warn',
    LEDGERLINE_REQUESTS_PER_MINUTE: '100000000',
    LEDGERLINE_CONNECTIONS_PER_ADDRESS: '10000',
  };
  const start = (app: string): ChildProcess =>
    spawn(process.execPath, [`dist/apps/${app}/src/main.js`], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
  const processes: ChildProcess[] = [];
  try {
    const apis: { readonly url: string; readonly pid: number }[] = [];
    for (let n = 0; n < count; n += 1) {
      const api = start('api');
      processes.push(api);
      apis.push({ url: await firstLine(api), pid: api.pid ?? 0 });
    }
    const worker = start('worker');
    processes.push(worker);
    const token = await mintToken(
      SECRET,
      { sub: 'bench', role: 'platform_admin', ttl: '12h' },
      instant(new Date().toISOString()),
    );
    const [first, ...others] = apis.map(({ url, pid }): Running => {
      const pids = { api: pid, worker: worker.pid ?? 0 };
      return { url, token, pids, stop: async () => stopped(processes) };
    });
    if (first === undefined) throw new Error('no API was started');
    return await work(first, others);
  } finally {
    await stopped(processes);
  }
}

async function firstLine(process: ChildProcess): Promise<string> {
  if (process.stdout === null) throw new Error('the API has no output');
  for await (const line of createInterface({ input: process.stdout })) return line;
  throw new Error('the API did not start: is dist there? npm run build');
}

async function stopped(processes: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    processes.map(async (each) => {
      if (each.exitCode !== null || each.signalCode !== null) return;
      const exited = new Promise((resolve) => each.once('exit', resolve));
      each.kill('SIGTERM');
      await exited;
    }),
  );
}

export const headersOf = ({ token }: Running): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
});

async function post(api: Running, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${api.url}${path}`, {
    method: 'POST',
    headers: headersOf(api),
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const deployment = (n: number): string => `d${Math.floor(n) % DEPLOYMENTS}`;

export async function register(api: Running): Promise<void> {
  const from = '2026-01-01T00:00:00Z';
  await post(api, '/api/v1/commands', [
    { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
    ...Array.from({ length: DEPLOYMENTS }, (_, n) => ({
      command: 'register-deployment',
      deploymentId: deployment(n),
      tenantId: 't',
      name: 'D',
      from,
    })),
  ]);
}

let sent = 0;
const DAY = {
  period: { start: '2026-04-10T00:00:00Z', end: '2026-04-11T00:00:00Z' },
  granularity: 'day',
  billingKind: 'requests',
  quantity: '1',
};
const reading = (): object => ({ resourceId: `r${(sent += 1)}`, ...DAY });
/** A collector's batch is of one deployment. */
export const batch = (): string =>
  JSON.stringify({ deploymentId: deployment(sent / BATCH), observations: Array.from({ length: BATCH }, reading) });
const single = (): string => JSON.stringify({ deploymentId: deployment(sent), ...reading() });

interface Load {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly statuses: ReadonlyMap<number, number>;
  readonly accepted: number;
}

const zAccepted = z.object({ accepted: z.int() });

/** Requests as fast as the connections take them, or at `rate` a second. */
export async function loaded(
  api: Running,
  path: string,
  body: (() => string) | null,
  { connections = CONNECTIONS, amount, rate }: { connections?: number; amount?: number; rate?: number } = {},
): Promise<Load> {
  const statuses = new Map<number, number>();
  let accepted = 0;
  const result = await autocannon({
    url: `${api.url}${path}`,
    connections,
    timeout: 60,
    ...(amount === undefined ? { duration: SECONDS } : { amount }),
    ...(rate === undefined ? {} : { overallRate: rate }),
    headers: headersOf(api),
    requests: [
      {
        method: body === null ? 'GET' : 'POST',
        path,
        ...(body === null ? {} : { setupRequest: (request) => ({ ...request, body: body() }) }),
        onResponse: (status, text) => {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (status === 200 && body !== null) accepted += zAccepted.parse(JSON.parse(text)).accepted;
        },
      },
    ],
  });
  return {
    perSecond: (statuses.get(200) ?? 0) / ((result.finish.getTime() - result.start.getTime()) / 1000),
    p99Ms: result.latency.p99,
    statuses,
    accepted,
  };
}

export async function recorded(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM ledgerline.usage_records WHERE position_to IS NULL',
  );
  return rows[0]?.count ?? 0;
}

/**
 * From a reading's sending to where it is in the read model, by another connection: the slowest of a hundred, one after
 * the other.
 */
async function visibleAfterMs(api: Running, pool: pg.Pool): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 100; n += 1) {
    const reading = z.looseObject({ deploymentId: z.string(), resourceId: z.string() }).parse(JSON.parse(single()));
    const start = performance.now();
    await post(api, '/api/v1/usage', reading);
    while (!(await isVisible(pool, reading))) await new Promise((resolve) => setTimeout(resolve, 2));
    times.push(performance.now() - start);
  }
  return Math.max(...times);
}

async function isVisible(
  pool: pg.Pool,
  { deploymentId, resourceId }: { deploymentId: string; resourceId: string },
): Promise<boolean> {
  const { rowCount } = await pool.query(
    'SELECT FROM ledgerline.usage_records WHERE position_to IS NULL AND deployment_id = $1 AND billing_kind = ' +
      '$2 AND period_start = $3 AND resource_id = $4',
    [deploymentId, DAY.billingKind, DAY.period.start, resourceId],
  );
  return rowCount === 1;
}

interface Ingest {
  readonly batches: Load;
  readonly singles: Load;
}

/** The ingest alone, with `size` readings in the table before. */
async function ingest(size: number, say: (message: string) => void, log: Record<string, string>): Promise<Ingest> {
  return onDatabase(async (databaseUrl, pool) =>
    withApi(
      databaseUrl,
      async (api) => {
        await register(api);
        sent = 0;
        const filled = await loaded(api, '/api/v1/usage', batch, { amount: Math.max(1, Math.ceil(size / BATCH)) });
        await fetch(`${api.url}/api/v1/tenants`, { headers: headersOf(api) });
        mustBe('filled', await recorded(pool), filled.accepted);
        say('  batches');
        const batches = await loaded(api, '/api/v1/usage', batch);
        say('  one by one');
        return { batches, singles: await loaded(api, '/api/v1/usage', single, { connections: SINGLE_CONNECTIONS }) };
      },
      { log },
    ),
  );
}

/** The same ingest with EventStoreDB as the log and with Postgres, one after the other and back. */
async function againstPostgres(
  size: number,
  say: (message: string) => void,
): Promise<Omit<Measured, 'name' | 'size' | 'bounds'>> {
  const onServer = async (): Promise<Ingest> => {
    say('  on EventStoreDB');
    // A prefix of its own on a real server: earlier runs are still there.
    const of = (url: string) => ({ EVENT_STORE_URL: url, EVENT_STORE_PREFIX: `bench-${Date.now()}-` });
    const real = process.env['EVENT_STORE_URL'];
    return real === undefined || real === ''
      ? onNode(async (url) => ingest(size, say, of(url)))
      : ingest(size, say, of(real));
  };
  const onPostgres = async (): Promise<Ingest> => {
    say('  on Postgres');
    return ingest(size, say, {});
  };
  const runs = [await onPostgres(), await onServer(), await onServer(), await onPostgres()] as const;
  const [postgres, server] = [
    [runs[0], runs[3]],
    [runs[1], runs[2]],
  ] as const;
  const of = (ingests: readonly Ingest[], figureOf: (each: Ingest) => number): number =>
    ingests.reduce((total, each) => total + figureOf(each), 0) / ingests.length;
  const ratio = (figureOf: (each: Ingest) => number): number => figure(of(server, figureOf) / of(postgres, figureOf));
  return {
    ratios: {
      batches: ratio(({ batches }) => batches.perSecond),
      singles: ratio(({ singles }) => singles.perSecond),
      batchP99: ratio(({ batches }) => batches.p99Ms),
      singleP99: ratio(({ singles }) => singles.p99Ms),
    },
    figures: {
      observationsPerSecond: figure(of(server, ({ batches }) => batches.perSecond * BATCH)),
      singlesPerSecond: figure(of(server, ({ singles }) => singles.perSecond)),
      batchP99Ms: figure(of(server, ({ batches }) => batches.p99Ms)),
      singleP99Ms: figure(of(server, ({ singles }) => singles.p99Ms)),
    },
    checked: true,
  };
}

/** `size` readings in the table before anything is read. */
export const httpBench: Bench = {
  name: 'http',
  summary:
    'the running API under load: usage in batches of 100 and one by one, reads in a table of N records, and ' +
    'an overload',
  size: 100_000,
  bounds: [
    { of: 'batchesOfCopy', least: 0.06, from: 100_000 },
    { of: 'singlesOfBatches', least: 0.02, from: 100_000 },
  ],
  async measure(size, say, log) {
    if (log === 'eventstoredb') return againstPostgres(size, say);
    return onDatabase(async (databaseUrl, pool) =>
      withApi(databaseUrl, async (api) => {
        await register(api);
        sent = 0;
        say('  filling');
        const filled = await loaded(api, '/api/v1/usage', batch, { amount: Math.max(1, Math.ceil(size / BATCH)) });
        let expected = filled.accepted;
        const caughtUp = async (): Promise<void> => {
          await fetch(`${api.url}/api/v1/tenants`, { headers: headersOf(api) });
        };
        await caughtUp();
        mustBe('filled', await recorded(pool), expected);
        const phase = async (name: string, work: Promise<Load>): Promise<Load> => {
          say(`  ${name}`);
          const load = await work;
          await caughtUp();
          const now = await recorded(pool);
          // At the end of its time the load hangs up: what was under way then may be recorded without an answer.
          const unanswered = now - expected - load.accepted;
          if (unanswered < 0 || unanswered > OVERLOAD_CONNECTIONS * BATCH)
            throw new Error(`${name}: ${load.accepted} were accepted, ${now - expected} recorded`);
          expected = now;
          return load;
        };
        const batches = await phase('batches', loaded(api, '/api/v1/usage', batch));
        const singles = await phase(
          'one by one',
          loaded(api, '/api/v1/usage', single, { connections: SINGLE_CONNECTIONS }),
        );
        const usage = await phase(
          'usage',
          loaded(api, '/api/v1/usage?deploymentId=d1&start=2026-04-01T00:00:00Z&end=2026-05-01T00:00:00Z', null),
        );
        const margin = await phase('margin', loaded(api, '/api/v1/dashboard/margin?period=2026-04', null));
        say('  visible');
        const visibleMs = await visibleAfterMs(api, pool);
        expected += 100;
        const overload = await phase(
          'overload',
          loaded(api, '/api/v1/usage', single, { connections: OVERLOAD_CONNECTIONS }),
        );
        const shed = (overload.statuses.get(503) ?? 0) + (overload.statuses.get(429) ?? 0);
        const others = [...overload.statuses].filter(([status]) => ![200, 429, 503].includes(status));
        mustBe('overload: other answers than 200, 429 and 503', others, []);
        say('  COPY');
        const copied = await plainCopy(pool, 'ledgerline', [usageRecords]);
        return {
          ratios: {
            batchesOfCopy: figure((batches.perSecond * BATCH) / ((copied.rows / copied.ms) * 1000)),
            singlesOfBatches: figure(singles.perSecond / (batches.perSecond * BATCH)),
            // What goes on being accepted, of what is where nobody sends too much.
            overloadThroughput: figure(overload.perSecond / singles.perSecond),
          },
          figures: {
            observationsPerSecond: figure(batches.perSecond * BATCH),
            batchP99Ms: figure(batches.p99Ms),
            singlesPerSecond: figure(singles.perSecond),
            singleP99Ms: figure(singles.p99Ms),
            usageP99Ms: figure(usage.p99Ms),
            usagePerSecond: figure(usage.perSecond),
            marginP99Ms: figure(margin.p99Ms),
            visibleMaxMs: figure(visibleMs),
            overloadShed: shed,
            overloadAcceptedPerSecond: figure(overload.perSecond),
            overloadP99Ms: figure(overload.p99Ms),
          },
          checked: true,
        };
      }),
    );
  },
};
