import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { networkOf } from '../networks.js';
import { isUpgrade } from '../request-ends.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Bytes a second, and at once. To validate a query of 16 kB takes some 10 ms. */
interface Rate {
  readonly perSecond: number;
  readonly atOnce: number;
}
const OF_SOCKET: Rate = { perSecond: 64 * 1024, atOnce: 256 * 1024 };
const OF_NETWORK: Rate = { perSecond: 256 * 1024, atOnce: 1024 * 1024 };
const LOOK_EVERY_MS = 100;
/** Answers that nobody reads are in memory. */
const MOST_UNREAD_BYTES = 1024 * 1024;
const PROTOCOL = 'graphql-transport-ws';
const PROTOCOLS: readonly string[] = [PROTOCOL, 'graphql-ws'];

/** What may still be taken. It fills up again as time passes. */
class Allowance {
  private left: number;
  private at = performance.now();

  constructor(private readonly rate: Rate) {
    this.left = rate.atOnce;
  }

  /** false: it is used up. */
  take(bytes: number): boolean {
    const now = performance.now();
    this.left = Math.min(this.rate.atOnce, this.left + ((now - this.at) / 1000) * this.rate.perSecond);
    this.at = now;
    this.left -= bytes;
    return this.left >= 0;
  }
}

/** Cuts the connections of WebSockets that send more than they may, or do not read what they asked for. */
export function limitSockets(fastify: Fastify): void {
  fastify.server.prependListener('upgrade', ({ headers }: IncomingMessage) => {
    // Mercurius would print a protocol that it does not know, however long. A client that did not offer the one in the
    // answer must close the connection (RFC 6455, 4.1).
    const offered = headers['sec-websocket-protocol']?.split(',').map((each) => each.trim()) ?? [];
    if (offered.length > 0 && !offered.some((each) => PROTOCOLS.includes(each)))
      headers['sec-websocket-protocol'] = PROTOCOL;
  });
  const networks = new Map<string, Shared>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    // The address of the client, where a trusted proxy names it.
    if (isUpgrade(request)) watch(request.raw.socket, networkOf(request.ip), networks);
    done();
  });
}

/** Of the WebSockets of a network. */
interface Shared {
  readonly allowance: Allowance;
  sockets: number;
}

function watch(socket: Socket, network: string, networks: Map<string, Shared>): void {
  const shared = networks.get(network) ?? { allowance: new Allowance(OF_NETWORK), sockets: 0 };
  networks.set(network, shared);
  shared.sockets += 1;
  const own = new Allowance(OF_SOCKET);
  let seen = socket.bytesRead;
  const look = setInterval(() => {
    const bytes = socket.bytesRead - seen;
    seen = socket.bytesRead;
    const isAllowed = own.take(bytes) && shared.allowance.take(bytes);
    if (!isAllowed || socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
  }, LOOK_EVERY_MS).unref();
  socket.once('close', () => {
    clearInterval(look);
    shared.sockets -= 1;
    if (shared.sockets === 0) networks.delete(network);
  });
}
