import { decimal, sum, text } from '#domain/money/decimal';
import { instant } from '#domain/time/instant';
import { usageStream } from '#domain/usage/usage';
import { readUsageChanges } from '#projections/usage-records/usage-history.read';
import { z } from 'zod';
import { appendingTo, BENCHER, type Bench, figure, inTurns, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { setUp } from './invoice-run.bench.js';

const EVENTS = 658;
/** Ten hours of 0.01 each: what an event adds to a line. */
const ADDED = { billingKind: 'requests', quantity: '10', net: decimal('0.10') };
const MOST_SECONDS = 1;

const zDiff = z.object({
  usage: z.array(z.object({ eventCount: z.int() })),
  lines: z.array(z.object({ difference: z.string(), eventCount: z.int() })),
});

/** `ledgerline diff` over a span of events, each of which changes one line of one deployment. */
export const diffBench: Bench = {
  name: 'diff',
  summary: `what ${EVENTS} events changed in a ledger of N subscriptions; against one read of these events and rows`,
  size: 4000,
  bounds: [{ of: 'seconds', most: MOST_SECONDS, from: 4000 }],
  async measure(size, say) {
    return onLedger(async ({ ledger, core }) => {
      const set = await timed(() => setUp(ledger, core, size));
      say(`diff: ${size} subscriptions set up in ${(set.ms / 1000).toFixed(1)} s`);
      const from = await core.log.head();
      const append = appendingTo(core);
      const changed = Array.from({ length: Math.min(EVENTS, size) }, (_, n) => `d-${n}`);
      await inTurns(changed, async (deploymentId) => {
        const period = { start: instant('2026-05-01T00:00:00Z'), end: instant('2026-05-01T01:00:00Z') };
        await append(usageStream(deploymentId, '2026-05'), {
          type: 'UsageObserved',
          data: {
            ...{ deploymentId, month: '2026-05', origin: 'command' },
            observations: [
              {
                resourceId: 'r',
                period,
                granularity: 'hour',
                billingKind: ADDED.billingKind,
                quantity: ADDED.quantity,
              },
            ],
          },
        });
      });
      await ledger.catchUp();
      const to = await core.log.head();
      const ask = async () => timed(async () => ledger.ask('diff', { from: String(from), to: String(to) }, BENCHER));
      const [first, second] = [await ask(), await ask()];
      const { usage, lines } = zDiff.parse(second.result);
      mustBe('usage', usage.length, changed.length);
      mustBe('lines', lines.length, changed.length);
      mustBe(
        'money',
        text(sum(lines.map(({ difference }) => decimal(difference)))),
        text(ADDED.net.times(decimal(String(changed.length)))),
      );
      const read = await timed(async () => {
        mustBe('events', (await Array.fromAsync(core.log.readAll(from))).length, changed.length);
        await readUsageChanges(core.db, { first: from + 1, last: to }, []);
      });
      const ms = Math.min(first.ms, second.ms);
      return {
        ratios: { againstReading: figure(ms / read.ms), seconds: figure(ms / 1000) },
        figures: { events: changed.length, firstMs: figure(first.ms), ms: figure(ms), readMs: figure(read.ms) },
        checked: true,
      };
    });
  },
};
