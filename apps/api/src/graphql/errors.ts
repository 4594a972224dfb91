import type { ExecutionResult } from 'graphql';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { z } from 'zod';
import { invalid } from '#domain/errors';
import { sizeOfJson } from '#domain/json-text';
import { isDomainError } from '#domain/schema';
import { type Problem, problemOf } from '../problem.js';

/** A refusal in GraphQL has the same code, status and faulty fields as in REST. */
const extensionsOf = ({ code, status, errors }: Problem): Record<string, unknown> => ({
  code,
  status,
  ...(errors.length === 0 ? {} : { errors }),
});

/** For errors that nothing formats, such as at the start of a subscription. */
export function coded(error: unknown): GraphQLError {
  const problem = problemOf(error);
  return new GraphQLError(problem.detail, { extensions: extensionsOf(problem) });
}

const zStatus = z.looseObject({ statusCode: z.int() });
/** A query that mercurius refuses, with one error per violated rule. */
const zRefused = z.looseObject({ statusCode: z.literal([400, 405]), errors: z.array(z.instanceof(Error)).min(1) });

/** Whether the error concerns the query. Otherwise it concerns the request. */
export const isAboutQuery = (error: unknown): boolean => zRefused.safeParse(error).success || isDomainError(error);

/** Mercurius refuses some requests with errors of its own, and some with those of JavaScript. */
/** The text of a refusal that does not come from us. Parsing what is nested deeply may still run out of stack. */
export function textOf(error: Error): string {
  if (
    error instanceof GraphQLError ||
    /^(body|querystring)[\w/]* must be |^Operation cannot be | exceeds the query depth limit of /.test(error.message)
  )
    return error.message;
  return error instanceof RangeError ? TOO_DEEP : 'The query is not valid.';
}

/** A list in a list in a field: brackets of all kinds. The deepest query has 16 levels, and JSON in it 64. */
const MOST_LEVELS = 100;
const TOO_DEEP = `The query is nested deeper than ${MOST_LEVELS} levels.`;

/**
 * Checks the text of a query before it is parsed: parsing what is nested deeply runs out of stack. Mercurius would also
 * take a document as JSON, as the parser makes it, and fail where it is not one. Errors: `invalid_query`.
 */
export function assertReadable(text: string): void {
  const { excess } = sizeOfJson(text, { values: Infinity, fields: Infinity, levels: MOST_LEVELS });
  if (excess !== undefined) throw invalid('invalid_query', TOO_DEEP);
  if (isJson(text))
    throw invalid('invalid_query', 'The query must be in GraphQL, such as "{ tenants { items { tenantId } } }".');
}

function isJson(text: string): boolean {
  // No query begins so. To try each would take time.
  if (!/^\s*([["\d-]|true|false|null|\{\s*["}])/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function formatted(error: GraphQLError): GraphQLFormattedError[] {
  const { originalError: cause } = error;
  const refused = zRefused.safeParse(cause);
  if (refused.success)
    return refused.data.errors.map((each) => ({
      ...new GraphQLError(textOf(each)).toJSON(),
      ...(each instanceof GraphQLError ? each.toJSON() : {}),
      extensions: { code: 'invalid_query', status: refused.data.statusCode },
    }));
  if (cause === undefined || cause === null)
    return [{ ...error.toJSON(), extensions: { code: 'invalid_query', status: 400 } }];
  const problem = problemOf(cause);
  return [{ ...error.toJSON(), message: problem.detail, extensions: extensionsOf(problem) }];
}

/**
 * Formats errors. If some data was answered, the status is 200 and each error has its path. If the query itself is
 * invalid, the status is that of the error.
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
