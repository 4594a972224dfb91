import { AsyncResource } from 'node:async_hooks';
import { type Readable, Transform } from 'node:stream';
import { NotFoundException } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { errorOf } from '#domain/errors';
import { type Caller, ownerOf } from '#ledger/caller';
import type { Ledger } from '#operations/ledger';
import { headersFor } from './answer-headers.js';
import { type Access, assertAllowed } from './auth/access.js';
import type { Arrivals } from './auth/arrivals.js';
import type { Crowd } from './crowd.js';
import { type Request, V1 } from './http.js';
import { type Applicant, Places, type PlacesOfRequests } from './places.js';
import { HungUp, Overloaded, PROBLEM_TYPE, problemOf, TooManyRequests } from './problem.js';
import type { Limits } from './protection.js';
import { isUpgrade, isWatched, type RequestEnds } from './request-ends.js';
import type { Routes } from './routes.js';
import { Unread } from './unread.js';
import { pollIn, waitingIn } from './wait-for.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;
/** The parts of Fastify's request that say which route it is for. */
type Arrived = Pick<Request, 'method' | 'url'> & {
  readonly raw: object;
  readonly routeOptions: { readonly url?: string | undefined };
};

/** Who uses how many places: those of usage, and those of all other work. */
export interface Crowds {
  readonly usage: Crowd;
  readonly work: Crowd;
}

/** What requests pass on their way in. */
interface Way {
  readonly arrivals: Arrivals;
  readonly routes: Pick<Routes, 'accessOf'>;
  readonly ledger: Pick<Ledger, 'waitFor' | 'waitBeyond'>;
  readonly ends: RequestEnds;
  readonly crowds: Crowds;
  readonly placesOf: PlacesOfRequests;
  readonly onShed: () => void;
}

/**
 * A short wait absorbs bursts, and slows down clients that retry at once. Without it, such clients retried so often
 * that the server did little but refuse.
 */
const PATIENCE_MS = 250;
/** A query takes longer than a few readings, and a page may send more of them than the share of its tenant. */
const WORK_PATIENCE_MS = 2000;
const USAGE = `/${V1}/usage`;

/** A body is large when more than this of it has arrived. It is in memory until the work is done. */
const LARGE_BYTES = 256 * 1024;
const LARGE_BODIES = 16;
/** Reads of one owner that wait for a position at the same time. Each asks the database while it waits. */
const WAITS_PER_OWNER = 16;
/** The same of all owners. */
const WAITS = 256;

/** Built once: refusing load must cost next to nothing. */
const refusal = (error: Error): { readonly status: number; readonly text: string } => {
  const problem = problemOf(error);
  return { status: problem.status, text: JSON.stringify(problem) };
};
const BUSY = refusal(new Overloaded('Server busy. This request was not processed; retry after 1 s.'));
const OVER_SHARE = refusal(
  new TooManyRequests('Too many requests at the same time. This request was not processed; retry after 1 s.'),
);

/**
 * Lets requests in, in this order: the token (401) before the body is read, the body, the position that a read waits
 * for, and then a place. So nobody holds a place without a token, or while it is idle. Probes are exempt, and so is
 * what is open to all: it costs little. An open WebSocket does not count as a request.
 */
