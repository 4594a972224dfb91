import { describe, expect, it } from '@jest/globals';
import { readMapping } from './mapping.js';

describe('a mapping', () => {
  it('is accepted unchanged', () => {
    const mapping = {
      ...{ preset: 'focus', zone: 'Europe/Paris', dates: 'DD/MM/YYYY HH:mm', list: 'data.items' },
      ...{ columns: { amount: 'Cost' }, tags: { 'tenant:': 'tenantId' } },
    };
    expect(readMapping(mapping, 'map.json')).toEqual(mapping);
  });

  it('is refused with every faulty field', () => {
    const wrong = {
      zone: 'Berlin',
      dates: 'DD.MM.YY',
      list: '',
      delimiter: ';;',
      tags: { 'x:': 'resourceId' },
      colums: {},
    };
    expect(() => readMapping(wrong, 'map.json')).toThrow(
      expect.objectContaining({
        code: 'invalid_mapping',
        errors: expect.arrayContaining([
          expect.objectContaining({
            field: 'zone',
            message: 'must be Z, an offset such as +02:00, or a time zone such as Europe/Paris',
          }),
          expect.objectContaining({ field: 'dates', message: expect.stringContaining('YY is none') as unknown }),
          expect.objectContaining({ field: 'list', message: 'must be the path of a list, such as data.items' }),
          expect.objectContaining({ field: 'delimiter', message: 'must be one character' }),
          expect.objectContaining({ field: 'tags.x:' }),
          expect.objectContaining({ field: 'colums' }),
        ]) as unknown,
      }),
    );
  });
});
