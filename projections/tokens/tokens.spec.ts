import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { tokensProjection } from './tokens.projection.js';
import { tokens } from './tokens.table.js';

const { given, when, rows } = projected(tokensProjection);

it('keeps a token with its role and its end, and since when it is revoked', async () => {
  const expiresAt = '2026-07-01T00:00:00Z';
  await given({ TokenIssued: { tokenId: 'k', actor: 'console', role: 'tenant', tenantId: 't', expiresAt } });
  await when({ TokenRevoked: { tokenId: 'k', reason: 'lost' } });

  const issued = {
    ...{ token_id: 'k', actor: 'console', role: 'tenant', tenant_id: 't' },
    ...{ issued_at: expect.any(String), expires_at: expiresAt },
  };
  expect(await rows(tokens)).toEqual([{ ...issued, revoked_at: expect.any(String), reason: 'lost' }]);
  expect(await rows(tokens, 1)).toEqual([issued]);
});
