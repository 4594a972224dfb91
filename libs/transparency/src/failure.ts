/** A failed check: what is wrong, where, and what to do. */
export interface Failure {
  readonly code: string;
  /** The position of the first event concerned. */
  readonly position: number | null;
  readonly message: string;
  readonly remedy: string;
  readonly stream?: string;
  readonly revision?: number;
  readonly eventId?: string;
  readonly type?: string;
  readonly invoiceId?: string;
  readonly issuedAtPosition?: number | null;
}

export const failure = (code: string, position: number | null, message: string, remedy: string): Failure => ({
  code,
  position,
  message,
  remedy,
});
