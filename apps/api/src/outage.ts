import { DomainError } from '#domain/errors';
import { MirrorStopped } from '#event-store/mirrored';
import { UnknownOutcome } from '#event-store/port';
import { isConnectionLost, isNotNow } from '#postgres/connection';
import { OtherVersions, ProjectionHalted } from '#read-model/projector';

const unavailable = (code: string, message: string): DomainError => new DomainError(code, message, 'unavailable');

/** Postgres: query_canceled, by statement_timeout. */
const isTimedOut = (error: unknown): boolean =>
  error instanceof Error && (('code' in error && error.code === '57014') || isTimedOut(error.cause));

/** Where the request is right and the service is not there: as a refusal to try again later. Its words name no host and no table. */
export function outageOf(error: unknown): DomainError | undefined {
  if (error instanceof UnknownOutcome)
    return unavailable(
      'outcome_unknown',
      'the log did not answer in time: send the same again, what was done stays done once',
    );
  if (error instanceof MirrorStopped)
    return unavailable(
      'mirror_stopped',
      'the log can be neither read nor written before an operator has looked at its mirror: send the same again then',
    );
  // Of a projection too: it has met no event that can't be applied.
  if (isTimedOut(error))
    return unavailable(
      'query_timed_out',
      'the answer took longer than is allowed: ask for less (a smaller limit, a shorter time), or again later',
    );
  if (error instanceof ProjectionHalted)
    return unavailable(
      'projections_halted',
      'an event could not be applied, and an operator must look at it: reads are not current',
    );
  if (error instanceof OtherVersions)
    return unavailable(
      'read_models_rebuilding',
      'the read models of this version are being built: send the same again when they are, or to a process of the version that serves',
    );
  if (isConnectionLost(error))
    return unavailable(
      'database_unavailable',
      'the database does not answer: send the same again, nothing happens twice',
    );
  return isNotNow(error)
    ? unavailable(
        'database_not_writable',
        'the database can not do it now (its disk is full, or it is read-only): an operator must look at it; send the same again then, nothing happens twice',
      )
    : undefined;
}
