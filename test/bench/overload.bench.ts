import { connect, type Socket } from 'node:net';
import autocannon from 'autocannon';
import type pg from 'pg';
import { z } from 'zod';
import { instant } from '#domain/time/instant';
import { mintToken } from '#runtime/token';
import { type Bench, figure, mustBe } from './bench.js';
import { onDatabase } from './database.js';
import { SECRET, withApi } from './http.bench.js';

const SECONDS = 10;
const DEPLOYMENTS = 20;
const BATCH = 100;
/** The tenant that is measured: a collector, and a dashboard. */
const CONNECTIONS = 4;
/** Of what it could send alone. Three who share two processors can't each have all of them. */
const PART = 0.5;
const IDLE_SOCKETS = 200;
const GREEDY_CONNECTIONS = 64;
const EXPENSIVE_CONNECTIONS = 4;
/** What came in at least so long ago may still be under way when the load ends. */
const MOST_UNANSWERED = CONNECTIONS * BATCH;

const period = { start: '2026-04-10T00:00:00Z', end: '2026-04-11T00:00:00Z' };
const READ = '/api/v1/usage?deploymentId=good-0&start=2026-04-01T00:00:00Z&end=2026-05-01T00:00:00Z';
const GREEDY = '/api/v1/usage-records?start=2026-04-01T00:00:00Z&end=2026-05-01T00:00:00Z';

let sent = 0;
const reading = (): object => ({
  resourceId: `r${(sent += 1)}`,
  period,
  granularity: 'day',
  billingKind: 'requests',
  quantity: '1',
});
const batchOf = (tenantId: string): string =>
  JSON.stringify({
    deploymentId: `${tenantId}-${Math.floor(sent / BATCH) % DEPLOYMENTS}`,
    observations: Array.from({ length: BATCH }, reading),
  });

async function tokenOf(role: 'platform_admin' | 'auditor' | 'tenant' | 'ingest', tenantId?: string): Promise<string> {
  const claims = { sub: `${role}-${tenantId ?? 'all'}`, role, ttl: '12h' };
  return mintToken(
    SECRET,
    tenantId === undefined ? claims : { ...claims, tenantId },
    instant(new Date().toISOString()),
  );
}

interface Load {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly statuses: Readonly<Record<string, number>>;
}

interface Sender {
  readonly url: string;
  readonly path: string;
  readonly token: string;
  readonly connections: number;
  readonly seconds: number;
  readonly body?: () => string;
  /** Requests a second. Without it: as fast as their answers come. */
  readonly rate?: number;
  readonly onAnswer?: (status: number, text: string) => void;
}

async function load({ url, path, token, connections, seconds, rate, body, onAnswer }: Sender): Promise<Load> {
  const statuses: Record<string, number> = {};
  const result = await autocannon({
    url: `${url}${path}`,
    connections,
    timeout: 60,
    duration: seconds,
    ...(rate === undefined ? {} : { overallRate: rate }),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    requests: [
      {
        method: body === undefined ? 'GET' : 'POST',
        path,
        ...(body === undefined ? {} : { setupRequest: (request) => ({ ...request, body: body() }) }),
        onResponse: (status, text) => {
          statuses[status] = (statuses[status] ?? 0) + 1;
          onAnswer?.(status, text);
        },
      },
    ],
  });
  const taken = (result.finish.getTime() - result.start.getTime()) / 1000;
  return { perSecond: (statuses['200'] ?? 0) / taken, p99Ms: result.latency.p99, statuses };
}

/** Sockets that send headers and never a body, half of them with a token. They come again when they are cut. */
function idleSockets(url: string, token: string): () => void {
  const { hostname, port } = new URL(url);
  const open = new Set<Socket>();
  let over = false;
  const start = (n: number): void => {
    const authorization = n % 2 === 0 ? '' : `Authorization: Bearer ${token}\r\n`;
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        `POST /api/v1/usage HTTP/1.1\r\nHost: a\r\n${authorization}Content-Type: application/json\r\n` +
          'Content-Length: 100\r\n\r\n',
      ),
    );
    open.add(socket);
    socket
      .on('error', () => undefined)
      .resume()
      .once('close', () => {
        open.delete(socket);
        if (!over) start(n);
      });
  };
  for (let n = 0; n < IDLE_SOCKETS; n += 1) start(n);
  return () => {
    over = true;
    for (const socket of open) socket.destroy();
  };
}

const zAccepted = z.object({ accepted: z.int() });

async function recorded(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM ledgerline.usage_records WHERE position_to IS NULL',
  );
  return rows[0]?.count ?? 0;
}

