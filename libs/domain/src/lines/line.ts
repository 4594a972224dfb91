import { z } from 'zod';
import { derivedId } from '../derived-id.js';
import { invalid } from '../errors.js';
import type { Decimal } from '../money/decimal.js';
import { decimal, divide, integer, text } from '../money/decimal.js';
import { moneyText, scaleOf } from '../money/money.js';
import {
  BASE_FEE,
  isPooled,
  itemKey,
  planAt,
  type Aggregation,
  type PlanItem,
  type PlanVersion,
} from '../plans/plan.js';
import type { BilledWhen } from '../prices/model.js';
import { flatPrice, isFlat } from '../prices/flat.js';
import { billedWhen, isPerPeriod, needsRates as priceNeedsRates } from '../prices/price.js';
import type { ItemTerms } from '../rating/terms.js';
import { type IdSchema, zInstant, zPeriod } from '../schema.js';
import { type Assignment, type Subscription, subscriptionPeriods } from '../tenants/deployment.js';
import { billingPeriodAt, type Interval } from '../time/calendar.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { cutAt, intersection, lengthMicros, type Period } from '../time/period.js';

/** A line: what is owed for one plan item over one charge period. All its parts live in its one stream. */
export const lineStream = (lineId: string): string => `line-${lineId}`;

// Stored permanently. Amounts are not here: they are derived, and frozen only on an issued invoice.
export const lineEventsWith = (zId: IdSchema) => ({
  LineOpened: z.object({
    lineId: z.uuid(),
    tenantId: zId,
    subscriptionId: zId,
    deploymentId: zId,
    billingKind: zId,
    itemKey: z.string(),
    currency: z.string(),
    period: zPeriod,
  }),
  /** The line, or its part that holds `at`, was cut there: `billedPartId` ends, `remainingPartId` begins. */
  LineSplit: z.object({
    lineId: z.uuid(),
    at: zInstant,
    billedPartId: z.uuid(),
    remainingPartId: z.uuid(),
    invoiceId: z.uuid(),
    /** Where the line ended when it was cut. Absent: where it ended when it was opened. */
    lineEnd: zInstant.optional(),
  }),
});

/**
 * The id depends on the tenant: if a deployment turns out to have been another tenant's from the start, that tenant
 * gets lines of its own.
 */
export const lineIdOf = (subscriptionId: string, tenantId: string, item: string, start: Instant): string =>
  derivedId('line', subscriptionId, tenantId, item, start);
export const partIdOf = (lineId: string, start: Instant): string => derivedId('part', lineId, start);

/** The terms of a line over a segment of its period: a plan may change within it. */
export interface LineSegment {
  readonly period: Period;
  readonly planId: string;
  readonly planEffectiveFrom: Instant;
  readonly terms: ItemTerms;
  /** The minimum commitment that `terms` have a share of: of the whole billing period, for the period charged. */
  readonly minimum?: { readonly whole: string; readonly charged: Period };
  /** The included units are shared with the other lines of a pool. */
  readonly pooled?: true;
}

/** A line as it follows from subscriptions and plans. */
export interface LineDefinition {
  readonly lineId: string;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly itemKey: string;
  readonly currency: string;
  readonly aggregation: Aggregation;
  readonly filter: Readonly<Record<string, string>> | null;
  readonly uniqueBy: string | null;
  /**
   * The charge period: the part of the billing period in which the subscription runs for this tenant and the plan has
   * the item.
   */
  readonly period: Period;
  readonly billingPeriod: Period;
  /** They tile the period. */
  readonly segments: readonly LineSegment[];
  /** The lines that share their included units, this one among them, in the order of their ids. Absent: it is alone. */
  readonly pool?: readonly LineDefinition[];
  /** Of a commitment: the lines whose charges draw it down. Its minimum is the amount committed. */
  readonly counted?: readonly LineDefinition[];
  /** Of a commitment: the term as it was agreed, and whether billing periods of the subscription start in it. */
  readonly term?: Period & { readonly hasPeriods: boolean };
}

export const isCommitment = (line: Pick<LineDefinition, 'counted'>): boolean => line.counted !== undefined;

export const isBaseFee = (line: Pick<LineDefinition, 'itemKey'>): boolean => line.itemKey === BASE_FEE;

type Priced = Pick<LineDefinition, 'segments'>;

/** Whether any price of the line is applied to usage. Else its amount is for the period itself. */
export const countsUsage = ({ segments }: Priced): boolean => segments.some(({ terms }) => !isPerPeriod(terms.price));

