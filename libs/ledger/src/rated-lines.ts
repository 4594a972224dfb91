import type { FrozenRow } from '#domain/invoices/invoice';
import { billedHow, isBaseFee, type LineDefinition } from '#domain/lines/line';
import { type RecordedPart, tiles, type TiledPart } from '#domain/lines/parts';
import { rateLine, type Quarantined, usageInstants, type UsageUpTo } from '#domain/lines/rate';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import type { Usage } from '#domain/prices/model';
import { printRow, type PrintedRow, type RatedRow, rowsWithMoney } from '#domain/rating/row';
import { compareInstants, earlier, type Instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { loadUsage } from './billing.js';
import type { LedgerCore } from './ledger-core.js';

/** A line's parts with what each comes to so far, up to an instant. */
export interface RatedLine {
  readonly line: LineDefinition;
  readonly parts: readonly RatedTile[];
  readonly quarantined: Quarantined | null;
}

export interface RatedTile extends TiledPart {
  readonly rows: readonly RatedRow[];
  /** Usage within the part, up to the instant; the base fee is one. */
  readonly quantity: string;
}

/** Rates lines as now known, up to an instant: what has not begun by then comes to nothing. Nothing is stored. */
export async function rateLines(
  core: LedgerCore,
  position: number,
  lines: readonly LineDefinition[],
  recorded: ReadonlyMap<string, readonly RecordedPart[]>,
  at: Instant,
): Promise<RatedLine[]> {
  const tiled = lines.map((line) => ({ line, parts: tilesUpTo(line, recorded.get(line.lineId) ?? [], at) }));
  const needs = tiled.map(({ line, parts }) => ({ line, instants: usageInstants(line, parts.begun) })).filter(({ instants }) => instants.length > 0);
  const usageOf = await loadUsage(core, position, needs);
  return tiled.map(({ line, parts }) => {
    const usage = usageOf(line);
    const rating = parts.begun.length === 0 ? { rows: new Map<string, readonly RatedRow[]>() } : rateLine(line, parts.begun, usage);
    const quarantined = 'quarantined' in rating ? rating.quarantined : null;
    const rows = 'quarantined' in rating ? new Map<string, readonly RatedRow[]>() : rating.rows;
    const clipped = new Map(parts.begun.map((part) => [part.partId, part.period]));
    return {
      line,
      quarantined,
      parts: parts.all.map((part) => ({
        ...part,
        rows: rowsWithMoney(rows.get(part.partId) ?? []),
        quantity: quantityIn(line, clipped.get(part.partId), usage, quarantined !== null),
      })),
    };
  });
}

/** All of a line's parts, and those that have begun by an instant, the last cut off there; a flat amount is whole at once. */
function tilesUpTo(line: LineDefinition, recorded: readonly RecordedPart[], at: Instant): { all: TiledPart[]; begun: TiledPart[] } {
  const all = tiles(line, recorded);
  if (billedHow(line) === 'in_advance') return { all, begun: isBefore(at, line.period.start) ? [] : all };
  const begun = all
    .filter(({ period }) => isBefore(period.start, at))
    .map((part) => ({ ...part, period: { start: part.period.start, end: earlier(part.period.end, at) } }));
  return { all, begun };
}

const scalar = (usage: Usage): Decimal => ('times' in usage ? usage : sum(usage.map(({ quantity }) => quantity)));

function quantityIn(line: LineDefinition, period: Period | undefined, usageUpTo: UsageUpTo, quarantined: boolean): string {
  if (period === undefined) return '0';
  if (isBaseFee(line)) return '1';
  // A line that can't be priced may not know its usage by rate either.
  if (quarantined && line.segments.some(({ terms }) => terms.price.model === 'rate_card')) return '0';
  const upTo = (at: Instant): Decimal => (compareInstants(at, line.period.start) <= 0 ? decimal('0') : scalar(usageUpTo(at)));
  return text(upTo(period.end).minus(upTo(period.start)));
}

/** A frozen row as JSON, money at the currency's scale. */
export const printFrozen = (row: FrozenRow, currency: string) => ({
  rowId: row.rowId,
  kind: row.kind,
  ref: row.ref,
  quantity: row.quantity,
  unitAmount: row.unitAmount,
  gross: moneyText(decimal(row.gross), currency),
  discount: moneyText(decimal(row.discount), currency),
  credit: moneyText(decimal(row.credit), currency),
  net: moneyText(decimal(row.net), currency),
  taxRatePercent: row.taxRatePercent,
  tax: moneyText(decimal(row.tax), currency),
  ...(row.corrects === undefined ? {} : { corrects: row.corrects }),
  ...(row.reason === undefined ? {} : { reason: row.reason }),
});

export const printRated = (rows: readonly RatedRow[], currency: string): PrintedRow[] => rows.map((row) => printRow(row, currency));
export const netText = (rows: readonly { readonly net: string }[], currency: string): string => moneyText(sum(rows.map(({ net }) => decimal(net))), currency);
