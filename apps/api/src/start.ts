import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import pino, { type Logger } from 'pino';
import { DOCUMENT_STYLE_SOURCE } from '#ledger/documents/page';
import { AppModule } from './app.module.js';
import { type Clock, systemClock } from './clock.js';
import type { ApiSettings } from './environment.js';
import { NestLogger } from './logger.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

export interface ApiOptions extends ApiSettings {
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface RunningApi {
  /** `http://127.0.0.1:3000` */
  readonly url: string;
  /** What is being answered is answered; then the ledger's connections are closed. */
  close(): Promise<void>;
}

/** A complete cost invoice or listing fits; what is larger is sent in parts, or by backfill. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** An id is at most 512 characters, each up to twelve when escaped; Fastify's own limit is 100. */
const MAX_PARAM_CHARS = 6144;
/** Correlation ids go into the log for ever: one that is given must look like one. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Pages load nothing from elsewhere and run nothing inline; nothing may frame them. A document has its one style within. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'self' ${DOCUMENT_STYLE_SOURCE}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // Figures as of now, and someone's own: neither a proxy nor a browser keeps them.
  'cache-control': 'no-store',
};

/** The Nest application, not listening yet. */
export async function createApi({
  logger = pino({ name: 'ledgerline-api' }, pino.destination(2)),
  clock = systemClock,
  ...settings
}: ApiOptions): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    genReqId: ({ headers }: { readonly headers: Readonly<Record<string, string | string[] | undefined>> }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    // A URL that can't be read has no route, so it comes by no hook and no filter.
    frameworkErrors: (error: Error, _request: unknown, { raw }: { readonly raw: ServerResponse }) => {
      const problem = problemOf(error);
      raw.writeHead(problem.status, { ...HEADERS, 'content-type': PROBLEM_TYPE }).end(JSON.stringify(problem));
    },
  });
  const fastify = adapter.getInstance();
  // JSON is all that the API takes; Nest's own parsers would also take forms.
  fastify.removeContentTypeParser('text/plain');
  fastify.addHook('onRequest', (request, reply, next) => {
    void reply.headers({ ...HEADERS, 'x-request-id': request.id });
    next();
  });
  return NestFactory.create<NestFastifyApplication>(AppModule.forRoot({ ...settings, logger, clock }), adapter, {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
}

export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const app = await createApi(options);
  try {
    await app.listen(options.port, options.host);
    return { url: await app.getUrl(), close: () => app.close() };
  } catch (error) {
    await app.close();
    throw error;
  }
}
