import { NotFoundException } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { assertRole, type Caller } from '#ledger/caller';
import type { Ledger } from '#operations/ledger';
import { headersFor } from './answer-headers.js';
import type { Access } from './auth/access.js';
import type { Arrivals } from './auth/arrivals.js';
import type { Request } from './http.js';
import { type Applicant, Places } from './places.js';
import { HungUp, Overloaded, PROBLEM_TYPE, problemOf, TooManyRequests } from './problem.js';
import { isWatched, type Limits } from './protection.js';
import { isUpgrade, type RequestEnds } from './request-ends.js';
import type { Routes } from './routes.js';
import { waitingIn } from './wait-for.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;
/** The parts of Fastify's request that say which route it is for. */
type Arrived = Pick<Request, 'method' | 'url'> & {
  readonly raw: object;
  readonly routeOptions: { readonly url?: string | undefined };
};

/** What requests pass on their way in. */
interface Way {
  readonly arrivals: Arrivals;
  readonly routes: Pick<Routes, 'accessOf'>;
  readonly ledger: Pick<Ledger, 'waitFor'>;
  readonly ends: RequestEnds;
  readonly onShed: () => void;
}

/**
 * A short wait absorbs bursts, and slows down clients that retry at once. Without it, such clients retried so often
 * that the server did little but refuse.
 */
const PATIENCE_MS = 250;
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

/** Whose share a request counts in: those of a tenant count together, and its usage apart from its reads. */
const ownerOf = ({ role, tenantId }: Caller, token: string | undefined): string =>
  tenantId === undefined ? `token ${token ?? ''}` : `${role} ${tenantId}`;

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

  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    try {
      if (request.is404) throw new NotFoundException(`Cannot ${request.method} ${request.url}`);
      if (!isOpen(request)) arrivals.callerOf(request);
      done(null, payload);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });

  const waits = new Places({ all: WAITS, perOwner: WAITS_PER_OWNER, reserved: new Map() });
  fastify.addHook('preValidation', async (request, reply) => {
    const query = isOpen(request) ? undefined : accessOf(request)?.query;
    if (query === undefined) return;
    const caller = arrivals.callerOf(request);
    assertRole(caller, query.roles, `read ${query.name}`);
    const { waitFor, waitTimeoutMs } = waitingIn(request.query);
    if (waitFor === undefined) return;
    const gone = new AbortController();
    reply.raw.once('close', () => {
      gone.abort(new HungUp());
    });
    const waiting = { role: caller.role, owner: ownerOf(caller, arrivals.tokenOf(request)), enter: () => undefined };
    try {
      if (!waits.ask(waiting))
        throw new TooManyRequests('Too many reads of this caller wait for a position. Retry after 1 s.');
      await way.ledger.waitFor(waitFor, waitTimeoutMs, gone.signal);
    } finally {
      waits.leave(waiting);
    }
  });
  takePlaces(fastify, limits, way, isOpen);
}

function takePlaces(
  fastify: Fastify,
  { requestsAtOnce, requestsAtOncePerTenant, patienceMs = PATIENCE_MS }: Limits,
  { arrivals, ends, onShed }: Way,
  isOpen: (request: Arrived) => boolean,
): void {
  const places = new Places({
    all: requestsAtOnce,
    perOwner: requestsAtOncePerTenant ?? Math.max(1, Math.floor(requestsAtOnce / 4)),
    reserved: new Map([
      ['platform_admin', Math.floor(requestsAtOnce / 8)],
      ['ingest', Math.floor(requestsAtOnce / 4)],
    ]),
  });
  const applicants = new WeakMap<object, Applicant>();
  fastify.addHook('preValidation', (request, reply, done) => {
    if (isOpen(request)) {
      done();
      return;
    }
    const caller = arrivals.callerOf(request);
    const patience: { timer?: NodeJS.Timeout } = {};
    const stopWaiting = (): void => {
      clearTimeout(patience.timer);
      reply.raw.off('close', hangUp);
    };
    const applicant: Applicant = {
      role: caller.role,
      owner: ownerOf(caller, arrivals.tokenOf(request)),
      enter: () => {
        stopWaiting();
        applicants.set(request, applicant);
        done();
      },
    };
    const hangUp = (): void => {
      stopWaiting();
      places.leave(applicant);
      done(new HungUp());
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
    patience.timer = setTimeout(refuse, patienceMs);
    reply.raw.once('close', hangUp);
  });
  ends.onEnd((request) => {
    const applicant = applicants.get(request);
    if (applicant !== undefined) places.leave(applicant);
  });
}
