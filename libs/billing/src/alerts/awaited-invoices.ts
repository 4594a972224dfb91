import { isCommitment, type LineDefinition } from '#domain/lines/line';
import { tiles } from '#domain/lines/parts';
import { earlier, type Instant, isBefore, plusHours } from '#domain/time/instant';
import { contains, overlaps, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readVoidedParts } from '#projections/invoice-lines/invoice-lines.read';
import { accruedLines } from '../invoices/accrued-lines.js';
import { allLines } from '../invoices/contracts.js';
import { recordedPartsOf } from '../invoices/parts.js';

/** After so many days nobody waits for an invoice any longer. */
const LONGEST_WAIT_HOURS = 35 * 24;

/** Whether the revenue of a month is not billed as a whole yet: of a tenant, or (null) of all. */
export type Awaits = (month: Period, tenantId: string | null) => boolean;

/**
 * Whose invoices are awaited for UTC months that have ended, in a currency, as of the caller's time. A tenant's are
 * while a line that charges for the month goes on, or has something to bill: for at most 35 days after the month or
 * the line ends, or after an invoice of it is voided, if that is later. For the margin in all, those of any tenant are.
 */
export async function awaitedInvoices(
  { core, position, caller }: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<Awaits> {
  const at = caller.now;
  const ended = months.filter(({ end }) => !isBefore(at, end));
  if (ended.length === 0) return () => false;
  const voided = await readVoidedParts(core.db, position, plusHours(at, -LONGEST_WAIT_HOURS));
  const [lineIdsVoided, partIdsVoided] = [
    new Set(voided.map(({ line_id: lineId }) => lineId)),
    new Set(voided.map(({ part_id: partId }) => partId)),
  ];
  const isWaiting = ({ period }: LineDefinition, month: Period): boolean =>
    isBefore(at, plusHours(earlier(period.end, month.end), LONGEST_WAIT_HOURS));
  const concerns = (line: LineDefinition): boolean =>
    line.currency === currency &&
    // No invoice of a month bills a commitment whose term goes on.
    !(isCommitment(line) && isBefore(at, line.period.end)) &&
    ended.some((month) => chargesFor(line.period, month) && (isWaiting(line, month) || lineIdsVoided.has(line.lineId)));
  const lines = (await allLines(core, position, at)).filter(concerns);
  if (lines.length === 0) return () => false;
  const lineIds = lines.map(({ lineId }) => lineId);
  const recorded = Map.groupBy(await recordedPartsOf(core, position, { lineIds }), ({ lineId }) => lineId);
  const open = lines.flatMap((line) => {
    const parts = tiles(line, recorded.get(line.lineId) ?? []).filter(({ issued }) => !issued);
    return parts.length === 0 ? [] : [{ line, parts }];
  });
  const settled = await settledLines(
    { core, position },
    open.flatMap(({ line }) => (contains(line.period, at) ? [] : [line])),
    at,
  );
  const awaited = open.filter(({ line }) => !settled.has(line.lineId));
  const byTenant = Map.groupBy(awaited, ({ line }) => line.tenantId);
  return (month, tenantId) =>
    (tenantId === null ? awaited : (byTenant.get(tenantId) ?? [])).some(({ line, parts }) =>
      parts.some(
        ({ partId, period }) => chargesFor(period, month) && (isWaiting(line, month) || partIdsVoided.has(partId)),
      ),
    );
}

/**
 * Whether a period charges for a month. A local month begins within a day of the UTC month: what begins on the last day
 * of a month and goes on beyond the first day of the next one is for the next one.
 */
const chargesFor = (period: Period, month: Period): boolean =>
  overlaps(period, month) &&
  (isBefore(period.start, plusHours(month.end, -24)) || !isBefore(plusHours(month.end, 24), period.end));

/** Those of lines that ended that have nothing to bill: no invoice comes of them. */
async function settledLines(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  lines: readonly LineDefinition[],
  at: Instant,
): Promise<ReadonlySet<string>> {
  if (lines.length === 0) return new Set();
  const accrued = await accruedLines(core, position, lines, at);
  return new Set(
    accrued.flatMap(({ line, quarantined, accrued: owed, issued }) =>
      quarantined === null && owed.eq(issued) ? [line.lineId] : [],
    ),
  );
}
