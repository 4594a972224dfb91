import { startApi } from '#api/start';
import { keepNext } from '#billing/costs/keep-months';
import { mintToken } from '#runtime/token';
import { type Bench, BENCHER, figure } from './bench.js';
import { consolePages } from './console-pages.js';
import { onLedger } from './database.js';
import { SECRET } from './http.bench.js';
import { wholeLedger } from './whole-ledger.js';

const LIMITS = {
  requestsPerMinute: 1_000_000,
  unauthenticatedPerMinute: 1_000_000,
  connectionsPerAddress: 1000,
  requestsAtOnce: 64,
  queriesAtOnce: 10,
  queryTimeoutMs: 600_000,
};

/** The usage of this ledger is in April 2026. */
const PAGES = [
  'tenants',
  'tenants/tenant-000000',
  'invoices',
  'invoices/INV-000001',
  'explain/INV-000001',
  'usage?deployment=deployment-000000&month=2026-04',
  'rates?key=cpu%2Ffamily-0%40eu',
  'plans',
  'what-if',
  'projections',
  'audit',
  'settings',
  'home',
  'margin?month=2026-04',
];

export const consoleBench: Bench = {
  name: 'console',
  summary: 'each page of the console in a browser, in a ledger of N readings, until all of it is shown',
  size: 100_000,
  async measure(size, say) {
    return onLedger(async ({ ledger, core, url: databaseUrl }) => {
      await wholeLedger(ledger, core, size);
      // As a worker does beside the API.
      while (!(await keepNext(core)).isDone);
      const clock = { now: () => BENCHER.now };
      const api = await startApi({
        ...{ databaseUrl, jwtSecret: SECRET, host: '127.0.0.1', port: 0, logLevel: 'warn', clock },
        ...LIMITS,
      });
      try {
        const token = await mintToken(SECRET, { sub: 'bench', role: 'platform_admin', ttl: '365d' }, BENCHER.now);
        const times = await consolePages(api.url, token, PAGES);
        for (const [path, ms] of times) say(`  ${path}: ${figure(ms)} ms`);
        return {
          ratios: {},
          figures: Object.fromEntries([...times].map(([path, ms]) => [path, figure(ms)])),
          checked: false,
        };
      } finally {
        await api.close();
      }
    });
  },
};
