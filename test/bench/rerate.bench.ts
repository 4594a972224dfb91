import type pg from 'pg';
import type { LedgerEvent } from '#domain/events';
import { decimal, integer, sum } from '#domain/money/decimal';
import { deploymentStream } from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { instant, plusHours } from '#domain/time/instant';
import { usageStream } from '#domain/usage/usage';
import { invoiceRun, tenantIds } from '#operations/invoice-run';
import type { Ledger } from '#operations/ledger';
import type { LedgerCore } from '#ledger/ledger-core';
import { appendingTo, BENCHER, type Bench, figure, inTurns, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';

const RECORDS_OF_A_TENANT = 1_000;
const HOURS_IN_APRIL = 720;
const FROM = instant('2026-04-01T00:00:00Z');
const MAY = instant('2026-05-01T00:00:00Z');
const JUNE = instant('2026-06-01T00:00:00Z');
const RATE = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
/** Ten times too high for a month: each reading of 1 was billed 0.10, and is worth 0.01. */
const [WRONG, RIGHT, DIFFERENCE] = ['0.10', '0.01', '-0.09'];

const SET_UP = [
  { command: 'set-rate', ...RATE, unitPrice: WRONG, effectiveFrom: '2026-01-01T00:00:00Z' },
  {
    command: 'publish-plan',
    planId: 'bench',
    name: 'bench',
    currency: 'USD',
    baseFee: '0',
    paymentTerm: 'in_arrears',
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [{ billingKind: 'cores', price: { model: 'rate_card' } }],
  },
];
const CORRECTION = {
  command: 'correct-rate',
  ...RATE,
  unitPrice: RIGHT,
  effectiveFrom: FROM,
  effectiveUntil: MAY,
  reason: 'ten times too high',
};

/**
 * A rate corrected in the past: previewed, applied, and booked on the next invoices, against one read of the records
 * that it touches.
 */
export const rerateBench: Bench = {
  name: 'rerate',
  summary:
    `a rate corrected under N usage records, ${RECORDS_OF_A_TENANT} a tenant, all invoiced: previewed, applied, ` +
    `booked; against one read of these records`,
  size: 1_000_000,
  bounds: [
    { of: 'previewToRead', most: 1.5, from: 300_000 },
    { of: 'bookToRead', most: 3, from: 300_000 },
  ],
  async measure(size, say) {
    return onLedger(async ({ ledger, core, pool }) => {
      const tenants = Math.max(1, Math.round(size / RECORDS_OF_A_TENANT));
      const perTenant = Math.ceil(size / tenants);
      const records = tenants * perTenant;
      const set = await timed(() => setUp(ledger, core, tenants, perTenant));
      say(`rerate: ${records} records set up in ${seconds(set.ms)}`);
      const billed = await timed(() => invoices(ledger, MAY));
      say(`rerate: invoiced at the wrong price in ${seconds(billed.ms)}`);
      mustBe('billed at the wrong price', billed.result, times(WRONG, records));

      // The read is the limit: what rating needs of each record, as the ledger's own connection gives it.
      const read = await timed(() => readAll(pool));
      mustBe('records read', read.result, records);
      const preview = await timed(() => ledger.preview([CORRECTION], BENCHER, { at: JUNE }));
      mustBe('the preview', preview.result.total, times(DIFFERENCE, records));
      mustBe('lines of the preview', preview.result.lines.length, tenants);
      const applied = await timed(async () => {
        await ledger.execute(CORRECTION, BENCHER);
        await ledger.catchUp();
      });
      const booked = await timed(() => invoices(ledger, JUNE));
      mustBe('corrections booked', booked.result, times(DIFFERENCE, records));
      const second = await timed(() => readAll(pool));
      const readMs = (read.ms + second.ms) / 2;
      return {
        // The preview rates every record twice, as it was known and as it would be, and reads it once.
        ratios: {
          previewToRead: figure(preview.ms / readMs),
          applyToRead: figure(applied.ms / readMs),
          bookToRead: figure(booked.ms / readMs),
        },
        figures: {
          records,
          tenants,
          readSeconds: figure(readMs / 1000),
          previewSeconds: figure(preview.ms / 1000),
          applySeconds: figure(applied.ms / 1000),
          bookSeconds: figure(booked.ms / 1000),
          reratedPerSecond: figure(((2 * records) / preview.ms) * 1000),
        },
        checked: true,
      };
    });
  },
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const times = (amount: string, count: number): string => decimal(amount).times(integer(count)).toFixed(2);

const PAGE_ROWS = 10_000;

async function readAll(pool: pg.Pool): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(
      'DECLARE records CURSOR FOR SELECT deployment_id, billing_kind, period_start, period_end, quantity, ' +
        'resource_type, resource_family, location' +
        ' FROM ledgerline.usage_records WHERE position_to IS NULL',
    );
    for (let count = 0; ;) {
      const { rows } = await client.query(`FETCH ${PAGE_ROWS} FROM records`);
      count += rows.length;
      if (rows.length < PAGE_ROWS) return count;
    }
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** Invoices all tenants and issues; what the invoices come to. */
async function invoices(ledger: Ledger, asOf: typeof MAY): Promise<string> {
  const totals: string[] = [];
  for await (const billed of invoiceRun(ledger, BENCHER, {
    asOf,
    tenantIds: await tenantIds(ledger, BENCHER),
    issue: true,
  })) {
    if (billed.failure !== null) throw billed.failure;
    totals.push(...billed.invoices.map(({ total }) => total));
  }
  return sum(totals.map((total) => decimal(total))).toFixed(2);
}

/** Not timed: the facts as the commands would record them, many streams at a time. */
async function setUp(ledger: Ledger, core: LedgerCore, tenants: number, perTenant: number): Promise<void> {
  for (const command of SET_UP) mustBe(command.command, (await ledger.execute(command, BENCHER)).status, 'done');
  const append = appendingTo(core);
  await inTurns([...Array(tenants).keys()], async (index) => {
    const [tenantId, deploymentId] = [`t-${index}`, `d-${index}`];
    await append(tenantStream(tenantId), {
      type: 'TenantRegistered',
      data: { tenantId, currency: 'USD', timeZone: 'UTC', ...(await core.details.keep(tenantId, { name: tenantId })) },
    });
    await append(
      deploymentStream(deploymentId),
      { type: 'DeploymentRegistered', data: { deploymentId, tenantId, name: deploymentId, from: FROM } },
      {
        type: 'SubscriptionStarted',
        data: { subscriptionId: `s-${index}`, deploymentId, planId: 'bench', from: FROM, anchor: null },
      },
    );
    await append(usageStream(deploymentId, '2026-04'), ...usageOf(deploymentId, perTenant));
  });
  await ledger.catchUp();
}

const PER_EVENT = 1_000;

function usageOf(deploymentId: string, count: number): LedgerEvent[] {
  const readings = Array.from({ length: count }, (_, index) => {
    const start = plusHours(FROM, index % HOURS_IN_APRIL);
    return {
      resourceId: `r-${Math.floor(index / HOURS_IN_APRIL)}`,
      billingKind: 'cores',
      period: { start, end: plusHours(start, 1) },
      granularity: 'hour' as const,
      quantity: '1',
      rateKey: RATE,
    };
  });
  return Array.from({ length: Math.ceil(count / PER_EVENT) }, (_, n) => ({
    type: 'UsageObserved',
    data: {
      deploymentId,
      month: '2026-04',
      origin: 'command',
      observations: readings.slice(n * PER_EVENT, (n + 1) * PER_EVENT),
    },
  }));
}
