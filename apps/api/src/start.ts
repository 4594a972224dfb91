import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { Server, ServerResponse } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import pino, { type Logger } from 'pino';
import { errorOf, invalid } from '#domain/errors';
import { ownerOf } from '#ledger/caller';
import { LedgerCore } from '#ledger/ledger-core';
import { Ledger } from '#operations/ledger';
import { isTokenRevoked } from '#operations/tokens';
import { admit, type Crowds } from './admission.js';
import { headersFor } from './answer-headers.js';
import { AppModule } from './app.module.js';
import { Arrivals } from './auth/arrivals.js';
import { Revocations } from './auth/revocations.js';
import { TokenReader } from './auth/token.js';
import { maxBytesOf, repetitionIn, valuesOfBody } from './bodies.js';
import { answerClientError, assertAnswerable } from './client-errors.js';
import { type Clock, systemClock } from './clock.js';
import { Crowd } from './crowd.js';
import { EVENT_TYPE, EVENTS_TYPE } from './cloud-event.js';
import type { ApiSettings } from './environment.js';
import { tagReads } from './etag.js';
import { Failures, NOT_WRITABLE } from './failures.js';
import { refuseFloods, type Routed } from './floods.js';
import { limitSockets } from './graphql/socket-limits.js';
import { checkMessages } from './graphql/socket-messages.js';
import { givenId, isAscii, POSITION, type Request, V1 } from './http.js';
import { logRequests, NestLogger } from './logger.js';
import { answerProblem } from './problem.filter.js';
import type { PlacesOfRequests } from './places.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';
import { cutSlowReaders, protect } from './protection.js';
import { mayUpgrade, RequestEnds } from './request-ends.js';
import { Routes } from './routes.js';
import { Telemetry } from './telemetry/telemetry.js';

