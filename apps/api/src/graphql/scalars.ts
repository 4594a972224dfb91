import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';

const text = (name: string, description: string): GraphQLScalarType<string, unknown> =>
  new GraphQLScalarType<string, unknown>({
    name,
    description,
    // The query checks the format, because its message has the field name and an example.
    parseValue: (value) => {
      if (typeof value === 'string') return value;
      throw new GraphQLError(`${name} must be a string`);
    },
  });

export const GqlDecimal = text('Decimal', 'An exact decimal as a string: "12.50"');
export const GqlInstant = text('Instant', 'RFC 3339 in UTC, to the microsecond: "2026-04-01T00:00:00Z"');

/** GraphQL's Int has 32 bits. A log position can be larger. */
export const GqlPosition = new GraphQLScalarType<number, unknown>({
  name: 'Position',
  description: 'A whole number: a log position or a number of events',
  parseValue: (value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    throw new GraphQLError('a position must be a whole number');
  },
});

export const GqlJson = new GraphQLScalarType<unknown, unknown>({
  name: 'JSON',
  description: 'JSON',
  parseValue: (value) => value,
  parseLiteral: (node, variables) => literalOf(node, variables ?? {}),
});

/** A literal in the query as JSON. A number loses its exact text, a string does not. */
function literalOf(node: ValueNode, variables: Readonly<Record<string, unknown>>): unknown {
  switch (node.kind) {
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, literalOf(value, variables)]));
    case Kind.LIST:
      return node.values.map((value) => literalOf(value, variables));
    case Kind.VARIABLE:
      return variables[node.name.value];
    case Kind.NULL:
      return null;
    case Kind.INT:
    case Kind.FLOAT:
      return JSON.parse(node.value);
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.ENUM:
      return node.value;
  }
}
