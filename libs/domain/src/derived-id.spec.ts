import { expect, it } from '@jest/globals';
import { derivedId, isDerivedId } from './derived-id.js';

it('an id is the UUID of version 5 of its parts, as the package uuid gives it', () => {
  expect(derivedId('line', 's-1', 'requests', '2026-04-01T00:00:00Z')).toBe('ba6d00d8-3c31-5ccb-bbb6-32ac7de87a28');
  // Parts that are numbers, are not ASCII, or hold a control character.
  expect(derivedId('row', 7, 'ü€𐐷\u0001')).toBe('89ded565-367f-584c-be5d-85531f08fb7d');
  expect(derivedId()).toBe('b5587840-9a52-58ba-93b0-695227d5f8cd');
});

it('has version 5, and other texts are no derived id', () => {
  expect(isDerivedId('ba6d00d8-3c31-5ccb-bbb6-32ac7de87a28')).toBe(true);
  expect(isDerivedId('ba6d00d8-3c31-4ccb-bbb6-32ac7de87a28')).toBe(false);
  expect(isDerivedId('INV-000001')).toBe(false);
});
