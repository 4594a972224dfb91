import { createHash } from 'node:crypto';
import compress from '@fastify/compress';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DOCUMENT_STYLE_SOURCE } from '#exchange/documents/page';
import { isUpgrade, type RequestEnds } from './request-ends.js';
import { Overloaded, PROBLEM_TYPE, problemOf, TooManyRequests } from './problem.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

export interface Limits {
  /** Requests per minute of one token, or of one address without a valid token. */
  readonly requestsPerMinute: number;
  /** Requests processed at the same time. A request above this limit waits for a short time and is then refused. */
  readonly requestsAtOnce: number;
  /** How long such a request waits, in milliseconds. Default: 250. */
  readonly patienceMs?: number;
}

/** Compressing smaller responses is not worth the time. */
const COMPRESS_FROM_BYTES = 1024;
/** Probes and metrics must work under overload. */
export const isWatched = (url: string): boolean => url.startsWith('/health/') || url.startsWith('/metrics');

/** Sets security headers, compression, and the rate limit. Registered before any route. */
export function protect(
  fastify: Fastify,
  { requestsPerMinute }: Limits,
  goodTokenIn: (authorization: string | undefined) => Promise<string | undefined>,
): void {
  void fastify.register(helmet, {
    // Pages load nothing external, have no inline script, and can't be framed. A document has one inline style.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", DOCUMENT_STYLE_SOURCE],
        connectSrc: ["'self'"],
        imgSrc: ['data:'],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // There is no TLS on loopback. A proxy that ends TLS sets this header.
    strictTransportSecurity: false,
  });
  void fastify.register(compress, {
    encodings: ['gzip', 'deflate'],
    threshold: COMPRESS_FROM_BYTES,
    inflateIfDeflated: false,
  });
  void fastify.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    // Only a valid token has its own limit: made-up tokens would each get a new one. The key is a hash, because a token
    // is a secret.
    keyGenerator: async ({ headers, ip }) => {
      const token = await goodTokenIn(headers.authorization);
      return token === undefined ? ip : createHash('sha256').update(token).digest('base64url');
    },
    allowList: ({ url }) => isWatched(url),
    errorResponseBuilder: (_request, { ttl, max }) =>
      new TooManyRequests(`More than ${max} requests in a minute. Retry after ${Math.ceil(ttl / 1000)} s.`),
  });
}

/** Built once: refusing load must cost next to nothing. */
const OVERLOADED = JSON.stringify(
  problemOf(new Overloaded('Server busy. This request was not processed; retry after 1 s.')),
);

/**
 * A short wait absorbs bursts, and slows down clients that retry at once. Without it, such clients retried so often
 * that the server did little but refuse.
 */
const PATIENCE_MS = 250;

/**
 * Refuses load above a limit: a growing queue would make every response late. Must be registered before any other hook.
 * Probes are exempt, and an open WebSocket does not count as a request.
 */
export function shedAbove(
  fastify: Fastify,
  { requestsAtOnce, patienceMs = PATIENCE_MS }: Limits,
  ends: RequestEnds,
  onShed: () => void,
): void {
  const answering = new WeakSet<object>();
  /** Waiting requests in order of arrival. Calling an entry lets it continue. */
  const line = new Set<() => void>();
  let underWay = 0;
  fastify.addHook('onRequest', (request, reply, done) => {
    if (isWatched(request.url) || isUpgrade(request)) {
      done();
      return;
    }
    const enter = (): void => {
      underWay += 1;
      answering.add(request);
      done();
    };
    if (underWay < requestsAtOnce) {
      enter();
      return;
    }
    const leave = (): void => {
      line.delete(goOn);
      clearTimeout(timer);
    };
    const goOn = (): void => {
      leave();
      enter();
    };
    const timer = setTimeout(() => {
      leave();
      onShed();
      reply.raw
        .writeHead(503, { 'content-type': PROBLEM_TYPE, 'retry-after': '1', 'x-request-id': request.id })
        .end(OVERLOADED);
      reply.hijack();
    }, patienceMs);
    line.add(goOn);
    reply.raw.once('close', leave);
  });
  ends.onEnd((request) => {
    if (!answering.delete(request)) return;
    underWay -= 1;
    const [next] = line;
    next?.();
  });
}
