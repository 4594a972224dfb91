import { z } from 'zod';
import { canonicalJson } from '../canonical-json.js';
import { type FieldError, invalid, notFound } from '../errors.js';
import { type IdSchema, zCurrency, zDecimal, zId } from '../schema.js';
import type { TermsPeriod } from '../terms/terms.js';
import {
  changedOver,
  guardItem,
  itemCorrectionWith,
  itemKey,
  planItemWith,
  type PlanItem,
  type PlanVersion,
} from './plan.js';

const statedItemWith = (zId: IdSchema) => {
  const { billingKind, filter, price, included, discounts, commitments } = itemCorrectionWith(zId).shape;
  return z.strictObject({
    ...{ billingKind, filter, price: price.unwrap().unwrap().optional() },
    ...{ included, discounts, commitments },
  });
};

/** Other terms of one item of a plan, which is known by its billing kind and filter. */
export const zStatedItem = statedItemWith(zId);
export interface StatedOverrides {
  readonly baseFee?: string | undefined;
  readonly items?: readonly z.infer<typeof zStatedItem>[] | undefined;
}

/**
 * What a tenant has on a subscription instead of the terms of its plan: another base fee, and other terms of single
 * items. Terms that are absent are the plan's; null means that there are none. An override holds where the plan is as
 * it was when it was agreed: in its currency and interval, and for an item with its aggregation and unit conversion.
 */
export const overridesWith = (zId: IdSchema) => {
  const { aggregation, unitConversion } = planItemWith(zId).shape;
  return z.strictObject({
    currency: zCurrency,
    interval: z.enum(['month', 'year']),
    baseFee: zDecimal.optional(),
    items: z.array(statedItemWith(zId).extend({ aggregation: aggregation.unwrap(), unitConversion })),
  });
};
export type Overrides = z.infer<ReturnType<typeof overridesWith>>;
type OverriddenItem = Overrides['items'][number];

/** A plan's versions as they hold with overrides. An item that the plan does not have stays absent. */
export const withOverrides = (
  versions: readonly PlanVersion[],
  overrides: readonly TermsPeriod<Overrides>[],
): readonly PlanVersion[] =>
  overrides.reduce(
    (all, { terms, period: { start, end } }) =>
      changedOver(all, { effectiveFrom: start, effectiveUntil: end }, (version) => overridden(version, terms)),
    versions,
  );

const overridden = (version: PlanVersion, { currency, interval, baseFee, items: own }: Overrides) =>
  version.currency !== currency || version.interval !== interval
    ? {}
    : {
        baseFee: baseFee ?? version.baseFee,
        items: version.items.map((item) => {
          const override = own.find((each) => itemKey(each) === itemKey(item));
          return override === undefined || countedAs(override) !== countedAs(item) ? item : itemWith(item, override);
        }),
      };

const countedAs = ({ aggregation, unitConversion }: Pick<PlanItem, 'aggregation' | 'unitConversion'>): string =>
  canonicalJson([aggregation, unitConversion]);

/** Not parsed again: lines are made of it for each question. */
const itemWith = (
  item: PlanItem,
  { price, included, discounts, commitments }: Pick<OverriddenItem, 'price' | 'included' | 'discounts' | 'commitments'>,
): PlanItem => ({
  ...item,
  price: price ?? item.price,
  included: agreedTerm(included, item.included),
  discounts: agreedTerm(discounts, item.discounts),
  commitments: agreedTerm(commitments, item.commitments),
});

/** null: none. */
const agreedTerm = <Term>(stated: Term | null | undefined, ofPlan: Term | undefined): Term | undefined =>
  stated === undefined ? ofPlan : (stated ?? undefined);

/**
 * The overrides that are agreed on a version of a plan, as they are recorded. No items and no fee: from then on, the
 * plan's terms hold. Errors: `nothing_to_override`, `duplicate_plan_item`, `unknown_plan_item`, and those of an item
 * that can't be billed.
 */
export function overridesOn(version: PlanVersion, { baseFee, items }: StatedOverrides): Overrides {
  if (baseFee === undefined && items === undefined)
    throw invalid(
      'nothing_to_override',
      'overrides: give baseFee, or items with other terms than the plan has. To end overrides, give items: []',
    );
  const { planId, currency, interval } = version;
  const keys = (items ?? []).map(itemKey);
  const agreed = (items ?? []).map((stated, index) => {
    const at = `items[${index}]`;
    const { billingKind, filter: _, ...terms } = stated;
    if (keys.indexOf(itemKey(stated)) < index)
      throw invalid('duplicate_plan_item', `${at}: ${billingKind} is overridden twice`, [fault(at, 'is a duplicate')]);
    if (Object.values(terms).every((value) => value === undefined))
      throw invalid('nothing_to_override', `${at}: give price, included, discounts or commitments of ${billingKind}`, [
        fault(at, 'has no terms'),
      ]);
    const item = version.items.find((each) => itemKey(each) === itemKey(stated));
    if (item === undefined)
      throw notFound(
        'unknown_plan_item',
        `${at}: plan ${planId} has no item for ${billingKind} with this filter then. Give the billing kind and the` +
          ' filter of an item of the plan',
      );
    guardItem(itemWith(item, stated), currency, `${at}.`);
    const { aggregation, unitConversion } = item;
    return { ...stated, aggregation, ...(unitConversion === undefined ? {} : { unitConversion }) };
  });
  return { currency, interval, ...(baseFee === undefined ? {} : { baseFee }), items: agreed };
}

const fault = (field: string, message: string): FieldError => ({ field, message });