/**
 * Whether the line's usage is divided by rate. Then all its prices are rate cards: any other price begins another line.
 */
export const needsRates = ({ segments }: Priced): boolean => segments.some(({ terms }) => priceNeedsRates(terms.price));

const GROWING: readonly Aggregation[] = ['sum', 'count', 'max', 'unique_count'];

/**
 * Whether the running value only grows, so that a part can bill its growth. Else it is known only when the period ends.
 */
export const isGrowing = ({ aggregation }: Pick<LineDefinition, 'aggregation'>): boolean =>
  GROWING.includes(aggregation);

/**
 * How a line becomes due: in advance when its period starts, progressively up to any instant, or when its period ends.
 * It is cut if any segment bills progressively. An amount that is due at the period's end (a volume price from
 * mid-month on) is then on the last part. A line that is billed in advance is billed whole.
 */
export function billedHow(line: Pick<LineDefinition, 'aggregation' | 'segments'>): BilledWhen {
  const when = line.segments.map(({ terms }) => billedWhen(terms.price));
  if (when.every((each) => each === 'in_advance')) return 'in_advance';
  return when.includes('progressively') && isGrowing(line) ? 'progressively' : 'at_period_end';
}

/** A hundred years of months. An instant beyond that is a typo, and would be billed. */
const MAX_PERIODS = 1200;

/**
 * What the lines of a subscription depend on: the tenants of its deployment, each plan's versions by id, and time
 * zones.
 */
export interface LineTerms {
  readonly assignments: readonly Assignment[];
  readonly plans: Plans;
  readonly timeZoneOf: (tenantId: string) => string;
}
export type Plans = ReadonlyMap<string, readonly PlanVersion[]>;

/** Every line of a subscription whose charge period starts at or before `until`, in order of time. */
export function linesOf(
  subscription: Subscription,
  { assignments, plans, timeZoneOf }: LineTerms,
  until: Instant,
): LineDefinition[] {
  const changes = changesOf(subscription, plans);
  return subscriptionPeriods(subscription, assignments).flatMap(({ tenantId, period: { start, end } }) => {
    const lines: LineDefinition[] = [];
    let periods = 0;
    for (let at = start; !isBefore(until, at) && (end === null || isBefore(at, end));) {
      periods += 1;
      if (periods > MAX_PERIODS)
        throw invalid(
          'too_many_periods',
          `subscription ${subscription.subscriptionId} has more than ${MAX_PERIODS} billing periods from ${start}` +
            ` to ${until}: check that instant`,
        );
      const { billingPeriod, next } = billedFrom(subscription, { plans, changes, timeZone: timeZoneOf(tenantId) }, at);
      const charged = intersection({ start: at, end: next }, { start, end });
      if (charged !== null)
        lines.push(...linesOver({ subscription, tenantId, charged, billingPeriod }, plans, changes));
      at = next;
    }
    return lines;
  });
}

/**
 * The billing period that holds an instant, and where the next one begins: at its end, or earlier where a plan with
 * another interval begins one of its own.
 */
export function billedFrom(
  subscription: Subscription,
  {
    plans,
    changes,
    timeZone,
  }: { readonly plans: Plans; readonly changes: readonly Instant[]; readonly timeZone: string },
  at: Instant,
): { readonly billingPeriod: Period; readonly next: Instant } {
  const interval = intervalAt(subscription, plans, at);
  const billingPeriod = billingPeriodAt(at, interval, timeZone, subscription.anchor);
  const rest = cutAt({ start: at, end: billingPeriod.end }, changes);
  const other = rest.find((piece) => intervalAt(subscription, plans, piece.start) !== interval);
  return { billingPeriod, next: other?.start ?? billingPeriod.end };
}

/** The terms of a subscription's plan at an instant. undefined: it has none then. */
export function planVersionAt(subscription: Subscription, plans: Plans, at: Instant): PlanVersion | undefined {
  const planId = planIdAt(subscription, at);
  return planId === undefined ? undefined : planAt(plans.get(planId) ?? [], at);
}

export const planIdAt = (subscription: Subscription, at: Instant): string | undefined =>
  subscription.plans.findLast(({ from }) => compareInstants(from, at) <= 0)?.planId;

/** The terms that a subscription has within some periods, in order of time. */
export const planVersionsWithin = (
  subscription: Subscription,
  plans: Plans,
  periods: readonly Period[],
): readonly PlanVersion[] => {
  const changes = changesOf(subscription, plans);
  return periods
    .flatMap((period) => cutAt(period, changes))
    .flatMap(({ start }) => planVersionAt(subscription, plans, start) ?? []);
};

