import type { Instant } from '#domain/time/instant';
import type { Granularity, Origin } from '#domain/usage/usage';
import { defineTable } from '#read-model/table';

/** The observation now in force of a deployment, resource, billing kind, period and granularity. '' stands for: not given. */
export interface UsageRecordRow {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly period_start: Instant;
  readonly resource_id: string;
  readonly period_end: Instant;
  readonly granularity: Granularity;
  readonly provider: string;
  readonly source_id: string;
  readonly quantity: string;
  /** Who observed it: `command`, `metering`, `backfill`. */
  readonly origin: Origin;
  /** Who gave it this quantity by a correction; null: it is as it was observed. */
  readonly corrected_by: Origin | null;
  /** Who superseded this version, by a correction; null while it is in force. A last version that was closed was withdrawn: it never was. */
  readonly superseded_by: string | null;
  readonly resource_type: string | null;
  readonly resource_family: string | null;
  readonly location: string | null;
  readonly attributes: object | null;
  readonly sub_attribution: object | null;
}

export const usageRecords = defineTable<UsageRecordRow>({
  name: 'usage_records',
  columns: {
    deployment_id: 'text',
    billing_kind: 'text',
    period_start: 'timestamptz',
    resource_id: 'text',
    period_end: 'timestamptz',
    granularity: 'text',
    provider: 'text',
    source_id: 'text',
    quantity: 'numeric',
    origin: 'text',
    corrected_by: 'text',
    superseded_by: 'text',
    resource_type: 'text',
    resource_family: 'text',
    location: 'text',
    attributes: 'jsonb',
    sub_attribution: 'jsonb',
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
  group: [
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

/** Whose a reading is that was recorded without a provider: the one that a later reading of its key named. */
export interface UsageProviderRow {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly period_start: Instant;
  readonly resource_id: string;
  readonly period_end: Instant;
  readonly granularity: Granularity;
  readonly source_id: string;
  readonly provider: string;
}

export const usageProviders = defineTable<UsageProviderRow>({
  name: 'usage_providers',
  columns: {
    deployment_id: 'text',
    billing_kind: 'text',
    period_start: 'timestamptz',
    resource_id: 'text',
    period_end: 'timestamptz',
    granularity: 'text',
    source_id: 'text',
    provider: 'text',
  },
  key: ['deployment_id', 'billing_kind', 'period_start', 'resource_id', 'period_end', 'granularity', 'source_id'],
  group: ['deployment_id', 'billing_kind', 'period_start', 'resource_id', 'period_end', 'granularity', 'source_id'],
});

/** A deployment's raw records of a kind and UTC month that are kept here no more: there are none in usage_records, also of what came since. */
export interface PrunedUsageRow {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly month: Instant;
  /** By when their retention was over. */
  readonly pruned_at: Instant;
}

export const prunedUsage = defineTable<PrunedUsageRow>({
  name: 'pruned_usage',
  columns: { deployment_id: 'text', billing_kind: 'text', month: 'timestamptz', pruned_at: 'timestamptz' },
  key: ['deployment_id', 'billing_kind', 'month'],
  group: ['deployment_id', 'billing_kind', 'month'],
  indexes: [['month']],
});
