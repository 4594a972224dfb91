import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import type { Instant } from '#domain/time/instant';
import type { Versioned } from '#read-model/table';
import type { CommandKeyRow } from './commands/commands.table.js';
import type { CostLineRow } from './costs/costs.table.js';
import type { CreditRow } from './credits/credits.table.js';
import type {
  AssignmentRow,
  DeploymentRow,
  SubscriptionPlanRow,
  SubscriptionRow,
  UsageWaiverRow,
} from './deployments/deployments.table.js';
import type { ResourceCorrectionRow, ResourceRow, SightingRow } from './inventory/inventory.table.js';
import type { InvoiceLineRow } from './invoice-lines/invoice-lines.table.js';
import type {
  CreditNoteRow,
  InvoicePartRow,
  InvoiceRow,
  InvoiceRowRow,
  TenantCreditRow,
} from './invoices/invoices.table.js';
import type { RevenueRow } from './margins/margins.table.js';
import type { MeteredDayRow, MeteringConfigurationRow } from './metering/metering.table.js';
import type { PlanVersionRow } from './plans/plans.table.js';
import type { RateRow } from './rates/rates.table.js';
import type { RestatementRow } from './restatements/restatements.table.js';
import type { TenantGracePeriodRow, TenantRow, TenantTaxRow } from './tenants/tenants.table.js';
import type { UsageProviderRow, UsageRecordRow } from './usage-records/usage-records.table.js';

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
