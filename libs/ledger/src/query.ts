import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { type DomainError, invalid, notFound } from '#domain/errors';
import { zId, zInstant } from '#domain/schema';
import { unstorableIn } from '#domain/storable';
import { earlier, type Instant, isBefore } from '#domain/time/instant';
import type { Keyset, Rows } from '#read-model/keyset';
import { isEverHeld } from '#projections/deployments/deployments.read';
import { isEverRegistered } from '#projections/tenants/tenants.read';
import { type Caller, confinedTo, type Role } from './caller.js';
import type { LedgerCore, Readable } from './ledger-core.js';

/** What a query works with: the ledger, the log position that it answers as of, and the caller. */
export interface QueryContext {
  readonly core: LedgerCore;
  readonly position: number;
  readonly caller: Caller;
  /** The only tenant whose rows the answer may contain. null: all tenants. */
  readonly confinedTo: string | null;
}

/** What a schema takes as an answer. It is read-only: nobody changes an answer after it was given. */
export type AnswerOf<Answer extends z.ZodType> = Immutable<z.input<Answer>>;

type Immutable<Value> = Value extends readonly (infer Item)[]
  ? readonly Immutable<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Immutable<Value[Key]> }
    : Value;

/** A query, whole: REST, GraphQL, the OpenAPI document, the typed client and the command line are made from it. */
export interface QueryDefinition<Params extends z.ZodObject = z.ZodObject, Answer extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly summary: string;
  /** Below `/api/v1/`, with parameters of the path as `:id`. */
  readonly path: string;
  /** Default: GET. POST if the parameters are too large for a URL. */
  readonly method?: 'POST';
  readonly roles: readonly Role[];
  readonly params: Params;
  /** The compiler checks `handle` against it. At run time no answer is checked: tests do that. */
  readonly answer: Answer;
  /** The answer is a text of this type. Without it, the answer is JSON. */
  readonly media?: 'text/html' | 'application/xml' | 'text/csv';
  /** Parameters that the documentation shows. The examples of all operations tell one story. */
  readonly example: z.input<Params>;
  /** The query reads the log, or reports how far behind the projections are: it does not wait for them. */
  readonly withoutCatchUp?: true;
  /** The query reads what no position covers: what a worker or a client did since. A standby may not have it yet. */
  readonly onPrimary?: true;
  /**
   * The query reads much of the ledger, or as much of the log as its caller likes, so few of them run at a time. The
   * bench `questions` measures which these are.
   */
  readonly isExpensive?: true;
  /** Over REST, the read waits for something after its parameter `after`, as long as its parameter `wait` says. */
  readonly isLongPoll?: true;
  /** How many times as long as a page of invoices it takes at most, as the bench `questions` measures. Default: 1. */
  readonly cost?: number;
  handle(params: z.output<Params>, context: QueryContext): Promise<AnswerOf<Answer>>;
}

/** A query as it is declared, with its parameters closed: any other parameter is refused. */
export interface DefinedQuery<
  Params extends z.ZodObject = z.ZodObject,
  Answer extends z.ZodType = z.ZodType,
> extends QueryDefinition<Params, Answer> {
  readonly closedParams: z.ZodObject;
}

export const defineQuery = <Params extends z.ZodObject, Answer extends z.ZodType>(
  definition: QueryDefinition<Params, Answer>,
): DefinedQuery<Params, Answer> => ({ ...definition, closedParams: definition.params.strict() });

/** Every role except `ingest`, which only appends usage. */
export const READERS: readonly Role[] = ['platform_admin', 'operator', 'auditor', 'tenant'];
/** The roles that see all tenants. */
export const STAFF: readonly Role[] = ['platform_admin', 'operator', 'auditor'];
/** The role that sees margin and cost. */
export const ADMIN: readonly Role[] = ['platform_admin'];

/** A log position or an instant of recording. */
export const zMoment = z.string();

/** What a parameter says that takes a date too. `withDatesOfQuery` reads it. */
const OR_DATE =
  'A date is midnight in the time zone of the tenant of the token, or of the tenant that the parameters name, also' +
  ' by a deployment, subscription, line or invoice of it. It is refused if they name none';

