import { z } from 'zod';
import { canonicalJson } from '../canonical-json.js';
import type { Correction } from '../correction.js';
import { correctionFields, zInstant } from '../schema.js';
import { firstDifference, replacedOver } from '../time/dated.js';
import { compareInstants, type Instant } from '../time/instant.js';
import { type OpenPeriod, overlaps, type Period } from '../time/period.js';

/** Terms that hold over periods, such as those of a budget: how they are set, corrected and withdrawn. */

/** From an instant until the next version: the terms, or null where none are in force. */
export interface TermsVersion<Terms> {
  readonly from: Instant;
  readonly terms: Terms | null;
}

/** Terms as a command states them. `until` null: until the next version. */
export interface StatedTerms<Terms> {
  readonly terms: Terms;
  readonly from: Instant;
  readonly until: Instant | null;
}

/** Terms over a period in which they do not change. */
export interface TermsPeriod<Terms> {
  readonly terms: Terms;
  readonly period: OpenPeriod;
}

/** The fields of an event that sets terms. */
export const setFields = <Terms extends z.ZodType>(zTerms: Terms) => ({
  terms: zTerms,
  effectiveFrom: zInstant,
  effectiveUntil: zInstant.nullable(),
});

/** The fields of an event that corrects or withdraws terms. It has the terms as they are true now. */
export const correctedFields = <Terms extends z.ZodType>(zTerms: Terms) => ({
  /** From each instant until the next: the terms, or null where none are in force. */
  versions: z.array(z.object({ from: zInstant, terms: zTerms.nullable() })),
  /** The terms that the correction states, and their period. Absent: it withdraws. */
  stated: z.object({ terms: zTerms, from: zInstant, until: zInstant.nullable() }).optional(),
  ...correctionFields,
});

/** What an event says of terms. One with `versions` corrects or withdraws. */
export type TermsData<Terms> =
  | { readonly terms: Terms; readonly effectiveFrom: Instant; readonly effectiveUntil: Instant | null }
  | {
      readonly versions: readonly TermsVersion<Terms>[];
      readonly stated?: StatedTerms<Terms> | undefined;
    };

/** The versions after an event. */
export function evolveTerms<Terms>(
  versions: readonly TermsVersion<Terms>[],
  data: TermsData<Terms>,
): readonly TermsVersion<Terms>[] {
  if ('versions' in data) return data.versions;
  return withTermsOver(versions, { terms: data.terms, from: data.effectiveFrom, until: data.effectiveUntil });
}

export const foldTerms = <Terms>(events: readonly TermsData<Terms>[]): readonly TermsVersion<Terms>[] =>
  events.reduce<readonly TermsVersion<Terms>[]>(evolveTerms, []);

/**
 * The versions as they would be recorded without some of the events. Corrections stay, over the periods that they
 * state. What earlier withdrawals came to is computed again.
 */
export function foldTermsWithout<Terms>(
  events: readonly TermsData<Terms>[],
  never: ReadonlySet<TermsData<Terms>>,
): readonly TermsVersion<Terms>[] {
  let versions: readonly TermsVersion<Terms>[] = [];
  for (const event of events) {
    if (never.has(event)) continue;
    if (!('versions' in event)) versions = evolveTerms(versions, event);
    else if (event.stated !== undefined) versions = withTermsOver(versions, event.stated);
  }
  return versions;
}

/** After the period, what held there before holds again. Without an end, the terms hold until the next version. */
export const withTermsOver = <Terms>(
  versions: readonly TermsVersion<Terms>[],
  { terms, from, until }: StatedTerms<Terms>,
): readonly TermsVersion<Terms>[] =>
  merged(replacedOver<TermsVersion<Terms>>(versions, { terms, from }, until, (at) => ({ from: at, terms: null })));

/** Without versions that go on with what is in force anyway. Terms from jsonb have their fields in another order. */
const merged = <Terms>(versions: readonly TermsVersion<Terms>[]): readonly TermsVersion<Terms>[] =>
  versions.filter(({ terms }, index) => canonicalJson(terms) !== canonicalJson(versions[index - 1]?.terms));

/** Whether the same terms are in force over the same periods. */
export const areSameTerms = <Terms>(a: readonly TermsVersion<Terms>[], b: readonly TermsVersion<Terms>[]): boolean =>
  canonicalJson(a.map(({ from, terms }) => [from, terms])) === canonicalJson(b.map(({ from, terms }) => [from, terms]));

/** What a correction or a withdrawal records of terms. */
export interface TermsCorrection<Terms> extends Correction {
  readonly versions: TermsVersion<Terms>[];
  readonly stated?: StatedTerms<Terms>;
  readonly changedFrom: Instant | null;
}

/** What a correction records. null: the terms are right already. `stated` undefined: it withdraws. */
export function termsCorrection<Terms>(
  before: readonly TermsVersion<Terms>[],
  after: readonly TermsVersion<Terms>[],
  correction: Correction,
  stated?: StatedTerms<Terms>,
): TermsCorrection<Terms> | null {
  if (stated !== undefined && areSameTerms(after, before)) return null;
  return {
    versions: [...after],
    ...(stated === undefined ? {} : { stated }),
    changedFrom: firstDifference(factsOf(before), factsOf(after)),
    ...correction,
  };
}

const factsOf = <Terms>(versions: readonly TermsVersion<Terms>[]) =>
  versions.map(({ from, terms }) => ({ text: canonicalJson([from, terms]), from }));

/** The periods over which terms are in force. */
export const periodsOfTerms = <Terms>(versions: readonly TermsVersion<Terms>[]): TermsPeriod<Terms>[] =>
  versions.flatMap(({ from, terms }, index) =>
    terms === null ? [] : [{ terms, period: { start: from, end: versions[index + 1]?.from ?? null } }],
  );

/** The versions whose terms are in force over these periods, with the gaps between them. */
export function versionsOfTerms<Terms>(periods: readonly TermsPeriod<Terms>[]): TermsVersion<Terms>[] {
  const inOrder = [...periods].sort((a, b) => compareInstants(a.period.start, b.period.start));
  const starts = new Set(inOrder.map(({ period }) => period.start));
  return inOrder.flatMap(({ terms, period }): TermsVersion<Terms>[] => [
    { from: period.start, terms },
    ...(period.end === null || starts.has(period.end) ? [] : [{ from: period.end, terms: null }]),
  ]);
}

/** The terms that are in force last in a period. null: none are in force in it. */
export const lastTermsIn = <Terms>(periods: readonly TermsPeriod<Terms>[], within: Period): TermsPeriod<Terms> | null =>
  periods
    .filter(({ period }) => overlaps(period, within))
    .sort((a, b) => compareInstants(a.period.start, b.period.start))
    .at(-1) ?? null;
