import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import type { Instant } from '#domain/time/instant';
import { handled, ignoring, type Projection } from '#read-model/projection';
import { restatements } from './restatements.table.js';

const answers = {
  UsageObserved: 'handled',
  UsageCorrected: 'handled',
  RateSet: 'handled',
  RateCorrected: 'handled',
  RateWithdrawn: 'handled',
  PlanPublished: 'handled',
  PlanPriceCorrected: 'handled',
  SubscriptionPlanChanged: 'handled',
  SubscriptionCancelled: 'handled',
  DeploymentAssigned: 'handled',
  InvoiceVoided: 'handled',
  CouponGranted: 'handled',
  CreditRevoked: 'handled',
  ...ignoring('TenantRegistered', 'TenantTaxSet', 'TenantGracePeriodSet'),
  ...ignoring('DeploymentRegistered', 'SubscriptionStarted', 'UsageWaived'),
  ...ignoring('ResourcesObserved', 'ResourceRemoved', 'ResourceCorrected'),
  ...ignoring('MeteringConfigured', 'DayMetered'),
  ...ignoring('LineOpened', 'LineSplit'),
  ...ignoring(
    'InvoicePartsClaimed',
    'InvoiceDrafted',
    'InvoiceRowsFrozen',
    'InvoiceIssued',
    'InvoicePaid',
    'CreditNoteIssued',
  ),
  ...ignoring('CostRecorded', 'CostCorrected'),
  ...ignoring('CreditGranted'),
  ...ignoring('UsageProviderNamed', 'UsagePruned'),
  ...ignoring('CommandUnchanged'),
  ...ignoring('EventSkipped'),
} as const;

type Handled = {
  [Type in keyof typeof answers]: (typeof answers)[Type] extends 'handled' ? Type : never;
}[keyof typeof answers];

/**
 * Every look-up is as of the event's own position, whatever else its batch holds: the size of batches makes no difference.
 * A line is marked too often rather than too seldom: where nothing differs, nothing is booked.
 */
export const restatementsProjection: Projection = {
  name: 'restatements',
  version: 4,
  tables: [restatements],
  handles: handled(answers),
  async project(batch, client) {
    const relevant = batch.filter(isHandled);
    const first = relevant.length === 0 ? null : await firstClaim(client);
    if (first === null) return;
    const touched = relevant.filter(isUsage).flatMap((event) => (event.position > first ? [touchedBy(event)] : []));
    const claimed = await withClaims(
      client,
      touched.map(({ deploymentId }) => deploymentId),
    );
    await markUsage(
      client,
      touched.filter(({ deploymentId }) => claimed.has(deploymentId)),
    );
    for (const event of relevant) if (!isUsage(event) && event.position > first) await mark(client, event);
  },
};

type Usage = RecordedEvent<'UsageObserved' | 'UsageCorrected'>;
type Other = RecordedEvent<Exclude<Handled, 'UsageObserved' | 'UsageCorrected'>>;

const isHandled = (event: RecordedEvent): event is RecordedEvent<Handled> => answers[event.type] === 'handled';

const isUsage = (event: RecordedEvent<Handled>): event is Usage =>
  event.type === 'UsageObserved' || event.type === 'UsageCorrected';

/** What of usage matters here, and little of it: a batch holds very many readings. */
interface Touched {
  readonly position: number;
  readonly deploymentId: string;
  readonly reason: string;
  readonly readings: readonly { readonly billingKind: string; readonly start: Instant }[];
}

function touchedBy({ position, data }: Usage): Touched {
  const [readings, reason] =
    'observations' in data ? [data.observations, 'late usage'] : [data.corrections, data.reason];
  const apart = new Map(
    readings.map(({ billingKind, period: { start } }) => [`${start} ${billingKind}`, { billingKind, start }]),
  );
  return { position, deploymentId: data.deploymentId, reason, readings: [...apart.values()] };
}

