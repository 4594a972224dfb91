import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { PostgresLog } from '#event-store/postgres';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onDatabase, onLedger } from './database.js';
import { appendUsage, QUANTITY_PER_EVENT, READINGS_PER_EVENT } from './usage-log.js';

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL('emmett', import.meta.url));
const zTook = z.object({ ms: z.number() });

/**
 * Its packages conflict with ours: they are installed in a folder of their own, away from the checkout, and removed
 * with it.
 */
async function withPeer<Result>(
  say: (message: string) => void,
  work: (script: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'ledgerline-peer-'));
  try {
    await cp(SOURCES, folder, { recursive: true });
    say('peers: installing Emmett 0.42');
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: folder });
    return await work(join(folder, 'peer.mjs'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same readings appended and projected, by us and by Emmett, each in the way that it is meant for. */
export const peersBench: Bench = {
  name: 'peers',
  summary:
    `N readings appended and projected: ours packed ${READINGS_PER_EVENT} to an event; Emmett 0.42, an event ` +
    `each, 100 to an append, with an inline projection that inserts set-wise`,
  size: 50_000,
  async measure(size, say) {
    const readings = Math.ceil(size / READINGS_PER_EVENT) * READINGS_PER_EVENT;
    const quantity = String((readings / READINGS_PER_EVENT) * QUANTITY_PER_EVENT);
    const expected = { rows: String(readings), quantity };
    const totals = async (
      pool: { query(sql: string): Promise<{ rows: unknown[] }> },
      table: string,
    ): Promise<unknown> =>
      (await pool.query(`SELECT count(*)::text AS rows, sum(quantity)::text AS quantity FROM ${table}`)).rows[0];
    const theirs = await withPeer(say, async (script) =>
      onDatabase(async (url, pool) => {
        const { stdout } = await run(process.execPath, [script, url, String(readings)]);
        mustBe("Emmett's records", await totals(pool, 'peer_usage_records'), expected);
        return zTook.parse(JSON.parse(stdout)).ms;
      }),
    );
    const ours = await onLedger(async ({ ledger, pool }) => {
      const log = new PostgresLog(pool);
      const { ms } = await timed(async () => {
        await appendUsage(log, readings);
        await ledger.catchUp();
      });
      mustBe('our records', await totals(pool, 'ledgerline.usage_records'), expected);
      await log.close();
      return ms;
    });
    return {
      ratios: { emmett: figure(theirs / ours) },
      figures: { oursPerSecond: figure((readings * 1000) / ours), emmettPerSecond: figure((readings * 1000) / theirs) },
      checked: true,
    };
  },
};
