import { notFound } from '#domain/errors';
import { linesWithCommitments } from '#domain/lines/commitment-lines';
import { type Covered, coveredBy } from '#domain/lines/covered';
import { type LineDefinition, planVersionAt } from '#domain/lines/line';
import type { Commitment } from '#domain/plans/commitment';
import type { PlanVersion } from '#domain/plans/plan';
import { subscriptionPeriods } from '#domain/tenants/deployment';
import { contains } from '#domain/time/period';
import type { Instant } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Deployments } from '#projections/deployments/deployments.read';
import { readTenants } from '#projections/tenants/tenants.read';
import type { AsOf } from '#read-model/at';
import type { TenantAccount } from './accounts.js';
import { agreedPlans, contractsOf, plansById, readContracts, readPlans } from './agreed-terms.js';
import { readPools } from './pools.js';

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
export type Lines = (wanted: LinesUpTo) => readonly LineDefinition[];

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
  const pools = await readPools(core, asOf, { known, contracts, tenantIds });
  return ({ account: { tenantId, timeZone }, position, until }) => {
    const lines = contracts
      .at(position, tenantId)
      .flatMap((contract) => {
        const { subscription, assignments, commitments } = contract;
        const plans = agreedPlans(contract, known.at(position));
        const versions = subscription.plans.flatMap(({ planId }) => plans.get(planId) ?? []);
        if (!isWanted({ versions, commitments }, tenantId)) return [];
        const terms = { assignments, plans, timeZoneOf: () => timeZone };
        return linesWithCommitments(subscription, { ...terms, commitments }, until);
      })
      .filter((line) => line.tenantId === tenantId);
    return pools(position, lines);
  };
}

export const linesOfTenant = async (
  core: LedgerCore,
  position: number,
  account: TenantAccount,
  until: Instant,
): Promise<readonly LineDefinition[]> =>
  (await readLines(core, position, [account.tenantId]))({ account, position, until });

/** The lines of all tenants whose charge period starts at or before `until`, each in its tenant's time zone. */
export async function allLines(
  core: LedgerCore,
  position: number,
  until: Instant | ((deploymentId: string) => Instant),
  which: Deployments = null,
): Promise<readonly LineDefinition[]> {
  const known = await readPlans(core, position);
  const plans = known.at(position);
  const tenants = await readTenants(core.db, position, null);
  const zones = new Map(tenants.map((row) => [row.tenant_id, row.time_zone]));
  const zoneOf = (tenantId: string): string => {
    const zone = zones.get(tenantId);
    if (zone === undefined) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
    return zone;
  };
  const contracts = await readContracts(core, position, which);
  const all = contracts.at(position);
  const holders = all.flatMap(({ assignments }) => assignments.map(({ tenantId }) => tenantId));
  const pools = await readPools(core, position, {
    ...{ known, contracts, tenantIds: which === null ? null : [...new Set(holders)] },
  });
  const lines = all.flatMap((contract) => {
    const { subscription, assignments, commitments } = contract;
    return linesWithCommitments(
      subscription,
      { assignments, plans: agreedPlans(contract, plans), timeZoneOf: zoneOf, commitments },
      typeof until === 'string' ? until : until(subscription.deploymentId),
    );
  });
  return pools(position, lines);
}

/** The readings that are on lines, of all times, as subscriptions and plans are known at a position. */
export async function coveredUsage(core: LedgerCore, position: number, which: Deployments): Promise<Covered[]> {
  const plans = await plansById(core, position);
  return (await contractsOf(core, position, which)).flatMap(({ subscription, assignments }) =>
    coveredBy(subscription, { assignments, plans }),
  );
}
