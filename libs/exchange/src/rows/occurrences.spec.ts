import { describe, expect, it } from '@jest/globals';
import { Occurrences } from './occurrences.js';

describe('occurrences of keys', () => {
  it('are numbered from 1 for each key', () => {
    const occurrences = new Occurrences();
    expect(['a', 'b', 'a', 'a', 'b'].map((key) => occurrences.next(key))).toEqual([1, 1, 2, 3, 2]);
    expect([occurrences.count('a'), occurrences.count('b'), occurrences.count('c')]).toEqual([3, 2, 0]);
  });

  it('are kept if there are more keys than slots', () => {
    // It starts with 256 times 64 slots, of which four fifths may be used. 100,000 keys make each of them grow.
    const occurrences = new Occurrences();
    const keys = Array.from({ length: 100_000 }, (_, index) => `key ${index}`);
    for (const key of keys) occurrences.next(key);
    expect(keys.every((key) => occurrences.count(key) === 1)).toBe(true);
    expect(occurrences.next('key 17')).toBe(2);
  });

  it('are numbered beyond what a slot can count', () => {
    const occurrences = new Occurrences();
    const numbers = Array.from({ length: 600 }, () => occurrences.next('often'));
    expect(numbers).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
    expect([occurrences.count('often'), occurrences.next('other'), occurrences.count('never')]).toEqual([600, 1, 0]);
  });
});
