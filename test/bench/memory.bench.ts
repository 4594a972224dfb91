import { readFile } from 'node:fs/promises';
import { type Bench, figure, mustBe } from './bench.js';
import { onDatabase } from './database.js';
import { BATCH, batch, headersOf, loaded, recorded, register, type Running, withApi } from './http.bench.js';

/** A machine of two cores takes as much beside other work. */
const BATCHES_PER_SECOND = 15;
/** The ingest is measured in so many parts of equal length. What grows after the first one is growth. */
const PARTS = 10;

/** The memory of the API and of the worker while readings arrive at a steady rate. It reads `/proc` of Linux. */
export const memoryBench: Bench = {
  name: 'memory',
  summary:
    `the memory of API and worker while N readings arrive, ${BATCHES_PER_SECOND} batches of ${BATCH} a second:` +
    ' the peak, and what it grows by after the first tenth',
  // Ten minutes.
  size: 900_000,
  bounds: [
    { of: 'apiPeakMegabytes', most: 300, from: 100_000 },
    { of: 'workerPeakMegabytes', most: 300, from: 100_000 },
    { of: 'apiGrowth', most: 1.15, from: 100_000 },
    { of: 'workerGrowth', most: 1.15, from: 100_000 },
  ],
  async measure(size, say) {
    return onDatabase(async (databaseUrl, pool) =>
      withApi(databaseUrl, async (api) => {
        await register(api);
        const amount = Math.max(1, Math.ceil(size / BATCH / PARTS));
        const peaks: Peaks[] = [];
        let accepted = 0;
        for (let part = 1; part <= PARTS; part += 1) {
          const load = await loaded(api, '/api/v1/usage', batch, { amount, rate: BATCHES_PER_SECOND });
          accepted += load.accepted;
          const peak = await peaksOf(api);
          peaks.push(peak);
          say(`  part ${part} of ${PARTS}: API at most ${figure(peak.api)} MB, worker ${figure(peak.worker)} MB`);
        }
        await fetch(`${api.url}/api/v1/tenants`, { headers: headersOf(api) });
        mustBe('accepted', accepted, amount * PARTS * BATCH);
        mustBe('recorded', await recorded(pool), accepted);
        const [first, last] = [peaks[0], peaks.at(-1)];
        if (first === undefined || last === undefined) throw new Error('nothing was measured');
        return {
          ratios: { apiGrowth: figure(last.api / first.api), workerGrowth: figure(last.worker / first.worker) },
          figures: { apiPeakMegabytes: figure(last.api), workerPeakMegabytes: figure(last.worker) },
          checked: true,
        };
      }),
    );
  },
};

/** The most memory since the start, in megabytes. */
interface Peaks {
  readonly api: number;
  readonly worker: number;
}

async function peaksOf({ pids }: Running): Promise<Peaks> {
  const peakOf = async (pid: number): Promise<number> => {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
    if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmHWM`);
    return (Number(kilobytes) * 1024) / 1_000_000;
  };
  return { api: await peakOf(pids.api), worker: await peakOf(pids.worker) };
}
