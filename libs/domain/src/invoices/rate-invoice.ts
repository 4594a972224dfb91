import { derivedId } from '../derived-id.js';
import { countsUsage, isCommitment, type LineDefinition, partIdOf } from '../lines/line.js';
import {
  type Cut,
  cutsOfClaim,
  dueBy,
  duePartsOf,
  type DueParts,
  type RecordedPart,
  splitParts,
  tiles,
} from '../lines/parts.js';
import {
  type Charge,
  chargePeriodOf,
  chargesOf,
  rateLine,
  type Part,
  type Quarantined,
  type UsageUpTo,
  usageInstants,
} from '../lines/rate.js';
import { type Decimal, decimal, sum, text, ZERO } from '../money/decimal.js';
import { toMoney } from '../money/money.js';
import { type RatedRow, rowsWithMoney } from '../rating/row.js';
import { graceHoursAt, type GracePeriod, type TaxRate, taxAt } from '../tenants/tenant.js';
import { compareInstants, type Instant, isBefore, plusHours } from '../time/instant.js';
import type { Period } from '../time/period.js';
import { corrections } from './corrections.js';
import { type CreditLeft, withCredits } from './credit-draw.js';
import { type Coupon, couponChanges, couponsOf, type Credit, withCoupons } from './credits.js';
import { type ClaimedPart, type DraftRow, type FrozenRow, isSelected, type Selection } from './invoice.js';
import { taxShares } from './tax.js';

/**
 * The computation of an invoice from facts as of one log position. Preview, draft and issued invoice all use it. It
 * stores nothing: `InvoiceIssued` freezes its result.
 */
export interface BillingFacts {
  readonly currency: string;
  readonly taxes: readonly TaxRate[];
  readonly gracePeriods: readonly GracePeriod[];
  readonly lines: readonly LineDefinition[];
  /** Recorded parts by line. */
  readonly recorded: ReadonlyMap<string, readonly RecordedPart[]>;
  /** The booked rows by line: rows on issued invoices that are not void. */
  readonly booked: ReadonlyMap<string, readonly FrozenRow[]>;
  /**
   * The tenant's coupons and credits, in the order in which they were granted, and the rest of those that may be taken
   * now.
   */
  readonly grants: readonly (Coupon | Credit)[];
  readonly creditsLeft: readonly CreditLeft[];
  /** Lines with an issued part whose inputs have changed since, with the reason. */
  readonly marks: ReadonlyMap<string, string>;
}

/** The billing of one line: what is billed now, and what is compared with its bookings. */
export interface LineBilling {
  readonly line: LineDefinition | null;
  readonly lineId: string;
  /** The line's parts, from its start to the last part that is due or issued. */
  readonly parts: readonly Part[];
  /** What the parts consist of. */
  readonly charges: readonly Charge[];
  /** The ids of the parts that are billed for the first time. */
  readonly due: ReadonlySet<string>;
  /** The ids of the parts on an issued invoice, also where it booked nothing for them. */
  readonly issued: ReadonlySet<string>;
}

/** The facts about a selection of a tenant's lines. */
export function selectedFacts(facts: BillingFacts, selection: Selection | null): BillingFacts {
  if (selection === null) return facts;
  const lines = facts.lines.filter((line) => isSelected(selection, line));
  const ids = new Set(lines.map(({ lineId }) => lineId));
  return { ...facts, lines, marks: new Map([...facts.marks].filter(([lineId]) => ids.has(lineId))) };
}

/** The billing as of an instant: the parts that are due then, and every marked line. */
export const billingAsOf = (facts: BillingFacts, asOf: Instant): LineBilling[] =>
  billings(facts, (line, recorded) => duePartsOf(line, recorded, asOf, collectedUntil(line, facts.gracePeriods)));

/** How long a line waits for late usage: not if it counts none. A commitment counts that of others. */
function collectedUntil(line: LineDefinition, gracePeriods: readonly GracePeriod[]): Instant {
  const { end } = line.period;
  return countsUsage(line) || isCommitment(line) ? plusHours(end, graceHoursAt(gracePeriods, end)) : end;
}

/** What an invoice claims. */
export interface Claim {
  readonly invoiceId: string;
  readonly asOf: Instant;
  readonly claimed: readonly ClaimedPart[];
}

/**
 * The billing of a draft: the parts that it claims, whatever has become due since. What falls due only after its
 * instant, as is known now, it no longer bills.
 */
