import { AsyncLocalStorage } from 'node:async_hooks';
import type { GraphQLFieldResolver, GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import type { Caller } from '#ledger/caller';
import type { Held, TokenReader } from '../auth/token.js';
import type { Clock } from '../clock.js';
import { problemOf, Unauthenticated } from '../problem.js';
import { coded } from './errors.js';

/** A page shows a few; each asks of the database what has changed, for as long as it is open. */
const MOST_SUBSCRIPTIONS = 10;
/** The pages and processes that share a token; more are a client that opens a socket anew and does not close the last. */
const MOST_SOCKETS = 20;
/** As long as clients of graphql-transport-ws have by default to say who they are. */
const INIT_WITHIN_MS = 3000;
/** The longest that setTimeout takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** RFC 6455 has no place for more in a close frame. */
const MAX_REASON_BYTES = 123;

/** Of a WebSocket, what is used here. */
export interface Socket {
  readonly readyState: number;
  close(code: number, reason: string): void;
  once(event: 'close', listener: () => void): unknown;
}
const IS_OPEN = 1;

const zInit = z.object({ authorization: z.string().optional() }).catch({});

/** The WebSockets that subscriptions come by: who may have how many, and until when. */
export class Sockets {
  /** Mercurius asks whether someone may come in, and doesn't say by which socket: so all that it does for one is done within this. */
  private readonly within = new AsyncLocalStorage<Connection>();
  private readonly ofToken = new Map<string, number>();

  constructor(
    private readonly tokens: TokenReader,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Before the socket is there; `transport` is what it will be on. */
  arrive(transport: { destroy(): unknown }, next: () => void): void {
    this.within.run(new Connection(transport, this.logger), next);
  }

  attach(socket: Socket): Connection {
    const connection = this.current();
    connection.attach(socket);
    return connection;
  }

  /** Who comes, by the token in their first message; false: refused, and the socket is closed with the reason. */
  async welcome(payload: unknown): Promise<{ readonly caller: Caller } | false> {
    const connection = this.current();
    try {
      const { authorization } = zInit.parse(payload);
      if (authorization === undefined)
        throw new Unauthenticated('send { "authorization": "Bearer …" } as payload of connection_init');
      const held = await this.tokens.read(authorization, this.clock.now(), { correlationId: 'websocket' });
      return this.letIn(connection, held) ? { caller: held.caller } : false;
    } catch (error) {
      connection.refuse(error);
      return false;
    }
  }

  private letIn(connection: Connection, { token, expires }: Held): boolean {
    if (connection.isOver) return false;
    const others = this.ofToken.get(token) ?? 0;
    if (others >= MOST_SOCKETS)
      throw invalid(
        'too_many_websockets',
        `the token has ${MOST_SOCKETS} WebSockets open, the most it may have: close one`,
      );
    const leave = (): void => {
      const left = (this.ofToken.get(token) ?? 1) - 1;
      if (left === 0) this.ofToken.delete(token);
      else this.ofToken.set(token, left);
    };
    connection.letIn(leave);
    this.ofToken.set(token, others + 1);
    if (expires !== null) this.endAt(connection, expires);
    return true;
  }

  private endAt(connection: Connection, expires: Date): void {
    const left = expires.getTime() - Date.parse(this.clock.now());
    connection.after(Math.min(left, LONGEST_TIMER_MS), () => {
      if (left > LONGEST_TIMER_MS) this.endAt(connection, expires);
      else connection.refuse(new Unauthenticated('the token has expired'));
    });
  }

  private current(): Connection {
    const connection = this.within.getStore();
    if (connection === undefined) throw new Error('a WebSocket came by another way than the route of /graphql');
    return connection;
  }
}

/** One WebSocket, and what is open on it. */
class Connection {
  isOver = false;
  private socket: Socket | undefined;
  private leave: (() => void) | undefined;
  private readonly open = new Map<string, AsyncIterator<unknown> | undefined>();
  private timer: NodeJS.Timeout;

  constructor(
    transport: { destroy(): unknown },
    private readonly logger: Logger,
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

  letIn(leave: () => void): void {
    if (this.leave !== undefined)
      throw conflict('already_connected', 'connection_init came already: open another WebSocket for another token');
    this.leave = leave;
  }

  after(milliseconds: number, then: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(then, milliseconds).unref();
  }

  /** Closes it, with 4000 + the status that HTTP has for it, as graphql-transport-ws does; 1013 is to try again later. */
  refuse(error: unknown): void {
    const { status, code, detail } = this.told(error);
    const reason = Buffer.from(`${code}: ${detail}`)
      .subarray(0, MAX_REASON_BYTES)
      .toString()
      .replace(/\uFFFD+$/, '');
    this.socket?.close(status === 503 ? 1013 : status < 500 ? 4000 + status : 1011, reason);
    this.end();
  }

  /** Begins one subscription. Errors: `too_many_subscriptions`, and its own; each with its code. */
  async begin(id: string, begun: () => unknown): Promise<AsyncIterableIterator<unknown>> {
    if (this.open.has(id)) {
      const error = conflict('subscriber_exists', `there is a subscription ${id} already`);
      // Mercurius would forget the other one, and never end it.
      this.refuse(error);
      throw coded(error);
    }
    if (this.open.size >= MOST_SUBSCRIPTIONS)
      throw coded(
        invalid(
          'too_many_subscriptions',
          `${MOST_SUBSCRIPTIONS} subscriptions are open on this WebSocket, the most there may be: complete one`,
        ),
      );
    this.open.set(id, undefined);
    try {
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
          this.told(error);
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

  private told(error: unknown): ReturnType<typeof problemOf> {
    const problem = problemOf(error);
    if (problem.status >= 500) this.logger.error({ err: error }, 'a WebSocket or a subscription failed');
    return problem;
  }

  private end(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.leave?.();
    this.leave = () => undefined;
    for (const values of this.open.values())
      values?.return?.().catch((error: unknown) => {
        this.logger.warn({ err: error }, 'a subscription did not end as it should');
      });
    this.open.clear();
  }
}

const isIterator = (value: unknown): value is AsyncIterator<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

type Begin = GraphQLFieldResolver<unknown, { readonly connection: Connection; readonly id: string }>;

/** Has each subscription begun by the connection that it comes by. */
export function countSubscriptions(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getSubscriptionType()?.getFields() ?? {})) {
    const begin = field.subscribe as Begin | undefined;
    if (begin === undefined) throw new Error(`the subscription ${field.name} begins nowhere`);
    const counted: Begin = async (root, args, context, info) =>
      context.connection.begin(context.id, () => begin(root, args, context, info));
    field.subscribe = counted;
  }
  return schema;
}
