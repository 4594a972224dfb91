import { text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Bearer tokens that the ledger issued. The token itself is not kept. */
export const tokens = defineTable({
  name: 'tokens',
  columns: {
    token_id: text,
    actor: text,
    role: text,
    tenant_id: text.nullable(),
    issued_at: timestamptz,
    expires_at: timestamptz,
    revoked_at: timestamptz.nullable(),
    reason: text.nullable(),
  },
  key: ['token_id'],
});

export type TokenRow = RowOf<typeof tokens>;

declare module '#read-model/read-models' {
  interface ReadModels {
    tokens: History<TokenRow>;
  }
}
