import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { headersFor } from './answer-headers.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/** A request that Node's parser refuses, so that it never becomes one of Fastify. */
class Unparsed extends Error {
  constructor(
    readonly statusCode: number,
    message: string,
  ) {
    super(message);
  }
}

const FAULTS: Readonly<Record<string, Unparsed>> = {
  ERR_HTTP_REQUEST_TIMEOUT: new Unparsed(408, 'The request did not arrive in time. Send it again on a new connection.'),
  HPE_HEADER_OVERFLOW: new Unparsed(431, 'The headers are larger than 16 KiB. Send less in them.'),
};
const MALFORMED = new Unparsed(400, 'The request is not valid HTTP.');

/** So long the client may read the answer while it still sends: closing at once could lose the answer. */
const LINGER_MS = 500;

/** Answers what Node refuses or cuts with a problem, and closes the connection. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  // More of the same request is refused again.
  if (socket.writableEnded) return;
  if (error.code === 'ECONNRESET' || !socket.writable || hasBegun(socket)) {
    socket.destroy();
    return;
  }
  const problem = problemOf(FAULTS[error.code ?? ''] ?? MALFORMED);
  const body = JSON.stringify(problem);
  const headers = {
    ...headersFor({ id: randomUUID(), headers: {} }),
    'content-type': PROBLEM_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    date: new Date().toUTCString(),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Whether a response is being sent: another one would garble it. */
function hasBegun(socket: Socket): boolean {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return typeof response === 'object' && response !== null && Reflect.get(response, 'headersSent') === true;
}
