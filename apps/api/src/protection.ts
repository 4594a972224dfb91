import { createHash } from 'node:crypto';
import compress from '@fastify/compress';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Overloaded, TooManyRequests } from './problem.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

export interface Limits {
  /** Requests that one token, or one address without a token, may make in a minute. */
  readonly requestsPerMinute: number;
  /** Requests that are answered at once; what comes on top is refused at once, rather than answered late. */
  readonly requestsAtOnce: number;
}

/** Below this the bytes saved are not worth the time. */
const COMPRESS_FROM_BYTES = 1024;
/** Probes and metrics are looked at when all else is too much. */
export const isWatched = (url: string): boolean => url.startsWith('/health/') || url.startsWith('/metrics');

/** Headers, compression, and what sheds load. Registered before any route. */
export function protect(fastify: Fastify, { requestsPerMinute, requestsAtOnce }: Limits): void {
  shedAbove(fastify, requestsAtOnce);
  void fastify.register(helmet, {
    // Pages load nothing from elsewhere and run nothing inline; nothing may frame them.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
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
  void fastify.register(compress, { encodings: ['gzip', 'deflate'], threshold: COMPRESS_FROM_BYTES, inflateIfDeflated: false });
  void fastify.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    // A token is a secret: it is not kept.
    keyGenerator: ({ headers, ip }) => (headers.authorization === undefined ? ip : createHash('sha256').update(headers.authorization).digest('base64url')),
    allowList: ({ url }) => isWatched(url),
    errorResponseBuilder: (_request, { ttl, max }) => new TooManyRequests(`more than ${max} requests in a minute: go on in ${Math.ceil(ttl / 1000)} s`),
  });
}

/** A queue that grows makes every answer late, and then useless: above so many at once, who comes is told to come again. */
function shedAbove(fastify: Fastify, requestsAtOnce: number): void {
  let underWay = 0;
  const counted = new WeakSet<object>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (isWatched(request.url) || underWay < requestsAtOnce) {
      underWay += 1;
      counted.add(request);
      done();
      return;
    }
    done(new Overloaded(`${requestsAtOnce} requests are being answered: nothing was done of this one; send it again`));
  });
  fastify.addHook('onResponse', (request, _reply, done) => {
    if (counted.delete(request)) underWay -= 1;
    done();
  });
}
