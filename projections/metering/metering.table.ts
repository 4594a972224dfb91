import type { SkippedResource } from '#domain/metering/metering';
import { bigint, int, jsonb, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

export const meteringConfigurations = defineTable({
  name: 'metering_configurations',
  columns: {
    billing_kind: text,
    effective_from: timestamptz,
    granularity: oneOf<'day' | 'hour'>(),
    retention_days: int.nullable(),
  },
  key: ['billing_kind', 'effective_from'],
  group: ['billing_kind'],
});

export type MeteringConfigurationRow = RowOf<typeof meteringConfigurations>;

export const meteredDays = defineTable({
  name: 'metered_days',
  columns: {
    date: text,
    record_count: int,
    skipped: jsonb<readonly SkippedResource[]>(),
    /** The log position that the inventory was read at. */
    inventory_at: bigint,
  },
  key: ['date'],
});

export type MeteredDayRow = RowOf<typeof meteredDays>;

declare module '#read-model/read-models' {
  interface ReadModels {
    metering_configurations: History<MeteringConfigurationRow>;
    metered_days: History<MeteredDayRow>;
  }
}
