import { linesOf, type LineDefinition } from '#domain/lines/line';
import { pooledAmong, type PoolOf, poolsAmong, withPools } from '#domain/lines/pool';
import { perKey } from '#domain/per-key';
import { type Instant, lastInstantBefore, later } from '#domain/time/instant';
import { contains } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { readPayersOfFamilies, toPayer } from '#projections/payers/payers.read';
import { readTenants } from '#projections/tenants/tenants.read';
import { type AsOf, isAt } from '#read-model/at';
import { agreedPlans, type Contracts, type KnownPlans, readContracts } from './agreed-terms.js';

/** Adds their pools to lines, as known at one of the positions read. */
export type Pools = (position: number, lines: readonly LineDefinition[]) => readonly LineDefinition[];

interface Known {
  readonly known: KnownPlans;
  /** Of the tenants, or of some of their deployments. */
  readonly contracts: Contracts;
  /** null: all. */
  readonly tenantIds: readonly string[] | null;
}

/** Reads who shares included units with tenants. Where no contract has a plan with a pooled item, nothing is read. */
export async function readPools(
  core: LedgerCore,
  asOf: AsOf,
  { known, contracts: own, tenantIds }: Known,
): Promise<Pools> {
  if (![...own.planIds].some((planId) => known.pooled.has(planId))) return (_, lines) => lines;
  const rows = await readPayersOfFamilies(core.db, asOf, tenantIds);
  const relatives =
    tenantIds === null
      ? null
      : [...new Set([...tenantIds, ...rows.flatMap(({ tenant_id, payer_id }) => [tenant_id, payer_id ?? tenant_id])])];
  const contracts = relatives === null ? own : await readContracts(core, asOf, { tenantIds: relatives });
  const tenants = Map.groupBy(await readTenants(core.db, asOf, relatives), ({ tenant_id }) => tenant_id);

  const pooledLines = (position: number, tenantId: string, until: Instant): LineDefinition[] => {
    const timeZone = tenants.get(tenantId)?.find((row) => isAt(row, position))?.time_zone;
    if (timeZone === undefined) return [];
    return contracts.at(position, tenantId).flatMap((contract) => {
      const { subscription, assignments } = contract;
      if (!subscription.plans.some(({ planId }) => known.pooled.has(planId))) return [];
      const plans = agreedPlans(contract, known.at(position));
      const lines = linesOf(subscription, { assignments, plans, timeZoneOf: () => timeZone }, until);
      return lines.filter((line) => line.tenantId === tenantId);
    });
  };
  const poolsAt = perKey((position: number) => {
    const payers = rows.filter((row) => isAt(row, position)).map(toPayer);
    const byTenant = Map.groupBy(payers, ({ tenantId }) => tenantId);
    const payerOf = ({ tenantId, billingPeriod: { end } }: LineDefinition): string =>
      byTenant.get(tenantId)?.find(({ period }) => contains(period, lastInstantBefore(end)))?.terms.payerId ?? tenantId;
    const byPayer = Map.groupBy(payers, ({ terms }) => terms.payerId);
    const familyOf = (payerId: string): ReadonlySet<string> =>
      new Set([payerId, ...(byPayer.get(payerId) ?? []).map(({ tenantId }) => tenantId)]);
    // The tenants of one payer are asked for one after the other.
    const poolsUntil = perKey((until: Instant) =>
      perKey((payerId: string) =>
        poolsAmong(
          [...familyOf(payerId)]
            .flatMap((tenantId) => pooledLines(position, tenantId, until))
            .filter((line) => payerOf(line) === payerId),
        ),
      ),
    );
    return (until: Instant): PoolOf => {
      const poolsOf = poolsUntil(until);
      return (line) => poolsOf(payerOf(line))(line);
    };
  });

  return (position, lines) => {
    const ends = pooledAmong(lines).map(({ billingPeriod: { end } }) => end);
    return ends.length === 0 ? lines : withPools(lines, poolsAt(position)(lastInstantBefore(ends.reduce(later))));
  };
}
