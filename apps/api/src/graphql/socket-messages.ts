import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { getOperationAST, GraphQLError, OperationTypeNode, parse } from 'graphql';
import { z } from 'zod';
import { invalid } from '#domain/errors';
import { parseJson } from '#domain/json-text';
import { assertReadable, coded, textOf } from './errors.js';
import { MAX_TOKENS } from './limits.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** The parts of a WebSocket that are used here. */
interface Socket {
  readonly protocol: string;
  emit(event: string, ...values: unknown[]): boolean;
  send(text: string, ...more: unknown[]): void;
  close(code: number, reason: string): void;
}
const isSocket = (value: unknown): value is Socket =>
  typeof value === 'object' && value !== null && 'emit' in value && 'send' in value && 'close' in value;

/** As graphql-transport-ws wants it for a message of an unknown form. */
const INVALID_MESSAGE = 4400;
const UNAUTHORIZED = 4401;
const LONGEST_ID = 128;

const zTyped = z.looseObject({ type: z.string() });
const zNamed = z.object({ id: z.string().min(1).max(LONGEST_ID) });
const zOperation = zNamed.extend({
  payload: z.object({
    query: z.string(),
    variables: z.record(z.string(), z.unknown()).nullish(),
    operationName: z.string().nullish(),
  }),
  // Mercurius would take a token from them, without the checks of the first message.
  extensions: z.undefined().optional(),
});
const zAnything = z.object({ payload: z.looseObject({}).nullish() });

/** What clients may send, by the names of the two protocols. Pages have the newer one. */
const MESSAGES: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ['graphql-transport-ws connection_init', zAnything],
  ['graphql-transport-ws ping', zAnything],
  ['graphql-transport-ws pong', zAnything],
  ['graphql-transport-ws subscribe', zOperation],
  ['graphql-transport-ws complete', zNamed],
  ['graphql-ws connection_init', zAnything],
  ['graphql-ws connection_terminate', zAnything],
  ['graphql-ws start', zOperation],
  ['graphql-ws stop', zNamed],
]);

/**
 * Checks the messages of WebSockets before mercurius reads them: it fails with texts of JavaScript where their form is
 * another, and leaves some without an answer. Each has an answer now, or closes the socket with a reason.
 */
export function checkMessages(fastify: Fastify): void {
  fastify.addHook('onRoute', (route) => {
    const handle: unknown = Reflect.get(route, 'wsHandler');
    if (typeof handle !== 'function') return;
    const checked = (socket: unknown, ...more: unknown[]): unknown => {
      if (isSocket(socket)) check(socket);
      return Reflect.apply(handle, fastify, [socket, ...more]);
    };
    Reflect.set(route, 'wsHandler', checked);
  });
}

function check(socket: Socket): void {
  const emit = socket.emit.bind(socket);
  const send = socket.send.bind(socket);
  let hasBegun = false;
  socket.emit = (event, ...values) => {
    if (event !== 'message') return emit(event, ...values);
    const message = readable(socket.protocol, values[0]);
    if (message === undefined) {
      socket.close(INVALID_MESSAGE, 'malformed_request: the message does not follow its protocol');
      return true;
    }
    hasBegun ||= message.type === 'connection_init';
    if (message.operation === undefined) return emit(event, ...values);
    if (!hasBegun) {
      socket.close(UNAUTHORIZED, 'unauthenticated: send connection_init with a token first');
      return true;
    }
    const refusal = refusalOf(message.operation.payload);
    if (refusal === undefined) return emit(event, ...values);
    send(JSON.stringify({ type: 'error', id: message.operation.id, payload: [refusal] }));
    return true;
  };
  socket.send = (text, ...more) => {
    send(text.startsWith('{"type":"error"') ? withCodes(text) : text, ...more);
  };
}

interface Message {
  readonly type: string;
  readonly operation?: z.output<typeof zOperation>;
}

/** undefined: it does not follow its protocol. */
function readable(protocol: string, sent: unknown): Message | undefined {
  if (!Buffer.isBuffer(sent)) return undefined;
  try {
    const given = zTyped.parse(parseJson(sent.toString()));
    const schema = MESSAGES.get(`${protocol} ${given.type}`);
    if (schema === zOperation) return { type: given.type, operation: zOperation.parse(given) };
    return schema?.safeParse(given).success === true ? { type: given.type } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

/** Why a subscription can't begin. What needs the schema is checked later. */
function refusalOf({ query, operationName }: z.output<typeof zOperation>['payload']): GraphQLError | undefined {
  try {
    assertReadable(query);
    const operation = getOperationAST(parse(query, { maxLexicalTokens: MAX_TOKENS }), operationName);
    if (operation?.operation === OperationTypeNode.SUBSCRIPTION) return undefined;
    throw invalid(
      'invalid_query',
      'A WebSocket is for one subscription in each message. Send queries and mutations with POST /graphql.',
    );
  } catch (error) {
    return error instanceof GraphQLError || error instanceof RangeError
      ? new GraphQLError(textOf(error), { extensions: { code: 'invalid_query', status: 400 } })
      : coded(error);
  }
}

const zErrors = z.looseObject({
  payload: z.array(z.looseObject({ message: z.string(), extensions: z.unknown().optional() })),
});
const zCoded = z.looseObject({ code: z.string(), status: z.int() });

/** Mercurius and graphql-js refuse some subscriptions by themselves, without a code. */
function withCodes(text: string): string {
  const known = zErrors.safeParse(JSON.parse(text));
  if (!known.success) return text;
  const payload = known.data.payload.map((each) =>
    zCoded.safeParse(each.extensions).success
      ? each
      : {
          message: each.message.startsWith('Variable "$') ? each.message : 'The subscription is not valid.',
          extensions: { code: 'invalid_query', status: 400 },
        },
  );
  return JSON.stringify({ ...known.data, payload });
}
