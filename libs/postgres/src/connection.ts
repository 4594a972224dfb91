/** What Node says of a socket: the server is not there, not reachable, or went away. */
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
/**
 * What the server says. Class 08: connection, but for 08P01, which is a message of ours that it can't read. 57P: it
 * stops, starts, drops the database, or ended an idle session. 53300: no connection is free. 3D000: no such database
 * (yet, or again).
 */
const SERVER_CODE = /^(08(?!P01)...|57P0.|53300|3D000)$/;
/** What pg throws when its socket is gone: plain errors without a code. */
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
 * Whether an error says that the connection to the database is lost, or could not be had: nothing is wrong with what
 * was asked, and it may be asked again. What a write came to is unknown then. The one definition, for the log, the
 * projections and the API alike.
 */
export function isConnectionLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  // Node's error of several attempts to connect.
  if (textOf(error, 'name') === 'AggregateError' && 'errors' in error && Array.isArray(error.errors))
    return error.errors.some(isConnectionLost);
  const code = textOf(error, 'code');
  return SOCKET_CODES.includes(code) || SERVER_CODE.test(code) || MESSAGES.test(textOf(error, 'message'));
}

/**
 * What the server says where it can't do its work for now, whatever it is asked: class 53, no disk, memory or
 * connections; 58, its own files; 25006, it is read-only, as a standby is; 57014, someone cancelled; 40, two
 * transactions in each other's way; 55P03, a lock that was not had in time.
 */
const NOT_NOW = /^(53...|58...|25006|57014|40...|55P03)$/;

/**
 * Whether the database could not do it now, and nothing is wrong with what was asked: it may be asked again once that
 * is mended.
 */
export const isNotNow = (error: unknown): boolean =>
  isConnectionLost(error) || (typeof error === 'object' && error !== null && NOT_NOW.test(textOf(error, 'code')));

const textOf = (error: object, field: 'name' | 'code' | 'message'): string => {
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : '';
};
