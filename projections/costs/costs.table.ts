import { numeric, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** The costs that providers charged, as known now. */
export const costLines = defineTable({
  name: 'cost_lines',
  columns: {
    provider: text,
    invoice_ref: text,
    line_key: text,
    resource_id: text.nullable(),
    kind: text,
    charge_period_start: timestamptz,
    charge_period_end: timestamptz,
    amount: numeric,
    effective_amount: numeric.nullable(),
    currency: text,
    category: text,
    class: text.nullable(),
    tenant_id: text.nullable(),
    description: text.nullable(),
  },
  key: ['provider', 'invoice_ref', 'line_key'],
  readByItsOwn: true,
  indexes: [['currency', 'charge_period_start']],
});

export type CostLineRow = RowOf<typeof costLines>;

declare module '#read-model/read-models' {
  interface ReadModels {
    cost_lines: History<CostLineRow>;
  }
}
