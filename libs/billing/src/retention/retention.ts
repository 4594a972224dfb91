import type { LineDefinition } from '#domain/lines/line';
import { tiles } from '#domain/lines/parts';
import { type Instant, isBefore } from '#domain/time/instant';
import { overlaps, type Period, periodText } from '#domain/time/period';
import { keptUntil } from '#domain/metering/retention';
import { pendingMarks } from '../invoices/billing-facts.js';
import { allLines } from '../invoices/contracts.js';
import { type LinePart, recordedPartsOf } from '../invoices/parts.js';
import { dueForNothing } from '../invoices/rated-invoice.js';
import { readMeteringConfigurations } from '#projections/metering/metering.read';
import { readMarkedLines } from '#projections/restatements/restatements.read';
import { type HeldRecords, readHeldRecords } from '#projections/usage-records/usage-records.read';
import { unbilledUsage } from './unbilled.js';
import type { QueryContext } from '#ledger/query';

/** Raw records of one deployment and kind in the month. */
export type Prunable = HeldRecords;

/**
 * Why raw records are kept. `retention` applies to all deployments. The other reasons apply to one deployment, and
 * name its unissued invoices, or its lines that are on no invoice.
 */
export interface Kept {
  readonly reason: 'retention' | 'draft' | 'not_billed' | 'correction_owed' | 'unbilled';
  readonly billingKind: string;
  readonly deploymentId: string | null;
  readonly invoiceIds: readonly string[];
  readonly lineIds: readonly string[];
  readonly message: string;
}

export interface Retention {
  readonly prunable: readonly Prunable[];
  readonly kept: readonly Kept[];
}

/**
 * Which raw records of a UTC month can be pruned: their retention is over at an instant, and no invoice to come uses
 * them. That is so when all parts of their lines are on issued invoices, or come to nothing; no correction of these
 * parts is owed; and every reading is on a line (docs/domain.md).
 */
export async function retentionOf(
  context: QueryContext,
  month: Period,
  at: Instant,
  deploymentId: string | null,
): Promise<Retention> {
  const held = await readHeldRecords(context.core.db, month, deploymentId);
  const { over, kept } = await byRetention(context, held, month, at);
  const inUse = await usesOf(context, over, month, at);
  const keyed = new Set(inUse.map(keyOf));
  return { prunable: over.filter((each) => !keyed.has(keyOf(each))), kept: [...kept, ...inUse] };
}

const keyOf = ({
  deploymentId,
  billingKind,
}: {
  readonly deploymentId: string | null;
  readonly billingKind: string;
}): string => JSON.stringify([deploymentId, billingKind]);

async function byRetention(
  { core, position }: QueryContext,
  held: readonly Prunable[],
  month: Period,
  at: Instant,
): Promise<{ over: Prunable[]; kept: Kept[] }> {
  const rows = await readMeteringConfigurations(core.db, position);
  const configurations = rows.map((row) => ({
    billingKind: row.billing_kind,
    granularity: row.granularity,
    retentionDays: row.retention_days,
    from: row.effective_from,
  }));
  const until = new Map(
    [...new Set(held.map(({ billingKind }) => billingKind))].map((billingKind) => [
      billingKind,
      keptUntil(configurations, billingKind, month),
    ]),
  );
  const isOver = (end: Instant | null): boolean => end !== null && !isBefore(at, end);
  const message = (billingKind: string, end: Instant | null): string =>
    end === null
      ? `raw records of ${billingKind} have no retention limit: no retentionDays are configured for all of` +
        ` ${periodText(month)} (configure-metering)`
      : `raw records of ${billingKind} are kept until ${end}, as configured (configure-metering)`;
  return {
    over: held.filter(({ billingKind }) => isOver(until.get(billingKind) ?? null)),
    kept: [...until].flatMap(([billingKind, end]): Kept[] =>
      isOver(end)
        ? []
        : [
            {
              reason: 'retention',
              billingKind,
              deploymentId: null,
              invoiceIds: [],
              lineIds: [],
              message: message(billingKind, end),
            },
          ],
    ),
  };
}

