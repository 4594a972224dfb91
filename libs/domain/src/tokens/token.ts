import { z } from 'zod';
import { conflict, type DomainError, notFound } from '../errors.js';
import { type EventOf, type IdSchema, zId, zInstant, zText } from '../schema.js';
import { streamName } from '../stream-name.js';

/** What is recorded of a bearer token: never the token itself. */
export const tokenStream = (tokenId: string): string => streamName('token', [tokenId]);

// Stored permanently.
export const tokenEventsWith = (zId: IdSchema) => ({
  /** `actor`: who acts with it, as events name it. `tenantId` null: it belongs to no tenant. */
  TokenIssued: z.object({
    tokenId: zId,
    actor: zId,
    role: zId,
    tenantId: zId.nullable(),
    expiresAt: zInstant,
  }),
  TokenRevoked: z.object({ tokenId: zId, reason: zText.min(1) }),
});
export const tokenEvents = tokenEventsWith(zId);
export type TokenEvent = EventOf<typeof tokenEventsWith>;

type Issued = Extract<TokenEvent, { type: 'TokenIssued' }>;

/** Errors: `token_exists`. */
export function issueToken(known: readonly TokenEvent[], data: Issued['data']): TokenEvent[] {
  if (known.length > 0)
    throw conflict('token_exists', `token ${data.tokenId} is already issued with a different body. Use another id.`);
  return [{ type: 'TokenIssued', data }];
}

/** Nothing, if it is revoked already. Errors: `unknown_token`. */
export function revokeToken(known: readonly TokenEvent[], data: { tokenId: string; reason: string }): TokenEvent[] {
  if (known.length === 0) throw unknownToken(data.tokenId);
  return isRevoked(known) ? [] : [{ type: 'TokenRevoked', data }];
}

export const isRevoked = (known: readonly TokenEvent[]): boolean => known.some(({ type }) => type === 'TokenRevoked');

const unknownToken = (tokenId: string): DomainError =>
  notFound('unknown_token', `no token was issued with the id ${tokenId}. "ledgerline token list" shows all ids.`);
