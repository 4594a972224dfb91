import { type ChildProcess, spawn } from 'node:child_process';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mintToken } from '#runtime/token';
import { instant } from '#domain/time/instant';
import { deployment, tenant } from '../support/commands.js';
import { logEnvironment } from '../support/log.js';
import { type TestDatabase, testDatabase } from '../support/postgres.js';

const MAIN = fileURLToPath(new URL('../../dist/apps/api/src/main.js', import.meta.url));
const SECRET = 'a secret of this spec, longer than 32 characters';

describe('the API at SIGTERM', () => {
  let database: TestDatabase;
  let api: ChildProcess;
  let url: string;
  let token: string;
  const agent = new http.Agent({ keepAlive: true });
  beforeEach(async () => {
    database = await testDatabase();
    const environment = { DATABASE_URL: database.url, LEDGERLINE_JWT_SECRET: SECRET, LEDGERLINE_PORT: '0' };
    api = spawn(process.execPath, [MAIN], {
      env: { ...process.env, ...environment, ...logEnvironment(environment), LEDGERLINE_LOG_LEVEL: 'fatal' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    url = await firstLine(api);
    token = await mintToken(SECRET, { sub: 'a', role: 'platform_admin', ttl: '1h' }, instant(new Date().toISOString()));
  });
  afterEach(async () => {
    api.kill('SIGKILL');
    agent.destroy();
    await database.drop();
  });

  /** The status of the answer, or the error of the socket. */
  const ask = (method: 'GET' | 'POST', path: string, body?: object): Promise<number | string> =>
    new Promise((resolve) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      http
        .request(`${url}${path}`, { method, agent, headers }, (answer) => {
          answer.resume();
          answer
            .once('end', () => resolve(answer.statusCode ?? 'none'))
            .once('error', (error) => resolve(error.message));
        })
        .once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  const get = (path: string): Promise<number | string> => ask('GET', path);

  it('answers the requests that it has, and then ends', async () => {
    const blocker = await database.pool.connect();
    await blocker.query('BEGIN; LOCK TABLE ledgerline.tenants IN ACCESS EXCLUSIVE MODE');
    const waiting = Array.from({ length: 10 }, () => get('/api/v1/tenants'));
    for (let n = 0; n < 20; n += 1) expect(await get('/health/live')).toBe(200);
    const exited = new Promise((resolve) => api.once('exit', resolve));
    api.kill('SIGTERM');
    // It takes no more connections.
    while ((await get('/health/live')) === 200) continue;
    // Both the terminal and `up` may send a signal.
    api.kill('SIGTERM');
    api.kill('SIGINT');
    await blocker.query('ROLLBACK');
    blocker.release();
    expect(await Promise.all(waiting)).toEqual(Array.from({ length: 10 }, () => 200));
    const started = performance.now();
    expect(await exited).toBe(0);
    // A connection that is kept alive is not waited for: that would be 72 s.
    expect(performance.now() - started).toBeLessThan(60_000);
  });

  it('answers every write that it has', async () => {
    await ask('POST', '/api/v1/commands', [tenant('t'), deployment('d', 't')]);
    const answers: (number | string)[] = [];
    const exited = new Promise((resolve) => api.once('exit', resolve));
    const clients = Array.from({ length: 10 }, async (_, client) => {
      for (let n = 0; ; n += 1) {
        const answer = await ask('POST', '/api/v1/usage', reading(`r${client}-${n}`));
        // The API ended: the next request finds nobody.
        if (answer === 'ECONNREFUSED') return;
        if (answers.push(answer) === 30) api.kill('SIGTERM');
      }
    });
    await Promise.all(clients);
    expect(await exited).toBe(0);
    expect(answers.filter((answer) => answer !== 200 && answer !== 503)).toEqual([]);
    expect(answers.length).toBeGreaterThan(30);
  });
});

const reading = (resourceId: string): object => ({
  deploymentId: 'd',
  resourceId,
  billingKind: 'requests',
  period: { start: '2026-04-10T00:00:00Z', end: '2026-04-11T00:00:00Z' },
  granularity: 'day',
  quantity: '1',
});

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('the API has no output');
  for await (const line of createInterface({ input: stdout })) return line;
  throw new Error('the API did not start');
}
