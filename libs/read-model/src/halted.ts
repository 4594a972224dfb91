import { UnknownOutcome } from '#event-store/port';
import { isNotNow } from '#postgres/connection';
import type { Halt } from './projection.js';
import { OtherLog } from './same-log.js';

const textOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));

/** The projections halt at an event that they can't apply. An operator decides what to do; no event is lost. */
export class ProjectionHalted extends Error {
  override readonly name = 'ProjectionHalted';
  constructor(
    readonly position: number,
    readonly projection: string,
    reason: unknown,
  ) {
    super(
      `The projections halted at position ${position} (${projection}): ${textOf(reason).replace(/\.$/, '')}.` +
        ' All earlier events are projected. Correct the cause, or run' +
        ` "ledgerline projections skip ${position} --reason …" to continue without this event.`,
      { cause: reason },
    );
  }

  get halt(): Halt {
    return { position: this.position, projection: this.projection, reason: textOf(this.cause) };
  }
}

/** Work on events whose data were not checked: its error halts the projections at their position. */
export function haltedBy<Result>(position: number, projection: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw new ProjectionHalted(position, projection, error);
  }
}

/** Another process moved the checkpoint, so this one is no longer the writer. */
export class LostWriter extends Error {
  override readonly name: string = 'LostWriter';
}

/** The read models are of other versions of the projections. This process neither reads nor writes them. */
export class OtherVersions extends LostWriter {
  override readonly name = 'OtherVersions';
  constructor(schema: string) {
    super(
      `The read models in ${schema} were made by other versions of the projections than this process has.` +
        ' If they are being rebuilt for this version, wait ("ledgerline projections status" shows the progress).' +
        ' If a newer version took over, stop this process.',
    );
  }
}

/** Another process is the writer, and did not project up to a position in time. */
export class WriterStuck extends Error {
  override readonly name = 'WriterStuck';
  constructor(
    readonly position: number,
    readonly target: number,
  ) {
    super(
      `The projections are at position ${position} of ${target}, and another process is their writer.` +
        ' Check whether its worker is stuck.',
    );
  }
}

/** More events were recorded since the projections halted than decisions can take into account. */
export class BacklogFull extends Error {
  override readonly name = 'BacklogFull';
  constructor(
    /** The position at which the projections halted. */
    readonly position: number,
    limit: { readonly events: number; readonly characters: number },
  ) {
    super(
      `More than ${limit.events} events, or ${limit.characters / 1024 / 1024} MiB of them, were recorded since the` +
        ` projections halted at position ${position}.`,
    );
  }
}

/** Failures that pass by themselves, or that an operator can remove. */
export const isTrouble = (error: Error): boolean =>
  isNotNow(error) ||
  error instanceof UnknownOutcome ||
  error instanceof LostWriter ||
  error instanceof OtherLog ||
  error instanceof ProjectionHalted;
