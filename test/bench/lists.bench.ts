import { z } from 'zod';
import { type Bench, BENCHER, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { wholeLedger } from './whole-ledger.js';

/** Lists of plain rows. Invoices and lines are rated, and cost by the item. */
const LISTS = ['resources', 'rates', 'usage-records'];
/** Of so many readings, each list has more items than a page. */
const READINGS_PER_ITEM = 20;
const TIMES = 100;
const zItems = z.object({ items: z.array(z.unknown()) });

/** The value that so many of them do not exceed. */
const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;

/** A page of many items against a page of one, in turns: the database and the process are the same. */
export const listsBench: Bench = {
  name: 'lists',
  summary: 'a page of N items of each list of plain rows; against a page of one item',
  size: 1000,
  // The 99th percentile on a shared machine is that of the machine.
  bounds: LISTS.map((name) => ({ of: `${name}-median`, most: 3, from: 1000 })),
  async measure(size, say) {
    return onLedger(async ({ ledger, core }) => {
      await wholeLedger(ledger, core, size * READINGS_PER_ITEM);
      const [ratios, figures]: [Record<string, number>, Record<string, number>] = [{}, {}];
      for (const name of LISTS) {
        const page = async (limit: number): Promise<number> => {
          const { ms, result } = await timed(async () => ledger.ask(name, { limit }, BENCHER));
          mustBe(`items of ${name}`, zItems.parse(result).items.length, limit);
          return ms;
        };
        const [many, one]: [number[], number[]] = [[], []];
        for (let n = 0; n < TIMES; n += 1) {
          one.push(await page(1));
          many.push(await page(size));
        }
        ratios[`${name}-p99`] = figure(quantile(many, 0.99) / quantile(one, 0.99));
        ratios[`${name}-median`] = figure(quantile(many, 0.5) / quantile(one, 0.5));
        figures[`${name}-p99Ms`] = figure(quantile(many, 0.99));
        figures[`${name}-oneP99Ms`] = figure(quantile(one, 0.99));
        say(`  ${name}: median of ${size} items ${figure(quantile(many, 0.5))} ms`);
      }
      return { ratios, figures, checked: true };
    });
  },
};
