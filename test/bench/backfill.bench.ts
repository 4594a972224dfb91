import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { instant } from '#domain/time/instant';
import { keepHeapSmall } from '#runtime/small-heap';
import type { Counts } from '#exchange/rows/outcome';
import type { Caller } from '#ledger/caller';
import type { Ledger } from '#operations/ledger';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';

const BENCHER: Caller = { actor: 'bench', role: 'platform_admin', now: instant('2026-06-01T00:00:00Z') };
const DEPLOYMENTS = 20;
const RESOURCES = 1000;
const START = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
const MEGABYTE = 1024 * 1024;

interface Row {
  readonly deployment: string;
  readonly resource: string;
  readonly start: string;
  readonly end: string;
  readonly quantity: string;
}

/** Hour by hour of all resources, as a meter writes it. Quantities are eighths: 0 to 12. */
function rowOf(n: number): Row {
  const [hour, resource] = [Math.floor(n / RESOURCES), n % RESOURCES];
  const at = (hours: number): string => `${new Date(START + hours * HOUR_MS).toISOString().slice(0, 19)}Z`;
  return {
    deployment: `d-${resource % DEPLOYMENTS}`,
    resource: `r-${resource}`,
    start: at(hour),
    end: at(hour + 1),
    quantity: String((n % 97) / 8),
  };
}

async function writeUsage(file: string, size: number): Promise<void> {
  const out = await open(file, 'w');
  try {
    await out.write('deploymentId,resourceId,billingKind,start,end,granularity,quantity\n');
    for (let from = 0; from < size; from += 10_000) {
      const rows = Array.from({ length: Math.min(10_000, size - from) }, (_, index) => rowOf(from + index));
      await out.write(
        rows
          .map(
            ({ deployment, resource, start, end, quantity }) =>
              `${deployment},${resource},cpu_hours,${start},${end},hour,${quantity}\n`,
          )
          .join(''),
      );
    }
  } finally {
    await out.close();
  }
}

/**
 * A file of usage → events → usage records, end to end; against COPY of the same rows into the same table with its
 * indexes.
 */
export const backfillBench: Bench = {
  name: 'backfill',
  summary:
    `a CSV of N hourly readings of ${RESOURCES} resources, imported and projected, and imported again; against ` +
    `COPY of the same rows into an equal, indexed table`,
  size: 1_000_000,
  bounds: [
    { of: 'backfill', least: 0.3, from: 1_000_000 },
    { of: 'again', least: 3, from: 100_000 },
    // 512 MiB
    { of: 'peakMegabytes', most: 536.8, from: 1 },
  ],
  async measure(size, say) {
    // As the command does first: what the heap has grown to, it keeps.
    keepHeapSmall();
    const folder = await mkdtemp(join(tmpdir(), 'ledgerline-bench-files-'));
    try {
      const file = join(folder, 'usage.csv');
      await writeUsage(file, size);
      return await onLedger(async ({ ledger, pool }) => {
        await registered(ledger);
        const copied = await timed(() => copyRows(pool, size));
        say(`backfill: copied, ${figure((size * 1000) / copied.ms)} rows a second`);
        const memory = memoryWatch();
        const imported = await timed(() => imports(ledger, file));
        const again = await timed(() => imports(ledger, file));
        const peakMegabytes = memory.stop();
        mustBe('imported', imported.result, { read: size, accepted: size, duplicate: 0, correction: 0, rejected: 0 });
        mustBe('imported again', again.result, {
          read: size,
          accepted: 0,
          duplicate: size,
          correction: 0,
          rejected: 0,
        });
        mustBe('usage records', await totals(pool, 'usage_records'), await totals(pool, 'copied'));
        return {
          ratios: { backfill: figure(copied.ms / imported.ms), again: figure(imported.ms / again.ms) },
          figures: {
            rowsPerSecond: figure((size * 1000) / imported.ms),
            rowsAgainPerSecond: figure((size * 1000) / again.ms),
            copiedRowsPerSecond: figure((size * 1000) / copied.ms),
            peakMegabytes: figure(peakMegabytes),
          },
          checked: true,
        };
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function registered(ledger: Ledger): Promise<void> {
  const deployments = Array.from({ length: DEPLOYMENTS }, (_, n) => ({
    command: 'register-deployment',
    deploymentId: `d-${n}`,
    tenantId: 't',
    name: `d-${n}`,
    from: '2026-01-01T00:00:00Z',
  }));
  for await (const { status } of ledger.executeInOrder(
    [{ command: 'register-tenant', tenantId: 't', name: 't', currency: 'USD' }, ...deployments],
    BENCHER,
  ))
    mustBe('registered', status, 'done');
  await ledger.catchUp();
}

async function imports(ledger: Ledger, file: string): Promise<Counts> {
  const { read, accepted, duplicate, correction, rejected } = await ledger.backfill(
    {
      kind: 'usage',
      files: [file],
      mapping: {},
      stdin: () => Readable.from([]),
      signal: new AbortController().signal,
      resume: false,
      onProgress: () => undefined,
      onReject: () => undefined,
    },
    BENCHER,
  );
  return { read, accepted, duplicate, correction, rejected };
}

/** The rows as they will stand in usage_records, by COPY into a table with the same indexes. */
async function copyRows(pool: pg.Pool, size: number): Promise<void> {
  await pool.query('CREATE TABLE ledgerline.copied (LIKE ledgerline.usage_records INCLUDING ALL)');
  const client = await pool.connect();
  try {
    const text = function* (): Generator<string> {
      for (let from = 0; from < size; from += 1000) {
        const rows = Array.from({ length: Math.min(1000, size - from) }, (_, index) => rowOf(from + index));
        yield rows
          .map(
            ({ deployment, resource, start, end, quantity }) =>
              `${deployment}\tcpu_hours\t${start}\t${resource}\t${end}\thour\t\t\t${quantity}\tbackfill\t1\n`,
          )
          .join('');
      }
    };
    const columns =
      'deployment_id, billing_kind, period_start, resource_id, period_end, granularity, provider, source_id, ' +
      'quantity, origin, position_from';
    await pipeline(Readable.from(text()), client.query(copyFrom(`COPY ledgerline.copied (${columns}) FROM STDIN`)));
  } finally {
    client.release();
  }
}

async function totals(pool: pg.Pool, table: string): Promise<unknown> {
  const { rows } = await pool.query(
    `SELECT deployment_id, count(*)::int AS rows, sum(quantity)::text AS quantity, min(period_start) AS ` +
      `first, max(period_end) AS last FROM ledgerline.${table} WHERE position_to IS NULL GROUP BY 1 ORDER BY 1`,
  );
  return rows;
}

const WATCH_MS = 100;

/** The peak resident memory of this process in the meantime, including the bench itself. */
function memoryWatch(): { stop(): number } {
  let peak = 0;
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(look, WATCH_MS);
  return {
    stop() {
      look();
      clearInterval(timer);
      return peak / MEGABYTE;
    },
  };
}
