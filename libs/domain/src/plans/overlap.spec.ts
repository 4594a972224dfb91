import { describe, expect, it } from '@jest/globals';
import { overlapsOf } from './overlap.js';

const vm = (filter?: Record<string, string>) => ({ billingKind: 'vm', ...(filter === undefined ? {} : { filter }) });

describe('items of a plan', () => {
  it.each([
    ['have different values of an attribute', [vm({ size: 's' }), vm({ size: 'l' })]],
    ['differ in one attribute of two', [vm({ size: 's', region: 'eu' }), vm({ size: 'l', region: 'eu' })]],
    ['are of different kinds', [vm(), { billingKind: 'disk' }]],
  ])('do not overlap if they %s', (_why, items) => {
    expect(overlapsOf(items)).toEqual([]);
  });

  it('overlap if a reading can match both filters, or one has no filter', () => {
    const two = overlapsOf([vm({ size: 's' }), vm({ region: 'eu' }), { billingKind: 'disk' }, vm()]);
    expect(two.map(({ filters }) => filters)).toEqual([
      [{ size: 's' }, { region: 'eu' }],
      [{ size: 's' }, null],
      [{ region: 'eu' }, null],
    ]);
    expect(two[0]?.message).toBe(
      'the items for vm with the filter size: s and with the filter region: eu overlap: a reading that both take is' +
        ' billed under each',
    );
  });
});