/** What uses these records and is not issued yet. */
async function usesOf(
  context: QueryContext,
  records: readonly Prunable[],
  month: Period,
  at: Instant,
): Promise<Kept[]> {
  const { core, position } = context;
  const deploymentIds = [...new Set(records.map(({ deploymentId }) => deploymentId))];
  if (deploymentIds.length === 0) return [];
  const asked = new Set(records.map(keyOf));
  const lines = (await allLines(core, position, month.end, { deploymentIds })).filter(
    (line) => asked.has(keyOf(line)) && overlaps(line.period, month),
  );
  const parts = Map.groupBy(await recordedPartsOf(core, position, { deploymentIds }), ({ lineId }) => lineId);
  const unbilled = (
    await unbilledUsage(
      context,
      deploymentIds.map((deploymentId) => ({ deploymentId, period: month })),
    )
  ).filter((each) => asked.has(keyOf(each)));
  const open = lines.flatMap((line) => unissued(line, parts.get(line.lineId) ?? []).map((kept) => ({ kept, line })));
  return [
    ...(await withoutNothings(context, open, at)),
    ...(await owed(context, deploymentIds, month)).filter((each) => asked.has(keyOf(each))),
    ...unbilled.map(({ deploymentId, billingKind, readings, quantity }): Kept => ({
      ...{ reason: 'unbilled', billingKind, deploymentId, invoiceIds: [], lineIds: [] },
      message:
        `${readings} readings of ${billingKind} of ${deploymentId} (${quantity}) are on no line:` +
        ' start a subscription that covers them, or waive-usage',
    })),
  ];
}

/**
 * Leaves out lines that ended and come to nothing, where all due lines of their tenant come to nothing: no invoice is
 * made of them. What is found out about them later is billed from the log all the same.
 */
async function withoutNothings(
  { core, position }: QueryContext,
  open: readonly { readonly kept: Kept; readonly line: LineDefinition }[],
  at: Instant,
): Promise<Kept[]> {
  const isOver = ({ kept, line }: (typeof open)[number]): boolean =>
    kept.reason === 'not_billed' && !isBefore(at, line.period.end);
  // Within the grace period of its tenant a line is not due yet: it may still come to something.
  const tenantIds = [...new Set(open.filter(isOver).map(({ line }) => line.tenantId))];
  const nothing = tenantIds.length === 0 ? new Set<string>() : await dueForNothing(core, position, tenantIds, at);
  return open.filter((each) => !(isOver(each) && nothing.has(each.line.lineId))).map(({ kept }) => kept);
}

/** Usage of a line counts from its start: until its last part is issued, the next invoice uses all readings. */
function unissued(line: LineDefinition, recorded: readonly LinePart[]): Kept[] {
  const open = tiles(line, recorded).filter(({ issued }) => !issued);
  if (open.length === 0) return [];
  const { billingKind, deploymentId, lineId, period } = line;
  const invoiceIds = [...new Set(open.flatMap(({ invoiceId }) => invoiceId ?? []))];
  const of = `${billingKind} of ${deploymentId} over ${periodText(period)}`;
  return [
    invoiceIds.length > 0
      ? {
          reason: 'draft',
          billingKind,
          deploymentId,
          invoiceIds,
          lineIds: [lineId],
          message: `${of} is on draft ${invoiceIds.join(', ')}, which is not issued: issue-invoice, or void-invoice`,
        }
      : {
          reason: 'not_billed',
          billingKind,
          deploymentId,
          invoiceIds,
          lineIds: [lineId],
          message: `${of} is on no issued invoice up to its end: create-invoice and issue-invoice (line ${lineId})`,
        },
  ];
}

/** Issued lines whose inputs changed, and which no later invoice has compared yet. */
async function owed(
  { core, position }: QueryContext,
  deploymentIds: readonly string[],
  period: Period,
): Promise<Kept[]> {
  const lines = (await readMarkedLines(core.db, position, { deploymentIds, period })).map((row) => ({
    ...{ lineId: row.line_id, deploymentId: row.deployment_id, billingKind: row.billing_kind },
    account: { tenantId: row.tenant_id, currency: row.currency },
  }));
  const accounts = new Map(lines.map(({ account }) => [JSON.stringify(account), account]));
  const marks = await pendingMarks(core, position, [...accounts.values()]);
  return lines.flatMap(({ lineId, deploymentId, billingKind, account }): Kept[] => {
    const reasons = marks(account).get(lineId);
    if (reasons === undefined) return [];
    const message =
      `${billingKind} of ${deploymentId} is to be compared with what was billed (${reasons}):` +
      ` issue the next invoice of ${account.tenantId} (line ${lineId})`;
    return [{ reason: 'correction_owed', billingKind, deploymentId, invoiceIds: [], lineIds: [lineId], message }];
  });
}
