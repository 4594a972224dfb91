import type { Coupon } from '#domain/invoices/credits';
import type { FrozenRow } from '#domain/invoices/invoice';
import { countsUsage, type LineDefinition } from '#domain/lines/line';
import { tiles } from '#domain/lines/parts';
import { byMonth, quantityByMonth } from '#domain/margin/months';
import { type Realisations, realisationsOf, type RealisedPart, stepsOfPrice } from '#domain/margin/realisation';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { overlaps, type Period, spanOf } from '#domain/time/period';
import { monthName } from '#projections/costs/charged.read';
import { readIssuedParts } from '#projections/invoices/invoices.read';
import { readRevenueByCause } from '#projections/margins/margins.read';
import type { QueryContext } from '#ledger/query';
import { couponsOfLines } from './billing-facts.js';
import { allLines } from './contracts.js';
import { loadUsageAt } from './line-usage.js';
import { recordedPartsOf } from './parts.js';
import { type LineToRate, rateOne, type RatedLine, usageToRate } from './rated-lines.js';

/** Price realisation of neighbouring months: of each, and of all together. */
export interface RealisationsOver {
  readonly months: readonly Realisations[];
  readonly together: Realisations;
}

type PartInMonth = RealisedPart & { readonly month: string };

/**
 * What issued invoices bill of each billing kind, against the list value of the metered quantities that they bill. The
 * issued parts of lines are rated step by step, as known at the position; credits are on the frozen rows.
 */
export async function realisationsIn(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<RealisationsOver> {
  const names = months.map(monthName);
  const asked = new Set(names);
  const parts = [
    ...(await ratedParts(context, months, currency)).filter(({ month }) => asked.has(month)),
    ...(await bookedParts(context, names, currency)),
  ];
  const byName = Map.groupBy(parts, ({ month }) => month);
  return {
    months: names.map((name) => realisationsOf(byName.get(name) ?? [], currency)),
    together: realisationsOf(parts, currency),
  };
}

/** What is billed, and what credit notes gave back. */
async function bookedParts(
  { core, position }: QueryContext,
  months: readonly string[],
  currency: string,
): Promise<PartInMonth[]> {
  return (await readRevenueByCause(core.db, position, { months, currency })).map((row) => ({
    ...{ month: row.month, billingKind: row.billing_kind, billed: decimal(row.amount) },
    creditNotes: decimal(row.credited),
  }));
}

/** The issued parts of lines: their list value, and what each step of rating and each credit takes of it. */
async function ratedParts(
  { core, position }: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<PartInMonth[]> {
  const span = spanOf(months);
  if (span === null) return [];
  const lines = (await allLines(core, position, span.end)).filter(
    (line) => line.currency === currency && overlaps(line.period, span),
  );
  const lineIds = lines.map(({ lineId }) => lineId);
  const recorded = Map.groupBy(await recordedPartsOf(core, position, { lineIds }), ({ lineId }) => lineId);
  const billed = lines.filter(({ lineId }) => recorded.get(lineId)?.some(({ issued }) => issued) === true);
  const couponsOf = await couponsOfLines(core, position, null);
  const toRate = billed.map((line): LineToRate => {
    const parts = recorded.get(line.lineId) ?? [];
    // What no invoice bills yet is of no interest, and may lack a rate.
    const at = tiles(line, parts).findLast(({ issued }) => issued)?.period.end ?? line.period.start;
    return { line, recorded: parts, at, currency, coupons: couponsOf(line), taxes: [] };
  });
  const usage = await loadUsageAt(
    core,
    toRate.flatMap((each) => usageToRate(each, position)),
  );
  const rows = await frozenRows({ core, position }, toRate, currency);
  return toRate.flatMap((each) => {
    const stepped = steppedBy(each, (of) => rateOne(of, usage(each.line, position)));
    return [...stepped, ...creditsOf(each, rows.get(each.line.lineId) ?? [])];
  });
}

/** The frozen rows of the issued parts of lines, by line. */
async function frozenRows(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  lines: readonly LineToRate[],
  currency: string,
): Promise<ReadonlyMap<string, readonly FrozenRow[]>> {
  const partIds = lines.flatMap(({ recorded }) => recorded.flatMap(({ partId, issued }) => (issued ? [partId] : [])));
  const issued = await readIssuedParts(core.db, position, partIds);
  return Map.groupBy(
    issued.flatMap((each) => (each.row === null || each.currency !== currency ? [] : [each.row])),
    ({ lineId }) => lineId,
  );
}

/** What comes after the list price, in the order of the steps. */
const CAUSES = ['allowance', 'discount', 'maximum', 'minimum', 'coupon'] as const;

/** A line that can't be rated comes to nothing here. */
function steppedBy(toRate: LineToRate, rate: (of: LineToRate) => RatedLine): PartInMonth[] {
  // Coupons of 0 % divide the charges as the coupons do, and take nothing.
  const free = toRate.coupons.map((coupon): Coupon => ({ ...coupon, percent: '0' }));
  const known = new Map<LineDefinition, RatedLine>();
  const rated = stepsOfPrice(toRate.line).map((line) => {
    const found = known.get(line) ?? rate({ ...toRate, line, coupons: free });
    known.set(line, found);
    return found;
  });
  const [list] = rated;
  const last = toRate.coupons.length === 0 ? rated.at(-1) : rate(toRate);
  if (list === undefined || last === undefined || list.quarantined !== null) return [];
  const { billingKind } = toRate.line;
  const nets = [...rated, last].map((of) => netsByMonth(of, toRate.currency));
  const isCounted = countsUsage(toRate.line);
  return [
    ...[...new Set(nets.flatMap((of) => [...of.keys()]))].map((month): PartInMonth => {
      const values = nets.map((of) => of.get(month) ?? ZERO);
      const steps = CAUSES.map((cause, index) => [cause, (values[index + 1] ?? ZERO).minus(values[index] ?? ZERO)]);
      return { month, billingKind, list: values[0] ?? ZERO, ...(Object.fromEntries(steps) as Partial<RealisedPart>) };
    }),
    ...last.parts
      .filter(({ issued }) => issued && isCounted)
      .flatMap((part) =>
        quantityByMonth(decimal(part.quantity), part.period).map(({ month, amount }) => ({
          ...{ month, billingKind, quantity: amount },
        })),
      ),
  ];
}

/** What the issued parts of a line come to, by month of the charge period. */
function netsByMonth({ parts }: RatedLine, currency: string): ReadonlyMap<string, Decimal> {
  const shares = parts
    .filter(({ issued }) => issued)
    .flatMap(({ charges }) => charges.flatMap(({ period, net }) => byMonth(net, period, currency)));
  return new Map(
    [...Map.groupBy(shares, ({ month }) => month)].map(([month, of]) => [month, sum(of.map(({ amount }) => amount))]),
  );
}

/** What credits paid of the rows of a line. A reversal gives it back. */
function creditsOf({ coupons, line, currency }: LineToRate, rows: readonly FrozenRow[]): PartInMonth[] {
  const couponIds = new Set(coupons.map(({ creditId }) => creditId));
  return rows.flatMap(({ credits = [], chargePeriod }) => {
    const drawn = sum(credits.filter(({ creditId }) => !couponIds.has(creditId)).map(({ amount }) => decimal(amount)));
    return byMonth(drawn.neg(), chargePeriod, currency).map(({ month, amount }) => ({
      ...{ month, billingKind: line.billingKind, credit: amount },
    }));
  });
}
