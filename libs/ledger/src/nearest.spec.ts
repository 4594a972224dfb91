import { describe, expect, it } from '@jest/globals';
import { didYouMean } from './nearest.js';

describe('a name that nobody knows', () => {
  const names = ['margin', 'margin-trend', 'invoice', 'invoices', 'usage'];

  it.each([
    ['margn', ' Did you mean "margin"?'],
    ['mragin', ' Did you mean "margin"?'],
    ['invoicess', ' Did you mean "invoices"?'],
    ['Usage', ' Did you mean "usage"?'],
    ['ledger', ''],
    ['', ''],
    ['x'.repeat(100_000), ''],
  ])('%.20s: "%s"', (name, suggestion) => {
    expect(didYouMean(name, names)).toBe(suggestion);
  });
});
