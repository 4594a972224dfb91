import { HttpException } from '@nestjs/common';
import { z } from 'zod';
import { DomainError, type ErrorKind, type FieldError } from '#domain/errors';
import { zFieldErrors } from '#operations/answers';
import { ERROR_CODES } from './error-codes.js';
import { outageOf } from './outage.js';

/** The one table from what a thing is refused for to its status; the titles stand in the problem and in the docs. */
export const KINDS: Readonly<Record<ErrorKind, { readonly status: number; readonly title: string }>> = {
  invalid: { status: 400, title: 'The request is wrong' },
  forbidden: { status: 403, title: 'Not for this role' },
  not_found: { status: 404, title: 'There is no such thing' },
  conflict: { status: 409, title: 'It contradicts what is recorded' },
  unavailable: { status: 503, title: 'Try again later' },
};

/** RFC 9457, with a stable code and the faults field by field. */
export const zProblem = z.object({
  type: z.string().describe('Where this kind of problem is explained'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What was wrong here, and what to do'),
  code: z.string().meta({ description: 'Stable: programs may rely on it', 'x-codes': ERROR_CODES }),
  errors: zFieldErrors,
});
export type Problem = z.output<typeof zProblem>;

export const PROBLEM_TYPE = 'application/problem+json';

/** What HTTP itself refuses, before or beside the ledger. */
const OF_HTTP: ReadonlyMap<number, { readonly code: string; readonly title: string }> = new Map([
  [400, { code: 'malformed_request', title: 'The request is wrong' }],
  [401, { code: 'unauthenticated', title: 'No valid token' }],
  [404, { code: 'unknown_route', title: 'There is no such route' }],
  [413, { code: 'body_too_large', title: 'The body is too large' }],
  [414, { code: 'url_too_long', title: 'The URL is too long' }],
  [429, { code: 'too_many_requests', title: 'Too many requests' }],
  [503, { code: 'overloaded', title: 'Try again later' }],
  [415, { code: 'unsupported_media_type', title: 'The body is not JSON' }],
]);

const problem = (
  kind: string,
  status: number,
  title: string,
  detail: string,
  code: string,
  errors: readonly FieldError[] = [],
): Problem => ({
  type: `/api/docs#${kind}`,
  title,
  status,
  detail,
  code,
  errors: [...errors],
});

/** The token is missing or wrong: 401. What is wrong with it is said; a secret is not in it. */
export class Unauthenticated extends Error {}

/** More requests than one may make in a while: 429, with Retry-After. */
export class TooManyRequests extends Error {
  readonly statusCode = 429;
}
/** More requests than can be answered in time: 503, with Retry-After. Nothing of it was done. */
export class Overloaded extends Error {
  readonly statusCode = 503;
}

const httpStatus = (error: unknown): number | undefined => {
  if (error instanceof Unauthenticated) return 401;
  if (error instanceof HttpException) return error.getStatus();
  return error instanceof Error && 'statusCode' in error ? z.int().safeParse(error.statusCode).data : undefined;
};

/** The problem of anything thrown. What is neither a refusal nor an outage is a defect of ours: 500, and nothing of it leaks. */
export function problemOf(error: unknown): Problem {
  const refusal = error instanceof DomainError ? error : outageOf(error);
  if (refusal !== undefined) {
    const { status, title } = KINDS[refusal.kind];
    return problem(refusal.kind, status, title, refusal.message, refusal.code, refusal.errors);
  }
  const status = httpStatus(error);
  const known = status === undefined ? undefined : OF_HTTP.get(status);
  if (status !== undefined && known !== undefined && error instanceof Error)
    return problem(known.code, status, known.title, error.message, known.code);
  if (status !== undefined && status >= 400 && status < 500)
    return problem('malformed_request', status, 'The request is wrong', 'HTTP refuses it', 'malformed_request');
  return problem(
    'internal',
    500,
    'A defect on our side',
    'The request could not be answered; the log has the reason under its x-request-id.',
    'internal',
  );
}

/** For the docs: each place that a problem's `type` leads to. */
export const PROBLEM_KINDS: readonly { readonly anchor: string; readonly status: number; readonly title: string }[] = [
  ...Object.entries(KINDS).map(([anchor, { status, title }]) => ({ anchor, status, title })),
  ...[...OF_HTTP].map(([status, { code, title }]) => ({ anchor: code, status, title })),
  { anchor: 'internal', status: 500, title: 'A defect on our side' },
];
