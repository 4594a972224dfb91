import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { tokens } from './tokens.table.js';

export const tokensProjection = versionedProjection('tokens', {
  version: 1,
  tables: [tokens],
  on: {
    TokenIssued: changing(
      tokens,
      ({ data }) => [data.tokenId],
      ({ data, recordedAt }) => [
        {
          ...{ token_id: data.tokenId, actor: data.actor, role: data.role, tenant_id: data.tenantId },
          ...{ issued_at: recordedAt, expires_at: data.expiresAt, revoked_at: null, reason: null },
        },
      ],
    ),
    TokenRevoked: changing(
      tokens,
      ({ data }) => [data.tokenId],
      ({ data, recordedAt }, rows) => rows.map((row) => ({ ...row, revoked_at: recordedAt, reason: data.reason })),
    ),
  },
});
