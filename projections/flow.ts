import type { EventType } from '#domain/events';
import {
  type Flow,
  type Passing as PassingIn,
  type Projection,
  projectionOf,
  type ProjectionOf,
} from '#read-model/projection';
import { type VersionedProjection, versionedProjectionOf } from '#read-model/versioned';

/** In their order. Each may read the tables of the projections before it. */
export const PROJECTIONS = [
  'tenants',
  'payers',
  'deployments',
  'inventory',
  'metering',
  'days-to-meter',
  'usage-records',
  'rate-key-usage',
  'usage-months',
  'rates',
  'plans',
  'credits',
  'invoice-lines',
  'invoices',
  'consolidated-invoices',
  'payments',
  'restatements',
  'costs',
  'provider-totals',
  'cost-sharing',
  'kind-mappings',
  'budgets',
  'margins',
  'margin-alerts',
  'cost-rates',
  'tokens',
  'proposals',
  'webhooks',
  'closed-periods',
  'commands',
] as const;

export type ProjectionName = (typeof PROJECTIONS)[number];

/** Any event may carry the key of its command, so every line ends with `commands`. */
type Line = readonly [...Exclude<ProjectionName, 'commands'>[], 'commands'];

/**
 * The projections that handle each event, in their order, all in one transaction. A projection has one handler for each
 * event whose line names it, and no others. If the flow and the handlers disagree, the code does not compile.
 */
