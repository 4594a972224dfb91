import { describe, expect, it } from '@jest/globals';
import { type Instant, instant } from '../time/instant.js';
import {
  evolveTerms,
  foldTerms,
  foldTermsWithout,
  lastTermsIn,
  periodsOfTerms,
  termsCorrection,
  type TermsData,
  versionsOfTerms,
  withTermsOver,
} from './terms.js';

const APRIL = instant('2026-04-01T00:00:00Z');
const MAY = instant('2026-05-01T00:00:00Z');
const JUNE = instant('2026-06-01T00:00:00Z');
const JULY = instant('2026-07-01T00:00:00Z');

const set = (terms: string, from: Instant, until: Instant | null = null): TermsData<string> => ({
  ...{ terms, effectiveFrom: from, effectiveUntil: until },
});
const inForce = (events: readonly TermsData<string>[]) =>
  periodsOfTerms(foldTerms(events)).map(({ terms, period }) => [terms, period.start, period.end]);

describe('terms', () => {
  it('hold over their period; then what was there before holds again', () => {
    expect(inForce([set('a', APRIL), set('b', MAY, JUNE)])).toEqual([
      ['a', APRIL, MAY],
      ['b', MAY, JUNE],
      ['a', JUNE, null],
    ]);
  });

  it('without an end hold until the next ones, and leave gaps where nothing is stated', () => {
    expect(inForce([set('b', JUNE), set('a', APRIL)])).toEqual([
      ['a', APRIL, JUNE],
      ['b', JUNE, null],
    ]);
    expect(inForce([set('a', APRIL, MAY), set('b', JUNE)])).toEqual([
      ['a', APRIL, MAY],
      ['b', JUNE, null],
    ]);
  });

  it('that are stated again where they hold anyway are no version of their own', () => {
    expect(inForce([set('a', APRIL), set('a', MAY, JUNE)])).toEqual([['a', APRIL, null]]);
  });

  it('are the same from their periods, in any order, as from their events', () => {
    const versions = foldTerms([set('a', APRIL, MAY), set('b', JUNE)]);
    expect(versionsOfTerms(periodsOfTerms(versions).reverse())).toEqual(versions);
  });

  it('of a period are those that are in force last in it', () => {
    const periods = periodsOfTerms(foldTerms([set('a', APRIL, MAY), set('b', JUNE)]));
    expect(lastTermsIn(periods, { start: APRIL, end: JULY })?.terms).toBe('b');
    expect(lastTermsIn(periods, { start: APRIL, end: JUNE })?.terms).toBe('a');
    expect(lastTermsIn(periods, { start: MAY, end: JUNE })).toBeNull();
  });
});

describe('a correction', () => {
  const before = foldTerms([set('a', APRIL)]);
  const stated = { terms: 'b', from: MAY, until: JUNE };

  it('has the terms as they are true now, and says from when on they differ', () => {
    expect(termsCorrection(before, withTermsOver(before, stated), { reason: 'a typo' }, stated)).toEqual({
      versions: [
        { from: APRIL, terms: 'a' },
        { from: MAY, terms: 'b' },
        { from: JUNE, terms: 'a' },
      ],
      ...{ stated, changedFrom: MAY, reason: 'a typo' },
    });
  });

  it('records nothing where the terms are right already', () => {
    const same = { terms: 'a', from: MAY, until: JUNE };
    expect(termsCorrection(before, withTermsOver(before, same), { reason: 'again' }, same)).toBeNull();
  });

  it('stays when something else is withdrawn, over the period that it states', () => {
    const [first, second] = [set('a', APRIL, MAY), set('b', MAY, JUNE)];
    const goesOn = { terms: 'a', from: JUNE, until: null };
    const versions = withTermsOver(foldTerms([first, second]), goesOn);
    const all: TermsData<string>[] = [first, second, { versions, stated: goesOn }];
    const left = foldTermsWithout(all, new Set([first]));
    expect(periodsOfTerms(left).map(({ terms, period }) => [terms, period.start])).toEqual([
      ['b', MAY],
      ['a', JUNE],
    ]);
    const withdrawal = termsCorrection(foldTerms(all), left, { reason: 'never', withdrawn: 'k' });
    expect(withdrawal).toEqual({ versions: left, changedFrom: APRIL, reason: 'never', withdrawn: 'k' });
    if (withdrawal !== null) expect(evolveTerms(foldTerms(all), withdrawal)).toEqual(left);
  });
});
