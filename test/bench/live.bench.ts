import { setTimeout as delay } from 'node:timers/promises';
import { usageStream } from '#domain/usage/usage';
import { NO_STREAM } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { usageRecords } from '#projections/usage-records/usage-records.table';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { plainCopy } from './plain-copy.js';
import {
  appendUsage,
  deploymentId,
  QUANTITY_PER_EVENT,
  READINGS_PER_EVENT,
  usageEvent,
  usageTotals,
} from './usage-log.js';

const RECORDS_PER_SECOND = 10_000;
const INGEST_SECONDS = 20;
const SAMPLE_MS = 20;

/**
 * The projections as a worker runs them: from behind, as fast as they can; then beside an ingest, and how far behind
 * they are at most.
 */
export const liveBench: Bench = {
  name: 'live',
  summary:
    `N readings projected live, against a plain COPY of the same rows; then the lag during an ingest of ` +
    `${RECORDS_PER_SECOND} readings a second`,
  size: 1_000_000,
  bounds: [
    { of: 'live', least: 0.3, from: 1_000_000 },
    { of: 'largestLagSeconds', most: 2, from: 1 },
  ],
  async measure(size, say) {
    return onLedger(async ({ ledger, core, pool }) => {
      const log = new PostgresLog(pool);
      const readings = await appendUsage(log, size);
      const projected = await timed(() => ledger.catchUp());
      say(`live: ${readings} readings projected in ${(projected.ms / 1000).toFixed(1)} s`);
      const copied = await plainCopy(pool, 'ledgerline', [usageRecords]);
      mustBe(
        'the copied records',
        await usageTotals(pool, 'plain.usage_records'),
        await usageTotals(pool, 'ledgerline.usage_records'),
      );
      const stopping = new AbortController();
      const running = ledger.project(stopping.signal);
      const lags = await ingest(log, readings / READINGS_PER_EVENT, async () => core.projector.position());
      const events = readings / READINGS_PER_EVENT + lags.appended;
      await ledger.catchUp();
      stopping.abort();
      await running;
      const expected = {
        rows: String(events * READINGS_PER_EVENT),
        quantity: String(events * QUANTITY_PER_EVENT),
        resources: String((events * READINGS_PER_EVENT) / 10),
        last: String(events),
      };
      mustBe('the records', await usageTotals(pool, 'ledgerline.usage_records'), expected);
      await log.close();
      return {
        ratios: { live: figure(copied.ms / projected.ms) },
        figures: {
          livePerSecond: figure((readings * 1000) / projected.ms),
          copiedPerSecond: figure((readings * 1000) / copied.ms),
          ingestedPerSecond: figure((lags.appended * READINGS_PER_EVENT * 1000) / lags.ms),
          largestLagSeconds: figure(lags.largestMs / 1000),
          medianLagSeconds: figure(lags.medianMs / 1000),
        },
        checked: true,
      };
    });
  },
};

/** Appends at the wanted rate, and looks how old the oldest event is that is not projected. */
async function ingest(log: PostgresLog, from: number, position: () => Promise<number>) {
  const appendedAt = new Map<number, number>();
  const lags: number[] = [];
  const start = performance.now();
  let isOver = false;
  const append = async (): Promise<number> => {
    let n = 0;
    for (; n < (RECORDS_PER_SECOND * INGEST_SECONDS) / READINGS_PER_EVENT; n += 1) {
      await delay(Math.max(0, start + (n * READINGS_PER_EVENT * 1000) / RECORDS_PER_SECOND - performance.now()));
      const { position: at } = await log.append(usageStream(deploymentId(from + n), '2026-04'), NO_STREAM, [
        usageEvent(from + n),
      ]);
      appendedAt.set(at, performance.now());
    }
    isOver = true;
    return n;
  };
  const sample = async (): Promise<void> => {
    while (!isOver) {
      const at = await position();
      const oldest = appendedAt.get(at + 1);
      lags.push(oldest === undefined ? 0 : performance.now() - oldest);
      await delay(SAMPLE_MS);
    }
  };
  const [appended] = await Promise.all([append(), sample()]);
  const ordered = lags.sort((a, b) => a - b);
  return {
    appended,
    ms: performance.now() - start,
    largestMs: ordered.at(-1) ?? 0,
    medianMs: ordered[Math.floor(ordered.length / 2)] ?? 0,
  };
}
