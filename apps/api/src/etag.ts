import { createHash } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { V1 } from './http.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/**
 * What a read answers has a tag, of its content: asked again with `If-None-Match`, it is 304 while it is the same. Figures as of now
 * and someone's own: kept by who asked, and asked for again each time.
 */
export function tagReads(fastify: Fastify): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (
      !['GET', 'HEAD'].includes(request.method) ||
      reply.statusCode !== 200 ||
      typeof payload !== 'string' ||
      !request.url.startsWith(`/${V1}/`)
    ) {
      done(null, payload);
      return;
    }
    // Weak: compressed or not, it says the same.
    const tag = `W/"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`;
    void reply.header('etag', tag).header('cache-control', 'private, no-cache');
    if (!isAmong(request.headers['if-none-match'], tag)) {
      done(null, payload);
      return;
    }
    void reply.code(304).removeHeader('content-type').removeHeader('content-length');
    // Of HEAD, the body that is not sent is still measured.
    done(null, request.method === 'HEAD' ? payload : '');
  });
}

/** RFC 9110, 13.1.2: a list of tags, compared weakly. */
const isAmong = (given: string | undefined, tag: string): boolean =>
  given !== undefined &&
  given.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === tag.slice(2));