export function admit(fastify: Fastify, limits: Limits, way: Way): void {
  const { arrivals, routes } = way;
  const accessOf = ({ method, routeOptions }: Arrived): Access | undefined => routes.accessOf(method, routeOptions.url);
  const isOpen = (request: Arrived): boolean =>
    isWatched(request.url) || isUpgrade(request) || accessOf(request)?.roles === 'everyone';

  const takeLarge = largeBodies(fastify, way.ends);
  fastify.addHook('preParsing', (request, reply, payload, done) => {
    try {
      // Its end was reported before: nobody would hear of it again, and its body never ends.
      if (reply.raw.closed) throw new HungUp();
      if (request.is404) throw new NotFoundException(`Cannot ${request.method} ${request.url}`);
      if (!isOpen(request)) {
        const caller = arrivals.callerOf(request);
        const access = accessOf(request);
        // Before the body: reading a large one takes seconds.
        if (access !== undefined) assertAllowed(caller, access, request);
        if (mayBeLarge(request)) {
          done(
            null,
            counted(payload, () => {
              takeLarge(request, caller);
            }),
          );
          return;
        }
      }
      done(null, payload);
    } catch (error) {
      done(errorOf(error));
    }
  });

  const waits = new Places({ all: WAITS, reserved: new Map() });
  fastify.addHook('preValidation', async (request, reply) => {
    const query = isOpen(request) ? undefined : accessOf(request)?.query;
    if (query === undefined) return;
    const caller = arrivals.callerOf(request);
    const { waitFor, waitTimeoutMs } = waitingIn(request.query);
    const poll = query.isLongPoll === true ? pollIn(query, request.query) : undefined;
    if (waitFor === undefined && poll === undefined) return;
    const gone = new AbortController();
    const hangUp = (): void => {
      gone.abort(new HungUp());
    };
    if (reply.raw.closed) hangUp();
    else reply.raw.once('close', hangUp);
    const waiting = { role: caller.role, owner: ownerOf(caller), share: WAITS_PER_OWNER, enter: () => undefined };
    try {
      if (!waits.ask(waiting))
        throw new TooManyRequests('Too many reads of this caller wait for a position. Retry after 1 s.');
      if (waitFor !== undefined) await way.ledger.waitFor(waitFor, waitTimeoutMs, gone.signal);
      if (poll !== undefined) await way.ledger.waitBeyond(poll.after, poll.waitMs, gone.signal);
    } finally {
      waits.leave(waiting);
    }
  });
  fastify.addHook('preValidation', async (request) => {
    if (!isOpen(request)) await arrivals.assertNotRevoked(request);
  });
  takePlaces(fastify, limits, way, isOpen);
}

const mayBeLarge = ({ headers }: Pick<Request, 'headers'>): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > LARGE_BYTES;

/** The body, which calls `onLarge` when it has become large. An error ends it. */
function counted(body: Readable, onLarge: () => void): Readable {
  let bytes = 0;
  const passing = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      const wasLarge = bytes > LARGE_BYTES;
      bytes += chunk.length;
      try {
        if (!wasLarge && bytes > LARGE_BYTES) onLarge();
        next(null, chunk);
      } catch (error) {
        next(errorOf(error));
      }
    },
  });
  // Nobody reads the body of a request that is refused for its content type.
  passing.on('error', () => undefined);
  body.once('error', (error) => passing.destroy(error));
  return body.pipe(passing);
}

/** Errors: `too_many_requests`, if too many large bodies are under way. */
function largeBodies(fastify: Fastify, ends: RequestEnds): (request: object, caller: Caller) => void {
  const bodies = placesFor(LARGE_BODIES, LARGE_BODIES / 4);
  const underWay = new WeakMap<object, Applicant>();
  const leave = (request: object): void => {
    const body = underWay.get(request);
    if (body !== undefined) bodies.leave(body);
  };
  fastify.addHook('onSend', (request, _reply, payload, done) => {
    leave(request);
    done(null, payload);
  });
  ends.onEnd(leave);
  return (request, caller) => {
    const share = shareOf(LARGE_BODIES, caller);
    const owner = ownerOf(caller);
    const body: Applicant = { role: caller.role, owner, share, enter: () => underWay.set(request, body) };
    if (bodies.ask(body)) return;
    bodies.leave(body);
    throw new TooManyRequests('Too many large requests at the same time. Retry after 1 s, or send less in each.');
  };
}

/** A page of more rows is worth several: the longest one, of 10,000, all that a caller may have at the same time. */
const ROWS_OF_A_PLACE = 2000;
function weightOf(query: unknown): number {
  const limit = typeof query === 'object' && query !== null && 'limit' in query ? Number(query.limit) : 0;
  return limit > ROWS_OF_A_PLACE ? Math.ceil(limit / ROWS_OF_A_PLACE) : 1;
}

/** A tenant has a quarter of the places. One of the staff has half. */
const shareOf = (all: number, { tenantId }: Caller): number =>
  Math.max(1, Math.floor(all / (tenantId === undefined ? 2 : 4)));

