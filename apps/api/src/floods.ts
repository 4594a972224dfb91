import type { ServerResponse } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { headersFor } from './answer-headers.js';
import type { Arrivals } from './auth/arrivals.js';
import { Connections } from './connections.js';
import { type Stopwatch, stopwatch } from './crowd.js';
import { networkOf } from './networks.js';
import { PROBLEM_TYPE, problemOf, TooManyRequests } from './problem.js';
import { isUpgrade, isWatched } from './request-ends.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

const MINUTE_MS = 60_000;
/** Requests on one connection at the same time. Clients that pipeline send a few. */
const PIPELINED = 32;
/** Above this number, the addresses that came first are forgotten. */
const MOST_ADDRESSES = 10_000;
/** What needs no token has so many times the limit: a page of the console is some ten files. */
const OPEN_TIMES = 10;
/** An address over its limit may still connect so often: someone behind it may have a token. */
const CONNECT_EVERY_MS = 200;

export interface FloodLimits {
  /** Requests per minute of one address without a valid token. */
  readonly unauthenticatedPerMinute: number;
  /** Open connections of one address. Those of trusted proxies are not counted. */
  readonly connectionsPerAddress: number;
  /** Addresses and networks of trusted proxies, separated by commas. */
  readonly trustedProxies?: string;
  readonly stopwatch?: Stopwatch;
}

/** `open`: it needs no token, and came without one. Also an upgrade: its token comes in the first message. */
type Kind = 'open' | 'refused';

export type Routed = { readonly method: string; readonly routeOptions: { readonly url?: string | undefined } };

interface Visits {
  readonly since: number;
  readonly count: Record<Kind, number>;
  connectedAt: number;
}

/** Requests of a minute by address. */
export class Addresses {
  /** In the order in which their minutes began. */
  private readonly visits = new Map<string, Visits>();
  /** Those that have shown a token: made-up addresses do not push them out. The one that did so last comes last. */
  private readonly known = new Set<string>();

  constructor(
    private readonly most: Readonly<Record<Kind, number>>,
    private readonly now: Stopwatch,
  ) {}

  /** Returns how many seconds are left of the minute, if the address has sent too many. */
  count(address: string, kind: Kind): number | undefined {
    const visits = this.of(address);
    visits.count[kind] += 1;
    return visits.count[kind] > this.most[kind] ? Math.ceil((visits.since + MINUTE_MS - this.now()) / 1000) : undefined;
  }

  /** Others behind the same address may have no token. */
  hasToken(address: string): void {
    const name = networkOf(address);
    this.known.delete(name);
    forgetFirst(this.known);
    this.known.add(name);
  }

  /** Whether nobody at the address has shown a token, and too many requests and connections came from it. */
  mayConnect(address: string): boolean {
    const visits = this.of(address);
    const isOver = visits.count.refused > this.most.refused || visits.count.open > this.most.open;
    if (!isOver || this.known.has(networkOf(address))) return true;
    if (this.now() - visits.connectedAt < CONNECT_EVERY_MS) return false;
    visits.connectedAt = this.now();
    return true;
  }

  private of(address: string): Visits {
    const name = networkOf(address);
    const before = this.visits.get(name);
    if (before !== undefined && this.now() - before.since < MINUTE_MS) return before;
    this.visits.delete(name);
    forgetFirst(this.visits);
    const visits = { since: this.now(), count: { open: 0, refused: 0 }, connectedAt: -Infinity };
    this.visits.set(name, visits);
    return visits;
  }
}

function forgetFirst(of: Pick<Map<string, unknown>, 'size' | 'delete'> & { keys(): Iterable<string> }): void {
  if (of.size < MOST_ADDRESSES) return;
  for (const first of of.keys()) {
    of.delete(first);
    return;
  }
}

export interface Floods {
  /** Whether a request was refused here. */
  readonly isRefused: (request: object) => boolean;
  readonly connections: Connections;
}

/**
 * Refuses floods before they cost much: too many connections of an address, requests without a valid token, and
 * requests at the same time on one connection. The connection is closed. `isOpen`: the request needs no token.
 */
export function refuseFloods(
  fastify: Fastify,
  { unauthenticatedPerMinute, connectionsPerAddress, trustedProxies = '', stopwatch: now = stopwatch }: FloodLimits,
  {
    arrivals,
    isOpen,
    onRefused,
  }: {
    readonly arrivals: Pick<Arrivals, 'tokenOf'>;
    readonly isOpen: (request: Routed) => boolean;
    readonly onRefused: () => void;
  },
): Floods {
  const most = { open: OPEN_TIMES * unauthenticatedPerMinute, refused: unauthenticatedPerMinute };
  const addresses = new Addresses(most, now);
  const connections = new Connections({
    atMost: connectionsPerAddress,
    trustedProxies,
    mayConnect: (address) => addresses.mayConnect(address),
    onRefused,
  });
  connections.attach(fastify.server);
  const refused = new WeakSet<object>();
  fastify.addHook('onRequest', (request, reply, done) => {
    const { raw } = reply;
    const refuse = (detail: string, seconds = 1): void => {
      refused.add(request);
      onRefused();
      answer(raw, headersFor(request), detail, seconds);
      // Node leaves the connection of an upgrade to whoever handles it.
      if (isUpgrade(request)) raw.once('finish', () => request.raw.socket.destroySoon());
      reply.hijack();
    };
    const { socket } = request.raw;
    const hasToken = arrivals.tokenOf(request) !== undefined;
    const others = connections.begin(socket, hasToken && !isUpgrade(request));
    raw.once('close', () => {
      connections.end(socket);
    });
    if (others >= PIPELINED) {
      refuse(`More than ${PIPELINED} requests at the same time on one connection. Send them on several.`);
      return;
    }
    if (isWatched(request.url)) {
      done();
      return;
    }
    if (hasToken) addresses.hasToken(request.ip);
    else {
      const hasNone = request.headers.authorization === undefined;
      const kind = hasNone && (isUpgrade(request) || isOpen(request)) ? 'open' : 'refused';
      const seconds = addresses.count(request.ip, kind);
      if (seconds !== undefined) {
        const detail = `More than ${most[kind]} requests in a minute from this address without a valid token.`;
        refuse(`${detail} Retry after ${seconds} s, with one.`, seconds);
        return;
      }
    }
    done();
  });
  return { isRefused: (request) => refused.has(request), connections };
}

function answer(raw: ServerResponse, headers: Record<string, string>, detail: string, seconds: number): void {
  raw
    .writeHead(429, { ...headers, 'content-type': PROBLEM_TYPE, 'retry-after': String(seconds), connection: 'close' })
    .end(JSON.stringify(problemOf(new TooManyRequests(detail))));
}
