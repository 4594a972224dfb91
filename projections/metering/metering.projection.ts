import { ignoring } from '#read-model/projection';
import { changing, versionedProjection } from '#read-model/versioned';
import { meteredDays, meteringConfigurations } from './metering.table.js';

export const meteringProjection = versionedProjection({
  name: 'metering',
  version: 1,
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
      ({ data }) => [{ date: data.date, record_count: data.recordCount, skipped: data.skipped }],
    ),
    ...ignoring('TenantRegistered', 'TenantTaxSet', 'TenantGracePeriodSet'),
    ...ignoring(
      'DeploymentRegistered',
      'DeploymentAssigned',
      'SubscriptionStarted',
      'SubscriptionPlanChanged',
      'SubscriptionCancelled',
      'UsageWaived',
    ),
    ...ignoring('ResourcesObserved', 'ResourceRemoved', 'ResourceCorrected'),
    ...ignoring('UsageObserved', 'UsageCorrected', 'UsageProviderNamed', 'UsagePruned'),
    ...ignoring('RateSet', 'RateCorrected', 'RateWithdrawn'),
    ...ignoring('PlanPublished', 'PlanPriceCorrected'),
    ...ignoring('LineOpened', 'LineSplit'),
    ...ignoring(
      'InvoicePartsClaimed',
      'InvoiceDrafted',
      'InvoiceRowsFrozen',
      'InvoiceIssued',
      'InvoiceVoided',
      'InvoicePaid',
      'CreditNoteIssued',
    ),
    ...ignoring('CouponGranted', 'CreditGranted', 'CreditRevoked'),
    ...ignoring('CostRecorded', 'CostCorrected'),
    ...ignoring('CommandUnchanged'),
    ...ignoring('EventSkipped'),
  },
});
