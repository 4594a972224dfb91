import { derivedId, type LineDefinition } from '../lines/line.js';
import { duePartsOf, type Cut, type RecordedPart, type TiledPart, tiles } from '../lines/parts.js';
import { rateLine, type Part, type Quarantined, type UsageUpTo, usageInstants } from '../lines/rate.js';
import { type Decimal, decimal, sum, text, ZERO } from '../money/decimal.js';
import { toMoney } from '../money/money.js';
import { type RatedRow, rowsWithMoney } from '../rating/row.js';
import { type TaxRate, taxAt } from '../tenants/tenant.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { comparePeriods, type Period } from '../time/period.js';
import type { ClaimedPart, FrozenRow } from './invoice.js';
import { taxShares } from './tax.js';

/**
 * What an invoice comes to, from facts as of one log position. Preview, draft and issued invoice are all this
 * computation: nothing here is stored but what `InvoiceIssued` freezes.
 */
export interface BillingFacts {
  readonly currency: string;
  readonly taxes: readonly TaxRate[];
  readonly lines: readonly LineDefinition[];
  /** Recorded parts by line. */
  readonly recorded: ReadonlyMap<string, readonly RecordedPart[]>;
  /** Rows on issued, non-void invoices, by line: what is booked. */
  readonly booked: ReadonlyMap<string, readonly FrozenRow[]>;
  /** Lines with an issued part whose inputs changed since, and why. */
  readonly marks: ReadonlyMap<string, string>;
}

/** What is to be billed of one line, and what of it is to be compared with its bookings. */
export interface LineBilling {
  readonly line: LineDefinition | null;
  readonly lineId: string;
  /** The line's parts, from its start to the last that matters. */
  readonly parts: readonly Part[];
  /** Ids of the parts that are billed for the first time. */
  readonly due: ReadonlySet<string>;
  readonly cut: Cut | null;
  /** Ids of the line's later parts, which this billing leaves alone. */
  readonly untouched: ReadonlySet<string>;
  /** Ids of the parts that stand on an issued invoice, also where it booked nothing for them. */
  readonly issued: ReadonlySet<string>;
}

/** The billing of an instant: what is due as of it, and every line that is marked. */
export function billingAsOf(facts: BillingFacts, asOf: Instant): LineBilling[] {
  return billings(facts, (line, recorded) => {
    const due = duePartsOf(line, recorded, asOf);
    return due === null ? null : { parts: due.parts, due: new Set(due.due.map(({ partId }) => partId)), cut: due.cut };
  });
}

/** The billing of a draft: the parts that it claims, whatever else has become due since. */
export function billingOfClaim(facts: BillingFacts, claimed: readonly ClaimedPart[]): LineBilling[] {
  const byLine = Map.groupBy(claimed, ({ lineId }) => lineId);
  return billings(facts, (line, recorded) => {
    const parts = byLine.get(line.lineId);
    if (parts === undefined) return null;
    const ids = new Set(parts.map(({ partId }) => partId));
    const all = tiles(line, recorded);
    // A claim whose cut is not recorded yet (it is finished before anything else is billed): the cut as claimed. The part that is
    // cut a second time keeps its id, so that its end tells.
    const isCut = ({ partId, period }: ClaimedPart): boolean =>
      all.some((tile) => tile.partId === partId && !isBefore(period.end, tile.period.end));
    const missing = parts.filter((part) => !isCut(part));
    if (missing.length > 0) {
      const first = missing.map(({ period }) => period).sort(comparePeriods)[0];
      const before = all.filter(({ period }) => first !== undefined && compareInstants(period.start, first.start) < 0);
      return { parts: [...before, ...missing].sort((a, b) => comparePeriods(a.period, b.period)), due: ids, cut: null };
    }
    const last = all.findLastIndex(({ partId }) => ids.has(partId));
    return { parts: all.slice(0, last + 1), due: ids, cut: null };
  });
}

type Selection = Pick<LineBilling, 'parts' | 'due' | 'cut'>;
const NONE: ReadonlySet<string> = new Set();

