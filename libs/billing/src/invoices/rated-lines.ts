import type { FrozenRow } from '#domain/invoices/invoice';
import { type Coupon, couponShares } from '#domain/invoices/credits';
import { billedHow, countsUsage, type LineDefinition, needsRates } from '#domain/lines/line';
import { type RecordedPart, tiles, type TiledPart } from '#domain/lines/parts';
import { type Part, rateLine, type Quarantined, usageInstants, type UsageUpTo } from '#domain/lines/rate';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { moneyText, scaleOf } from '#domain/money/money';
import type { Usage } from '#domain/prices/model';
import { printRow, type PrintedRow, type RatedRow, rowsWithMoney } from '#domain/rating/row';
import { isDomainError } from '#domain/schema';
import { compareInstants, earlier, type Instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { loadUsage } from './billing.js';
import type { LedgerCore } from '#ledger/ledger-core';

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
  at: Instant | ((line: LineDefinition) => Instant),
  currencyOf: (line: LineDefinition) => string,
  couponsOf: (line: LineDefinition) => readonly Coupon[],
): Promise<RatedLine[]> {
  const tiled = lines.map((line) => ({
    line,
    parts: tilesUpTo(line, recorded.get(line.lineId) ?? [], typeof at === 'string' ? at : at(line)),
  }));
  const needs = tiled
    .map(({ line, parts }) => ({ line, instants: usageInstants(line, parts.begun) }))
    .filter(({ instants }) => instants.length > 0);
  const usageOf = await loadUsage(core, position, needs);
  return tiled.map(({ line, parts }) => {
    const usage = usageOf(line);
    const rating =
      parts.begun.length === 0
        ? { rows: new Map<string, readonly RatedRow[]>() }
        : rateLine(line, parts.begun, usage, currencyOf(line));
    const quarantined = 'quarantined' in rating ? rating.quarantined : null;
    const rows = 'quarantined' in rating ? new Map<string, readonly RatedRow[]>() : rating.rows;
    const net = withCouponsTaken(line, parts.begun, rows, couponsOf(line), currencyOf(line));
    const clipped = new Map(parts.begun.map((part) => [part.partId, part.period]));
    return {
      line,
      quarantined,
      parts: parts.all.map((part) => ({
        ...part,
        rows: net.get(part.partId) ?? [],
        quantity: quantityIn(line, clipped.get(part.partId), usage, quarantined !== null),
      })),
    };
  });
}

/** The rows that say something, by part, less what coupons take of them. */
function withCouponsTaken(
  { billingKind }: LineDefinition,
  parts: readonly TiledPart[],
  rows: ReadonlyMap<string, readonly RatedRow[]>,
  coupons: readonly Coupon[],
  currency: string,
): Map<string, RatedRow[]> {
  const shown = parts.map(({ partId, period }) => ({
    partId,
    start: period.start,
    rows: rowsWithMoney(rows.get(partId) ?? []),
  }));
  const charged = shown.map((part) => ({
    ...part,
    billingKind,
    rows: part.rows.map((row) => ({ ...row, unitAmount: text(row.unitAmount) })),
  }));
  const shares = couponShares(charged, coupons, currency);
  return new Map(
    shown.map(({ partId, rows: ofPart }, part) => [
      partId,
      ofPart.map((row, index) => {
        const taken = sum((shares[part]?.[index] ?? []).map(({ amount }) => amount));
        return { ...row, credit: row.credit.plus(taken), net: row.net.minus(taken) };
      }),
    ]),
  );
}

/** All of a line's parts, and those that have begun by an instant, the last cut off there; a flat amount is whole at once. */
function tilesUpTo(
  line: LineDefinition,
  recorded: readonly RecordedPart[],
  at: Instant,
): { all: TiledPart[]; begun: TiledPart[] } {
  const all = tiles(line, recorded);
  if (billedHow(line) === 'in_advance') return { all, begun: isBefore(at, line.period.start) ? [] : all };
  const begun = all
    .filter(({ period }) => isBefore(period.start, at))
    .map((part) => ({ ...part, period: { start: part.period.start, end: earlier(part.period.end, at) } }));
  return { all, begun };
}

