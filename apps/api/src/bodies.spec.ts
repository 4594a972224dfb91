import { describe, expect, it } from '@jest/globals';
import { excessOf } from './bodies.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the values of a JSON text', () => {
  it.each([
    ['[ 1 ]', 2],
    ['[[ ], { }]', 3],
    // The list and its three numbers.
    ['[1, 2,3]', 4],
    ['[[],[],[]]', 4],
    ['[[[1]]]', 4],
    // The object, two lists, and one number.
    ['{"a":[],"b":[1]}', 4],
    // What is in a text does not count.
    [String.raw`["[[,,", "\"[,", "\\", "é,["]`, 5],
    ['[{"a":"x"},{"a":"y"}]', 5],
  ])('of %s are %d', (text, values) => {
    expect(excessOf(bytes(text), { values, levels: 9, fields: 9 })).toBeUndefined();
    expect(excessOf(bytes(text), { values: values - 1, levels: 9, fields: 9 })).toBe('values');
  });

  it('are counted in what is no JSON too, which the parser refuses', () => {
    for (const text of ['', '"', String.raw`"\ `, ']]]]', '[}', ',,'])
      expect(excessOf(bytes(text), { values: 9, levels: 9, fields: 9 })).toBeUndefined();
  });
});

it('the levels of a JSON text are those that are open at the same time', () => {
  expect(excessOf(bytes('[[],[[]],{}]'), { values: 99, levels: 3, fields: 9 })).toBeUndefined();
  expect(excessOf(bytes('[[],[[]],{}]'), { values: 99, levels: 2, fields: 9 })).toBe('levels');
});

it('the fields of a JSON text are those of its largest object', () => {
  const fields = (most: number) => ({ values: 99, levels: 9, fields: most });
  for (const [text, most] of [
    ['[{"a":{"b":1,"c":[1,2,3,4]},"d":1},{"e":1}]', 2],
    ['[1,2,{"a":1},3,{}]', 1],
  ] as const) {
    expect(excessOf(bytes(text), fields(most))).toBeUndefined();
    expect(excessOf(bytes(text), fields(most - 1))).toBe('fields');
  }
});
