import { connect, type Socket } from 'node:net';
import autocannon from 'autocannon';
import type pg from 'pg';
import { z } from 'zod';
import { instant } from '#domain/time/instant';
import { mintToken } from '#runtime/token';
import { type Bench, figure, mustBe } from './bench.js';
import { onDatabase } from './database.js';
import { SECRET, withApi } from './http.bench.js';

const SECONDS = 5;
/** Alone and under attack in turn, because other work on the machine changes. The figures are medians. */
const ROUNDS = 3;
const DEPLOYMENTS = 20;
const BATCH = 100;
/** The tenant that is measured: a collector, and a dashboard. */
const CONNECTIONS = 4;
const IDLE_SOCKETS = 200;
/** Readers that are slow, and senders of chunks that are. */
const SLOW_SOCKETS = 20;
const SLOW_EVERY_MS = 200;
const GREEDY_CONNECTIONS = 64;
const EXPENSIVE_CONNECTIONS = 4;
/** 60 × (4000 + 1000 records × 3 fields) = 420,000 of 500,000. */
const ALIASES = 60;
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

async function tokenOf(role: 'auditor' | 'operator' | 'tenant' | 'ingest', tenantId?: string): Promise<string> {
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
  readonly onAnswer?: (status: number, text: string) => void;
}

