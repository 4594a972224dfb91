import { expect, it } from '@jest/globals';
import pg from 'pg';
import pino from 'pino';
import { startApi } from '#api/start';
import { startEmbeddedPostgres } from '#postgres/embedded';
import { mintToken } from '#runtime/token';
import { startWorker } from '../../apps/worker/src/worker.js';
import { clock, LISTENING, logger, NOW, SECRET } from '../support/api.js';
import { cli, folder } from '../support/cli.js';
import { tenant } from '../support/commands.js';

/** All are for everybody: the ledger has no connection of its own. */
const SETTINGS = { fsync: 'off', max_connections: '40', superuser_reserved_connections: '0' };

/** Takes every connection of a server, also those that others had. */
class Hog {
  private readonly sessions: pg.Client[] = [];

  constructor(private readonly url: string) {}

  async takeAll(): Promise<void> {
    for (;;) {
      while (await this.takeOne());
      const { rows } = await this.asked(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' " +
          "AND application_name <> 'hog'",
      );
      if (rows.length === 0) return;
    }
  }

  private async asked(text: string): Promise<pg.QueryResult> {
    const [first] = this.sessions;
    if (first === undefined) throw new Error('the hog has no session');
    return first.query(text);
  }

  private async takeOne(): Promise<boolean> {
    const session = new pg.Client({ connectionString: this.url, application_name: 'hog' });
    session.on('error', () => undefined);
    try {
      await session.connect();
      this.sessions.push(session);
      return true;
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code === '53300') return false;
      throw error;
    }
  }

  async release(): Promise<void> {
    await Promise.all(this.sessions.splice(0).map(async (each) => each.end()));
  }
}

it('without a free connection, reads and writes are refused with the reason, and all goes on by itself', async () => {
  const files = await folder();
  const server = await startEmbeddedPostgres({ dataDir: files.path, settings: SETTINGS });
  const database = { databaseUrl: server.url };
  const messages: string[] = [];
  const kept = pino({ level: 'error' }, { write: (line) => void messages.push(line) });
  const api = await startApi({ ...database, jwtSecret: SECRET, ...LISTENING, logger, clock });
  const worker = await startWorker({ ...database, logger: kept, now: () => NOW });
  const hog = new Hog(server.url);
  const authorization = `Bearer ${await mintToken(SECRET, { sub: 'x', role: 'operator', ttl: '1h' }, NOW)}`;
  const ask = async (path: string, body?: object) => {
    const response = await fetch(`${api.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  const REASON =
    'The database has no free connection. Send the same request again: nothing is recorded twice. An operator ' +
    'must end other sessions, or raise max_connections.';
  const refused = { status: 503, body: { code: 'database_out_of_connections', detail: REASON } };
  try {
    expect(await ask('/api/v1/commands', tenant('t1'))).toMatchObject({ status: 200 });
    await hog.takeAll();
    expect(await ask('/api/v1/tenants')).toMatchObject(refused);
    expect(await ask('/api/v1/commands', tenant('t2'))).toMatchObject(refused);
    while ((await ask('/health/ready')).status === 200);
    expect(await ask('/health/ready')).toMatchObject({ status: 503, body: { status: 'not_ready', reason: REASON } });
    expect(await ask('/health/live')).toMatchObject({ status: 200 });
    const ran = await cli(['query', 'tenants'], { env: { DATABASE_URL: server.url } });
    expect([ran.code, ran.stderr]).toEqual([
      1,
      expect.stringMatching(
        /has no free connection \(.*\)\. End other sessions \(select \* from pg_stat_activity\), or raise max_connections/,
      ),
    ]);
    await hog.release();
    // The same as before: nothing of it was recorded.
    let answer = await ask('/api/v1/commands', tenant('t2'));
    while (answer.status === 503) answer = await ask('/api/v1/commands', tenant('t2'));
    expect(answer).toMatchObject({ status: 200, body: { status: 'done' } });
    expect(await ask('/api/v1/tenants')).toMatchObject({
      status: 200,
      body: { items: [{ tenantId: 't1' }, { tenantId: 't2' }] },
    });
    while ((await ask('/health/ready')).status !== 200);
    // The worker projects again, while nobody asks. It reported the outage as what it was.
    expect(await ask('/api/v1/commands', tenant('t3'))).toMatchObject({ status: 200, body: { position: 3 } });
    const own = new pg.Client(server.url);
    await own.connect();
    const projected = async (): Promise<boolean> =>
      (await own.query('SELECT FROM ledgerline.checkpoint WHERE position >= 3')).rows.length > 0;
    while (!(await projected()));
    await own.end();
    expect(messages.filter((line) => !/connection|clients|terminat/.test(line))).toEqual([]);
  } finally {
    await hog.release();
    await worker.stop();
    await api.close();
    await server.stop();
    await files.remove();
  }
});
