import type { LineDefinition } from '#domain/lines/line';
import { tiles } from '#domain/lines/parts';
import { type Instant, isBefore, plusHours } from '#domain/time/instant';
import { contains, overlaps, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { accruedLines, accruingLines } from '../invoices/accrued-lines.js';
import { recordedPartsOf } from '../invoices/parts.js';

/** After so many days nobody waits for invoices any longer. */
const LONGEST_WAIT_DAYS = 35;

/** Whether the revenue of a month is not billed as a whole yet: of a tenant, or (null) of all. */
export type Awaits = (month: Period, tenantId: string | null) => boolean;

/**
 * Whose invoices are awaited for UTC months that have ended, in a currency, as of the caller's time. A tenant's are
 * while a line that charges for the month goes on, or has something to bill, for at most 35 days after the line ends.
 * For the margin in all, those of any tenant are awaited, for at most 35 days after the month ends.
 */
export async function awaitedInvoices(
  { core, position, caller }: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<Awaits> {
  const at = caller.now;
  const ended = months.filter(({ end }) => !isBefore(at, end));
  const concerns = (line: LineDefinition): boolean =>
    line.currency === currency && isWaiting(line.period, at) && ended.some((month) => overlaps(line.period, month));
  const lines = ended.length === 0 ? [] : (await accruingLines(core, position, at)).filter(concerns);
  const lineIds = lines.map(({ lineId }) => lineId);
  const recorded = Map.groupBy(await recordedPartsOf(core, position, { lineIds }), ({ lineId }) => lineId);
  const open = lines.map((line) => ({
    line,
    periods: tiles(line, recorded.get(line.lineId) ?? []).flatMap(({ issued, period }) => (issued ? [] : [period])),
  }));
  const settled = await settledLines(
    { core, position },
    open.flatMap(({ line, periods }) => (periods.length === 0 || contains(line.period, at) ? [] : [line])),
    at,
  );
  const awaited = open.filter(({ line }) => !settled.has(line.lineId));
  return (month, tenantId) =>
    (tenantId !== null || isWaiting(month, at)) &&
    awaited.some(
      ({ line, periods }) =>
        (tenantId === null || line.tenantId === tenantId) && periods.some((period) => overlaps(period, month)),
    );
}

const isWaiting = ({ end }: Period, at: Instant): boolean => isBefore(at, plusHours(end, LONGEST_WAIT_DAYS * 24));

/** Those of lines that ended that have nothing to bill: no invoice comes of them. */
async function settledLines(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  lines: readonly LineDefinition[],
  at: Instant,
): Promise<ReadonlySet<string>> {
  const accrued = await accruedLines(core, position, lines, at);
  return new Set(
    accrued.flatMap(({ line, quarantined, accrued: owed, issued }) =>
      quarantined === null && owed.eq(issued) ? [line.lineId] : [],
    ),
  );
}
