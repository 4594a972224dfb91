import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { COMMITMENT } from '#domain/plans/plan';
import type { Instant } from '#domain/time/instant';
import type { RateKey, ReadingKey } from '#domain/usage/usage';
import { answer, type Answers } from '#read-model/projection';
import { type Passing, projection } from '../flow.js';
import { CLAIMED, claimedAt, INSERT, LINES, type Query } from './claimed-lines.js';
import { havePools, POOL_CHANGED, markUsageOfPools, type Pooled, type PooledBy, pooledWith } from './pooled-lines.js';
import { restatements } from './restatements.table.js';

/**
 * The reason of a mark and its lines: those that a query finds (null: none), or those that bill the readings. `pooled`:
 * the lines that may share included units with those, too. Readings always reach them.
 */
type Mark = { readonly reason: string; readonly pooled?: Pooled } & (
  | { readonly query: Query | null }
  | { readonly deploymentId: string; readonly readings: readonly Reading[] }
);

/** The part of a reading that matters here. It is small, because a batch holds very many readings. */
interface Reading {
  readonly billingKind: string;
  readonly start: Instant;
}

const marks: Answers<Passing<'restatements'>, Mark> = {
  UsageObserved: ({ data }) => ofUsage(data.deploymentId, 'late usage', data.observations),
  UsageCorrected: ({ data }) => ofUsage(data.deploymentId, data.reason, data.corrections),
  RateSet: ({ data }) => ({
    reason: 'a rate was set',
    query: ratedBy(data, data.effectiveFrom, data.effectiveUntil),
  }),
  RateCorrected: ({ data }) => ({
    reason: data.reason,
    query: ratedBy(data, data.effectiveFrom, data.effectiveUntil),
  }),
  RateWithdrawn: ({ data }) => ({ reason: data.reason, query: ratedBy(data, data.from, null) }),
  RateKeyCorrected: ({ data }) => ({
    reason: data.reason,
    query: data.changedFrom === null ? null : ratedBy(data, data.changedFrom, null),
  }),
  PlanPublished: ({ data }) => ({
    reason: 'the plan was published',
    query: endingAfter(ON_PLAN, data.planId, data.effectiveFrom),
    ...sharedBy({ planId: data.planId }, data.effectiveFrom),
  }),
  PlanPriceCorrected: ({ data }) => ({
    reason: data.reason,
    query: endingAfter(ON_PLAN, data.planId, data.effectiveFrom),
    ...sharedBy({ planId: data.planId }, data.effectiveFrom),
  }),
  // A subscription that was withdrawn and starts again has its lines again.
  SubscriptionStarted: ({ data }) => ({
    reason: 'the subscription was started',
    query: endingAfter('l.subscription_id = $3', data.subscriptionId, data.from),
    ...sharedBy({ deploymentId: data.deploymentId }, data.from),
  }),
  SubscriptionPlanChanged: ({ data }) => ({
    reason: 'the plan was changed',
    query: endingAfter('l.subscription_id = $3', data.subscriptionId, data.at),
    ...sharedBy({ deploymentId: data.deploymentId }, data.at),
  }),
  OverridesSet: ({ data }) => ({
    reason: 'the overrides were set',
    query: endingAfter('l.subscription_id = $3', data.subscriptionId, data.effectiveFrom),
    ...sharedBy({ deploymentId: data.deploymentId }, data.effectiveFrom),
  }),
  OverridesCorrected: ({ data }) => ({
    ...corrected('l.subscription_id = $3', data.subscriptionId, data),
    ...sharedBy({ deploymentId: data.deploymentId }, data.changedFrom),
  }),
  CommitmentSet: ({ data }) => ({ reason: 'the commitment was set', query: committedOn(data.subscriptionId) }),
  CommitmentCorrected: ({ data }) => ({ reason: data.reason, query: committedOn(data.subscriptionId) }),
  CommitmentWithdrawn: ({ data }) => ({ reason: data.reason, query: committedOn(data.subscriptionId) }),
  SubscriptionCancelled: ({ data }) => ({
    reason: 'the subscription was cancelled',
    query: endingAfter('l.subscription_id = $3', data.subscriptionId, data.at),
    ...sharedBy({ deploymentId: data.deploymentId }, data.at),
  }),
  TenantTaxSet: ({ data }) => ({
    reason: `the tax ${data.name} was set`,
    query: endingAfter('l.tenant_id = $3', data.tenantId, data.from),
  }),
  TenantCorrected: ({ data }) => ({
    ...corrected('l.tenant_id = $3', data.tenantId, data),
    ...sharedBy({ tenantId: data.tenantId }, data.changedFrom),
  }),
  PayerSet: ({ data }) => ({
    ...{ reason: 'the payer was set', query: null },
    ...sharedBy({ tenantId: data.tenantId }, data.effectiveFrom),
  }),
  PayerCorrected: ({ data }) => ({
    ...{ reason: data.reason, query: null },
    ...sharedBy({ tenantId: data.tenantId }, data.changedFrom),
  }),
  DeploymentCorrected: ({ data }) => ({
    ...corrected('l.deployment_id = $3', data.deploymentId, data),
    ...sharedBy({ deploymentId: data.deploymentId }, data.changedFrom),
  }),
  PlanCorrected: ({ data }) => ({
    ...corrected(ON_PLAN, data.planId, data),
    ...sharedBy({ planId: data.planId }, data.changedFrom),
  }),
  DeploymentAssigned: ({ data }) => ({
    reason: 'the deployment was assigned',
    query: endingAfter('l.deployment_id = $3', data.deploymentId, data.from),
    ...sharedBy({ deploymentId: data.deploymentId }, data.from),
  }),
  CouponGranted: ({ data }) => ({
    reason: data.reason ?? 'a coupon was granted',
    query: couponedBy(data, data.from),
  }),
  CreditRevoked: ({ data }) => ({ reason: data.reason, query: couponedBy(data, data.at) }),
  GrantWithdrawn: ({ data }) => couponCorrected(data),
  RevocationWithdrawn: ({ data }) => couponCorrected(data),
  InvoiceVoided: ({ data }) => ({
    reason: `invoice ${data.invoiceId} was voided`,
    query: correctedOn(data.invoiceId),
  }),
};

