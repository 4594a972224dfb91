import type { Caller } from '#ledger/caller';

/** Of Fastify's request and reply, what this application uses. */
export interface Request {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Set by the guard, once the token has been read. */
  caller?: Caller;
}

export interface Reply {
  status(status: number): this;
  header(name: string, value: string): this;
  getHeader(name: string): unknown;
  send(body: unknown): this;
}

/** Everything the API answers with stands under this path, but for health and the console. */
export const V1 = 'api/v1';
