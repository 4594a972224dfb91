import { ignoring } from '#read-model/projection';
import { changing, versionedProjection } from '#read-model/versioned';
import { tenantGracePeriods, tenants, tenantTaxes } from './tenants.table.js';

export const tenantsProjection = versionedProjection({
  name: 'tenants',
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
    ...ignoring(
      'DeploymentRegistered',
      'DeploymentAssigned',
      'SubscriptionStarted',
      'SubscriptionPlanChanged',
      'SubscriptionCancelled',
      'UsageWaived',
    ),
    ...ignoring('ResourcesObserved', 'ResourceRemoved', 'ResourceCorrected', 'MeteringConfigured', 'DayMetered'),
    ...ignoring(
      'UsageObserved',
      'UsageCorrected',
      'UsageProviderNamed',
      'UsagePruned',
      'RateSet',
      'RateCorrected',
      'RateWithdrawn',
      'PlanPublished',
      'PlanPriceCorrected',
    ),
    ...ignoring(
      'LineOpened',
      'LineSplit',
      'InvoicePartsClaimed',
      'InvoiceDrafted',
      'InvoiceRowsFrozen',
      'InvoiceIssued',
    ),
    ...ignoring('InvoiceVoided', 'InvoicePaid', 'CreditNoteIssued', 'CostRecorded', 'CostCorrected'),
    ...ignoring('CouponGranted', 'CreditGranted', 'CreditRevoked'),
    ...ignoring('CommandUnchanged'),
    ...ignoring('EventSkipped'),
  },
});
