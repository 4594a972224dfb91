import { describe, expect, it } from '@jest/globals';
import { readMapping } from './mapping.js';

describe('a mapping', () => {
  it('is accepted unchanged', () => {
    const mapping = { preset: 'focus', zone: '+02:00', columns: { amount: 'Cost' }, tags: { 'tenant:': 'tenantId' } };
    expect(readMapping(mapping, 'map.json')).toEqual(mapping);
  });

  it('is refused with every faulty field', () => {
    const wrong = { zone: 'Berlin', delimiter: ';;', tags: { 'x:': 'resourceId' }, colums: {} };
    expect(() => readMapping(wrong, 'map.json')).toThrow(
      expect.objectContaining({
        code: 'invalid_mapping',
        errors: expect.arrayContaining([
          expect.objectContaining({ field: 'zone', message: 'must be Z or an offset such as +02:00' }),
          expect.objectContaining({ field: 'delimiter', message: 'must be one character' }),
          expect.objectContaining({ field: 'tags.x:' }),
          expect.objectContaining({ field: 'colums' }),
        ]) as unknown,
      }),
    );
  });
});