/** A plan that has no terms yet is billed by the month. */
const intervalAt = (subscription: Subscription, plans: Plans, at: Instant): Interval =>
  planVersionAt(subscription, plans, at)?.interval ?? 'month';

/** Every instant at which the terms of a subscription may change. */
export const changesOf = (subscription: Subscription, plans: Plans): Instant[] => [
  ...subscription.plans.map(({ from }) => from),
  ...subscription.plans
    .flatMap(({ planId }) => plans.get(planId) ?? [])
    .flatMap(({ effectiveFrom, effectiveUntil }) =>
      effectiveUntil === null ? [effectiveFrom] : [effectiveFrom, effectiveUntil],
    ),
];

/** A billing period of a subscription, and the part of it that a tenant is charged for. */
interface Charge {
  readonly subscription: Subscription;
  readonly tenantId: string;
  readonly charged: Period;
  readonly billingPeriod: Period;
}

function linesOver(charge: Charge, plans: Plans, changes: readonly Instant[]): LineDefinition[] {
  const drafts: Draft[] = [];
  const open = new Map<string, Draft>();
  for (const piece of cutAt(charge.charged, changes)) {
    const version = planVersionAt(charge.subscription, plans, piece.start);
    const items = version === undefined ? [] : [baseFeeItem(version), ...version.items];
    const present = new Set<string>();
    for (const item of items) {
      if (version === undefined) continue;
      const key = item.billingKind === BASE_FEE ? BASE_FEE : itemKey(item);
      const segment: Segment = { piece, version, item };
      const line = open.get(key);
      present.add(key);
      if (line !== undefined && isContinued(line, item, version)) line.segments.push(segment);
      else {
        const draft: Draft = { key, segments: [segment] };
        open.set(key, draft);
        drafts.push(draft);
      }
    }
    // An item that the new plan lacks ends there. If it comes back later, it begins another line.
    for (const key of open.keys()) if (!present.has(key)) open.delete(key);
  }
  return drafts.map((draft) => toDefinition(draft, charge));
}

/**
 * Whether an item of the next version continues the same line, whose counters follow the period. An item that is
 * measured otherwise, due at another time (a base fee that changes from in advance to in arrears) or in another
 * currency begins another line.
 */
const isContinued = ({ segments: [{ item, version }] }: Draft, next: PlanItem, { currency }: PlanVersion): boolean =>
  version.currency === currency &&
  item.aggregation === next.aggregation &&
  item.uniqueBy === next.uniqueBy &&
  (billedWhen(item.price) === 'in_advance') === (billedWhen(next.price) === 'in_advance') &&
  priceNeedsRates(item.price) === priceNeedsRates(next.price);

interface Segment {
  readonly piece: Period;
  readonly version: PlanVersion;
  readonly item: PlanItem;
}
interface Draft {
  readonly key: string;
  readonly segments: [Segment, ...Segment[]];
}

export const baseFeeItem = (version: PlanVersion): PlanItem => ({
  billingKind: BASE_FEE,
  price: flatPrice(version.baseFee, version.paymentTerm),
  aggregation: 'sum',
});

function toDefinition(draft: Draft, { subscription, tenantId, charged, billingPeriod }: Charge): LineDefinition {
  const [first] = draft.segments;
  const last = draft.segments.at(-1) ?? first;
  const period = { start: first.piece.start, end: last.piece.end };
  const { currency } = first.version;
  const segments = draft.key === BASE_FEE ? baseFeeSegments(draft) : itemSegments(draft, charged, billingPeriod);
  return {
    lineId: lineIdOf(subscription.subscriptionId, tenantId, draft.key, period.start),
    tenantId,
    subscriptionId: subscription.subscriptionId,
    deploymentId: subscription.deploymentId,
    billingKind: first.item.billingKind,
    itemKey: draft.key,
    currency,
    aggregation: first.item.aggregation,
    filter: first.item.filter ?? null,
    uniqueBy: first.item.uniqueBy ?? null,
    period,
    billingPeriod,
    segments,
  };
}

function termsOf(item: PlanItem): ItemTerms {
  const { price, included, unitConversion, discounts, commitments } = item;
  return {
    price,
    ...(included === undefined ? {} : { included }),
    ...(unitConversion === undefined ? {} : { unitConversion }),
    ...(discounts === undefined ? {} : { discounts }),
    ...(commitments === undefined ? {} : { commitments }),
  };
}

