import {
  type DefinitionNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getVariableValues,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  validate,
  valueFromASTUntyped,
  visit,
} from 'graphql';
import { invalid } from '#domain/errors';
import { DEFAULT_LIMIT, MAX_LIMIT } from '#ledger/query';
import { QUERIES } from '#operations/operations';
import { fieldName } from '../field-name.js';
import { guardIntrospection } from './introspection.js';
import { RELATION_FIELDS } from './relations.js';

/** A row's credits through a relation have depth 8, the standard introspection query has 15. */
export const MAX_DEPTH = 16;
/** Counted in the text, before it is parsed. */
export const MAX_TOKENS = 5000;
/** Each item of a list repeats the names of its fields in the answer. */
const MAX_NAME = 128;
/** About 10,000 items with 50 fields each. */
const MAX_COST = 500_000;
/** The cost of a query to the ledger that takes as long as a page, in printed fields: 125 of them are too many. */
const COST_OF_QUESTION = 4000;
const COSTS: ReadonlyMap<string, number> = new Map(
  [...QUERIES.values()].map(({ name, cost = 1 }) => [fieldName(name), cost]),
);

/** Root fields of which a request has at most one, however it is named. */
const EXPENSIVE: ReadonlySet<string> = new Set(
  [...QUERIES.values()].filter(({ isExpensive }) => isExpensive === true).map(({ name }) => fieldName(name)),
);

interface Size {
  readonly printed: number;
  readonly questions: number;
}
const NOTHING: Size = { printed: 0, questions: 0 };
const sumOf = (a: Size, b: Size): Size => ({ printed: a.printed + b.printed, questions: a.questions + b.questions });

/**
 * Refuses a GraphQL query that costs too much before anything is read. Each root field costs what its query declares, a
 * long page as many times as it is longer, and each relation a page. Each field of up to `limit` items is printed.
 * Errors: `query_too_costly`; `invalid_query` for long names, and for too much about the schema.
 */
export function guardCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  assertShortNames(document);
  const fragments = new Map(
    document.definitions.filter(isFragment).map((each) => [each.name.value, each.selectionSet]),
  );
  // A fragment counts once per selection set, as in execution. Counting every spread could take exponential time.
  const fieldsOf = (set: SelectionSetNode, spread = new Set<string>()): FieldNode[] =>
    set.selections.flatMap((each) => {
      if (each.kind === Kind.FIELD) return [each];
      if (each.kind === Kind.INLINE_FRAGMENT) return fieldsOf(each.selectionSet, spread);
      const inner = fragments.get(each.name.value);
      if (inner === undefined || spread.has(each.name.value)) return [];
      spread.add(each.name.value);
      return fieldsOf(inner, spread);
    });
  const measured = new Map<SelectionSetNode, Size>();
  const sizeOf = ({ name, selectionSet }: FieldNode): Size => {
    const inner =
      selectionSet === undefined
        ? NOTHING
        : (measured.get(selectionSet) ?? fieldsOf(selectionSet).map(sizeOf).reduce(sumOf, NOTHING));
    if (selectionSet !== undefined) measured.set(selectionSet, inner);
    return { printed: inner.printed + 1, questions: inner.questions + (RELATION_FIELDS.has(name.value) ? 1 : 0) };
  };
  let cost = 0;
  let expensive = 0;
  const operations = document.definitions.filter(isOperation);
  const roots = operations.flatMap(({ selectionSet }) => fieldsOf(selectionSet));
  guardIntrospection(schema, roots, (set) => fieldsOf(set));
  for (const operation of operations) {
    const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
    for (const root of fieldsOf(operation.selectionSet)) {
      if (root.name.value.startsWith('__')) continue;
      const { printed, questions } = sizeOf(root);
      if (EXPENSIVE.has(root.name.value)) expensive += 1;
      const limit = limitOf(schema, root, coerced);
      const asked = (COSTS.get(root.name.value) ?? 1) * Math.max(1, limit / DEFAULT_LIMIT);
      cost += COST_OF_QUESTION * (asked + questions) + limit * printed;
    }
  }
  if (expensive > 1)
    throw invalid(
      'query_too_costly',
      `one of ${[...EXPENSIVE].sort().join(', ')} may be asked for once in a request, and not ${expensive} times. ` +
        'Send a request for each.',
    );
  if (cost > MAX_COST)
    throw invalid(
      'query_too_costly',
      `the query costs up to ${Math.ceil(cost)} (limit × fields, plus ${COST_OF_QUESTION} per root field and ` +
        'relation, or more where it reads more). ' +
        `The maximum is ${MAX_COST}. Use a smaller limit, or ask for less in one query.`,
    );
}

function assertShortNames(document: DocumentNode): void {
  visit(document, {
    Name({ value: { length } }) {
      if (length > MAX_NAME)
        throw invalid(
          'invalid_query',
          `A name in the query has ${length} characters. The maximum is ${MAX_NAME}. Use a shorter name.`,
        );
    },
  });
}

/**
 * Validates a subscription against the schema: mercurius validates only queries. It also accepts documents that are not
 * text or too long, so the text is parsed again here. Errors: `invalid_query`.
 */
export function assertValid(schema: GraphQLSchema, sent: DocumentNode): void {
  const faults = faultsOf(schema, sent);
  if (faults.length > 0)
    throw new GraphQLError(faults.join(' '), { extensions: { code: 'invalid_query', status: 400 } });
}

function faultsOf(schema: GraphQLSchema, sent: DocumentNode): string[] {
  try {
    return validate(schema, parse(print(sent), { maxLexicalTokens: MAX_TOKENS })).map(({ message }) => message);
  } catch (error) {
    if (error instanceof GraphQLError) return [error.message];
    throw error;
  }
}

const isFragment = (each: DefinitionNode): each is FragmentDefinitionNode => each.kind === Kind.FRAGMENT_DEFINITION;
const isOperation = (each: DefinitionNode): each is OperationDefinitionNode => each.kind === Kind.OPERATION_DEFINITION;

/**
 * The maximum number of items of a root field: 1, if it has no limit. `variables`: with defaults; undefined if they are
 * invalid.
 */
function limitOf(
  schema: GraphQLSchema,
  { name, arguments: given }: FieldNode,
  variables: Readonly<Record<string, unknown>> | undefined,
): number {
  const takesLimit =
    schema
      .getQueryType()
      ?.getFields()
      [name.value]?.args.some((each) => each.name === 'limit') === true;
  if (!takesLimit) return 1;
  const limit = given?.find((each) => each.name.value === 'limit');
  if (limit?.value.kind === Kind.VARIABLE && variables === undefined) return MAX_LIMIT;
  const value: unknown = limit === undefined ? undefined : valueFromASTUntyped(limit.value, variables);
  return typeof value === 'number' && value > 0 ? value : DEFAULT_LIMIT;
}
