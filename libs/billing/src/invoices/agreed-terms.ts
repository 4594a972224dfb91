import { perKey } from '#domain/per-key';
import type { Commitment } from '#domain/plans/commitment';
import { withOverrides } from '#domain/plans/overrides';
import { hasPooledItem, type PlanVersion } from '#domain/plans/plan';
import { type AgreedOverrides, type Assignment, overridesInForce, type Subscription } from '#domain/tenants/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import type {
  AssignmentRow,
  SubscriptionCommitmentRow,
  SubscriptionOverridesRow,
  SubscriptionPlanRow,
  SubscriptionRow,
} from '#projections/deployments/deployments.table';
import {
  type Deployments,
  readAssignments,
  readSubscriptionCommitments,
  readSubscriptionOverrides,
  readSubscriptionPlans,
  readSubscriptions,
  toCommitment,
  toOverrides,
} from '#projections/deployments/deployments.read';
import { toVersion } from '#projections/plans/plans.projection';
import { readPlanVersions } from '#projections/plans/plans.read';
import { type AsOf, isAt } from '#read-model/at';
import type { History } from '#read-model/read-models';
import type { Versioned } from '#read-model/table';

/** A subscription, who held its deployment when, and what was agreed instead of the terms of its plans. */
export interface Contract {
  readonly subscription: Subscription;
  readonly assignments: readonly Assignment[];
  readonly overrides: readonly AgreedOverrides[];
  readonly commitments: readonly Commitment[];
}

export interface Contracts {
  /** As known at one of the positions read: of one tenant, or of all. */
  readonly at: (position: number, tenantId?: string) => Contract[];
  /** The plans that any of them ever subscribes to. */
  readonly planIds: ReadonlySet<string>;
}

export async function readContracts({ db }: LedgerCore, asOf: AsOf, which: Deployments): Promise<Contracts> {
  const assigned = await readAssignments(db, asOf, which);
  const subscribed = await readSubscriptions(db, asOf, which);
  const ids = [...new Set(subscribed.map(({ subscription_id }) => subscription_id))];
  const { plans, overrides, commitments } = await readTerms(db, asOf, ids);
  const assignments = Map.groupBy(assigned, ({ deployment_id }) => deployment_id);
  const held = Map.groupBy(assigned, ({ tenant_id }) => tenant_id);
  const subscriptions = Map.groupBy(subscribed.entries(), ([, { deployment_id }]) => deployment_id);

  const assignmentsOf = (deploymentId: string, position: number): Assignment[] =>
    (assignments.get(deploymentId) ?? []).filter((each) => isAt(each, position)).map(toAssignment);
  const knownOf = <Row extends Versioned>(rows: readonly Row[] | undefined, position: number): Row[] =>
    (rows ?? []).filter((each) => isAt(each, position));
  const at = (position: number, tenantId?: string): Contract[] => {
    const deploymentIds =
      tenantId === undefined
        ? subscriptions.keys()
        : new Set((held.get(tenantId) ?? []).filter((each) => isAt(each, position)).map((each) => each.deployment_id));
    return (
      [...deploymentIds]
        .flatMap((deploymentId) => subscriptions.get(deploymentId) ?? [])
        .filter(([, row]) => isAt(row, position))
        // In the order of the database: the order of rows on an invoice, and so their ids, follows from it.
        .sort(([a], [b]) => a - b)
        .map(([, row]) => ({
          subscription: toSubscription(row, knownOf(plans.get(row.subscription_id), position)),
          assignments: assignmentsOf(row.deployment_id, position),
          overrides: knownOf(overrides.get(row.subscription_id), position).map(toOverrides),
          commitments: knownOf(commitments.get(row.subscription_id), position).map(toCommitment),
        }))
    );
  };
  return { at, planIds: new Set([...plans.values()].flat().map(({ plan_id }) => plan_id)) };
}

