import { describe, expect, it } from '@jest/globals';
import { isForPeriod, isForUsage, readRef } from './refs.js';

describe('the reference of a row', () => {
  it.each([
    // reference, kind, counts usage, is for the period itself
    ['usage', 'usage', true, false],
    ['tier-12', 'tier', true, false],
    ['tier-12-flat', 'tier-flat', false, false],
    ['fixed', 'fixed', false, false],
    ['minimum-commitment', 'minimum-commitment', false, false],
    ['commitment-true-up', 'commitment-true-up', false, true],
    ['flat', 'flat', false, true],
    ['VmCores/standard/eu@2026-04-01T00:00:00Z', 'rate', true, false],
    ['tier-x', 'rate', true, false],
  ])('%s is of the kind %s', (ref, kind, usage, period) => {
    expect(readRef(ref).kind).toBe(kind);
    expect(isForUsage(ref)).toBe(usage);
    expect(isForPeriod(ref)).toBe(period);
  });

  it('has the number of its tier', () => {
    expect(readRef('tier-3').tier).toBe('3');
    expect(readRef('tier-3-flat').tier).toBe('3');
  });
});
