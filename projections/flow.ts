import type { EventType } from '#domain/events';
import {
  type Flow,
  type Passing as PassingIn,
  type Projection,
  projectionOf,
  type ProjectionOf,
} from '#read-model/projection';
import { type VersionedProjection, versionedProjectionOf } from '#read-model/versioned';

/** In their order: each may read the tables of those before it. */
export const PROJECTIONS = [
  'tenants',
  'deployments',
  'inventory',
  'metering',
  'usage-records',
  'rate-key-usage',
  'rates',
  'plans',
  'credits',
  'invoice-lines',
  'invoices',
  'restatements',
  'costs',
  'margins',
  'commands',
] as const;

export type ProjectionName = (typeof PROJECTIONS)[number];

/** Any event may carry the key of the command that caused it, so every line ends with `commands`. */
type Line = readonly [...Exclude<ProjectionName, 'commands'>[], 'commands'];

/**
 * Which projections each event passes, in their order, all in one transaction. A projection has a handler for each event
 * whose line names it, and for no other: what the two do not agree on does not compile.
 */
export const flow = {
  TenantRegistered: ['tenants', 'commands'],
  TenantTaxSet: ['tenants', 'commands'],
  TenantGracePeriodSet: ['tenants', 'commands'],

  DeploymentRegistered: ['deployments', 'commands'],
  DeploymentAssigned: ['deployments', 'restatements', 'commands'],
  SubscriptionStarted: ['deployments', 'commands'],
  SubscriptionPlanChanged: ['deployments', 'restatements', 'commands'],
  SubscriptionCancelled: ['deployments', 'restatements', 'commands'],
  UsageWaived: ['deployments', 'commands'],

  ResourcesObserved: ['inventory', 'commands'],
  ResourceRemoved: ['inventory', 'commands'],
  ResourceCorrected: ['inventory', 'commands'],

  MeteringConfigured: ['metering', 'commands'],
  DayMetered: ['metering', 'commands'],

  UsageObserved: ['usage-records', 'rate-key-usage', 'restatements', 'commands'],
  // A correction leaves the reading's rate key and period as they are.
  UsageCorrected: ['usage-records', 'restatements', 'commands'],
  UsageProviderNamed: ['usage-records', 'commands'],
  UsagePruned: ['usage-records', 'commands'],

  RateSet: ['rates', 'restatements', 'commands'],
  RateCorrected: ['rates', 'restatements', 'commands'],
  RateWithdrawn: ['rates', 'restatements', 'commands'],

  PlanPublished: ['plans', 'restatements', 'commands'],
  PlanPriceCorrected: ['plans', 'restatements', 'commands'],

  LineOpened: ['invoice-lines', 'commands'],
  LineSplit: ['invoice-lines', 'commands'],

  InvoicePartsClaimed: ['invoices', 'commands'],
  InvoiceDrafted: ['invoices', 'commands'],
  InvoiceRowsFrozen: ['invoices', 'commands'],
  InvoiceIssued: ['invoices', 'margins', 'commands'],
  InvoiceVoided: ['invoices', 'restatements', 'margins', 'commands'],
  InvoicePaid: ['invoices', 'commands'],
  CreditNoteIssued: ['invoices', 'margins', 'commands'],

  CouponGranted: ['credits', 'restatements', 'commands'],
  // What is charged is the same without a credit: it changes only what is left to pay.
  CreditGranted: ['credits', 'commands'],
  CreditRevoked: ['credits', 'restatements', 'commands'],

  CostRecorded: ['costs', 'commands'],
  CostCorrected: ['costs', 'commands'],

  CommandUnchanged: ['commands'],
  EventSkipped: ['commands'],
} as const satisfies Record<EventType, Line>;

/** The event types whose line names a projection. */
export type Passing<Name extends ProjectionName> = PassingIn<typeof flow, Name>;

function eventsOf(name: ProjectionName): ReadonlySet<string> {
  const lines: Flow<ProjectionName> = flow;
  return new Set(Object.entries(lines).flatMap(([type, names]) => (names.includes(name) ? [type] : [])));
}

/** A projection whose tables keep every version of a row, by a handler for each event that passes it. */
export const versionedProjection = <Name extends ProjectionName>(
  name: Name,
  definition: VersionedProjection<Passing<Name>>,
): Projection<Name> => versionedProjectionOf(name, eventsOf(name), definition);

/** A projection that writes its tables itself. */
export const projection = <Name extends ProjectionName>(
  name: Name,
  definition: ProjectionOf<Passing<Name>>,
): Projection<Name> => projectionOf(name, eventsOf(name), definition);