/**
 * Nearly any query can be answered as of an earlier log position or instant of recording. `knownAt` is the second name
 * of this parameter: it reads well next to `at`, the instant in the world.
 */
export const zAsOf = z.object({
  asOf: zMoment
    .optional()
    .describe(`A log position or an instant of recording: the answer is what was known then. ${OR_DATE}`),
  knownAt: zMoment.optional().describe('The same as asOf. If both are given, the earlier one applies'),
});

/** For an answer that can only be as of now. */
export const zNow = z.object({});

/** The instant in the world that the answer is about. Default: now. */
export const zAt = {
  at: zInstant
    .optional()
    .describe(`The instant that the answer is about. Default: now. knownAt says when it was known. ${OR_DATE}`),
};

export const DEFAULT_LIMIT = 1000;
export const MAX_LIMIT = 10_000;

/**
 * A whole number. In a URL or on a command line it is a text of decimal digits: JavaScript would also read "0x10",
 * "1e2", " 5" and "" as numbers.
 */
export const zWhole = ({
  min,
  max = Number.MAX_SAFE_INTEGER,
  message,
}: {
  readonly min: number;
  readonly max?: number;
  readonly message: string;
}) =>
  z.preprocess(
    (given) => (typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given),
    z.int(message).min(min, message).max(max, message),
  );

export const zLimit = (unlessGiven: number) =>
  zWhole({ min: 1, max: MAX_LIMIT, message: `must be a whole number from 1 to ${MAX_LIMIT}` }).default(unlessGiven);
export const zAfter = zWhole({ min: 0, message: 'must be a log position: a whole number such as 1207' }).default(0);

/** Pages with an opaque cursor. All pages are as of the position of the first page. */
export const zPage = zAsOf.extend({
  limit: zLimit(DEFAULT_LIMIT),
  cursor: z.string().optional(),
});

export const zOptionalId = zId.optional();
/** One id or several: as an array, or as a parameter given more than once. Unknown ids match nothing. */
export const zOptionalIds = z.union([z.array(zId).min(1).max(1000), zId.transform((id) => [id])]).optional();
const zOptionalInstant = zInstant.optional().describe(OR_DATE);

/** A period to ask for. Each end may be left out. `inOrder` checks the two ends. */
export const zStretch = { start: zOptionalInstant, end: zOptionalInstant };
export const inOrder = ({ start, end }: { start?: Instant | undefined; end?: Instant | undefined }): boolean =>
  start === undefined || end === undefined || isBefore(start, end);
export const IN_ORDER = { path: ['end'], error: 'must be after start' };

interface Cursor {
  readonly position: number;
  readonly after: readonly string[];
}

const encodeCursor = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString('base64url');

const zCursor = z.object({ position: z.int().nonnegative(), after: z.array(z.string()) });

export function decodeCursor(text: string): Cursor {
  const known = zCursor.safeParse(jsonIn(text));
  if (!known.success) throw invalidCursor();
  return known.data;
}

function jsonIn(text: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (unstorableIn(value) === undefined) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw invalidCursor();
}

/** The cursor that a caller gets: the list, the parameters of its first page, and where the next page starts. */
const zPageCursor = z.object({ list: z.string(), asked: z.record(z.string(), z.json()), next: z.string() });

/** These set the page size and the moment. They select no rows. */
const NOT_SELECTING: readonly string[] = ['cursor', 'limit', 'asOf', 'knownAt'];
const askedIn = (params: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(params).filter(([name]) => !NOT_SELECTING.includes(name)));

/**
 * The parameters of a page. With a cursor these are the parameters of the first page, which need not be repeated.
 * Errors: `invalid_cursor`, also for a cursor of another list or of other parameters.
 */
export function withCursor(list: string, params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { cursor } = params;
  if (typeof cursor !== 'string') return params;
  const known = zPageCursor.safeParse(jsonIn(cursor));
  if (!known.success || known.data.list !== list) throw invalidCursor();
  const { asked, next } = known.data;
  const other = Object.entries(askedIn(params)).find(
    ([name, value]) => canonicalJson(value) !== canonicalJson(asked[name]),
  );
  if (other !== undefined)
    throw invalid(
      'invalid_cursor',
      `The cursor belongs to a list with a different ${other[0]}. Omit it to start over.`,
      [{ field: other[0], message: 'differs from the first page of this list' }],
    );
  return { ...asked, ...params, cursor: next };
}

