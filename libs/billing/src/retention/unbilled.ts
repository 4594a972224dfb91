import { decimal, text } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import { type Page, pageOfRows, type QueryContext } from '#ledger/query';
import {
  type Among,
  type Coverage,
  readLastReading,
  readUncoveredUsage,
  UNCOVERED_ORDER,
  type UncoveredRow,
} from '#projections/usage-records/uncovered-usage.read';
import { asJsonb } from '#projections/usage-records/usage-records.read';
import { allLines } from '../invoices/contracts.js';
import { prunedBesideLines } from './pruned-beside-lines.js';

/**
 * Lines matter up to this instant: the last reading begins then, or the last pruned month ends. null: there are no
 * readings.
 */
export const lastReading = async ({ core, position }: QueryContext): Promise<Instant | null> =>
  readLastReading(core.db, position);

/** What covers the readings. null: there are no readings. */
async function coverageOf(context: QueryContext, among: Among | null): Promise<Coverage | null> {
  const { core, position } = context;
  const until = await lastReading(context);
  if (until === null) return null;
  const lines = await allLines(core, position, until, among);
  return { lines, logged: asJsonb(await prunedBesideLines(core, position, lines)), among };
}

/** Usage that no line covers, by deployment and billing kind. With `among`: of some deployments and a period only. */
export async function unbilledUsage(context: QueryContext, among: Among | null = null): Promise<UnbilledUsage[]> {
  const coverage = await coverageOf(context, among);
  if (coverage === null) return [];
  return (await readUncoveredUsage(context.core.db, context.position, coverage, null)).map(toUnbilled);
}

/** A page of the same. */
export async function unbilledPage(
  context: QueryContext,
  page: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<UnbilledUsage>> {
  const { core, position } = context;
  const coverage = await coverageOf(context, null);
  return pageOfRows({
    ...{ order: UNCOVERED_ORDER, page, position },
    read: async (rows) => (coverage === null ? [] : readUncoveredUsage(core.db, position, coverage, rows)),
    toItems: (rows) => rows.map(toUnbilled),
  });
}

type UnbilledUsage = ReturnType<typeof toUnbilled>;

const toUnbilled = (row: UncoveredRow) => ({
  deploymentId: row.deployment_id,
  billingKind: row.billing_kind,
  reason: row.reason,
  readings: row.readings,
  quantity: text(decimal(row.quantity)),
  period: { start: row.first, end: row.last },
});
