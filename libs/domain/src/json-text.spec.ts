import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../test/support/properties.js';
import { markRepeatedFields, parseJson, sizeOfJson } from './json-text.js';

const excessOf = (text: string, most: { values: number; levels: number; fields: number }) =>
  sizeOfJson(text, most).excess;

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
    expect(excessOf(text, { values, levels: 9, fields: 9 })).toBeUndefined();
    expect(excessOf(text, { values: values - 1, levels: 9, fields: 9 })).toBe('values');
  });

  it('are counted in what is no JSON too, which the parser refuses', () => {
    for (const text of ['', '"', String.raw`"\ `, ']]]]', '[}', ',,'])
      expect(excessOf(text, { values: 9, levels: 9, fields: 9 })).toBeUndefined();
  });
});

it('the levels of a JSON text are those that are open at the same time', () => {
  expect(excessOf('[[],[[]],{}]', { values: 99, levels: 3, fields: 9 })).toBeUndefined();
  expect(excessOf('[[],[[]],{}]', { values: 99, levels: 2, fields: 9 })).toBe('levels');
});

it('the fields of a JSON text are those of its largest object', () => {
  const fields = (most: number) => ({ values: 99, levels: 9, fields: most });
  for (const [text, most] of [
    ['[{"a":{"b":1,"c":[1,2,3,4]},"d":1},{"e":1}]', 2],
    ['[1,2,{"a":1},3,{}]', 1],
  ] as const) {
    expect(excessOf(text, fields(most))).toBeUndefined();
    expect(excessOf(text, fields(most - 1))).toBe('fields');
  }
});

describe('a JSON text that gives a field twice', () => {
  it.each([
    ['{"a":1,"a":1}', 'a'],
    [String.raw`{"a":1,"\u0061":2}`, 'a'],
    ['[{"b":1},{"b":1,"c":[2,{"d":{},"e":"{,","d":[]}]}]', '[1].c[1].d'],
    ['{"a":{"b":1},"c":{"b":1},"a":null}', 'a'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ])('%s is refused, with the path %s', (text, path) => {
    expect(() => parseJson(text)).toThrow(`gives the field ${path} twice`);
  });

  it('is the only one that is refused', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.json({ maxDepth: 3 }), (one, other) => {
        expect(parseJson(one)).toEqual(JSON.parse(one));
        expect(() => parseJson(`[${one},{"x":${other},"y":{"x":1},"x":${one}}]`)).toThrow('[1].x');
      }),
      checkedOn(200),
    );
  });

  it('is marked in a few milliseconds, however deep and often', () => {
    // 1.5 MB: 25 objects with 10,000 times the same name, below 250,000 lists.
    const often = `{${Array(10_000).fill('"a":0').join(',')}}`;
    const text = `${'['.repeat(250_000)}${Array(25).fill(often).join(',')}${']'.repeat(250_000)}`;
    const value: unknown = JSON.parse(text);
    const begun = performance.now();
    markRepeatedFields(text, value);
    // 0.1 s. Walking each path took minutes.
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('may be nested deeper than functions can be', () => {
    const deep = (of: string): string => '['.repeat(100_000) + of + ']'.repeat(100_000);
    expect(() => parseJson(deep('{"a":1,"a":2}'))).toThrow('twice');
    expect(() => parseJson(deep('{"a":1}'))).not.toThrow();
  });
});
