import type { Coupon } from '#domain/invoices/credits';
import { chargeOf } from '#domain/invoices/corrections';
import type { LineDefinition } from '#domain/lines/line';
import { tiles } from '#domain/lines/parts';
import { hasDueAtPeriodEnd } from '#domain/lines/rate';
import { type Decimal, sum, ZERO } from '#domain/money/decimal';
import { firstInstantAfter, fromMicros, type Instant, isBefore, micros } from '#domain/time/instant';
import { contains, type Period } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { type AccountKey, readIssuedParts, keyOfAccount } from '#projections/invoices/invoices.read';
import { couponsOfLines, pendingMarks } from './billing-facts.js';
import { allLines } from './contracts.js';
import { type LinePart, recordedPartsOf } from './parts.js';
import { type RatedLine, rateLines } from './rated-lines.js';

/** A line, and what it comes to so far. Money of the line's currency. */
export interface AccruedLine extends RatedLine {
  /** Before credits, after coupons. Of a line that can't be rated: what is issued. */
  readonly accrued: Decimal;
  /** What issued, non-void invoices booked of it, with their corrections. Without credit notes, as corrections are. */
  readonly issued: Decimal;
  /** Of `accrued`, what falls due only when the line ends. 0 until its last instant. */
  readonly dueAtPeriodEnd: Decimal;
}

/**
 * The lines that may have something unbilled at an instant: those whose period holds it, and those that ended with a
 * part that is not issued, or whose issued parts changed since.
 */
export async function accruingLines(core: LedgerCore, position: number, at: Instant): Promise<LineDefinition[]> {
  const lines = await allLines(core, position, at);
  const ended = lines.filter((line) => !contains(line.period, at));
  const lineIds = ended.map(({ lineId }) => lineId);
  const recorded = Map.groupBy(await recordedPartsOf(core, position, { lineIds }), ({ lineId }) => lineId);
  const accounts = new Map(
    ended.map(({ tenantId, currency }) => [keyOfAccount({ tenantId, currency }), { tenantId, currency }]),
  );
  const marks = await pendingMarks(core, position, [...accounts.values()]);
  const isBilled = (line: LineDefinition): boolean =>
    tiles(line, recorded.get(line.lineId) ?? []).every(({ issued }) => issued) && !marks(line).has(line.lineId);
  return lines.filter((line) => contains(line.period, at) || !isBilled(line));
}

/** Rates lines up to an instant as known at a position, and reads what is issued of them. Nothing is stored. */
export async function accruedLines(
  core: LedgerCore,
  position: number,
  lines: readonly LineDefinition[],
  at: Instant,
): Promise<AccruedLine[]> {
  const couponsOf = await couponsOfLines(core, position, null);
  const parts = await recordedPartsOf(core, position, { lineIds: lines.map(({ lineId }) => lineId) });
  const issued = await issuedOf(core, position, { lines, parts, couponsOf });
  const recorded = Map.groupBy(parts, ({ lineId }) => lineId);
  const toRate = (line: LineDefinition, until: Instant, of: readonly LinePart[]) => ({
    ...{ line, recorded: of, at: until, currency: line.currency, coupons: couponsOf(line), taxes: [] },
  });
  const ending = lines.filter((line) => isLastInstant(line.period, at) && hasDueAtPeriodEnd(line));
  const rated = await rateLines(core, position, [
    // In their parts, as an invoice rates them: what fell due at the end of a part that was billed as the last stays.
    ...lines.map((line) =>
      toRate(line, isLastInstant(line.period, at) ? line.period.end : at, recorded.get(line.lineId) ?? []),
    ),
    // Whole, and whole as if they went on: the rest falls due at the end.
    ...ending.map((line) => toRate(line, line.period.end, [])),
    ...ending.map((line) => toRate(goingOn(line), line.period.end, [])),
  ]);
  const netById = (of: readonly RatedLine[]) => new Map(of.map((each) => [each.line.lineId, netOf(each)]));
  const ended = netById(rated.slice(lines.length, lines.length + ending.length));
  const unended = netById(rated.slice(lines.length + ending.length));
  return rated.slice(0, lines.length).map((each): AccruedLine => {
    const { lineId } = each.line;
    const booked = issued.get(lineId) ?? ZERO;
    if (each.quarantined !== null) return { ...each, accrued: booked, issued: booked, dueAtPeriodEnd: ZERO };
    const dueAtPeriodEnd = (ended.get(lineId) ?? ZERO).minus(unended.get(lineId) ?? ZERO);
    return { ...each, accrued: netOf(each), issued: booked, dueAtPeriodEnd };
  });
}

const ONE_SECOND = 1_000_000n;

/**
 * Whether an instant is the last of a period, or after it. An instant is often given to the second, so 23:59:59 stands
 * for all of the last second.
 */
export const isLastInstant = (period: Period, at: Instant): boolean =>
  !isBefore(at, fromMicros(micros(period.end) - ONE_SECOND));

const goingOn = (line: LineDefinition): LineDefinition => ({
  ...line,
  period: { start: line.period.start, end: firstInstantAfter(line.period.end) },
});

const netOf = ({ parts }: RatedLine): Decimal => sum(parts.flatMap(({ rows }) => rows.map(({ net }) => net)));

/** A line, also one that is only recorded. */
type IssuedLine = AccountKey & { readonly lineId: string };

/** What issued, non-void invoices booked of lines that are recorded, with their corrections, before credits. */
export async function issuedOfLines(
  core: LedgerCore,
  position: number,
  lines: readonly IssuedLine[],
): Promise<ReadonlyMap<string, Decimal>> {
  if (lines.length === 0) return new Map();
  const couponsOf = await couponsOfLines(core, position, [...new Set(lines.map(({ tenantId }) => tenantId))]);
  const parts = await recordedPartsOf(core, position, { lineIds: lines.map(({ lineId }) => lineId) });
  return issuedOf(core, position, { lines, parts, couponsOf });
}

/** What live issued invoices in the currency of each line booked of it, with corrections, before credits. */
async function issuedOf(
  core: LedgerCore,
  position: number,
  {
    lines,
    parts,
    couponsOf,
  }: {
    readonly lines: readonly IssuedLine[];
    readonly parts: readonly LinePart[];
    readonly couponsOf: (line: AccountKey) => readonly Coupon[];
  },
): Promise<ReadonlyMap<string, Decimal>> {
  const ids = parts.map(({ partId }) => partId);
  const booked = (await readIssuedParts(core.db, position, ids)).flatMap(({ currency, row }) =>
    row === null ? [] : [{ currency, row }],
  );
  const byLine = Map.groupBy(booked, ({ row }) => row.lineId);
  return new Map(
    lines.map((line) => {
      const coupons = new Set(couponsOf(line).map(({ creditId }) => creditId));
      const rows = (byLine.get(line.lineId) ?? []).filter(({ currency }) => currency === line.currency);
      return [
        line.lineId,
        chargeOf(
          rows.map(({ row }) => row),
          coupons,
        ),
      ];
    }),
  );
}
