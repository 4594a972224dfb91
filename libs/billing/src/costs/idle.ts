import { type IdleReason, idleAt, type ReadSpan } from '#domain/margin/idle';
import { type IdleRow, idleRow } from '#domain/margin/idle-cost';
import { type KindMapping, mappingAt } from '#domain/margin/kind-mapping';
import { type Margin, marginOf } from '#domain/margin/margin';
import type { Instant } from '#domain/time/instant';
import { boundsOf, monthOf, overlaps, type Period, spanOf } from '#domain/time/period';
import { monthName } from '#projections/costs/charged.read';
import { readKindMappings } from '#projections/kind-mappings/kind-mappings.read';
import { readMayBeIdle, type ReadSpanRow, readSpans } from '#projections/usage-records/idle.read';
import type { QueryContext } from '#ledger/query';
import { withPrunedWithin } from '../usage/pruned-usage.js';
import type { CutsOf } from './cost-lines.js';
import type { DividedCost, Finer } from './margin-costs.js';
import { figuresBy, sharingIn } from './margin-month.js';

/**
 * A UTC month's margin in one currency, and the cost of idle resources in it. Without deployments, the margin names
 * none, and of a month without policies less is read.
 */
export async function marginWithIdle(
  context: QueryContext,
  month: Period,
  { currency, withoutDeployments = false }: { readonly currency: string; readonly withoutDeployments?: boolean },
): Promise<{ readonly margin: Margin; readonly idle: IdleRow }> {
  const mappings = await readKindMappings(context.core.db, context.position);
  const policies = await sharingIn(context, [month]);
  const idle = await mayBeIdleIn(context, [month]);
  const finer = { cuts: cutsOfMappings([month], mappings), withoutDeployments, ...idle };
  const [figures] = await figuresBy(context, [month], currency, policies, finer);
  if (figures === undefined) throw new Error('a month has no margin');
  const { revenue, costs, shared } = figures;
  const reasonOf = idleReasons(idle.spansOf, mappingAt(mappings));
  const margin = marginOf(revenue, costs, currency, shared);
  return {
    margin: withoutDeployments ? { ...margin, byDeployment: [] } : margin,
    idle: idleRow(
      costs.map((cost) => ({ ...cost, isShared: cost.sharedBy !== null, idle: reasonOf(cost) })),
      currency,
    ),
  };
}

/** The instants at which what the cost of kinds is for changes. */
export const cutsOfMappings = (months: readonly Period[], mappings: readonly KindMapping[]): Instant[] =>
  mappings
    .filter(({ period }) => months.some((month) => overlaps(period, month)))
    .flatMap(({ period }) => boundsOf(period));

/** Why a cost was idle then. null: it was not. */
export const idleReasons =
  (spansOf: MayBeIdle['spansOf'], mappedTo: ReturnType<typeof mappingAt>) =>
  ({ provider, kind, resourceId, at, state, remainderOf }: DividedCost): IdleReason | null =>
    (resourceId === null
      ? null
      : idleAt(at, { state, spans: spansOf({ provider, resourceId }, at), ...mappedTo({ provider, kind }, at) })) ??
    (remainderOf === undefined ? null : 'remainder');

/** The resources that may be idle, and when readings cover them. */
export interface MayBeIdle extends Pick<Finer, 'resourceIds'> {
  readonly cutsOf: CutsOf;
  /** Those of the month that holds an instant. */
  readonly spansOf: (of: Parameters<CutsOf>[0], at: Instant) => readonly ReadSpan[];
}

/** Lines of resources that may be idle are divided where readings of 0 and others begin or end. */
export async function mayBeIdleIn({ core, position }: QueryContext, months: readonly Period[]): Promise<MayBeIdle> {
  const within = spanOf(months);
  if (within === null) return { cutsOf: () => [], spansOf: () => [] };
  const { resourceIds, rows } = await withPrunedWithin(core, within, undefined, async (logged) => {
    const ids = await readMayBeIdle(core.db, position, within, logged);
    const spans = ids.length === 0 ? [] : await readSpans(core.db, position, { resourceIds: ids, within }, logged);
    return { resourceIds: ids, rows: spans };
  });
  // A reading without a provider is of the resource with its id.
  const ofResource = <Of>(found: ReadonlyMap<string, readonly Of[]>, of: readonly string[], provider: string): Of[] =>
    [provider, ''].flatMap((by) => found.get(JSON.stringify([by, ...of])) ?? []);
  const byMonth = Map.groupBy(rows.map(toSpan), ({ row, period }) =>
    JSON.stringify([row.provider, row.resource_id, monthName(period)]),
  );
  const byResource = Map.groupBy(rows, (row) => JSON.stringify([row.provider, row.resource_id]));
  return {
    resourceIds,
    spansOf: ({ provider, resourceId }, at) => ofResource(byMonth, [resourceId, monthName(monthOf(at))], provider),
    cutsOf: ({ provider, resourceId }) =>
      ofResource(byResource, [resourceId], provider).flatMap((row) => [row.start_at, row.end_at]),
  };
}

const toSpan = (row: ReadSpanRow): ReadSpan & { readonly row: ReadSpanRow } => ({
  ...{ row, billingKind: row.billing_kind, isUsed: row.is_used, period: { start: row.start_at, end: row.end_at } },
});
