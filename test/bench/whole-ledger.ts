import { sum as sumOf, decimal, text } from '#domain/money/decimal';
import type { LedgerEvent } from '#domain/events';
import { costStream } from '#domain/costs/cost';
import { inventoryStream } from '#domain/inventory/resource';
import { rateStream } from '#domain/rates/rate';
import { deploymentStream } from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { instant } from '#domain/time/instant';
import type { EventLog } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { invoiceRun, tenantIds } from '#operations/invoice-run';
import type { Ledger } from '#operations/ledger';
import type { LedgerCore } from '#ledger/ledger-core';
import { appendingTo, BENCHER, mustBe } from './bench.js';
import { appendUsage, deploymentId, QUANTITY_PER_EVENT, READINGS_PER_EVENT } from './usage-log.js';

const FROM = instant('2026-04-01T00:00:00Z');
const AS_OF = instant('2026-05-01T00:00:00Z');
const APRIL = { start: FROM, end: AS_OF };
const DEPLOYMENTS_PER_TENANT = 10;
const RESOURCES_PER_DEPLOYMENT = READINGS_PER_EVENT / 10;
const RATES = 1000;
const PROVIDER = 'digitalocean';

const PLAN = {
  command: 'publish-plan',
  planId: 'bench',
  name: 'bench',
  currency: 'USD',
  baseFee: '5.00',
  paymentTerm: 'in_arrears',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [{ billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '0.01' } }],
};
/** 5.00 + 23,500 hours × 0.01 = 240.00 */
const PER_DEPLOYMENT = decimal('5.00').plus(decimal(String(QUANTITY_PER_EVENT)).times(decimal('0.01')));

const tenantId = (n: number): string => `tenant-${String(n).padStart(6, '0')}`;
const resourceId = (deployment: number, n: number): string =>
  String(400_000_000 + deployment * RESOURCES_PER_DEPLOYMENT + n);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/**
 * A ledger with something of all that grows: tenants, resources, rates, usage, lines, issued invoices and costs.
 * Answers the number of readings.
 */
export async function wholeLedger(ledger: Ledger, core: LedgerCore, records: number): Promise<number> {
  const deployments = Math.ceil(records / READINGS_PER_EVENT);
  mustBe('the plan', (await ledger.execute(PLAN, BENCHER)).status, 'done');
  const append = appendingTo(core);
  for (const n of numbers(Math.ceil(deployments / DEPLOYMENTS_PER_TENANT))) {
    const id = tenantId(n);
    await append(tenantStream(id), {
      type: 'TenantRegistered',
      data: { tenantId: id, currency: 'USD', timeZone: 'UTC', ...(await core.details.keep(id, { name: id })) },
    });
  }
  for (const n of numbers(RATES)) {
    const key = { resourceType: 'cpu', resourceFamily: `family-${n}`, location: 'eu' };
    await append(rateStream(key), {
      type: 'RateSet',
      data: {
        ...key,
        unit: null,
        unitPrice: '0.01',
        currency: 'USD',
        basis: 'duration',
        effectiveFrom: FROM,
        effectiveUntil: null,
      },
    });
  }
  for (const n of numbers(deployments)) {
    const id = deploymentId(n);
    await append(
      deploymentStream(id),
      {
        type: 'DeploymentRegistered',
        data: { deploymentId: id, tenantId: tenantId(Math.floor(n / DEPLOYMENTS_PER_TENANT)), name: id, from: FROM },
      },
      {
        type: 'SubscriptionStarted',
        data: { subscriptionId: `subscription-${n}`, deploymentId: id, planId: PLAN.planId, from: FROM, anchor: null },
      },
    );
    await append(inventoryStream(`${PROVIDER}-${n}`), resourcesOf(n, id));
  }
  const readings = await appendUsage(logOf(core.log), records);
  await ledger.catchUp();
  await issued(ledger, deployments);
  for (const n of numbers(deployments)) await append(costStream(PROVIDER, `2026-04-${n}`), costsOf(n));
  await ledger.catchUp();
  return readings;
}

function logOf(log: EventLog): PostgresLog {
  if (!(log instanceof PostgresLog)) throw new Error('the bench is of the log in Postgres');
  return log;
}

const resourcesOf = (n: number, id: string): LedgerEvent => ({
  type: 'ResourcesObserved',
  data: {
    provider: PROVIDER,
    seenAt: FROM,
    resources: numbers(RESOURCES_PER_DEPLOYMENT).map((resource) => ({
      providerId: resourceId(n, resource),
      // Not metered from the inventory: the usage log has the readings.
      kind: 'server',
      name: `server-${n}-${resource}`,
      status: 'active',
      region: 'nyc3',
      sizeSlug: 's-2vcpu-4gb',
      deploymentId: id,
    })),
  },
});

const costsOf = (n: number): LedgerEvent => ({
  type: 'CostRecorded',
  data: {
    provider: PROVIDER,
    invoiceRef: `2026-04-${n}`,
    lines: numbers(RESOURCES_PER_DEPLOYMENT).map((resource) => ({
      lineKey: String(resource),
      resourceId: resourceId(n, resource),
      kind: 'droplet',
      chargePeriod: APRIL,
      amount: '1.25',
      currency: 'USD',
      category: 'usage' as const,
    })),
  },
});

async function issued(ledger: Ledger, deployments: number): Promise<void> {
  const totals: string[] = [];
  const tenants = await tenantIds(ledger, BENCHER);
  for await (const billed of invoiceRun(ledger, BENCHER, {
    asOf: AS_OF,
    tenantIds: tenants,
    issue: true,
  })) {
    if (billed.failure !== null) throw billed.failure;
    totals.push(...billed.invoices.map(({ total }) => total));
  }
  mustBe(
    'what is billed',
    text(sumOf(totals.map((total) => decimal(total)))),
    text(PER_DEPLOYMENT.times(decimal(String(deployments)))),
  );
}
