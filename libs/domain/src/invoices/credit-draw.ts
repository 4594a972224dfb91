import { type Decimal, decimal, max, min, ZERO } from '../money/decimal.js';
import { toMoney } from '../money/money.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { type Coupon, type Credit, inForce, type Share, taking } from './credits.js';
import { overlaps } from '../time/period.js';
import type { DraftRow, FrozenRow } from './invoice.js';

/** What a row of a live invoice took of a credit (below 0: gave back), and the instant that the invoice is as of. */
export interface CreditUse {
  readonly creditId: string;
  readonly amount: Decimal;
  readonly asOf: Instant;
}

export const creditUses = (rows: Iterable<{ readonly row: FrozenRow; readonly asOf: Instant }>): CreditUse[] =>
  [...rows].flatMap(({ row: { credits }, asOf }) =>
    (credits ?? []).map(({ creditId, amount }) => ({ creditId, amount: decimal(amount), asOf })),
  );

/** The amount that live invoices have taken of each credit, less corrections. */
export function creditUsed(rows: Iterable<FrozenRow>): Map<string, Decimal> {
  const used = new Map<string, Decimal>();
  for (const { credits } of rows)
    for (const { creditId, amount } of credits ?? [])
      used.set(creditId, (used.get(creditId) ?? ZERO).plus(decimal(amount)));
  return used;
}

/** An issued invoice, void or not, and those of its rows that took credits or gave them back. */
export interface CreditTaker {
  readonly asOf: Instant;
  readonly isVoid: boolean;
  readonly rows: readonly FrozenRow[];
}

/** What a credit has left for the invoices as of an instant. */
export interface CreditLeft extends Pick<Credit, 'creditId' | 'planIds' | 'billingKinds'> {
  readonly left: Decimal;
  /** Of a credit that has ended: the amount for each part that may take it. null: any part may take what is left. */
  readonly parts: ReadonlyMap<string, Decimal> | null;
}

/**
 * The credits that an invoice may take, with the rest of each, in the order in which they are drawn: lower priorities
 * first, then the first to end, then the first granted. `invoices`: those that took credits, in the order of issue. A
 * part that took a credit in time may take as much of it again, also if the credit has ended since: neither a void nor
 * a correction there and back costs a tenant a credit.
 */
export function creditsLeft(
  credits: readonly (Coupon | Credit)[],
  uses: readonly CreditUse[],
  {
    asOf,
    currency,
    invoices = [],
  }: {
    readonly asOf: Instant;
    readonly currency: string;
    readonly invoices?: readonly CreditTaker[];
  },
): CreditLeft[] {
  const ofCredit = Map.groupBy(uses, ({ creditId }) => creditId);
  return credits
    .filter((each): each is Credit => each.kind === 'credit')
    .filter((each) => inForce(each, asOf) || (hasEnded(each, asOf) && each.isWithdrawn !== true))
    .sort((a, b) => a.priority - b.priority || compareEnds(a.until, b.until))
    .map((each) => {
      const used = ofCredit.get(each.creditId) ?? [];
      const { creditId, planIds, billingKinds } = each;
      const scope = { creditId, planIds, billingKinds };
      if (rollsOver(each, asOf)) return { ...scope, left: rolledOver(each, used, currency), parts: null };
      const left = max(ZERO, decimal(each.amount).minus(total(used)));
      return { ...scope, left, parts: inForce(each, asOf) ? null : againByPart(each, invoices) };
    });
}

/** What invoices as of an instant may take of each credit: its balance then. */
export const balances = (
  credits: readonly (Coupon | Credit)[],
  uses: readonly CreditUse[],
  at: { readonly asOf: Instant; readonly currency: string },
): ReadonlyMap<string, Decimal> =>
  new Map(
    creditsLeft(
      credits,
      uses.filter(({ asOf }) => compareInstants(asOf, at.asOf) <= 0),
      at,
    ).map(({ creditId, left, parts }) => [creditId, parts === null ? left : ZERO]),
  );

const total = (uses: readonly CreditUse[]): Decimal => uses.reduce((all, { amount }) => all.plus(amount), ZERO);

/** Whether invoices as of an instant, after the end of a credit, may take what rolled over. */
export const rollsOver = ({ until, rollover, isRevoked, isWithdrawn }: Credit, asOf: Instant): boolean =>
  until !== null &&
  rollover !== null &&
  isRevoked !== true &&
  isWithdrawn !== true &&
  !isBefore(asOf, until) &&
  isBefore(asOf, rollover.until);

/** Of 100.00 with 30.00 used and a rollover of 50 %: 50.00, less what was used after the end. */
function rolledOver({ amount, until, rollover }: Credit, uses: readonly CreditUse[], currency: string): Decimal {
  const part = toMoney(
    decimal(amount)
      .times(decimal(rollover?.percent ?? '0'))
      .times(decimal('0.01')),
    currency,
  );
  const isAfter = ({ asOf }: CreditUse): boolean => until !== null && !isBefore(asOf, until);
  const unused = max(ZERO, decimal(amount).minus(total(uses.filter((use) => !isAfter(use)))));
  return max(ZERO, min(unused, part).minus(total(uses.filter(isAfter))));
}

/** Whether invoices as of an instant may take a credit only again. */
export const hasEnded = ({ until }: Pick<Credit, 'until'>, asOf: Instant): boolean =>
  until !== null && !isBefore(asOf, until);

