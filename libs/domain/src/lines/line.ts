import { v5 as uuidV5 } from 'uuid';
import { z } from 'zod';
import { invalid } from '../errors.js';
import type { Decimal } from '../money/decimal.js';
import { decimal, divide, integer, text } from '../money/decimal.js';
import { moneyText, scaleOf, toMoney } from '../money/money.js';
import { BASE_FEE, itemKey, planAt, type Aggregation, type PlanItem, type PlanVersion } from '../plans/plan.js';
import type { ItemTerms } from '../rating/terms.js';
import { zId, zInstant, zPeriod } from '../schema.js';
import { type Assignment, type Subscription, subscriptionSpans } from '../tenants/deployment.js';
import { billingPeriodAt, type Interval } from '../time/calendar.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { cutAt, intersection, lengthMicros, type Period } from '../time/period.js';

/** A line: what is owed for one plan item over one charge period. All its parts live in its one stream. */
export const lineStream = (lineId: string): string => `line-${lineId}`;

// Stored for ever. What a line comes to is not here: amounts are derived, and frozen only on an issued invoice.
export const lineEvents = {
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
  /** The line, or the part of it that holds `at`, was cut there: `billedPartId` ends, `remainingPartId` begins. */
  LineSplit: z.object({
    lineId: z.uuid(),
    at: zInstant,
    billedPartId: z.uuid(),
    remainingPartId: z.uuid(),
    invoiceId: z.uuid(),
  }),
};

/** Ids are derived, so that computing them again anywhere gives the same: a retry finds what it did before. */
const NAMESPACE = '6e2a3a3c-6ad1-4c2f-8f0e-2d6cf6a1c1d4';
export const derivedId = (...parts: readonly (string | number)[]): string => uuidV5(JSON.stringify(parts), NAMESPACE);
/** With the tenant: a deployment that turns out to have been another's from the start gives that tenant lines of its own. */
const lineIdOf = (subscriptionId: string, tenantId: string, item: string, start: Instant): string =>
  derivedId('line', subscriptionId, tenantId, item, start);
export const partIdOf = (lineId: string, start: Instant): string => derivedId('part', lineId, start);

/** The terms of a line over a piece of its period: a plan may change within it. */
export interface LineSegment {
  readonly period: Period;
  readonly planId: string;
  readonly planEffectiveFrom: Instant;
  readonly terms: ItemTerms;
}

/** A line as subscriptions and plans define it. */
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
  /** The charge period: the billing period, as far as the subscription runs for this tenant and the item is in its plan. */
  readonly period: Period;
  readonly billingPeriod: Period;
  /** They tile the period. */
  readonly segments: readonly LineSegment[];
}

export const isBaseFee = (line: Pick<LineDefinition, 'itemKey'>): boolean => line.itemKey === BASE_FEE;

/** How a line becomes due: in advance with its period's start, progressively up to any instant, or when its period ends. */
export type Billed = 'in_advance' | 'progressively' | 'at_period_end';

const GROWING: readonly Aggregation[] = ['sum', 'count', 'max', 'unique_count'];

export function billedHow(line: Pick<LineDefinition, 'aggregation' | 'segments'>): Billed {
  const prices = line.segments.map(({ terms }) => terms.price);
  if (prices.every((price) => price.model === 'flat' && price.paymentTerm === 'in_advance')) return 'in_advance';
  const waits = prices.some((price) => price.model === 'flat' || price.model === 'volume');
  return waits || !GROWING.includes(line.aggregation) ? 'at_period_end' : 'progressively';
}

/** A hundred years of months: an instant further off is a typo, and would be billed for. */
const MAX_PERIODS = 1200;

/**
 * Every line of a subscription whose charge period starts at or before `until`, in order of time.
 * `plans` are the plans' versions by plan id; `timeZone` is the zone of the tenant.
 */
export function linesOf(
  subscription: Subscription,
  assignments: readonly Assignment[],
  plans: ReadonlyMap<string, readonly PlanVersion[]>,
  timeZoneOf: (tenantId: string) => string,
  until: Instant,
): LineDefinition[] {
  return subscriptionSpans(subscription, assignments).flatMap(({ tenantId, period: span }) => {
    const lines: LineDefinition[] = [];
    let periods = 0;
    for (let at = span.start; !isBefore(until, at) && (span.end === null || isBefore(at, span.end)); ) {
      periods += 1;
      if (periods > MAX_PERIODS)
        throw invalid(
          'too_many_periods',
          `subscription ${subscription.subscriptionId} has more than ${MAX_PERIODS} billing periods from ${span.start} to ${until}: is that instant right?`,
        );
      const interval = intervalAt(subscription, plans, at);
      const billingPeriod = billingPeriodAt(at, interval, timeZoneOf(tenantId), subscription.anchor);
      // A plan of another interval begins a billing period of its own.
      const rest = cutAt({ start: at, end: billingPeriod.end }, changesOf(subscription, plans));
      const end = rest.find(({ start }) => intervalAt(subscription, plans, start) !== interval)?.start ?? billingPeriod.end;
      const charged = intersection({ start: at, end }, span);
      if (charged !== null) lines.push(...linesOver(subscription, tenantId, charged, billingPeriod, plans));
      at = end;
    }
    return lines;
  });
}

function planVersionAt(subscription: Subscription, plans: ReadonlyMap<string, readonly PlanVersion[]>, at: Instant): PlanVersion | undefined {
  const planId = planIdAt(subscription, at);
  return planId === undefined ? undefined : planAt(plans.get(planId) ?? [], at);
}

