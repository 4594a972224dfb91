import { type Kysely, type RawBuilder, sql } from 'kysely';
import { BASE_FEE } from '#domain/plans/plan';
import type { Period } from '#domain/time/period';
import type { Positions } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { asJsonb, type RecordVersion, recordVersions } from '../usage-records/usage-records.read.js';

/** The inputs of a line. */
export interface RatedLine {
  readonly lineId: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly subscriptionId: string;
  readonly planIds: readonly string[];
  readonly period: Period;
  /** The readings of the line that are only in the log. */
  readonly logged: readonly RecordVersion[];
}

/** SQL: the part of a version's effective time that lies within the line `l`. Empty: the version does not matter. */
const withinLine = (version: string): RawBuilder<unknown> => sql`
  tstzrange(l.start_at, l.end_at) * tstzrange(${sql.ref(`${version}.effective_from`)},
    ${sql.ref(`${version}.effective_until`)})`;

/**
 * SQL: where a version begins (1) or ends (-1) to be known, as `e(p, step)`. A correction of ten days of April replaces
 * the versions before and after them too. Where the terms within the line stay the same, the steps add up to 0.
 */
const changesOf = (version: string): RawBuilder<unknown> => sql`
  (SELECT * FROM (VALUES (${sql.ref(`${version}.position_from`)}, 1), (${sql.ref(`${version}.position_to`)}, -1))
    AS e(p, step) WHERE p IS NOT NULL AND NOT isempty(${sql.ref(`${version}.clip`)})) e`;

/**
 * The positions at which inputs of lines changed: their readings and the rates of those, their plans, subscriptions,
 * coupons and cuts. `index`: the number of the line, from 0.
 */
export async function readLineChanges(
  db: Kysely<ReadModels>,
  { first, last }: Positions,
  lines: readonly RatedLine[],
): Promise<{ readonly index: number; readonly position: number }[]> {
  const readings = recordVersions(
    sql`deployment_id = l.deployment_id AND billing_kind = l.billing_kind
      AND period_start >= l.start_at AND period_start < l.end_at AND position_from <= ${last}`,
    sql.ref('l.logged'),
  );
  // Line by line, each with an index look-up.
  const { rows } = await sql<{ index: number; position: number }>`
    SELECT (l.n - 1)::int AS index, c.position
    FROM unnest(${lines.map(({ lineId }) => lineId)}::uuid[], ${lines.map(({ tenantId }) => tenantId)}::text[],
      ${lines.map(({ currency }) => currency)}::text[], ${lines.map(({ deploymentId }) => deploymentId)}::text[],
      ${lines.map(({ billingKind }) => billingKind)}::text[],
      ${lines.map(({ subscriptionId }) => subscriptionId)}::text[],
      ${lines.map(({ planIds }) => JSON.stringify(planIds))}::jsonb[],
      ${lines.map(({ period }) => period.start)}::timestamptz[],
      ${lines.map(({ period }) => period.end)}::timestamptz[],
      ${lines.map(({ logged }) => asJsonb(logged))}::jsonb[]) WITH ORDINALITY
      AS l(line_id, tenant_id, currency, deployment_id, billing_kind, subscription_id, plan_ids,
        start_at, end_at, logged, n)
    CROSS JOIN LATERAL (
      WITH readings AS (SELECT * FROM ${readings} u)
      SELECT DISTINCT p AS position
      FROM (
        SELECT position_from, position_to FROM readings
        UNION ALL
        SELECT p, NULL FROM (
          SELECT r.position_from, r.position_to, to_jsonb(ARRAY[resource_type, resource_family, location,
            r.unit_price::text, r.unit, r.currency, r.basis]) AS terms, ${withinLine('r')} AS clip
          FROM rates r JOIN (SELECT DISTINCT resource_type, resource_family, location FROM readings) k
            USING (resource_type, resource_family, location)) r
        CROSS JOIN LATERAL ${changesOf('r')}
        GROUP BY p, terms, clip HAVING sum(step) <> 0
        UNION ALL
        SELECT p, NULL FROM (
          SELECT v.position_from, v.position_to, jsonb_build_array(v.plan_id, v.currency, v.interval,
            CASE WHEN l.billing_kind = ${BASE_FEE} THEN jsonb_build_array(v.base_fee::text, v.payment_term)
            ELSE (SELECT jsonb_agg(item) FROM jsonb_array_elements(v.items) item
              WHERE item ->> 'billingKind' = l.billing_kind) END) AS terms, ${withinLine('v')} AS clip
          FROM plan_versions v
          WHERE v.plan_id IN (SELECT jsonb_array_elements_text(l.plan_ids))) v
        CROSS JOIN LATERAL ${changesOf('v')}
        GROUP BY p, terms, clip HAVING sum(step) <> 0
        UNION ALL
        SELECT position_from, position_to FROM subscriptions s WHERE s.subscription_id = l.subscription_id
        UNION ALL
        SELECT position_from, position_to FROM subscription_plans s WHERE s.subscription_id = l.subscription_id
        UNION ALL
        SELECT position_from, position_to FROM deployment_assignments a WHERE a.deployment_id = l.deployment_id
        UNION ALL
        SELECT position_from, position_to FROM invoice_lines i WHERE i.root_line_id = l.line_id
        UNION ALL
        SELECT position_from, position_to FROM credits c
        WHERE c.kind = 'coupon' AND c.tenant_id = l.tenant_id AND c.currency = l.currency) v,
        unnest(ARRAY[v.position_from, v.position_to]) p
      WHERE p BETWEEN ${first} AND ${last}) c
    ORDER BY index, c.position`.execute(db);
  return rows;
}
