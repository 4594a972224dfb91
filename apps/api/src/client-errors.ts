import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import { invalid } from '#domain/errors';
import { headersFor } from './answer-headers.js';
import { ExpectationFailed, PROBLEM_TYPE, problemOf } from './problem.js';

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

/**
 * Headers that mean one thing. Node takes the first Authorization and Content-Type of several, and joins the others: a
 * proxy may have looked at another one. It refuses two lengths itself.
 */
const SINGLE: ReadonlySet<string> = new Set([
  ...['authorization', 'content-type', 'host', 'idempotency-key', 'origin', 'traceparent'],
  ...['x-correlation-id', 'x-request-id'],
]);

function assertSingle({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const known = name.toLowerCase();
    // `ce-`: an attribute of a CloudEvent.
    if (!SINGLE.has(known) && !known.startsWith('ce-')) continue;
    if (seen.has(known)) throw invalid('malformed_request', `The header ${name} came more than once. Send it once.`);
    seen.add(known);
  }
}

/**
 * Node would answer some of these requests itself, without a body. Errors: `malformed_request`;
 * `unsupported_media_type`; ExpectationFailed (417).
 */
export function assertAnswerable({ raw }: { readonly raw: IncomingMessage }): void {
  assertSingle(raw);
  if (raw.headers.host === undefined && raw.httpVersion === '1.1')
    throw invalid('malformed_request', 'The request has no Host header, which HTTP/1.1 requires.');
  if (raw.headers.expect !== undefined && !/^100-continue$/i.test(raw.headers.expect))
    throw new ExpectationFailed('Only Expect: 100-continue is supported. Send the request without this header.');
  const encoding = raw.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new UnsupportedMediaTypeException('Content-Encoding is not supported. Send the body as it is.');
}

/** Whether a response is being sent: another one would garble it. */
function hasBegun(socket: Socket): boolean {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return typeof response === 'object' && response !== null && Reflect.get(response, 'headersSent') === true;
}
