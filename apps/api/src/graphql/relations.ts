import { Field } from '@nestjs/graphql';
import DataLoader from 'dataloader';
import { type GraphQLSchema, isObjectType } from 'graphql';
import { z } from 'zod';
import type { Caller } from '#ledger/caller';
import type { Answered } from '#operations/answering';
import type { Ledger } from '#operations/ledger';
import { type DefinedQuery, MAX_LIMIT } from '#ledger/query';
import { deployments } from '#operations/deployments';
import { plans } from '#operations/plans';
import { subscriptions } from '#operations/subscriptions';
import { tenants } from '#operations/tenants';
import { inTurn, type RequestTurns } from './turns.js';
import { type Class, objectTypes, typeNamed } from './types.js';

/**
 * A field that leads from an answer to the things it names. It is read with the query that lists them, so with the
 * roles and tenant filter of that query.
 */
interface Relation {
  readonly field: string;
  /** All types with this field have the relation. */
  readonly from: string;
  readonly to: string;
  readonly query: Listing;
  /** The parameter that takes several ids. */
  readonly parameter: string;
  readonly keysOf: (item: Item) => readonly unknown[];
  readonly many: boolean;
}
type Item = Readonly<Record<string, unknown>>;
/** Who asks, in which turns, and what ends the queries of the request. A subscription has no end. */
export interface Asking {
  readonly caller: Caller;
  readonly turns?: RequestTurns;
  readonly signal?: AbortSignal;
}
/** A query that answers in pages. */
type Listing = DefinedQuery<z.ZodObject, z.ZodType<unknown, { items: Item[]; nextCursor: string | null }>>;

const of = (field: string) => (item: Item) => [item[field]];
const zHeld = z.array(z.object({ tenantId: z.string() }));
const holders = (field: string) => (item: Item) => zHeld.parse(item[field]).map(({ tenantId }) => tenantId);

/** Every type with such an id has the relation. */
const ONE: readonly Relation[] = [
  {
    field: 'tenant',
    from: 'tenantId',
    to: 'Tenant',
    query: tenants,
    parameter: 'tenantIds',
    keysOf: of('tenantId'),
    many: false,
  },
  {
    field: 'deployment',
    from: 'deploymentId',
    to: 'Deployment',
    query: deployments,
    parameter: 'deploymentIds',
    keysOf: of('deploymentId'),
    many: false,
  },
  {
    field: 'subscription',
    from: 'subscriptionId',
    to: 'PlanSubscription',
    query: subscriptions,
    parameter: 'subscriptionIds',
    keysOf: of('subscriptionId'),
    many: false,
  },
  {
    field: 'planVersions',
    from: 'planId',
    to: 'Plan',
    query: plans,
    parameter: 'planIds',
    keysOf: of('planId'),
    many: true,
  },
];
const MANY: Readonly<Record<string, readonly Relation[]>> = {
  Tenant: [
    {
      field: 'deployments',
      from: 'tenantId',
      to: 'Deployment',
      query: deployments,
      parameter: 'tenantIds',
      keysOf: holders('assignments'),
      many: true,
    },
    {
      field: 'subscriptions',
      from: 'tenantId',
      to: 'PlanSubscription',
      query: subscriptions,
      parameter: 'tenantIds',
      keysOf: holders('tenancies'),
      many: true,
    },
  ],
  Deployment: [
    {
      field: 'subscriptions',
      from: 'deploymentId',
      to: 'PlanSubscription',
      query: subscriptions,
      parameter: 'deploymentIds',
      keysOf: of('deploymentId'),
      many: true,
    },
  ],
};

const relationsOf = (type: string, fields: readonly string[]): Relation[] => [
  ...ONE.filter(({ from, to }) => to !== type && fields.includes(from)),
  ...(MANY[type] ?? []),
];

/** The names of relation fields. Each costs one query to the ledger, however many items have it. */
export const RELATION_FIELDS: ReadonlySet<string> = new Set(
  [...ONE, ...Object.values(MANY).flat()].map(({ field }) => field),
);

