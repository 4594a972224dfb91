import { createHash } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { STALE_SINCE, V1 } from './http.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/**
 * Adds an ETag made of the content to reads. A request with `If-None-Match` gets 304 if the content is the same.
 * Responses are private and change at any time: clients may keep them but must revalidate.
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
    // Weak: the compressed response has the same content.
    // A 304 can't remove a header from what a browser has kept: what is stale and what is not have different tags.
    const content = `${String(reply.getHeader(STALE_SINCE) ?? '')} ${payload}`;
    const tag = `W/"${createHash('sha256').update(content).digest('base64url').slice(0, 27)}"`;
    void reply.header('etag', tag).header('cache-control', 'private, no-cache');
    if (!isAmong(request.headers['if-none-match'], tag)) {
      done(null, payload);
      return;
    }
    void reply.code(304).removeHeader('content-type').removeHeader('content-length');
    // For HEAD, the body is not sent but its length is.
    done(null, request.method === 'HEAD' ? payload : '');
  });
}

/** RFC 9110, 13.1.2: a list of tags, compared weakly. */
const isAmong = (given: string | undefined, tag: string): boolean =>
  given !== undefined &&
  given.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === tag.slice(2));
