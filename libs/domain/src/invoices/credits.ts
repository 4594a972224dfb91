import { z } from 'zod';
import { conflict, invalid, notFound } from '../errors.js';
import { type Decimal, decimal, sum, text, ZERO } from '../money/decimal.js';
import { moneyAboveZero, toMoney } from '../money/money.js';
import type { Correction } from '../correction.js';
import { COMMITMENT } from '../plans/plan.js';
import {
  correctionFields,
  type EventDataOf,
  type EventOf,
  type IdSchema,
  zCurrency,
  zDecimal,
  zId,
  zInstant,
  zText,
} from '../schema.js';
import { streamName } from '../stream-name.js';
import { earlier, type Instant, isBefore } from '../time/instant.js';
import type { DraftRow } from './invoice.js';

/**
 * The stream of a tenant's coupons and credits in one currency. The amounts that invoices take of them are on the
 * invoices' rows.
 */
export const creditStream = (tenantId: string, currency: string): string =>
  streamName('credits', [tenantId], { end: `-${currency}` });

const grantedWith = (zId: IdSchema) => ({
  creditId: zId,
  tenantId: zId,
  currency: zCurrency,
  from: zInstant,
  until: zInstant.nullable(),
  reason: zText.optional(),
});

// Stored permanently.
export const creditEventsWith = (zId: IdSchema) => ({
  /** A share of the charges for periods that begin at or after `from` and before `until`. */
  CouponGranted: z.object({ ...grantedWith(zId), percent: zDecimal, billingKinds: z.array(zId).optional() }),
  /** An amount that invoices use up if they are as of an instant at or after `from` and before `until`. */
  CreditGranted: z.object({
    ...grantedWith(zId),
    amount: zDecimal,
    /** Credits of a lower priority are drawn first. Absent: 0. */
    priority: z.number().int().optional(),
    /** It pays only charges of these plans and these billing kinds. Absent: of all. */
    planIds: z.array(zId).optional(),
    billingKinds: z.array(zId).optional(),
    /** Up to this part of the amount may still be used after the end. */
    rollover: z.object({ percent: zDecimal, until: zInstant }).optional(),
    /** The payment that bought it. Absent: it was given. */
    payment: z.object({ reference: zText, at: zInstant }).optional(),
  }),
  /** The unused rest is gone. */
  CreditRevoked: z.object({ creditId: zId, tenantId: zId, currency: zCurrency, at: zInstant, reason: zText }),
  /** The coupon or the credit was never granted. */
  GrantWithdrawn: z.object({ creditId: zId, tenantId: zId, currency: zCurrency, ...correctionFields }),
  /** The coupon or the credit was never revoked: it ends at `until`, as it was granted. */
  RevocationWithdrawn: z.object({
    creditId: zId,
    tenantId: zId,
    currency: zCurrency,
    until: zInstant.nullable(),
    ...correctionFields,
  }),
});
export const creditEvents = creditEventsWith(zId);

export type CreditEvent = EventOf<typeof creditEventsWith>;

export interface Rollover {
  readonly percent: string;
  readonly until: Instant;
}
/** The payment that bought a credit. */
export interface Payment {
  readonly reference: string;
  readonly at: Instant;
}

interface Granted {
  readonly creditId: string;
  readonly from: Instant;
  /** Exclusive; null: without end. A revoked coupon or credit ends when it is revoked. */
  readonly until: Instant | null;
  /**
   * It was never granted, so it is never in force. A coupon is still known, because issued rows name what it took:
   * that is taken back with the charge, and is no credit.
   */
  readonly isWithdrawn?: boolean;
  readonly isRevoked?: boolean;
}
export interface Coupon extends Granted {
  readonly kind: 'coupon';
  /** From 0 to 100. */
  readonly percent: string;
  /** null: all but those of true-ups. */
  readonly billingKinds: readonly string[] | null;
}
export interface Credit extends Granted {
  readonly kind: 'credit';
  readonly amount: string;
  /** Credits of a lower priority are drawn first. */
  readonly priority: number;
  /** null: charges of all plans. */
  readonly planIds: readonly string[] | null;
  /** null: charges of all billing kinds. */
  readonly billingKinds: readonly string[] | null;
  /** Up to this part of the amount may be used from its end until then; null: nothing. */
  readonly rollover: Rollover | null;
  readonly payment: Payment | null;
}

