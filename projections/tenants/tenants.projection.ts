import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { tenantGracePeriods, tenants, tenantTaxes } from './tenants.table.js';

export const tenantsProjection = versionedProjection('tenants', {
  version: 2,
  tables: [tenants, tenantTaxes, tenantGracePeriods],
  on: {
    TenantRegistered: changing(
      tenants,
      ({ data }) => [data.tenantId],
      ({ data }) => [
        {
          tenant_id: data.tenantId,
          currency: data.currency,
          time_zone: data.timeZone,
          details_ref: data.detailsRef,
          details_hash: data.detailsHash,
        },
      ],
    ),
    TenantTaxSet: changing(
      tenantTaxes,
      ({ data }) => [data.tenantId, data.from],
      ({ data }) => [
        { tenant_id: data.tenantId, effective_from: data.from, name: data.name, rate_percent: data.ratePercent },
      ],
    ),
    TenantGracePeriodSet: changing(
      tenantGracePeriods,
      ({ data }) => [data.tenantId, data.from],
      ({ data }) => [{ tenant_id: data.tenantId, effective_from: data.from, hours: data.hours }],
    ),
  },
});
