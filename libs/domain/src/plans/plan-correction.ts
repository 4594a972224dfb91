import { z } from 'zod';
import type { Correction } from '../correction.js';
import { notFound } from '../errors.js';
import { zItemTerms } from '../rating/terms.js';
import { type Fact, firstDifference } from '../time/dated.js';
import { type Instant, isBefore } from '../time/instant.js';
import { assertEffective, contains, overlaps, periodText } from '../time/period.js';
import {
  changedOver,
  changes,
  guardItem,
  itemKey,
  periodOf,
  type PlanEvent,
  type PlanItem,
  type PlanVersion,
  zPlanItem,
} from './plan.js';

const { price, included, unitConversion, discounts, commitments } = zItemTerms.shape;

/**
 * What a correction says of one item, which is known by its billing kind and filter. Terms that are absent stay, and
 * null means that the item had none. `price` null: the plan had no such item. An item with a price that the plan does
 * not have is added to it.
 */
export const zItemCorrection = z.strictObject({
  billingKind: zPlanItem.shape.billingKind,
  filter: zPlanItem.shape.filter,
  price: price.nullable().optional(),
  included: included.unwrap().nullable().optional(),
  unitConversion: unitConversion.unwrap().nullable().optional(),
  discounts: discounts.unwrap().nullable().optional(),
  commitments: commitments.unwrap().nullable().optional(),
  aggregation: zPlanItem.shape.aggregation.unwrap().optional(),
  uniqueBy: z.string().nullable().optional(),
});
export type ItemCorrection = z.infer<typeof zItemCorrection>;

export interface PlanChanges {
  readonly planId: string;
  readonly effectiveFrom: Instant;
  /** null: until the next change of the plan. */
  readonly effectiveUntil: Instant | null;
  readonly name?: string | undefined;
  readonly baseFee?: string | undefined;
  readonly paymentTerm?: PlanVersion['paymentTerm'] | undefined;
  readonly items?: readonly ItemCorrection[] | undefined;
}

/**
 * Corrects the terms of a plan over a period. Nothing happens if they are right already. Errors: `unknown_plan`,
 * `empty_period`, `unknown_plan_item`, and those of an item that can't be billed.
 */
export function correctPlan(versions: readonly PlanVersion[], input: PlanChanges, correction: Correction): PlanEvent[] {
  const { planId, effectiveFrom, effectiveUntil } = input;
  if (versions.length === 0) throw notFound('unknown_plan', `plan ${planId} is not published`);
  assertEffective(effectiveFrom, effectiveUntil);
  const until = effectiveUntil ?? changes(versions).find((at) => isBefore(effectiveFrom, at)) ?? null;
  const over = { start: effectiveFrom, end: until };
  if (!versions.some((version) => overlaps(periodOf(version), over)))
    throw notFound('plan_not_in_force', `plan ${planId} has no terms over ${periodText(over)}: use publish-plan`);
  const after = changedOver(versions, { effectiveFrom, effectiveUntil: until }, (version) => ({
    ...(input.name === undefined ? {} : { name: input.name }),
    ...(input.baseFee === undefined ? {} : { baseFee: input.baseFee }),
    ...(input.paymentTerm === undefined ? {} : { paymentTerm: input.paymentTerm }),
    ...(input.items === undefined ? {} : { items: correctedItems(version, input.items) }),
  }));
  return planCorrected(planId, versions, after, correction);
}

/**
 * The terms of a plan without one publication, up to the next one. `publications`: the instants from which terms were
 * published, in order of time: the versions may not show them, since neighbours with the same terms are one. It is
 * recorded even where no terms change, so that it is known as withdrawn. Errors: `unknown_publication`.
 */
export function withoutPublication(
  versions: readonly PlanVersion[],
  { planId, effectiveFrom, publications }: { planId: string; effectiveFrom: Instant; publications: readonly Instant[] },
  correction: Correction,
): PlanEvent[] {
  if (!publications.includes(effectiveFrom))
    throw notFound('unknown_publication', `plan ${planId} was not published from ${effectiveFrom}`);
  const next = publications.find((from) => isBefore(effectiveFrom, from)) ?? null;
  const removed = { start: effectiveFrom, end: next };
  const endsBefore = (end: Instant | null): end is Instant => end !== null && (next === null || isBefore(end, next));
  const after = versions.flatMap((version): PlanVersion[] => {
    const { effectiveFrom: from, effectiveUntil: until } = version;
    if (contains(removed, from))
      return next === null || endsBefore(until) || until === next ? [] : [{ ...version, effectiveFrom: next }];
    // The terms before the publication hold on in its place.
    const holdsOn = isBefore(from, effectiveFrom) && endsBefore(until) && !isBefore(until, effectiveFrom);
    return [holdsOn ? { ...version, effectiveUntil: next } : version];
  });
  return [correctedEvent(planId, versions, after, correction)];
}

