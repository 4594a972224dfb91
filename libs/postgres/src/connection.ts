/** Node's socket errors: the server is not there, can't be reached, or has gone away. */
const SOCKET_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
];
/** Of a connection to a Unix socket: there is none, or too many wait for it. */
const UNIX_CODES = ['ENOENT', 'EAGAIN'];
/**
 * Postgres error codes. Class 08: connection, except 08P01, a message of ours that it can't read. 57P: it stops,
 * starts, drops the database, or ended an idle session. 53300: no free connection. 3D000: the database does not exist
 * (yet).
 */
const SERVER_CODE = /^(08(?!P01)...|57P0.|53300|3D000)$/;
/** pg's own errors for a lost socket: plain errors without a code. */
const MESSAGES = new RegExp(
  `^(${[
    'Connection terminated',
    'timeout expired',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client (has encountered a connection error|was closed)',
    'There was an error establishing an SSL connection',
  ].join('|')})`,
);

/**
 * Whether an error means that the connection to the database is lost or could not be made. The request was not at fault
 * and may be sent again. The outcome of a write is then unknown. This is the only definition, for the log, the
 * projections and the API.
 */
export function isConnectionLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  // Node's error for several attempts to connect.
  if (textOf(error, 'name') === 'AggregateError' && 'errors' in error && Array.isArray(error.errors))
    return error.errors.some(isConnectionLost);
  const code = textOf(error, 'code');
  if (textOf(error, 'syscall') === 'connect' && UNIX_CODES.includes(code)) return true;
  return SOCKET_CODES.includes(code) || SERVER_CODE.test(code) || MESSAGES.test(textOf(error, 'message'));
}

/** What an operator reads of an error. Those of a socket do not say what was lost: `read ECONNRESET`. */
export const troubleIn = (error: Error): string =>
  isConnectionLost(error) && !/connection|database/i.test(error.message)
    ? `the connection to the database is lost (${error.message === '' ? error.name : error.message})`
    : error.message;

/**
 * Postgres error codes for a temporary failure. Class 53: no disk space, memory or connections. 58: its own files.
 * 25006: it is read-only, like a standby. 57014: someone cancelled. 40: two transactions block each other. 55P03: a
 * lock was not available in time.
 */
const NOT_NOW = /^(53...|58...|25006|57014|40...|55P03)$/;

/** Whether the database failed temporarily: the request was not at fault and may be sent again after the repair. */
export const isNotNow = (error: unknown): boolean =>
  isConnectionLost(error) || (typeof error === 'object' && error !== null && NOT_NOW.test(textOf(error, 'code')));

/** Whether Postgres, or the role or the database, has as many connections as it may: nothing was executed. */
export const isOutOfConnections = (error: unknown): boolean => {
  if (typeof error !== 'object' || error === null) return false;
  if ('errors' in error && Array.isArray(error.errors) && error.errors.some(isOutOfConnections)) return true;
  return textOf(error, 'code') === '53300' || ('cause' in error && isOutOfConnections(error.cause));
};

/** Whether Postgres had too little memory for a statement: for less at once it may have enough. */
export const isOutOfMemory = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && textOf(error, 'code') === '53200';

/** Whether a statement was cancelled, or exceeded its timeout. */
export const isCancelled = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && textOf(error, 'code') === '57014';

/** Whether a table was dropped or renamed since its name was looked up. */
export const isGone = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && textOf(error, 'code') === '42P01';

/** Postgres error codes for a full disk and for a read-only database. */
const NOT_WRITABLE = /^(53100|25006)$/;

/** Whether the database can only be read: its disk is full, or it is read-only. */
export const isNotWritable = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && NOT_WRITABLE.test(textOf(error, 'code'));

const textOf = (error: object, field: 'name' | 'code' | 'message' | 'syscall'): string => {
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : '';
};
