import type { AttributedShare } from '#domain/margin/attribution';
import { type MatchedCost, tagsOf } from '#domain/margin/sharing';
import { decimal } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import { overlaps, type Period } from '#domain/time/period';
import { type LineSelection, readCostLines } from '#projections/costs/charged.read';
import type { QueryContext } from '#ledger/query';
import { attributionOf } from './cost-holders.js';
import type { CostSum } from './cost-sums.js';

/** A share of a cost line. */
export interface CostLineShare extends CostSum, Pick<MatchedCost, 'tags' | 'at'>, Pick<AttributedShare, 'state'> {
  readonly costLine: string;
  readonly resourceId: string | null;
  /** The log position at which the line was recorded. */
  readonly position: number;
}

/** Where lines are divided too, and which are read. */
export interface LineQuestion {
  readonly cuts?: readonly Instant[];
  /** The same of lines of one resource. */
  readonly cutsOf?: CutsOf | undefined;
  readonly select?: LineSelection;
}

/** The instants at which lines of a resource are divided. */
export type CutsOf = (of: { readonly provider: string; readonly resourceId: string }) => readonly Instant[];

/**
 * The cost without tax of each of these UTC months, line by line. Each share names the tenant and the deployment that
 * held the resource then.
 */
export async function costLinesIn(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
  { cuts = [], cutsOf, select = {} }: LineQuestion = {},
): Promise<CostLineShare[][]> {
  const { core, position } = context;
  const rows = months.length === 0 ? [] : await readCostLines(core.db, position, { months, currency }, select);
  const resourceIds = new Set(rows.map(({ resource_id }) => resource_id).filter((id) => id !== null));
  const attribute = await attributionOf(context, { resourceIds, deploymentIds: [] });
  const lines = rows.map((row) => ({
    row,
    cuts:
      row.resource_id === null || cutsOf === undefined
        ? cuts
        : [...cuts, ...cutsOf({ provider: row.provider, resourceId: row.resource_id })],
    tags: tagsOf(row.tags),
    cost: {
      amount: decimal(row.amount),
      currency: row.currency,
      chargePeriod: { start: row.charge_period_start, end: row.charge_period_end },
      tenantId: row.tenant_id,
      resource: row.resource_id === null ? null : { provider: row.provider, resourceId: row.resource_id },
    },
  }));
  return months.map((month) =>
    lines
      .filter(({ cost }) => overlaps(cost.chargePeriod, month))
      .flatMap(({ row, tags, cost, cuts: at }) =>
        attribute(cost, month, at).map((share) => ({
          ...share,
          provider: row.provider,
          kind: row.kind,
          tags,
          resourceId: row.resource_id,
          costLine: `${row.provider}/${row.invoice_ref}/${row.line_key}`,
          position: row.position_from,
        })),
      ),
  );
}
