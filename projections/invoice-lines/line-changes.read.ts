import { type Kysely, type RawBuilder, sql } from 'kysely';
import { BASE_FEE, COMMITMENT } from '#domain/plans/plan';
import type { Period } from '#domain/time/period';
import { at, changedAt, type Positions } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';
import { asJsonb, fromLog, joinedVersions, type RecordVersion } from '../usage-records/usage-records.read.js';

/** The inputs of a line. */
export interface RatedLine {
  readonly lineId: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly subscriptionId: string;
  readonly planIds: readonly string[];
  /** Of the line as it was and as it is. */
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

/** Rows of a line `l`, of the table `s`, and what they say of the line as known at a position. */
interface OfLine {
  readonly table: string;
  readonly isOfLine: RawBuilder<unknown>;
  readonly within: (position: RawBuilder<number>) => RawBuilder<unknown>;
}

/** From each `effective_from` on until the next, a value holds: those that hold within the line. */
const holding = (table: string, value: string, isOfLine: RawBuilder<unknown>): OfLine => ({
  ...{ table, isOfLine },
  within: (position) => sql`
    (SELECT jsonb_agg(jsonb_build_array(value, greatest(effective_from, l.start_at)) ORDER BY effective_from)
    FROM (
      SELECT ${sql.ref(value)} AS value, effective_from, lead(effective_from) OVER (ORDER BY effective_from) AS next
      FROM ${sql.table(table)} s WHERE ${isOfLine} AND ${at(position, 's')}) s
    WHERE effective_from < l.end_at AND (next IS NULL OR next > l.start_at))`,
});

/** The contract of a line: its subscription with its plans, who holds its deployment, and the coupons of its tenant. */
const CONTRACT: readonly OfLine[] = [
  {
    table: 'subscriptions',
    isOfLine: sql`s.subscription_id = l.subscription_id`,
    within: (position) => sql`
      (SELECT jsonb_agg(jsonb_build_array(greatest(s.started_at, l.start_at), least(s.cancelled_at, l.end_at),
        s.anchor))
      FROM subscriptions s
      WHERE s.subscription_id = l.subscription_id AND ${at(position, 's')} AND s.started_at < l.end_at
        AND (s.cancelled_at IS NULL OR s.cancelled_at > l.start_at))`,
  },
  holding('subscription_plans', 'plan_id', sql`s.subscription_id = l.subscription_id`),
  holding('deployment_assignments', 'tenant_id', sql`s.deployment_id = l.deployment_id`),
  {
    table: 'subscription_overrides',
    isOfLine: sql`s.subscription_id = l.subscription_id AND s.tenant_id = l.tenant_id`,
    within: (position) => sql`
      (SELECT jsonb_agg(jsonb_build_array(CASE WHEN l.billing_kind = ${BASE_FEE} THEN to_jsonb(s.base_fee::text)
          ELSE (SELECT jsonb_agg(item) FROM jsonb_array_elements(s.items) item
            WHERE item ->> 'billingKind' = l.billing_kind) END,
        greatest(s.effective_from, l.start_at), least(s.effective_until, l.end_at)) ORDER BY s.effective_from)
      FROM subscription_overrides s
      WHERE s.subscription_id = l.subscription_id AND s.tenant_id = l.tenant_id AND ${at(position, 's')}
        AND s.effective_from < l.end_at AND (s.effective_until IS NULL OR s.effective_until > l.start_at))`,
  },
  {
    table: 'subscription_commitments',
    isOfLine: sql`l.billing_kind = ${COMMITMENT} AND s.subscription_id = l.subscription_id`,
    within: (position) => sql`
      (SELECT jsonb_agg(jsonb_build_array(s.commitment_id, s.tenant_id, s.currency, s.terms, s.billing_kinds)
        ORDER BY s.commitment_id)
      FROM subscription_commitments s
      WHERE s.subscription_id = l.subscription_id AND ${at(position, 's')})`,
  },
  {
    table: 'credits',
    isOfLine: sql`s.kind = 'coupon' AND s.tenant_id = l.tenant_id AND s.currency = l.currency`,
    within: (position) => sql`
      (SELECT jsonb_agg(jsonb_build_array(s.credit_id, s.percent, greatest(s.effective_from, l.start_at),
        least(s.effective_until, l.end_at)) ORDER BY s.granted_position)
      FROM credits s
      WHERE s.kind = 'coupon' AND s.tenant_id = l.tenant_id AND s.currency = l.currency AND ${at(position, 's')}
        AND NOT s.is_withdrawn
        AND (s.billing_kinds IS NULL AND l.billing_kind <> ${COMMITMENT} OR s.billing_kinds ? l.billing_kind)
        AND s.effective_from < l.end_at AND (s.effective_until IS NULL OR s.effective_until > l.start_at))`,
  },
];

/** SQL: where the contract of a line changed within it, each as a `position_from` and no `position_to`. */
const contractChanges = ({ first, last }: Positions): RawBuilder<unknown>[] =>
  CONTRACT.map(
    ({ table, isOfLine, within }) => sql`
      SELECT c.p, NULL::bigint
      FROM (
        SELECT DISTINCT p FROM ${sql.table(table)} s, unnest(ARRAY[s.position_from, s.position_to]) p
        WHERE ${isOfLine} AND p BETWEEN ${first} AND ${last}) c
      WHERE ${within(sql`c.p`)} IS DISTINCT FROM ${within(sql`(c.p - 1)`)}`,
  );

/** SQL, for FROM: the versions of a line's readings, of `of_line`. */
const READINGS = sql`
  jsonb_to_recordset(of_line.readings) AS readings(position_from bigint, position_to bigint, resource_type text,
    resource_family text, location text)`;

/**
 * The positions at which inputs of lines changed: their readings and the rates of those, their plans, subscriptions,
 * coupons and cuts. What does not reach the period is no cause. `index`: the number of the line, from 0.
 */
export async function readLineChanges(
  db: Kysely<ReadModels>,
  { first, last }: Positions,
  lines: readonly RatedLine[],
): Promise<{ readonly index: number; readonly position: number }[]> {
  const isOfLine = sql`
    u.deployment_id = n.deployment_id AND u.billing_kind = n.billing_kind
      AND u.period_start >= n.start_at AND u.period_start < n.end_at AND u.position_from <= ${last}`;
  const selected = sql`n.n, u.position_from, u.position_to, u.resource_type, u.resource_family, u.location`;
  const ofLog = lines.every(({ logged }) => logged.length === 0)
    ? sql``
    : sql`
      UNION ALL
      SELECT u.deployment_id, ${selected}
      FROM n CROSS JOIN LATERAL (SELECT * FROM ${fromLog(sql`n.logged`)}) u
      WHERE ${isOfLine}`;
  // Line by line, each with an index look-up.
  const { rows } = await sql<{ index: number; position: number }>`
    WITH n AS (
      SELECT * FROM unnest(${lines.map(({ lineId }) => lineId)}::uuid[],
        ${lines.map(({ tenantId }) => tenantId)}::text[],
        ${lines.map(({ currency }) => currency)}::text[], ${lines.map(({ deploymentId }) => deploymentId)}::text[],
        ${lines.map(({ billingKind }) => billingKind)}::text[],
        ${lines.map(({ subscriptionId }) => subscriptionId)}::text[],
        ${lines.map(({ planIds }) => JSON.stringify(planIds))}::jsonb[],
        ${lines.map(({ period }) => period.start)}::timestamptz[],
        ${lines.map(({ period }) => period.end)}::timestamptz[],
        ${lines.map(({ logged }) => asJsonb(logged))}::jsonb[]) WITH ORDINALITY
        AS n(line_id, tenant_id, currency, deployment_id, billing_kind, subscription_id, plan_ids,
          start_at, end_at, logged, n)),
    -- Of many readings few differ in these.
    versions AS (
      SELECT u.n, u.position_from, u.position_to, u.resource_type, u.resource_family, u.location
      FROM (SELECT * FROM ${joinedVersions({ selected, from: sql`n`, on: isOfLine })} t ${ofLog}) u
      GROUP BY u.deployment_id, u.n, u.position_from, u.position_to, u.resource_type, u.resource_family, u.location),
    of_line AS (SELECT v.n, jsonb_agg(to_jsonb(v)) AS readings FROM versions v GROUP BY v.n)
    SELECT (l.n - 1)::int AS index, c.position
    FROM n l
    LEFT JOIN of_line ON of_line.n = l.n
    CROSS JOIN LATERAL (
      SELECT DISTINCT p AS position
      FROM (
        SELECT position_from, position_to FROM ${READINGS}
        UNION ALL
        SELECT p, NULL FROM (
          SELECT r.position_from, r.position_to, to_jsonb(ARRAY[resource_type, resource_family, location,
            r.unit_price::text, r.unit, r.currency, r.basis]) AS terms, ${withinLine('r')} AS clip
          FROM rates r JOIN (SELECT DISTINCT resource_type, resource_family, location FROM ${READINGS}) k
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
        SELECT position_from, position_to FROM invoice_lines i WHERE i.root_line_id = l.line_id
        UNION ALL
        ${sql.join(contractChanges({ first, last }), sql` UNION ALL `)}) v,
        unnest(ARRAY[v.position_from, v.position_to]) p
      WHERE p BETWEEN ${first} AND ${last}) c
    ORDER BY index, c.position`.execute(db);
  return rows;
}

/** The lines of a deployment that may have changed. `billing_kind` null: those of all kinds. */
export interface ChangedLines {
  readonly deployment_id: string;
  readonly billing_kind: string | null;
}

/**
 * The lines of which an input may have changed: all inputs that `readLineChanges` reads, without asking whether the
 * change reaches a line, and invoices, which decide how far ahead lines are rated. Readings of pruned months are not in
 * the tables.
 */
export async function readChangedLines(db: Kysely<ReadModels>, changed: Positions): Promise<ChangedLines[]> {
  const isChanged = changedAt(changed);
  const { rows } = await sql<ChangedLines>`
    SELECT DISTINCT deployment_id, billing_kind FROM usage_records WHERE ${isChanged}
    UNION SELECT deployment_id, billing_kind FROM rate_key_usage
      WHERE (resource_type, resource_family, location) IN (
        SELECT resource_type, resource_family, location FROM rates WHERE ${isChanged})
    UNION SELECT deployment_id, NULL FROM invoice_lines WHERE ${isChanged}
    UNION SELECT deployment_id, NULL FROM invoice_lines WHERE root_line_id IN (
      SELECT p.line_id FROM invoices i JOIN invoice_parts p USING (invoice_id) WHERE ${changedAt(changed, 'i')})
    UNION SELECT deployment_id, NULL FROM subscriptions WHERE ${isChanged}
    UNION SELECT deployment_id, NULL FROM subscription_plans WHERE ${isChanged}
    UNION SELECT deployment_id, NULL FROM subscription_overrides WHERE ${isChanged}
    UNION SELECT deployment_id, NULL FROM subscription_commitments WHERE ${isChanged}
    UNION SELECT deployment_id, NULL FROM deployment_assignments WHERE ${isChanged}
    UNION SELECT deployment_id, NULL FROM deployment_assignments WHERE tenant_id IN (
      SELECT tenant_id FROM credits WHERE kind = 'coupon' AND ${isChanged}
      UNION SELECT tenant_id FROM tenants WHERE ${isChanged})
    UNION SELECT deployment_id, NULL FROM subscription_plans WHERE plan_id IN (
      SELECT plan_id FROM plan_versions WHERE ${isChanged})
    ORDER BY deployment_id`.execute(db);
  return rows;
}
