import type { FrozenRow } from '#domain/invoices/invoice';
import { type Coupon, couponChanges, couponShares } from '#domain/invoices/credits';
import { taxShares } from '#domain/invoices/tax';
import { type TaxRate, taxAt } from '#domain/tenants/tenant';
import { billedHow, countsUsage, type LineDefinition, needsRates } from '#domain/lines/line';
import { type RecordedPart, tiles, type TiledPart } from '#domain/lines/parts';
import {
  type Charge,
  chargePeriodOf,
  chargesOf,
  type Part,
  rateLine,
  scalarOf,
  type Quarantined,
  usageInstants,
  type UsageUpTo,
} from '#domain/lines/rate';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { moneyText, unitAmountText } from '#domain/money/money';
import { netOf, type RatedRow, rowsWithMoney } from '#domain/rating/row';
import { add } from '#domain/rating/subtract';
import { isDomainError } from '#domain/schema';
import { compareInstants, earlier, type Instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { type LineUsage, loadUsageAt, type UsageNeedAt } from './line-usage.js';
import type { LedgerCore } from '#ledger/ledger-core';

/** A line, and the amounts of its parts up to an instant. */
export interface RatedLine {
  readonly line: LineDefinition;
  readonly parts: readonly RatedTile[];
  readonly quarantined: Quarantined | null;
}

export interface RatedTile extends TiledPart {
  readonly rows: readonly RatedRow[];
  /** What the rows are for. */
  readonly charges: readonly { readonly period: Period; readonly net: Decimal }[];
  /** The tax on the rows. */
  readonly tax: Decimal;
  /** Usage within the part, up to the instant. The base fee is 1. */
  readonly quantity: string;
}

/** A line to be rated up to an instant. What has not begun by then is 0. */
export interface LineToRate {
  readonly line: LineDefinition;
  /** What was recorded of its parts. */
  readonly recorded: readonly RecordedPart[];
  readonly at: Instant;
  readonly currency: string;
  readonly coupons: readonly Coupon[];
  /** The taxes of the tenant; empty if nobody asks for tax. */
  readonly taxes: readonly TaxRate[];
}

/** Rates lines as known at a position. Nothing is stored. */
export async function rateLines(
  core: LedgerCore,
  position: number,
  lines: readonly LineToRate[],
): Promise<RatedLine[]> {
  const usage = await loadUsageAt(
    core,
    lines.flatMap((each) => usageToRate(each, position)),
  );
  return lines.map((each) => rateOne(each, usage(each.line, position)));
}

/** The usage that must be known before `rateOne`. */
export function usageToRate(toRate: LineToRate, position: number): UsageNeedAt[] {
  const { line } = toRate;
  const instants = usageInstants(line, tilesUpTo(toRate).charges);
  return instants.length === 0 ? [] : [{ line, instants, position }];
}

export function rateOne(toRate: LineToRate, usage: UsageUpTo): RatedLine {
  const { line, currency, coupons } = toRate;
  const parts = tilesUpTo(toRate);
  const rating = parts.charges.length === 0 ? { rows: [] } : rateLine(line, parts.charges, usage, currency);
  const quarantined = 'quarantined' in rating ? rating.quarantined : null;
  const rows = 'quarantined' in rating ? [] : rating.rows;
  const net = withCouponsTaken(line, parts.charges, { rows, coupons, currency });
  const clipped = new Map(parts.begun.map((part) => [part.partId, part.period]));
  return {
    line,
    quarantined,
    parts: parts.all.map((part) => ({
      ...part,
      rows: sumOfCharges(net.get(part.partId) ?? []),
      charges: (net.get(part.partId) ?? []).flatMap((charge) =>
        charge.rows.map((row) => ({ period: chargePeriodOf(line, charge, row), net: row.net })),
      ),
      tax: taxOf(net.get(part.partId) ?? [], toRate),
      quantity: quantityIn(line, clipped.get(part.partId), usage, quarantined !== null),
    })),
  };
}

/** A charge with its rows. */
interface RatedCharge extends Charge {
  readonly rows: readonly RatedRow[];
}

const sumOfCharges = (charges: readonly RatedCharge[]): RatedRow[] =>
  add(
    [],
    charges.flatMap(({ rows }) => rows),
  );

/** At each rate, the tax on what the charges come to together. */
function taxOf(charges: readonly RatedCharge[], { taxes, currency }: LineToRate): Decimal {
  const byRate = Map.groupBy(charges, ({ at }) => taxAt(taxes, at)?.ratePercent ?? '0');
  return sum(
    [...byRate].flatMap(([ratePercent, of]) =>
      taxShares([netOf(of.flatMap(({ rows }) => rows))], ratePercent, currency),
    ),
  );
}

/** By part, its charges with the rows that are not 0, less what coupons take of them. */
function withCouponsTaken(
  { billingKind }: LineDefinition,
  charges: readonly Charge[],
  {
    rows,
    coupons,
    currency,
  }: {
    readonly rows: readonly (readonly RatedRow[])[];
    readonly coupons: readonly Coupon[];
    readonly currency: string;
  },
): Map<string, RatedCharge[]> {
  const shown = charges.map((charge, index) => ({ ...charge, rows: rowsWithMoney(rows[index] ?? []) }));
  const shares = couponShares(
    shown.map((charge) => ({
      ...charge,
      billingKind,
      rows: charge.rows.map((row) => ({ ...row, unitAmount: text(row.unitAmount) })),
    })),
    coupons,
    currency,
  );
  const taken = shown.map((charge, n) => ({
    ...charge,
    rows: charge.rows.map((row, index) => {
      const off = sum((shares[n]?.[index] ?? []).map(({ amount }) => amount));
      return { ...row, credit: row.credit.plus(off), net: row.net.minus(off) };
    }),
  }));
  return Map.groupBy(taken, ({ partId }) => partId);
}

/**
 * All parts of a line, those that have begun by an instant, and their charges. The last one ends there. A flat amount
 * is whole at once.
 */
function tilesUpTo({ line, recorded, at, coupons, taxes }: LineToRate): {
  all: TiledPart[];
  begun: TiledPart[];
  charges: Charge[];
} {
  const all = tiles(line, recorded);
  const begun = begunBy(line, all, at);
  const changes = [...couponChanges(coupons, line.billingKind), ...taxes.map(({ from }) => from)];
  return { all, begun, charges: chargesOf(line, begun, changes) };
}

function begunBy(line: LineDefinition, all: readonly TiledPart[], at: Instant): TiledPart[] {
  if (billedHow(line) === 'in_advance') return isBefore(at, line.period.start) ? [] : [...all];
  return all
    .filter(({ period }) => isBefore(period.start, at))
    .map((part) => ({ ...part, period: { start: part.period.start, end: earlier(part.period.end, at) } }));
}

function quantityIn(
  line: LineDefinition,
  period: Period | undefined,
  usageUpTo: UsageUpTo,
  quarantined: boolean,
): string {
  if (period === undefined) return '0';
  // A line that counts no usage has the quantity 1.
  if (!countsUsage(line)) return '1';
  // Without its rates, the usage of a rate-card line may be unknown too.
  if (quarantined && needsRates(line)) return '0';
  const upTo = (at: Instant): Decimal =>
    compareInstants(at, line.period.start) <= 0 ? decimal('0') : scalarOf(usageUpTo(at));
  return text(upTo(period.end).minus(upTo(period.start)));
}

/** Parts of a line, and the position at which their usage is read. */
export interface PartsOfLine {
  readonly line: LineDefinition;
  readonly parts: readonly Part[];
  readonly position: number;
}

/** The usage that must be known before `quantitiesOf`. */
export function usageOfParts({ line, parts, position }: PartsOfLine): UsageNeedAt[] {
  if (!countsUsage(line)) return [];
  const bounds = new Set(parts.flatMap(({ period }) => [period.start, period.end]));
  const instants = [...bounds].filter((at) => isBefore(line.period.start, at));
  return instants.length === 0 ? [] : [{ line, instants, position }];
}

/** Usage within each part, by its id. */
export const quantitiesOf = ({ line, parts, position }: PartsOfLine, usage: LineUsage): (readonly [string, string])[] =>
  parts.map(({ partId, period }) => [partId, pricedQuantity(line, period, usage(line, position))] as const);

/** Rate-card usage is known only with its rates. A line without one is quarantined, which says so. */
function pricedQuantity(line: LineDefinition, period: Period, usage: UsageUpTo): string {
  try {
    return quantityIn(line, period, usage, false);
  } catch (error) {
    if (!isDomainError(error) || !needsRates(line)) throw error;
    return '0';
  }
}

/** A frozen row as JSON, money at the currency's scale. */
export const printFrozen = (row: FrozenRow, currency: string) => ({
  rowId: row.rowId,
  kind: row.kind,
  chargePeriod: row.chargePeriod,
  ref: row.ref,
  quantity: row.quantity,
  unitAmount: unitAmountText(decimal(row.unitAmount), currency),
  ...(row.unit === undefined ? {} : { unit: row.unit }),
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

export const netText = (rows: readonly { readonly net: string }[], currency: string): string =>
  moneyText(sum(rows.map(({ net }) => decimal(net))), currency);
