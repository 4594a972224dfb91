import { describe, expect, it } from '@jest/globals';
import { BrokenLog, OtherTree } from '#transparency/kept-tree';
import { outageOf } from './outage.js';

describe('a request while the Merkle tree is not of the log', () => {
  it.each([new OtherTree(3), new BrokenLog(3)])('is answered with log_replaced: %s', (error) => {
    expect(outageOf(error)).toMatchObject({
      kind: 'unavailable',
      code: 'log_replaced',
      message:
        'The log is not the one that the Merkle tree was made from, or lacks events. An operator must restore it.',
    });
  });
});
