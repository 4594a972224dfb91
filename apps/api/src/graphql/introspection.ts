import { type FieldNode, type GraphQLSchema, introspectionFromSchema, type SelectionSetNode } from 'graphql';
import { z } from 'zod';
import { invalid } from '#domain/errors';

/** Of `__schema` and `__type` in a request. Tools ask once. */
const MAX_QUESTIONS = 2;
/** The standard introspection query with all its options has 74,000. The process does nothing else meanwhile. */
const MAX_PRINTED = 100_000;

/** A list of the schema, for example `args`: how many items it has on average, and at most. */
interface List {
  readonly average: number;
  readonly longest: number;
}
type Lists = ReadonlyMap<string, List>;

type FieldsOf = (set: SelectionSetNode) => readonly FieldNode[];

const known = new WeakMap<GraphQLSchema, Lists>();

/** Lists of all types or directives: what is below them is as long as it is on average. */
const OF_ALL: ReadonlySet<string> = new Set(['types', 'directives']);
/** Fields that lead to one type, whose lists may be the longest. */
const OF_ONE: ReadonlySet<string> = new Set(['queryType', 'mutationType', 'subscriptionType', 'type', 'ofType']);

/**
 * Refuses questions about the schema whose answers take long. `roots`: the root fields of a request. Errors:
 * `invalid_query`.
 */
export function guardIntrospection(schema: GraphQLSchema, roots: readonly FieldNode[], fieldsOf: FieldsOf): void {
  const questions = roots.filter(({ name }) => name.value === '__schema' || name.value === '__type');
  if (questions.length > MAX_QUESTIONS)
    throw invalid(
      'invalid_query',
      `A request may ask for __schema and __type ${MAX_QUESTIONS} times in all, and this one asks ` +
        `${questions.length} times. Send a request for each.`,
    );
  const printed = questions.reduce((sum, root) => sum + printedBy(schema, root, fieldsOf), 0);
  if (printed > MAX_PRINTED)
    throw invalid(
      'invalid_query',
      `The answer about the schema would have up to ${printed} fields. The maximum is ${MAX_PRINTED}. ` +
        'Ask for less of it.',
    );
}

/**
 * The number of fields in an answer about the schema: by the average length of lists below all types, and by the
 * longest below a single type. `fieldsOf`: the fields of a selection, and of its fragments.
 */
function printedBy(schema: GraphQLSchema, root: FieldNode, fieldsOf: FieldsOf): number {
  const lists = known.get(schema) ?? listsOf(schema);
  known.set(schema, lists);
  const measured = { average: new Map<SelectionSetNode, number>(), longest: new Map<SelectionSetNode, number>() };
  const printed = ({ name: { value: name }, selectionSet }: FieldNode, before: keyof List): number => {
    if (selectionSet === undefined) return 1;
    const by = OF_ALL.has(name) ? 'average' : OF_ONE.has(name) ? 'longest' : before;
    const inner =
      measured[by].get(selectionSet) ?? fieldsOf(selectionSet).reduce((sum, each) => sum + printed(each, by), 0);
    measured[by].set(selectionSet, inner);
    const list = lists.get(name);
    return 1 + inner * (list === undefined ? 1 : list[OF_ALL.has(name) ? 'longest' : by]);
  };
  return Math.ceil(printed(root, 'longest'));
}

const zObject = z.record(z.string(), z.unknown());

/** Of the answer to the usual introspection. A list that is null has no items. */
function listsOf(schema: GraphQLSchema): Lists {
  const lengths = new Map<string, number[]>();
  const isList = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    const object = zObject.safeParse(value);
    if (!object.success) return;
    for (const [name, inner] of Object.entries(object.data)) {
      const of = lengths.get(name) ?? [];
      of.push(Array.isArray(inner) ? inner.length : 0);
      lengths.set(name, of);
      if (Array.isArray(inner)) isList.add(name);
      visit(inner);
    }
  };
  visit(introspectionFromSchema(schema));
  return new Map(
    [...lengths]
      .filter(([name]) => isList.has(name))
      .map(([name, of]) => [
        name,
        { average: of.reduce((sum, each) => sum + each, 0) / of.length, longest: Math.max(...of) },
      ]),
  );
}
