import type { Projection } from '#read-model/projection';
import { budgetsProjection } from './budgets/budgets.projection.js';
import { closedPeriodsProjection } from './closed-periods/closed-periods.projection.js';
import { commandsProjection } from './commands/commands.projection.js';
import { consolidatedInvoicesProjection } from './consolidated-invoices/consolidated-invoices.projection.js';
import { costRatesProjection } from './cost-rates/cost-rates.projection.js';
import { costSharingProjection } from './cost-sharing/cost-sharing.projection.js';
import { costsProjection } from './costs/costs.projection.js';
import { creditsProjection } from './credits/credits.projection.js';
import { daysToMeterProjection } from './days-to-meter/days-to-meter.projection.js';
import { deploymentsProjection } from './deployments/deployments.projection.js';
import { type ProjectionName, PROJECTIONS } from './flow.js';
import { inventoryProjection } from './inventory/inventory.projection.js';
import { invoiceLinesProjection } from './invoice-lines/invoice-lines.projection.js';
import { invoicesProjection } from './invoices/invoices.projection.js';
import { kindMappingsProjection } from './kind-mappings/kind-mappings.projection.js';
import { marginAlertsProjection } from './margin-alerts/margin-alerts.projection.js';
import { marginsProjection } from './margins/margins.projection.js';
import { meteringProjection } from './metering/metering.projection.js';
import { payersProjection } from './payers/payers.projection.js';
import { paymentsProjection } from './payments/payments.projection.js';
import { plansProjection } from './plans/plans.projection.js';
import { proposalsProjection } from './proposals/proposals.projection.js';
import { usageMonthsProjection } from './usage-months/usage-months.projection.js';
import { rateKeyUsageProjection } from './rate-key-usage/rate-key-usage.projection.js';
import { providerTotalsProjection } from './provider-totals/provider-totals.projection.js';
import { ratesProjection } from './rates/rates.projection.js';
import { restatementsProjection } from './restatements/restatements.projection.js';
import { tenantsProjection } from './tenants/tenants.projection.js';
import { tokensProjection } from './tokens/tokens.projection.js';
import { usageRecordsProjection } from './usage-records/usage-records.projection.js';
import { webhooksProjection } from './webhooks/webhooks.projection.js';

const byName: { readonly [Name in ProjectionName]: Projection<Name> } = {
  tenants: tenantsProjection,
  payers: payersProjection,
  deployments: deploymentsProjection,
  inventory: inventoryProjection,
  metering: meteringProjection,
  'days-to-meter': daysToMeterProjection,
  'usage-records': usageRecordsProjection,
  'rate-key-usage': rateKeyUsageProjection,
  'usage-months': usageMonthsProjection,
  rates: ratesProjection,
  plans: plansProjection,
  credits: creditsProjection,
  'invoice-lines': invoiceLinesProjection,
  invoices: invoicesProjection,
  'consolidated-invoices': consolidatedInvoicesProjection,
  payments: paymentsProjection,
  restatements: restatementsProjection,
  costs: costsProjection,
  'provider-totals': providerTotalsProjection,
  'cost-sharing': costSharingProjection,
  'kind-mappings': kindMappingsProjection,
  budgets: budgetsProjection,
  margins: marginsProjection,
  'margin-alerts': marginAlertsProjection,
  'cost-rates': costRatesProjection,
  tokens: tokensProjection,
  proposals: proposalsProjection,
  webhooks: webhooksProjection,
  'closed-periods': closedPeriodsProjection,
  commands: commandsProjection,
};

/** The projections, in the order of the flow. */
export const projections: readonly Projection[] = PROJECTIONS.map((name) => byName[name]);