export function applyCreditEvent(credits: readonly (Coupon | Credit)[], event: CreditEvent): (Coupon | Credit)[] {
  switch (event.type) {
    case 'CouponGranted': {
      const { creditId, from, until, percent, billingKinds } = event.data;
      const coupon = { creditId, from, until, percent, billingKinds: billingKinds ?? null };
      return [...credits.filter((each) => each.creditId !== creditId), { kind: 'coupon', ...coupon }];
    }
    case 'CreditGranted': {
      const { creditId, from, until, amount } = event.data;
      const { priority = 0, planIds = null, billingKinds = null, rollover = null, payment = null } = event.data;
      const credit = { creditId, from, until, amount, priority, planIds, billingKinds, rollover, payment };
      return [...credits.filter((each) => each.creditId !== creditId), { kind: 'credit', ...credit }];
    }
    case 'CreditRevoked': {
      const { creditId, at } = event.data;
      return credits.map((each) =>
        each.creditId === creditId
          ? { ...each, until: each.until === null ? at : earlier(each.until, at), isRevoked: true }
          : each,
      );
    }
    case 'GrantWithdrawn': {
      const { creditId } = event.data;
      return credits.map((each) => (each.creditId === creditId ? { ...each, isWithdrawn: true } : each));
    }
    case 'RevocationWithdrawn': {
      const { creditId, until } = event.data;
      return credits.map((each) => (each.creditId === creditId ? { ...each, until, isRevoked: false } : each));
    }
  }
}

const foldCredits = (events: Iterable<CreditEvent>): (Coupon | Credit)[] =>
  [...events].reduce<(Coupon | Credit)[]>(applyCreditEvent, []);

/** Grants a coupon or a credit. Errors: `credit_exists`, `empty_period`, `invalid_amount`. */
export function grant(
  events: Iterable<CreditEvent>,
  event: Extract<CreditEvent, { type: 'CouponGranted' | 'CreditGranted' }>,
): CreditEvent[] {
  const { creditId, from, until } = event.data;
  const kind = event.type === 'CouponGranted' ? 'coupon' : 'credit';
  const known = foldCredits(events).find((each) => each.creditId === creditId);
  // What issued rows say of a coupon must not be taken for a credit.
  if (known !== undefined && (known.isWithdrawn !== true || known.kind !== kind))
    throw conflict(
      'credit_exists',
      `${known.kind} ${creditId} ${known.isWithdrawn === true ? 'was withdrawn' : 'exists'}: use another creditId`,
    );
  if (until !== null && !isBefore(from, until))
    throw invalid('empty_period', `until ${until} is not after from ${from}`, [
      { field: 'until', message: 'is not after from' },
    ]);
  if (event.type === 'CouponGranted') guardPercent(event.data.percent);
  else {
    moneyAboveZero(event.data.amount, event.data.currency, 'amount');
    guardRollover(event.data);
  }
  return [event];
}

/** Errors: `invalid_amount`. */
function guardPercent(percent: string): void {
  if (decimal(percent).gt(ZERO) && decimal(percent).lte(decimal('100'))) return;
  const message = 'must be above 0 and at most 100';
  throw invalid('invalid_amount', `percent ${percent} ${message}`, [{ field: 'percent', message }]);
}

