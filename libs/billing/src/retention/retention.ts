import type { LineDefinition } from '#domain/lines/line';
import { tiles } from '#domain/lines/parts';
import { type Instant, isBefore } from '#domain/time/instant';
import { overlaps, type Period, periodText } from '#domain/time/period';
import { keptUntil } from '#domain/metering/retention';
import { allLines, type LinePart, pendingMarks, recordedPartsOf } from '../invoices/billing.js';
import { dueForNothing } from '../invoices/invoicing.js';
import { inForceAt } from '#ledger/ledger-core';
import { unbilledUsage } from './unbilled.js';
import type { QueryContext } from '#ledger/query';

/** Raw records of one deployment and kind in the month. */
export interface Prunable {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly records: number;
}

/** Why raw records stay. `retention`: of all deployments; else of one, with the invoices that are not issued or the lines that are on none. */
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
 * Of which raw records of a UTC month the retention is over at an instant, and which of them nothing that is still to be issued uses: all
 * parts of their lines are on issued invoices, or come to nothing that an invoice could have, no correction of these is owed, and no reading is left without a line (docs/domain.md).
 */
export async function retentionOf(
  context: QueryContext,
  month: Period,
  at: Instant,
  deploymentId: string | null,
): Promise<Retention> {
  const held = await heldIn(context, month, deploymentId);
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

async function heldIn(
  { core }: QueryContext,
  { start, end }: Period,
  deploymentId: string | null,
): Promise<Prunable[]> {
  const { rows } = await core.pool.query<Prunable>(
    'SELECT deployment_id AS "deploymentId", billing_kind AS "billingKind", count(*)::int AS records FROM usage_records' +
      ' WHERE period_start >= $1 AND period_start < $2 AND ($3::text IS NULL OR deployment_id = $3) GROUP BY 1, 2 ORDER BY 1, 2',
    [start, end, deploymentId],
  );
  return rows;
}

async function byRetention(
  { core, position }: QueryContext,
  held: readonly Prunable[],
  month: Period,
  at: Instant,
): Promise<{ over: Prunable[]; kept: Kept[] }> {
  const rows = await core.db.selectFrom('metering_configurations').selectAll().where(inForceAt(position)).execute();
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
      ? `raw records of ${billingKind} are kept for ever: no retentionDays are configured for all of ${periodText(month)} (configure-metering)`
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
  const unbilled = (await unbilledUsage(context, { deploymentIds, period: month })).filter((each) =>
    asked.has(keyOf(each)),
  );
  const open = lines.flatMap((line) => unissued(line, parts.get(line.lineId) ?? []).map((kept) => ({ kept, line })));
  return [
    ...(await withoutNothings(context, open, at)),
    ...(await owed(context, deploymentIds, month)).filter((each) => asked.has(keyOf(each))),
    ...unbilled.map(({ deploymentId, billingKind, readings, quantity }): Kept => ({
      ...{ reason: 'unbilled', billingKind, deploymentId, invoiceIds: [], lineIds: [] },
      message: `${readings} readings of ${billingKind} of ${deploymentId} (${quantity}) are on no line: start a subscription that covers them, or waive-usage`,
    })),
  ];
}

/**
 * Without the lines that have ended and come to nothing, as all of their tenant's do that are due: no invoice is made of them. What is found
 * of them later is billed all the same, from the log.
 */
async function withoutNothings(
  { core, position }: QueryContext,
  open: readonly { readonly kept: Kept; readonly line: LineDefinition }[],
  at: Instant,
): Promise<Kept[]> {
  const left: Kept[] = [];
  for (const [tenantId, own] of Map.groupBy(open, ({ line }) => line.tenantId)) {
    const isOver = ({ kept, line }: (typeof own)[number]): boolean =>
      kept.reason === 'not_billed' && !isBefore(at, line.period.end);
    // Within the grace period of its tenant a line is not due yet: it may come to something.
    const nothing = own.some(isOver) ? await dueForNothing(core, position, tenantId, at) : new Set<string>();
    left.push(...own.filter((each) => !(isOver(each) && nothing.has(each.line.lineId))).map(({ kept }) => kept));
  }
  return left;
}

/** A line counts from its start: until its last part is issued, its next invoice uses all of its readings. */
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

/** Issued lines whose inputs changed since, and which no invoice has been compared with yet. */
async function owed(
  { core, position }: QueryContext,
  deploymentIds: readonly string[],
  { start, end }: Period,
): Promise<Kept[]> {
  const { rows } = await core.pool.query<{
    line_id: string;
    tenant_id: string;
    currency: string;
    deployment_id: string;
    billing_kind: string;
  }>(
    `SELECT DISTINCT l.line_id, l.tenant_id, i.currency, l.deployment_id, l.billing_kind FROM invoice_lines l
     JOIN restatements r ON r.line_id = l.line_id AND r.position_from <= $1
     JOIN invoice_parts p ON p.line_id = l.line_id JOIN invoices i ON i.invoice_id = p.invoice_id
     WHERE l.deployment_id = ANY($2::text[]) AND l.parent_line_id IS NULL AND l.position_from <= $1 AND (l.position_to IS NULL OR l.position_to > $1)
       AND l.period_start < $4::timestamptz AND l.period_end > $3::timestamptz ORDER BY 1`,
    [position, deploymentIds, start, end],
  );
  const kept: Kept[] = [];
  for (const group of Map.groupBy(rows, ({ tenant_id, currency }) => JSON.stringify([tenant_id, currency])).values()) {
    const [first] = group;
    if (first === undefined) continue;
    const marks = await pendingMarks(core, position, first.tenant_id, first.currency);
    for (const { line_id: lineId, deployment_id: deploymentId, billing_kind: billingKind } of group.filter(
      ({ line_id }) => marks.has(line_id),
    )) {
      const message = `${billingKind} of ${deploymentId} is to be compared with what was billed (${marks.get(lineId) ?? ''}): issue the next invoice of ${first.tenant_id} (line ${lineId})`;
      kept.push({ reason: 'correction_owed', billingKind, deploymentId, invoiceIds: [], lineIds: [lineId], message });
    }
  }
  return kept;
}
