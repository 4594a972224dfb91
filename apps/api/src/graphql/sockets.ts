import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket as NetSocket } from 'node:net';
import type { GraphQLFieldResolver, GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import type { Caller } from '#ledger/caller';
import type { Held, TokenReader } from '../auth/token.js';
import type { Clock } from '../clock.js';
import type { Connections } from '../connections.js';
import type { Failures } from '../failures.js';
import { type Problem, problemOf, Unauthenticated } from '../problem.js';
import { coded } from './errors.js';

/** A page needs a few. Each subscription queries the database while it is open. */
const MOST_SUBSCRIPTIONS = 10;
/** Enough for the pages and processes that share a token. A client with more does not close its old sockets. */
const MOST_SOCKETS = 20;
/** The default time that clients of graphql-transport-ws have to send the first message. */
const INIT_WITHIN_MS = 3000;
/** An open socket's token is read again after this time, and before each subscription: its key may be withdrawn. */
const READ_AGAIN_MS = 30_000;
/** The same of a token that can be revoked. */
const ASK_AGAIN_MS = 5000;
/** The maximum in a close frame, by RFC 6455. */
const MAX_REASON_BYTES = 123;

/** The parts of a WebSocket that are used here. */
export interface Socket {
  readonly readyState: number;
  close(code: number, reason: string): void;
  once(event: 'close', listener: () => void): unknown;
}
const IS_OPEN = 1;

const zInit = z.object({ authorization: z.string().optional() }).catch({});

/** The WebSockets of subscriptions: limits per token, and expiry. */
export class Sockets {
  /** The connection of the current callback: mercurius does not say which socket its callbacks are for. */
  private readonly within = new AsyncLocalStorage<Connection>();
  private readonly ofToken = new Map<string, number>();

  constructor(
    private readonly tokens: TokenReader,
    private readonly clock: Clock,
    private readonly failures: Failures,
    private readonly connections: Pick<Connections, 'keep'>,
  ) {}

  /** Called before the socket exists. `transport` is its connection. */
  arrive(transport: NetSocket, next: () => void): void {
    this.within.run(new Connection(transport, this.failures), next);
  }

  attach(socket: Socket): Connection {
    const connection = this.current();
    connection.attach(socket);
    return connection;
  }

  /** The caller, from the token in the first message. false: refused, and the socket was closed with the reason. */
  async welcome(payload: unknown): Promise<{ readonly caller: Caller } | false> {
    const connection = this.current();
    try {
      const { authorization } = zInit.parse(payload);
      if (authorization === undefined)
        throw new Unauthenticated('no token. Send { "authorization": "Bearer …" } as payload of connection_init.');
      const read = async (): Promise<Held> =>
        this.tokens.read(authorization, this.clock.now(), { correlationId: 'websocket' });
      const held = await read();
      return this.letIn(connection, held, read) ? { caller: held.caller } : false;
    } catch (error) {
      connection.refuse(error);
      return false;
    }
  }

  private letIn(connection: Connection, held: Held, read: () => Promise<Held>): boolean {
    if (connection.isOver) return false;
    const { token } = held;
    const others = this.ofToken.get(token) ?? 0;
    if (others >= MOST_SOCKETS)
      throw invalid('too_many_websockets', `the token has ${MOST_SOCKETS} open WebSockets, the maximum. Close one.`);
    const leave = (): void => {
      const left = (this.ofToken.get(token) ?? 1) - 1;
      if (left === 0) this.ofToken.delete(token);
      else this.ofToken.set(token, left);
    };
    connection.letIn(leave, async () => stillGood(read));
    this.connections.keep(connection.transport);
    this.ofToken.set(token, others + 1);
    this.watch(connection, held);
    return true;
  }

  /** Closes the socket when its token expires, or is not valid anymore. */
  private watch(connection: Connection, held: Pick<Held, 'expires' | 'tokenId'>): void {
    const { expires, tokenId } = held;
    const again = tokenId === undefined ? READ_AGAIN_MS : ASK_AGAIN_MS;
    const left = expires === null ? again : expires.getTime() - Date.parse(this.clock.now());
    connection.after(Math.min(left, again), () => {
      if (left < again) {
        connection.refuse(new Unauthenticated('the token has expired'));
        return;
      }
      void connection.readAgain().then(() => {
        if (!connection.isOver) this.watch(connection, held);
      });
    });
  }

  private current(): Connection {
    const connection = this.within.getStore();
    if (connection === undefined) throw new Error('a WebSocket did not come through the route /graphql');
    return connection;
  }
}

/** Reads the token again. While the keys can't be fetched, it stays good. Errors: why it is not valid anymore. */
async function stillGood(read: () => Promise<Held>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (problemOf(error).status !== 503) throw error;
  }
}

