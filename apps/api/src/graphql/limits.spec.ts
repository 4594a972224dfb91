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

const refusal = (text: string): unknown => {
  try {
    guard(text);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('a question about the schema', () => {
  const one = '{ __type(name: "Query") { fields { name description args { name } type { name ofType { name } } } } }';

  it('is allowed as all tools ask it', () => {
    for (const text of [
      getIntrospectionQuery(),
      getIntrospectionQuery({
        ...{ inputValueDeprecation: true, oneOf: true, schemaDescription: true },
        ...{ specifiedByUrl: true, directiveIsRepeatable: true },
      }),
      one,
      '{ __schema { types { name } } __type(name: "Query") { name } }',
      `{ ${aliased(100, '__typename')} }`,
    ])
      expect(refusal(text)).toBeUndefined();
  });

  // Each is short, and 100 of them took 1.4 s in which the process did nothing else.
  it.each([
    ['by other names', `{ ${aliased(3, '__schema { types { name } }')} }`],
    ['of both kinds', `{ ${aliased(2, '__schema { types { name } }')} __type(name: "Query") { name } }`],
    [
      'by a fragment',
      `{ ${aliased(2, '__type(name: "Query") { name }')} ...F } fragment F on Query { __schema { __typename } }`,
    ],
  ])('is refused three times in a request, %s', (_, text) => {
    expect(refusal(text)).toMatchObject({
      code: 'invalid_query',
      message:
        'A request may ask for __schema and __type 2 times in all, and this one asks 3 times. Send a request for each.',
    });
  });

  // The schema has more than 1,000 fields and arguments. Each text is within the limits of length and depth, and its
  // answer would have hundreds of thousands of fields.
  it.each([
    ['100 times', `{ __schema { types { fields { ${aliased(100, 'description')} } } } }`],
    ['1,000 times', `{ __schema { types { fields { ${aliased(1000, 'description')} } } } }`],
    [
      'by the fields of fields',
      `{ __schema { types { fields { type { fields { ${aliased(300, 'description')} } } } } } }`,
    ],
    [
      'by the arguments of the longest type',
      `{ __schema { queryType { ${aliased(10, 'fields { ...F }')} } } } ` +
        `fragment F on __Field { args { ${aliased(300, 'name')} } }`,
    ],
    [
      'by the fields of one type',
      `{ __type(name: "Query") { ${aliased(10, 'fields { ...F }')} } } ` +
        `fragment F on __Field { args { ${aliased(200, 'description')} } }`,
    ],
    [
      'in two halves',
      `{ ${aliased(2, '__schema { ...F }')} } fragment F on __Schema { types { fields { ${aliased(40, 'name')} } } }`,
    ],
  ])('is refused if it prints it %s', (_, text) => {
    expect(refusal(text)).toMatchObject({
      code: 'invalid_query',
      message: expect.stringMatching(
        /^The answer about the schema would have up to \d+ fields\. The maximum is 100000\. Ask for less of it\.$/,
      ),
    });
  });
});

describe('a name in a query', () => {
  // 2 MB of a name, printed 10,000 times: the answer would have 20 GB.
  it.each([
    ['data', `{ tenants(limit: 10000) { items { ${'a'.repeat(129)}: name } } }`],
    ['the schema', `{ __schema { types { ...F } } } fragment F on __Type { ${'a'.repeat(129)}: name }`],
  ])('has at most 128 characters, since each item repeats it: of %s', (_, text) => {
    expect(refusal(text)).toMatchObject({
      code: 'invalid_query',
      message: 'A name in the query has 129 characters. The maximum is 128. Use a shorter name.',
    });
    expect(refusal(text.replace('aa', 'a'))).toBeUndefined();
  });
});