export const overloadBench: Bench = {
  name: 'overload',
  summary:
    'ingest and reads of one tenant, in a table of N records, while there are 200 idle sockets, a greedy tenant and ' +
    'a user of expensive queries; against the same alone',
  size: 50_000,
  bounds: [
    { of: 'ingest', least: 0.7, from: 10_000 },
    { of: 'reads', least: 0.7, from: 10_000 },
    { of: 'ingestP99Ms', most: 500, from: 10_000 },
    { of: 'readP99Ms', most: 500, from: 10_000 },
  ],
  async measure(size, say) {
    return onDatabase(async (databaseUrl, pool) =>
      withApi(databaseUrl, async ({ url, token: admin }) => {
        sent = 0;
        let expected = 0;
        const post = async (path: string, body: string): Promise<unknown> => {
          const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
          const response = await fetch(`${url}${path}`, { method: 'POST', headers, body });
          if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
          return response.json();
        };
        await post('/api/v1/commands', JSON.stringify(['good', 'greedy'].flatMap(registered)));
        const tenants = ['good', 'greedy'];
        for (let n = 0; n < Math.ceil(size / BATCH); n += 1)
          expected += zAccepted.parse(await post('/api/v1/usage', batchOf(tenants[n % 2] ?? ''))).accepted;
        const [ingest, reader, greedy, auditor] = [
          await tokenOf('ingest', 'good'),
          await tokenOf('tenant', 'good'),
          await tokenOf('tenant', 'greedy'),
          await tokenOf('auditor'),
        ];
        const onAnswer = (status: number, text: string): void => {
          if (status === 200) expected += zAccepted.parse(JSON.parse(text)).accepted;
        };
        const of = { url, connections: CONNECTIONS, seconds: SECONDS };
        const measured = async (rates: readonly number[] = []): Promise<readonly [Load, Load]> => {
          const [batches, reads] = rates.map((rate) => ({ rate }));
          return Promise.all([
            load({ ...of, path: '/api/v1/usage', token: ingest, body: () => batchOf('good'), onAnswer, ...batches }),
            load({ ...of, path: READ, token: reader, ...reads }),
          ]);
        };
        say('  warming up, and as fast as it can');
        const most = await measured();
        const rates = most.map(({ perSecond }) => Math.max(1, Math.floor(perSecond * PART)));
        say(`  alone, at ${rates.join(' and ')} requests a second`);
        const alone = await measured(rates);
        say('  under attack');
        const stopIdle = idleSockets(url, greedy);
        const attack = { url, seconds: SECONDS + 2 };
        const attackers = Promise.all([
          load({ ...attack, path: GREEDY, token: greedy, connections: GREEDY_CONNECTIONS }),
          load({
            ...attack,
            path: '/graphql',
            token: auditor,
            connections: EXPENSIVE_CONNECTIONS,
            body: () => '{"query":"{ check { ok } }"}',
          }),
        ]);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const under = await measured(rates);
        const [greedyLoad, expensiveLoad] = await attackers;
        stopIdle();
        say(`  the greedy tenant: ${JSON.stringify(greedyLoad.statuses)}`);
        say(`  the expensive user: ${JSON.stringify(expensiveLoad.statuses)}`);
        say(`  ingest: ${JSON.stringify(under[0].statuses)}, reads: ${JSON.stringify(under[1].statuses)}`);
        await fetch(`${url}/api/v1/tenants`, { headers: { authorization: `Bearer ${admin}` } });
        const unanswered = (await recorded(pool)) - expected;
        mustBe('recorded without an answer', unanswered >= 0 && unanswered <= 3 * MOST_UNANSWERED, true);
        return {
          ratios: {
            ingest: figure(under[0].perSecond / alone[0].perSecond),
            reads: figure(under[1].perSecond / alone[1].perSecond),
          },
          figures: {
            mostIngestPerSecond: figure(most[0].perSecond * BATCH),
            mostReadsPerSecond: figure(most[1].perSecond),
            ingestPerSecond: figure(under[0].perSecond * BATCH),
            ingestAlonePerSecond: figure(alone[0].perSecond * BATCH),
            ingestP99Ms: figure(under[0].p99Ms),
            ingestAloneP99Ms: figure(alone[0].p99Ms),
            readsPerSecond: figure(under[1].perSecond),
            readsAlonePerSecond: figure(alone[1].perSecond),
            readP99Ms: figure(under[1].p99Ms),
            readAloneP99Ms: figure(alone[1].p99Ms),
            greedyPerSecond: figure(greedyLoad.perSecond),
            expensivePerSecond: figure(expensiveLoad.perSecond),
          },
          checked: true,
        };
      }),
    );
  },
};

const registered = (tenantId: string): object[] => [
  { command: 'register-tenant', tenantId, name: tenantId, currency: 'USD' },
  ...Array.from({ length: DEPLOYMENTS }, (_, n) => ({
    command: 'register-deployment',
    deploymentId: `${tenantId}-${n}`,
    tenantId,
    name: 'D',
    from: '2026-01-01T00:00:00Z',
  })),
];