/** Adds the relations to all types of answers. */
export function addRelations(): void {
  for (const { name, made, fields } of objectTypes())
    for (const relation of relationsOf(name, fields)) {
      const type = (): Class | [Class] => (relation.many ? [typeNamed(relation.to)] : typeNamed(relation.to));
      Field(type, { nullable: true })(made.prototype, relation.field);
    }
}

/** The position of each answered object. Its relations are read as of the same position. */
const positions = new WeakMap<object, number>();

/** Remembers the position for an answer and all objects in it. */
export function remembered({ answer, position }: Pick<Answered, 'answer' | 'position'>): unknown {
  const remember = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) positions.set(value, position);
    for (const each of Object.values(value)) remember(each);
  };
  remember(answer);
  return answer;
}

/** Sets the resolver of each relation. */
export function resolveRelations(schema: GraphQLSchema, ledger: Ledger): GraphQLSchema {
  const loaders = new RelationLoaders(ledger);
  for (const { name, fields } of objectTypes())
    for (const relation of relationsOf(name, fields)) {
      const type = schema.getType(name);
      const field = isObjectType(type) ? type.getFields()[relation.field] : undefined;
      if (field === undefined) throw new Error(`${name}.${relation.field} is not in the schema`);
      field.resolve = (item: Item, _args: unknown, context: Asking) => loaders.ask(relation, item, context);
    }
  return schema;
}

/** The maximum number of ids of one query. */
const MOST_IDS = 1000;

type RelationLoader = DataLoader<string, readonly Item[]>;

/** Reads a relation with one query for all items of a request, as of one position. */
class RelationLoaders {
  private readonly ofContext = new WeakMap<object, Map<string, RelationLoader>>();

  constructor(private readonly ledger: Ledger) {}

  async ask(relation: Relation, item: Item, context: Asking): Promise<unknown> {
    const id = item[relation.from];
    if (typeof id !== 'string') return relation.many ? [] : null;
    const position = positions.get(item);
    if (position === undefined) throw new Error(`${relation.field}: the object is not part of an answer`);
    const found = await this.loaderFor(relation, position, context).load(id);
    return relation.many ? found : (found[0] ?? null);
  }

  private loaderFor(relation: Relation, position: number, context: Asking): RelationLoader {
    const loaders = this.ofContext.get(context) ?? new Map<string, RelationLoader>();
    this.ofContext.set(context, loaders);
    const name = JSON.stringify([relation.query.name, relation.parameter, position]);
    const known = loaders.get(name);
    if (known !== undefined) return known;
    const loader: RelationLoader = new DataLoader(
      async (ids) => {
        // The context of a subscription lives as long as its socket, so a loader is used for one batch only.
        loaders.delete(name);
        return this.find(relation, ids, position, context);
      },
      // A batch has all ids requested in one turn of the event loop.
      { maxBatchSize: MOST_IDS, batchScheduleFn: (dispatch) => setImmediate(dispatch) },
    );
    loaders.set(name, loader);
    return loader;
  }

  /** The related items of each id. */
  private async find(
    relation: Relation,
    ids: readonly string[],
    position: number,
    context: Asking,
  ): Promise<readonly (readonly Item[])[]> {
    const found = new Map<unknown, Item[]>(ids.map((id) => [id, []]));
    for await (const item of this.items(relation, ids, position, context))
      for (const key of new Set(relation.keysOf(item))) found.get(key)?.push(item);
    return ids.map((id) => found.get(id) ?? []);
  }

  private async *items(
    { query, parameter }: Relation,
    ids: readonly string[],
    position: number,
    context: Asking,
  ): AsyncGenerator<Item> {
    for (let cursor: string | null = null, isLast = false; !isLast; isLast = cursor === null) {
      const from: Record<string, unknown> = cursor === null ? { asOf: String(position) } : { cursor };
      const asked = { [parameter]: ids, ...from, limit: MAX_LIMIT };
      const page = await inTurn(context, async () => this.ledger.ask(query, asked, context.caller, context.signal));
      remembered({ answer: page.items, position });
      yield* page.items;
      cursor = page.nextCursor;
    }
  }
}
