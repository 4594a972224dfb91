import type { ExecutionResult } from 'graphql';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { z } from 'zod';
import { isDomainError } from '#domain/schema';
import { type Problem, problemOf } from '../problem.js';

/** A refusal in GraphQL says what it says in REST: the code, the status it would have, and the fields at fault. */
const extensionsOf = ({ code, status, errors }: Problem): Record<string, unknown> => ({
  code,
  status,
  ...(errors.length === 0 ? {} : { errors }),
});

/** Where nothing formats what is thrown, as where a subscription begins. */
export function coded(error: unknown): GraphQLError {
  const problem = problemOf(error);
  return new GraphQLError(problem.detail, { extensions: extensionsOf(problem) });
}

const zStatus = z.looseObject({ statusCode: z.int() });
/** What mercurius refuses: the query, by each rule that it breaks. */
const zRefused = z.looseObject({ statusCode: z.literal([400, 405]), errors: z.array(z.instanceof(Error)).min(1) });

/** Of the query itself, or a refusal before anything was asked; else of the request that it came in. */
export const isAboutQuery = (error: unknown): boolean => zRefused.safeParse(error).success || isDomainError(error);

function formatted(error: GraphQLError): GraphQLFormattedError[] {
  const { originalError: cause } = error;
  const refused = zRefused.safeParse(cause);
  if (refused.success)
    return refused.data.errors.map((each) => ({
      ...new GraphQLError(each.message).toJSON(),
      ...(each instanceof GraphQLError ? each.toJSON() : {}),
      extensions: { code: 'invalid_query', status: refused.data.statusCode },
    }));
  if (cause === undefined || cause === null)
    return [{ ...error.toJSON(), extensions: { code: 'invalid_query', status: 400 } }];
  const problem = problemOf(cause);
  return [{ ...error.toJSON(), message: problem.detail, extensions: extensionsOf(problem) }];
}

/**
 * Errors as they are answered. Where any of the data could be answered the status is 200, and each error says what it is of; where
 * nothing could, because the query itself is wrong, it is the error's.
 */
export function formatErrors(execution: ExecutionResult & Required<Pick<ExecutionResult, 'errors'>>): {
  statusCode: number;
  response: { data: Record<string, unknown> | null; errors: GraphQLFormattedError[] };
} {
  const errors = execution.errors.flatMap(formatted);
  const status = zStatus.safeParse(execution.errors[0]?.originalError);
  const wasAsked = execution.data !== undefined && execution.data !== null;
  const statusCode = wasAsked
    ? 200
    : status.success
      ? status.data.statusCode
      : z.int().catch(400).parse(errors[0]?.extensions?.['status']);
  return { statusCode, response: { data: execution.data ?? null, errors } };
}
