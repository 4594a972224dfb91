import { z } from 'zod';
import { conflict, invalid, notFound } from '../errors.js';
import { isFlat } from '../prices/flat.js';
import { billedWhen, needsRates, zPrice } from '../prices/price.js';
import { guardCommitments, zItemTerms } from '../rating/terms.js';
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
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import { assertEffective, contains, intersection, type OpenPeriod, overlaps, periodText } from '../time/period.js';

/**
 * A plan: its base fee, and per billing kind the included quantity and the price of the rest. Each plan has one stream.
 */
export const planStream = (planId: string): string => streamName('plan', [planId]);

export const BASE_FEE = 'base_fee';
/** The billing kind of the lines of commitments over several billing periods. */
export const COMMITMENT = 'commitment';

/** How the readings of a period become one quantity. The first four only grow, so their parts bill the growth. */
export const AGGREGATIONS = ['sum', 'count', 'max', 'unique_count', 'latest', 'average', 'minimum'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

export const planItemWith = (zId: IdSchema) =>
  z.strictObject({
    billingKind: zId.refine((kind) => kind !== BASE_FEE, "base_fee is the plan's own: use baseFee"),
    ...zItemTerms.shape,
    aggregation: z.enum(AGGREGATIONS).default('sum'),
    /** Counts only readings whose attributes have exactly these values. */
    filter: z.record(z.string(), z.string()).optional(),
    uniqueBy: z.string().optional(),
    /** The included units are shared by the subscriptions to the plan that one payer pays for (pool.ts). */
    pooled: z.boolean().optional(),
  });
export const zPlanItem = planItemWith(zId);

const { price, included, unitConversion, discounts, commitments } = zItemTerms.shape;

/**
 * What a correction says of one item, which is known by its billing kind and filter. Terms that are absent stay, and
 * null means that the item had none. `price` null: the plan had no such item. An item with a price that the plan does
 * not have is added to it.
 */
export const itemCorrectionWith = (zId: IdSchema) => {
  const { billingKind, filter, aggregation, pooled } = planItemWith(zId).shape;
  return z.strictObject({
    ...{ billingKind, filter, pooled },
    price: price.nullable().optional(),
    included: included.unwrap().nullable().optional(),
    unitConversion: unitConversion.unwrap().nullable().optional(),
    discounts: discounts.unwrap().nullable().optional(),
    commitments: commitments.unwrap().nullable().optional(),
    aggregation: aggregation.unwrap().optional(),
    uniqueBy: z.string().nullable().optional(),
  });
};
export const zItemCorrection = itemCorrectionWith(zId);
export type ItemCorrection = z.infer<typeof zItemCorrection>;

/** What a correction says of a plan over a period; until null: until the next change of the plan. */
const planChangesWith = (zId: IdSchema) =>
  z.object({
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.nullable(),
    name: zText.optional(),
    baseFee: zDecimal.optional(),
    paymentTerm: z.enum(['in_advance', 'in_arrears']).optional(),
    public: z.boolean().optional(),
    items: z.array(itemCorrectionWith(zId)).optional(),
  });
export type PlanChanges = z.infer<ReturnType<typeof planChangesWith>>;

const planWith = (zId: IdSchema) =>
  z.object({
    planId: zId,
    name: zText,
    currency: zCurrency,
    baseFee: zDecimal,
    paymentTerm: z.enum(['in_advance', 'in_arrears']),
    interval: z.enum(['month', 'year']),
    /** Absent: only the tenants that have or had the plan see it. */
    public: z.boolean().optional(),
    effectiveFrom: zInstant,
    items: z.array(planItemWith(zId)),
  });

// Stored permanently.
export const planEventsWith = (zId: IdSchema) => ({
  PlanPublished: planWith(zId),
  PlanPriceCorrected: z.object({
    planId: zId,
    billingKind: zId,
    /** The item with this filter, where the billing kind has several items. */
    filter: z.record(z.string(), z.string()).optional(),
    price: zPrice,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.nullable(),
    reason: zText,
  }),
  /** The terms of a plan as they are true now. */
  PlanCorrected: z.object({
    planId: zId,
    versions: z.array(planWith(zId).omit({ planId: true }).extend({ effectiveUntil: zInstant.nullable() })),
    /** What the correction states. Absent: it is a withdrawal, or was recorded by an early version. */
    stated: planChangesWith(zId).optional(),
    ...correctionFields,
  }),
});

export const planEvents = planEventsWith(zId);

export type PlanItem = z.infer<typeof zPlanItem>;
export type PlanEvent = EventOf<typeof planEventsWith>;
type PlanPublished = EventDataOf<typeof planEventsWith, 'PlanPublished'>;
type PlanPriceCorrected = EventDataOf<typeof planEventsWith, 'PlanPriceCorrected'>;

/** The terms of a plan over `[effectiveFrom, effectiveUntil)`. The versions of a plan never overlap. */
export interface PlanVersion {
  readonly planId: string;
  readonly effectiveFrom: Instant;
  readonly effectiveUntil: Instant | null;
  readonly name: string;
  readonly currency: string;
  readonly baseFee: string;
  readonly paymentTerm: 'in_advance' | 'in_arrears';
  readonly interval: 'month' | 'year';
  /** true: every tenant sees these terms. */
  readonly public?: boolean | undefined;
  readonly items: readonly PlanItem[];
}

export const periodOf = (version: PlanVersion): OpenPeriod => ({
  start: version.effectiveFrom,
  end: version.effectiveUntil,
});

export const planAt = (versions: readonly PlanVersion[], at: Instant): PlanVersion | undefined =>
  versions.find((version) => contains(periodOf(version), at));

export const hasPooledItem = ({ items }: Pick<PlanVersion, 'items'>): boolean =>
  items.some(({ pooled }) => pooled === true);

/** The key of an item across the plan's versions: its billing kind, and its filter where it has one. */
export const itemKey = ({ billingKind, filter }: Pick<PlanItem, 'billingKind' | 'filter'>): string =>
  filter === undefined
    ? billingKind
    : `${billingKind}?${JSON.stringify(Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1)))}`;

export function applyPlanEvent(versions: readonly PlanVersion[], event: PlanEvent): PlanVersion[] {
  switch (event.type) {
    case 'PlanPublished': {
      const next = changes(versions).find((at) => isBefore(event.data.effectiveFrom, at)) ?? null;
      const added: PlanVersion = { ...event.data, effectiveUntil: next };
      const before = versions
        .filter(({ effectiveFrom }) => effectiveFrom !== added.effectiveFrom)
        .map((version) => endedBy(version, added.effectiveFrom));
      return [...before, added].sort((a, b) => compareInstants(a.effectiveFrom, b.effectiveFrom));
    }
    case 'PlanPriceCorrected':
      return changedOver(versions, event.data, (version) => withPrice(version, event.data));
    case 'PlanCorrected':
      return event.data.versions.map((version) => ({ planId: event.data.planId, ...version }));
  }
}

export const foldPlan = (events: Iterable<PlanEvent>): PlanVersion[] =>
  [...events].reduce<PlanVersion[]>(applyPlanEvent, []);

const endedBy = (version: PlanVersion, at: Instant): PlanVersion =>
  contains(periodOf(version), at) ? { ...version, effectiveUntil: at } : version;

/** The versions, cut at the bounds of a correction, with other terms between them. */
export const changedOver = (
  versions: readonly PlanVersion[],
  { effectiveFrom: from, effectiveUntil: until }: Pick<PlanVersion, 'effectiveFrom' | 'effectiveUntil'>,
  change: (version: PlanVersion) => Partial<PlanVersion>,
): PlanVersion[] =>
  versions.flatMap((version): PlanVersion[] => {
    const common = intersection(periodOf(version), { start: from, end: until });
    if (common === null) return [version];
    const { start, end } = common;
    const before: PlanVersion[] = start === version.effectiveFrom ? [] : [{ ...version, effectiveUntil: start }];
    const after: PlanVersion[] =
      end === null || end === version.effectiveUntil ? [] : [{ ...version, effectiveFrom: end }];
    return [...before, { ...version, effectiveFrom: start, effectiveUntil: end, ...change(version) }, ...after];
  });

function withPrice(
  version: PlanVersion,
  correction: PlanPriceCorrected,
): Pick<PlanVersion, 'baseFee' | 'paymentTerm' | 'items'> {
  const { baseFee, paymentTerm, items } = version;
  const { billingKind, price } = correction;
  if (billingKind === BASE_FEE)
    return isFlat(price)
      ? { baseFee: price.amount, paymentTerm: price.paymentTerm, items }
      : { baseFee, paymentTerm, items };
  return {
    baseFee,
    paymentTerm,
    items: items.map((item) => (isCorrected(item, correction) ? { ...item, price } : item)),
  };
}

const isCorrected = (
  item: PlanItem,
  { billingKind, filter }: Pick<PlanPriceCorrected, 'billingKind' | 'filter'>,
): boolean =>
  item.billingKind === billingKind && (filter === undefined || itemKey(item) === itemKey({ billingKind, filter }));

export const changes = (versions: readonly PlanVersion[]): Instant[] =>
  [
    ...new Set(
      versions.flatMap(({ effectiveFrom, effectiveUntil }) =>
        effectiveUntil === null ? [effectiveFrom] : [effectiveFrom, effectiveUntil],
      ),
    ),
  ].sort(compareInstants);

/** Refuses an item that cannot be billed as it says. `at`: its path in the input. */
export function guardItem(item: PlanItem, currency: string, at: string): void {
  const { billingKind, aggregation, filter, uniqueBy, price } = item;
  const refuse = (code: string, field: string, fault: string): never => {
    throw invalid(code, `the item for ${billingKind}: ${at}${field} ${fault}`, [
      { field: `${at}${field}`, message: fault },
    ]);
  };
  if (billingKind === COMMITMENT)
    refuse('reserved_billing_kind', 'billingKind', 'is the kind of true-ups of commitments: give it another name');
  const counts = aggregation === 'unique_count';
  if (counts && (uniqueBy === undefined || uniqueBy === ''))
    refuse('unique_by_missing', 'uniqueBy', 'must name the attribute whose values are counted');
  if (!counts && uniqueBy !== undefined)
    refuse('unique_by_unused', 'uniqueBy', `applies to the aggregation unique_count, not to ${aggregation}: omit it`);
  if (filter !== undefined && Object.keys(filter).length === 0)
    refuse('empty_filter', 'filter', 'names no attribute: omit it');
  guardAggregation(price, aggregation, `the item for ${billingKind}`, `${at}aggregation`);
  if (item.pooled === true && item.included === undefined)
    refuse('nothing_to_pool', 'pooled', 'shares included units: give included, or omit it');
  guardPooledPrice(price, item, `the item for ${billingKind}`, `${at}pooled`);
  guardCommitments(item, currency, at);
}

/** A rate card needs the sum of readings: each reading has a rate of its own. */
function guardAggregation(price: PlanItem['price'], aggregation: Aggregation, what: string, field: string): void {
  if (!needsRates(price) || aggregation === 'sum') return;
  const fault = `a rate card needs the aggregation sum, not ${aggregation}: each reading has its own rate`;
  throw invalid('rate_card_aggregation', `${what}: ${fault}`, [{ field, message: fault }]);
}

/** With fewer units, a volume price may come to more. A reading without a rate would stop the invoices of others. */
const isPoolable = (price: PlanItem['price']): boolean => !needsRates(price) && billedWhen(price) === 'progressively';

/** Whether an item shares its included units. Overrides may have given it other terms before its plan was pooled. */
export const isPooled = ({ pooled, included, price }: PlanItem): boolean =>
  pooled === true && included !== undefined && isPoolable(price);

function guardPooledPrice(price: PlanItem['price'], { pooled }: PlanItem, what: string, field: string): void {
  if (pooled !== true || isPoolable(price)) return;
  const fault = `included units can't be pooled at a ${price.model} price: give another price, or do not pool them`;
  throw invalid('price_not_pooled', `${what}: ${fault}`, [{ field, message: fault }]);
}

/**
 * Publishes a plan, or its next version. A version that begins before the latest one is a correction, and is refused.
 */
export function publishPlan(versions: readonly PlanVersion[], input: PlanPublished): PlanEvent[] {
  const keys = input.items.map(itemKey);
  const twice = keys.findIndex((key, index) => keys.indexOf(key) !== index);
  if (twice !== -1)
    throw invalid('duplicate_plan_item', `plan ${input.planId} has two items for ${keys[twice]}`, [
      { field: `items[${twice}].billingKind`, message: 'has an item already' },
    ]);
  for (const [index, item] of input.items.entries()) guardItem(item, input.currency, `items[${index}].`);
  const first = versions[0];
  if (first !== undefined && first.currency !== input.currency)
    throw conflict(
      'currency_mismatch',
      `plan ${input.planId} is in ${first.currency}, not ${input.currency}: publish another plan`,
    );
  if (first !== undefined && first.interval !== input.interval)
    throw conflict(
      'interval_mismatch',
      `plan ${input.planId} is billed by the ${first.interval}, not the ${input.interval}: publish another plan`,
    );
  const inTheWay = versions.find((version) => overlaps(periodOf(version), { start: input.effectiveFrom, end: null }));
  const latest = changes(versions).at(-1);
  if (
    inTheWay !== undefined &&
    latest !== undefined &&
    isBefore(input.effectiveFrom, latest) &&
    planAt(versions, input.effectiveFrom) !== undefined
  )
    throw conflict(
      'plan_overlap',
      `plan ${input.planId} has terms over ${periodText(periodOf(inTheWay))}: use correct-plan to change them` +
        ` before ${latest}`,
    );
  return [{ type: 'PlanPublished', data: input }];
}

/** The period that a price correction is for. Without an end it ends at the next version of the plan. */
export const priceCorrectionPeriod = (
  versions: readonly PlanVersion[],
  { effectiveFrom, effectiveUntil }: Pick<PlanPriceCorrected, 'effectiveFrom' | 'effectiveUntil'>,
): OpenPeriod => ({
  start: effectiveFrom,
  end: effectiveUntil ?? changes(versions).find((at) => isBefore(effectiveFrom, at)) ?? null,
});

/**
 * Corrects the price of an item over a period. Without an end it holds until the plan's next version. A price that is
 * right already yields nothing.
 */
export function correctPrice(versions: readonly PlanVersion[], input: PlanPriceCorrected): PlanEvent[] {
  const { planId, billingKind, effectiveFrom, effectiveUntil } = input;
  if (versions.length === 0) throw notFound('unknown_plan', `plan ${planId} is not published`);
  assertEffective(effectiveFrom, effectiveUntil);
  const until = priceCorrectionPeriod(versions, input).end;
  const touched = versions.filter((version) => overlaps(periodOf(version), { start: effectiveFrom, end: until }));
  const has = touched.some(({ items }) => billingKind === BASE_FEE || items.some((item) => isCorrected(item, input)));
  if (!has)
    throw notFound(
      'unknown_plan_item',
      `plan ${planId} has no item for ${billingKind} over ${periodText({ start: effectiveFrom, end: until })}`,
    );
  for (const item of touched.flatMap(({ items }) => items)) {
    if (!isCorrected(item, input)) continue;
    guardAggregation(input.price, item.aggregation, `plan ${planId}, ${billingKind}`, 'price');
    guardPooledPrice(input.price, item, `plan ${planId}, ${billingKind}`, 'price');
  }
  if (billingKind === BASE_FEE && !isFlat(input.price))
    throw invalid('base_fee_is_flat', 'a base fee needs a flat price: correct it with the model flat');
  if (touched.some(({ items }) => items.filter((item) => isCorrected(item, input)).length > 1))
    throw invalid(
      'ambiguous_plan_item',
      `plan ${planId} has several items for ${billingKind}: name the filter of one`,
      [{ field: 'filter', message: 'must be given: the plan has several items of this billing kind' }],
    );
  const data = { ...input, effectiveUntil: until };
  const isRight = touched.every(
    (version) => JSON.stringify({ ...version, ...withPrice(version, data) }) === JSON.stringify(version),
  );
  return isRight ? [] : [{ type: 'PlanPriceCorrected', data }];
}
