import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { rateKeyText } from '#domain/rates/rate';
import type { RecordedEvent } from '#domain/events';
import { instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import type { RateKey, ReadingKey } from '#domain/usage/usage';
import type { QueryContext } from '#ledger/query';
import { type IssuedRow, type ReadingStart, readRowsOf, type RowsOf } from '#projections/invoices/issued-rows.read';
import { type MeteredWanted, readMeteredStarts } from '#projections/usage-records/usage-history.read';
import { numberOf } from './issued.js';

/** An invoice, and its rows that something is an input of. */
export interface UsedIn {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly tenantId: string;
  readonly rows: readonly {
    readonly rowId: string;
    readonly lineId: string;
    readonly billingKind: string;
    readonly ref: string;
    readonly kind: FrozenRow['kind'];
    readonly chargePeriod: FrozenRow['chargePeriod'];
    readonly net: string;
  }[];
  /** The number of all rows that use it. */
  readonly rowCount: number;
  readonly net: string;
}

/** Invoices that use something, and the number of all. */
export interface Uses {
  readonly usedIn: readonly UsedIn[];
  readonly usedInCount: number;
}

/** The rows that an event is an input of, by invoice. null: what it records is on no invoice. */
export async function usedIn(context: QueryContext, event: RecordedEvent, first: number): Promise<Uses | null> {
  const wanted = wantedBy(event);
  if (wanted === null) return null;
  const { core, position } = context;
  const of =
    'metered' in wanted ? { readings: await startsOfMetered(context, wanted.metered), since: wanted.since } : wanted;
  return byInvoice(await readRowsOf(core.db, position, of), first);
}

/** Rows of what was metered of resources. */
type RowsOfMetered = { readonly metered: MeteredWanted };

/** The rows that an event is an input of: those computed at or after `since`. null: none. */
function wantedBy({
  type,
  data,
  position: since,
}: RecordedEvent): ((RowsOf | RowsOfMetered) & { readonly since: number }) | null {
  switch (type) {
    case 'UsageObserved':
      return { since, readings: startsOf(data.deploymentId, data.observations) };
    case 'UsageCorrected':
      return { since, readings: startsOf(data.deploymentId, data.corrections) };
    case 'UsageProviderNamed':
      return { since, readings: startsOf(data.deploymentId, data.readings) };
    case 'RateSet':
    case 'RateCorrected':
      return { since, ref: refOf(data), key: data, from: data.effectiveFrom, until: data.effectiveUntil };
    case 'RateWithdrawn':
      return { since, ref: refOf(data), key: data, from: data.from, until: null };
    case 'RateKeyCorrected':
      return data.changedFrom === null
        ? null
        : { since, ref: refOf(data), key: data, from: data.changedFrom, until: null };
    case 'PlanPublished':
    case 'PlanPriceCorrected':
      return { since, planId: data.planId, from: data.effectiveFrom };
    case 'PlanCorrected':
      return data.changedFrom === null ? null : { since, planId: data.planId, from: data.changedFrom };
    case 'SubscriptionStarted':
    case 'SubscriptionPlanChanged':
    case 'OverridesSet':
    case 'OverridesCorrected':
    case 'CommitmentSet':
    case 'CommitmentCorrected':
    case 'CommitmentWithdrawn':
    case 'SubscriptionCancelled':
      return { since, subscriptionId: data.subscriptionId };
    case 'DeploymentRegistered':
    case 'DeploymentAssigned':
    case 'DeploymentCorrected':
      return { since, deploymentId: data.deploymentId };
    case 'LineOpened':
    case 'LineSplit':
      return { since: 0, lineId: data.lineId };
    case 'InvoicePartsClaimed':
    case 'InvoiceDrafted':
    case 'InvoiceRowsFrozen':
    case 'InvoiceIssued':
    case 'InvoiceVoided':
    case 'InvoicePaid':
    case 'InvoicePaymentWithdrawn':
    case 'CreditNoteIssued':
      return { since: 0, invoiceId: data.invoiceId };
    case 'TenantRegistered':
    case 'TenantTaxSet':
    case 'TenantCorrected':
    case 'TenantGracePeriodSet':
    case 'CouponGranted':
    case 'CreditGranted':
    case 'CreditRevoked':
    case 'GrantWithdrawn':
    case 'RevocationWithdrawn':
    case 'PaymentRecorded':
    case 'PaymentApplied':
    case 'PaymentApplicationWithdrawn':
    case 'PaymentWithdrawn':
    case 'RefundRecorded':
    case 'RefundWithdrawn':
      return { since, tenantId: data.tenantId };
    case 'TransferRecorded':
    case 'TransferWithdrawn':
      return { since, tenantId: data.payerId };
    case 'ResourcesObserved': {
      const resourceIds = data.resources.map(({ providerId }) => providerId);
      return { since, metered: { provider: data.provider, resourceIds, start: data.seenAt, end: null } };
    }
    case 'ResourceSightingWithdrawn': {
      const { provider, providerId, at: start } = data;
      return { since, metered: { provider, resourceIds: [providerId], start, end: null } };
    }
    case 'ResourceCorrected': {
      const { provider, providerId, from: start, until: end } = data;
      return { since, metered: { provider, resourceIds: [providerId], start, end } };
    }
    case 'DayMetered':
      return { since, metered: { provider: null, resourceIds: null, ...dayOf(instant(`${data.date}T00:00:00Z`)) } };
    // A removed resource and pruned usage have no readings. Cost is in the margin. The others change no row by
    // themselves.
    case 'ResourceRemoved':
    case 'UsagePruned':
    case 'UsageWaived':
    case 'UsageWaiverWithdrawn':
    case 'MeteringConfigured':
    case 'MeteringCorrected':
    case 'CostRecorded':
    case 'CostCorrected':
    case 'CostWithdrawn':
    case 'CostDeliveryStarted':
    case 'CostDeliveryCompleted':
    case 'ProviderTotalRecorded':
    case 'ProviderTotalCorrected':
    case 'ProviderTotalWithdrawn':
    case 'CostSharingSet':
    case 'CostSharingCorrected':
    case 'KindMappingSet':
    case 'KindMappingCorrected':
    case 'BudgetSet':
    case 'BudgetCorrected':
    case 'BudgetThresholdReached':
    case 'BudgetThresholdUndone':
    case 'MarginAlertSet':
    case 'MarginAlertCorrected':
    case 'AlertRaised':
    case 'AlertCleared':
    case 'UnbillableFound':
    case 'UnbillableEnded':
    case 'WebhookRegistered':
    case 'WebhookChanged':
    case 'WebhookSecretRotated':
    case 'WebhookPaused':
    case 'WebhookResumed':
    case 'WebhookReplayed':
    case 'WebhookRemoved':
    case 'CostRateSet':
    case 'CostRateCorrected':
    case 'ConsolidatedInvoiceIssued':
    case 'ConsolidatedInvoiceVoided':
    case 'PayerSet':
    case 'PayerCorrected':
    case 'PeriodClosed':
    case 'PeriodReopened':
    case 'TokenIssued':
    case 'TokenRevoked':
    case 'CommandProposed':
    case 'ProposalApproved':
    case 'ProposalRejected':
    case 'CommandUnchanged':
    case 'EventSkipped':
    case 'RemovalAcknowledged':
    case 'RebuildRequested':
    case 'RebuildAccepted':
    case 'RebuildCancelled':
    case 'RollbackRequested':
      return null;
  }
}

const startsOf = (deploymentId: string, readings: readonly ReadingKey[]): ReadingStart[] =>
  readings.map(({ billingKind, period }) => ({ deploymentId, billingKind, start: period.start }));

/** How the reference of a rate's rows begins. */
const refOf = (key: RateKey): string => `${rateKeyText(key)}@`;

async function startsOfMetered({ core, position }: QueryContext, metered: MeteredWanted): Promise<ReadingStart[]> {
  const starts = await readMeteredStarts(core.db, position, metered);
  return starts.map((row) => ({
    deploymentId: row.deployment_id,
    billingKind: row.billing_kind,
    start: row.period_start,
  }));
}

/** At most the `first` invoices, and as many rows of each. */
export function byInvoice(rows: readonly IssuedRow[], first: number): Uses {
  const groups = [...Map.groupBy(rows, ({ document_id }) => document_id)];
  const usedIn = groups.slice(0, first).flatMap(([invoiceId, group]): UsedIn[] => {
    const [one] = group;
    if (one === undefined) return [];
    const { ordinal, series, tenant_id: tenantId, currency } = one;
    return [
      {
        invoiceId,
        number: numberOf(ordinal, series),
        tenantId,
        rowCount: group.length,
        rows: group.slice(0, first).map(({ row }) => ({
          rowId: row.rowId,
          lineId: row.lineId,
          billingKind: row.billingKind,
          ref: row.ref,
          kind: row.kind,
          chargePeriod: row.chargePeriod,
          net: moneyText(decimal(row.net), currency),
        })),
        net: moneyText(sum(group.map(({ row }) => decimal(row.net))), currency),
      },
    ];
  });
  return { usedIn, usedInCount: groups.length };
}
