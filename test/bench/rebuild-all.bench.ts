import { projections } from '#projections/index';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { plainCopy } from './plain-copy.js';
import { buildMs, phaseFigures, rebuiltInProcess } from './rebuild.bench.js';
import { usageTotals } from './usage-log.js';
import { wholeLedger } from './whole-ledger.js';

/** `projections rebuild`, against plain COPYs of the same rows into identical tables with their indexes. */
export const rebuildAllBench: Bench = {
  name: 'rebuild-all',
  summary:
    'all read models of N readings, with their tenants, resources, rates, lines, issued invoices and costs, ' +
    'rebuilt; against plain COPYs of all their rows',
  size: 1_000_000,
  bounds: [
    { of: 'rebuildAll', least: 0.5, from: 1_000_000 },
    { of: 'peakMiB', most: 512, from: 1 },
  ],
  async measure(size, say) {
    return onLedger(async ({ ledger, core, pool, url }) => {
      const set = await timed(() => wholeLedger(ledger, core, size));
      say(`rebuild-all: ${set.result} readings and all else recorded in ${(set.ms / 1000).toFixed(1)} s`);
      const expected = await usageTotals(pool, 'ledgerline.usage_records');
      const copied = await plainCopy(
        pool,
        'ledgerline',
        projections.flatMap(({ tables }) => tables),
      );
      await pool.query('CHECKPOINT');
      const rebuilt = await rebuiltInProcess(url);
      mustBe(
        'the rebuild',
        { outcome: rebuilt.outcome, differences: rebuilt.differences, rows: rebuilt.rows },
        { outcome: 'swapped', differences: 0, rows: copied.rows },
      );
      mustBe('the rebuilt records', await usageTotals(pool, 'ledgerline.usage_records'), expected);
      const ms = buildMs(rebuilt);
      return {
        ratios: { rebuildAll: figure(copied.ms / ms) },
        figures: {
          rows: copied.rows,
          rebuiltPerSecond: figure((rebuilt.rows * 1000) / ms),
          copiedPerSecond: figure((copied.rows * 1000) / copied.ms),
          ...phaseFigures(rebuilt),
        },
        checked: true,
      };
    });
  },
};