/** Deployments of which an invoice claims a line by the end of the batch, or ever did: usage of any other is most usage, and marks nothing. */
async function withClaims(client: pg.ClientBase, deploymentIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (deploymentIds.length === 0) return new Set();
  const { rows } = await client.query<{ deployment_id: string }>(
    'SELECT d.deployment_id FROM (SELECT DISTINCT unnest($1::text[]) AS deployment_id) d' +
      ' WHERE EXISTS (SELECT FROM invoice_lines l WHERE l.deployment_id = d.deployment_id AND EXISTS (SELECT FROM invoice_parts p WHERE p.line_id = l.line_id))',
    [deploymentIds],
  );
  return new Set(rows.map(({ deployment_id }) => deployment_id));
}

/** Before the first invoice nothing is claimed, and nothing to be marked: a price list that is read in is looked up nowhere. */
async function firstClaim(client: pg.ClientBase): Promise<number | null> {
  const { rows } = await client.query<{ position: number | null }>(
    'SELECT min(position_from) AS position FROM invoices',
  );
  return rows[0]?.position ?? null;
}

async function mark(client: pg.ClientBase, event: Other): Promise<void> {
  const { data, position, type } = event;
  switch (type) {
    case 'RateSet':
      await markRate(client, position, 'a rate was set', data, data.effectiveFrom, data.effectiveUntil);
      break;
    case 'RateCorrected':
      await markRate(client, position, data.reason, data, data.effectiveFrom, data.effectiveUntil);
      break;
    case 'RateWithdrawn':
      await markRate(client, position, data.reason, data, data.from, null);
      break;
    case 'PlanPublished':
      await markLines(client, position, 'the plan was published', ON_PLAN, data.planId, data.effectiveFrom);
      break;
    case 'PlanPriceCorrected':
      await markLines(client, position, data.reason, ON_PLAN, data.planId, data.effectiveFrom);
      break;
    case 'SubscriptionPlanChanged':
      await markLines(client, position, 'the plan was changed', 'l.subscription_id = $3', data.subscriptionId, data.at);
      break;
    case 'SubscriptionCancelled':
      await markLines(
        client,
        position,
        'the subscription was cancelled',
        'l.subscription_id = $3',
        data.subscriptionId,
        data.at,
      );
      break;
    case 'DeploymentAssigned':
      await markLines(
        client,
        position,
        'the deployment was assigned',
        'l.deployment_id = $3',
        data.deploymentId,
        data.from,
      );
      break;
    case 'CouponGranted':
      await markCouponed(client, position, data.reason ?? 'a coupon was granted', data, data.from);
      break;
    case 'CreditRevoked':
      await markCouponed(client, position, data.reason, data, data.at);
      break;
    case 'InvoiceVoided':
      await client.query(
        `${INSERT} SELECT DISTINCT l.line_id, $1::bigint, l.tenant_id, $2::text, $1::bigint FROM ${LINES} JOIN invoice_rows r ON r.line_id = l.line_id` +
          " AND r.invoice_id = $3::uuid AND r.row ->> 'kind' <> 'charge' ON CONFLICT DO NOTHING",
        [position, `invoice ${data.invoiceId} was voided`, data.invoiceId],
      );
      break;
  }
}

const INSERT = 'INSERT INTO restatements (line_id, marked_at, tenant_id, reason, position_from)';
/** Lines, cut or not, as of the event's position ($1). */
const LINES =
  '(SELECT * FROM invoice_lines WHERE parent_line_id IS NULL AND position_from < $1::bigint AND (position_to IS NULL OR position_to >= $1::bigint)) l';
/** Of which some part stands on an invoice, as of then: on a draft too, since what comes while it is being issued is late for it. */
const claimedAt = (position: string): string =>
  'EXISTS (SELECT FROM invoice_parts p JOIN invoices i ON i.invoice_id = p.invoice_id AND i.parts_attempt = p.attempt' +
  ` WHERE p.line_id = l.line_id AND i.status <> 'void' AND i.position_from < ${position} AND (i.position_to IS NULL OR i.position_to >= ${position}))`;
const CLAIMED = claimedAt('$1::bigint');
const ON_PLAN =
  'l.subscription_id IN (SELECT subscription_id FROM subscription_plans WHERE plan_id = $3 AND position_from < $1::bigint)';

