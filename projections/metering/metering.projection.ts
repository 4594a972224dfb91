import type { RecordedEvent } from '#domain/events';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { meteredDays, type MeteringConfigurationRow, meteringConfigurations } from './metering.table.js';

type Configuration = RecordedEvent<'MeteringCorrected'>['data']['configurations'][number];

const toRow = (billingKind: string, { from, granularity, retentionDays }: Configuration): MeteringConfigurationRow => ({
  billing_kind: billingKind,
  effective_from: from,
  granularity,
  retention_days: retentionDays,
});

export const meteringProjection = versionedProjection('metering', {
  version: 3,
  tables: [meteringConfigurations, meteredDays],
  on: {
    MeteringConfigured: changing(
      meteringConfigurations,
      ({ data }) => [data.billingKind],
      ({ data }, rows) => [...rows.filter((row) => row.effective_from !== data.from), toRow(data.billingKind, data)],
    ),
    MeteringCorrected: changing(
      meteringConfigurations,
      ({ data }) => [data.billingKind],
      ({ data }) => data.configurations.map((each) => toRow(data.billingKind, each)),
    ),
    DayMetered: changing(
      meteredDays,
      ({ data }) => [data.date],
      ({ data, position }) => [
        {
          date: data.date,
          record_count: data.recordCount,
          skipped: data.skipped,
          inventory_at: data.inventoryAt ?? position,
        },
      ],
    ),
  },
});