/** Errors: `invalid_rollover`. */
function guardRollover({ until, rollover }: Extract<CreditEvent, { type: 'CreditGranted' }>['data']): void {
  if (rollover === undefined) return;
  const refuse = (field: string, message: string): never => {
    throw invalid('invalid_rollover', `${field} ${message}`, [{ field, message }]);
  };
  if (until === null) return refuse('until', 'must be given: only a credit that ends rolls over');
  if (!isBefore(until, rollover.until)) refuse('rollover.until', `must be after until, ${until}`);
  if (decimal(rollover.percent).lte(ZERO) || decimal(rollover.percent).gt(decimal('100')))
    refuse('rollover.percent', 'must be above 0 and at most 100');
}

/** Errors: `unknown_credit`, `credit_revoked`, `credit_ended`. */
export function revoke(
  events: readonly CreditEvent[],
  revoked: EventDataOf<typeof creditEventsWith, 'CreditRevoked'>,
): CreditEvent[] {
  const found = grantedIn(events, revoked.creditId);
  if (isRevoked(events, revoked.creditId))
    throw conflict('credit_revoked', `credit ${revoked.creditId} is revoked already`);
  if (found.until !== null && !isBefore(revoked.at, found.until))
    throw conflict(
      'credit_ended',
      `credit ${revoked.creditId} ended at ${found.until}: nothing is left to revoke at ${revoked.at}`,
    );
  return [{ type: 'CreditRevoked', data: revoked }];
}

/** Errors: `unknown_credit`. */
function grantedIn(events: Iterable<CreditEvent>, id: string): Coupon | Credit {
  const found = foldCredits(events).find(({ creditId, isWithdrawn }) => creditId === id && isWithdrawn !== true);
  if (found === undefined) throw notFound('unknown_credit', `credit ${id} does not exist`);
  return found;
}

const isRevoked = (events: readonly CreditEvent[], creditId: string): boolean =>
  events.findLast(({ data }) => data.creditId === creditId)?.type === 'CreditRevoked';

/** The key of a coupon or a credit. */
export type CreditKey = Pick<
  EventDataOf<typeof creditEventsWith, 'CreditRevoked'>,
  'creditId' | 'tenantId' | 'currency'
>;

/**
 * The coupon or the credit was never granted. `takenBy`: the numbers of the invoices that have taken the credit. They
 * would lack it. Errors: `unknown_credit`, `credit_taken`.
 */
export function withdrawGrant(
  events: readonly CreditEvent[],
  { creditId, tenantId, currency }: CreditKey,
  takenBy: readonly string[],
  correction: Correction,
): CreditEvent[] {
  const { kind, from } = grantedIn(events, creditId);
  if (kind === 'credit' && takenBy.length > 0)
    throw conflict(
      'credit_taken',
      `credit ${creditId} was taken by ${takenBy.join(', ')}: void these first, or revoke the rest (revoke-credit)`,
    );
  const changedFrom = kind === 'coupon' ? from : null;
  return [{ type: 'GrantWithdrawn', data: { creditId, tenantId, currency, changedFrom, ...correction } }];
}

/** The coupon or the credit was never revoked. Errors: `unknown_credit`, `credit_not_revoked`. */
export function withdrawRevocation(
  events: readonly CreditEvent[],
  { creditId, tenantId, currency }: CreditKey,
  correction: Correction,
): CreditEvent[] {
  const { kind, until } = grantedIn(events, creditId);
  if (!isRevoked(events, creditId)) throw conflict('credit_not_revoked', `${kind} ${creditId} is not revoked`);
  const granted = events.findLast(
    ({ type, data }) => data.creditId === creditId && (type === 'CouponGranted' || type === 'CreditGranted'),
  );
  const data = {
    ...{ creditId, tenantId, currency },
    until: granted !== undefined && 'until' in granted.data ? granted.data.until : null,
    changedFrom: kind === 'coupon' ? until : null,
    ...correction,
  };
  return [{ type: 'RevocationWithdrawn', data }];
}

export const inForce = ({ from, until, isWithdrawn }: Granted, at: Instant): boolean =>
  isWithdrawn !== true && !isBefore(at, from) && (until === null || isBefore(at, until));