/** Lines that a coupon reaches from an instant on; of a credit none: what is charged is the same without it. */
const markCouponed = async (
  client: pg.ClientBase,
  position: number,
  reason: string,
  { creditId, tenantId, currency }: { creditId: string; tenantId: string; currency: string },
  from: Instant,
): Promise<void> => {
  await client.query(
    `${INSERT} SELECT DISTINCT l.line_id, $1::bigint, l.tenant_id, $2::text, $1::bigint FROM ${LINES} JOIN credits c ON c.tenant_id = l.tenant_id AND c.currency = $4 AND c.credit_id = $5` +
      " AND c.kind = 'coupon' AND c.position_from <= $1::bigint AND (c.billing_kinds IS NULL OR c.billing_kinds ? l.billing_kind)" +
      // Also as it was granted, until when it was to last.
      ' AND (c.effective_until IS NULL OR c.effective_until > l.period_start)' +
      ` WHERE l.tenant_id = $3 AND l.period_end > $6::timestamptz AND ${CLAIMED} ON CONFLICT DO NOTHING`,
    [position, reason, tenantId, currency, creditId, from],
  );
};

/** Lines whose period ends at or after an instant, on some condition: one that ended there may go on now. */
const markLines = async (
  client: pg.ClientBase,
  position: number,
  reason: string,
  condition: string,
  value: string,
  from: Instant,
): Promise<void> => {
  await client.query(
    `${INSERT} SELECT l.line_id, $1::bigint, l.tenant_id, $2::text, $1::bigint FROM ${LINES} WHERE ${condition} AND l.period_end >= $4::timestamptz AND ${CLAIMED}` +
      ' ON CONFLICT DO NOTHING',
    [position, reason, value, from],
  );
};

/** All events' readings at once. */
async function markUsage(client: pg.ClientBase, events: readonly Touched[]): Promise<void> {
  const touched = events.flatMap(({ position, deploymentId, reason, readings }) =>
    readings.map((reading) => ({ position, deploymentId, reason, ...reading })),
  );
  if (touched.length === 0) return;
  await client.query(
    `${INSERT} SELECT DISTINCT l.line_id, u.position, l.tenant_id, u.reason, u.position` +
      ' FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS u(position, reason, deployment_id, billing_kind, period_start)' +
      ' JOIN invoice_lines l ON l.deployment_id = u.deployment_id AND l.billing_kind = u.billing_kind AND l.parent_line_id IS NULL' +
      ' AND l.position_from < u.position AND (l.position_to IS NULL OR l.position_to >= u.position)' +
      // A line that ended within its month when it was opened may go on to the month's end by now.
      " AND u.period_start >= l.period_start AND u.period_start < greatest(l.period_end, l.period_start + interval '1 month')" +
      ` WHERE ${claimedAt('u.position')} ON CONFLICT DO NOTHING`,
    [
      touched.map(({ position }) => position),
      touched.map(({ reason }) => reason),
      touched.map(({ deploymentId }) => deploymentId),
      touched.map(({ billingKind }) => billingKind),
      touched.map(({ start }) => start),
    ],
  );
}

/** Lines of deployments that used the rate's key in months that the stretch touches. */
async function markRate(
  client: pg.ClientBase,
  position: number,
  reason: string,
  key: { readonly resourceType: string; readonly resourceFamily: string; readonly location: string },
  from: Instant,
  until: Instant | null,
): Promise<void> {
  await client.query(
    `${INSERT} SELECT DISTINCT l.line_id, $1::bigint, l.tenant_id, $2::text, $1::bigint FROM rate_key_usage u JOIN ${LINES}` +
      ' ON l.deployment_id = u.deployment_id AND l.billing_kind = u.billing_kind' +
      " AND l.period_start < u.first_month + interval '1 month' AND l.period_end > u.first_month" +
      ' WHERE u.resource_type = $3 AND u.resource_family = $4 AND u.location = $5 AND u.position_from < $1::bigint' +
      " AND u.last_month + interval '1 month' > $6::timestamptz AND ($7::timestamptz IS NULL OR u.first_month < $7::timestamptz)" +
      ` AND ${CLAIMED} ON CONFLICT DO NOTHING`,
    [position, reason, key.resourceType, key.resourceFamily, key.location, from, until],
  );
}
