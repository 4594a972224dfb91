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
  /** Requests that one token may make in a minute, or one address without a token or with refused ones. */
  readonly requestsPerMinute: number;
  /** Requests that are answered at once; what comes on top waits for a moment, and is then refused rather than answered late. */
  readonly requestsAtOnce: number;
  /** How long it waits, in milliseconds; 250 unless given. */
  readonly patienceMs?: number;
}

/** Below this the bytes saved are not worth the time. */
const COMPRESS_FROM_BYTES = 1024;
/** Probes and metrics are looked at when all else is too much. */
export const isWatched = (url: string): boolean => url.startsWith('/health/') || url.startsWith('/metrics');

/** Headers, compression, and a limit for each who asks. Registered before any route. */
export function protect(
  fastify: Fastify,
  { requestsPerMinute }: Limits,
  goodTokenIn: (authorization: string | undefined) => Promise<string | undefined>,
): void {
  void fastify.register(helmet, {
    // Pages load nothing from elsewhere and run nothing inline; nothing may frame them. A document has its one style within.
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
    // On loopback there is no TLS; whoever ends TLS in front says so.
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
    // By a token that was not checked yet, whoever makes one up for each request would never be at the end. A token is a secret: it is not kept.
    keyGenerator: async ({ headers, ip }) => {
      const token = await goodTokenIn(headers.authorization);
      return token === undefined ? ip : createHash('sha256').update(token).digest('base64url');
    },
    allowList: ({ url }) => isWatched(url),
    errorResponseBuilder: (_request, { ttl, max }) =>
      new TooManyRequests(`more than ${max} requests in a minute: go on in ${Math.ceil(ttl / 1000)} s`),
  });
}

/** The answer is made once: what sheds load must cost next to nothing. */
const OVERLOADED = JSON.stringify(
  problemOf(
    new Overloaded(
      'as many requests as can be answered in time are being answered: nothing was done of this one; send it again',
    ),
  ),
);

/**
 * A burst is answered, and who sends the same again at once, as many do who are refused, is held up. Refused at once, they came so often
 * that hardly anything was done but refusing them.
 */
const PATIENCE_MS = 250;

/**
 * A queue that grows makes every answer late, and then useless: above so many at once, who comes waits for a place for a moment, and is
 * then told to come again. To be registered before any other hook. Probes are answered always, and a WebSocket is no request under way.
 */
export function shedAbove(
  fastify: Fastify,
  { requestsAtOnce, patienceMs = PATIENCE_MS }: Limits,
  ends: RequestEnds,
  onShed: () => void,
): void {
  const answering = new WeakSet<object>();
  /** In the order in which they came: what lets each go on. */
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
  ends.tell((request) => {
    if (!answering.delete(request)) return;
    underWay -= 1;
    const [next] = line;
    next?.();
  });
}
