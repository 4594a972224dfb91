import { changesWithin, lastStateAt, type ResourceState, type ResourceTimeline } from '../inventory/resource.js';
import type { Decimal } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';
import { type Assignment, tenantAt } from '../tenants/deployment.js';
import type { Instant } from '../time/instant.js';
import { cutAt, intersection, type Period } from '../time/period.js';
import { decimals, shareUpTo } from './months.js';

/** Whose a cost is: a deployment and its tenant, a tenant's own (standalone), or nobody's. */
export interface Attribution {
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
}

/** A cost over its charge period, with what is needed to say whose it is. */
export interface AttributableCost {
  readonly amount: Decimal;
  readonly currency: string;
  readonly chargePeriod: Period;
  /** The tenant that the cost line itself names. */
  readonly tenantId: string | null;
  /** The resource that caused it; null where it names none, or one that was never seen. */
  readonly resource: ResourceTimeline | null;
}

/**
 * A cost's shares within a period (a month), each with whose it was **then**: the deployment that held the resource and
 * that deployment's tenant; else the resource's own tenant; else the tenant that the line names; else nobody's. A cost
 * whose resource changed hands within its charge period is divided by time, telescoping, so that the shares add up to it.
 */
export function attributedShares(
  cost: AttributableCost,
  within: Period,
  assignmentsOf: (deploymentId: string) => readonly Assignment[],
): (Attribution & { readonly amount: Decimal })[] {
  const charged = intersection(cost.chargePeriod, within);
  if (charged === null) return [];
  const upTo = shareUpTo(cost.amount, cost.chargePeriod, Math.max(scaleOf(cost.currency), decimals(cost.amount)));
  return cutAt(charged, changesOf(cost, charged, assignmentsOf)).map(({ start, end }) => ({
    ...holderAt(cost, start, assignmentsOf),
    amount: upTo(end).minus(upTo(start)),
  }));
}

function changesOf(
  { resource }: AttributableCost,
  over: Period,
  assignmentsOf: (deploymentId: string) => readonly Assignment[],
): Instant[] {
  if (resource === null) return [];
  const changes = changesWithin(resource, over.start, over.end);
  const deployments = new Set(
    [over.start, ...changes].map((at) => stateFrom(resource, at)?.deploymentId ?? null).filter((id) => id !== null),
  );
  return [...changes, ...[...deployments].flatMap((id) => assignmentsOf(id).map(({ from }) => from))];
}

/**
 * A provider's bill may reach back before the resource was first seen: then its first state counts; and beyond its end: then
 * the last, since who held it last caused what came after.
 */
const stateFrom = (resource: ResourceTimeline, at: Instant): ResourceState | null =>
  lastStateAt(resource, at) ?? resource.sightings.find(({ state }) => state !== null)?.state ?? null;

function holderAt(
  { resource, tenantId }: AttributableCost,
  at: Instant,
  assignmentsOf: (deploymentId: string) => readonly Assignment[],
): Attribution {
  const state = resource === null ? null : stateFrom(resource, at);
  if (state !== null && state.deploymentId !== null) {
    const holder = tenantAt(assignmentsOf(state.deploymentId), at);
    if (holder !== null) return { tenantId: holder, deploymentId: state.deploymentId };
  }
  return { tenantId: state?.tenantId ?? tenantId, deploymentId: null };
}
