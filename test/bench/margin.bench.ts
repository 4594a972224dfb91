import { decimal, sum, text } from '#domain/money/decimal';
import { margin, marginTrend } from '#operations/margin';
import { type Bench, BENCHER, figure, mustBe, timed } from './bench.js';
import { COST_MONTHS, costLedger } from './cost-ledger.js';
import { onLedger } from './database.js';

const MONTH = '2025-01';
const [FIRST, LAST] = [COST_MONTHS[0], COST_MONTHS.at(-1)].map((month) => month?.start.slice(0, 7) ?? '');

export const marginBench: Bench = {
  name: 'margin',
  summary: 'the margin of a month and of 36 months in a ledger of N cost lines, against one plain sum of them',
  size: 100_000,
  async measure(size, say) {
    return onLedger(async ({ ledger, core, pool }) => {
      const made = await timed(async () => {
        await costLedger(core, size);
        await ledger.catchUp();
        await pool.query('ANALYZE');
      });
      say(`  made in ${figure(made.ms / 1000)} s`);
      const plain = async (): Promise<string> =>
        (await pool.query<{ sum: string }>("SELECT sum(amount) FROM ledgerline.cost_lines WHERE category <> 'tax'"))
          .rows[0]?.sum ?? '';
      const trend = async () =>
        marginTrend.answer.parse(await ledger.ask('margin-trend', { from: FIRST, to: LAST }, BENCHER));
      const month = async () => margin.answer.parse(await ledger.ask('margin', { period: MONTH }, BENCHER));
      const limit = await timed(plain);
      const t = await timed(trend);
      const m = await timed(month);
      mustBe(
        'the cost of the trend',
        text(sum(t.result.months.map(({ cogs }) => decimal(cogs)))),
        text(decimal(limit.result)),
      );
      return {
        ratios: {},
        figures: { sumMs: figure(limit.ms), trendMs: figure(t.ms), monthMs: figure(m.ms) },
        checked: true,
      };
    });
  },
};
