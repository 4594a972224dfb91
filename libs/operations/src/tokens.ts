import { z } from 'zod';
import { invalid } from '#domain/errors';
import { isEventOf, type RecordedEvent } from '#domain/events';
import { zId, zInstant, zText } from '#domain/schema';
import { isRevoked, issueToken, revokeToken, type TokenEvent, tokenEvents, tokenStream } from '#domain/tokens/token';
import { tenantStream } from '#domain/tenants/tenant';
import { isBefore } from '#domain/time/instant';
import { ROLES, ROLES_OF_TENANTS } from '#ledger/caller';
import { defineCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { ADMIN, defineQuery, pageOfRows, zPage } from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import { readTokenPage, TOKEN_ORDER } from '#projections/tokens/tokens.read';
import { listOf, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';

const eventsOf = (events: readonly RecordedEvent[]): readonly TokenEvent[] => events.filter(isEventOf(tokenEvents));

const issue = defineCommand({
  name: 'issue-token',
  summary: 'Records that a bearer token was issued: its id (jti), its role and its end',
  fields: z.strictObject({
    tokenId: zId.describe('The id of the token, as its claim jti'),
    actor: zId.describe('Who acts with it, as events name it: its claim sub'),
    role: z.enum(ROLES).describe('What it may do'),
    tenantId: zId.optional().describe('Its only tenant, for the roles tenant (which needs one) and ingest'),
    expiresAt: zInstant.describe('When it ends'),
  }),
  key: ({ tokenId }) => [tokenId],
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['revoke-token'] },
  example: {
    tokenId: 'acme-reader',
    actor: 'acme',
    role: 'tenant',
    tenantId: 'acme',
    expiresAt: '2026-07-01T00:00:00Z',
  },
  async handle(call, core) {
    const { tokenId, actor, role, tenantId = null, expiresAt } = call.fields;
    if (role === 'tenant' && tenantId === null)
      throw invalid('no_tenant', 'a token with role tenant needs a tenant. Give tenantId.', [
        { field: 'tenantId', message: 'is missing' },
      ]);
    if (tenantId !== null && !ROLES_OF_TENANTS.includes(role))
      throw invalid('tenant_not_allowed', `a token with role ${role} reads all tenants. Omit tenantId.`, [
        { field: 'tenantId', message: `is not for role ${role}` },
      ]);
    return core.book.decide(tokenStream(tokenId), call, async (events) => {
      if (!isBefore(call.caller.now, expiresAt))
        throw invalid('invalid_input', 'issue-token: expiresAt is in the past. Give a later instant.', [
          { field: 'expiresAt', message: 'is in the past' },
        ]);
      if (tenantId !== null) tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
      return { events: issueToken(eventsOf(events), { tokenId, actor, role, tenantId, expiresAt }) };
    });
  },
});

const revoke = defineCommand({
  name: 'revoke-token',
  summary: 'Revokes a bearer token that was issued: APIs refuse it within five seconds',
  fields: z.strictObject({ tokenId: zId.describe('The id of the token'), reason: zText.min(1) }),
  key: ({ tokenId }) => [tokenId],
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { final: 'A revoked token stays revoked. Issue another one.' },
  example: { tokenId: 'acme-reader', reason: 'it was sent by mail' },
  async handle(call, core) {
    return core.book.decide(tokenStream(call.fields.tokenId), call, async (events) => ({
      events: revokeToken(eventsOf(events), call.fields),
    }));
  },
});

const zToken = z
  .object({
    tokenId: z.string(),
    actor: z.string(),
    role: z.string(),
    tenantId: z.string().nullable(),
    issuedAt: zTimestamp,
    expiresAt: zTimestamp,
    revokedAt: zTimestamp.nullable(),
    reason: z.string().nullable().describe('Why it was revoked'),
  })
  .meta({ id: 'Token' });

export const tokens = defineQuery({
  name: 'tokens',
  summary: 'The bearer tokens that were issued, with their roles and ends. The tokens themselves are not kept',
  path: 'tokens',
  params: zPage,
  roles: ADMIN,
  answer: listOf(zToken),
  example: {},
  async handle(page, { core, position }) {
    return pageOfRows({
      order: TOKEN_ORDER,
      page,
      position,
      read: async (rows) => readTokenPage(core.db, position, rows),
      toItems: (rows) =>
        rows.map((row) => ({
          ...{ tokenId: row.token_id, actor: row.actor, role: row.role, tenantId: row.tenant_id },
          ...{ issuedAt: row.issued_at, expiresAt: row.expires_at },
          ...{ revokedAt: row.revoked_at, reason: row.reason },
        })),
    });
  },
});

/** From the log itself: a revocation holds also while the projections are halted. */
export const isTokenRevoked = async (core: LedgerCore, tokenId: string): Promise<boolean> =>
  isRevoked(eventsOf(await core.book.load(tokenStream(tokenId))));

export const tokenOperations: Operations = {
  commands: [issue, revoke],
  queries: [tokens],
};
