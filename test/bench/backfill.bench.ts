import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { z } from 'zod';
import type { Counts } from '#exchange/rows/outcome';
import type { Ledger } from '#operations/ledger';
import { costLines } from '#projections/costs/costs.table';
import { billedCost, DEPLOYMENTS, RESOURCES, usageRow, writeFocus, writeUsage } from './backfill-files.js';
import { type Bench, BENCHER, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { plainCopy } from './plain-copy.js';

const zImported = z.object({
  ms: z.number(),
  counts: z.object({
    read: z.number(),
    accepted: z.number(),
    duplicate: z.number(),
    correction: z.number(),
    rejected: z.number(),
  }),
  peakMegabytes: z.number(),
});
type Imported = z.output<typeof zImported>;

/** An import in a process of its own. `more`: its kind, its file, and the name of a delivery. */
async function importedInProcess(databaseUrl: string, ...more: readonly string[]): Promise<Imported> {
  const args = ['--import', './test/support/typescript.js', 'test/bench/backfill-process.ts'];
  const child = spawn(process.execPath, [...args, databaseUrl, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  const answer = await text(child.stdout);
  return zImported.parse(JSON.parse(answer));
}

const allNew = (size: number): Counts => ({ read: size, accepted: size, duplicate: 0, correction: 0, rejected: 0 });
const allKnown = (size: number): Counts => ({ read: size, accepted: 0, duplicate: size, correction: 0, rejected: 0 });

/** What was measured of one file. `copied`: milliseconds of the COPY of its rows. */
interface Run {
  readonly copied: number;
  readonly first: Imported;
  readonly again: Imported;
}

/** A file → events → read models, end to end; against COPY of the same rows into the same table with its indexes. */
export const backfillBench: Bench = {
  name: 'backfill',
  summary:
    `a CSV of N hourly readings of ${RESOURCES} resources, the same in quotes, and a bill of N rows in FOCUS, imported ` +
    'and projected, and delivered again; against COPY of the same rows into an equal, indexed table',
  size: 1_000_000,
  bounds: [
    { of: 'backfill', least: 0.3, from: 1_000_000 },
    { of: 'again', least: 3, from: 100_000 },
    { of: 'quotedAgainstUsage', least: 0.5, from: 100_000 },
    { of: 'focus', least: 0.2, from: 100_000 },
    { of: 'focusAgain', least: 0.25, from: 100_000 },
    { of: 'peakMegabytes', most: 450, from: 1 },
    { of: 'peakMegabytesQuoted', most: 450, from: 1 },
    { of: 'peakMegabytesFocus', most: 450, from: 1 },
    { of: 'peakMegabytesFocusAgain', most: 450, from: 1 },
  ],
  async measure(size, say) {
    const folder = await mkdtemp(join(tmpdir(), 'ledgerline-bench-files-'));
    const told = (name: string, { copied, first, again }: Run): void => {
      const pace = ({ ms, peakMegabytes }: Imported): string =>
        `${figure((size * 1000) / ms)} rows a second (${figure(peakMegabytes)} MB)`;
      say(`backfill, ${name}: ${pace(first)}, again ${pace(again)}; copied ${figure((size * 1000) / copied)}`);
    };
    try {
      const usage = await usageRun(folder, size, false);
      told('usage', usage);
      const quoted = await usageRun(folder, size, true);
      told('quoted usage', quoted);
      const focus = await focusRun(folder, size);
      told('FOCUS', focus);
      return {
        ratios: {
          backfill: figure(usage.copied / usage.first.ms),
          again: figure(usage.first.ms / usage.again.ms),
          quoted: figure(quoted.copied / quoted.first.ms),
          focus: figure(focus.copied / focus.first.ms),
          focusAgain: figure(focus.copied / focus.again.ms),
          quotedAgainstUsage: figure(usage.first.ms / quoted.first.ms),
          focusAgainstUsage: figure(usage.first.ms / focus.first.ms),
        },
        figures: {
          rowsPerSecond: figure((size * 1000) / usage.first.ms),
          quotedRowsPerSecond: figure((size * 1000) / quoted.first.ms),
          focusRowsPerSecond: figure((size * 1000) / focus.first.ms),
          focusRowsAgainPerSecond: figure((size * 1000) / focus.again.ms),
          copiedRowsPerSecond: figure((size * 1000) / usage.copied),
          copiedFocusRowsPerSecond: figure((size * 1000) / focus.copied),
          peakMegabytes: figure(usage.first.peakMegabytes),
          peakMegabytesQuoted: figure(quoted.first.peakMegabytes),
          peakMegabytesFocus: figure(focus.first.peakMegabytes),
          peakMegabytesFocusAgain: figure(focus.again.peakMegabytes),
        },
        checked: true,
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function usageRun(folder: string, size: number, isQuoted: boolean): Promise<Run> {
  const file = join(folder, 'usage.csv');
  await writeUsage(file, size, isQuoted);
  return onLedger(async ({ ledger, pool, url }) => {
    await registered(ledger);
    const copied = await timed(() => copyRows(pool, size));
    const first = await importedInProcess(url, 'usage', file);
    const again = await importedInProcess(url, 'usage', file);
    mustBe('imported', first.counts, allNew(size));
    mustBe('imported again', again.counts, allKnown(size));
    mustBe('usage records', await totals(pool, 'usage_records'), await totals(pool, 'copied'));
    return { copied: copied.ms, first, again };
  });
}

async function focusRun(folder: string, size: number): Promise<Run> {
  const file = join(folder, 'focus.csv');
  await writeFocus(file, size);
  return onLedger(async ({ pool, url }) => {
    const first = await importedInProcess(url, 'costs', file, 'first');
    // As they stand after the first delivery, in its order.
    const { ms: copied, rows } = await plainCopy(pool, 'ledgerline', [costLines]);
    const again = await importedInProcess(url, 'costs', file, 'second');
    mustBe('imported', first.counts, allNew(size));
    mustBe('delivered again', again.counts, allKnown(size));
    mustBe('copied', rows, size);
    const { rows: sums } = await pool.query(
      'SELECT count(*)::int AS rows, sum(amount)::numeric(20, 3)::text AS amount' +
        ' FROM ledgerline.cost_lines WHERE position_to IS NULL',
    );
    mustBe('cost lines', sums, [{ rows: size, amount: billedCost(size) }]);
    return { copied, first, again };
  });
}

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

/** The rows as they will stand in usage_records, by COPY into a table with the same indexes. */
async function copyRows(pool: pg.Pool, size: number): Promise<void> {
  await pool.query('CREATE TABLE ledgerline.copied (LIKE ledgerline.usage_records INCLUDING ALL)');
  const client = await pool.connect();
  try {
    const text = function* (): Generator<string> {
      for (let from = 0; from < size; from += 1000) {
        const rows = Array.from({ length: Math.min(1000, size - from) }, (_, index) => usageRow(from + index));
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
