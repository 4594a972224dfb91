import type { Granularity, Origin } from '#domain/usage/usage';
import { jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import { defineTable, type RowOf } from '#read-model/table';

/** The observation now in force of a deployment, resource, billing kind, period and granularity. '' stands for: not given. */
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
    /** Who observed it: `command`, `metering`, `backfill`. */
    origin: oneOf<Origin>(),
    /** Who gave it this quantity by a correction; null: it is as it was observed. */
    corrected_by: oneOf<Origin>().nullable(),
    /** Who superseded this version, by a correction; null while it is in force. A last version that was closed was withdrawn: it never was. */
    superseded_by: text.nullable(),
    resource_type: text.nullable(),
    resource_family: text.nullable(),
    location: text.nullable(),
    attributes: jsonb<object>().nullable(),
    sub_attribution: jsonb<object>().nullable(),
  },
  // In the order in which usage is asked for: one deployment's, of a kind, over a stretch of time.
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
    // A day's metering, when it is metered again. Of all records, this index was taken for every look-up by key while the table had no
    // statistics yet, and read all that was used at the same hour.
    { name: 'metered', columns: ['period_start'], where: "origin = 'metering'" },
    // An event that is sent again is known by its source's own id, whatever time it is given then.
    { name: 'source', columns: ['deployment_id', 'source_id'], where: "source_id <> ''" },
  ],
  fewSuperseded: true,
  byMonthOf: 'period_start',
});

export type UsageRecordRow = RowOf<typeof usageRecords>;

/** Whose a reading is that was recorded without a provider: the one that a later reading of its key named. */
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

/** A deployment's raw records of a kind and UTC month that are kept here no more: there are none in usage_records, also of what came since. */
export const prunedUsage = defineTable({
  name: 'pruned_usage',
  columns: {
    deployment_id: text,
    billing_kind: text,
    month: timestamptz,
    /** By when their retention was over. */
    pruned_at: timestamptz,
  },
  key: ['deployment_id', 'billing_kind', 'month'],
  indexes: [['month']],
});
