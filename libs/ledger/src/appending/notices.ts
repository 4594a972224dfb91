import { canonicalJson } from '#domain/canonical-json';
import type { RecordedEvent } from '#domain/events';
import { isDomainError } from '#domain/schema';
import { type CommandCall, type CommandDone, isCorrection } from '../command.js';
import { withdrawalOf } from './withdrawals.js';

/** Records only the key of a command. */
export const UNCHANGED = 'CommandUnchanged';

/**
 * A command that is repeated after it was withdrawn, or after another one changed what it states, records nothing: a
 * file may be applied again. The notice says so; null: what the command states still holds.
 */
export function noticeOf(call: CommandCall, events: readonly RecordedEvent[], isSuperseded: boolean): string | null {
  const recorded = events[indexOfRecorded(call, events)];
  const at = recorded === undefined ? '' : ` at position ${recorded.position}`;
  const withdrawal = recorded === undefined ? undefined : withdrawalOf(recorded, events);
  if (withdrawal !== undefined)
    return (
      `${call.name} was recorded${at} and withdrawn at position ${withdrawal.position}.` +
      ' Nothing was recorded now. To state it again, give occurredAt.'
    );
  if (!isSuperseded) return null;
  const key = call.idempotencyKey === null ? 'an idempotencyKey' : 'another idempotencyKey';
  return (
    `${call.name} was recorded${at}, and what it states was changed since. Nothing was recorded now. ` +
    (call.stated?.remedy ?? `To state it again, give ${key}.`)
  );
}

/** Whether corrections changed what a recorded command states. */
export function isCorrected(call: CommandCall, events: readonly RecordedEvent[]): boolean {
  const at = indexOfRecorded(call, events);
  const { of } = call.stated ?? {};
  if (of === undefined || at < 0) return false;
  const [then, now] = [events.slice(0, at + 1), events].map((each) => canonicalJson(of(each)));
  return then !== now;
}

const indexOfRecorded = ({ key }: CommandCall, events: readonly RecordedEvent[]): number =>
  events.findLastIndex(({ type, metadata }) => type !== UNCHANGED && metadata.command?.key === key);

export const noticed = (known: CommandDone, notice: string | null): CommandDone =>
  notice === null ? known : { ...known, result: { ...known.result, notice } };

/** Whether a recorded correction would change something if it was made now. */
export async function wouldChange(
  call: CommandCall,
  decision: () => Promise<{ readonly events: readonly unknown[] }>,
): Promise<boolean> {
  if (!isCorrection(call.name)) return false;
  try {
    return (await decision()).events.length > 0;
  } catch (error) {
    // What it corrects or withdraws is not there any more.
    if (isDomainError(error)) return false;
    throw error;
  }
}