export const flow = {
  TenantRegistered: ['tenants', 'commands'],
  TenantTaxSet: ['tenants', 'restatements', 'commands'],
  TenantGracePeriodSet: ['tenants', 'commands'],
  TenantCorrected: ['tenants', 'restatements', 'commands'],
  PayerSet: ['payers', 'restatements', 'commands'],
  PayerCorrected: ['payers', 'restatements', 'commands'],

  DeploymentRegistered: ['deployments', 'days-to-meter', 'commands'],
  DeploymentAssigned: ['deployments', 'restatements', 'commands'],
  SubscriptionStarted: ['deployments', 'restatements', 'commands'],
  SubscriptionPlanChanged: ['deployments', 'restatements', 'commands'],
  OverridesSet: ['deployments', 'restatements', 'commands'],
  OverridesCorrected: ['deployments', 'restatements', 'commands'],
  CommitmentSet: ['deployments', 'restatements', 'commands'],
  CommitmentCorrected: ['deployments', 'restatements', 'commands'],
  CommitmentWithdrawn: ['deployments', 'restatements', 'commands'],
  SubscriptionCancelled: ['deployments', 'restatements', 'commands'],
  DeploymentCorrected: ['deployments', 'restatements', 'commands'],
  UsageWaived: ['deployments', 'commands'],
  UsageWaiverWithdrawn: ['deployments', 'commands'],

  ResourcesObserved: ['inventory', 'days-to-meter', 'commands'],
  ResourceRemoved: ['inventory', 'days-to-meter', 'commands'],
  ResourceSightingWithdrawn: ['inventory', 'days-to-meter', 'commands'],
  ResourceCorrected: ['inventory', 'days-to-meter', 'commands'],

  MeteringConfigured: ['metering', 'days-to-meter', 'commands'],
  MeteringCorrected: ['metering', 'days-to-meter', 'commands'],
  DayMetered: ['metering', 'days-to-meter', 'commands'],

  UsageObserved: ['usage-records', 'rate-key-usage', 'usage-months', 'restatements', 'commands'],
  // A correction does not change the rate key and the period of a reading.
  UsageCorrected: ['usage-records', 'restatements', 'commands'],
  UsageProviderNamed: ['usage-records', 'commands'],
  UsagePruned: ['usage-records', 'commands'],

  RateSet: ['rates', 'restatements', 'commands'],
  RateCorrected: ['rates', 'restatements', 'commands'],
  RateWithdrawn: ['rates', 'restatements', 'commands'],
  RateKeyCorrected: ['rates', 'restatements', 'commands'],

  PlanPublished: ['plans', 'restatements', 'commands'],
  PlanPriceCorrected: ['plans', 'restatements', 'commands'],
  PlanCorrected: ['plans', 'restatements', 'commands'],

  LineOpened: ['invoice-lines', 'commands'],
  LineSplit: ['invoice-lines', 'commands'],
  UnbillableFound: ['commands'],
  UnbillableEnded: ['commands'],

  InvoicePartsClaimed: ['invoices', 'commands'],
  InvoiceDrafted: ['invoices', 'commands'],
  InvoiceRowsFrozen: ['invoices', 'commands'],
  InvoiceIssued: ['invoices', 'margins', 'commands'],
  InvoiceVoided: ['invoices', 'restatements', 'margins', 'commands'],
  InvoicePaid: ['invoices', 'commands'],
  InvoicePaymentWithdrawn: ['invoices', 'commands'],
  CreditNoteIssued: ['invoices', 'margins', 'commands'],
  ConsolidatedInvoiceIssued: ['consolidated-invoices', 'commands'],
  ConsolidatedInvoiceVoided: ['consolidated-invoices', 'commands'],
  PaymentRecorded: ['invoices', 'payments', 'commands'],
  PaymentApplied: ['invoices', 'payments', 'commands'],
  PaymentApplicationWithdrawn: ['invoices', 'payments', 'commands'],
  // The invoices that it paid are found by its rows.
  PaymentWithdrawn: ['invoices', 'payments', 'commands'],
  RefundRecorded: ['invoices', 'payments', 'commands'],
  RefundWithdrawn: ['invoices', 'payments', 'commands'],
  // It changes no account: the payments that follow it do.
  TransferRecorded: ['payments', 'commands'],
  TransferWithdrawn: ['payments', 'commands'],

  CouponGranted: ['credits', 'restatements', 'commands'],
  // A credit does not change the charges, only the amount due.
  CreditGranted: ['credits', 'commands'],
  CreditRevoked: ['credits', 'restatements', 'commands'],
  GrantWithdrawn: ['credits', 'restatements', 'commands'],
  RevocationWithdrawn: ['credits', 'restatements', 'commands'],

  CostRecorded: ['costs', 'commands'],
  CostCorrected: ['costs', 'commands'],
  CostWithdrawn: ['costs', 'commands'],
  CostDeliveryStarted: ['costs', 'commands'],
  CostDeliveryCompleted: ['costs', 'commands'],

  ProviderTotalRecorded: ['provider-totals', 'commands'],
  ProviderTotalCorrected: ['provider-totals', 'commands'],
  ProviderTotalWithdrawn: ['provider-totals', 'commands'],

  CostSharingSet: ['cost-sharing', 'commands'],
  CostSharingCorrected: ['cost-sharing', 'commands'],
  KindMappingSet: ['kind-mappings', 'commands'],
  KindMappingCorrected: ['kind-mappings', 'commands'],

  BudgetSet: ['budgets', 'commands'],
  BudgetCorrected: ['budgets', 'commands'],
  BudgetThresholdReached: ['budgets', 'commands'],
  BudgetThresholdUndone: ['budgets', 'commands'],

  MarginAlertSet: ['margin-alerts', 'commands'],
  MarginAlertCorrected: ['margin-alerts', 'commands'],
  AlertRaised: ['margin-alerts', 'commands'],
  AlertCleared: ['margin-alerts', 'commands'],

  CostRateSet: ['cost-rates', 'commands'],
  CostRateCorrected: ['cost-rates', 'commands'],

  TokenIssued: ['tokens', 'commands'],
  TokenRevoked: ['tokens', 'commands'],

  CommandProposed: ['proposals', 'commands'],
  ProposalApproved: ['proposals', 'commands'],
  ProposalRejected: ['proposals', 'commands'],

  WebhookRegistered: ['webhooks', 'commands'],
  WebhookChanged: ['webhooks', 'commands'],
  WebhookSecretRotated: ['webhooks', 'commands'],
  WebhookPaused: ['webhooks', 'commands'],
  WebhookResumed: ['webhooks', 'commands'],
  WebhookReplayed: ['webhooks', 'commands'],
  WebhookRemoved: ['webhooks', 'commands'],

  CommandUnchanged: ['commands'],
  EventSkipped: ['commands'],
  RemovalAcknowledged: ['commands'],
  RebuildRequested: ['commands'],
  RebuildAccepted: ['commands'],
  RebuildCancelled: ['commands'],
  RollbackRequested: ['commands'],

  PeriodClosed: ['closed-periods', 'commands'],
  PeriodReopened: ['closed-periods', 'commands'],
} as const satisfies Record<EventType, Line>;

/** The event types whose line names a projection. */
export type Passing<Name extends ProjectionName> = PassingIn<typeof flow, Name>;

function eventsOf(name: ProjectionName): ReadonlySet<string> {
  const lines: Flow<ProjectionName> = flow;
  return new Set(Object.entries(lines).flatMap(([type, names]) => (names.includes(name) ? [type] : [])));
}

/** A projection that keeps every version of its rows. Each handler changes rows in memory. */
export const versionedProjection = <Name extends ProjectionName>(
  name: Name,
  definition: VersionedProjection<Passing<Name>>,
): Projection<Name> => versionedProjectionOf(name, eventsOf(name), definition);

/** A projection with SQL of its own. */
export const projection = <Name extends ProjectionName>(
  name: Name,
  definition: ProjectionOf<Passing<Name>>,
): Projection<Name> => projectionOf(name, eventsOf(name), definition);