export function billingOfClaim(facts: BillingFacts, { invoiceId, asOf, claimed }: Claim): LineBilling[] {
  const byLine = Map.groupBy(claimed, ({ lineId }) => lineId);
  return billings(facts, (line, recorded) => {
    const claimedBy = new Map(recorded.map((part) => [part.partId, part.invoiceId]));
    const parts = (byLine.get(line.lineId) ?? []).flatMap(({ partId, period: { start, end } }) => {
      const until = dueBy(line, end, asOf);
      const isOwn = (claimedBy.get(partId) ?? invoiceId) === invoiceId;
      return isOwn && until !== null && isBefore(start, until) ? [{ partId, period: { start, end: until } }] : [];
    });
    if (parts.length === 0) return null;
    // A claim is completed before anything else is billed. Until its cut is recorded, the line is cut as claimed.
    const tiled = parts.reduce<readonly Part[]>(
      (current, { partId, period }) => cutAsClaimed(line.lineId, current, partId, period),
      tiles(line, recorded),
    );
    return { parts: tiled, due: new Set(parts.map(({ partId }) => partId)) };
  });
}

function cutAsClaimed(lineId: string, current: readonly Part[], partId: string, claimed: Period): readonly Part[] {
  // A line that was claimed whole has no cut.
  if (partId === lineId) return current;
  const holder = current.find(({ period }) => isBefore(period.start, claimed.end) && isBefore(claimed.end, period.end));
  if (holder?.period.start !== claimed.start) return current;
  return splitParts(lineId, current, {
    at: claimed.end,
    billedPartId: partId,
    remainingPartId: partIdOf(lineId, claimed.end),
  });
}

const NONE: ReadonlySet<string> = new Set();

/**
 * A billed or marked line is rated up to its last part that is due or issued. So a correction of any part is owed at
 * once, in whatever order its parts are issued.
 */
function billings(
  facts: BillingFacts,
  select: (line: LineDefinition, recorded: readonly RecordedPart[]) => Pick<DueParts, 'parts' | 'due'> | null,
): LineBilling[] {
  const known = new Set(facts.lines.map(({ lineId }) => lineId));
  const ofLines = facts.lines.flatMap((line): LineBilling[] => {
    const recorded = facts.recorded.get(line.lineId) ?? [];
    const tiled = tiles(line, recorded);
    const selected = select(line, recorded) ?? (facts.marks.has(line.lineId) ? { parts: tiled, due: NONE } : null);
    if (selected === null) return [];
    const issued = new Set(tiled.filter((tile) => tile.issued).map(({ partId }) => partId));
    const last = selected.parts.findLastIndex(({ partId }) => selected.due.has(partId) || issued.has(partId));
    const parts = selected.parts.slice(0, last + 1);
    const charges = chargesOf(line, parts, changesOf(line, facts));
    return [{ line, lineId: line.lineId, parts, charges, due: selected.due, issued }];
  });
  // If a line no longer exists (its subscription turned out to be another tenant's), all that it booked is reversed.
  const vanished = [...facts.marks.keys()].filter((lineId) => !known.has(lineId));
  return [
    ...ofLines,
    ...vanished.map((lineId): LineBilling => ({
      ...{ line: null, lineId, parts: [], charges: [], due: NONE, issued: NONE },
    })),
  ];
}

/** The instants at which a tax of the tenant, or a coupon for the line, begins or ends. */
const changesOf = (line: LineDefinition, { taxes, grants }: BillingFacts): Instant[] => [
  ...taxes.map(({ from }) => from),
  ...couponChanges(couponsOf(grants), line.billingKind),
];

