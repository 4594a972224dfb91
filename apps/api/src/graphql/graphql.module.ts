import { once } from 'node:events';
import type { Socket as NetSocket } from 'node:net';
import type { DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { type DocumentNode, GraphQLError, Kind, OperationTypeNode } from 'graphql';
import { z } from 'zod';
import { errorOf, invalid } from '#domain/errors';
import { ownerOf } from '#ledger/caller';
import { Ledger } from '#operations/ledger';
import { CLOCK, type Clock } from '../clock.js';
import { Arrivals } from '../auth/arrivals.js';
import { TokenReader } from '../auth/token.js';
import type { Connections } from '../connections.js';
import type { Failures } from '../failures.js';
import { type Reply, type Request } from '../http.js';
import type { PlaceOfRequest, PlacesOfRequests } from '../places.js';
import { answerProblem } from '../problem.filter.js';
import { tellMoment } from './as-of.js';
import { QueryLimits, type QueryTime } from '../query-limits.js';
import { assertReadable, formatErrors, isAboutQuery } from './errors.js';
import { assertValid, guardCost, MAX_DEPTH, MAX_TOKENS } from './limits.js';
import { resolveRelations } from './relations.js';
import { countSubscriptions, type Socket, Sockets } from './sockets.js';
import type { Turns } from './turns.js';

/** A request on arrival, by HTTP or as an upgrade to WebSocket. */
type Arriving = Pick<Request, 'id' | 'method' | 'url' | 'headers' | 'body' | 'caller'> & {
  readonly query: unknown;
  readonly ws?: boolean;
  readonly raw: { readonly socket: NetSocket };
};

interface Parts {
  readonly ledger: Ledger;
  readonly sockets: Sockets;
  readonly arrivals: Arrivals;
  readonly limits: QueryLimits;
  readonly failures: Failures;
  readonly turns: Turns;
  readonly placesOf: PlacesOfRequests;
}

/** The time of the queries stops while the request has no place. */
const together = (time: QueryTime, place: PlaceOfRequest | undefined): PlaceOfRequest => ({
  pause: () => {
    time.pause();
    place?.pause();
  },
  resume: async () => {
    await place?.resume();
    time.resume();
  },
});

export const graphQl = (
  imports: NonNullable<DynamicModule['imports']>,
  { connections, ...parts }: Pick<Parts, 'failures' | 'turns' | 'placesOf'> & { readonly connections: Connections },
): DynamicModule =>
  GraphQLModule.forRootAsync<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    imports,
    inject: [Ledger, TokenReader, CLOCK, Arrivals, QueryLimits],
    useFactory: (ledger: Ledger, tokens: TokenReader, clock: Clock, arrivals: Arrivals, limits: QueryLimits) =>
      configuration({
        ...{ ledger, sockets: new Sockets(tokens, clock, parts.failures, connections), arrivals, limits },
        ...parts,
      }),
  });

const zAsked = z.object({ query: z.string().optional() }).catch({});

const hasSubscription = ({ definitions }: DocumentNode): boolean =>
  definitions.some(
    (each) => each.kind === Kind.OPERATION_DEFINITION && each.operation === OperationTypeNode.SUBSCRIPTION,
  );

function configuration({ ledger, sockets, arrivals, limits, failures, turns, placesOf }: Parts): MercuriusDriverConfig {
  return {
    path: '/graphql',
    autoSchemaFile: true,
    sortSchema: true,
    graphiql: false,
    transformSchema: (schema) => countSubscriptions(resolveRelations(schema, ledger)),
    queryDepth: MAX_DEPTH,
    // It would keep 1,024 valid and 1,024 invalid documents. One of 5,000 tokens takes 2.5 MB.
    cache: false,
    graphql: { parseOptions: { maxLexicalTokens: MAX_TOKENS } },
    errorFormatter: formatErrors,
    errorHandler: async (error: Error, request: Arriving, reply: Reply) => {
      // Mercurius takes the end of this function for that of the answer. One that is compressed would be empty.
      const closed = reply.raw.closed ? undefined : once(reply.raw, 'close');
      if (isAboutQuery(error)) {
        const { statusCode, response } = formatErrors({
          errors: [new GraphQLError(error.message, { originalError: error })],
        });
        reply.status(statusCode).send(response);
      } else {
        // An error outside the query, such as an unreadable body, is a problem like elsewhere.
        answerProblem(error, request, reply, failures);
      }
      await closed;
    },
    hooks: {
      preExecution: (schema, document, _context, variables) => {
        if (hasSubscription(document)) throw invalid('invalid_query', 'Subscriptions need a WebSocket to /graphql.');
        guardCost(schema, document, variables ?? {});
      },
      onResolution: (execution, context) => {
        tellMoment(execution, context);
      },
      preSubscriptionExecution: (schema, document) => {
        assertValid(schema, document);
        // Variables are not available here: if a limit is a variable, the maximum is assumed.
        guardCost(schema, document, {});
      },
    },
    context: (request: Arriving, reply: Reply) => {
      const [time, place] = [limits.timeOf(reply), placesOf.get(request)];
      const { caller } = request;
      return {
        caller,
        signal: time.signal,
        ...(caller && { turns: turns.of(ownerOf(caller), together(time, place)) }),
      };
    },
    additionalRouteOptions: {
      // Before the query is read: without a token, even the schema is hidden.
      preHandler: (request: Arriving, reply: Reply, next: (error?: Error) => void) => {
        // Browsers can't send headers with a WebSocket: the token comes in the first message.
        if (request.ws === true) {
          sockets.arrive(request.raw.socket, next);
          return;
        }
        try {
          request.caller = arrivals.callerOf(request);
        } catch (error) {
          answerProblem(error, request, reply, failures);
          return;
        }
        const { query } = zAsked.parse(request.method === 'GET' ? request.query : request.body);
        try {
          if (query !== undefined) assertReadable(query);
        } catch (error) {
          next(errorOf(error));
          return;
        }
        next();
      },
    },
    subscription: {
      context: (socket: Socket, request: Arriving) => ({ request, connection: sockets.attach(socket) }),
      onConnect: async ({ payload }: { payload: unknown }) => sockets.welcome(payload),
    },
  };
}