/**
 * The amount that each part may take again of a credit that has ended: the most that it ever had of it by invoices as
 * of an instant before the end, void ones included, less what it has now.
 */
function againByPart(credit: Credit, invoices: readonly CreditTaker[]): Map<string, Decimal> {
  const parts = new Map<string, { readonly now: Decimal; readonly most: Decimal }>();
  for (const { asOf, isVoid, rows } of invoices) {
    const isInTime = inForce(credit, asOf) || rollsOver(credit, asOf);
    for (const [partId, ofPart] of Map.groupBy(rows, (row) => row.partId)) {
      const own = creditUsed(ofPart).get(credit.creditId);
      if (own === undefined) continue;
      const { now, most } = parts.get(partId) ?? { now: ZERO, most: ZERO };
      const then = now.plus(own);
      parts.set(partId, { now: isVoid ? now : then, most: isInTime ? max(most, then) : most });
    }
  }
  return new Map([...parts].map(([partId, { now, most }]) => [partId, max(ZERO, most.minus(now))]));
}

const compareEnds = (a: Instant | null, b: Instant | null): number => {
  if (a === b) return 0;
  return a === null ? 1 : b === null ? -1 : compareInstants(a, b);
};

const isInScope = ({ planIds, billingKinds }: Pick<CreditLeft, 'planIds' | 'billingKinds'>, row: DraftRow): boolean =>
  (planIds?.includes(row.planId) ?? true) && (billingKinds?.includes(row.billingKind) ?? true);

/** What a reversal gave back of a credit (null: of what the tenant pays), and the charge that it was of. */
interface Returned {
  readonly row: DraftRow;
  readonly creditId: string | null;
  left: Decimal;
}

/**
 * Takes credits from the charge of each row after coupons, row by row in their order. What a reversal gives back, the
 * same part may take again, and then charges of the same deployment, billing kind and time on another line: so a
 * correction alone never costs a tenant a credit, also if the credit has ended since. Nor does it pay out one: further
 * credits pay only what a correction adds, not what the tenant was charged before.
 */
export function withCredits(
  rows: readonly DraftRow[],
  coupons: readonly Coupon[],
  left: readonly CreditLeft[],
): DraftRow[] {
  const pool = left.map((each) => ({ ...each, parts: each.parts === null ? null : new Map(each.parts) }));
  const couponIds = new Set(coupons.map(({ creditId }) => creditId));
  const reversals = rows.filter(({ kind }) => kind === 'reversal');
  const credits = reversals.flatMap((row) =>
    (row.credits ?? [])
      .filter(({ creditId }) => !couponIds.has(creditId))
      .map(({ creditId, amount }): Returned => ({ row, creditId, left: ZERO.minus(decimal(amount)) })),
  );
  const money = reversals.map((row): Returned => ({
    row,
    creditId: null,
    left: max(ZERO, ZERO.minus(decimal(row.net))),
  }));
  const charges = rows.map((row) => (isPaid(row) ? new Charge(row) : null));
  // All credits before any money: a credit that is not taken again may have ended.
  for (const from of [credits, money]) {
    const byPart = Map.groupBy(from, ({ row }) => row.partId);
    for (const charge of charges) charge?.takeAgain(byPart.get(charge.row.partId) ?? []);
    for (const charge of charges)
      charge?.takeAgain(from.filter((each) => each.left.gt(ZERO) && isSameCharge(each.row, charge.row)));
  }
  return rows.map((row, index) => {
    const charge = charges[index] ?? null;
    if (charge === null) return row;
    const shares = [...charge.shares];
    let { open } = charge;
    for (const credit of pool) {
      if (!isInScope(credit, row)) continue;
      const ofThis = credit.parts?.get(row.partId) ?? ZERO;
      const amount = min(credit.parts === null ? credit.left : min(credit.left, ofThis), open);
      credit.left = credit.left.minus(amount);
      credit.parts?.set(row.partId, ofThis.minus(amount));
      open = open.minus(amount);
      shares.push({ creditId: credit.creditId, amount });
    }
    return taking(row, shares);
  });
}

/** A charge, and what is left of it to be paid by further credits. */
class Charge {
  private readonly taken = new Map<string, Decimal>();
  open: Decimal;

  constructor(readonly row: DraftRow) {
    this.open = decimal(row.net);
  }

  /** Takes what reversals gave back, as far as it is left. */
  takeAgain(from: readonly Returned[]): void {
    for (const each of from) {
      const amount = min(each.left, this.open);
      each.left = each.left.minus(amount);
      this.open = this.open.minus(amount);
      if (each.creditId !== null) this.taken.set(each.creditId, (this.taken.get(each.creditId) ?? ZERO).plus(amount));
    }
  }

  get shares(): Share[] {
    return [...this.taken].map(([creditId, amount]) => ({ creditId, amount }));
  }
}

/** Credits pay charges only. A negative row gives nothing back to them. */
const isPaid = ({ kind, net }: DraftRow): boolean => kind !== 'reversal' && decimal(net).gt(ZERO);

/** Whether two rows charge the same thing for some of the same time. */
const isSameCharge = (a: DraftRow, b: DraftRow): boolean =>
  a.deploymentId === b.deploymentId && a.billingKind === b.billingKind && overlaps(a.chargePeriod, b.chargePeriod);
