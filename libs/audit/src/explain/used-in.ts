import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal, sum, text } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { rateKeyText } from '#domain/rates/rate';
import type { RecordedEvent } from '#domain/events';
import { instant } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import type { QueryContext } from '#ledger/query';
import { type IssuedRow, numberOf } from './issued.js';

/** An invoice that something ended up in, and in which of its rows. */
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
  readonly net: string;
}

/** What an event ended up in: the rows whose inputs it is among, on invoices that were computed after it; null: what it says is on no invoice. */
export async function usedIn(context: QueryContext, event: RecordedEvent): Promise<UsedIn[] | null> {
  const { type, data, position } = event;
  switch (type) {
    case 'UsageObserved':
      return byInvoice(await rowsOfReadings(context, position, data.deploymentId, data.observations));
    case 'UsageCorrected':
      return byInvoice(await rowsOfReadings(context, position, data.deploymentId, data.corrections));
    case 'RateSet':
    case 'RateCorrected':
      return byInvoice(await rowsOfRate(context, position, data, data.effectiveFrom, data.effectiveUntil));
    case 'RateWithdrawn':
      return byInvoice(await rowsOfRate(context, position, data, data.from, null));
    case 'PlanPublished':
    case 'PlanPriceCorrected':
      return byInvoice(
        await issuedWhere(
          context,
          position,
          "r.row ->> 'planId' = $3 AND (r.row -> 'chargePeriod' ->> 'end')::timestamptz > $4",
          [data.planId, data.effectiveFrom],
        ),
      );
    case 'SubscriptionStarted':
    case 'SubscriptionPlanChanged':
    case 'SubscriptionCancelled':
      return byInvoice(await issuedWhere(context, position, "r.row ->> 'subscriptionId' = $3", [data.subscriptionId]));
    case 'DeploymentRegistered':
    case 'DeploymentAssigned':
      return byInvoice(await issuedWhere(context, position, "r.row ->> 'deploymentId' = $3", [data.deploymentId]));
    case 'LineOpened':
    case 'LineSplit':
      return byInvoice(await issuedWhere(context, 0, 'r.line_id = $3', [data.lineId]));
    case 'InvoicePartsClaimed':
    case 'InvoiceDrafted':
    case 'InvoiceRowsFrozen':
    case 'InvoiceIssued':
    case 'InvoiceVoided':
    case 'InvoicePaid':
    case 'CreditNoteIssued':
      return byInvoice(await issuedWhere(context, 0, 'i.invoice_id = $3', [data.invoiceId]));
    case 'TenantRegistered':
    case 'TenantTaxSet':
    case 'TenantGracePeriodSet':
    case 'CouponGranted':
    case 'CreditGranted':
    case 'CreditRevoked':
      return byInvoice(await issuedWhere(context, position, 'i.tenant_id = $3', [data.tenantId]));
    case 'UsageProviderNamed':
      return byInvoice(await rowsOfReadings(context, position, data.deploymentId, data.readings));
    case 'ResourcesObserved':
      return byInvoice(
        await rowsOfMetered(
          context,
          position,
          data.provider,
          data.resources.map(({ providerId }) => providerId),
          { start: data.seenAt, end: null },
        ),
      );
    case 'ResourceCorrected':
      return byInvoice(
        await rowsOfMetered(context, position, data.provider, [data.providerId], { start: data.from, end: data.until }),
      );
    case 'DayMetered':
      return byInvoice(await rowsOfMetered(context, position, null, null, dayOf(instant(`${data.date}T00:00:00Z`))));
    // What is gone has no readings. Cost is in the margin; the others change nothing by themselves.
    case 'ResourceRemoved':
    case 'UsagePruned':
    case 'UsageWaived':
    case 'MeteringConfigured':
    case 'CostRecorded':
    case 'CostCorrected':
    case 'CommandUnchanged':
    case 'EventSkipped':
      return null;
  }
}

async function issuedWhere(
  { core, position }: QueryContext,
  since: number,
  condition: string,
  values: readonly unknown[],
): Promise<IssuedRow[]> {
  const { rows } = await core.pool.query<IssuedRow>(
    `SELECT i.invoice_id, 'INV' AS series, i.ordinal, i.computed_at, i.tenant_id, i.currency, r.row FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
     WHERE i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1) AND i.computed_at >= $2 AND ${condition} ORDER BY i.ordinal, r.n`,
    [position, since, ...values],
  );
  return rows;
}