const scalar = (usage: Usage): Decimal => ('times' in usage ? usage : sum(usage.map(({ quantity }) => quantity)));

function quantityIn(
  line: LineDefinition,
  period: Period | undefined,
  usageUpTo: UsageUpTo,
  quarantined: boolean,
): string {
  if (period === undefined) return '0';
  // The amount of a period is one, whatever is used.
  if (!countsUsage(line)) return '1';
  // A line that can't be priced may not know its usage by rate either.
  if (quarantined && needsRates(line)) return '0';
  const upTo = (at: Instant): Decimal =>
    compareInstants(at, line.period.start) <= 0 ? decimal('0') : scalar(usageUpTo(at));
  return text(upTo(period.end).minus(upTo(period.start)));
}

/** Usage within each part of these lines, as known at a position: of the parts given, else of all that tile the line. */
export async function partQuantities(
  core: LedgerCore,
  position: number,
  lines: readonly LineDefinition[],
  recorded: ReadonlyMap<string, readonly RecordedPart[]>,
  given?: ReadonlyMap<string, readonly Part[]>,
): Promise<Map<string, string>> {
  const wanted = lines.map((line) => ({
    line,
    parts: given?.get(line.lineId) ?? tiles(line, recorded.get(line.lineId) ?? []),
  }));
  const boundsOf = ({ line, parts }: (typeof wanted)[number]): Instant[] =>
    [...new Set(parts.flatMap(({ period }) => [period.start, period.end]))].filter((at) =>
      isBefore(line.period.start, at),
    );
  const usageOf = await loadUsage(
    core,
    position,
    wanted.map((each) => ({ line: each.line, instants: boundsOf(each) })).filter(({ instants }) => instants.length > 0),
  );
  return new Map(
    wanted.flatMap(({ line, parts }) =>
      parts.map(({ partId, period }) => [partId, pricedQuantity(line, period, usageOf(line))] as const),
    ),
  );
}

/** Usage by rate is known only with its rates: where one is missing the line is quarantined, which says so. */
function pricedQuantity(line: LineDefinition, period: Period, usage: UsageUpTo): string {
  try {
    return quantityIn(line, period, usage, false);
  } catch (error) {
    if (!isDomainError(error) || !needsRates(line)) throw error;
    return '0';
  }
}

/** A unit amount as people read it: at the currency's scale at least, however its price writes it. */
export function unitAmountText(unitAmount: Decimal, currency: string): string {
  const plain = text(unitAmount);
  const decimals = plain.includes('.') ? plain.length - plain.indexOf('.') - 1 : 0;
  return decimals >= scaleOf(currency) ? plain : unitAmount.toFixed(scaleOf(currency));
}

/** A frozen row as JSON, money at the currency's scale. */
export const printFrozen = (row: FrozenRow, currency: string) => ({
  rowId: row.rowId,
  kind: row.kind,
  ref: row.ref,
  quantity: row.quantity,
  unitAmount: unitAmountText(decimal(row.unitAmount), currency),
  gross: moneyText(decimal(row.gross), currency),
  discount: moneyText(decimal(row.discount), currency),
  credit: moneyText(decimal(row.credit), currency),
  net: moneyText(decimal(row.net), currency),
  ...(row.credits === undefined
    ? {}
    : {
        credits: row.credits.map(({ creditId, amount }) => ({
          creditId,
          amount: moneyText(decimal(amount), currency),
        })),
      }),
  taxRatePercent: row.taxRatePercent,
  tax: moneyText(decimal(row.tax), currency),
  ...(row.corrects === undefined ? {} : { corrects: row.corrects }),
  ...(row.reason === undefined ? {} : { reason: row.reason }),
});

export const printRated = (rows: readonly RatedRow[], currency: string): PrintedRow[] =>
  rows.map((row) => ({ ...printRow(row, currency), unitAmount: unitAmountText(row.unitAmount, currency) }));
export const netText = (rows: readonly { readonly net: string }[], currency: string): string =>
  moneyText(sum(rows.map(({ net }) => decimal(net))), currency);