function planCorrected(
  planId: string,
  before: readonly PlanVersion[],
  after: readonly PlanVersion[],
  correction: Correction,
): PlanEvent[] {
  if (JSON.stringify(joined(before)) === JSON.stringify(joined(after))) return [];
  return [correctedEvent(planId, before, after, correction)];
}

function correctedEvent(
  planId: string,
  before: readonly PlanVersion[],
  after: readonly PlanVersion[],
  correction: Correction,
): PlanEvent {
  const merged = joined(after);
  const changedFrom = firstDifference(before.map(factOf), merged.map(factOf));
  const stored = merged.map(({ planId: _, items, ...version }) => ({ ...version, items: [...items] }));
  return { type: 'PlanCorrected', data: { planId, versions: stored, changedFrom, ...correction } };
}

/** A name is no term: nothing that is owed depends on it. */
const factOf = ({ name: _, ...terms }: PlanVersion): Fact => ({
  text: JSON.stringify(terms),
  from: terms.effectiveFrom,
});

/** Neighbours with the same terms are one version. */
function joined(versions: readonly PlanVersion[]): PlanVersion[] {
  const termsText = ({ effectiveFrom: _from, effectiveUntil: _until, ...terms }: PlanVersion): string =>
    JSON.stringify(terms);
  const result: PlanVersion[] = [];
  for (const version of versions) {
    const last = result.at(-1);
    if (last?.effectiveUntil === version.effectiveFrom && termsText(last) === termsText(version))
      result[result.length - 1] = { ...last, effectiveUntil: version.effectiveUntil };
    else result.push(version);
  }
  return result;
}

function correctedItems({ planId, currency, items }: PlanVersion, corrections: readonly ItemCorrection[]): PlanItem[] {
  let corrected = [...items];
  for (const [index, correction] of corrections.entries()) {
    const at = `items[${index}]`;
    const key = itemKey(correction);
    const known = corrected.find((item) => itemKey(item) === key);
    if (correction.price === null) {
      if (known === undefined) throw unknownItem(planId, correction, at);
      corrected = corrected.filter((item) => item !== known);
      continue;
    }
    const item = known === undefined ? addedItem(planId, correction, at) : changedItem(known, correction);
    guardItem(item, currency, `${at}.`);
    corrected = known === undefined ? [...corrected, item] : corrected.map((each) => (each === known ? item : each));
  }
  return corrected;
}

const unknownItem = (planId: string, { billingKind }: ItemCorrection, at: string) =>
  notFound(
    'unknown_plan_item',
    `${at}: plan ${planId} has no item for ${billingKind} with this filter: give its price to add it`,
  );

function addedItem(
  planId: string,
  { billingKind, filter, price: of, aggregation, ...more }: ItemCorrection,
  at: string,
): PlanItem {
  if (of === undefined || of === null) throw unknownItem(planId, { billingKind }, at);
  const item: PlanItem = { billingKind, price: of, aggregation: aggregation ?? 'sum' };
  return withTerms(filter === undefined ? item : { ...item, filter }, more);
}

function changedItem(item: PlanItem, { price: of, aggregation, ...more }: ItemCorrection): PlanItem {
  return withTerms(
    {
      ...item,
      ...(of === undefined || of === null ? {} : { price: of }),
      ...(aggregation === undefined ? {} : { aggregation }),
    },
    more,
  );
}

/** The item with these terms: absent ones stay, and null takes a term away. */
function withTerms(
  item: PlanItem,
  {
    included: units,
    unitConversion: conversion,
    discounts: off,
    commitments: committed,
    uniqueBy,
  }: Partial<ItemCorrection>,
): PlanItem {
  const terms = { included: units, unitConversion: conversion, discounts: off, commitments: committed, uniqueBy };
  const stated = Object.fromEntries(Object.entries(terms).filter(([, value]) => value !== undefined));
  const all: Record<string, unknown> = { ...item, ...stated };
  return zPlanItem.parse(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)));
}
