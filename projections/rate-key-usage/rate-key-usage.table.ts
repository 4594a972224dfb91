import { text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Which deployments a change of a rate concerns. A row says that a deployment has readings of a kind under a rate key
 * that begin in one month (UTC) and end in the same or a later one. A million readings make a few rows.
 */
export const rateKeyUsage = defineTable({
  name: 'rate_key_usage',
  columns: {
    resource_type: text,
    resource_family: text,
    location: text,
    deployment_id: text,
    billing_kind: text,
    first_month: timestamptz,
    last_month: timestamptz,
  },
  key: ['resource_type', 'resource_family', 'location', 'deployment_id', 'billing_kind', 'first_month', 'last_month'],
});

export type RateKeyUsageRow = RowOf<typeof rateKeyUsage>;

declare module '#read-model/read-models' {
  interface ReadModels {
    rate_key_usage: History<RateKeyUsageRow>;
  }
}
