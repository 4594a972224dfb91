import { text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Who pays for tenants, over the periods in which it does not change. */
export const payers = defineTable({
  name: 'payers',
  columns: {
    tenant_id: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    /** null: the tenant pays for itself. */
    payer_id: text.nullable(),
  },
  key: ['tenant_id', 'effective_from'],
  group: ['tenant_id'],
  indexes: [['payer_id']],
});

export type PayerRow = RowOf<typeof payers>;

declare module '#read-model/read-models' {
  interface ReadModels {
    payers: History<PayerRow>;
  }
}
