import { expect, it } from '@jest/globals';
import { accountPart } from './accounts.js';
import { escaped } from './plain-text.js';

it('writes ids as parts of account names, each its own', () => {
  expect(['base_fee', 'droplet', 'VmCores', '2nd'].map(accountPart)).toEqual(['Base-fee', 'Droplet', 'VmCores', '2nd']);
  const odd = ['base-fee', 'Base_fee', 'base fee', 'Base-fee', 'Droplet', 'a:b', 'a;b', 'é', 'ü', ' ', '"'].map(
    accountPart,
  );
  expect(odd.filter((part) => !/^([A-Z0-9][A-Za-z0-9-]*-)?H[0-9A-F]{12}$/.test(part))).toEqual([]);
  expect(new Set(odd).size).toBe(odd.length);
});

it('writes texts so that nothing of them is read as syntax', () => {
  expect(escaped('cost/do/2026-04')).toBe('cost/do/2026-04');
  expect(escaped('a;b "c"\n(d), é')).toBe('a%3Bb%20%22c%22%0A%28d%29%2C%20%C3%A9');
});