/** The coupons, in the order in which they were granted. */
export const couponsOf = (grants: readonly (Coupon | Credit)[]): Coupon[] =>
  grants.filter((each): each is Coupon => each.kind === 'coupon');

/**
 * Whether a coupon reduces charges of a billing kind. It reduces the true-up of a commitment only if it names that
 * kind: a coupon of one month on all charges does not reduce what was agreed for a year.
 */
const reaches = ({ billingKinds }: Pick<Coupon, 'billingKinds'>, billingKind: string): boolean =>
  billingKinds?.includes(billingKind) ?? billingKind !== COMMITMENT;

/** The instants at which a coupon for a billing kind begins or ends. */
export const couponChanges = (coupons: readonly Coupon[], billingKind: string): Instant[] =>
  coupons
    .filter((each) => each.isWithdrawn !== true && reaches(each, billingKind))
    .flatMap(({ from, until }) => (until === null ? [from] : [from, until]));

/**
 * What coupons take from the charges of a line, in their order. A coupon's share of a component is rounded once, on
 * the cumulative amount; a charge gets the growth of that share. So half of ten charges of 0.01 is 0.05, however the
 * line is cut.
 */
export function couponShares(
  charges: readonly CouponedCharge[],
  coupons: readonly Coupon[],
  currency: string,
): Share[][][] {
  const running = new Map<string, { charged: Decimal; taken: Decimal }>();
  const shareOf = (coupon: Coupon, { ref, unitAmount }: CouponedCharge['rows'][number], open: Decimal): Decimal => {
    const key = `${coupon.creditId}\n${ref}\n${unitAmount}`;
    const before = running.get(key) ?? { charged: ZERO, taken: ZERO };
    const charged = before.charged.plus(open);
    const taken = toMoney(charged.times(decimal(coupon.percent)).times(decimal('0.01')), currency);
    running.set(key, { charged, taken });
    return taken.minus(before.taken);
  };
  return charges.map(({ at, billingKind, rows }) =>
    rows.map((row) => {
      const shares: Share[] = [];
      let open = row.net;
      for (const coupon of coupons.filter((each) => inForce(each, at) && reaches(each, billingKind))) {
        const amount = shareOf(coupon, row, open);
        open = open.minus(amount);
        shares.push({ creditId: coupon.creditId, amount });
      }
      return shares;
    }),
  );
}

/** A charge of a line before coupons: the instant whose coupons hold, and its components. */
export interface CouponedCharge {
  readonly at: Instant;
  readonly billingKind: string;
  readonly rows: readonly { readonly ref: string; readonly unitAmount: string; readonly net: Decimal }[];
}

/** The amount that a coupon or a credit takes of a row. */
export interface Share {
  readonly creditId: string;
  readonly amount: Decimal;
}

/** The rows of a line's charges, in their order, after coupons. */
export function withCoupons(
  charges: readonly { readonly at: Instant; readonly rows: readonly DraftRow[] }[],
  billingKind: string,
  coupons: readonly Coupon[],
  currency: string,
): DraftRow[][] {
  const charged = charges.map(({ at, rows }) => ({
    at,
    billingKind,
    rows: rows.map(({ ref, unitAmount, net }) => ({ ref, unitAmount, net: decimal(net) })),
  }));
  const shares = couponShares(charged, coupons, currency);
  return charges.map(({ rows }, charge) => rows.map((row, index) => taking(row, shares[charge]?.[index] ?? [])));
}

/** A row after these shares are taken from it as well. */
export function taking(row: DraftRow, shares: readonly Share[]): DraftRow {
  const taken = shares.filter(({ amount }) => !amount.eq(ZERO));
  if (taken.length === 0) return row;
  const total = sum(taken.map(({ amount }) => amount));
  return {
    ...row,
    credit: text(decimal(row.credit).plus(total)),
    net: text(decimal(row.net).minus(total)),
    credits: [...(row.credits ?? []), ...taken.map(({ creditId, amount }) => ({ creditId, amount: text(amount) }))],
  };
}
