import { describe, expect, it } from '@jest/globals';
import { Occurrences } from './occurrences.js';

describe('occurrences of keys', () => {
  it('are numbered from 1 for each key', () => {
    const occurrences = new Occurrences();
    expect(['a', 'b', 'a', 'a', 'b'].map((key) => occurrences.next(key))).toEqual([1, 1, 2, 3, 2]);
    expect([occurrences.count('a'), occurrences.count('b'), occurrences.count('c')]).toEqual([3, 2, 0]);
  });

  it('are kept if there are more keys than slots', () => {
    // It starts with 1,024 slots, of which three quarters may be used. 5,000 keys make it grow three times.
    const occurrences = new Occurrences();
    const keys = Array.from({ length: 5000 }, (_, index) => `key ${index}`);
    for (const key of keys) occurrences.next(key);
    expect(keys.every((key) => occurrences.count(key) === 1)).toBe(true);
    expect(occurrences.next('key 17')).toBe(2);
  });
});
