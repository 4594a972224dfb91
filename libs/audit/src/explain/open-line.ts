import type { Instant } from '#domain/time/instant';
import { readRef } from '#domain/prices/refs';
import { printRated } from '#domain/rating/row';
import { couponsOfLines } from '#billing/invoices/billing-facts';
import { allLines } from '#billing/invoices/contracts';
import { recordedParts } from '#billing/invoices/parts';
import type { QueryContext } from '#ledger/query';
import type { Deployments } from '#projections/deployments/deployments.read';
import { readLinesById } from '#projections/invoice-lines/invoice-lines.read';
import { rateLines } from '#billing/invoices/rated-lines';
import { isOwn } from './own.js';
import {
  addedReadings,
  eventsOf,
  firstEvents,
  type FirstEvents,
  NO_READINGS,
  readingsCounted,
  readingsOf,
  readingsShared,
  referencesIn,
  streamsOfCounted,
  streamsOfPool,
  streamsOfRow,
} from './evidence.js';

export interface ExplainedOpenLine extends FirstEvents {
  readonly is: 'open line';
  readonly lineId: string;
  readonly tenantId: string;
  readonly billingKind: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly quarantine: string | null;
  readonly parts: readonly {
    readonly partId: string;
    readonly period: { readonly start: string; readonly end: string };
    readonly quantity: string;
    readonly rows: ReturnType<typeof printRated>;
  }[];
  readonly usage: { readonly quantity: string; readonly readings: number };
}

/**
 * What of a line is not issued yet, rated up to `at`: all its open parts, or the one that the id names. null: there is
 * none.
 */
export async function explainOpenLine(
  context: QueryContext,
  id: string,
  { at, first }: { readonly at: Instant; readonly first: number },
): Promise<ExplainedOpenLine | null> {
  const { core, position } = context;
  const { lineId, deployments } = await lineOf(context, id);
  const line = (await allLines(core, position, at, deployments)).find((each) => each.lineId === lineId);
  if (line === undefined || !isOwn(context, line.tenantId)) return null;
  const recorded = await recordedParts(core, position, line.tenantId);
  const coupons = (await couponsOfLines(core, position, [line.tenantId]))(line);
  const [rated] = await rateLines(core, position, [
    { line, recorded: recorded.get(line.lineId) ?? [], at, currency: line.currency, coupons, taxes: [] },
  ]);
  const parts = (rated?.parts ?? []).filter(({ partId, issued }) => !issued && (id === lineId || id === partId));
  if (parts.length === 0) return null;
  const { deploymentId, billingKind, period, filter } = line;
  const counted = readingsCounted(position, line);
  const sums = await readingsOf(core, counted ?? [{ position, deploymentId, billingKind, ...period, filter }]);
  const readings = counted === null ? (sums[0] ?? NO_READINGS) : addedReadings(sums);
  const rows = parts.flatMap((part) => part.rows);
  const row = rows.find(({ ref }) => readRef(ref).isPooled === true) ?? rows[0];
  const shared = row === undefined ? [] : await readingsOf(core, readingsShared(position, row, line));
  const ofSegments = line.segments.flatMap(({ planId }) =>
    streamsOfRow({ planId, deploymentId, lineId, ref: '' }, readings.keys),
  );
  const streams = new Set([
    ...ofSegments,
    ...streamsOfCounted(line, readings),
    ...(row === undefined ? [] : streamsOfPool(row, line)),
  ]);
  const ofStreams = await eventsOf(core.log, position, [], streams);
  return {
    is: 'open line',
    lineId,
    tenantId: line.tenantId,
    billingKind,
    period,
    quarantine: rated?.quarantined?.message ?? null,
    parts: parts.map(({ partId, period: of, quantity, rows: own }) => ({
      partId,
      period: of,
      quantity,
      rows: printRated(own, line.currency),
    })),
    usage: { quantity: readings.quantity, readings: readings.count },
    ...(await firstEvents(
      referencesIn(core.log),
      [...readings.positions, ...addedReadings(shared).positions],
      ofStreams,
      first,
    )),
  };
}

/**
 * The line that an id names, or is a part of, and the deployments among which it is. A line that is only derived so far
 * is not recorded: it may be of any.
 */
async function lineOf(
  { core, position }: QueryContext,
  id: string,
): Promise<{ readonly lineId: string; readonly deployments: Deployments }> {
  const [recorded] = await readLinesById(core.db, position, [id]);
  if (recorded === undefined) return { lineId: id, deployments: null };
  return { lineId: recorded.root_line_id, deployments: { deploymentIds: [recorded.deployment_id] } };
}