function billings(facts: BillingFacts, select: (line: LineDefinition, recorded: readonly RecordedPart[]) => Selection | null): LineBilling[] {
  const known = new Set(facts.lines.map(({ lineId }) => lineId));
  const ofLines = facts.lines.flatMap((line): LineBilling[] => {
    const recorded = facts.recorded.get(line.lineId) ?? [];
    const all = tiles(line, recorded);
    const restated = facts.marks.has(line.lineId) ? { parts: bookedTiles(all, facts.booked.get(line.lineId) ?? []), due: NONE, cut: null } : null;
    const selected = select(line, recorded) ?? restated;
    if (selected === null) return [];
    const touched = new Set(selected.parts.map(({ partId }) => partId));
    const untouched = new Set(all.map(({ partId }) => partId).filter((partId) => !touched.has(partId)));
    const issued = new Set(all.filter((tile) => tile.issued).map(({ partId }) => partId));
    return [{ line, lineId: line.lineId, ...selected, untouched, issued }];
  });
  // A line that is no more (its subscription turned out to be another tenant's): all that it booked comes back.
  const vanished = [...facts.marks.keys()].filter((lineId) => !known.has(lineId));
  const nothing = { line: null, parts: [], due: NONE, cut: null, untouched: NONE, issued: NONE };
  return [...ofLines, ...vanished.map((lineId): LineBilling => ({ lineId, ...nothing }))];
}

/** The line's parts up to the last that is booked. */
function bookedTiles(all: readonly TiledPart[], booked: readonly FrozenRow[]): Part[] {
  const bookedParts = new Set(booked.map(({ partId }) => partId));
  return all.slice(0, all.findLastIndex(({ partId, invoiceId }) => bookedParts.has(partId) || invoiceId !== null) + 1);
}

/** The usage that must be known before `rateInvoice`: for each line, up to these instants. */
export const usageNeeded = (billing: readonly LineBilling[]): { line: LineDefinition; instants: Instant[] }[] =>
  billing.flatMap(({ line, parts }) => {
    if (line === null) return [];
    const instants = usageInstants(line, parts);
    return instants.length === 0 ? [] : [{ line, instants }];
  });

export interface RatedInvoice {
  readonly rows: readonly FrozenRow[];
  readonly claimed: readonly ClaimedPart[];
  readonly cuts: readonly Cut[];
  readonly quarantined: readonly Quarantined[];
  readonly subtotal: Decimal;
  readonly tax: Decimal;
  readonly total: Decimal;
}

export function rateInvoice(
  invoiceId: string,
  facts: BillingFacts,
  billing: readonly LineBilling[],
  usageOf: (line: LineDefinition) => UsageUpTo,
): RatedInvoice {
  const drafts: DraftRow[] = [];
  const claimed: ClaimedPart[] = [];
  const cuts: Cut[] = [];
  const quarantined: Quarantined[] = [];
  for (const { line, lineId, parts, due, cut, untouched, issued } of billing) {
    const booked = (facts.booked.get(lineId) ?? []).filter(({ partId }) => !untouched.has(partId));
    if (line === null) {
      drafts.push(...corrections(lineId, new Map(), booked, facts.marks.get(lineId)));
      continue;
    }
    const rating = rateLine(line, parts, usageOf(line));
    if ('quarantined' in rating) {
      quarantined.push(rating.quarantined);
      continue;
    }
    for (const part of parts.filter(({ partId }) => due.has(partId))) {
      claimed.push({ lineId, partId: part.partId, period: part.period });
      drafts.push(...rowsWithMoney(rating.rows.get(part.partId) ?? []).map((row) => chargeRow(line, part, row)));
    }
    if (cut !== null) cuts.push(cut);
    const restated = new Map([...rating.rows].filter(([partId]) => !due.has(partId)));
    drafts.push(...corrections(lineId, restated, booked, facts.marks.get(lineId)));
    const bookedParts = new Set(booked.map(({ partId }) => partId));
    const forNothing = parts.filter(({ partId }) => issued.has(partId) && restated.has(partId) && !bookedParts.has(partId));
    drafts.push(...forNothing.flatMap((part) => lateCharges(line, part, restated.get(part.partId) ?? [], facts.marks.get(lineId))));
  }
  const rows = withTax(invoiceId, drafts, facts);
  const subtotal = sum(rows.map(({ net }) => decimal(net)));
  const tax = sum(rows.map((row) => decimal(row.tax)));
  return { rows, claimed, cuts, quarantined, subtotal, tax, total: subtotal.plus(tax) };
}

