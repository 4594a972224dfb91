import { describe, expect, it } from '@jest/globals';
import { held, heldText } from './bounds.js';

describe('the bounds of a bench', () => {
  const bounds = [
    { of: 'ratio', least: 0.3, from: 100 },
    { of: 'ms', most: 2000, from: 1 },
  ];

  it('pass at the bound itself, and fail beyond it', () => {
    const at = (ratio: number, ms: number) =>
      held({ size: 100, ratios: { ratio }, figures: { ms } }, bounds).map(({ holds }) => holds);
    expect([at(0.3, 2000), at(0.299, 1), at(1, 2001)]).toEqual([
      [true, true],
      [false, true],
      [true, false],
    ]);
    expect(held({ size: 100, ratios: { ratio: 0.2 }, figures: { ms: 1 } }, bounds).map(heldText)).toEqual([
      '  FAILS  ratio 0.2: at least 0.3',
      '  holds  ms 1: at most 2000',
    ]);
  });

  it('apply from their size, and only to measured values', () => {
    expect(held({ size: 99, ratios: {}, figures: { ms: 1 } }, bounds).map(({ of }) => of)).toEqual(['ms']);
    expect(() => held({ size: 100, ratios: {}, figures: { ms: 1 } }, bounds)).toThrow(
      'a bound of ratio, which was not measured',
    );
  });
});
