import { z } from 'zod';
import type { Ledger } from '#operations/ledger';
import { QUERIES } from '#operations/operations';
import { type Bench, BENCHER, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';
import { wholeLedger } from './whole-ledger.js';

/** A query that takes so many times as long as the page of a list is expensive. */
const EXPENSIVE_FROM = 20;

const zFirst = z.object({ items: z.array(z.record(z.string(), z.unknown())).min(1) });

/** The id of the first item of a list. */
async function firstId(ledger: Ledger, name: string, field: string): Promise<string> {
  const { items } = zFirst.parse(await ledger.ask(name, { limit: 1 }, BENCHER));
  return z.string().parse(items[0]?.[field]);
}

/** Each query with the largest request that this ledger allows. A list is asked for one page of the default size. */
async function asked(ledger: Ledger): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
  const [invoice, line, tenantId, deploymentId] = [
    await firstId(ledger, 'invoices', 'invoiceId'),
    await firstId(ledger, 'lines', 'lineId'),
    await firstId(ledger, 'tenants', 'tenantId'),
    await firstId(ledger, 'deployments', 'deploymentId'),
  ];
  return new Map<string, Readonly<Record<string, unknown>>>([
    ['invoice', { id: invoice }],
    ['invoice-document', { id: invoice }],
    ['explain', { id: invoice }],
    ['line', { id: line }],
    ['invoice-preview', { tenantId }],
    ['usage', { deploymentId }],
    ['usage-records', { deploymentId }],
    ['margin', { period: '2026-04' }],
    [
      'cost-sharing-preview',
      {
        policyId: 'p',
        costs: { unattributed: true },
        method: 'even',
        effectiveFrom: '2026-04-01T00:00:00Z',
        to: '2026-06',
      },
    ],
    [
      'kind-mapping-preview',
      {
        ...{ provider: 'p', kind: 'vm', billingKinds: ['requests', 'vm'] },
        ...{ effectiveFrom: '2026-04-01T00:00:00Z', to: '2026-06' },
      },
    ],
    ['price-realisation', { from: '2026-01', to: '2026-12' }],
    ['margin-units', { from: '2026-01', to: '2026-12' }],
    ['margin-bridge', { from: '2026-04', to: '2026-05' }],
    ['reconciliation', { period: '2026-04' }],
    ['margin-trend', { from: '2026-01', to: '2026-12' }],
    ['statement', { tenantId, start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' }],
    ['statement-document', { tenantId, start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' }],
    ['reconciliation-invoices', { period: '2026-04' }],
    ['reconciliation-items', { period: '2026-04', list: 'usage_unbilled' }],
    ['cost-variance', { from: '2026-01', to: '2026-12' }],
    ['diff', { from: '1' }],
  ]);
}

/** Asked for one thing that they name, or of what is given with the question. They take no longer in a large ledger. */
const OF_ONE = [
  ...['credit-note', 'credit-note-document', 'credit-note-ubl', 'credit-note-cii', 'invoice-ubl', 'invoice-cii'],
  ...['bundle', 'quote', 'rebuild', 'webhook-deliveries', 'webhook-secret'],
];

export const questionsBench: Bench = {
  name: 'questions',
  summary: 'each query in a ledger of N readings, against a page of invoices: which of them are expensive',
  size: 50_000,
  async measure(size, say) {
    return onLedger(async ({ ledger, core }) => {
      await wholeLedger(ledger, core, size);
      const params = await asked(ledger);
      const ask = async (name: string): Promise<number> =>
        (await timed(async () => ledger.ask(name, params.get(name) ?? {}, BENCHER))).ms;
      const times = new Map<string, number>();
      for (const name of [...QUERIES.keys()].filter((each) => !OF_ONE.includes(each))) {
        // The first one plans and compiles.
        await ask(name);
        times.set(name, Math.min(await ask(name), await ask(name)));
        say(`  ${name}: ${figure(times.get(name) ?? 0)} ms`);
      }
      const page = times.get('invoices') ?? 0;
      const expensive = [...times].filter(([, ms]) => ms > EXPENSIVE_FROM * page).map(([name]) => name);
      const undeclared = expensive.filter((name) => QUERIES.get(name)?.isExpensive !== true);
      mustBe('expensive, and not declared so', undeclared, []);
      // On a shared machine, a short query may take twice its time.
      const dearer = [...times].filter(([name, ms]) => ms > 2 * (QUERIES.get(name)?.cost ?? 1) * page);
      mustBe('costlier than declared', dearer, []);
      return {
        ratios: Object.fromEntries([...times].map(([name, ms]) => [name, figure(ms / page)])),
        figures: { invoicesMs: figure(page) },
        checked: true,
      };
    });
  },
};
