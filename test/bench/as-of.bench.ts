import { EventCodec } from '#event-store/codec';
import { NO_STREAM } from '#event-store/port';
import { type Instant, instant } from '#domain/time/instant';
import { monthOf, type Period } from '#domain/time/period';
import type { Ledger } from '#operations/ledger';
import type { LedgerCore } from '#ledger/ledger-core';
import { type Bench, BENCHER, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';

const TENANTS = 50;
/** For a size that gives not each of them a record a month. */
const FEW_TENANTS = 10;
const MONTHS = 13;
const READINGS_AN_EVENT = 1000;
const codec = new EventCodec();

const month = (n: number): Period =>
  monthOf(instant(`${2025 + Math.floor((3 + n) / 12)}-${String(((3 + n) % 12) + 1).padStart(2, '0')}-01T00:00:00Z`));

async function carriedOut(ledger: Ledger, command: object): Promise<unknown> {
  const outcome = await ledger.execute(command, BENCHER);
  if (outcome.status === 'refused') throw new Error(`${JSON.stringify(command)}: ${outcome.error.message}`);
  return outcome.result;
}

async function begin(ledger: Ledger, tenants: number): Promise<void> {
  const from = month(0).start;
  const items = [{ billingKind: 'requests', included: '10', price: { model: 'unit', unitAmount: '0.01' } }];
  await carriedOut(ledger, {
    command: 'publish-plan',
    planId: 'p',
    name: 'p',
    currency: 'USD',
    baseFee: '10',
    paymentTerm: 'in_arrears',
    effectiveFrom: from,
    items,
  });
  for (let n = 0; n < tenants; n += 1) {
    await carriedOut(ledger, { command: 'register-tenant', tenantId: `t${n}`, name: `T${n}`, currency: 'USD' });
    await carriedOut(ledger, {
      command: 'register-deployment',
      deploymentId: `d${n}`,
      tenantId: `t${n}`,
      name: `d${n}`,
      from,
    });
    await carriedOut(ledger, {
      command: 'start-subscription',
      subscriptionId: `s${n}`,
      deploymentId: `d${n}`,
      planId: 'p',
      from,
    });
  }
}

/** A deployment's readings of a month, one of each of so many resources, in events as the ledger packs them. */
async function observe({ log }: LedgerCore, deploymentId: string, { start }: Period, count: number): Promise<void> {
  const stream = `usage-${deploymentId}-${start.slice(0, 7)}`;
  const period = { start, end: `${start.slice(0, 8)}02T00:00:00Z` as Instant };
  for (let from = 0, revision = NO_STREAM; from < count; from += READINGS_AN_EVENT, revision += 1) {
    const observations = Array.from({ length: Math.min(READINGS_AN_EVENT, count - from) }, (_, n) => ({
      resourceId: `r${from + n}`,
      billingKind: 'requests',
      period,
      granularity: 'day' as const,
      quantity: '3',
    }));
    const data = { deploymentId, month: start.slice(0, 7), origin: 'backfill' as const, observations };
    await log.append(stream, revision, [
      codec.encode(crypto.randomUUID(), { type: 'UsageObserved', data }, { actor: 'bench' }),
    ]);
  }
}

async function live(
  ledger: Ledger,
  core: LedgerCore,
  n: number,
  { tenants, perTenant }: { readonly tenants: number; readonly perTenant: number },
): Promise<void> {
  const period = month(n);
  for (let tenant = 0; tenant < tenants; tenant += 1) await observe(core, `d${tenant}`, period, perTenant);
  await core.projector.catchUp();
  const lines = Array.from({ length: tenants }, (_, tenant) => ({
    lineKey: `${tenant}`,
    kind: 'droplet',
    chargePeriod: period,
    amount: '7.001',
    currency: 'USD',
    category: 'usage',
    tenantId: `t${tenant}`,
  }));
  await carriedOut(ledger, { command: 'record-cost', provider: 'do', invoiceRef: period.start, lines });
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    const { invoices } = (await carriedOut(ledger, {
      command: 'create-invoice',
      tenantId: `t${tenant}`,
      asOf: period.end,
    })) as { invoices: { invoiceId: string }[] };
    for (const { invoiceId } of invoices)
      await carriedOut(ledger, { command: 'issue-invoice', invoiceId, at: period.end });
  }
}

/** A month's invoices of one tenant, and the month's margin. */
const asked = async (ledger: Ledger, asOf: object): Promise<string> =>
  JSON.stringify([
    await ledger.ask('invoices', { tenantId: 't7', ...asOf }, BENCHER),
    await ledger.ask('margin', { period: month(0).start.slice(0, 10), ...asOf }, BENCHER),
  ]);

export const asOfBench: Bench = {
  name: 'as-of',
  summary:
    'a month’s invoices of one tenant, and its margin, as of a year ago, with N usage records in the log; ' +
    'against the same asked at that time',
  size: 1_000_000,
  bounds: [
    { of: 'asOfMs', most: 2000, from: 1 },
    { of: 'firstMs', most: 2000, from: 1 },
  ],
  async measure(size, say) {
    return onLedger(async ({ ledger, core, pool }) => {
      const tenants = size < TENANTS * MONTHS ? FEW_TENANTS : TENANTS;
      const perTenant = Math.max(1, Math.round(size / tenants / MONTHS));
      await begin(ledger, tenants);
      await live(ledger, core, 0, { tenants, perTenant });
      const position = await core.projector.catchUp();
      const then = await best(() => asked(ledger, {}));
      for (let n = 1; n < MONTHS; n += 1) {
        await live(ledger, core, n, { tenants, perTenant });
        say(`month ${n + 1} of ${MONTHS} is recorded`);
      }
      await pool.query('ANALYZE');
      const asOf = await best(() => asked(ledger, { asOf: String(position) }));
      mustBe('the answer as of then', asOf.result, then.result);
      const { rows } = await pool.query<{ n: number; recorded_at: Instant }>(
        `SELECT (SELECT count(*)::int FROM ledgerline.usage_records) AS n, recorded_at FROM ` +
          `ledgerline_log.events WHERE position = $1`,
        [position],
      );
      mustBe('usage records', rows[0]?.n, perTenant * tenants * MONTHS);
      const byInstant = await best(() => asked(ledger, { asOf: rows[0]?.recorded_at }));
      mustBe('the answer as of the instant', byInstant.result, then.result);
      return {
        ratios: { asOfAgainstThen: figure(asOf.ms / then.ms) },
        figures: {
          asOfMs: figure(asOf.ms),
          asOfInstantMs: figure(byInstant.ms),
          firstMs: figure(asOf.firstMs),
          thenMs: figure(then.ms),
          records: perTenant * tenants * MONTHS,
          invoices: tenants * MONTHS,
        },
        checked: true,
      };
    });
  },
};

/** The best of three, and the first: what it takes when nothing is at hand. */
async function best(work: () => Promise<string>): Promise<{ ms: number; firstMs: number; result: string }> {
  const runs = [await timed(work), await timed(work), await timed(work)];
  const [first] = runs;
  return { ms: Math.min(...runs.map(({ ms }) => ms)), firstMs: first?.ms ?? 0, result: first?.result ?? '' };
}