/** An eighth is kept for `platform_admin`. */
const placesFor = (all: number, keptForIngest: number, crowd?: Crowd): Places =>
  new Places({
    all,
    ...(crowd === undefined ? {} : { crowd }),
    reserved: new Map([
      ['platform_admin', Math.floor(all / 8)],
      ['ingest', keptForIngest],
    ]),
  });

function takePlaces(
  fastify: Fastify,
  { requestsAtOnce, queriesAtOnce, requestsAtOncePerTenant, patienceMs }: Limits,
  { arrivals, ends, crowds, placesOf, onShed }: Way,
  isOpen: (request: Arrived) => boolean,
): void {
  // Readings are gathered into few appends. All else works in the database for as long as it has its place: where more
  // of it than the database takes are let in, the line is there, and it knows no owners.
  const usage = {
    all: requestsAtOnce,
    places: placesFor(requestsAtOnce, Math.floor(requestsAtOnce / 4), crowds.usage),
    patience: patienceMs ?? PATIENCE_MS,
  };
  const work = {
    all: queriesAtOnce,
    places: placesFor(queriesAtOnce, 0, crowds.work),
    patience: patienceMs ?? WORK_PATIENCE_MS,
  };
  const inside = new WeakMap<object, { readonly owner: string; readonly leave: () => void }>();
  const unread = new Unread();
  fastify.addHook('preValidation', (request, reply, done) => {
    if (isOpen(request)) {
      done();
      return;
    }
    if (reply.raw.closed) throw new HungUp();
    const caller = arrivals.callerOf(request);
    // Whoever gives a place back calls `enter`. The request goes on in its own context: its trace, and what ends it.
    const goOn = AsyncResource.bind(done);
    let whenBack = (): void => undefined;
    const { all, places, patience } = request.routeOptions.url === USAGE ? usage : work;
    const waiting: { timer?: NodeJS.Timeout } = {};
    const stopWaiting = (): void => {
      clearTimeout(waiting.timer);
      reply.raw.off('close', hangUp);
    };
    const share = requestsAtOncePerTenant ?? shareOf(all, caller);
    const applicant: Applicant = {
      role: caller.role,
      owner: ownerOf(caller),
      share,
      weight: Math.min(share, weightOf(request.query)),
      enter: () => {
        if (inside.has(request)) {
          whenBack();
          return;
        }
        stopWaiting();
        const leave = (): void => {
          places.leave(applicant);
        };
        inside.set(request, { owner: applicant.owner, leave });
        placesOf.set(request, {
          pause: () => {
            places.pause(applicant);
          },
          // A client that hangs up is not let in again, and its work ends.
          resume: async () => {
            const back = Promise.withResolvers<void>();
            whenBack = back.resolve;
            reply.raw.once('close', back.resolve);
            if (reply.raw.closed || !places.resume(applicant)) back.resolve();
            await back.promise;
            reply.raw.off('close', back.resolve);
          },
        });
        goOn();
      },
    };
    const hangUp = (): void => {
      stopWaiting();
      places.leave(applicant);
      goOn(new HungUp());
    };
    const refuse = (): void => {
      stopWaiting();
      const { status, text } = places.isFull(applicant) ? BUSY : OVER_SHARE;
      places.leave(applicant);
      onShed();
      reply.raw
        .writeHead(status, { ...headersFor(request), 'content-type': PROBLEM_TYPE, 'retry-after': '1' })
        .end(text);
      reply.hijack();
    };
    if (places.ask(applicant)) return;
    waiting.timer = setTimeout(refuse, patience);
    reply.raw.once('close', hangUp);
  });
  // The work is done. A client that reads slowly keeps its place only while there is no room for its answer.
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const of = inside.get(request);
    const chars = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    if (of !== undefined && !reply.raw.closed && unread.add(request, { owner: of.owner, chars })) of.leave();
    done(null, payload);
  });
  ends.onEnd((request) => {
    unread.remove(request);
    inside.get(request)?.leave();
  });
}
