import type pg from 'pg';
import { COMMITMENT } from '#domain/plans/plan';
import type { Instant } from '#domain/time/instant';
import { holdersOf, relativesOf } from '../payers/payers.table.js';
import { LONGEST_PERIOD } from '../plans/plans.table.js';
import { endClaimedAt, INSERT, LINES, type Query } from './claimed-lines.js';

/**
 * Whose lines share included units: the holders of a deployment or of the deployments on a plan, or a tenant, with all
 * of the same payer.
 */
export type Pooled = { readonly from: Instant } & PooledBy;
export type PooledBy = { readonly deploymentId: string } | { readonly planId: string } | { readonly tenantId: string };

/** Items of the plans that `s` subscribes to, as `i`, which pool the kind of the line `l` or may be counted by it. */
const pooledItemsOf = (position: string): string =>
  `subscription_plans s JOIN plan_versions v USING (plan_id) CROSS JOIN LATERAL jsonb_array_elements(v.items) i` +
  ` WHERE s.subscription_id = l.subscription_id AND s.position_from <= ${position}` +
  ` AND v.position_from <= ${position} AND i @> '{"pooled": true}'` +
  ` AND (i ->> 'billingKind' = l.billing_kind OR l.billing_kind = '${COMMITMENT}')`;

/** The reason is on invoices of other tenants than the one whose facts changed: it says nothing of them. */
export const POOL_CHANGED = 'the included units that are shared changed';

/** Shares are billed when the period ends: before, nothing depends on others. */
export function pooledWith({ from, ...of }: Pooled): Query {
  const { tenants, id } = tenantsOf(of);
  return {
    from:
      `${LINES} WHERE l.period_end > $4::timestamptz` +
      ` AND EXISTS (SELECT FROM ${pooledItemsOf('$1::bigint')})` +
      ` AND l.tenant_id IN (${relativesOf(tenants, '$1::bigint')}) AND ${endClaimedAt('$1::bigint')}`,
    values: [id, from],
  };
}

/** A query of `tenant_id`, with an id as `$3`. */
function tenantsOf(of: PooledBy): { readonly tenants: string; readonly id: string } {
  if ('tenantId' in of) return { tenants: 'SELECT $3::text AS tenant_id', id: of.tenantId };
  if ('deploymentId' in of) return { tenants: holdersOf('= $3', '$1::bigint'), id: of.deploymentId };
  const onPlan =
    'IN (SELECT s.deployment_id FROM subscription_plans p JOIN subscriptions s USING (subscription_id)' +
    ' WHERE p.plan_id = $3 AND p.position_from <= $1::bigint)';
  return { tenants: holdersOf(onPlan, '$1::bigint'), id: of.planId };
}

/** Where no plan was ever pooled, which is usual, usage reaches only its own lines. */
export async function havePools(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query(`SELECT FROM plan_versions WHERE items @> '[{"pooled": true}]' LIMIT 1`);
  return rows.length > 0;
}

interface UsageOfPools {
  readonly position: number;
  readonly deploymentId: string;
  readonly readings: readonly { readonly billingKind: string; readonly start: Instant }[];
}

/** Marks the lines that share included units with those that bill the readings of a batch. */
export async function markUsageOfPools(client: pg.ClientBase, marked: readonly UsageOfPools[]): Promise<void> {
  const pooled = await kindsInPools(
    client,
    marked.map(({ deploymentId }) => deploymentId),
  );
  const touched = marked.flatMap(({ readings, ...mark }) =>
    readings
      .filter(({ billingKind }) => pooled.has(JSON.stringify([mark.deploymentId, billingKind])))
      .map((reading) => ({ ...mark, ...reading })),
  );
  if (touched.length === 0) return;
  await client.query(
    // Who shares is found once for each reading, not once for each line.
    'WITH u AS MATERIALIZED (SELECT u.*, r.tenant_id' +
      ' FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])' +
      ' AS u(position, deployment_id, billing_kind, period_start)' +
      ` CROSS JOIN LATERAL (${relativesOf(holdersOf('= u.deployment_id', 'u.position'), 'u.position')}) r)` +
      ` ${INSERT} SELECT DISTINCT l.line_id, u.position, l.tenant_id, '${POOL_CHANGED}', u.position` +
      ' FROM u JOIN invoice_lines l ON l.tenant_id = u.tenant_id AND l.parent_line_id IS NULL' +
      ' AND l.position_from < u.position AND (l.position_to IS NULL OR l.position_to >= u.position)' +
      ' AND l.period_end > u.period_start' +
      ` WHERE EXISTS (SELECT FROM ${pooledItemsOf('u.position')} AND i ->> 'billingKind' = u.billing_kind` +
      ` AND l.period_start < u.period_start + ${LONGEST_PERIOD}) AND ${endClaimedAt('u.position')}` +
      ' ON CONFLICT DO NOTHING',
    [
      touched.map(({ position }) => position),
      touched.map(({ deploymentId }) => deploymentId),
      touched.map(({ billingKind }) => billingKind),
      touched.map(({ start }) => start),
    ],
  );
}

/** The deployments with the billing kinds that a plan of theirs ever pooled. Most usage is not pooled. */
async function kindsInPools(client: pg.ClientBase, deploymentIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ deployment_id: string; billing_kind: string }>(
    `SELECT DISTINCT s.deployment_id, i ->> 'billingKind' AS billing_kind
    FROM (SELECT DISTINCT unnest($1::text[]) AS deployment_id) d
    JOIN subscriptions s USING (deployment_id) JOIN subscription_plans p USING (subscription_id)
    JOIN plan_versions v USING (plan_id) CROSS JOIN LATERAL jsonb_array_elements(v.items) i
    WHERE i @> '{"pooled": true}'`,
    [deploymentIds],
  );
  return new Set(rows.map((row) => JSON.stringify([row.deployment_id, row.billing_kind])));
}