type DraftRow = Omit<FrozenRow, 'rowId' | 'tax' | 'taxRatePercent'> & { readonly taxRatePercent: string | null };

function chargeRow(line: LineDefinition, part: { partId: string; period: Period }, row: RatedRow): DraftRow {
  const segment = line.segments.findLast(({ period }) => compareInstants(period.start, part.period.start) <= 0) ?? line.segments[0];
  if (segment === undefined) throw new Error(`line ${line.lineId} has no segment`);
  return {
    lineId: line.lineId,
    partId: part.partId,
    subscriptionId: line.subscriptionId,
    deploymentId: line.deploymentId,
    billingKind: line.billingKind,
    chargePeriod: part.period,
    ref: row.ref,
    quantity: text(row.quantity),
    unitAmount: text(row.unitAmount),
    gross: text(row.gross),
    discount: text(row.discount),
    credit: text(row.credit),
    net: text(row.net),
    planId: segment.planId,
    planEffectiveFrom: segment.planEffectiveFrom,
    kind: 'charge',
    taxRatePercent: null,
  };
}

/** What is owed for a part that was issued with nothing to pay: there is no row to take back. */
const lateCharges = (line: LineDefinition, part: Part, rows: readonly RatedRow[], reason: string | undefined): DraftRow[] =>
  rowsWithMoney(rows).map((row) => ({ ...chargeRow(line, part, row), kind: 'rebooked', ...(reason === undefined ? {} : { reason }) }));

/**
 * What issued parts come to now against what is booked for them: where a component differs, the booked row is reversed
 * and the row as it should be is booked, both with the part's own charge period. Equal amounts book nothing.
 */
function corrections(
  lineId: string,
  now: ReadonlyMap<string, readonly RatedRow[]>,
  booked: readonly FrozenRow[],
  reason: string | undefined,
): DraftRow[] {
  return [...Map.groupBy(booked, ({ partId }) => partId)].flatMap(([partId, rows]) => {
    const template = rows[0];
    if (template === undefined) return [];
    const nowByKey = new Map(rowsWithMoney(now.get(partId) ?? []).map((row) => [componentKey(row.ref, text(row.unitAmount)), row]));
    const bookedByKey = Map.groupBy(rows, (row) => componentKey(row.ref, row.unitAmount));
    return [...new Set([...bookedByKey.keys(), ...nowByKey.keys()])].flatMap((key): DraftRow[] => {
      const before = bookedByKey.get(key) ?? [];
      const after = nowByKey.get(key);
      if (amountsOf(before.map(asAmounts)) === amountsOf(after === undefined ? [] : [after])) return [];
      const standing = before.filter(({ rowId }) => !before.some(({ kind, corrects }) => kind === 'reversal' && corrects?.includes(rowId) === true));
      const shared = {
        lineId,
        partId,
        subscriptionId: template.subscriptionId,
        deploymentId: template.deploymentId,
        billingKind: template.billingKind,
        chargePeriod: template.chargePeriod,
        planId: template.planId,
        planEffectiveFrom: template.planEffectiveFrom,
        taxRatePercent: (before[0] ?? template).taxRatePercent,
        corrects: (standing.filter(({ kind }) => kind !== 'reversal').length > 0 ? standing.filter(({ kind }) => kind !== 'reversal') : rows).map(
          ({ rowId }) => rowId,
        ),
        ...(reason === undefined ? {} : { reason }),
      };
      const reversal = totals(before.map(asAmounts));
      return [
        ...(isZero(reversal) ? [] : [{ ...shared, ...keyed(before[0]), ...printed(negate(reversal)), kind: 'reversal' as const }]),
        ...(after === undefined ? [] : [{ ...shared, ref: after.ref, unitAmount: text(after.unitAmount), ...printed(after), kind: 'rebooked' as const }]),
      ];
    });
  });
}