/** Whoever may share included units with them, from an instant. null: nothing changed. */
const sharedBy = (of: PooledBy, from: Instant | null): { readonly pooled?: Pooled } =>
  from === null ? {} : { pooled: { ...of, from } };

/**
 * Every look-up is as of the position of its event, so that the size of batches makes no difference. Marks may be too
 * many: if nothing differs, invoicing books nothing. Marks that are missing would lose money.
 */
export const restatementsProjection = projection('restatements', {
  version: 12,
  tables: [restatements],
  async project(batch, client) {
    const first = await firstClaim(client);
    if (first === null) return;
    const usage: UsageMark[] = [];
    const queries: { readonly position: number; readonly reason: string; readonly query: Query }[] = [];
    const sharing: typeof queries = [];
    for (const event of batch) {
      if (event.position <= first) continue;
      const mark = { position: event.position, ...answer(marks, event) };
      if (!('query' in mark)) usage.push(mark);
      else if (mark.query !== null) queries.push({ ...mark, query: mark.query });
      if (mark.pooled !== undefined) sharing.push({ ...mark, reason: POOL_CHANGED, query: pooledWith(mark.pooled) });
    }
    await markUsage(client, usage);
    if ((usage.length > 0 || sharing.length > 0) && (await havePools(client))) {
      await markUsageOfPools(client, usage);
      queries.push(...sharing);
    }
    for (const { position, reason, query } of queries)
      await client.query(
        `${INSERT} SELECT DISTINCT l.line_id, $1::bigint, l.tenant_id, $2::text, $1::bigint FROM ${query.from}` +
          ' ON CONFLICT DO NOTHING',
        [position, reason, ...query.values],
      );
  },
});

/** Before the first invoice there is nothing to mark, so that importing a price list looks up no lines. */
async function firstClaim(client: pg.ClientBase): Promise<number | null> {
  const { rows } = await client.query<{ position: number | null }>(
    'SELECT min(position_from) AS position FROM invoices',
  );
  return rows[0]?.position ?? null;
}

const ON_PLAN =
  'l.subscription_id IN (SELECT subscription_id FROM subscription_plans' +
  ' WHERE plan_id = $3 AND position_from < $1::bigint)';

/** The lines of the commitments on a subscription. */
const committedOn = (subscriptionId: string): Query => ({
  from: `${LINES} WHERE l.subscription_id = $3 AND l.billing_kind = '${COMMITMENT}' AND ${CLAIMED}`,
  values: [subscriptionId],
});

/**
 * The lines that count usage of a billing kind: those of the kind, and those of commitments, which count the charges of
 * others.
 */
const counts = (billingKind: string): string => `(l.billing_kind = ${billingKind} OR l.billing_kind = '${COMMITMENT}')`;

/** Lines that a coupon reaches from an instant. A credit reaches none, because it does not change the charges. */
const couponedBy = (
  { creditId, tenantId, currency }: { creditId: string; tenantId: string; currency: string },
  from: Instant,
): Query => ({
  from:
    `${LINES} JOIN credits c ON c.tenant_id = l.tenant_id AND c.currency = $4 AND c.credit_id = $5` +
    " AND c.kind = 'coupon' AND c.position_from <= $1::bigint" +
    ' AND (c.billing_kinds IS NULL OR c.billing_kinds ? l.billing_kind)' +
    // Every version of the coupon counts: before it was revoked, it may have lasted longer.
    ' AND (c.effective_until IS NULL OR c.effective_until > l.period_start)' +
    ` WHERE l.tenant_id = $3 AND l.period_end > $6::timestamptz AND ${CLAIMED}`,
  values: [tenantId, currency, creditId, from],
});