const planIdAt = (subscription: Subscription, at: Instant): string | undefined =>
  subscription.plans.findLast(({ from }) => compareInstants(from, at) <= 0)?.planId;

/** A plan without terms yet has none of its own: months. */
const intervalAt = (subscription: Subscription, plans: ReadonlyMap<string, readonly PlanVersion[]>, at: Instant): Interval =>
  planVersionAt(subscription, plans, at)?.interval ?? 'month';

/** Every instant at which the terms of a subscription may change. */
const changesOf = (subscription: Subscription, plans: ReadonlyMap<string, readonly PlanVersion[]>): Instant[] => [
  ...subscription.plans.map(({ from }) => from),
  ...subscription.plans
    .flatMap(({ planId }) => plans.get(planId) ?? [])
    .flatMap(({ effectiveFrom, effectiveUntil }) => (effectiveUntil === null ? [effectiveFrom] : [effectiveFrom, effectiveUntil])),
];

function linesOver(
  subscription: Subscription,
  tenantId: string,
  charged: Period,
  billingPeriod: Period,
  plans: ReadonlyMap<string, readonly PlanVersion[]>,
): LineDefinition[] {
  const drafts: Draft[] = [];
  const open = new Map<string, Draft>();
  for (const piece of cutAt(charged, changesOf(subscription, plans))) {
    const version = planVersionAt(subscription, plans, piece.start);
    const items = version === undefined ? [] : [baseFeeItem(version), ...version.items];
    const present = new Set<string>();
    for (const item of items) {
      if (version === undefined) continue;
      const key = item.billingKind === BASE_FEE ? BASE_FEE : itemKey(item);
      const segment: Segment = { piece, version, item };
      const line = open.get(key);
      present.add(key);
      if (line !== undefined && line.segments[0].item.aggregation === item.aggregation) line.segments.push(segment);
      else {
        const draft: Draft = { key, segments: [segment] };
        open.set(key, draft);
        drafts.push(draft);
      }
    }
    // An item missing from the new plan ends there; should it come back, that is another line.
    for (const key of open.keys()) if (!present.has(key)) open.delete(key);
  }
  return drafts.map((draft) => toDefinition(draft, subscription, tenantId, charged, billingPeriod));
}

interface Segment {
  readonly piece: Period;
  readonly version: PlanVersion;
  readonly item: PlanItem;
}
interface Draft {
  readonly key: string;
  readonly segments: [Segment, ...Segment[]];
}

const baseFeeItem = (version: PlanVersion): PlanItem => ({
  billingKind: BASE_FEE,
  price: { model: 'flat', amount: version.baseFee, paymentTerm: version.paymentTerm },
  aggregation: 'sum',
});

function toDefinition(draft: Draft, subscription: Subscription, tenantId: string, charged: Period, billingPeriod: Period): LineDefinition {
  const [first] = draft.segments;
  const last = draft.segments.at(-1) ?? first;
  const period = { start: first.piece.start, end: last.piece.end };
  const { currency } = first.version;
  const segments = draft.segments.map(({ piece, version, item }): LineSegment => {
    const terms = draft.key === BASE_FEE ? proratedBaseFee(version, piece, billingPeriod) : proratedMinimum(termsOf(item), currency, charged, billingPeriod);
    return { period: piece, planId: version.planId, planEffectiveFrom: version.effectiveFrom, terms };
  });
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
    segments: draft.key === BASE_FEE ? segments : mergedSegments(segments),
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

/** Neighbouring segments with the same terms are one: a new plan version that leaves an item as it was changes nothing for it. */
function mergedSegments(segments: readonly LineSegment[]): LineSegment[] {
  const merged: LineSegment[] = [];
  for (const segment of segments) {
    const previous = merged.at(-1);
    if (previous !== undefined && JSON.stringify(previous.terms) === JSON.stringify(segment.terms))
      merged[merged.length - 1] = { ...previous, period: { start: previous.period.start, end: segment.period.end } };
    else merged.push(segment);
  }
  return merged;
}

/**
 * amount × the share of `piece` in `whole`, telescoping at the currency's scale: R(amount × elapsed at end) −
 * R(amount × elapsed at start), so that the pieces of a whole add up to the amount.
 */
export function prorated(amount: Decimal, currency: string, piece: Period, whole: Period): Decimal {
  const length = integer(lengthMicros(whole));
  const upTo = (end: Instant): Decimal =>
    end === whole.start ? integer(0) : divide(amount.times(integer(lengthMicros({ start: whole.start, end }))), length, scaleOf(currency));
  return upTo(piece.end).minus(upTo(piece.start));
}

const proratedBaseFee = (version: PlanVersion, piece: Period, billingPeriod: Period): ItemTerms => ({
  price: {
    model: 'flat',
    amount: moneyText(prorated(decimal(version.baseFee), version.currency, piece, billingPeriod), version.currency),
    paymentTerm: version.paymentTerm,
  },
});

function proratedMinimum(terms: ItemTerms, currency: string, charged: Period, billingPeriod: Period): ItemTerms {
  const minimum = terms.commitments?.minimum;
  if (minimum === undefined || lengthMicros(charged) === lengthMicros(billingPeriod)) return terms;
  const part = prorated(toMoney(decimal(minimum), currency), currency, charged, billingPeriod);
  return { ...terms, commitments: { ...terms.commitments, minimum: text(part) } };
}
