import { type Dated, type Fact, replacedOver } from './dated.js';
import type { Instant } from './instant.js';
import type { OpenPeriod } from './period.js';

/** From an instant until the next version: the terms of something, or null where it is not in force. */
export interface TermsVersion<Terms> extends Dated {
  readonly terms: Terms | null;
}

/** Terms as a command states them. `until` null: until the next version. */
export interface TermsOver<Terms> {
  readonly terms: Terms;
  readonly from: Instant;
  readonly until: Instant | null;
}

/** Nothing is in force from an instant on. */
const nothingFrom = (from: Instant): { readonly from: Instant; readonly terms: null } => ({ from, terms: null });

/** After the period, what held there before holds again. Without an end, the terms hold until the next version. */
export const withTermsOver = <Terms>(
  versions: readonly TermsVersion<Terms>[],
  { terms, from, until }: TermsOver<Terms>,
): readonly TermsVersion<Terms>[] =>
  merged(replacedOver<TermsVersion<Terms>>(versions, { terms, from }, until, nothingFrom));

/** Without versions that go on with what is in force anyway. */
const merged = <Terms>(versions: readonly TermsVersion<Terms>[]): readonly TermsVersion<Terms>[] =>
  versions.filter(({ terms }, index) => !isSame(terms, versions[index - 1]?.terms ?? null));

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The terms with the periods in which they are in force. */
export const termsInForce = <Terms>(
  versions: readonly TermsVersion<Terms>[],
): { readonly terms: Terms; readonly period: OpenPeriod }[] =>
  versions.flatMap(({ from, terms }, index) =>
    terms === null ? [] : [{ terms, period: { start: from, end: versions[index + 1]?.from ?? null } }],
  );

/** The versions of terms in force, in the order of their periods, with the gaps between them. */
export function versionsOf<Terms>(
  inForce: readonly { readonly terms: Terms; readonly period: OpenPeriod }[],
): TermsVersion<Terms>[] {
  const starts = new Set(inForce.map(({ period }) => period.start));
  return inForce.flatMap(({ terms, period }): TermsVersion<Terms>[] => [
    { from: period.start, terms },
    ...(period.end === null || starts.has(period.end) ? [] : [nothingFrom(period.end)]),
  ]);
}

export const factsOfTerms = <Terms>(versions: readonly TermsVersion<Terms>[]): Fact[] =>
  versions.map(({ from, terms }) => ({ text: JSON.stringify([from, terms]), from }));
