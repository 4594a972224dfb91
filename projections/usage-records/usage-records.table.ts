import type { Granularity, Origin } from '#domain/usage/usage';
import { jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * The observation in force for a deployment, resource, billing kind, period and granularity. '' means: not given.
 */
export const usageRecords = defineTable({
  name: 'usage_records',
  columns: {
    deployment_id: text,
    billing_kind: text,
    period_start: timestamptz,
    resource_id: text,
    period_end: timestamptz,
    granularity: oneOf<Granularity>(),
    provider: text,
    source_id: text,
    quantity: numeric,
    /** The source of the observation. */
    origin: oneOf<Origin>(),
    /** The source of the correction that set this quantity; null: it was not corrected. */
    corrected_by: oneOf<Origin>().nullable(),
    /**
     * The source of the correction that superseded this version; null while it is in force. If the last version is
     * superseded, the reading was withdrawn.
     */
    superseded_by: text.nullable(),
    resource_type: text.nullable(),
    resource_family: text.nullable(),
    location: text.nullable(),
    attributes: jsonb<object>().nullable(),
    sub_attribution: jsonb<object>().nullable(),
  },
  // In the order of the queries: one deployment, one billing kind, a span of time.
  key: [
    'deployment_id',
    'billing_kind',
    'period_start',
    'resource_id',
    'period_end',
    'granularity',
    'provider',
    'source_id',
  ],
  partialIndexes: [
    // For metering a day again. It must be partial: with all records in it, the planner chose it for look-ups by key
    // while the table had no statistics, and read all usage of the same hour.
    { name: 'metered', columns: ['period_start'], where: "origin = 'metering'" },
    // A repeated event is recognised by the id of its source, even if its time differs.
    { name: 'source', columns: ['deployment_id', 'source_id'], where: "source_id <> ''" },
    // What was off is found among all readings of many months.
    { name: 'unused', columns: ['period_start'], where: 'quantity = 0' },
  ],
  fewSuperseded: true,
  byMonthOf: 'period_start',
  distributedBy: 'deployment_id',
});

export type UsageRecordRow = RowOf<typeof usageRecords>;

/** The provider of a reading that was recorded without one: a later reading of the same key named it. */
export const usageProviders = defineTable({
  name: 'usage_providers',
  columns: {
    deployment_id: text,
    billing_kind: text,
    period_start: timestamptz,
    resource_id: text,
    period_end: timestamptz,
    granularity: oneOf<Granularity>(),
    source_id: text,
    provider: text,
  },
  key: ['deployment_id', 'billing_kind', 'period_start', 'resource_id', 'period_end', 'granularity', 'source_id'],
});

export type UsageProviderRow = RowOf<typeof usageProviders>;

/**
 * Months whose raw records were pruned, by deployment and billing kind. `usage_records` has none of them, not even
 * later ones.
 */
export const prunedUsage = defineTable({
  name: 'pruned_usage',
  columns: {
    deployment_id: text,
    billing_kind: text,
    month: timestamptz,
    /** The instant at which their retention had ended. */
    pruned_at: timestamptz,
  },
  key: ['deployment_id', 'billing_kind', 'month'],
  indexes: [['month']],
});

declare module '#read-model/read-models' {
  interface ReadModels {
    usage_records: History<UsageRecordRow>;
    usage_providers: History<UsageProviderRow>;
    pruned_usage: History<RowOf<typeof prunedUsage>>;
  }
}
