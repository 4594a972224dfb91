import { type FieldNode, type GraphQLSchema, introspectionFromSchema, type SelectionSetNode } from 'graphql';
import { z } from 'zod';

/** A list of the schema, for example `fields`: how often there is one, its items in all, and those of the longest. */
interface List {
  readonly lists: number;
  readonly items: number;
  readonly longest: number;
}
type Lists = ReadonlyMap<string, List>;

const known = new WeakMap<GraphQLSchema, Lists>();

/**
 * The number of fields in an answer about the schema, by the average length of its lists, or for one type by the
 * longest. `fieldsOf`: the fields of a selection, and of its fragments.
 */
export function printedBy(
  schema: GraphQLSchema,
  root: FieldNode,
  fieldsOf: (set: SelectionSetNode) => readonly FieldNode[],
): number {
  const lists = known.get(schema) ?? listsOf(schema);
  known.set(schema, lists);
  const measured = new Map<SelectionSetNode, number>();
  const printed = ({ name, selectionSet }: FieldNode): number => {
    if (selectionSet === undefined) return 1;
    const inner = measured.get(selectionSet) ?? fieldsOf(selectionSet).reduce((sum, each) => sum + printed(each), 0);
    measured.set(selectionSet, inner);
    const list = lists.get(name.value);
    if (list === undefined) return 1 + inner;
    return 1 + inner * (root.name.value === '__type' ? list.longest : list.items / list.lists);
  };
  return Math.ceil(printed(root));
}

const zObject = z.record(z.string(), z.unknown());

/** Of the answer to the usual introspection. A list that is null has no items. */
function listsOf(schema: GraphQLSchema): Lists {
  const lists = new Map<string, List>();
  const isList = new Set<string>();
  const visit = (value: unknown, seen: (name: string, items: number) => void): void => {
    if (Array.isArray(value)) value.forEach((each) => visit(each, seen));
    const object = zObject.safeParse(value);
    if (!object.success) return;
    for (const [name, inner] of Object.entries(object.data)) {
      seen(name, Array.isArray(inner) ? inner.length : 0);
      if (Array.isArray(inner)) isList.add(name);
      visit(inner, seen);
    }
  };
  visit(introspectionFromSchema(schema), (name, items) => {
    const { lists: before, items: sum, longest } = lists.get(name) ?? { lists: 0, items: 0, longest: 0 };
    lists.set(name, { lists: before + 1, items: sum + items, longest: Math.max(longest, items) });
  });
  return new Map([...lists].filter(([name]) => isList.has(name)));
}
