import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { buildSchema, getIntrospectionQuery, parse, validate } from 'graphql';
import { guardCost } from './limits.js';

const schema = buildSchema(readFileSync('apps/api/schema.graphql', 'utf8'));

/** `text` many times, each under a name of its own. */
const aliased = (times: number, text: string): string =>
  Array.from({ length: times }, (_, n) => `a${n}: ${text}`).join(' ');

const guard = (text: string): void => {
  expect(validate(schema, parse(text, { maxLexicalTokens: 5000 }))).toEqual([]);
  guardCost(schema, parse(text), {});
};

describe('a question about the schema', () => {
  it('is allowed as all tools ask it', () => {
    expect(() => {
      guard(getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, schemaDescription: true }));
    }).not.toThrow();
    expect(() => {
      guard('{ __type(name: "Query") { fields { name description args { name } type { name ofType { name } } } } }');
    }).not.toThrow();
  });

  // The schema has more than 1,000 fields and arguments. Each text is within the limits of length and depth, and its
  // answer would have millions of fields.
  it.each([
    ['1,000 times', `{ __schema { types { fields { ${aliased(1000, 'description')} } } } }`],
    [
      'by 300 names of a fragment of 300',
      `{ ${aliased(300, '__schema { ...F }')} } fragment F on __Schema { types { ${aliased(300, 'description')} } }`,
    ],
    [
      'by the fields of fields',
      `{ __schema { types { fields { type { fields { ${aliased(300, 'description')} } } } } } }`,
    ],
    [
      'by the arguments of the longest type',
      `{ ${aliased(400, '__schema { ...F }')} } ` +
        `fragment F on __Schema { queryType { fields { args { ${aliased(300, 'name')} } } } }`,
    ],
    [
      'type by type',
      `{ ${aliased(200, '__type(name: "Query") { ...F }')} } ` +
        `fragment F on __Type { fields { args { ${aliased(200, 'description')} } } }`,
    ],
  ])('is refused if it prints it %s', (_, text) => {
    expect(() => {
      guard(text);
    }).toThrow(expect.objectContaining({ code: 'query_too_costly' }));
  });
});
