import { type Bench, figure, mustBe } from './bench.js';
import { onDatabase } from './database.js';
import {
  BATCH,
  batch,
  CONNECTIONS,
  headersOf,
  loaded,
  recorded,
  register,
  type Running,
  withApi,
} from './http.bench.js';

const APIS = 3;

/** Batches in all, by one API and by three. Their readings are of the same deployments. */
export const apisBench: Bench = {
  name: 'apis',
  summary: 'N readings in batches of 100, sent to three APIs at the same time; against one API with the same load',
  size: 100_000,
  bounds: [{ of: 'threeToOne', least: 0.6, from: 100_000 }],
  async measure(size, say) {
    const perSecond: Record<string, number[]> = { one: [], three: [] };
    for (const count of [1, APIS, APIS, 1]) {
      const rate = await ingested(size, count);
      say(`apis: ${count}: ${figure(rate)} readings a second`);
      perSecond[count === 1 ? 'one' : 'three']?.push(rate);
    }
    const of = (name: string): number => (perSecond[name] ?? []).reduce((sum, rate) => sum + rate, 0) / 2;
    return {
      ratios: { threeToOne: figure(of('three') / of('one')) },
      figures: { onePerSecond: figure(of('one')), threePerSecond: figure(of('three')) },
      checked: true,
    };
  },
};

/** Readings a second that these APIs record together. */
async function ingested(size: number, count: number): Promise<number> {
  return onDatabase(async (databaseUrl, pool) =>
    withApi(
      databaseUrl,
      async (first, others) => {
        const apis: readonly Running[] = [first, ...others];
        await register(first);
        const amount = Math.ceil(size / BATCH / count);
        const connections = Math.ceil(CONNECTIONS / count);
        const start = performance.now();
        const loads = await Promise.all(
          apis.map(async (api) => loaded(api, '/api/v1/usage', batch, { connections, amount })),
        );
        const seconds = (performance.now() - start) / 1000;
        // It waits for the projections.
        await fetch(`${first.url}/api/v1/tenants`, { headers: headersOf(first) });
        const accepted = loads.reduce((sum, load) => sum + load.accepted, 0);
        mustBe('accepted', accepted, amount * count * BATCH);
        mustBe('recorded', await recorded(pool), accepted);
        return accepted / seconds;
      },
      { count },
    ),
  );
}