/** A reading counts in the rows of the part that holds its start: those billed first, and their corrections. */
export async function rowsOfReadings(
  context: QueryContext,
  since: number,
  deploymentId: string,
  readings: readonly { readonly billingKind: string; readonly period: { readonly start: string } }[],
): Promise<IssuedRow[]> {
  const condition = `r.line_id IN (SELECT l.line_id FROM invoice_lines l JOIN unnest($4::text[], $5::timestamptz[]) AS u(kind, at) ON u.kind = l.billing_kind
       AND l.deployment_id = $3 AND l.parent_line_id IS NULL AND u.at >= l.period_start
     WHERE u.at >= (r.row -> 'chargePeriod' ->> 'start')::timestamptz AND u.at < (r.row -> 'chargePeriod' ->> 'end')::timestamptz)`;
  return issuedWhere(context, since, condition, [
    deploymentId,
    readings.map(({ billingKind }) => billingKind),
    readings.map(({ period }) => period.start),
  ]);
}

/** Rows that count what was metered of resources (null: of all) over a stretch of time, up to their next sighting. */
async function rowsOfMetered(
  context: QueryContext,
  since: number,
  provider: string | null,
  resourceIds: readonly string[] | null,
  { start, end }: { readonly start: string; readonly end: string | null },
): Promise<IssuedRow[]> {
  const { rows } = await context.core.pool.query<{ deployment_id: string; billing_kind: string; period_start: string }>(
    `SELECT DISTINCT u.deployment_id, u.billing_kind, u.period_start FROM usage_records u
     WHERE u.origin = 'metering' AND u.position_from <= $1 AND (u.position_to IS NULL OR u.position_to > $1)
       AND ($2::text IS NULL OR u.provider = $2) AND ($3::text[] IS NULL OR u.resource_id = ANY($3)) AND u.period_end > $4 AND ($5::timestamptz IS NULL OR u.period_start < $5)
       AND ($2::text IS NULL OR u.period_start < coalesce((SELECT min(s.seen_at) FROM resource_sightings s WHERE s.provider = u.provider AND s.provider_id = u.resource_id
         AND s.seen_at > $4 AND s.position_from <= $1 AND (s.position_to IS NULL OR s.position_to > $1)), 'infinity'))`,
    [context.position, provider, resourceIds, start, end],
  );
  const found: IssuedRow[] = [];
  for (const [deploymentId, group] of Map.groupBy(rows, (row) => row.deployment_id))
    found.push(
      ...(await rowsOfReadings(
        context,
        since,
        deploymentId,
        group.map((row) => ({ billingKind: row.billing_kind, period: { start: row.period_start } })),
      )),
    );
  return found;
}

const rowsOfRate = async (
  context: QueryContext,
  since: number,
  key: RateKey,
  from: string,
  until: string | null,
): Promise<IssuedRow[]> =>
  issuedWhere(
    context,
    since,
    `starts_with(r.row ->> 'ref', $3) AND (r.row -> 'chargePeriod' ->> 'end')::timestamptz > $4 AND ($5::timestamptz IS NULL OR (r.row -> 'chargePeriod' ->> 'start')::timestamptz < $5)`,
    [`${rateKeyText(key)}@`, from, until],
  );

export function byInvoice(rows: readonly IssuedRow[]): UsedIn[] {
  return [...Map.groupBy(rows, ({ invoice_id }) => invoice_id)].flatMap(([invoiceId, group]): UsedIn[] => {
    const [first] = group;
    if (first === undefined) return [];
    const net = (row: FrozenRow): string => moneyText(decimal(row.net), first.currency);
    return [
      {
        invoiceId,
        number: numberOf(first.ordinal, first.series),
        tenantId: first.tenant_id,
        rows: group.map(({ row }) => ({
          rowId: row.rowId,
          lineId: row.lineId,
          billingKind: row.billingKind,
          ref: row.ref,
          kind: row.kind,
          chargePeriod: row.chargePeriod,
          net: net(row),
        })),
        net: moneyText(decimal(text(sum(group.map(({ row }) => decimal(row.net))))), first.currency),
      },
    ];
  });
}