/** The answer, with a cursor that remembers the parameters. */
export function pagedOn<Answer>(list: string, params: Readonly<Record<string, unknown>>, answer: Answer): Answer {
  if (
    typeof answer !== 'object' ||
    answer === null ||
    !('nextCursor' in answer) ||
    typeof answer.nextCursor !== 'string'
  )
    return answer;
  return {
    ...answer,
    nextCursor: Buffer.from(JSON.stringify({ list, asked: askedIn(params), next: answer.nextCursor })).toString(
      'base64url',
    ),
  };
}

export const invalidCursor = (): DomainError =>
  invalid('invalid_cursor', 'The cursor does not belong to this list. Omit it to start over.', [
    { field: 'cursor', message: 'does not belong to this list' },
  ]);

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** A page of rows in the order of their keys. `rows` has one row more than the limit if there are more rows. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  position: number,
  keyOf: (row: Row) => readonly string[],
  toItem: (row: Row) => Item,
): Page<Item> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: items.map(toItem), nextCursor: more ? encodeCursor({ position, after: keyOf(last) }) : null };
}

/**
 * A page of a list whose rows are read in order: only those of the page, and one more that shows whether another page
 * follows.
 */
export async function pageOfRows<Row extends object, Item>(list: {
  readonly order: Keyset<Row>;
  readonly page: { readonly limit: number; readonly cursor?: string | undefined };
  readonly position: number;
  readonly read: (rows: Rows) => Promise<readonly Row[]>;
  readonly toItems: (rows: readonly Row[]) => readonly Item[] | Promise<readonly Item[]>;
}): Promise<Page<Item>> {
  const { order, page, position } = list;
  const after = page.cursor === undefined ? null : decodeCursor(page.cursor).after;
  if (after !== null && !order.isKey(after)) throw invalidCursor();
  const rows = await list.read({ after, limit: page.limit + 1 });
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    items: await list.toItems(shown),
    nextCursor: last === undefined ? null : encodeCursor({ position, after: order.keyOf(last) }),
  };
}

/** The sets of ids that select rows of a list: one id, several ids, or both. Both must match. */
export const idSets = (id: string | null | undefined, ids?: readonly string[]): (readonly string[])[] => [
  ...(id === null || id === undefined ? [] : [[id]]),
  ...(ids === undefined ? [] : [ids]),
];

