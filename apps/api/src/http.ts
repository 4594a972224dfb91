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

/** Ids go into the log for ever: one that is given must look like one. */
const ID = /^[\w.:-]{1,128}$/;

export function givenId(headers: Request['headers'], name: string): string | undefined {
  const given = headers[name];
  return typeof given === 'string' && ID.test(given) ? given : undefined;
}

/** What the request is part of, in the words of who asks; else the request itself. It stands in the metadata of what is recorded. */
export const correlationIdOf = ({ id, headers }: Pick<Request, 'id' | 'headers'>): string =>
  givenId(headers, 'x-correlation-id') ?? id;

/** What is recorded by a request names both, where they are two. */
export type RequestIds = Pick<Caller, 'correlationId' | 'requestId'>;
export function idsOf(request: Pick<Request, 'id' | 'headers'>): RequestIds {
  const correlationId = correlationIdOf(request);
  return correlationId === request.id ? { correlationId } : { correlationId, requestId: request.id };
}
