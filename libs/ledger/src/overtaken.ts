import { conflict, type DomainError, invalid } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import type { CommandCall } from './command.js';
import type { LedgerCore } from './ledger-core.js';

/**
 * The log position that a correction is based on: the one that its preview was made at, else where the log was when it came. Of two that
 * come at once, neither knows of what the other appends while it asks for that. Errors: `position_ahead`.
 */
export async function basisOf(core: LedgerCore, call: CommandCall): Promise<number> {
  const meanwhile = core.book.watchAppends();
  const head = await core.log.head();
  const first = await meanwhile.end();
  if (call.basedOn === null) return first === null ? head : Math.min(head, first - 1);
  if (call.basedOn > head)
    throw invalid('position_ahead', `basedOn is beyond the end of the log, position ${head}`, [
      { field: 'basedOn', message: `is beyond the end of the log, position ${head}` },
    ]);
  return call.basedOn;
}

/**
 * Whoever corrects something has looked at it. Where another has recorded something over the same ground since, what was looked at is no
 * more: neither correction silently overrules the other. `what` tells what such an event says; null: it says nothing of that.
 * Errors: `overtaken`.
 */
export function assertNotOvertaken<Event extends RecordedEvent>(
  call: CommandCall,
  basis: number,
  events: readonly Event[],
  what: (event: Event) => string | null,
): void {
  for (const event of events) {
    if (event.position <= basis) continue;
    const said = what(event);
    if (said !== null) throw overtaken(call, basis, `${said} (position ${event.position}, by ${event.metadata.actor})`);
  }
}

/** `said`: what was recorded since. */
export const overtaken = ({ name }: CommandCall, basis: number, said: string): DomainError =>
  conflict(
    'overtaken',
    `${name} is based on what stood at position ${basis}; since then ${said}. Nothing was changed: look again, and correct what stands now`,
  );