export interface ApiOptions extends ApiSettings {
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface RunningApi {
  /** `http://127.0.0.1:3000` */
  readonly url: string;
  /** Finishes the open requests, then closes the connections of the ledger. */
  close(): Promise<void>;
}

/** An id has at most 512 characters, each up to twelve when escaped. Fastify's default is 100. */
const MAX_PARAM_CHARS = 6144;

/** Their bodies may be lists. Each item has its own outcome, whatever is in the others. */
const LISTS: ReadonlySet<string> = new Set([`/${V1}/usage`, `/${V1}/commands`]);

/** Enough for the largest body at 2 Mbit/s. */
const TRANSFER_MS = 60_000;
/** A connection without the headers of a request is closed after this time. */
const HEADERS_MS = 10_000;
/** How often Node looks for connections that are too slow. */
const CHECKING_MS = 1000;

/** Slows down who asks again at once: refused without a wait, four connections asked 200 times a second. */
const EXPENSIVE_PATIENCE_MS = 1000;

/** So long a request may be under way on a connection that is idle for the server. */
const LAST_REQUESTS_MS = 500;

/**
 * Nest sets its error handler at the end of the start. A plugin loaded before (GraphQL's) makes Fastify use the handler
 * that is set by then for every route. So the handler is set first, and Nest's call does nothing.
 */
class Adapter extends FastifyAdapter {
  override setErrorHandler() {
    return this.instance;
  }
}

/** The path is decoded, and checked, before any hook. */
function assertUtf8(url: string): void {
  try {
    const [, query = ''] = url.split(/\?(.*)/s);
    if (query.includes('%')) decodeURIComponent(query);
    if (isAscii(url)) return;
  } catch {
    // Answered below.
  }
  throw invalid('malformed_request', 'The URL must be ASCII, with other characters percent-encoded in UTF-8.');
}

const notUtf8 = () =>
  invalid('malformed_request', 'The body is not text in UTF-8, as JSON must be (RFC 8259). Encode it in UTF-8.');

/** The places that callers who ask for much have in any case, together and on average. */
const LEAST_OF_WORK = 0.2;
/** Readings are what is billed. */
const LEAST_OF_USAGE = 1;

/** Where others hold as many places on average as a quarter of these, the database is busy with them. */
function crowdsOf({ queriesAtOnce, stopwatch }: ApiSettings): Crowds {
  const together = new Set<Crowd>();
  const crowd = (atLeast: number): Crowd => new Crowd({ enough: queriesAtOnce / 4, atLeast }, stopwatch, together);
  return { usage: crowd(LEAST_OF_USAGE), work: crowd(LEAST_OF_WORK) };
}

/** Creates the Nest application, without listening. */
export async function createApi(
  {
    logLevel = 'info',
    logger = pino({ name: 'ledgerline-api', level: logLevel }, pino.destination(2)),
    clock = systemClock,
    ...settings
  }: ApiOptions,
  ends = new RequestEnds(),
): Promise<NestFastifyApplication> {
  const { transferMs = TRANSFER_MS } = settings;
  const adapter = new Adapter({
    bodyLimit: maxBytesOf(undefined),
    trustProxy: settings.trustedProxies ?? false,
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    genReqId: ({ headers }: Pick<Request, 'headers'>) => givenId(headers, 'x-request-id') ?? randomUUID(),
    requestTimeout: transferMs,
    http: {
      headersTimeout: Math.min(transferMs, HEADERS_MS),
      connectionsCheckingInterval: Math.min(transferMs, CHECKING_MS),
      shouldUpgradeCallback: mayUpgrade,
      requireHostHeader: false,
    },
    clientErrorHandler: answerClientError,
    // An invalid URL has no route, so neither hooks nor filters run for it.
    frameworkErrors: (
      error: Error,
      request: Pick<Request, 'id' | 'headers'>,
      { raw }: { readonly raw: ServerResponse },
    ) => {
      const problem = problemOf(error);
      raw
        .writeHead(problem.status, { ...headersFor(request), 'content-type': PROBLEM_TYPE })
        .end(JSON.stringify(problem));
    },
  });
  const fastify = adapter.getInstance();
  const failures = new Failures(logger);
  const telemetry = new Telemetry(settings.otlpEndpoint);
  ends.attach(fastify);
  fastify.setErrorHandler((error, request, reply) => answerProblem(error, request, reply, failures));
  // Before the routes, which are added when the application starts.
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit = maxBytesOf(route.url);
  });
  // The API accepts only JSON. Nest's parsers would also accept forms.
  fastify.removeContentTypeParser('text/plain');
  // The parser of JSON, which rejects poisoned prototypes. In a list they are rejected item by item, by the schemas.
  // Bytes that are not UTF-8 would become U+FFFD, and two ids one.
  const parseWhole = fastify.getDefaultJsonParser('error', 'error');
  const parseList = fastify.getDefaultJsonParser('ignore', 'ignore');
  fastify.removeContentTypeParser('application/json');
  fastify.addContentTypeParser<Buffer>(
    ['application/json', EVENT_TYPE, EVENTS_TYPE],
    { parseAs: 'buffer' },
    (request, body, done) => {
      const { url } = request.routeOptions;
      const isList = LISTS.has(url ?? '');
      const parseJson = isList ? parseList : parseWhole;
      try {
        if (!isUtf8(body)) throw notUtf8();
        const json = body.toString('utf8');
        const values = valuesOfBody(json, url);
        void parseJson(request, json, (error, parsed) => {
          done(error ?? repetitionIn(json, values, parsed, isList), parsed);
        });
      } catch (error) {
        done(errorOf(error));
      }
    },
  );
  fastify.addHook('onRequest', (request, reply, next) => {
    void reply.headers(headersFor(request));
    next();
  });
  telemetry.attach(fastify, ends);
  // After what counts the requests: a refused one is counted too.
  fastify.addHook('onRequest', (request, _reply, next) => {
    assertAnswerable(request);
    assertUtf8(request.url);
    next();
  });
  limitSockets(fastify);
  checkMessages(fastify);
  fastify.server.on('checkExpectation', (request, response) => fastify.server.emit('request', request, response));
  tagReads(fastify);
  fastify.addHook('onSend', (request, reply, payload, done) => {
    // Something was recorded.
    if (LISTS.has(request.routeOptions.url ?? '') && reply.statusCode === 200 && reply.hasHeader(POSITION))
      failures.forget(NOT_WRITABLE);
    done(null, payload);
  });
  const tokens = new TokenReader(settings.jwtSecret, settings.jwksUrl, settings.tokenRules);
  const arrivals = new Arrivals(tokens, clock);
  arrivals.attach(fastify);
  const onShed = (): void => {
    telemetry.metrics.shed.inc();
  };
  // Requests come after the application has started.
  const isOpen: (request: Routed) => boolean = ({ method, routeOptions }) =>
    app.get(Routes).accessOf(method, routeOptions.url)?.roles === 'everyone';
  const { isRefused, connections } = refuseFloods(fastify, settings, { arrivals, isOpen, onRefused: onShed });
  logRequests(ends, logger, isRefused);
  protect(fastify, settings, arrivals);
  cutSlowReaders(fastify, transferMs);
  const crowds = crowdsOf(settings);
  const placesOf: PlacesOfRequests = new WeakMap();
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot({
      ...settings,
      logger,
      clock,
      telemetry,
      tokens,
      arrivals,
      crowd: crowds.work,
      placesOf,
      failures,
      connections,
    }),
    adapter,
    {
      logger: new NestLogger(logger),
      bodyParser: false,
      abortOnError: false,
    },
  );
  const [ledger, core] = [app.get(Ledger), app.get(LedgerCore)];
  tokens.refuseRevoked(new Revocations(async (tokenId) => isTokenRevoked(core, tokenId)));
  ledger.expensive.behave({
    patienceMs: EXPENSIVE_PATIENCE_MS,
    pauseAfter: async (workMs, caller) =>
      caller.role === 'platform_admin' ? undefined : crowds.work.pauseAfter(workMs, ownerOf(caller)),
  });
  admit(fastify, settings, { arrivals, routes: app.get(Routes), ledger, ends, crowds, placesOf, onShed });
  return app;
}

export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const ends = new RequestEnds();
  const app = await createApi(options, ends);
  try {
    await app.listen(options.port, options.host);
    const close = async (): Promise<void> => {
      ends.closing();
      // Node closes idle connections at once. A client whose request is under way on one gets a reset, not an answer.
      const server: Server = app.getHttpServer();
      const closeIdle = server.closeIdleConnections.bind(server);
      server.closeIdleConnections = () => void setTimeout(closeIdle, LAST_REQUESTS_MS);
      await app.close();
    };
    return { url: await app.getUrl(), close };
  } catch (error) {
    await app.close();
    throw error;
  }
}
