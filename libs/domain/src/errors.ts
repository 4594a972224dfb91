/**
 * The reasons to refuse a command, a request or a row. `invalid`: the input itself is wrong · `not_found`: it names
 * something that does not exist · `conflict`: it conflicts with recorded data · `forbidden`: the actor may not do it ·
 * `unavailable`: the input is right, retry later. The API maps each kind to one HTTP status.
 */
export type ErrorKind = 'invalid' | 'not_found' | 'conflict' | 'forbidden' | 'unavailable';

/** One faulty field of an input: a JSON path (`items[0].price`), and what is wrong with it. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** A refusal with a stable code. Any other error that is thrown is an internal error. */
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

/** What was thrown, as an error: JavaScript can throw anything. */
export const errorOf = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
