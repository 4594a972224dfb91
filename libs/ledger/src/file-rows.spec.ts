import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rowAt, sourceInFile } from './file-rows.js';

describe('rows of a file', () => {
  it('are written as ranges, without the folders of the importing user', () => {
    expect(sourceInFile({ name: '/home/ada/late.csv', digest: 'ab' }, [4, 5, 6, 12, 11, 20])).toEqual({
      file: 'late.csv',
      sha256: 'ab',
      rows: '4-6,12,11,20',
    });
  });

  it('are found again at their places', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }), (rows) => {
        const source = sourceInFile({ name: 'f' }, rows);
        expect([...rows.map((_, n) => rowAt(source, n)), rowAt(source, rows.length)]).toEqual([...rows, undefined]);
      }),
      { seed: 20261121 },
    );
  });
});
