import { eventHash } from '#event-store/leaf';
import type { EventLog } from '#event-store/port';

/** Which log a checkpoint belongs to: the event at its position, and the first event of the log, by their hashes. */
export interface LogMark {
  readonly position: number;
  /** Hash of the event at the position. null: the checkpoint is at 0, or an earlier program made it. */
  readonly eventHash: string | null;
  /** Hash of the first event: the identity of the log. null: as above. */
  readonly log: string | null;
}

/** What was made from a log is opened with another log, or with an earlier state of the same log. */
export class OtherLog extends Error {
  override readonly name = 'OtherLog';
  constructor(
    /** The position at which the log differs, or after which it ends. */
    readonly position: number,
    /** Without the remedy. */
    readonly difference: string,
  ) {
    super(
      `${difference} Nothing is served from them. Restore a log that has these events, or run` +
        ' "ledgerline projections rebuild --accept" to build the read models from the log that is there.',
    );
  }
}

/** Errors: OtherLog. `schema`: what was made from the log. */
export async function assertSameLog(log: EventLog, schema: string, mark: LogMark): Promise<void> {
  const { position } = mark;
  if (position === 0) return;
  const { log: first, eventHash: last } = await markAt(log, position);
  const where = `The read models in ${schema} are at position ${position}`;
  if (mark.log !== null && first !== mark.log)
    throw new OtherLog(1, `${where}, of another log: it has another first event.`);
  if (last === null) {
    const head = await log.head();
    // The log may have grown since it was read.
    if (head < position) throw new OtherLog(head, `${where}, but the log ends at ${head}: it was set back.`);
  } else if (mark.eventHash !== null && last !== mark.eventHash)
    throw new OtherLog(
      position,
      `${where}, and the log has another event there: it was set back, and went on differently.`,
    );
}

/** Whether the log has what the mark names. */
export async function isSameLog(log: EventLog, mark: LogMark): Promise<boolean> {
  try {
    await assertSameLog(log, '', mark);
    return true;
  } catch (error) {
    if (error instanceof OtherLog) return false;
    throw error;
  }
}

/** The mark of a position. Its hashes are null if the log has no such event. */
export async function markAt(log: EventLog, position: number): Promise<LogMark> {
  let [first, last]: (string | null)[] = [null, null];
  for await (const event of log.readAt([1, position])) {
    if (event.position === 1) first = eventHash(event);
    if (event.position === position) last = eventHash(event);
  }
  return { position, eventHash: last ?? null, log: first ?? null };
}
