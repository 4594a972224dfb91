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
} from 'graphql';
import { invalid } from '#domain/errors';
import { DEFAULT_LIMIT, MAX_LIMIT } from '#ledger/query';
import { RELATION_FIELDS } from './relations.js';

/** From the root to a row's credits through a relation is 8; the standard introspection query is 15. */
export const MAX_DEPTH = 16;
/** As text, before anything is made of it. */
export const MAX_TOKENS = 5000;
/** Some 10,000 items with fifty fields each. */
const MAX_COST = 500_000;
/** What a question to the ledger costs, in fields that are printed. */
const COST_OF_QUESTION = 500;

interface Size {
  readonly printed: number;
  readonly questions: number;
}
const NOTHING: Size = { printed: 0, questions: 0 };
const sumOf = (a: Size, b: Size): Size => ({ printed: a.printed + b.printed, questions: a.questions + b.questions });

/**
 * Refuses a query that asks for too much, before anything is asked: each root field and each relation is a question, each field
 * of up to `limit` items is printed. Errors: `query_too_costly`.
 */
export function guardCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  const fragments = new Map(
    document.definitions.filter(isFragment).map((each) => [each.name.value, each.selectionSet]),
  );
  // A fragment counts once in a set, however often it is spread there: so it is carried out, and else this took exponentially long.
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
  for (const operation of document.definitions.filter(isOperation)) {
    const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
    // Introspection is about the schema: the depth bounds it.
    for (const root of fieldsOf(operation.selectionSet).filter(({ name }) => !name.value.startsWith('__'))) {
      const { printed, questions } = sizeOf(root);
      cost += COST_OF_QUESTION * (1 + questions) + limitOf(schema, root, coerced) * printed;
    }
  }
  if (cost > MAX_COST)
    throw invalid(
      'query_too_costly',
      `the query costs up to ${cost} (limit × fields, and ${COST_OF_QUESTION} for each question); ${MAX_COST} is the most: give a smaller limit, or ask for less at once`,
    );
}

/**
 * A subscription is held against the schema here: Mercurius does that for queries only. It takes a document that is no text too,
 * and one that is too long; what is read here is neither. Errors: `invalid_query`.
 */
export function assertValid(schema: GraphQLSchema, sent: DocumentNode): void {
  const faults = faultsOf(schema, sent);
  if (faults.length > 0)
    throw new GraphQLError(faults.join(' '), { extensions: { code: 'invalid_query', status: 400 } });
}

function faultsOf(schema: GraphQLSchema, sent: DocumentNode): string[] {
  try {
    return validate(schema, parse(print(sent), { maxTokens: MAX_TOKENS })).map(({ message }) => message);
  } catch (error) {
    if (error instanceof GraphQLError) return [error.message];
    throw error;
  }
}

const isFragment = (each: DefinitionNode): each is FragmentDefinitionNode => each.kind === Kind.FRAGMENT_DEFINITION;
const isOperation = (each: DefinitionNode): each is OperationDefinitionNode => each.kind === Kind.OPERATION_DEFINITION;

/** How many items a root field answers at most: one, where it takes no limit. `variables`: with their defaults; undefined, where they are wrong. */
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
