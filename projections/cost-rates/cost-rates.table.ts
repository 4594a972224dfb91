import { numeric, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Estimated cost per unit of billing kinds, over the periods in which it does not change. '': of any. */
export const costRates = defineTable({
  name: 'cost_rates',
  columns: {
    billing_kind: text,
    provider: text,
    region: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    unit_cost: numeric,
    currency: text,
  },
  key: ['billing_kind', 'provider', 'region', 'effective_from'],
  group: ['billing_kind', 'provider', 'region'],
});

export type CostRateRow = RowOf<typeof costRates>;

declare module '#read-model/read-models' {
  interface ReadModels {
    cost_rates: History<CostRateRow>;
  }
}
