import { text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * A row says that a deployment has, or had, readings of a kind that begin in a month (UTC). A million readings make a
 * few rows, so a question about all usage reads these first, and the readings only of the months that it needs.
 */
export const usageMonths = defineTable({
  name: 'usage_months',
  columns: {
    deployment_id: text,
    billing_kind: text,
    month: timestamptz,
  },
  key: ['deployment_id', 'billing_kind', 'month'],
});

declare module '#read-model/read-models' {
  interface ReadModels {
    usage_months: History<RowOf<typeof usageMonths>>;
  }
}
