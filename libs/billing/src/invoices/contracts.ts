import { notFound } from '#domain/errors';
import { linesWithCommitments } from '#domain/lines/commitment-lines';
import { type Covered, coveredBy } from '#domain/lines/covered';
import { type LineDefinition, planVersionAt } from '#domain/lines/line';
import type { Commitment } from '#domain/plans/commitment';
import { withOverrides } from '#domain/plans/overrides';
import type { PlanVersion } from '#domain/plans/plan';
import {
  type AgreedOverrides,
  type Assignment,
  overridesInForce,
  type Subscription,
  subscriptionPeriods,
} from '#domain/tenants/deployment';
import { contains } from '#domain/time/period';
import type { Instant } from '#domain/time/instant';
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
import { readTenants } from '#projections/tenants/tenants.read';
import { type AsOf, isAt } from '#read-model/at';
import type { History } from '#read-model/read-models';
import type { Versioned } from '#read-model/table';
import type { TenantAccount } from './accounts.js';

/** A subscription, who held its deployment when, and what was agreed instead of the terms of its plans. */
export interface Contract {
  readonly subscription: Subscription;
  readonly assignments: readonly Assignment[];
  readonly overrides: readonly AgreedOverrides[];
  readonly commitments: readonly Commitment[];
}

/** The contracts as known at one of the positions read: of one tenant, or of all. */
type Contracts = (position: number, tenantId?: string) => Contract[];

async function readContracts({ db }: LedgerCore, asOf: AsOf, which: Deployments): Promise<Contracts> {
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
  return (position, tenantId) => {
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
const contractsOf = async (core: LedgerCore, position: number, which: Deployments): Promise<Contract[]> =>
  (await readContracts(core, position, which))(position);

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

type Plans = ReadonlyMap<string, readonly PlanVersion[]>;

/** The plans as known at one of the positions read. `planIds` null: all. */
async function readPlans(
  { db }: LedgerCore,
  asOf: AsOf,
  planIds: readonly string[] | null = null,
): Promise<(position: number) => Plans> {
  const versions = (await readPlanVersions(db, asOf, planIds)).map((row) => ({ row, version: toVersion(row) }));
  const known = new Map<number, Plans>();
  return (position) => {
    const plans =
      known.get(position) ??
      Map.groupBy(
        versions.filter(({ row }) => isAt(row, position)).map(({ version }) => version),
        ({ planId }) => planId,
      );
    known.set(position, plans);
    return plans;
  };
}

export const plansById = async (
  core: LedgerCore,
  position: number,
  planIds: readonly string[] | null = null,
): Promise<Plans> => (await readPlans(core, position, planIds))(position);

/** The versions of the plans of a subscription, with its overrides. */
function agreedPlans({ subscription, assignments, overrides }: Contract, plans: Plans): Plans {
  const inForce = overridesInForce(overrides, assignments);
  if (inForce.length === 0) return plans;
  const own = new Set(subscription.plans.map(({ planId }) => planId));
  return new Map([...own].map((planId) => [planId, withOverrides(plans.get(planId) ?? [], inForce)]));
}

/**
 * The terms that a subscription of a deployment has at an instant: those of its plan with its overrides. null: none, or
 * the deployment is then of another tenant than `confinedTo` (null: of any).
 */
export async function agreedVersion(
  core: LedgerCore,
  position: number,
  of: { readonly subscriptionId: string; readonly deploymentId: string; readonly confinedTo: string | null },
  at: Instant,
): Promise<PlanVersion | null> {
  const contracts = await contractsOf(core, position, { deploymentIds: [of.deploymentId] });
  const contract = contracts.find(({ subscription }) => subscription.subscriptionId === of.subscriptionId);
  if (contract === undefined) return null;
  const { subscription, assignments } = contract;
  const held = subscriptionPeriods(subscription, assignments).find(({ period }) => contains(period, at));
  if (held === undefined || (of.confinedTo !== null && of.confinedTo !== held.tenantId)) return null;
  const planIds = subscription.plans.map(({ planId }) => planId);
  const plans = await plansById(core, position, planIds);
  return planVersionAt(subscription, agreedPlans(contract, plans), at) ?? null;
}

/**
 * The lines of a tenant whose charge period starts at or before `until`, as subscriptions and plans are known at a
 * position.
 */
export interface LinesUpTo {
  readonly account: Pick<TenantAccount, 'tenantId' | 'timeZone'>;
  readonly position: number;
  readonly until: Instant;
}

/** Finds the lines of one tenant at one position, in what was read for many. */
export type Lines = (wanted: LinesUpTo) => LineDefinition[];

/** What lines of a subscription may ever be of: all versions of its plans, with its overrides, and its commitments. */
export interface Terms {
  readonly versions: readonly PlanVersion[];
  readonly commitments: readonly Commitment[];
}

/**
 * Reads the lines of tenants (null: of all) for any of the positions, in a constant number of statements. `isWanted`:
 * of a subscription with other terms, no lines are made.
 */
export async function readLines(
  core: LedgerCore,
  asOf: AsOf,
  tenantIds: readonly string[] | null,
  isWanted: (terms: Terms, tenantId: string) => boolean = () => true,
): Promise<Lines> {
  const contracts = await readContracts(core, asOf, tenantIds === null ? null : { tenantIds });
  const known = await readPlans(core, asOf);
  return ({ account: { tenantId, timeZone }, position, until }) =>
    contracts(position, tenantId)
      .flatMap((contract) => {
        const { subscription, assignments, commitments } = contract;
        const plans = agreedPlans(contract, known(position));
        const versions = subscription.plans.flatMap(({ planId }) => plans.get(planId) ?? []);
        if (!isWanted({ versions, commitments }, tenantId)) return [];
        const terms = { assignments, plans, timeZoneOf: () => timeZone };
        return linesWithCommitments(subscription, { ...terms, commitments }, until);
      })
      .filter((line) => line.tenantId === tenantId);
}

export const linesOfTenant = async (
  core: LedgerCore,
  position: number,
  account: TenantAccount,
  until: Instant,
): Promise<LineDefinition[]> => (await readLines(core, position, [account.tenantId]))({ account, position, until });

/** The lines of all tenants whose charge period starts at or before `until`, each in its tenant's time zone. */
export async function allLines(
  core: LedgerCore,
  position: number,
  until: Instant | ((deploymentId: string) => Instant),
  which: Deployments = null,
): Promise<LineDefinition[]> {
  const plans = await plansById(core, position);
  const tenants = await readTenants(core.db, position, null);
  const zones = new Map(tenants.map((row) => [row.tenant_id, row.time_zone]));
  const zoneOf = (tenantId: string): string => {
    const zone = zones.get(tenantId);
    if (zone === undefined) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
    return zone;
  };
  return (await contractsOf(core, position, which)).flatMap((contract) => {
    const { subscription, assignments, commitments } = contract;
    return linesWithCommitments(
      subscription,
      { assignments, plans: agreedPlans(contract, plans), timeZoneOf: zoneOf, commitments },
      typeof until === 'string' ? until : until(subscription.deploymentId),
    );
  });
}

/** The readings that are on lines, of all times, as subscriptions and plans are known at a position. */
export async function coveredUsage(core: LedgerCore, position: number, which: Deployments): Promise<Covered[]> {
  const plans = await plansById(core, position);
  return (await contractsOf(core, position, which)).flatMap(({ subscription, assignments }) =>
    coveredBy(subscription, { assignments, plans }),
  );
}