/** What each subscription subscribes to, and what was agreed instead of it and beside it, by the subscription's id. */
async function readTerms(db: LedgerCore['db'], asOf: AsOf, ids: readonly string[]) {
  const of = ({ subscription_id }: { readonly subscription_id: string }): string => subscription_id;
  return {
    plans: Map.groupBy(await readSubscriptionPlans(db, asOf, ids), of),
    overrides: Map.groupBy<string, History<SubscriptionOverridesRow>>(
      await readSubscriptionOverrides(db, asOf, ids),
      of,
    ),
    commitments: Map.groupBy<string, History<SubscriptionCommitmentRow>>(
      await readSubscriptionCommitments(db, asOf, ids),
      of,
    ),
  };
}

const toAssignment = ({ tenant_id: tenantId, effective_from: from }: AssignmentRow): Assignment => ({ tenantId, from });

const toSubscription = (row: SubscriptionRow, plans: readonly SubscriptionPlanRow[]): Subscription => ({
  subscriptionId: row.subscription_id,
  deploymentId: row.deployment_id,
  from: row.started_at,
  anchor: row.anchor,
  plans: plans.map(({ plan_id: planId, effective_from: from }) => ({ planId, from })),
  cancelledAt: row.cancelled_at,
});

/** The contracts of some deployments, in the order of their subscriptions. */
export const contractsOf = async (core: LedgerCore, position: number, which: Deployments): Promise<Contract[]> =>
  (await readContracts(core, position, which)).at(position);

/** The contracts of these subscriptions, in their order. */
export async function contractsOfSubscriptions(
  { db }: LedgerCore,
  position: number,
  rows: readonly SubscriptionRow[],
): Promise<Contract[]> {
  const ids = rows.map(({ subscription_id }) => subscription_id);
  const deploymentIds = [...new Set(rows.map(({ deployment_id }) => deployment_id))];
  const assigned = await readAssignments(db, position, { deploymentIds });
  const assignments = Map.groupBy(assigned, ({ deployment_id }) => deployment_id);
  const { plans, overrides, commitments } = await readTerms(db, position, ids);
  return rows.map((row) => ({
    subscription: toSubscription(row, plans.get(row.subscription_id) ?? []),
    assignments: (assignments.get(row.deployment_id) ?? []).map(toAssignment),
    overrides: (overrides.get(row.subscription_id) ?? []).map(toOverrides),
    commitments: (commitments.get(row.subscription_id) ?? []).map(toCommitment),
  }));
}

export type Plans = ReadonlyMap<string, readonly PlanVersion[]>;

export interface KnownPlans {
  /** As known at one of the positions read. */
  readonly at: (position: number) => Plans;
  /** The plans that ever have a pooled item. */
  readonly pooled: ReadonlySet<string>;
}

/** `planIds` null: all. */
export async function readPlans(
  { db }: LedgerCore,
  asOf: AsOf,
  planIds: readonly string[] | null = null,
): Promise<KnownPlans> {
  const versions = (await readPlanVersions(db, asOf, planIds)).map((row) => ({ row, version: toVersion(row) }));
  const at = perKey((position: number) =>
    Map.groupBy(
      versions.filter(({ row }) => isAt(row, position)).map(({ version }) => version),
      ({ planId }) => planId,
    ),
  );
  const pooled = versions.filter(({ version }) => hasPooledItem(version));
  return { at, pooled: new Set(pooled.map(({ version: { planId } }) => planId)) };
}

export const plansById = async (
  core: LedgerCore,
  position: number,
  planIds: readonly string[] | null = null,
): Promise<Plans> => (await readPlans(core, position, planIds)).at(position);

/** The versions of the plans of a subscription, with its overrides. */
export function agreedPlans({ subscription, assignments, overrides }: Contract, plans: Plans): Plans {
  const inForce = overridesInForce(overrides, assignments);
  if (inForce.length === 0) return plans;
  const own = new Set(subscription.plans.map(({ planId }) => planId));
  return new Map([...own].map((planId) => [planId, withOverrides(plans.get(planId) ?? [], inForce)]));
}
