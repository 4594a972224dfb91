import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { backfilled, countsOf, deployment, TENANT } from '../support/backfill.js';
import { cli, folder, startCli } from '../support/cli.js';
import { dropDatabaseConnections } from '../support/drop-connections.js';
import { ledgerOn } from '../support/ledger.js';
import { testDatabase, type TestDatabase } from '../support/postgres.js';

// An import is ended at seeded moments, as the log grows: by kill -9, by Ctrl-C, by a database that goes away. The same
// file again comes to what it comes to undisturbed.

const SEED = Number(process.env['FAULT_SEED'] ?? '20261121');
const SITES = 10;
const ROWS = 24_000;

function* randoms(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state / 2_147_483_648;
  }
}

/** Readings of hours, each third one an event without an id of its own; every hour's first reading comes twice. */
function content(): string {
  const lines = ['deploymentId,resourceId,billingKind,start,granularity,quantity'];
  for (let n = 0; n < ROWS; n += 1) {
    const [site, hour] = [n % SITES, Math.floor(n / 60)];
    const start = new Date(Date.UTC(2026, 2, 20) + hour * 3_600_000).toISOString();
    const resource = n % 60 === 59 ? 'r0' : `r${n % 60}`;
    lines.push(`site-${n % 60 === 59 ? 0 : site},${resource},requests,${start},${n % 3 === 1 ? 'event' : 'hour'},0.5`);
  }
  return lines.join('\n');
}

const head = async ({ pool }: TestDatabase): Promise<number> =>
  (await pool.query<{ position: number }>('SELECT position FROM ledgerline_log.head')).rows[0]?.position ?? 0;

/** Starts the import, and ends it once the log has so many events; true where that was before it was done. */
async function disturbed(
  database: TestDatabase,
  args: readonly string[],
  events: number,
  how: string,
): Promise<boolean> {
  const child = startCli(args, { DATABASE_URL: database.url });
  if (child.stdin === null || child.stdout === null || child.stderr === null)
    throw new Error('the process has no pipes');
  child.stdin.end();
  const exited = once(child, 'exit');
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  while (child.exitCode === null && (await head(database)) < events) await delay(1);
  const wasRunning = child.exitCode === null;
  if (wasRunning && how === 'lost database') await dropDatabaseConnections(database.url);
  else if (wasRunning) child.kill(how === 'Ctrl-C' ? 'SIGINT' : 'SIGKILL');
  await exited;
  await said;
  return wasRunning;
}

describe('an import that is interrupted', () => {
  it(`has the same result when it is run again (FAULT_SEED=${SEED})`, async () => {
    const random = randoms(SEED);
    const [database, files] = await Promise.all([testDatabase(), folder()]);
    try {
      const file = await files.write('usage.csv', content());
      const test = await ledgerOn(database.url);
      await test.apply(TENANT, ...Array.from({ length: SITES }, (_, n) => deployment(`site-${n}`)));
      await test.close();
      const args = ['backfill', 'usage', file, '--data-dir', files.path];
      const from = await head(database);
      let ended = 0;
      for (const how of ['kill -9', 'Ctrl-C', 'lost database']) {
        // Undisturbed it appends some 30 events: of ten sites, two months, and packs of 1,000.
        const events = (await head(database)) + 1 + Math.floor(random.next().value * 6);
        if (await disturbed(database, [...args, ...(random.next().value < 0.5 ? ['--resume'] : [])], events, how))
          ended += 1;
      }
      expect(ended).toBeGreaterThan(0);
      const last = await cli([...args, '--json'], { env: { DATABASE_URL: database.url } });
      expect(last.code).toBe(0);
      expect(JSON.parse(last.stdout)).toMatchObject({ read: ROWS, correction: 0, rejected: 0 });
      expect(await head(database)).toBeGreaterThan(from);
      const again = await ledgerOn(database.url);
      // Row by row: another file of the same rows would be other events, so the mark of the whole file is passed by
      // with a mapping.
      expect(countsOf(await backfilled(again, 'usage', file, { format: 'csv' }))).toEqual([ROWS, 0, ROWS, 0, 0]);
      await again.close();
      const { rows } = await database.pool.query(
        'SELECT count(*)::int AS readings, sum(quantity)::text AS quantity FROM ledgerline.usage_records ' +
          'WHERE position_to IS NULL',
      );
      // 24,000 × 0.5
      expect(rows).toEqual([{ readings: ROWS, quantity: '12000.0' }]);
    } finally {
      await files.remove();
      await database.drop();
    }
  });
});