async function load({ url, path, token, connections, seconds, body, onAnswer }: Sender): Promise<Load> {
  const statuses: Record<string, number> = {};
  const result = await autocannon({
    url: `${url}${path}`,
    connections,
    timeout: 60,
    duration: seconds,
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

/** Keeps sockets open that behave in one way. They come again when they are cut. Returns what ends them. */
function sockets(url: string, count: number, behave: (socket: Socket, n: number) => void): () => void {
  const { hostname, port } = new URL(url);
  const open = new Set<Socket>();
  let over = false;
  const start = (n: number): void => {
    const socket = connect(Number(port), hostname, () => {
      behave(socket, n);
    });
    open.add(socket);
    socket
      .on('error', () => undefined)
      .once('close', () => {
        open.delete(socket);
        if (!over) start(n);
      });
  };
  for (let n = 0; n < count; n += 1) start(n);
  return () => {
    over = true;
    for (const socket of open) socket.destroy();
  };
}

const headOf = (line: string, ...headers: readonly string[]): string =>
  `${line} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers.map((each) => `${each}\r\n`).join('')}\r\n`;

/** Sockets that send headers and never a body, half of them with a token; readers of a byte now and then; chunks. */
function badSockets(url: string, token: string): () => void {
  const authorization = `Authorization: Bearer ${token}`;
  const stops = [
    sockets(url, IDLE_SOCKETS, (socket, n) => {
      socket.write(headOf('POST /api/v1/usage', 'Content-Length: 100', ...(n % 2 === 0 ? [] : [authorization])));
      socket.resume();
    }),
    sockets(url, SLOW_SOCKETS, (socket) => {
      socket.write(headOf(`GET ${GREEDY}`, authorization));
      const timer = setInterval(() => void socket.read(1), SLOW_EVERY_MS);
      socket.once('close', () => {
        clearInterval(timer);
      });
    }),
    sockets(url, SLOW_SOCKETS, (socket) => {
      socket.write(headOf('POST /api/v1/preview', 'Transfer-Encoding: chunked', authorization));
      const timer = setInterval(() => socket.write('1\r\n \r\n'), SLOW_EVERY_MS);
      socket.resume().once('close', () => {
        clearInterval(timer);
      });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

const CHECK = '{"query":"{ check { ok } }"}';
const aliases = Array.from(
  { length: ALIASES },
  (_, n) => `a${n}: usageRecords(limit: 1000) { items { resourceId quantity } }`,
);
const MANY_PAGES = JSON.stringify({ query: `{ ${aliases.join(' ')} }` });

type Both = readonly [ingest: Load, reads: Load];
interface Attacked {
  readonly under: Both;
  readonly greedyLoad: Load;
  readonly checkLoad: Load;
}
type Round = Attacked & { readonly alone: Both };

async function whileAttacked(
  { url, greedy, auditor, operator }: Record<'url' | 'greedy' | 'auditor' | 'operator', string>,
  measured: () => Promise<Both>,
  say: (text: string) => void,
): Promise<Attacked> {
  const stopSockets = badSockets(url, greedy);
  const attack = { url, seconds: SECONDS + 2 };
  const expensive = { ...attack, path: '/graphql', connections: EXPENSIVE_CONNECTIONS };
  const attackers = Promise.all([
    load({ ...attack, path: GREEDY, token: greedy, connections: GREEDY_CONNECTIONS }),
    load({ ...expensive, token: auditor, body: () => CHECK }),
    load({ ...expensive, token: operator, body: () => MANY_PAGES }),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const under = await measured();
  const [greedyLoad, checkLoad, aliasLoad] = await attackers;
  stopSockets();
  const told = { greedy: greedyLoad, check: checkLoad, aliases: aliasLoad, ingest: under[0], reads: under[1] };
  for (const [who, { statuses }] of Object.entries(told)) say(`    ${who}: ${JSON.stringify(statuses)}`);
  return { under, greedyLoad, checkLoad };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

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
    'ingest and reads of one tenant, in a table of N records, while there are 200 idle sockets, slow readers and ' +
    'senders, a greedy tenant, and users of expensive queries and of aliases; against the same alone',
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
        const [ingest, reader, greedy, auditor, operator] = [
          await tokenOf('ingest', 'good'),
          await tokenOf('tenant', 'good'),
          await tokenOf('tenant', 'greedy'),
          await tokenOf('auditor'),
          await tokenOf('operator'),
        ];
        const onAnswer = (status: number, text: string): void => {
          if (status === 200) expected += zAccepted.parse(JSON.parse(text)).accepted;
        };
        const of = { url, connections: CONNECTIONS, seconds: SECONDS };
        const measured = async (): Promise<Both> =>
          Promise.all([
            load({ ...of, path: '/api/v1/usage', token: ingest, body: () => batchOf('good'), onAnswer }),
            load({ ...of, path: READ, token: reader }),
          ]);
        say('  warming up');
        await measured();
        const attackers = { url, greedy, auditor, operator };
        const rounds: Round[] = [];
        for (let n = 0; n < ROUNDS; n += 1) {
          say(`  round ${n + 1} of ${ROUNDS}`);
          rounds.push({ alone: await measured(), ...(await whileAttacked(attackers, measured, say)) });
        }
        await fetch(`${url}/api/v1/tenants`, { headers: { authorization: `Bearer ${admin}` } });
        const unanswered = (await recorded(pool)) - expected;
        mustBe('recorded without an answer', unanswered >= 0 && unanswered <= (2 * ROUNDS + 1) * MOST_UNANSWERED, true);
        const told = (of: (round: Round) => number): number => figure(median(rounds.map(of)));
        return {
          ratios: {
            ingest: told(({ alone, under }) => under[0].perSecond / alone[0].perSecond),
            reads: told(({ alone, under }) => under[1].perSecond / alone[1].perSecond),
          },
          figures: {
            ingestPerSecond: told(({ under }) => under[0].perSecond * BATCH),
            ingestAlonePerSecond: told(({ alone }) => alone[0].perSecond * BATCH),
            ingestP99Ms: told(({ under }) => under[0].p99Ms),
            ingestAloneP99Ms: told(({ alone }) => alone[0].p99Ms),
            readsPerSecond: told(({ under }) => under[1].perSecond),
            readsAlonePerSecond: told(({ alone }) => alone[1].perSecond),
            readP99Ms: told(({ under }) => under[1].p99Ms),
            readAloneP99Ms: told(({ alone }) => alone[1].p99Ms),
            greedyPerSecond: told(({ greedyLoad }) => greedyLoad.perSecond),
            checksPerSecond: told(({ checkLoad }) => checkLoad.perSecond),
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
