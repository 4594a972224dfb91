import { DomainError } from '#domain/errors';
import { MirrorStopped } from '#event-store/mirrored';
import { AccessDenied, UnknownOutcome } from '#event-store/port';
import { isConnectionLost, isNotNow, isOutOfConnections, isOutOfMemory } from '#postgres/connection';
import { textWhileHalted } from '#operations/refusal';
import { OtherVersions, WriterStuck } from '#read-model/halted';
import { OtherLog } from '#read-model/same-log';
import { BrokenLog, OtherTree } from '#transparency/kept-tree';

const unavailable = (code: string, message: string): DomainError => new DomainError(code, message, 'unavailable');

/** Postgres error query_canceled, by statement_timeout. */
const isTimedOut = (error: unknown): boolean =>
  error instanceof Error && (('code' in error && error.code === '57014') || isTimedOut(error.cause));

/** The time of a query is over. */
export const queryTimedOut = (): DomainError =>
  unavailable(
    'query_timed_out',
    'The query took too long. Ask for less (a smaller limit or a shorter period), or retry later.',
  );

/** Turns an outage into a refusal that says to try again later. The message names no host and no table. */
export function outageOf(error: unknown): DomainError | undefined {
  if (isOutOfConnections(error))
    return unavailable(
      'database_out_of_connections',
      'The database has no free connection. Send the same request again: nothing is recorded twice. An operator ' +
        'must end other sessions, or raise max_connections.',
    );
  if (error instanceof UnknownOutcome)
    return unavailable(
      'outcome_unknown',
      'The log did not respond in time. Send the same request again: nothing is recorded twice.',
    );
  if (error instanceof MirrorStopped)
    return unavailable(
      'mirror_stopped',
      'The log is unavailable until an operator has checked its mirror. Send the same request again after that.',
    );
  if (error instanceof AccessDenied)
    return unavailable(
      'log_access_denied',
      'The log refuses the user of the ledger. An operator must check its rights. Retrying after that is safe.',
    );
  // Also for a projection: a timeout is not an event that can't be applied.
  if (isTimedOut(error)) return queryTimedOut();
  const halted = textWhileHalted(error);
  if (halted !== undefined) return unavailable('projections_halted', halted);
  if (error instanceof WriterStuck)
    return unavailable(
      'position_not_reached',
      `The read models are at position ${error.position}, not yet at ${error.target}. Retry. If it stays so, an` +
        ' operator must check whether the worker is stuck.',
    );
  if (error instanceof OtherLog)
    return unavailable(
      'log_replaced',
      'The log is not the one that the read models were made from. An operator must restore it, or rebuild them.',
    );
  if (error instanceof OtherTree || error instanceof BrokenLog)
    return unavailable(
      'log_replaced',
      'The log is not the one that the Merkle tree was made from, or lacks events. An operator must restore it.',
    );
  if (error instanceof OtherVersions)
    return unavailable(
      'read_models_rebuilding',
      'The read models of this version are being built. Retry later, or use a process of the version that serves.',
    );
  if (isConnectionLost(error))
    return unavailable(
      'database_unavailable',
      'The database does not respond. Send the same request again: nothing is recorded twice.',
    );
  if (isOutOfMemory(error))
    return unavailable(
      'database_out_of_memory',
      'The database has too little memory for this at present. Ask for less, or retry later.',
    );
  return isNotNow(error)
    ? unavailable(
        'database_not_writable',
        'The database can’t write (disk full, or read-only). An operator must check it. Retrying after that is safe.',
      )
    : undefined;
}
