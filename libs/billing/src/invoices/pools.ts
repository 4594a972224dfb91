import { linesOf, type LineDefinition } from '#domain/lines/line';
import { pooledAmong, withPools } from '#domain/lines/pool';
import { type Instant, isBefore, lastInstantBefore, later } from '#domain/time/instant';
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
  // Tenants of one payer are asked for one after the other.
  const read = new Map<string, { readonly until: Instant; readonly lines: readonly LineDefinition[] }>();
  const pooledLinesOnce = (position: number, tenantId: string, until: Instant): readonly LineDefinition[] => {
    const key = JSON.stringify([position, tenantId]);
    const before = read.get(key);
    if (before !== undefined && !isBefore(before.until, until)) return before.lines;
    const lines = pooledLines(position, tenantId, until);
    read.set(key, { until, lines });
    return lines;
  };

  return (position, lines) => {
    const [first, ...others] = pooledAmong(lines);
    if (first === undefined) return lines;
    const payers = rows.filter((row) => isAt(row, position)).map(toPayer);
    const byTenant = Map.groupBy(payers, ({ tenantId }) => tenantId);
    const payerOf = ({ tenantId, billingPeriod: { end } }: LineDefinition): string =>
      byTenant.get(tenantId)?.find(({ period }) => contains(period, lastInstantBefore(end)))?.terms.payerId ?? tenantId;
    const paying = new Set([first, ...others].map(payerOf));
    const paid = payers.filter(({ terms: { payerId } }) => payerId !== null && paying.has(payerId));
    const end = others.reduce((latest, { billingPeriod }) => later(latest, billingPeriod.end), first.billingPeriod.end);
    const all = [...new Set([...paying, ...paid.map(({ tenantId }) => tenantId)])].flatMap((tenantId) =>
      pooledLinesOnce(position, tenantId, lastInstantBefore(end)),
    );
    return withPools(lines, all, payerOf);
  };
}