const couponCorrected = (data: RecordedEvent<'GrantWithdrawn' | 'RevocationWithdrawn'>['data']): Mark => ({
  reason: data.reason,
  query: data.changedFrom === null ? null : couponedBy(data, data.changedFrom),
});

/**
 * Lines that meet a condition on `$3` and end at or after an instant. A line that ended there may now continue. That of
 * a commitment, wherever it ends: its term may go on after it, where the deployment comes back to the tenant.
 */
const endingAfter = (condition: string, value: string, from: Instant): Query => ({
  from:
    `${LINES} WHERE ${condition} AND (l.period_end >= $4::timestamptz OR l.billing_kind = '${COMMITMENT}')` +
    ` AND ${CLAIMED}`,
  values: [value, from],
});

const corrected = (
  condition: string,
  value: string,
  { reason, changedFrom }: { readonly reason: string; readonly changedFrom: Instant | null },
): Mark => ({ reason, query: changedFrom === null ? null : endingAfter(condition, value, changedFrom) });

/** Lines of deployments that used the rate key in a month of the span. */
const ratedBy = ({ resourceType, resourceFamily, location }: RateKey, from: Instant, until: Instant | null): Query => ({
  from:
    `rate_key_usage u JOIN ${LINES} ON l.deployment_id = u.deployment_id AND ${counts('u.billing_kind')}` +
    " AND l.period_start < u.first_month + interval '1 month' AND l.period_end > u.first_month" +
    ' WHERE u.resource_type = $3 AND u.resource_family = $4 AND u.location = $5 AND u.position_from < $1::bigint' +
    " AND u.last_month + interval '1 month' > $6::timestamptz" +
    ` AND ($7::timestamptz IS NULL OR u.first_month < $7::timestamptz) AND ${CLAIMED}`,
  values: [resourceType, resourceFamily, location, from, until],
});

/** Lines that an invoice corrected. If it is void, their corrections are due again. */
const correctedOn = (invoiceId: string): Query => ({
  from:
    `${LINES} JOIN invoice_rows r ON r.line_id = l.line_id` +
    " AND r.invoice_id = $3::uuid AND r.row ->> 'kind' <> 'charge'",
  values: [invoiceId],
});

type UsageMark = Extract<Mark, { readonly readings: unknown }> & { readonly position: number };

/** Each billing kind and start once. */
function ofUsage(
  deploymentId: string,
  reason: string,
  readings: readonly Pick<ReadingKey, 'billingKind' | 'period'>[],
): Mark {
  const distinct = new Map(
    readings.map(({ billingKind, period: { start } }) => [`${start} ${billingKind}`, { billingKind, start }]),
  );
  return { deploymentId, reason, readings: [...distinct.values()] };
}

/** Marks the lines that bill the readings of a whole batch, with one statement. */
async function markUsage(client: pg.ClientBase, marked: readonly UsageMark[]): Promise<void> {
  const claimed = await withClaims(
    client,
    marked.map(({ deploymentId }) => deploymentId),
  );
  const touched = marked
    .filter(({ deploymentId }) => claimed.has(deploymentId))
    .flatMap(({ readings, ...mark }) => readings.map((reading) => ({ ...mark, ...reading })));
  if (touched.length === 0) return;
  await client.query(
    `${INSERT} SELECT DISTINCT l.line_id, u.position, l.tenant_id, u.reason, u.position` +
      ' FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])' +
      ' AS u(position, reason, deployment_id, billing_kind, period_start)' +
      ` JOIN invoice_lines l ON l.deployment_id = u.deployment_id AND ${counts('u.billing_kind')}` +
      ' AND l.parent_line_id IS NULL' +
      ' AND l.position_from < u.position AND (l.position_to IS NULL OR l.position_to >= u.position)' +
      // A line that ended within its month when it was opened may now continue to the end of the month.
      ' AND u.period_start >= l.period_start' +
      " AND u.period_start < greatest(l.period_end, l.period_start + interval '1 month')" +
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

/**
 * The deployments that have had a line on an invoice. Most usage is of other deployments and marks nothing.
 */
async function withClaims(client: pg.ClientBase, deploymentIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (deploymentIds.length === 0) return new Set();
  const { rows } = await client.query<{ deployment_id: string }>(
    'SELECT d.deployment_id FROM (SELECT DISTINCT unnest($1::text[]) AS deployment_id) d' +
      ' WHERE EXISTS (SELECT FROM invoice_lines l WHERE l.deployment_id = d.deployment_id' +
      ' AND EXISTS (SELECT FROM invoice_parts p WHERE p.line_id = l.line_id))',
    [deploymentIds],
  );
  return new Set(rows.map(({ deployment_id }) => deployment_id));
}