/** The usage that `rateInvoice` needs: each line with the instants up to which its usage must be known. */
export const usageNeeded = (billing: readonly LineBilling[]): { line: LineDefinition; instants: Instant[] }[] =>
  billing.flatMap(({ line, charges }) => {
    if (line === null) return [];
    const instants = usageInstants(line, charges);
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
  const coupons = couponsOf(facts.grants);
  for (const { line, lineId, parts, charges, due, issued } of billing) {
    const booked = facts.booked.get(lineId) ?? [];
    const reason = facts.marks.get(lineId);
    if (line === null) {
      drafts.push(...corrections([], booked, { currency: facts.currency, coupons, reason }));
      continue;
    }
    const rating = rateLine(line, charges, usageOf(line), facts.currency);
    if ('quarantined' in rating) {
      quarantined.push(rating.quarantined);
      continue;
    }
    const rowsOf = charges.map((charge, index) => ({
      at: charge.at,
      rows: rowsWithMoney(rating.rows[index] ?? []).map((row) => chargeRow(line, charge, row, facts.taxes)),
    }));
    const charged = Map.groupBy(
      withCoupons(rowsOf, line.billingKind, coupons, facts.currency).flat(),
      ({ partId }) => partId,
    );
    const rowsOfPart = ({ partId }: Part): DraftRow[] => charged.get(partId) ?? [];
    const billed = parts.filter(({ partId }) => due.has(partId));
    claimed.push(...billed.map(({ partId, period }) => ({ lineId, partId, period })));
    cuts.push(...cutsOfClaim(line, facts.recorded.get(lineId) ?? [], billed));
    drafts.push(...billed.flatMap(rowsOfPart));
    const restated = parts.filter(({ partId }) => issued.has(partId)).flatMap(rowsOfPart);
    drafts.push(...corrections(restated, booked, { currency: facts.currency, coupons, reason }));
  }
  const rows = withTax(invoiceId, withCredits(drafts, coupons, facts.creditsLeft), facts.currency);
  const subtotal = sum(rows.map(({ net }) => decimal(net)));
  const tax = sum(rows.map((row) => decimal(row.tax)));
  return { rows, claimed, cuts, quarantined, subtotal, tax, total: subtotal.plus(tax) };
}

function chargeRow(line: LineDefinition, charge: Charge, row: RatedRow, taxes: readonly TaxRate[]): DraftRow {
  const segment =
    line.segments.findLast(({ period }) => compareInstants(period.start, charge.at) <= 0) ?? line.segments[0];
  if (segment === undefined) throw new Error(`line ${line.lineId} has no segment`);
  return {
    lineId: line.lineId,
    partId: charge.partId,
    subscriptionId: line.subscriptionId,
    deploymentId: line.deploymentId,
    billingKind: line.billingKind,
    chargePeriod: chargePeriodOf(line, charge, row),
    ref: row.ref,
    quantity: text(row.quantity),
    unitAmount: text(row.unitAmount),
    ...(row.unit === undefined ? {} : { unit: row.unit }),
    gross: text(row.gross),
    discount: text(row.discount),
    credit: text(row.credit),
    net: text(row.net),
    planId: segment.planId,
    planEffectiveFrom: segment.planEffectiveFrom,
    kind: 'charge',
    taxRatePercent: taxAt(taxes, charge.at)?.ratePercent ?? '0',
  };
}

/**
 * The tax of each row at its rate. It is computed per line, then divided over the line's rows. A reversal gives back
 * the tax that was frozen; what that leaves of the invoice's tax at this rate, the first other row takes.
 */
function withTax(invoiceId: string, drafts: readonly DraftRow[], currency: string): FrozenRow[] {
  const rated = drafts.map((row, index) => ({ row, index }));
  const taxes: Decimal[] = drafts.map(({ tax }) => decimal(tax ?? '0'));
  const untaxed = rated.filter(({ row }) => row.tax === undefined);
  for (const [ratePercent, group] of Map.groupBy(untaxed, ({ row }) => row.taxRatePercent)) {
    const lines = [
      ...Map.groupBy(group, ({ row }) => `${row.partId}|${row.kind === 'charge' ? 'charge' : 'correction'}`).values(),
    ];
    const nets = lines.map((rows) => sum(rows.map(({ row }) => decimal(row.net))));
    for (const [lineIndex, lineTax] of taxShares(nets, ratePercent, currency).entries()) {
      const rows = lines[lineIndex] ?? [];
      // Within a line each row has its own share, and the first row takes the rounding difference, so that the rows add
      // up to the line.
      const shares = taxShares(
        rows.map(({ row }) => decimal(row.net)),
        ratePercent,
        currency,
      );
      const rest = lineTax.minus(sum(shares));
      for (const [position, { index }] of rows.entries())
        taxes[index] = (shares[position] ?? ZERO).plus(position === 0 ? rest : ZERO);
    }
    const atRate = rated.filter(({ row }) => row.taxRatePercent === ratePercent);
    const [header = ZERO] = taxShares([sum(atRate.map(({ row }) => decimal(row.net)))], ratePercent, currency);
    const [first] = group;
    if (first !== undefined)
      taxes[first.index] = (taxes[first.index] ?? ZERO).plus(
        header.minus(sum(atRate.map(({ index }) => taxes[index] ?? ZERO))),
      );
  }
  return rated.map(({ row, index }) => ({
    ...row,
    rowId: derivedId('row', invoiceId, row.partId, row.ref, row.unitAmount, row.kind, index),
    tax: text(toMoney(taxes[index] ?? ZERO, currency)),
  }));
}
