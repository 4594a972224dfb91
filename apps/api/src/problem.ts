import { HttpException } from '@nestjs/common';
import { z } from 'zod';
import { DomainError, type ErrorKind, type FieldError } from '#domain/errors';
import { zFieldErrors } from '#operations/answers';
import { ERROR_CODES } from './error-codes.js';
import { outageOf } from './outage.js';

/** Status and title of each kind of refusal. The docs show the titles too. */
export const KINDS: Readonly<Record<ErrorKind, { readonly status: number; readonly title: string }>> = {
  invalid: { status: 400, title: 'Invalid request' },
  forbidden: { status: 403, title: 'Not allowed for this role' },
  not_found: { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'Conflict with recorded data' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
};

/** RFC 9457, with a stable code and the faulty fields. */
export const zProblem = z.object({
  type: z.string().describe('Link to the explanation of this kind of problem'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What was wrong, and what to do'),
  code: z.string().meta({ description: 'Stable: programs can rely on it', 'x-codes': ERROR_CODES }),
  errors: zFieldErrors,
});
export type Problem = z.output<typeof zProblem>;

export const PROBLEM_TYPE = 'application/problem+json';

/** Refusals of the HTTP layer. */
const OF_HTTP: ReadonlyMap<number, { readonly code: string; readonly title: string }> = new Map([
  [400, { code: 'malformed_request', title: 'Invalid request' }],
  [401, { code: 'unauthenticated', title: 'Missing or invalid token' }],
  [404, { code: 'unknown_route', title: 'Unknown route' }],
  [408, { code: 'request_timed_out', title: 'Request not complete in time' }],
  [413, { code: 'body_too_large', title: 'Body too large' }],
  [414, { code: 'url_too_long', title: 'URL too long' }],
  [431, { code: 'headers_too_large', title: 'Headers too large' }],
  [429, { code: 'too_many_requests', title: 'Too many requests' }],
  [503, { code: 'overloaded', title: 'Temporarily unavailable' }],
  [415, { code: 'unsupported_media_type', title: 'Body is not JSON' }],
]);

/** `kind`: the anchor in the docs. Default: the code. */
const problem = ({
  code,
  kind = code,
  errors = [],
  ...shown
}: Pick<Problem, 'code' | 'status' | 'title' | 'detail'> & {
  readonly kind?: string;
  readonly errors?: readonly FieldError[];
}): Problem => ({ type: `/api/docs#${kind}`, ...shown, code, errors: [...errors] });

/** The token is missing or invalid: 401. The message says why and never contains a secret. */
export class Unauthenticated extends Error {}

/** The body is larger than the route takes: 413. */
export class BodyTooLarge extends Error {
  readonly statusCode = 413;
}

/** Too many requests from one caller: 429, with Retry-After. */
export class TooManyRequests extends Error {
  readonly statusCode = 429;
}
/** Too many requests at the same time: 503, with Retry-After. Nothing was processed. */
export class Overloaded extends Error {
  readonly statusCode = 503;
}

/** The client closed the connection while its request waited. Nobody reads this answer. */
export class HungUp extends Error {
  readonly statusCode = 499;
}

/** The request has an expectation (`Expect`) that the API does not know: 417. */
export class ExpectationFailed extends Error {
  readonly statusCode = 417;
}

const httpStatus = (error: unknown): number | undefined => {
  if (error instanceof Unauthenticated) return 401;
  if (error instanceof HttpException) return error.getStatus();
  return error instanceof Error && 'statusCode' in error ? z.int().safeParse(error.statusCode).data : undefined;
};

/** The problem for any error. Errors that are neither a refusal nor an outage are defects: 500, without details. */
export function problemOf(error: unknown): Problem {
  const status = httpStatus(error);
  // A client that hangs up within its body is not a lost connection to the database.
  const refusal = error instanceof DomainError ? error : status === undefined ? outageOf(error) : undefined;
  if (refusal !== undefined) {
    const { kind, code, message: detail, errors } = refusal;
    return problem({ kind, code, ...KINDS[kind], detail, errors });
  }
  const known = status === undefined ? undefined : OF_HTTP.get(status);
  if (status !== undefined && known !== undefined && error instanceof Error)
    return problem({ ...known, status, detail: error.message });
  if (status !== undefined && status >= 400 && status < 500)
    return problem({
      code: 'malformed_request',
      status,
      title: 'Invalid request',
      detail: error instanceof ExpectationFailed ? error.message : 'The request is not valid HTTP.',
    });
  return problem({
    code: 'internal',
    status: 500,
    title: 'Internal error',
    detail: 'The request failed. The log of the server has the reason under the x-request-id.',
  });
}

/** For the docs: every anchor that the `type` of a problem links to. */
export const PROBLEM_KINDS: readonly { readonly anchor: string; readonly status: number; readonly title: string }[] = [
  ...Object.entries(KINDS).map(([anchor, { status, title }]) => ({ anchor, status, title })),
  ...[...OF_HTTP].map(([status, { code, title }]) => ({ anchor: code, status, title })),
  { anchor: 'internal', status: 500, title: 'Internal error' },
];
