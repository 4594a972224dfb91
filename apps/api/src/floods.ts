import type { Server, ServerResponse } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { headersFor } from './answer-headers.js';
import type { Arrivals } from './auth/arrivals.js';
import { type Stopwatch, stopwatch } from './crowd.js';
import { PROBLEM_TYPE, problemOf, TooManyRequests } from './problem.js';
import { isUpgrade, isWatched } from './request-ends.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

const MINUTE_MS = 60_000;
/** Requests on one connection at the same time. Clients that pipeline send a few. */
const PIPELINED = 32;
/** Above this number, all addresses are forgotten. */
const MOST_ADDRESSES = 10_000;

export interface FloodLimits {
  /** Requests per minute of one address without a valid token. */
  readonly unauthenticatedPerMinute: number;
  /** Open connections of one address. Those of trusted proxies are not counted. */
  readonly connectionsPerAddress: number;
  /** Addresses and networks of trusted proxies, separated by commas. */
  readonly trustedProxies?: string;
  readonly stopwatch?: Stopwatch;
}

interface Visits {
  readonly since: number;
  unauthenticated: number;
  hasToken: boolean;
}

/** Requests of a minute by address. */
class Addresses {
  private readonly visits = new Map<string, Visits>();

  constructor(
    private readonly most: number,
    private readonly now: Stopwatch,
  ) {}

  /** Returns how many seconds are left of the minute, if the address has sent too many. */
  countUnauthenticated(address: string): number | undefined {
    const visits = this.of(address);
    visits.unauthenticated += 1;
    return this.isOver(visits) ? Math.ceil((visits.since + MINUTE_MS - this.now()) / 1000) : undefined;
  }

  /** Others behind the same address may have no token. */
  hasToken(address: string): void {
    this.of(address).hasToken = true;
  }

  /** Whether nobody at the address has shown a token, and too many requests came from it. */
  isFlood(address: string): boolean {
    const visits = this.of(address);
    return this.isOver(visits) && !visits.hasToken;
  }

  private isOver({ unauthenticated }: Visits): boolean {
    return unauthenticated > this.most;
  }

  private of(address: string): Visits {
    const name = networkOf(address);
    const known = this.visits.get(name);
    if (known !== undefined && this.now() - known.since < MINUTE_MS) return known;
    if (this.visits.size >= MOST_ADDRESSES) this.visits.clear();
    const visits = { since: this.now(), unauthenticated: 0, hasToken: known?.hasToken ?? false };
    this.visits.set(name, visits);
    return visits;
  }
}

/**
 * Refuses floods before they cost anything: too many connections of an address, requests without a valid token, and
 * requests at the same time on one connection. The connection is closed. Returns whether a request was refused so.
 */
export function refuseFloods(
  fastify: Fastify,
  { unauthenticatedPerMinute, connectionsPerAddress, trustedProxies = '', stopwatch: now = stopwatch }: FloodLimits,
  arrivals: Pick<Arrivals, 'tokenOf'>,
  onRefused: () => void,
): (request: object) => boolean {
  const addresses = new Addresses(unauthenticatedPerMinute, now);
  limitConnections(fastify.server, { connectionsPerAddress, trustedProxies, addresses, onRefused });
  const refused = new WeakSet<object>();
  const onConnection = new WeakMap<Socket, number>();
  fastify.addHook('onRequest', (request, reply, done) => {
    const { raw } = reply;
    const refuse = (detail: string, seconds = 1): void => {
      refused.add(request);
      onRefused();
      answer(raw, headersFor(request), detail, seconds);
      reply.hijack();
    };
    const { socket } = request.raw;
    const others = onConnection.get(socket) ?? 0;
    onConnection.set(socket, others + 1);
    raw.once('close', () => onConnection.set(socket, (onConnection.get(socket) ?? 1) - 1));
    if (others >= PIPELINED) {
      refuse(`More than ${PIPELINED} requests at the same time on one connection. Send them on several.`);
      return;
    }
    if (isWatched(request.url) || isUpgrade(request)) {
      done();
      return;
    }
    if (arrivals.tokenOf(request) !== undefined) addresses.hasToken(request.ip);
    else {
      const seconds = addresses.countUnauthenticated(request.ip);
      if (seconds !== undefined) {
        const most = `More than ${unauthenticatedPerMinute} requests in a minute`;
        refuse(`${most} from this address without a valid token. Retry after ${seconds} s, with one.`, seconds);
        return;
      }
    }
    done();
  });
  return (request) => refused.has(request);
}

function answer(raw: ServerResponse, headers: Record<string, string>, detail: string, seconds: number): void {
  raw
    .writeHead(429, { ...headers, 'content-type': PROBLEM_TYPE, 'retry-after': String(seconds), connection: 'close' })
    .end(JSON.stringify(problemOf(new TooManyRequests(detail))));
}

function limitConnections(
  server: Pick<Server, 'on'>,
  {
    connectionsPerAddress,
    trustedProxies,
    addresses,
    onRefused,
  }: Pick<FloodLimits, 'connectionsPerAddress'> & {
    readonly trustedProxies: string;
    readonly addresses: Addresses;
    readonly onRefused: () => void;
  },
): void {
  const proxies = networksIn(trustedProxies);
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '', remoteFamily } = socket;
    if (proxies.check(remoteAddress, remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4')) return;
    const name = networkOf(remoteAddress);
    const others = open.get(name) ?? 0;
    if (others >= connectionsPerAddress || addresses.isFlood(remoteAddress)) {
      onRefused();
      socket.destroy();
      return;
    }
    open.set(name, others + 1);
    socket.once('close', () => {
      const left = (open.get(name) ?? 1) - 1;
      if (left === 0) open.delete(name);
      else open.set(name, left);
    });
  });
}

function networksIn(text: string): BlockList {
  const list = new BlockList();
  for (const each of text.split(',').map((one) => one.trim())) {
    const [address = '', bits] = each.split('/');
    const version = isIP(address);
    if (version !== 0)
      list.addSubnet(
        address,
        bits === undefined ? (version === 4 ? 32 : 128) : Number(bits),
        version === 4 ? 'ipv4' : 'ipv6',
      );
  }
  return list;
}

/** A customer has at least 64 bits of addresses in version 6: its network counts as one. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.includes('.')) return address;
  const groupsOf = (part = ''): string[] => part.split(':').filter((group) => group !== '');
  const [left, right] = address.split('::');
  const [first, last] = [groupsOf(left), groupsOf(right)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`;
}
