import { describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { Dates } from './dates.js';
import { byDeployment, refText, taxText } from './rows.js';

describe('rows of a document', () => {
  it('have a description in words, and the unchanged key of a rate', () => {
    expect(
      ['usage', 'tier-2', 'tier-2-flat', 'flat', 'fixed', 'minimum-commitment', 'VmVCpu/standard/hel1@x'].map(refText),
    ).toEqual([
      'Usage',
      'Tier 2',
      'Tier 2, flat amount',
      'Flat amount',
      'Fixed amount',
      'Minimum commitment',
      'VmVCpu/standard/hel1@x',
    ]);
  });

  it('show the tax, or "No tax"', () => {
    expect([taxText('GST', '10'), taxText(null, '10'), taxText(null, '0.0')]).toEqual([
      'GST 10 %',
      'Tax 10 %',
      'No tax',
    ]);
  });

  it('are grouped by deployment in the order of names, with the id alone if there is no name', () => {
    const items = [{ deploymentId: 'z' }, { deploymentId: null }, { deploymentId: 'a' }];
    const names = new Map([
      ['z', 'Production'],
      ['a', 'a'],
    ]);
    expect(byDeployment(items, names).map(({ title }) => title)).toEqual(['Other', 'Production (z)', 'a']);
  });
});

describe('dates of a document', () => {
  const dates = new Dates('Europe/Berlin');

  it('have the time of day unless it is midnight there', () => {
    expect(dates.instant(instant('2026-03-31T22:00:00Z'))).toBe('2026-04-01');
    expect(dates.instant(instant('2026-04-01T10:30:00Z'))).toBe('2026-04-01 12:30');
  });

  it('of whole days are shown by the first and last day', () => {
    const day = { start: instant('2026-03-31T22:00:00Z'), end: instant('2026-04-01T22:00:00Z') };
    expect(dates.period(day)).toBe('2026-04-01');
    expect(dates.period({ ...day, end: instant('2026-04-30T22:00:00Z') })).toBe('2026-04-01 to 2026-04-30');
  });
});
