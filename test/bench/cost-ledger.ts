import type { LedgerEvent } from '#domain/events';
import { type CostLine, costStream } from '#domain/costs/cost';
import { inventoryStream } from '#domain/inventory/resource';
import { deploymentStream } from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { estimateStream } from '#domain/margin/cost-rate';
import { SHARED_COSTS_STREAM } from '#domain/margin/sharing-policy';
import { type Instant, instant, plusHours } from '#domain/time/instant';
import { usageStream } from '#domain/usage/usage';
import { dayOf, monthOf, type Period, piecesOf } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { appendingTo } from './bench.js';

/** Three years. */
export const COST_MONTHS: readonly Period[] = piecesOf(
  { start: instant('2023-06-01T00:00:00Z'), end: instant('2026-06-01T00:00:00Z') },
  monthOf,
);
const FROM = instant('2023-06-01T00:00:00Z');
const PROVIDER = 'digitalocean';
const DEPLOYMENTS_PER_TENANT = 10;
const RESOURCES_PER_DEPLOYMENT = 3;
/** One of so many resources moves to the next deployment, in the middle of 2025-01. */
const MOVES = 20;
const MOVED_AT = instant('2025-01-16T00:00:00Z');
/** One of so many lines names no resource: support, traffic and the like. */
const OF_NOBODY = 25;
const LISTED = 5000;
const LISTED_AT = instant('2026-06-02T00:00:00Z');
const LINES_PER_EVENT = 300;
const RESOURCES_PER_EVENT = 1000;
const KINDS = ['droplet', 'volume', 'snapshot', 'backup'];

const deploymentId = (n: number): string => `deployment-${String(n).padStart(6, '0')}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return numbers(Math.ceil(items.length / size)).map((n) => items.slice(n * size, (n + 1) * size));
}

/**
 * A ledger of so many cost lines over three years: each resource has a line a month. Some resources move, and some
 * lines are of nobody. Answers the number of deployments.
 */
export async function costLedger(core: LedgerCore, lines: number): Promise<number> {
  const append = appendingTo(core);
  const resources = Math.ceil(lines / COST_MONTHS.length);
  const deployments = Math.ceil(resources / RESOURCES_PER_DEPLOYMENT);
  for (const n of numbers(Math.ceil(deployments / DEPLOYMENTS_PER_TENANT))) {
    const tenantId = `tenant-${n}`;
    const details = await core.details.keep(tenantId, { name: tenantId });
    await append(tenantStream(tenantId), {
      type: 'TenantRegistered',
      data: { tenantId, currency: 'USD', timeZone: 'UTC', ...details },
    });
  }
  for (const n of numbers(deployments))
    await append(deploymentStream(deploymentId(n)), {
      type: 'DeploymentRegistered',
      data: {
        deploymentId: deploymentId(n),
        tenantId: `tenant-${Math.floor(n / DEPLOYMENTS_PER_TENANT)}`,
        name: deploymentId(n),
        from: FROM,
      },
    });
  const movers = numbers(resources).filter((n) => n % MOVES === 0);
  await append(
    inventoryStream(PROVIDER),
    ...seen(FROM, numbers(resources), (n) => homeOf(n)),
    ...seen(MOVED_AT, movers, (n) => (homeOf(n) + 1) % deployments),
  );
  for (const month of COST_MONTHS)
    for (const [part, of] of chunks(numbers(resources), LINES_PER_EVENT).entries()) {
      const invoiceRef = `${month.start.slice(0, 7)}-${part}`;
      await append(costStream(PROVIDER, invoiceRef), {
        type: 'CostRecorded',
        data: { provider: PROVIDER, invoiceRef, lines: of.map((n) => lineOf(n, month)) },
      });
    }
  return deployments;
}

const homeOf = (n: number): number => Math.floor(n / RESOURCES_PER_DEPLOYMENT);

/** Sightings of these resources. */
const seen = (seenAt: Instant, of: readonly number[], deploymentOf: (n: number) => number): LedgerEvent[] =>
  chunks(of, RESOURCES_PER_EVENT).map((each) => ({
    type: 'ResourcesObserved',
    data: {
      provider: PROVIDER,
      seenAt,
      resources: each.map((n) => ({
        providerId: String(n),
        kind: 'server',
        name: `server-${n}`,
        status: 'active',
        deploymentId: deploymentId(deploymentOf(n)),
      })),
    },
  }));

/** Each resource has so many readings of a day a month, and each deployment one event of them. */
const READINGS_PER_LINE = 10;
const BILLING_KIND = 'droplet_hours';

/** The month after the last bill. */
export const OPEN_MONTH = monthOf(instant('2026-06-01T00:00:00Z'));

/** The usage of the resources of that many cost lines, and of one more month. Answers the number of readings. */
export async function useAll(core: LedgerCore, lines: number): Promise<number> {
  const append = appendingTo(core);
  const resources = Math.ceil(lines / COST_MONTHS.length);
  const homes = [...Map.groupBy(numbers(resources), homeOf)];
  const months = [...COST_MONTHS, OPEN_MONTH];
  for (const month of months)
    for (const [home, of] of homes) {
      const name = month.start.slice(0, 7);
      const days = piecesOf({ start: month.start, end: plusHours(month.start, READINGS_PER_LINE * 24) }, dayOf);
      await append(usageStream(deploymentId(home), name), {
        type: 'UsageObserved',
        data: {
          ...{ deploymentId: deploymentId(home), month: name, origin: 'backfill' },
          observations: of.flatMap((n) =>
            days.map((period) => ({
              ...{ provider: PROVIDER, resourceId: String(n), billingKind: BILLING_KIND, period },
              ...{ granularity: 'day' as const, quantity: '24' },
            })),
          ),
        },
      });
    }
  return resources * months.length * READINGS_PER_LINE;
}

/** Cost of nobody is shared by direct cost. */
export const shareAll = async (core: LedgerCore): Promise<unknown> =>
  appendingTo(core)(SHARED_COSTS_STREAM, {
    type: 'CostSharingSet',
    data: {
      ...{ policyId: 'nobody', costs: { unattributed: true }, method: 'direct_cost' },
      ...{ effectiveFrom: FROM, effectiveUntil: null },
    },
  });

/** An hour of a droplet is estimated to cost 0.01. */
export const estimateAll = async (core: LedgerCore): Promise<unknown> =>
  appendingTo(core)(estimateStream(BILLING_KIND), {
    type: 'CostRateSet',
    data: {
      ...{ billingKind: BILLING_KIND, provider: null, region: null },
      ...{ terms: { unitCost: '0.01', currency: 'USD' }, effectiveFrom: FROM, effectiveUntil: null },
    },
  });

/** A listing of the resources after the last month, as a provider gives each day. It changes no month. */
export async function syncAll(core: LedgerCore, lines: number): Promise<void> {
  const listed = numbers(Math.min(LISTED, Math.ceil(lines / COST_MONTHS.length)));
  await appendingTo(core)(inventoryStream(`${PROVIDER}-listing`), ...seen(LISTED_AT, listed, homeOf));
}

/** 1.25 or 0.625, so that half cents occur. */
const lineOf = (n: number, chargePeriod: Period): CostLine => ({
  lineKey: String(n),
  ...(n % OF_NOBODY === 0 ? {} : { resourceId: String(n) }),
  kind: KINDS[n % KINDS.length] ?? '',
  chargePeriod,
  amount: n % 2 === 0 ? '1.25' : '0.625',
  currency: 'USD',
  category: 'usage',
});
