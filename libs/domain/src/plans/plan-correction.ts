import type { Correction } from '../correction.js';
import { notFound } from '../errors.js';
import { type Fact, firstDifference } from '../time/dated.js';
import { type Instant, isBefore } from '../time/instant.js';
import { assertEffective, type OpenPeriod, overlaps, periodText } from '../time/period.js';
import {
  applyPlanEvent,
  changedOver,
  changes,
  guardItem,
  type ItemCorrection,
  itemKey,
  periodOf,
  planAt,
  type PlanChanges,
  type PlanEvent,
  type PlanItem,
  type PlanVersion,
  zPlanItem,
} from './plan.js';

/**
 * Corrects the terms of a plan over a period. Nothing happens if they are right already. Errors: `unknown_plan`,
 * `empty_period`, `unknown_plan_item`, and those of an item that can't be billed.
 */
export function correctPlan(
  planId: string,
  versions: readonly PlanVersion[],
  stated: PlanChanges,
  correction: Correction,
): PlanEvent[] {
  const { effectiveFrom, effectiveUntil } = stated;
  if (versions.length === 0) throw notFound('unknown_plan', `plan ${planId} is not published`);
  assertEffective(effectiveFrom, effectiveUntil);
  const over = periodOfChanges(versions, stated);
  if (!versions.some((version) => overlaps(periodOf(version), over)))
    throw notFound('plan_not_in_force', `plan ${planId} has no terms over ${periodText(over)}: use publish-plan`);
  const after = changedOver(versions, { effectiveFrom, effectiveUntil: over.end }, (version) => ({
    ...termsOf(stated),
    ...(stated.items === undefined ? {} : { items: correctedItems(version, stated.items) }),
  }));
  if (JSON.stringify(joined(versions)) === JSON.stringify(joined(after))) return [];
  return [correctedEvent(planId, versions, after, { stated, ...correction })];
}

const periodOfChanges = (
  versions: readonly PlanVersion[],
  { effectiveFrom, effectiveUntil }: PlanChanges,
): OpenPeriod => ({
  start: effectiveFrom,
  end: effectiveUntil ?? changes(versions).find((at) => isBefore(effectiveFrom, at)) ?? null,
});

const termsOf = ({ name, baseFee, paymentTerm, public: isPublic }: PlanChanges): Partial<PlanVersion> => ({
  ...(name === undefined ? {} : { name }),
  ...(baseFee === undefined ? {} : { baseFee }),
  ...(paymentTerm === undefined ? {} : { paymentTerm }),
  ...(isPublic === undefined ? {} : { public: isPublic || undefined }),
});

/**
 * Withdraws events of a plan: its terms are then those that would be recorded without them. It is recorded even where
 * no terms change, so that it is known as withdrawn. Errors: those of an item that can't be billed.
 */
export function withdrawPlanEvents(
  planId: string,
  events: readonly PlanEvent[],
  { before, never }: { readonly before: readonly PlanVersion[]; readonly never: ReadonlySet<PlanEvent> },
  correction: Correction,
): PlanEvent[] {
  return [correctedEvent(planId, before, foldPlanWithout(events, never), correction)];
}

/**
 * The terms of a plan without some of its events. Corrections stay, over the periods that they state. What earlier
 * withdrawals came to is computed again.
 */
function foldPlanWithout(events: readonly PlanEvent[], never: ReadonlySet<PlanEvent>): PlanVersion[] {
  let recorded: PlanVersion[] = [];
  let left: PlanVersion[] = [];
  const withdrawn = new Set<Instant>();
  for (const event of events) {
    const { type, data } = event;
    if (type === 'PlanCorrected') {
      if (data.withdrawn === undefined) left = joined(corrected(left, data, recorded));
    } else if (never.has(event)) withdrawn.add(data.effectiveFrom);
    else left = applyPlanEvent(left, endedRight(event, left, withdrawn));
    recorded = applyPlanEvent(recorded, event);
  }
  return left;
}

/** A price without an end was given that of the next publication. If that never was, its end is the one after. */
function endedRight(event: PlanEvent, left: readonly PlanVersion[], withdrawn: ReadonlySet<Instant>): PlanEvent {
  if (event.type !== 'PlanPriceCorrected') return event;
  const { effectiveFrom, effectiveUntil: until } = event.data;
  const instants = changes(left);
  if (until === null || !withdrawn.has(until) || instants.includes(until)) return event;
  const next = instants.find((at) => isBefore(effectiveFrom, at)) ?? null;
  return { ...event, data: { ...event.data, effectiveUntil: next } };
}

/** An early version did not record what a correction states: then it is what the correction changed. */
function corrected(
  left: readonly PlanVersion[],
  { planId, versions, stated }: Extract<PlanEvent, { type: 'PlanCorrected' }>['data'],
  recorded: readonly PlanVersion[],
): readonly PlanVersion[] {
  if (stated !== undefined) {
    const { start: effectiveFrom, end: effectiveUntil } = periodOfChanges(left, stated);
    return changedOver(left, { effectiveFrom, effectiveUntil }, (version) => ({
      ...termsOf(stated),
      items: correctedItems(version, (stated.items ?? []).filter(isAbout(version))),
    }));
  }
  const after = versions.map((version) => ({ planId, ...version }));
  const instants = changes([...recorded, ...after]);
  return instants.reduce<readonly PlanVersion[]>((next, effectiveFrom, index) => {
    const [was, is] = [planAt(recorded, effectiveFrom), planAt(after, effectiveFrom)];
    if (was === undefined || is === undefined) return next;
    const over = { effectiveFrom, effectiveUntil: instants[index + 1] ?? null };
    return changedOver(next, over, () => changedTerms(was, is));
  }, left);
}

/** Whether a correction says anything of these terms: it adds an item, or changes one that they have. */
const isAbout =
  ({ items }: PlanVersion) =>
  (correction: ItemCorrection): boolean =>
    (correction.price !== undefined && correction.price !== null) ||
    items.some((item) => itemKey(item) === itemKey(correction));

const changedTerms = (was: PlanVersion, is: PlanVersion): Partial<PlanVersion> => ({
  ...(was.name === is.name ? {} : { name: is.name }),
  ...(was.baseFee === is.baseFee ? {} : { baseFee: is.baseFee }),
  ...(was.paymentTerm === is.paymentTerm ? {} : { paymentTerm: is.paymentTerm }),
  ...(JSON.stringify(was.items) === JSON.stringify(is.items) ? {} : { items: is.items }),
});

function correctedEvent(
  planId: string,
  before: readonly PlanVersion[],
  after: readonly PlanVersion[],
  correction: Correction & { readonly stated?: PlanChanges },
): PlanEvent {
  const merged = joined(after);
  const changedFrom = firstDifference(before.map(factOf), merged.map(factOf));
  const stored = merged.map(({ planId: _, items, ...version }) => ({ ...version, items: [...items] }));
  return { type: 'PlanCorrected', data: { planId, versions: stored, changedFrom, ...correction } };
}

/** Name and visibility are no terms: nothing that is owed depends on them. */
const factOf = ({ name: _, public: _public, ...terms }: PlanVersion): Fact => ({
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
    pooled,
  }: Partial<ItemCorrection>,
): PlanItem {
  const terms = {
    ...{ included: units, unitConversion: conversion, discounts: off, commitments: committed, uniqueBy },
    // Not pooled is the absence of it.
    pooled: pooled === false ? null : pooled,
  };
  const stated = Object.fromEntries(Object.entries(terms).filter(([, value]) => value !== undefined));
  const all: Record<string, unknown> = { ...item, ...stated };
  return zPlanItem.parse(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)));
}
