import type { DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Caller } from '#ledger/caller';
import { Ledger } from '#ledger/ledger';
import { CLOCK, type Clock } from '../clock.js';
import { TokenReader } from '../auth/token.js';
import { correlationIdOf, type Reply, type Request } from '../http.js';
import { answerProblem } from '../problem.filter.js';
import { formatErrors, isAboutQuery } from './errors.js';
import { guardCost, MAX_DEPTH } from './limits.js';
import { resolveRelations } from './relations.js';

/** Of a request as it arrives, by HTTP or to become a WebSocket. */
type Arriving = Pick<Request, 'id' | 'method' | 'url' | 'headers' | 'caller'> & { readonly ws?: boolean };
/** As text, before anything is made of it. */
const MAX_TOKENS = 5000;

export const graphQl = (imports: NonNullable<DynamicModule['imports']>, logger: Logger): DynamicModule =>
  GraphQLModule.forRootAsync<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    imports,
    inject: [Ledger, TokenReader, CLOCK],
    useFactory: (ledger: Ledger, tokens: TokenReader, clock: Clock) => configuration(ledger, tokens, clock, logger),
  });

function configuration(ledger: Ledger, tokens: TokenReader, clock: Clock, logger: Logger): MercuriusDriverConfig {
  const callerOf = (authorization: unknown, id: string): Promise<Caller> =>
    tokens.callerOf(typeof authorization === 'string' ? authorization : undefined, clock.now(), id);
  return {
    path: '/graphql',
    autoSchemaFile: true,
    sortSchema: true,
    graphiql: false,
    transformSchema: (schema) => resolveRelations(schema, ledger),
    queryDepth: MAX_DEPTH,
    graphql: { parseOptions: { maxLexicalTokens: MAX_TOKENS } },
    errorFormatter: formatErrors,
    errorHandler: (error: Error, request: Arriving, reply: Reply) => {
      // What is not about the query, as a body that can't be read, is a problem, as elsewhere.
      if (!isAboutQuery(error)) {
        answerProblem(error, request, reply, logger);
        return;
      }
      const { statusCode, response } = formatErrors({ errors: [new GraphQLError(error.message, { originalError: error })] });
      reply.status(statusCode).send(response);
    },
    hooks: {
      preExecution: (schema, document, _context, variables) => {
        guardCost(schema, document, variables ?? {});
      },
    },
    context: (request: Arriving) => ({ caller: request.caller }),
    additionalRouteOptions: {
      // Before the query is read: without a token there is not even a schema to see.
      preHandler: async (request: Arriving, reply: Reply) => {
        // Who comes by WebSocket can't send headers from a browser, and says who it is in its first message.
        if (request.ws === true) return;
        try {
          request.caller = await callerOf(request.headers['authorization'], correlationIdOf(request));
        } catch (error) {
          answerProblem(error, request, reply, logger);
        }
      },
    },
    subscription: {
      context: (_socket: unknown, request: Arriving) => ({ request }),
      onConnect: async ({ payload }: { payload: unknown }) => ({ caller: await callerOf(zInit.parse(payload).authorization, 'websocket') }),
    },
  };
}

const zInit = z.object({ authorization: z.string().optional() }).catch({});
