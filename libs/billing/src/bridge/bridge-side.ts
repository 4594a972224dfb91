import type { BilledCell, BorneCost, BridgeSide, Holding } from '#domain/margin/bridge';
import { keyOfSharing } from '#domain/margin/sharing';
import { byMonth, quantityByMonth } from '#domain/margin/months';
import { type Decimal, decimal, integer, ZERO } from '#domain/money/decimal';
import { isForUsage } from '#domain/prices/refs';
import { tenancies } from '#domain/tenants/deployment';
import { intersection, lengthMicros, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { monthName } from '#projections/costs/charged.read';
import { readAssignments } from '#projections/deployments/deployments.read';
import { type ChargedRow, readChargedRows } from '#projections/invoices/issued-months.read';
import { readBookedRevenue } from '#projections/margins/margins.read';
import { sharesIn } from '../costs/margin-month.js';

/** The log position of an event behind a side, and what it is about. */
export interface Source {
  readonly position: number;
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
}
export interface BilledSource extends Source {
  readonly billingKind: string;
}
export interface CostSource extends Source, Pick<BorneCost, 'provider' | 'kind' | 'resourceId'> {}

/** The events behind a side. */
export interface BridgeSources {
  /** Invoices, and voids of invoices. */
  readonly billed: readonly BilledSource[];
  /** Invoices and credit notes with corrections. */
  readonly corrections: readonly BilledSource[];
  readonly costs: readonly CostSource[];
  /** Policies that share cost, and the lines that they share. */
  readonly shared: readonly { readonly position: number; readonly policyId: string }[];
  /** Assignments of each deployment. */
  readonly assignments: readonly { readonly position: number; readonly deploymentId: string }[];
}

/** A month in one currency as it is known at the position of the context, for a bridge. */
export async function bridgeSide(
  context: QueryContext,
  month: Period,
  currency: string,
): Promise<{ readonly side: BridgeSide; readonly sources: BridgeSources }> {
  const { core, position } = context;
  const rows = await readChargedRows(core.db, position, { month, currency });
  const booked = await readBookedRevenue(core.db, position, { month: monthName(month), currency, tenantId: null });
  const { costs, shared, policies } = await sharesIn(context, month, currency);
  const direct = costs.filter(({ sharedBy }) => sharedBy === null);
  const assigned = await readAssignments(core.db, position, null);
  const documents = { ordinary: documentsOf(rows, false), corrections: documentsOf(rows, true) };
  const sourceOf = (row: (typeof booked)[number]): BilledSource => ({
    ...{ position: row.position_from, tenantId: row.tenant_id },
    ...{ deploymentId: row.deployment_id, billingKind: row.billing_kind },
  });
  const policyOf = new Map(policies.map((policy) => [keyOfSharing(policy), policy.policyId]));
  return {
    side: {
      billed: rows.map((row) => billedOf(row, month, currency)),
      costs: [
        ...direct.map(({ tenantId, deploymentId, provider, kind, resourceId, amount }): BorneCost => ({
          ...{ tenantId, deploymentId, provider, kind, resourceId, amount, isShared: false },
        })),
        ...shared.flatMap(({ policyId, parts }) =>
          parts.map(({ tenantId, deploymentId, amount }): BorneCost => ({
            ...{ tenantId, deploymentId, provider: '', kind: policyId, resourceId: null, amount, isShared: true },
          })),
        ),
      ],
      holdings: [...Map.groupBy(assigned, (row) => row.deployment_id)].flatMap(([deploymentId, of]) =>
        tenancies(of.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }))).flatMap(
          (held): Holding[] => {
            const within = intersection(month, held.period);
            return within === null
              ? []
              : [{ deploymentId, tenantId: held.tenantId, time: integer(lengthMicros(within)) }];
          },
        ),
      ),
    },
    sources: {
      billed: booked.filter((row) => row.cause === 'voided' || documents.ordinary.has(row.invoice_id)).map(sourceOf),
      corrections: booked
        .filter((row) => row.cause === 'voided' || documents.corrections.has(row.invoice_id))
        .map(sourceOf),
      costs: direct,
      shared: [
        ...policies,
        ...costs.flatMap(({ position: of, sharedBy }) => {
          const policyId = sharedBy === null ? undefined : policyOf.get(sharedBy);
          return policyId === undefined ? [] : [{ position: of, policyId }];
        }),
      ],
      assignments: assigned.map((row) => ({ position: row.position_from, deploymentId: row.deployment_id })),
    },
  };
}

const isCorrection = ({ kind }: ChargedRow): boolean => kind !== 'charge';

const documentsOf = (rows: readonly ChargedRow[], corrections: boolean): ReadonlySet<string> =>
  new Set(rows.filter((row) => isCorrection(row) === corrections).map((row) => row.document_id));

/** What the row is charged within the month, divided by time as revenue is. */
function billedOf(row: ChargedRow, month: Period, currency: string): BilledCell {
  const over = { start: row.charge_period_start, end: row.charge_period_end };
  const within = (of: readonly { readonly month: string; readonly amount: Decimal }[]): Decimal =>
    of.find((each) => each.month === monthName(month))?.amount ?? ZERO;
  const isFee = !isForUsage(row.ref);
  return {
    tenantId: row.tenant_id,
    deploymentId: row.deployment_id,
    billingKind: row.billing_kind,
    amount: within(byMonth(decimal(row.net), over, currency)),
    quantity: isFee ? ZERO : within(quantityByMonth(decimal(row.quantity), over)),
    isFee,
    isCorrection: isCorrection(row),
  };
}
