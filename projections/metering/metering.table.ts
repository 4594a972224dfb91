import type { SkippedResource } from '#domain/metering/metering';
import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

export interface MeteringConfigurationRow {
  readonly billing_kind: string;
  readonly effective_from: Instant;
  readonly granularity: 'day' | 'hour';
  readonly retention_days: number | null;
}

export const meteringConfigurations = defineTable<MeteringConfigurationRow>({
  name: 'metering_configurations',
  columns: { billing_kind: 'text', effective_from: 'timestamptz', granularity: 'text', retention_days: 'int' },
  key: ['billing_kind', 'effective_from'],
  group: ['billing_kind', 'effective_from'],
});

export interface MeteredDayRow {
  readonly date: string;
  readonly record_count: number;
  readonly skipped: readonly SkippedResource[];
}

export const meteredDays = defineTable<MeteredDayRow>({
  name: 'metered_days',
  columns: { date: 'text', record_count: 'int', skipped: 'jsonb' },
  key: ['date'],
  group: ['date'],
});