/** The fee of each segment is whole: `feeTerms` prorates it. A version with the same fee adds no segment. */
function baseFeeSegments({ segments }: Draft): LineSegment[] {
  const fees = merged(
    segments,
    (a, b) => a.version.baseFee === b.version.baseFee && a.version.paymentTerm === b.version.paymentTerm,
    joined,
  );
  return fees.map(({ piece, version }) => segmentOf(piece, version, termsOf(baseFeeItem(version))));
}
const joined = (first: Segment, next: Segment): Segment => ({
  ...first,
  piece: { start: first.piece.start, end: next.piece.end },
});

/** The minimum in force at the period's end applies. An item that left the plan before then has none. */
function itemSegments({ segments }: Draft, charged: Period, billingPeriod: Period): LineSegment[] {
  const reachesEnd = segments.at(-1)?.piece.end === charged.end;
  const all = segments.map(({ piece, version, item }) => {
    const terms = reachesEnd
      ? proratedMinimum(termsOf(item), version.currency, charged, billingPeriod)
      : withoutMinimum(termsOf(item));
    const whole = terms.commitments?.minimum === undefined ? undefined : item.commitments?.minimum;
    return {
      ...segmentOf(piece, version, terms),
      ...(whole === undefined ? {} : { minimum: { whole, charged } }),
      ...(isPooled(item) ? { pooled: true as const } : {}),
    };
  });
  // A plan version that leaves an item unchanged adds no segment.
  return merged(
    all,
    (a, b) => JSON.stringify(a.terms) === JSON.stringify(b.terms) && a.pooled === b.pooled,
    (first, next) => ({ ...first, period: { start: first.period.start, end: next.period.end } }),
  );
}

const segmentOf = (period: Period, { planId, effectiveFrom }: PlanVersion, terms: ItemTerms): LineSegment => ({
  period,
  planId,
  planEffectiveFrom: effectiveFrom,
  terms,
});

function withoutMinimum(terms: ItemTerms): ItemTerms {
  if (terms.commitments?.minimum === undefined) return terms;
  const { minimum: _, ...commitments } = terms.commitments;
  return { ...terms, commitments };
}

/** Merges neighbours that are alike. */
function merged<Item>(
  items: readonly Item[],
  alike: (a: Item, b: Item) => boolean,
  join: (first: Item, next: Item) => Item,
): Item[] {
  const result: Item[] = [];
  for (const item of items) {
    const previous = result.at(-1);
    if (previous !== undefined && alike(previous, item)) result[result.length - 1] = join(previous, item);
    else result.push(item);
  }
  return result;
}

/**
 * amount × the share of `piece` in `whole`, telescoping at the currency's scale: R(amount × elapsed at end) −
 * R(amount × elapsed at start), so that the pieces of a whole add up to the amount.
 */
export function prorated(amount: Decimal, currency: string, piece: Period, whole: Period): Decimal {
  const length = integer(lengthMicros(whole));
  const upTo = (end: Instant): Decimal =>
    end === whole.start
      ? integer(0)
      : divide(amount.times(integer(lengthMicros({ start: whole.start, end }))), length, scaleOf(currency));
  return upTo(piece.end).minus(upTo(piece.start));
}

/** The share of a segment's base fee for a piece of it: 15 of 30 days of 30.00 are 15.00. */
export function feeTerms(
  { currency, billingPeriod }: Pick<LineDefinition, 'currency' | 'billingPeriod'>,
  { terms }: LineSegment,
  piece: Period,
): ItemTerms {
  if (!isFlat(terms.price)) throw new Error(`a base fee has the price model flat, not ${terms.price.model}`);
  const { amount, paymentTerm } = terms.price;
  const share = prorated(decimal(amount), currency, piece, billingPeriod);
  return { ...terms, price: flatPrice(moneyText(share, currency), paymentTerm) };
}

/** A minimum is prorated exactly and rounded once: 8 of 30 days of 5.55 JPY are 1.48, which is 1. */
function proratedMinimum(terms: ItemTerms, currency: string, charged: Period, billingPeriod: Period): ItemTerms {
  const minimum = terms.commitments?.minimum;
  if (minimum === undefined || lengthMicros(charged) === lengthMicros(billingPeriod)) return terms;
  const whole = integer(lengthMicros(billingPeriod));
  const share = divide(decimal(minimum).times(integer(lengthMicros(charged))), whole, scaleOf(currency));
  return { ...terms, commitments: { ...terms.commitments, minimum: text(share) } };
}
