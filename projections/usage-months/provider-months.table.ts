import { text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * A row says that readings of a kind that begin in a month (UTC) name, or named, a provider. '': readings without one.
 * It tells which bills can come for the usage of a month without a look at the usage.
 */
export const providerMonths = defineTable({
  name: 'provider_months',
  columns: {
    billing_kind: text,
    month: timestamptz,
    provider: text,
  },
  key: ['billing_kind', 'month', 'provider'],
});

export type ProviderMonthRow = RowOf<typeof providerMonths>;

declare module '#read-model/read-models' {
  interface ReadModels {
    provider_months: History<ProviderMonthRow>;
  }
}
