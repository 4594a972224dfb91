import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Commitment } from '#domain/plans/commitment';
import type { AgreedOverrides } from '#domain/tenants/deployment';
import type { Instant } from '#domain/time/instant';
import { anyOf } from '#read-model/any-of';
import { contains } from '#read-model/contains';
import { type AsOf, at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type {
  AssignmentRow,
  DeploymentRow,
  SubscriptionCommitmentRow,
  SubscriptionOverridesRow,
  SubscriptionPlanRow,
  SubscriptionRow,
} from './deployments.table.js';

type Db = Kysely<ReadModels>;

/** A selection of deployments: those that belong or belonged to some tenants, those with these ids, or all (null). */
export type Deployments =
  | { readonly tenantIds: readonly string[] }
  | { readonly deploymentIds: readonly string[] }
  | null;

/** Their ids, as a subquery. It includes every tenant that a deployment ever had, at any position. */
function idsOf(db: Db, which: Deployments) {
  const all = db.selectFrom('deployment_assignments').select('deployment_id').distinct();
  if (which === null) return all;
  return 'tenantIds' in which
    ? all.where('tenant_id', '=', anyOf(which.tenantIds))
    : all.where('deployment_id', '=', anyOf(which.deploymentIds));
}

export const DEPLOYMENT_ORDER = keyset<DeploymentRow>({ deployment_id: 'text' });

/** A selection of deployments, by all that is given. */
export interface DeploymentsOf {
  readonly ids: readonly (readonly string[])[];
  readonly holders: readonly (readonly string[])[];
  readonly search?: string | undefined;
}

/**
 * Deployments that are in each of the sets of ids, and that belonged to at least one tenant of each set of holders, in
 * the order of their list. `search`: a part of the id or the name of each.
 */
export async function readDeploymentPage(
  db: Db,
  position: number,
  { ids, holders, search }: DeploymentsOf,
  { after, limit }: Rows,
): Promise<History<DeploymentRow>[]> {
  let query = db
    .selectFrom('deployments as d')
    .selectAll('d')
    .where(at(position, 'd'))
    .where(DEPLOYMENT_ORDER.after(after, 'd'));
  for (const each of ids) query = query.where('d.deployment_id', '=', anyOf(each));
  if (search !== undefined)
    query = query.where(sql<boolean>`(${contains('d.deployment_id', search)} OR ${contains('d.name', search)})`);
  for (const each of holders)
    query = query.where(sql<boolean>`EXISTS (
      SELECT FROM deployment_assignments a
      WHERE a.deployment_id = d.deployment_id AND a.tenant_id = ${anyOf(each)} AND ${at(position, 'a')})`);
  return query.orderBy(DEPLOYMENT_ORDER.order('d')).limit(limit).execute();
}

export const SUBSCRIPTION_ORDER = keyset<SubscriptionRow>({ subscription_id: 'text' });

/** A selection of subscriptions: in each of the sets, and running for at least one tenant of each set of holders. */
export interface SubscriptionsOf {
  readonly ids: readonly (readonly string[])[];
  readonly deploymentIds: readonly (readonly string[])[];
  readonly holders: readonly (readonly string[])[];
}

/** Subscriptions in the order of their list. */
export async function readSubscriptionPage(
  db: Db,
  position: number,
  { ids, deploymentIds, holders }: SubscriptionsOf,
  { after, limit }: Rows,
): Promise<History<SubscriptionRow>[]> {
  let query = db
    .selectFrom('subscriptions as s')
    .selectAll('s')
    .where(at(position, 's'))
    .where(SUBSCRIPTION_ORDER.after(after, 's'));
  for (const each of ids) query = query.where('s.subscription_id', '=', anyOf(each));
  for (const each of deploymentIds) query = query.where('s.deployment_id', '=', anyOf(each));
  // A subscription ran for a holder from the later of the two starts to the earlier of the two ends.
  for (const each of holders)
    query = query.where(sql<boolean>`EXISTS (
      SELECT FROM (
        SELECT a.tenant_id, a.effective_from, lead(a.effective_from) OVER (ORDER BY a.effective_from) AS until
        FROM deployment_assignments a WHERE a.deployment_id = s.deployment_id AND ${at(position, 'a')}) a
      WHERE a.tenant_id = ${anyOf(each)}
        AND greatest(a.effective_from, s.started_at) < coalesce(least(a.until, s.cancelled_at), 'infinity'))`);
  return query.orderBy(SUBSCRIPTION_ORDER.order('s')).limit(limit).execute();
}

/** The tenants of each deployment with their start, in order of time. */
export const readAssignments = async (db: Db, asOf: AsOf, which: Deployments): Promise<History<AssignmentRow>[]> =>
  db
    .selectFrom('deployment_assignments')
    .selectAll()
    .where('deployment_id', 'in', idsOf(db, which))
    .where(at(asOf))
    .orderBy('effective_from')
    .execute();

/** From when on any tenant had a deployment. null: none has. */
export async function readFirstAssignment(db: Db, position: number): Promise<Instant | null> {
  const row = await db
    .selectFrom('deployment_assignments')
    .select('effective_from')
    .where(at(position))
    .orderBy('effective_from')
    .limit(1)
    .executeTakeFirst();
  return row?.effective_from ?? null;
}

export const readSubscriptions = async (db: Db, asOf: AsOf, which: Deployments): Promise<History<SubscriptionRow>[]> =>
  db
    .selectFrom('subscriptions')
    .selectAll()
    .where('deployment_id', 'in', idsOf(db, which))
    .where(at(asOf))
    .orderBy('subscription_id')
    .execute();

/** The plans of each subscription with their start, in order of time. */
export const readSubscriptionPlans = async (
  db: Db,
  asOf: AsOf,
  subscriptionIds: readonly string[],
): Promise<History<SubscriptionPlanRow>[]> =>
  db
    .selectFrom('subscription_plans')
    .selectAll()
    .where('subscription_id', '=', anyOf(subscriptionIds))
    .where(at(asOf))
    .orderBy('effective_from')
    .execute();

/** The overrides of each subscription, in order of time. */
export const readSubscriptionOverrides = async (
  db: Db,
  asOf: AsOf,
  subscriptionIds: readonly string[],
): Promise<History<SubscriptionOverridesRow>[]> =>
  db
    .selectFrom('subscription_overrides')
    .selectAll()
    .where('subscription_id', '=', anyOf(subscriptionIds))
    .where(at(asOf))
    .orderBy('effective_from')
    .execute();

/** The overrides of a tenant, on all subscriptions. */
export const readOverridesOfTenant = async (
  db: Db,
  position: number,
  tenantId: string,
): Promise<SubscriptionOverridesRow[]> =>
  db.selectFrom('subscription_overrides').selectAll().where('tenant_id', '=', tenantId).where(at(position)).execute();

export const toOverrides = (row: SubscriptionOverridesRow): AgreedOverrides => ({
  tenantId: row.tenant_id,
  terms: {
    ...{ currency: row.currency, interval: row.interval },
    ...(row.base_fee === null ? {} : { baseFee: row.base_fee }),
    items: [...row.items],
  },
  period: { start: row.effective_from, end: row.effective_until },
});

/** The commitments of each subscription, in the order of their ids. */
export const readSubscriptionCommitments = async (
  db: Db,
  asOf: AsOf,
  subscriptionIds: readonly string[],
): Promise<History<SubscriptionCommitmentRow>[]> =>
  db
    .selectFrom('subscription_commitments')
    .selectAll()
    .where('subscription_id', '=', anyOf(subscriptionIds))
    .where(at(asOf))
    .orderBy('commitment_id')
    .execute();

export const toCommitment = (row: SubscriptionCommitmentRow): Commitment => ({
  ...{ commitmentId: row.commitment_id, subscriptionId: row.subscription_id, deploymentId: row.deployment_id },
  ...{ tenantId: row.tenant_id, currency: row.currency, terms: [...row.terms] },
  ...(row.billing_kinds === null ? {} : { billingKinds: [...row.billing_kinds] }),
});

export const COMMITMENT_ORDER = keyset<SubscriptionCommitmentRow>({ subscription_id: 'text', commitment_id: 'text' });

/** Commitments in the order of their list: those of a tenant, a subscription, or all (null). */
export async function readCommitmentPage(
  db: Db,
  position: number,
  of: { readonly tenantId: string | null; readonly subscriptionId: string | undefined },
  { after, limit }: Rows,
): Promise<History<SubscriptionCommitmentRow>[]> {
  let query = db
    .selectFrom('subscription_commitments as c')
    .selectAll('c')
    .where(at(position, 'c'))
    .where(COMMITMENT_ORDER.after(after, 'c'));
  if (of.tenantId !== null) query = query.where('c.tenant_id', '=', of.tenantId);
  if (of.subscriptionId !== undefined) query = query.where('c.subscription_id', '=', of.subscriptionId);
  return query.orderBy(COMMITMENT_ORDER.order('c')).limit(limit).execute();
}

/** A subscription to a plan, and the period in which it has the plan. */
export interface UseOfPlan {
  readonly subscription_id: string;
  readonly effective_from: Instant;
  readonly effective_until: Instant | null;
}

/** The subscriptions to a plan as of a position, in the order of their ids. */
export async function readUsesOfPlan(db: Db, position: number, planId: string): Promise<UseOfPlan[]> {
  const { rows } = await sql<UseOfPlan>`
    SELECT subscription_id, effective_from, least(until, cancelled_at) AS effective_until
    FROM (
      SELECT p.subscription_id, p.plan_id, p.effective_from, s.cancelled_at,
        lead(p.effective_from) OVER (PARTITION BY p.subscription_id ORDER BY p.effective_from) AS until
      FROM subscription_plans p
      JOIN subscriptions s ON s.subscription_id = p.subscription_id AND ${at(position, 's')}
      WHERE ${at(position, 'p')}
        AND p.subscription_id IN (SELECT subscription_id FROM subscription_plans WHERE plan_id = ${planId})) p
    WHERE plan_id = ${planId} ORDER BY subscription_id, effective_from`.execute(db);
  return rows;
}

/**
 * The plans that subscriptions of a tenant had, have, or will have while their deployment belongs to it: as known at a
 * position, or as known now.
 */
export async function readPlansOfTenant(db: Db, position: number, tenantId: string): Promise<string[]> {
  const held = sql`SELECT deployment_id FROM deployment_assignments WHERE tenant_id = ${tenantId}`;
  const known = (when: (alias: string) => RawBuilder<boolean>): RawBuilder<unknown> => sql`
    SELECT p.plan_id
    FROM (
      SELECT p.plan_id, p.deployment_id, p.effective_from,
        least(s.cancelled_at, lead(p.effective_from) OVER (
          PARTITION BY p.deployment_id, p.subscription_id ORDER BY p.effective_from)) AS until
      FROM subscription_plans p
      JOIN subscriptions s USING (deployment_id, subscription_id)
      WHERE p.deployment_id IN (${held}) AND ${when('p')} AND ${when('s')}) p
    JOIN (
      SELECT deployment_id, tenant_id, effective_from,
        lead(effective_from) OVER (PARTITION BY deployment_id ORDER BY effective_from) AS until
      FROM deployment_assignments a WHERE deployment_id IN (${held}) AND ${when('a')}) a USING (deployment_id)
    WHERE a.tenant_id = ${tenantId}
      AND greatest(p.effective_from, a.effective_from) < coalesce(least(p.until, a.until), 'infinity')`;
  const { rows } = await sql<{ plan_id: string }>`
    ${known((alias) => at(position, alias))}
    UNION ${known((alias) => sql<boolean>`${sql.ref(`${alias}.position_to`)} IS NULL`)}`.execute(db);
  return rows.map((row) => row.plan_id);
}

/** The deployments that ever belonged to these tenants, or ever had a subscription to one of these plans. */
export async function readDeploymentsEver(
  db: Db,
  { tenantIds, planIds }: { readonly tenantIds: readonly string[]; readonly planIds: readonly string[] },
): Promise<string[]> {
  const rows = await idsOf(db, { tenantIds })
    .union(
      db
        .selectFrom('subscriptions as s')
        .innerJoin('subscription_plans as p', 'p.subscription_id', 's.subscription_id')
        .select('s.deployment_id')
        .where('p.plan_id', '=', anyOf(planIds)),
    )
    .execute();
  return rows.map((row) => row.deployment_id);
}

/** The deployments of these that are registered, each with the tenants that have or had it. */
export const readHolders = async (
  db: Db,
  deploymentIds: readonly string[],
): Promise<Pick<AssignmentRow, 'deployment_id' | 'tenant_id'>[]> =>
  db
    .selectFrom('deployment_assignments')
    .select(['deployment_id', 'tenant_id'])
    .distinct()
    .where('deployment_id', '=', anyOf(deploymentIds))
    .where('position_to', 'is', null)
    .execute();

/** Deployments as registered by then. `ids`: null for all. */
export async function readDeployments(
  db: Db,
  asOf: AsOf,
  ids: readonly string[] | null,
): Promise<History<DeploymentRow>[]> {
  const query = db.selectFrom('deployments').selectAll().where(at(asOf)).orderBy('deployment_id');
  return (ids === null ? query : query.where('deployment_id', '=', anyOf(ids))).execute();
}

/** Whether a deployment ever belonged to a tenant (null: any tenant), at any position. */
export async function isEverHeld(db: Db, deploymentId: string, tenantId: string | null): Promise<boolean> {
  const query = db
    .selectFrom('deployment_assignments')
    .select('deployment_id')
    .where('deployment_id', '=', deploymentId)
    .limit(1);
  const held = tenantId === null ? query : query.where('tenant_id', '=', tenantId);
  return (await held.executeTakeFirst()) !== undefined;
}

/** Every deployment that ever had this subscription, also where it was withdrawn. */
export async function readDeploymentsOfSubscription(db: Db, subscriptionId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('subscriptions')
    .select('deployment_id')
    .distinct()
    .where('subscription_id', '=', subscriptionId)
    .orderBy('deployment_id')
    .execute();
  return rows.map((row) => row.deployment_id);
}

/** The deployment of a subscription, as it is known now. undefined: there is no such subscription. */
export async function readDeploymentOfSubscription(db: Db, subscriptionId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('subscriptions')
    .select('deployment_id')
    .where('subscription_id', '=', subscriptionId)
    .where('position_to', 'is', null)
    .executeTakeFirst();
  return row?.deployment_id;
}
