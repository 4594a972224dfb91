import type { LedgerEvent } from '#domain/events';
import { decimal, sum, text } from '#domain/money/decimal';
import { deploymentStream } from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { instant } from '#domain/time/instant';
import { usageStream } from '#domain/usage/usage';
import { NO_STREAM, type StoredEvent } from '#event-store/port';
import type { Ledger } from '#operations/ledger';
import type { LedgerCore } from '#ledger/ledger-core';
import { invoiceRun, tenantIds } from '#operations/invoice-run';
import { appendingTo, BENCHER, type Bench, figure, inTurns, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';

const FROM = instant('2026-04-01T00:00:00Z');
const AS_OF = instant('2026-05-01T00:00:00Z');
const SUBSCRIPTIONS_PER_TENANT = 10;
/** Four readings of 10 in April: 40 of each kind. */
const READING_DAYS = ['01', '08', '15', '22'];
const QUANTITY = '10';

const PLAN = {
  command: 'publish-plan',
  planId: 'bench',
  name: 'bench',
  currency: 'USD',
  baseFee: '5.00',
  paymentTerm: 'in_arrears',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [
    { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.01' } },
    {
      billingKind: 'traffic',
      price: {
        model: 'graduated',
        tiers: [
          { upTo: '10', unitAmount: '0.10' },
          { upTo: null, unitAmount: '0.05' },
        ],
      },
    },
    { billingKind: 'mails', price: { model: 'package', packageSize: '10', packageAmount: '1.00' } },
    {
      billingKind: 'builds',
      price: {
        model: 'volume',
        tiers: [
          { upTo: '20', unitAmount: '0.20' },
          { upTo: null, unitAmount: '0.10' },
        ],
      },
    },
    { billingKind: 'seats', price: { model: 'unit', unitAmount: '0.02' }, included: '10' },
  ],
};
/**
 * 5.00 + 40 × 0.01 + (10 × 0.10 + 30 × 0.05) + 4 × 1.00 + 40 × 0.10 + (40 − 10) × 0.02
 * = 5.00 + 0.40 + 2.50 + 4.00 +
 * 4.00 + 0.60
 */
const PER_SUBSCRIPTION = '16.50';
/** The metered lines, and the base fee's. */
const LINES_PER_SUBSCRIPTION = 6;

interface Invoice {
  readonly status: string;
  readonly total: string;
  readonly number: string | null;
  readonly lines: readonly object[];
}

/** `ledgerline invoice --as-of T --issue`, of one month of all tenants. */
export const invoiceRunBench: Bench = {
  name: 'invoice-run',
  summary:
    `a month of N subscriptions of 5 metered lines each, ${SUBSCRIPTIONS_PER_TENANT} a tenant: drafted and ` +
    `issued; against appending and projecting the same events; and of a tenth of them`,
  size: 10_000,
  // 1 is linear; the rest is what one run differs from the next.
  bounds: [
    { of: 'againstAppending', most: 2.5, from: 10_000 },
    { of: 'growth', most: 1.3, from: 10_000 },
  ],
  async measure(size, say) {
    const small = await measured(Math.max(1, Math.ceil(size / 10)), say);
    const large = await measured(size, say);
    return {
      // 1: the time per line is the same, however many there are.
      ratios: {
        growth: figure(large.msPerLine / small.msPerLine),
        againstAppending: figure(large.seconds / large.appendSeconds),
      },
      figures: {
        smallSize: small.subscriptions,
        smallMsPerLine: figure(small.msPerLine),
        msPerLine: figure(large.msPerLine),
        seconds: figure(large.seconds),
        appendSeconds: figure(large.appendSeconds),
        lines: large.lines,
        invoices: large.invoices,
      },
      checked: true,
    };
  },
};

async function measured(subscriptions: number, say: (message: string) => void) {
  const of = await onLedger(async ({ ledger, core }) => {
    const set = await timed(() => setUp(ledger, core, subscriptions));
    say(`invoice-run: ${subscriptions} subscriptions set up in ${(set.ms / 1000).toFixed(1)} s`);
    const start = await core.log.head();
    const billed = await timed(() => run(ledger));
    say(`invoice-run: ${subscriptions} subscriptions billed in ${(billed.ms / 1000).toFixed(1)} s`);
    check(billed.result, subscriptions);
    const head = await core.log.head();
    check(await run(ledger), subscriptions);
    mustBe('events appended by the same run again', (await core.log.head()) - head, 0);
    const lines = subscriptions * LINES_PER_SUBSCRIPTION;
    return {
      subscriptions,
      lines,
      invoices: billed.result.length,
      msPerLine: billed.ms / lines,
      seconds: billed.ms / 1000,
      events: await Array.fromAsync(core.log.readAll(start)),
    };
  });
  const { events, ...figures } = of;
  return { ...figures, appendSeconds: (await appended(subscriptions, events)) / 1000 };
}

/** Milliseconds to append the events of a run to an equal ledger, many streams at a time, and to project them. */
async function appended(subscriptions: number, events: readonly StoredEvent[]): Promise<number> {
  return onLedger(async ({ ledger, core }) => {
    await setUp(ledger, core, subscriptions);
    const { ms } = await timed(async () => {
      await inTurns([...Map.groupBy(events, ({ stream }) => stream)], async ([stream, own]) => {
        await core.log.append(stream, NO_STREAM, own);
      });
      await ledger.catchUp();
    });
    return ms;
  });
}

async function run(ledger: Ledger): Promise<Invoice[]> {
  const invoices: Invoice[] = [];
  const tenants = await tenantIds(ledger, BENCHER);
  for await (const billed of invoiceRun(ledger, BENCHER, { asOf: AS_OF, tenantIds: tenants, issue: true })) {
    if (billed.failure !== null) throw billed.failure;
    invoices.push(...billed.invoices);
  }
  return invoices;
}

function check(invoices: readonly Invoice[], subscriptions: number): void {
  const tenants = Math.ceil(subscriptions / SUBSCRIPTIONS_PER_TENANT);
  mustBe('invoices', invoices.length, tenants);
  mustBe('statuses', [...new Set(invoices.map((invoice) => invoice.status))], ['issued']);
  mustBe(
    'lines',
    invoices.reduce((count, { lines }) => count + lines.length, 0),
    subscriptions * LINES_PER_SUBSCRIPTION,
  );
  mustBe(
    'total',
    text(sum(invoices.map(({ total }) => decimal(total)))),
    text(decimal(PER_SUBSCRIPTION).times(decimal(String(subscriptions)))),
  );
  const numbers = invoices.flatMap(({ number }) => (number === null ? [] : [number])).sort();
  const gapless = Array.from({ length: tenants }, (_, index) => `INV-${String(index + 1).padStart(6, '0')}`);
  mustBe('numbers', numbers, gapless);
}

/** Not timed: the facts as the commands would record them, many streams at a time. */
export async function setUp(ledger: Ledger, core: LedgerCore, subscriptions: number): Promise<void> {
  const published = await ledger.execute(PLAN, BENCHER);
  mustBe('the plan', published.status, 'done');
  const append = appendingTo(core);
  const tenants = Array.from({ length: Math.ceil(subscriptions / SUBSCRIPTIONS_PER_TENANT) }, (_, index) =>
    tenantId(index),
  );
  await inTurns(tenants, async (id) => {
    await append(tenantStream(id), {
      type: 'TenantRegistered',
      data: { tenantId: id, currency: 'USD', timeZone: 'UTC', ...(await core.details.keep(id, { name: id })) },
    });
  });
  await inTurns([...Array(subscriptions).keys()], async (index) => {
    const [deploymentId, subscriptionId] = [`d-${index}`, `s-${index}`];
    const owner = tenantId(Math.floor(index / SUBSCRIPTIONS_PER_TENANT));
    await append(
      deploymentStream(deploymentId),
      { type: 'DeploymentRegistered', data: { deploymentId, tenantId: owner, name: deploymentId, from: FROM } },
      {
        type: 'SubscriptionStarted',
        data: { subscriptionId, deploymentId, planId: PLAN.planId, from: FROM, anchor: null },
      },
    );
    await append(usageStream(deploymentId, '2026-04'), usageOf(deploymentId));
  });
  await ledger.catchUp();
}

const tenantId = (index: number): string => `t-${String(index).padStart(6, '0')}`;

function usageOf(deploymentId: string): LedgerEvent {
  const observations = PLAN.items.flatMap(({ billingKind }) =>
    READING_DAYS.map((day) => ({
      resourceId: 'r',
      billingKind,
      period: { start: instant(`2026-04-${day}T00:00:00Z`), end: instant(`2026-04-${day}T01:00:00Z`) },
      granularity: 'hour' as const,
      quantity: QUANTITY,
    })),
  );
  return { type: 'UsageObserved', data: { deploymentId, month: '2026-04', origin: 'command', observations } };
}
