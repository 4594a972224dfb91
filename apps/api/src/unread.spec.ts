import { describe, expect, it } from '@jest/globals';
import { Unread } from './unread.js';

const MIB = 1024 * 1024;

describe('answers that clients are reading', () => {
  it('are at most 64 MiB of one owner, and 256 MiB of all', () => {
    const unread = new Unread();
    const [first, other] = [{}, {}];
    expect(unread.add(first, { owner: 'a', chars: 40 * MIB })).toBe(true);
    expect(unread.add(other, { owner: 'a', chars: 40 * MIB })).toBe(false);
    unread.remove(other);
    expect(unread.add({}, { owner: 'a', chars: 24 * MIB })).toBe(true);
    // 40 + 24 + 3 × 64 = 256
    for (const owner of ['b', 'c', 'd']) expect(unread.add({}, { owner, chars: 64 * MIB })).toBe(true);
    expect(unread.add({}, { owner: 'e', chars: 1 })).toBe(false);
    unread.remove(first);
    unread.remove(first);
    expect(unread.add({}, { owner: 'e', chars: 40 * MIB })).toBe(true);
    expect(unread.add({}, { owner: 'e', chars: 1 })).toBe(false);
  });
});
