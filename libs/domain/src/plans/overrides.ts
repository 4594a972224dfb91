import { z } from 'zod';
import { type FieldError, invalid, notFound } from '../errors.js';
import { type IdSchema, zDecimal, zId } from '../schema.js';
import type { TermsPeriod } from '../terms/terms.js';
import { changedOver, guardItem, itemCorrectionWith, itemKey, type PlanVersion } from './plan.js';
import { changedItem } from './plan-correction.js';

const overriddenItemWith = (zId: IdSchema) => {
  const { billingKind, filter, price, included, discounts, commitments } = itemCorrectionWith(zId).shape;
  return z.strictObject({
    ...{ billingKind, filter, price: price.unwrap().unwrap().optional() },
    ...{ included, discounts, commitments },
  });
};

/**
 * What a subscription has instead of the terms of its plan: another base fee, and other terms of single items. An item
 * is known by its billing kind and filter. Terms that are absent are the plan's; null means that the subscription has
 * none. They hold while the deployment is of the tenant that they were agreed with.
 */
export const overridesWith = (zId: IdSchema) =>
  z.strictObject({
    tenantId: zId,
    baseFee: zDecimal.optional(),
    items: z.array(overriddenItemWith(zId)).optional(),
  });
export const zOverriddenItem = overriddenItemWith(zId);
export type Overrides = z.infer<ReturnType<typeof overridesWith>>;

/** A plan's versions as they hold for a subscription. An item that the plan does not have stays absent. */
export const withOverrides = (
  versions: readonly PlanVersion[],
  overrides: readonly TermsPeriod<Overrides>[],
): readonly PlanVersion[] =>
  overrides.reduce(
    (all, { terms, period: { start, end } }) =>
      changedOver(all, { effectiveFrom: start, effectiveUntil: end }, (version) => overridden(version, terms)),
    versions,
  );

const overridden = (
  { baseFee, items }: PlanVersion,
  { baseFee: ownFee, items: own = [] }: Overrides,
): Pick<PlanVersion, 'baseFee' | 'items'> => ({
  baseFee: ownFee ?? baseFee,
  items: items.map((item) => {
    const override = own.find((each) => itemKey(each) === itemKey(item));
    return override === undefined ? item : changedItem(item, override);
  }),
});

/**
 * Refuses overrides that say nothing, or with which the plan can't be billed. `versions`: those of the plan over the
 * period of the overrides. Errors: `nothing_to_override`, `duplicate_plan_item`, `unknown_plan_item`, and those of an
 * item that can't be billed.
 */
export function guardOverrides(
  planId: string,
  versions: readonly PlanVersion[],
  { baseFee, items = [] }: Omit<Overrides, 'tenantId'>,
): void {
  if (baseFee === undefined && items.length === 0)
    throw invalid('nothing_to_override', 'overrides: give baseFee, or items with other terms than the plan has');
  const keys = items.map(itemKey);
  for (const [index, override] of items.entries()) {
    const at = `items[${index}]`;
    const { billingKind, filter: _, ...terms } = override;
    if (keys.indexOf(itemKey(override)) < index)
      throw invalid('duplicate_plan_item', `${at}: ${billingKind} is overridden twice`, [fault(at, 'is a duplicate')]);
    if (Object.values(terms).every((value) => value === undefined))
      throw invalid('nothing_to_override', `${at}: give price, included, discounts or commitments of ${billingKind}`, [
        fault(at, 'has no terms'),
      ]);
    const known = versions.flatMap(({ currency, items: of }) =>
      of.filter((item) => itemKey(item) === itemKey(override)).map((item) => ({ item, currency })),
    );
    if (known.length === 0)
      throw notFound(
        'unknown_plan_item',
        `${at}: plan ${planId} has no item for ${billingKind} with this filter then. Give the billing kind and the` +
          ' filter of an item of the plan',
      );
    for (const { item, currency } of known) guardItem(changedItem(item, override), currency, `${at}.`);
  }
}

const fault = (field: string, message: string): FieldError => ({ field, message });