/** One WebSocket and its open subscriptions. */
class Connection {
  isOver = false;
  private socket: Socket | undefined;
  private leave: (() => void) | undefined;
  private readToken: () => Promise<void> = async () => Promise.resolve();
  private readonly open = new Map<string, AsyncIterator<unknown> | undefined>();
  private timer: NodeJS.Timeout;

  constructor(
    readonly transport: NetSocket,
    private readonly failures: Failures,
  ) {
    this.timer = setTimeout(() => transport.destroy(), INIT_WITHIN_MS).unref();
  }

  attach(socket: Socket): void {
    if (this.socket === undefined) clearTimeout(this.timer);
    this.socket ??= socket;
    if (socket.readyState === IS_OPEN)
      socket.once('close', () => {
        this.end();
      });
    else this.end();
  }

  letIn(leave: () => void, readToken: () => Promise<void>): void {
    if (this.leave !== undefined)
      throw conflict(
        'already_connected',
        'connection_init was already sent. For another token, open another WebSocket.',
      );
    this.leave = leave;
    this.readToken = readToken;
  }

  /** Closes the socket if its token is not valid anymore. */
  async readAgain(): Promise<void> {
    try {
      await this.readToken();
    } catch (error) {
      this.refuse(error);
    }
  }

  after(milliseconds: number, then: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(then, milliseconds).unref();
  }

  /** Closes the socket with code 4000 + HTTP status, like graphql-transport-ws. 1013 means: try again later. */
  refuse(error: unknown): void {
    const { status, code, detail } = this.logged(error);
    const reason = Buffer.from(`${code}: ${detail}`)
      .subarray(0, MAX_REASON_BYTES)
      .toString()
      .replace(/\uFFFD+$/, '');
    this.socket?.close(status === 503 ? 1013 : status < 500 ? 4000 + status : 1011, reason);
    this.end();
  }

  /** Starts a subscription. Errors: `too_many_subscriptions` and those of the subscription, each with its code. */
  async begin(id: string, begun: () => unknown): Promise<AsyncIterableIterator<unknown>> {
    if (this.open.has(id)) {
      const error = conflict('subscriber_exists', `subscription ${id} already exists`);
      // Mercurius would lose the other subscription and never end it.
      this.refuse(error);
      throw coded(error);
    }
    if (this.open.size >= MOST_SUBSCRIPTIONS)
      throw coded(
        invalid(
          'too_many_subscriptions',
          `this WebSocket has ${MOST_SUBSCRIPTIONS} open subscriptions, the maximum. Complete one.`,
        ),
      );
    this.open.set(id, undefined);
    try {
      await this.readAgain();
      if (this.isOver) throw new Unauthenticated('the token is not valid anymore');
      const values: unknown = await begun();
      if (!isIterator(values)) throw values;
      if (this.isOver) await values.return?.();
      this.open.set(id, values);
      return this.watched(id, values);
    } catch (error) {
      this.open.delete(id);
      throw coded(error);
    }
  }

  private watched(id: string, values: AsyncIterator<unknown>): AsyncIterableIterator<unknown> {
    const ended = (): void => {
      if (this.open.get(id) === values) this.open.delete(id);
    };
    return {
      next: async () => {
        try {
          const result = await values.next();
          if (result.done === true) ended();
          return result;
        } catch (error) {
          ended();
          this.logged(error);
          throw coded(error);
        }
      },
      return: async () => {
        ended();
        return (await values.return?.()) ?? { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private logged(error: unknown): Problem {
    return this.failures.log(error, 'a WebSocket or a subscription failed');
  }

  private end(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.leave?.();
    this.leave = () => undefined;
    for (const values of this.open.values())
      values?.return?.().catch((error: unknown) => {
        this.failures.log(error, 'a subscription did not end cleanly');
      });
    this.open.clear();
  }
}

const isIterator = (value: unknown): value is AsyncIterator<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

type Begin = GraphQLFieldResolver<unknown, { readonly connection: Connection; readonly id: string }>;

/** Starts each subscription through its connection, which counts them. */
export function countSubscriptions(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getSubscriptionType()?.getFields() ?? {})) {
    const begin: Begin | undefined = field.subscribe;
    if (begin === undefined) throw new Error(`the subscription ${field.name} has no source`);
    const counted: Begin = async (root, args, context, info) =>
      context.connection.begin(context.id, () => begin(root, args, context, info));
    field.subscribe = counted;
  }
  return schema;
}
