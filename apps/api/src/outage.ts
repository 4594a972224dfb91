import { DomainError } from '#domain/errors';
import { UnknownOutcome } from '#event-store/port';
import { ProjectionHalted } from '#read-model/projector';

const SOCKET_CODES = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'];
/** Class 08: connection, but for 08P01, which is a message of ours that the server can't read. 57P: the server stops, starts, or drops the database. 53300: no connection is free. 3D000: no such database. */
const SERVER_CODE = /^(08(?!P01)...|57P0.|53300|3D000)$/;
/** What pg throws when its socket is gone: plain errors without a code. */
const SOCKET_MESSAGE = /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

const unavailable = (code: string, message: string): DomainError => new DomainError(code, message, 'unavailable');

/** Where the request is right and the service is not there: as a refusal to try again later. Its words name no host and no table. */
export function outageOf(error: unknown): DomainError | undefined {
  if (error instanceof UnknownOutcome)
    return unavailable('outcome_unknown', 'the log did not answer in time: send the same again, what was done stays done once');
  if (error instanceof ProjectionHalted)
    return unavailable('projections_halted', 'an event could not be applied, and an operator must look at it: reads are not current');
  return isDatabaseGone(error)
    ? unavailable('database_unavailable', 'the database does not answer: send the same again, nothing happens twice')
    : undefined;
}

function isDatabaseGone(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseGone);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return SOCKET_CODES.includes(code) || SERVER_CODE.test(code) || SOCKET_MESSAGE.test(error.message);
}