/** A page of a list that had to be computed as a whole, in the order of its keys. */
export function pageOfAll<Item>(
  all: readonly Item[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  position: number,
  keyOf: (item: Item) => string,
): Page<Item> {
  const ordered = [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const after = cursor === undefined ? undefined : decodeCursor(cursor).after[0];
  const rest = after === undefined ? ordered : ordered.filter((item) => keyOf(item) > after);
  return pageOf(
    rest.slice(0, limit + 1),
    limit,
    position,
    (item) => [keyOf(item)],
    (item) => item,
  );
}

/** A page of a list that is only added to, in its own order. */
export function pageInOrder<Item>(
  all: readonly Item[],
  page: { limit: number; cursor?: string | undefined },
  position: number,
): Page<Item> {
  const numbered = new Map(all.map((item, index) => [item, String(index).padStart(9, '0')]));
  return pageOfAll(all, page, position, (item) => numbered.get(item) ?? '');
}

/** The moment that a query asks for. */
interface AskedMoment {
  readonly asOf?: string | undefined;
  readonly knownAt?: string | undefined;
  readonly cursor?: string | undefined;
}

/**
 * The position that a query answers as of: the position in the cursor, the position that the parameter names, the
 * position of the last event recorded at or before the instant that it names, or else the position that can be read
 * now, which may be stale. If both `asOf` and `knownAt` are given, the earlier one applies. Errors: `position_ahead`,
 * `invalid_as_of`, and why a named moment can't be projected.
 */
export async function positionOf(core: LedgerCore, asked: AskedMoment): Promise<Readable> {
  const { asOf, knownAt, cursor } = asked;
  if (asOf === undefined && knownAt === undefined && cursor === undefined) return core.readable();
  return { position: await projectedPosition(core, async (head) => positionUpTo(core, head, asked)), stale: null };
}

/** A named position. Errors: why it is recorded but can't be projected. */
async function projectedPosition(core: LedgerCore, named: (head: number) => Promise<number>): Promise<number> {
  const { position: projected, stale } = await core.readable();
  if (stale === null) return named(projected);
  const position = await named(await core.log.head());
  if (position > projected) throw stale.cause;
  return position;
}

/** The same for a query that reads the log and not the read models. `head` is the last position of the log. */
export async function positionUpTo(
  core: LedgerCore,
  head: number,
  { asOf, knownAt, cursor }: AskedMoment,
): Promise<number> {
  if (cursor !== undefined) return Math.min(decodeCursor(cursor).position, head);
  const asked = Object.entries({ asOf, knownAt }).flatMap(([field, value]) =>
    value === undefined ? [] : [namedPosition(core, head, field, value)],
  );
  return Math.min(head, ...(await Promise.all(asked)));
}

/**
 * The position that a parameter names, or the position of the last event recorded at or before the instant that it
 * names. Errors: as of `positionOf`.
 */
export async function knownPosition(core: LedgerCore, field: string, value: string): Promise<number> {
  return projectedPosition(core, async (head) => namedPosition(core, head, field, value));
}

async function namedPosition(core: LedgerCore, head: number, field: string, value: string): Promise<number> {
  const refuse = (code: string, fault: string): never => {
    throw invalid(code, `${field} ${fault}`, [{ field, message: fault }]);
  };
  if (/^\d{1,15}$/.test(value))
    return Number(value) > head
      ? refuse('position_ahead', `is beyond the end of the log at position ${head}`)
      : Number(value);
  const parsed = zInstant.safeParse(value);
  if (!parsed.success)
    return refuse(
      'invalid_as_of',
      'is neither a log position such as "1207" nor an instant such as "2026-04-01T00:00:00Z"',
    );
  return core.log.positionAt(parsed.data);
}

/**
 * The moment that a query is about. A query may name an instant, or a log position: then it is the time at which that
 * event was recorded. Default: the caller's now, which is also the latest moment.
 */
export async function momentOf(
  { core, position, caller }: QueryContext,
  { asOf, knownAt }: { readonly asOf?: string | undefined; readonly knownAt?: string | undefined },
): Promise<Instant> {
  let moment = caller.now;
  for (const asked of [asOf, knownAt]) {
    const named = zInstant.safeParse(asked);
    if (named.success) moment = earlier(moment, named.data);
    else if (asked !== undefined) moment = earlier(moment, (await core.recordedAt(position)) ?? moment);
  }
  return moment;
}

/**
 * The tenant to answer for, if the caller may see it. null: all tenants. Errors: `unknown_tenant`, also for a tenant
 * that the caller may not see. As of a position before the tenant was registered, the answer is empty.
 */
export async function visibleTenant(
  { core, confinedTo: own }: QueryContext,
  asked: string | undefined,
): Promise<string | null> {
  if (asked === undefined) return own;
  if ((own !== null && asked !== own) || !(await isEverRegistered(core.db, asked)))
    throw notFound('unknown_tenant', `tenant ${asked} is not registered`);
  return asked;
}

/**
 * Refuses a deployment that was never registered, or never belonged to the tenant of a confined caller. Errors:
 * `unknown_deployment`.
 */
export async function assertVisibleDeployment(
  { core, confinedTo: own }: QueryContext,
  deploymentId: string,
): Promise<void> {
  if (!(await isEverHeld(core.db, deploymentId, own)))
    throw notFound('unknown_deployment', `deployment ${deploymentId} is not registered`);
}

export const contextFor = (core: LedgerCore, position: number, caller: Caller): QueryContext => ({
  core,
  position,
  caller,
  confinedTo: confinedTo(caller),
});
