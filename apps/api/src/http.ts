import type { ServerResponse } from 'node:http';
import type { Caller } from '#ledger/caller';

/** The parts of Fastify's request and reply that this application uses. */
export interface Request {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Set by the guard after it has read the token. */
  caller?: Caller;
}

export interface Reply {
  status(status: number): this;
  header(name: string, value: string): this;
  getHeader(name: string): unknown;
  send(body: unknown): this;
  readonly raw: ServerResponse;
}

/** Path of all routes except health and the console. */
export const V1 = 'api/v1';

/** The log position that the answer is as of, or of the last event that the request recorded. */
export const POSITION = 'Ledgerline-Position';
/** On stale answers only: why events are missing, and when the first of them was recorded. */
export const STALE = 'Ledgerline-Stale';
export const STALE_SINCE = 'Ledgerline-Stale-Since';

/** Node reads other bytes as Latin-1: text in UTF-8 would become another text. */
export const isAscii = (text: string): boolean => /^[\x20-\x7e]*$/.test(text);

/** Given ids are recorded in the log permanently, so their form is checked. */
const ID = /^[\w.:-]{1,128}$/;

export function givenId(headers: Request['headers'], name: string): string | undefined {
  const given = headers[name];
  return typeof given === 'string' && ID.test(given) ? given : undefined;
}

/** The correlation id that the caller gave, or else the id of the request. Events record it in their metadata. */
export const correlationIdOf = ({ id, headers }: Pick<Request, 'id' | 'headers'>): string =>
  givenId(headers, 'x-correlation-id') ?? id;

/** Events record both ids if they differ. */
export type RequestIds = Pick<Caller, 'correlationId' | 'requestId'>;
export function idsOf(request: Pick<Request, 'id' | 'headers'>): RequestIds {
  const correlationId = correlationIdOf(request);
  return correlationId === request.id ? { correlationId } : { correlationId, requestId: request.id };
}
