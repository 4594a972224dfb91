import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Request } from './http.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

type Asked = Pick<Request, 'id' | 'method' | 'url' | 'headers'> & {
  readonly raw: object;
  readonly routeOptions: { readonly url?: string | undefined };
};
/** `hungUp`: the client closed the connection before the response. `elapsedTime` is in milliseconds. */
type OnEnd = (
  request: Asked,
  reply: { readonly statusCode: number; readonly elapsedTime: number },
  hungUp: boolean,
) => void;

/**
 * Reports the end of each request: its work is done, and the response was sent or the connection closed. Fastify's
 * `onResponse` is not called if the client closes the connection, so counters based on it would never go down.
 */
export class RequestEnds {
  private readonly listeners: OnEnd[] = [];
  private underWay = 0;
  private isClosing = false;
  private readonly waiting: (() => void)[] = [];

  /** Requests that an earlier hook ends are not counted. */
  attach(fastify: Fastify): void {
    const worked = new WeakSet<object>();
    const closed = new WeakMap<object, () => void>();
    fastify.addHook('onRequest', (request, reply, done) => {
      const isCounted = !isUpgrade(request);
      if (isCounted) this.underWay += 1;
      const end = (hungUp: boolean): void => {
        if (isCounted) this.underWay -= 1;
        for (const listener of this.listeners) listener(request, reply, hungUp);
        if (this.underWay === 0) for (const resolve of this.waiting.splice(0)) resolve();
      };
      onceClosed(reply.raw, request.raw.socket, () => {
        // A hijacked response, such as a WebSocket, ends elsewhere.
        if (worked.has(request) || reply.sent) end(false);
        else
          closed.set(request, () => {
            end(true);
          });
      });
      done();
    });
    fastify.addHook('onSend', (request, _reply, payload, done) => {
      worked.add(request);
      closed.get(request)?.();
      done(null, payload);
    });
    // A connection that is kept alive after its last answer would hold up the end for more than a minute.
    fastify.addHook('onSend', (_request, reply, payload, done) => {
      if (this.isClosing) void reply.header('connection', 'close');
      done(null, payload);
    });
    // Also waits for the work of clients that closed the connection: it still needs the database.
    fastify.addHook('onClose', async () => {
      if (this.underWay > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    });
  }

  /** From now on, each answer is the last one on its connection. */
  closing(): void {
    this.isClosing = true;
  }

  /** Calls the listener once for each request. */
  onEnd(listener: OnEnd): void {
    this.listeners.push(listener);
  }
}

const waitingOn = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls the listener once, when the response or its connection is closed. A response that waits in the line of its
 * connection behind an earlier one never closes by itself.
 */
function onceClosed(response: ServerResponse, socket: Socket, listener: () => void): void {
  const all = waitingOf(socket);
  const closed = (): void => {
    if (all.delete(closed)) listener();
  };
  all.add(closed);
  response.once('close', closed);
}

/**
 * Has one listener for the connection, however many requests it has. The listener knows nothing of the first of them:
 * a connection that stays open would keep its response in memory.
 */
function waitingOf(socket: Socket): Set<() => void> {
  const known = waitingOn.get(socket);
  if (known !== undefined) return known;
  const all = new Set<() => void>();
  waitingOn.set(socket, all);
  socket.once('close', () => {
    for (const each of [...all]) each();
  });
  return all;
}

/** Whether Node takes a request as an upgrade: one to a WebSocket, at the only path that has them. */
export const mayUpgrade = ({ method, url = '', headers }: IncomingMessage): boolean =>
  method === 'GET' && /^\/graphql(\?|$)/.test(url) && headers.upgrade?.toLowerCase() === 'websocket';

/** An open WebSocket is not a request under way. */
export const isUpgrade = ({ raw }: { readonly raw: object }): boolean => 'upgrade' in raw && raw.upgrade === true;

/** Probes and metrics must work under overload. */
export const isWatched = (url: string): boolean => /^\/(health\/live|health\/ready|metrics)(\?|$)/.test(url);
