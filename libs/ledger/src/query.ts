import { z } from 'zod';
import { type DomainError, invalid, notFound } from '#domain/errors';
import { zId, zInstant } from '#domain/schema';
import { isInstant } from '#domain/time/instant';
import { type Caller, confinedTo, type Role } from './caller.js';
import type { LedgerCore } from './ledger-core.js';

/** What every query is asked with: the position up to which the log counts, who asks, and their tenant if confined to one. */
export interface QueryContext {
  readonly core: LedgerCore;
  readonly position: number;
  readonly caller: Caller;
  /** The tenant to whose rows the answer is confined; null: all. */
  readonly confinedTo: string | null;
}

export interface QueryDefinition<Params extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly summary: string;
  readonly params: Params;
  readonly roles: readonly Role[];
  /** It tells how far behind the projections are, so it must not wait for them. */
  readonly withoutCatchUp?: true;
  answer(params: z.output<Params>, context: QueryContext): Promise<unknown>;
}

export const defineQuery = <Params extends z.ZodObject>(definition: QueryDefinition<Params>): QueryDefinition<Params> => definition;

/** All but the appender of usage. */
export const READERS: readonly Role[] = ['platform_admin', 'operator', 'auditor', 'tenant'];
/** Those who see all tenants. */
export const STAFF: readonly Role[] = ['platform_admin', 'operator', 'auditor'];
/** Margin and cost. */
export const ADMIN: readonly Role[] = ['platform_admin'];

/** Every query may be asked as of a log position or an instant of recording. */
export const zAsOf = z.object({ asOf: z.string().optional() });

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;

/** Paging by opaque cursor; a page after the first is as of the same position as the first. */
export const zPage = zAsOf.extend({
  limit: z.coerce.number('must be a whole number').int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  cursor: z.string().optional(),
});

export const zOptionalId = zId.optional();
export const zOptionalInstant = zInstant.optional();

interface Cursor {
  readonly position: number;
  readonly after: readonly string[];
}

const encodeCursor = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString('base64url');

const zCursor = z.object({ position: z.int().nonnegative(), after: z.array(z.string()) });

export function decodeCursor(text: string): Cursor {
  try {
    return zCursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch {
    throw invalidCursor();
  }
}

export const invalidCursor = (): DomainError =>
  invalid('invalid_cursor', 'cursor is not one that this list gave out', [{ field: 'cursor', message: 'is not one that this list gave out' }]);

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** A page of rows that are in the order of their keys; `rows` holds one more than the limit where there are more. */
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

/** A page of what had to be computed whole, in the order of its keys. */
export function pageOfAll<Item>(
  all: readonly Item[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  position: number,
  keyOf: (item: Item) => string,
): Page<Item> {
  const ordered = [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const after = cursor === undefined ? undefined : decodeCursor(cursor).after[0];
  const rest = after === undefined ? ordered : ordered.filter((item) => keyOf(item) > after);
  return pageOf(rest.slice(0, limit + 1), limit, position, (item) => [keyOf(item)], (item) => item);
}

/**
 * The position that a query is asked as of: the cursor's, that of the last event recorded at or before an instant, the
 * one named, else what is projected now. Errors: `position_ahead`, `invalid_as_of`.
 */
export async function positionOf(core: LedgerCore, params: { asOf?: string | undefined; cursor?: string | undefined }): Promise<number> {
  const head = await core.projector.catchUp();
  if (params.cursor !== undefined) return Math.min(decodeCursor(params.cursor).position, head);
  const { asOf } = params;
  if (asOf === undefined) return head;
  if (/^\d{1,15}$/.test(asOf)) {
    if (Number(asOf) > head) throw invalid('position_ahead', `asOf: the log ends at position ${head}`, [{ field: 'asOf', message: `is beyond ${head}` }]);
    return Number(asOf);
  }
  const parsed = zInstant.safeParse(asOf);
  if (!parsed.success || !isInstant(parsed.data))
    throw invalid('invalid_as_of', `asOf: ${JSON.stringify(asOf)} is neither a log position nor an instant`, [
      { field: 'asOf', message: 'is neither a log position nor an instant' },
    ]);
  return Math.min(await core.log.positionAt(parsed.data), head);
}

/** The tenant asked for, within what the caller may see: another's is as if it did not exist. */
export function visibleTenant({ confinedTo: own }: Pick<QueryContext, 'confinedTo'>, asked: string | undefined): string | null {
  if (own === null) return asked ?? null;
  if (asked !== undefined && asked !== own) throw notFound('unknown_tenant', `tenant ${asked} is not registered`);
  return own;
}

export const contextFor = (core: LedgerCore, position: number, caller: Caller): QueryContext => ({
  core,
  position,
  caller,
  confinedTo: confinedTo(caller),
});
