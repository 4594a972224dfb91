import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { PostgresLog } from '#event-store/postgres';
import { usageRecords } from '#projections/usage-records/usage-records.table';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { plainCopy } from './plain-copy.js';
import { appendUsage, QUANTITY_PER_EVENT, READINGS_PER_EVENT, usageTotals } from './usage-log.js';

const zRebuilt = z.object({
  outcome: z.string(),
  differences: z.number(),
  rows: z.number(),
  phases: z.record(z.string(), z.number()),
  peakMiB: z.number(),
});
type Rebuilt = z.output<typeof zRebuilt>;

export async function rebuiltInProcess(databaseUrl: string, only: readonly string[] = []): Promise<Rebuilt> {
  const args = ['--import', './test/support/typescript.js', 'test/bench/rebuild-process.ts', databaseUrl];
  const child = spawn(process.execPath, [...args, ...(only.length === 0 ? [] : [only.join(',')])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const answer = await text(child.stdout);
  return zRebuilt.parse(JSON.parse(answer));
}

/** Reading, rows, indexes and the last events: what stands against the COPY. Comparing and exchanging come on top. */
export const buildMs = ({ phases }: Rebuilt): number =>
  (phases['fill'] ?? 0) + (phases['start'] ?? 0) + (phases['index'] ?? 0) + (phases['catch up'] ?? 0);

/** Where the time went, in seconds, and the memory that it took. */
export const phaseFigures = ({ phases, peakMiB }: Rebuilt): Record<string, number> => ({
  ...Object.fromEntries(
    ['fill', 'index', 'compare', 'swap'].map((phase) => [`${phase}Seconds`, figure((phases[phase] ?? 0) / 1000)]),
  ),
  peakMiB: figure(peakMiB),
});

/**
 * `projections rebuild --only usage-records`, against a plain COPY of the same rows into an identical table with its
 * indexes.
 */
export const rebuildBench: Bench = {
  name: 'rebuild',
  summary:
    `usage_records of N readings, packed ${READINGS_PER_EVENT} to an event, rebuilt; against a plain COPY of ` +
    `the same rows into an identical table with its indexes`,
  size: 1_000_000,
  bounds: [
    { of: 'rebuild', least: 0.8, from: 1_000_000 },
    { of: 'peakMiB', most: 512, from: 1 },
  ],
  async measure(size, say) {
    return onLedger(async ({ ledger, pool, url }) => {
      const log = new PostgresLog(pool);
      const appended = await timed(() => appendUsage(log, size));
      say(`rebuild: ${appended.result} readings appended in ${(appended.ms / 1000).toFixed(1)} s`);
      const projected = await timed(() => ledger.catchUp());
      say(`rebuild: projected live in ${(projected.ms / 1000).toFixed(1)} s`);
      const events = appended.result / READINGS_PER_EVENT;
      const expected = {
        rows: String(appended.result),
        quantity: String(events * QUANTITY_PER_EVENT),
        resources: String(appended.result / 10),
        last: String(events),
      };
      mustBe('the live records', await usageTotals(pool, 'ledgerline.usage_records'), expected);
      const copied = await plainCopy(pool, 'ledgerline', [usageRecords]);
      await pool.query('CHECKPOINT');
      const rebuilt = await rebuiltInProcess(url, ['usage-records']);
      mustBe(
        'the rebuild',
        { outcome: rebuilt.outcome, differences: rebuilt.differences },
        { outcome: 'swapped', differences: 0 },
      );
      mustBe('the rebuilt records', await usageTotals(pool, 'ledgerline.usage_records'), expected);
      mustBe('the copied records', await usageTotals(pool, 'plain.usage_records'), expected);
      await log.close();
      const perSecond = (ms: number): number => figure((appended.result * 1000) / ms);
      const ms = buildMs(rebuilt);
      return {
        ratios: { rebuild: figure(copied.ms / ms), live: figure(copied.ms / projected.ms) },
        figures: {
          rebuiltPerSecond: perSecond(ms),
          copiedPerSecond: perSecond(copied.ms),
          livePerSecond: perSecond(projected.ms),
          ...phaseFigures(rebuilt),
        },
        checked: true,
      };
    });
  },
};
