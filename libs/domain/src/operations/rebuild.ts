import { z } from 'zod';
import { conflict, notFound, type DomainError } from '../errors.js';
import { type EventOf, type IdSchema, zId } from '../schema.js';

// Stored permanently, in the stream of decisions about the projections. What came of them is no fact of the ledger: it
// is kept beside the log.
export const rebuildEventsWith = (zId: IdSchema) => ({
  /** `projections` null: all. They are built and compared. Nothing is exchanged. */
  RebuildRequested: z.object({ rebuildId: zId, projections: z.array(zId).min(1).nullable() }),
  /** The compared read models replace the live ones, with their differences. */
  RebuildAccepted: z.object({ rebuildId: zId }),
  RebuildCancelled: z.object({ rebuildId: zId }),
  /** The read models that the last exchange kept become the live ones again. */
  RollbackRequested: z.object({ rebuildId: zId }),
});
export const rebuildEvents = rebuildEventsWith(zId);
export type RebuildEvent = EventOf<typeof rebuildEventsWith>;

/** What a person requested, under an id of its own. */
export interface RebuildAsked {
  readonly rebuildId: string;
  readonly kind: 'rebuild' | 'rollback';
  /** null: all. */
  readonly projections: readonly string[] | null;
  readonly isAccepted: boolean;
  readonly isCancelled: boolean;
}

/** In the order of their requests. */
export function rebuildsIn(events: readonly RebuildEvent[]): RebuildAsked[] {
  const asked = new Map<string, RebuildAsked>();
  for (const { type, data } of events) {
    const { rebuildId } = data;
    const known = asked.get(rebuildId);
    switch (type) {
      case 'RebuildRequested':
      case 'RollbackRequested':
        asked.set(rebuildId, {
          rebuildId,
          kind: type === 'RebuildRequested' ? 'rebuild' : 'rollback',
          projections: type === 'RebuildRequested' ? data.projections : null,
          isAccepted: false,
          isCancelled: false,
        });
        break;
      case 'RebuildAccepted':
      case 'RebuildCancelled':
        if (known !== undefined)
          asked.set(
            rebuildId,
            type === 'RebuildAccepted' ? { ...known, isAccepted: true } : { ...known, isCancelled: true },
          );
    }
  }
  return [...asked.values()];
}

/** How far one is: its outcome, as it is kept beside the log, or what it waits for. */
export type RebuildState =
  | 'waiting'
  | 'running'
  | 'compared'
  | 'exchanging'
  | 'swapped'
  | 'rolled_back'
  | 'failed'
  | 'cancelled';

/** These go on by themselves, or wait for a decision: another one would take their place. */
const UNFINISHED: readonly RebuildState[] = ['waiting', 'running', 'compared', 'exchanging'];
export const isUnfinished = (state: RebuildState): boolean => UNFINISHED.includes(state);

type Known = readonly { readonly asked: RebuildAsked; readonly state: RebuildState }[];

/** Errors: `rebuild_exists`, `rebuild_under_way`. */
export function requestWork(known: Known, event: RebuildEvent): RebuildEvent[] {
  const { rebuildId } = event.data;
  if (known.some(({ asked }) => asked.rebuildId === rebuildId))
    throw conflict('rebuild_exists', `${rebuildId} was already requested. Use another id.`);
  const before = known.find(({ state }) => isUnfinished(state));
  if (before !== undefined)
    throw conflict(
      'rebuild_under_way',
      `${before.asked.rebuildId} is ${before.state}. Wait for it, accept it, or cancel it.`,
    );
  return [event];
}

/** Errors: `unknown_rebuild`, `rebuild_not_compared`. */
export function acceptRebuild(known: Known, rebuildId: string): RebuildEvent[] {
  const { state } = knownAs(known, rebuildId);
  if (state !== 'compared')
    throw conflict(
      'rebuild_not_compared',
      `the rebuild ${rebuildId} is ${state}. Accept a rebuild after it was compared.`,
    );
  return [{ type: 'RebuildAccepted', data: { rebuildId } }];
}

/** Nothing, if it has ended. Errors: `unknown_rebuild`, `rebuild_accepted`, `rebuild_under_way`. */
export function cancelRebuild(known: Known, rebuildId: string): RebuildEvent[] {
  const { asked, state } = knownAs(known, rebuildId);
  if (!isUnfinished(state)) return [];
  if (asked.isAccepted)
    throw conflict('rebuild_accepted', `the rebuild ${rebuildId} is accepted. Roll back after the exchange.`);
  if (state === 'exchanging')
    throw conflict('rebuild_under_way', `the exchange of ${rebuildId} has begun. Roll back after it.`);
  return [{ type: 'RebuildCancelled', data: { rebuildId } }];
}

function knownAs(known: Known, rebuildId: string): Known[number] {
  const found = known.find(({ asked }) => asked.rebuildId === rebuildId);
  if (found === undefined) throw unknownRebuild(rebuildId);
  return found;
}

export const unknownRebuild = (rebuildId: string): DomainError =>
  notFound('unknown_rebuild', `no rebuild was requested as ${rebuildId}. The query rebuilds lists them.`);
