import type { RecordedEvent } from '#domain/events';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { tenantGracePeriods, type TenantRow, tenants, tenantTaxes, type TenantTaxRow } from './tenants.table.js';

type Tax = RecordedEvent<'TenantCorrected'>['data']['taxes'][number];
type Grace = RecordedEvent<'TenantCorrected'>['data']['gracePeriods'][number];

const toTax = (tenantId: string, { name, ratePercent, from }: Tax): TenantTaxRow => ({
  ...{ tenant_id: tenantId, effective_from: from, name, rate_percent: ratePercent },
});
const toGrace = (tenantId: string, { hours, from }: Grace) => ({ tenant_id: tenantId, effective_from: from, hours });

/** The rows with one more. It replaces the row that takes effect at the same instant. */
const withRow = <Row extends { readonly effective_from: string }>(rows: readonly Row[], added: Row): Row[] => [
  ...rows.filter((row) => row.effective_from !== added.effective_from),
  added,
];

export const tenantsProjection = versionedProjection('tenants', {
  version: 3,
  tables: [tenants, tenantTaxes, tenantGracePeriods],
  on: {
    TenantRegistered: changing(
      tenants,
      ({ data }) => [data.tenantId],
      ({ data }): TenantRow[] => [
        {
          tenant_id: data.tenantId,
          currency: data.currency,
          currencies: data.currencies ?? [],
          time_zone: data.timeZone,
          details_ref: data.detailsRef,
          details_hash: data.detailsHash,
          payment_terms_days: data.paymentTermsDays ?? null,
        },
      ],
    ),
    TenantTaxSet: changing(
      tenantTaxes,
      ({ data }) => [data.tenantId],
      ({ data }, rows) => withRow(rows, toTax(data.tenantId, data)),
    ),
    TenantGracePeriodSet: changing(
      tenantGracePeriods,
      ({ data }) => [data.tenantId],
      ({ data }, rows) => withRow(rows, toGrace(data.tenantId, data)),
    ),
    TenantCorrected: {
      touches: ({ data }) =>
        [tenants, tenantTaxes, tenantGracePeriods].map((table) => ({ table, group: [data.tenantId] })),
      apply: ({ data }, rows) => {
        const { tenantId, timeZone, detailsRef, detailsHash, taxes, gracePeriods } = data;
        const details = {
          ...{ time_zone: timeZone, details_ref: detailsRef, details_hash: detailsHash },
          ...{ currencies: data.currencies ?? [], payment_terms_days: data.paymentTermsDays ?? null },
        };
        const known = rows.get(tenants, tenantId);
        rows.set(
          tenants,
          [tenantId],
          known.map((row) => ({ ...row, ...details })),
        );
        rows.set(
          tenantTaxes,
          [tenantId],
          taxes.map((tax) => toTax(tenantId, tax)),
        );
        rows.set(
          tenantGracePeriods,
          [tenantId],
          gracePeriods.map((grace) => toGrace(tenantId, grace)),
        );
      },
    },
  },
});
