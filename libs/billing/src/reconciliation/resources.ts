import { lastStateAt, type ResourceState, type ResourceTimeline, stateAt } from '#domain/inventory/resource';
import { byMonth } from '#domain/margin/months';
import {
  type CostOfResource,
  type ResourceInMonth,
  type Untied,
  untied,
  type UsageOfResource,
} from '#domain/margin/reconciliation';
import { isMeteredKind, type MeteredResource } from '#domain/metering/metering';
import { type Decimal, decimal, integer, sum, ZERO } from '#domain/money/decimal';
import { lastInstantBefore } from '#domain/time/instant';
import { contains, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readFirstLines, readResourceCosts, type ResourceCost } from '#projections/costs/billed.read';
import { monthName } from '#projections/costs/charged.read';
import { readResourceUsage } from '#projections/usage-records/used-resources.read';
import { isAt } from '#read-model/at';
import { timelinesOf } from '../inventory/timelines.js';
import { fromLog, prunedOfMonth } from '../usage/pruned-usage.js';

/** A month by resource: what it costs, what was there, what was used. */
export interface MonthByResource extends Untied {
  /** The cost of each provider’s kind, also of no resource. */
  readonly kinds: readonly Omit<CostOfResource, 'resourceId'>[];
  readonly costs: readonly CostOfResource[];
  readonly resources: readonly ResourceInMonth[];
}

/**
 * Compares a month's cost in one currency with the inventory and with usage, by resource. A resource that is charged in
 * one of the other currencies of the month has a cost.
 */
export async function monthByResource(
  context: QueryContext,
  month: Period,
  { currency, others }: { readonly currency: string; readonly others: readonly string[] },
): Promise<MonthByResource> {
  const { core, position } = context;
  const { costs, kinds } = await costsOf(context, month, currency);
  const otherCosts: CostOfResource[] = [];
  for (const other of others) otherCosts.push(...(await costsOf(context, month, other)).costs);
  const resources = (await timelinesOf(core, position)).map((resource) => inMonth(resource, month));
  const usage = await usageOf(context, month);
  return { costs, kinds, resources, ...untied(costs, otherCosts, resources, usage) };
}

async function costsOf(
  { core, position }: QueryContext,
  month: Period,
  currency: string,
): Promise<Pick<MonthByResource, 'costs' | 'kinds'>> {
  const rows = await readResourceCosts(core.db, position, { month, currency });
  const ofResources = rows.flatMap((row) =>
    row.resource_id === null ? [] : [{ ...row, resource_id: row.resource_id }],
  );
  const summed = (of: readonly ResourceCost[]) => ({
    lines: of.reduce((lines, row) => lines + row.lines, 0),
    amount: sum(of.map((row) => amountWithin(row, month, currency))),
  });
  return {
    costs: [...Map.groupBy(ofResources, (row) => JSON.stringify([row.provider, row.resource_id, row.kind]))].flatMap(
      ([, of]) =>
        of.slice(0, 1).map(({ provider, resource_id: resourceId, kind }) => ({
          ...{ provider, resourceId, kind },
          ...summed(of),
        })),
    ),
    kinds: [...Map.groupBy(rows, (row) => JSON.stringify([row.provider, row.kind]))].flatMap(([, of]) =>
      of.slice(0, 1).map(({ provider, kind }) => ({ ...{ provider, kind }, ...summed(of) })),
    ),
  };
}

/** A cost line as correct-cost names it, with the provider. */
export interface LineRef {
  readonly invoiceRef: string;
  readonly lineKey: string;
}

/** At most this many lines of an item are named. */
export const MOST_LINES = 10;

/** Cost whose lines are wanted. `resourceId` null: with or without a resource. `within` null: charged at any time. */
export interface CostOfKind extends Pick<CostOfResource, 'provider' | 'kind'> {
  readonly resourceId: string | null;
  readonly within: readonly Period[] | null;
}

/** The first cost lines of a month of each of these, in their order. */
export async function firstLines(
  { core, position }: QueryContext,
  { month, currency }: { readonly month: Period; readonly currency: string },
  of: readonly CostOfKind[],
): Promise<LineRef[][]> {
  if (of.length === 0) return [];
  const rows = await readFirstLines(core.db, position, {
    ...{ month, currency, limit: MOST_LINES },
    of: of.flatMap(({ provider, resourceId, kind, within }, index) =>
      (within ?? [month]).map(({ start, end }) => ({ index, provider, resource_id: resourceId, kind, start, end })),
    ),
  });
  const found = Map.groupBy(rows, ({ index }) => index);
  return of.map((_, index) =>
    (found.get(index) ?? []).map((row) => ({ invoiceRef: row.invoice_ref, lineKey: row.line_key })),
  );
}

/** As the margin divides a cost by time. */
function amountWithin(row: ResourceCost, month: Period, currency: string): Decimal {
  const { charge_period_start: start, charge_period_end: end } = row;
  if (start === null || end === null) return decimal(row.amount);
  const share = byMonth(decimal(row.amount), { start, end }, currency).find((each) => each.month === monthName(month));
  return (share?.amount ?? ZERO).times(integer(row.lines));
}

const NOTHING_KNOWN: ResourceState = { kind: '', status: '', sizeGb: null, deploymentId: null, tenantId: null };

function inMonth({ provider, providerId, timeline }: MeteredResource, month: Period): ResourceInMonth {
  const last = lastInstantBefore(month.end);
  const state = lastStateAt(timeline, last) ?? timeline.sightings.find((each) => each.state !== null)?.state;
  const { kind, deploymentId, tenantId } = state ?? NOTHING_KNOWN;
  return {
    ...{ provider, resourceId: providerId, kind, deploymentId, tenantId },
    isThere: isThere(timeline, month),
    isMetered: isMeteredKind(kind),
  };
}

const isThere = (timeline: ResourceTimeline, month: Period): boolean =>
  (stateAt(timeline, month.start) ?? null) !== null ||
  timeline.sightings.some(({ seenAt, state }) => state !== null && contains(month, seenAt));

/** Records that were pruned are read from the log. */
async function usageOf({ core, position }: QueryContext, month: Period): Promise<UsageOfResource[]> {
  const rows = await readResourceUsage(core.db, position, month);
  const months = await prunedOfMonth(core, month.start);
  const isPruned = new Set(months.map(({ deploymentId, billingKind }) => JSON.stringify([deploymentId, billingKind])));
  const logged = months.length === 0 ? [] : (await fromLog(core, months)).versions;
  const readings = [
    // What was pruned after it was read is in the log, too.
    ...rows.filter((row) => !isPruned.has(JSON.stringify([row.deployment_id, row.billing_kind]))),
    ...logged.filter((row) => isAt(row, position)).map((row) => ({ ...row, readings: 1 })),
  ];
  const groups = Map.groupBy(readings, (row) =>
    JSON.stringify([row.deployment_id, row.billing_kind, row.provider, row.resource_id]),
  );
  return [...groups].map(([key, of]) => {
    const [deploymentId = '', billingKind = '', provider = '', resourceId = ''] = JSON.parse(key) as string[];
    return {
      ...{ deploymentId, billingKind, provider, resourceId },
      quantity: sum(of.map(({ quantity }) => decimal(quantity))),
      readings: of.reduce((count, row) => count + row.readings, 0),
    };
  });
}
