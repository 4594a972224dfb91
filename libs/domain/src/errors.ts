/**
 * What a command, a request or a row can be refused for.
 * `invalid`: the input itself is wrong · `not_found`: it names what does not exist · `conflict`: it contradicts what
 * is recorded · `forbidden`: not for this actor · `unavailable`: nothing is wrong with it, try again later.
 * The API has one table from kind to HTTP status.
 */
export type ErrorKind = 'invalid' | 'not_found' | 'conflict' | 'forbidden' | 'unavailable';

/** One faulty field of an input: a JSON path (`items[0].price`), and what is wrong with it. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** A refusal with a stable code. Anything else that is thrown is a defect of ours. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  constructor(
    readonly code: string,
    message: string,
    readonly kind: ErrorKind = 'invalid',
    readonly errors: readonly FieldError[] = [],
  ) {
    super(message);
  }
}

export const invalid = (code: string, message: string, errors: readonly FieldError[] = []): DomainError =>
  new DomainError(code, message, 'invalid', errors);
export const notFound = (code: string, message: string): DomainError => new DomainError(code, message, 'not_found');
export const conflict = (code: string, message: string, errors: readonly FieldError[] = []): DomainError =>
  new DomainError(code, message, 'conflict', errors);
