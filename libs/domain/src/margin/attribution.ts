import { changesWithin, lastStateAt, type ResourceState, type ResourceTimeline } from '../inventory/resource.js';
import { type Decimal, decimals } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';
import { type Assignment, tenantAt } from '../tenants/deployment.js';
import type { Instant } from '../time/instant.js';
import { cutAt, intersection, type Period } from '../time/period.js';
import { shareUpTo } from './months.js';

/** The owner of a cost: a deployment and its tenant, a tenant without a deployment (standalone), or nobody. */
export interface Attribution {
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
}

/** A share of a cost, from an instant on. */
export interface AttributedShare extends Attribution {
  readonly amount: Decimal;
  readonly at: Instant;
  /** The state of its resource at that instant. null: it has none, or one that was never seen. */
  readonly state: ResourceState | null;
}

/** A cost over its charge period, with what attribution needs. */
export interface AttributableCost {
  readonly amount: Decimal;
  readonly currency: string;
  readonly chargePeriod: Period;
  /** The tenant that the cost line names itself. */
  readonly tenantId: string | null;
  /** The resource that caused the cost. null: the line names none, or one that was never seen. */
  readonly resource: ResourceTimeline | null;
}

/**
 * The shares of a cost within a period (a month), each with its owner **then**: the deployment that held the resource
 * and that deployment's tenant; else the resource's own tenant; else the tenant that the line names; else nobody. If
 * the resource changed hands within the charge period, the cost is divided by time. The shares telescope, so they add
 * up to the cost. `cuts`: instants at which it is divided too, because other rules for it begin there.
 */
export function attributedShares(
  cost: AttributableCost,
  within: Period,
  assignmentsOf: (deploymentId: string) => readonly Assignment[],
  cuts: readonly Instant[] = [],
): AttributedShare[] {
  const charged = intersection(cost.chargePeriod, within);
  if (charged === null) return [];
  const upTo = shareUpTo(cost.amount, cost.chargePeriod, Math.max(scaleOf(cost.currency), decimals(cost.amount)));
  return cutAt(charged, [...changesOf(cost, charged, assignmentsOf), ...cuts]).map(({ start, end }) => ({
    ...holderAt(cost, start, assignmentsOf),
    state: stateOf(cost, start),
    at: start,
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
 * A provider's bill may begin before the resource was first seen: then its first state counts. It may also go on after
 * the resource ended: then the last state counts, as its last owner caused the cost.
 */
const stateFrom = (resource: ResourceTimeline, at: Instant): ResourceState | null =>
  lastStateAt(resource, at) ?? resource.sightings.find(({ state }) => state !== null)?.state ?? null;

const stateOf = ({ resource }: AttributableCost, at: Instant): ResourceState | null =>
  resource === null ? null : stateFrom(resource, at);

function holderAt(
  cost: AttributableCost,
  at: Instant,
  assignmentsOf: (deploymentId: string) => readonly Assignment[],
): Attribution {
  const state = stateOf(cost, at);
  if (state !== null && state.deploymentId !== null) {
    const holder = tenantAt(assignmentsOf(state.deploymentId), at);
    if (holder !== null) return { tenantId: holder, deploymentId: state.deploymentId };
  }
  return { tenantId: state?.tenantId ?? cost.tenantId, deploymentId: null };
}
