import { reportedUntil } from '#domain/metering/metering';
import { decimal, sum, text } from '#domain/money/decimal';
import { earlier, type Instant, later } from '#domain/time/instant';
import { contains } from '#domain/time/period';
import { type Page, pageOfRows, type QueryContext } from '#ledger/query';
import {
  type Coverage,
  readLastReading,
  readUncoveredUsage,
  UNCOVERED_ORDER,
  type UncoveredRow,
} from '#projections/usage-records/uncovered-usage.read';
import { asJsonb, type VisibleUsage } from '#projections/usage-records/usage-records.read';
import { type DueDay, type PendingDay, pendingDays } from '../metering/days-to-meter.js';
import { coveredUsage } from '../invoices/contracts.js';
import { prunedBesideLines } from './pruned-beside-lines.js';

/**
 * Lines matter up to this instant: the last reading begins then, or the last pruned month ends. null: there are no
 * readings.
 */
export const lastReading = async ({ core, position }: QueryContext): Promise<Instant | null> =>
  readLastReading(core.db, position);

async function coverageOf({ core, position }: QueryContext, among: readonly VisibleUsage[] | null): Promise<Coverage> {
  const which = among === null ? null : { deploymentIds: [...new Set(among.map(({ deploymentId }) => deploymentId))] };
  const covered = await coveredUsage(core, position, which);
  return { covered, logged: asJsonb(await prunedBesideLines(core, position, covered)), among };
}

/** Usage that no line covers, by deployment and billing kind. With `among`: of some deployments and times only. */
export async function unbilledUsage(
  context: QueryContext,
  among: readonly VisibleUsage[] | null = null,
): Promise<UnbilledUsage[]> {
  const coverage = await coverageOf(context, among);
  return (await readUncoveredUsage(context.core.db, context.position, coverage, null)).map(toUnbilled);
}

/** A page of the same, and of usage that is not recorded because its days must be metered first. */
export async function unbilledPage(
  context: QueryContext,
  among: readonly VisibleUsage[] | null,
  page: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<UnbilledUsage>> {
  const { core, position, caller } = context;
  const coverage = await coverageOf(context, among);
  const pending = toMeter(await pendingDays(core, position, reportedUntil(caller.now)), among);
  return pageOfRows<UnbilledRow, UnbilledUsage>({
    ...{ order: UNCOVERED_ORDER, page, position },
    read: async (rows) => {
      const uncovered = await readUncoveredUsage(core.db, position, coverage, rows);
      const { after } = rows;
      const following = pending.filter((row) => after === null || compareKeys(UNCOVERED_ORDER.keyOf(row), after) > 0);
      return [...uncovered, ...following]
        .sort((a, b) => compareKeys(UNCOVERED_ORDER.keyOf(a), UNCOVERED_ORDER.keyOf(b)))
        .slice(0, rows.limit);
    },
    toItems: (rows) => rows.map(toUnbilled),
  });
}

/** Usage without a line, or to be metered. */
type UnbilledRow = Omit<UncoveredRow, 'reason'> & { readonly reason: UncoveredRow['reason'] | DueDay['reason'] };

const compareKeys = (a: readonly string[], b: readonly string[]): number => {
  const index = a.findIndex((text, n) => text !== b[n]);
  return index === -1 ? 0 : (a[index] ?? '') < (b[index] ?? '') ? -1 : 1;
};

/** What metering would record or change, by deployment, billing kind and reason. */
function toMeter(days: readonly PendingDay[], among: readonly VisibleUsage[] | null): UnbilledRow[] {
  const isWanted = (deploymentId: string, at: Instant): boolean =>
    among === null || among.some((each) => each.deploymentId === deploymentId && contains(each.period, at));
  const readings = days
    .flatMap(({ reason, readings: of }) => of.map((reading) => ({ ...reading, reason })))
    .filter(({ deploymentId, period }) => isWanted(deploymentId, period.start));
  const groups = Map.groupBy(readings, ({ deploymentId, billingKind, reason }) =>
    JSON.stringify([deploymentId, billingKind, reason]),
  );
  return [...groups.values()].flatMap(([first, ...others]): UnbilledRow[] => {
    if (first === undefined) return [];
    const all = [first, ...others];
    return [
      {
        deployment_id: first.deploymentId,
        billing_kind: first.billingKind,
        reason: first.reason,
        readings: all.length,
        quantity: text(sum(all.map(({ difference }) => difference))),
        first: all.reduce((at, { period }) => earlier(at, period.start), first.period.start),
        last: all.reduce((at, { period }) => later(at, period.end), first.period.end),
      },
    ];
  });
}

type UnbilledUsage = ReturnType<typeof toUnbilled>;

const toUnbilled = (row: UnbilledRow) => ({
  deploymentId: row.deployment_id,
  billingKind: row.billing_kind,
  reason: row.reason,
  readings: row.readings,
  quantity: text(decimal(row.quantity)),
  period: { start: row.first, end: row.last },
});