const componentKey = (ref: string, unitAmount: string): string => `${ref}\n${unitAmount}`;
const keyed = (row: FrozenRow | undefined): { ref: string; unitAmount: string } => ({ ref: row?.ref ?? '', unitAmount: row?.unitAmount ?? '0' });

interface Amounts {
  readonly quantity: Decimal;
  readonly gross: Decimal;
  readonly discount: Decimal;
  readonly credit: Decimal;
  readonly net: Decimal;
}
const asAmounts = (row: FrozenRow): Amounts => ({
  quantity: decimal(row.quantity),
  gross: decimal(row.gross),
  discount: decimal(row.discount),
  credit: decimal(row.credit),
  net: decimal(row.net),
});
const totals = (rows: readonly Amounts[]): Amounts => ({
  quantity: sum(rows.map(({ quantity }) => quantity)),
  gross: sum(rows.map(({ gross }) => gross)),
  discount: sum(rows.map(({ discount }) => discount)),
  credit: sum(rows.map(({ credit }) => credit)),
  net: sum(rows.map(({ net }) => net)),
});
const negate = (of: Amounts): Amounts => ({
  quantity: of.quantity.neg(),
  gross: of.gross.neg(),
  discount: of.discount.neg(),
  credit: of.credit.neg(),
  net: of.net.neg(),
});
const printed = (of: Amounts): Pick<FrozenRow, keyof Amounts> => ({
  quantity: text(of.quantity),
  gross: text(of.gross),
  discount: text(of.discount),
  credit: text(of.credit),
  net: text(of.net),
});
const isZero = ({ gross, discount, credit, net }: Amounts): boolean => [gross, discount, credit, net].every((amount) => amount.eq(ZERO));
/** Money only: a quantity that moved without moving money books nothing. */
const amountsOf = (rows: readonly Amounts[]): string => {
  const { gross, discount, credit, net } = totals(rows);
  return [gross, discount, credit, net].map(text).join('|');
};

/** Tax at the rate of the row's charge period (a correction: the rate frozen on what it corrects), per line, then per row. */
function withTax(invoiceId: string, drafts: readonly DraftRow[], facts: BillingFacts): FrozenRow[] {
  const rated = drafts.map((row, index) => ({
    row,
    index,
    ratePercent: row.taxRatePercent ?? taxAt(facts.taxes, row.chargePeriod.start)?.ratePercent ?? '0',
  }));
  const taxes: Decimal[] = drafts.map(() => ZERO);
  for (const [ratePercent, group] of Map.groupBy(rated, (each) => each.ratePercent)) {
    const lines = [...Map.groupBy(group, ({ row }) => `${row.partId}|${row.kind === 'charge' ? 'charge' : 'correction'}`).values()];
    const nets = lines.map((rows) => sum(rows.map(({ row }) => decimal(row.net))));
    for (const [lineIndex, lineTax] of taxShares(nets, ratePercent, facts.currency).entries()) {
      const rows = lines[lineIndex] ?? [];
      // Within a line the rows' own shares, the first taking what their rounding leaves: the rows add up to the line.
      const shares = taxShares(rows.map(({ row }) => decimal(row.net)), ratePercent, facts.currency);
      const rest = lineTax.minus(sum(shares));
      for (const [position, { index }] of rows.entries()) taxes[index] = (shares[position] ?? ZERO).plus(position === 0 ? rest : ZERO);
    }
  }
  return rated.map(({ row, index, ratePercent }) => ({
    ...row,
    rowId: derivedId('row', invoiceId, row.partId, row.ref, row.unitAmount, row.kind, index),
    taxRatePercent: ratePercent,
    tax: text(toMoney(taxes[index] ?? ZERO, facts.currency)),
  }));
}
