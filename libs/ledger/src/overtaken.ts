import { conflict, type DomainError, invalid } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import type { CommandCall, CommandDone } from './command.js';
import type { LedgerCore } from './ledger-core.js';

/**
 * The log position that a correction is based on: the position of its preview, or else the end of the log when the
 * command arrived. If two corrections arrive at the same time, each position is before the events of the other. Errors:
 * `position_ahead`.
 */
export async function basisOf(core: LedgerCore, call: CommandCall): Promise<number> {
  const meanwhile = core.book.watchAppends();
  const head = await core.log.head();
  const first = await meanwhile.end();
  if (call.basedOn === null) return first === null ? head : Math.min(head, first - 1);
  if (call.basedOn > head)
    throw invalid('position_ahead', `basedOn is beyond the end of the log at position ${head}`, [
      { field: 'basedOn', message: `is beyond the end of the log at position ${head}` },
    ]);
  return call.basedOn;
}

/**
 * A correction is made by someone who saw the current state. If another event changed the same thing since, that state
 * is out of date, and the correction is refused: no correction silently overrules another. `what` describes what an
 * event changed. null: nothing of this. Errors: `overtaken`.
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

/** What a correction changes, and what else counts as a change of the same thing. */
interface Corrected<Event extends RecordedEvent> {
  readonly stream: string;
  readonly isOf: (event: RecordedEvent) => event is Event;
  /** The events of the correction, from those of the stream. It is not overtaken if there are none. */
  readonly decide: (events: readonly RecordedEvent[]) => LedgerEvent[] | Promise<LedgerEvent[]>;
  readonly saidOf: (event: Event) => string;
}

/** Corrects what a stream has recorded, unless it was changed since. Errors: `overtaken`, and those of `decide`. */
export async function corrected<Event extends RecordedEvent>(
  core: LedgerCore,
  call: CommandCall,
  { stream, isOf, decide, saidOf }: Corrected<Event>,
): Promise<CommandDone> {
  const basis = await basisOf(core, call);
  return core.book.decide(stream, call, async (events) => {
    const decided = await decide(events);
    if (decided.length > 0) assertNotOvertaken(call, basis, events.filter(isOf), saidOf);
    return { events: decided };
  });
}

/** `said`: what was recorded since the basis, such as `the price became 2`. */
export const overtaken = ({ name, ifOvertaken }: CommandCall, basis: number, said: string): DomainError =>
  conflict(
    'overtaken',
    `${name}: prepared at position ${basis}, but since then ${said}. ` +
      `Nothing was recorded. ${ifOvertaken ?? 'Preview again and resubmit.'}`,
  );
