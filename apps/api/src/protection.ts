import { createHash } from 'node:crypto';
import compress from '@fastify/compress';
import rateLimit from '@fastify/rate-limit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Arrivals } from './auth/arrivals.js';
import type { Stopwatch } from './crowd.js';
import { TooManyRequests } from './problem.js';
import { isUpgrade, isWatched } from './request-ends.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

export interface Limits {
  /** Requests per minute of one token. */
  readonly requestsPerMinute: number;
  /** Requests with usage processed at the same time. A further one waits for a short time and is then refused. */
  readonly requestsAtOnce: number;
  /** The same for all requests but those with usage. */
  readonly queriesAtOnce: number;
  /** The same for one tenant, or one actor that belongs to none. Default: a quarter, or half. */
  readonly requestsAtOncePerTenant?: number;
  /** How long such a request waits, in milliseconds. Default: 250 with usage, else 2000. */
  readonly patienceMs?: number;
  /** The longest time in which a client may send a request, or read its response. Default: a minute. */
  readonly transferMs?: number;
  /** Measures how long requests take. Default: the clock of the process. */
  readonly stopwatch?: Stopwatch;
}

/** Compressing smaller responses is not worth the time. */
const COMPRESS_FROM_BYTES = 1024;
/** Sets compression and the rate limit. Registered before any route. */
export function protect(fastify: Fastify, { requestsPerMinute }: Limits, arrivals: Pick<Arrivals, 'tokenOf'>): void {
  void fastify.register(compress, {
    encodings: ['gzip', 'deflate'],
    threshold: COMPRESS_FROM_BYTES,
    inflateIfDeflated: false,
    // 16 kB of gzip can be 16 MB of JSON, which no limit of bytes would see.
    globalDecompression: false,
  });
  void fastify.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    // A hash, because a token is a secret.
    keyGenerator: (request) =>
      createHash('sha256')
        .update(arrivals.tokenOf(request) ?? '')
        .digest('base64url'),
    // Requests without a valid token have a limit by address: made-up tokens would each get a new one.
    allowList: (request) => isWatched(request.url) || arrivals.tokenOf(request) === undefined,
    errorResponseBuilder: (_request, { ttl, max }) =>
      new TooManyRequests(`More than ${max} requests in a minute. Retry after ${Math.ceil(ttl / 1000)} s.`),
  });
}

/** Closes the connection of a client that has not read its response in time. Node waits without end for it. */
export function cutSlowReaders(fastify: Fastify, transferMs: number): void {
  fastify.addHook('onSend', (request, { raw }, payload, done) => {
    if (!isUpgrade(request) && !raw.closed) {
      const timer = setTimeout(() => request.raw.socket.destroy(), transferMs).unref();
      raw.once('close', () => {
        clearTimeout(timer);
      });
    }
    done(null, payload);
  });
}
