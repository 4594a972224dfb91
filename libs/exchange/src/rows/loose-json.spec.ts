import { describe, expect, it } from '@jest/globals';
import { looseJson } from './loose-json.js';

describe('a JSON text in a cell', () => {
  it('keeps its numbers as they were written', () => {
    expect(looseJson('[{"amount": -5.10e-06}]')).toEqual([{ amount: '-5.10e-06' }]);
  });

  it('may be an object without its braces', () => {
    expect(looseJson('"team": "a","env": "prod"')).toEqual({ team: 'a', env: 'prod' });
  });

  it('may be what Python prints', () => {
    expect(looseJson(`[{'name': 'say "None"', 'n': -5e-06, 'full': None, 'own': "it's", 'is': True}]`)).toEqual([
      { name: 'say "None"', n: '-5e-06', full: null, own: "it's", is: true },
    ]);
  });

  it.each(['{"team": "a", "team": "b"}', '"team": "a","team": "b"', "{'team': 'a', 'team': 'b'}"])(
    'that gives a field twice is refused: %s',
    (text) => {
      expect(() => looseJson(text)).toThrow('gives the field team twice');
      expect(() => looseJson(text)).toThrow('gives the field team twice');
    },
  );

  it('is not read if it is nothing of these', () => {
    expect(looseJson('id-8a000d9c')).toBeUndefined();
  });
});
