import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import type { Instant } from '#domain/time/instant';
import type { Versioned } from '#read-model/table';
import type { CommandKeyRow } from '#projections/commands/commands.table';
import type { CostLineRow } from '#projections/costs/costs.table';
import type { CreditRow } from '#projections/credits/credits.table';
import type {
  AssignmentRow,
  DeploymentRow,
  SubscriptionPlanRow,
  SubscriptionRow,
  UsageWaiverRow,
} from '#projections/deployments/deployments.table';
import type { ResourceCorrectionRow, ResourceRow, SightingRow } from '#projections/inventory/inventory.table';
import type { InvoiceLineRow } from '#projections/invoice-lines/invoice-lines.table';
import type {
  CreditNoteRow,
  InvoicePartRow,
  InvoiceRow,
  InvoiceRowRow,
  TenantCreditRow,
} from '#projections/invoices/invoices.table';
import type { RevenueRow } from '#projections/margins/margins.table';
import type { MeteredDayRow, MeteringConfigurationRow } from '#projections/metering/metering.table';
import type { PlanVersionRow } from '#projections/plans/plans.table';
import type { RateRow } from '#projections/rates/rates.table';
import type { RestatementRow } from '#projections/restatements/restatements.table';
import type { TenantGracePeriodRow, TenantRow, TenantTaxRow } from '#projections/tenants/tenants.table';
import type { UsageProviderRow, UsageRecordRow } from '#projections/usage-records/usage-records.table';

type History<Row> = Row & Versioned;

/** The schema of the read models that serve. */
export const READ_MODELS = 'ledgerline';

/** The read models, as queries see them. */
export interface ReadModels {
  tenants: History<TenantRow>;
  tenant_taxes: History<TenantTaxRow>;
  tenant_grace_periods: History<TenantGracePeriodRow>;
  credits: History<CreditRow>;
  credit_notes: History<CreditNoteRow>;
  usage_waivers: History<UsageWaiverRow>;
  deployments: History<DeploymentRow>;
  deployment_assignments: History<AssignmentRow>;
  subscriptions: History<SubscriptionRow>;
  subscription_plans: History<SubscriptionPlanRow>;
  resources: History<ResourceRow>;
  resource_sightings: History<SightingRow>;
  resource_corrections: History<ResourceCorrectionRow>;
  metering_configurations: History<MeteringConfigurationRow>;
  metered_days: History<MeteredDayRow>;
  usage_records: History<UsageRecordRow>;
  usage_providers: History<UsageProviderRow>;
  rates: History<RateRow>;
  plan_versions: History<PlanVersionRow>;
  invoice_lines: History<InvoiceLineRow>;
  invoices: History<InvoiceRow>;
  tenant_credits: History<TenantCreditRow>;
  invoice_parts: History<InvoicePartRow>;
  invoice_rows: History<InvoiceRowRow>;
  restatements: History<RestatementRow>;
  cost_lines: History<CostLineRow>;
  revenue: History<RevenueRow>;
  command_keys: History<CommandKeyRow>;
  checkpoint: { position: number; versions: string; moved_at: Instant };
}

export const readModels = (pool: pg.Pool): Kysely<ReadModels> =>
  new Kysely<ReadModels>({ dialect: new PostgresDialect({ pool }) });
