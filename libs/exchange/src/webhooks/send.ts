import { lookup } from 'node:dns';
import type http from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { errorOf, invalid } from '#domain/errors';

/** The endpoint has so long to answer, from the first attempt to connect to the end of its answer. */
const TIMEOUT_MS = 15_000;
/** Of an answer, so much is kept. The rest is not read. */
const MOST_KEPT = 500;

export interface Outgoing {
  readonly headers: http.OutgoingHttpHeaders;
  readonly body: string;
  /** Whether the endpoint may be in a private network. */
  readonly allowsPrivate: boolean;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
}

/** What came of an attempt. */
export interface Answer {
  /** null: there was none. */
  readonly status: number | null;
  /** null: the endpoint took the message. */
  readonly problem: string | null;
  /** What the endpoint asks for, in seconds; null: nothing. */
  readonly retryAfterS: number | null;
}

const PRIVATE =
  'is in a private network. Webhooks are sent there only if the worker runs with' +
  ' LEDGERLINE_WEBHOOK_PRIVATE_NETWORKS=allow.';

/**
 * The URL in its usual form. Errors: `invalid_input`, for one that nothing can be sent to. Without TLS, messages may be
 * sent only within a private network: to an address of one, or to a name without a dot.
 */
export function deliverable(command: string, text: string): string {
  const refused = (message: string) =>
    invalid('invalid_input', `${command}: url ${message}`, [{ field: 'url', message }]);
  if (/[\p{Cc}\p{Cf}\s]/u.test(text)) throw refused('has a space or a character that is not shown. Remove it');
  if (!URL.canParse(text)) throw refused('is not a URL. Give one such as https://books.example/ledgerline');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw refused('has a user or a password. Omit them: messages are signed');
  if (url.protocol === 'https:') return url.href;
  const host = hostOf(url);
  const isInside = isIP(host) === 0 ? !host.includes('.') : !isPublicAddress(host);
  if (url.protocol !== 'http:' || !isInside) throw refused('must begin with https://');
  return url.href;
}

/** Whether an address is reachable from everywhere. */
function isPublicAddress(address: string): boolean {
  const parsed = ipaddr.process(address);
  // An old form of IPv4 in IPv6: ::127.0.0.1.
  const isCompatible = parsed instanceof ipaddr.IPv6 && parsed.parts.slice(0, 6).every((part) => part === 0);
  return parsed.range() === 'unicast' && !isCompatible;
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** Finds only public addresses. The address that was checked is the one that is used. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) {
      callback(error, '', 0);
      return;
    }
    const open = found.filter(({ address }) => isPublicAddress(address));
    const [first] = open;
    if (first === undefined) callback(new Error(`${hostname} ${PRIVATE}`), '', 0);
    else if (options.all === true) callback(null, open);
    else callback(null, first.address, first.family);
  });
};

/**
 * Sends a message by POST. Any answer from 200 to 299 takes it. Redirects are not followed: the endpoint that was
 * registered is the one that receives.
 */
export async function send(
  target: string,
  { headers, body, allowsPrivate, signal }: Outgoing,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer> {
  const url = new URL(target);
  const host = hostOf(url);
  if (!allowsPrivate && (url.protocol === 'http:' || (isIP(host) !== 0 && !isPublicAddress(host))))
    return failed(`${host} ${PRIVATE}`);
  const { promise, resolve } = Promise.withResolvers<Answer>();
  // Only here: an import of these loads much more of Node, and a command that sends nothing would wait for it.
  const client = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  const request = client.request(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    // No connection is kept: an endpoint may be asked once a day.
    agent: false,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    ...(allowsPrivate ? {} : { lookup: publicLookup }),
  });
  request.on('error', (error) => {
    if (!hasAnswer)
      resolve(failed(error.name === 'TimeoutError' || error.name === 'AbortError' ? slow(timeoutMs) : error.message));
  });
  // An answer that ends without a status, or asks for another protocol.
  request.on('upgrade', (_response, socket) => {
    socket.destroy();
  });
  request.on('close', () => {
    if (!hasAnswer) resolve(failed('the connection ended before an answer came'));
  });
  let hasAnswer = false;
  request.on('response', (response) => {
    hasAnswer = true;
    void answerOf(response, timeoutMs).then(resolve);
  });
  request.end(body);
  return promise;
}

const failed = (problem: string): Answer => ({ status: null, problem, retryAfterS: null });
const slow = (timeoutMs: number): string => `no complete answer within ${timeoutMs / 1000} s`;

async function answerOf(response: http.IncomingMessage, timeoutMs: number): Promise<Answer> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) {
    response.destroy();
    return { status, problem: null, retryAfterS: null };
  }
  const retryAfterS = retryAfter(response.headers['retry-after']);
  try {
    return { status, problem: `HTTP ${status}: ${await beginningOf(response)}`, retryAfterS };
  } catch (error) {
    const { name, message } = errorOf(error);
    return { status, problem: `HTTP ${status}: ${name === 'AbortError' ? slow(timeoutMs) : message}`, retryAfterS };
  }
}

async function beginningOf(response: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length >= MOST_KEPT) break;
  }
  // Postgres stores no NUL.
  return text.slice(0, MOST_KEPT).replaceAll('\0', '');
}

/** Only seconds are understood. */
const retryAfter = (header: string | undefined): number | null =>
  header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : null;
