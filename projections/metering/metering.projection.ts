import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { meteredDays, meteringConfigurations } from './metering.table.js';

export const meteringProjection = versionedProjection('metering', {
  version: 2,
  tables: [meteringConfigurations, meteredDays],
  on: {
    MeteringConfigured: changing(
      meteringConfigurations,
      ({ data }) => [data.billingKind, data.from],
      ({ data }) => [
        {
          billing_kind: data.billingKind,
          effective_from: data.from,
          granularity: data.granularity,
          retention_days: data.retentionDays,
        },
      ],
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
