import type { LineDefinition } from '#domain/lines/line';
import type { LedgerCore } from '#ledger/ledger-core';
import { fromLog } from '../usage/pruned-usage.js';
import type { PrunedMonth, RecordVersion } from '#projections/usage-records/usage-records.lookups';

/**
 * Readings of pruned months that may be on no line or on several, as known at a position. Where lines without a filter, and waivers, cover
 * a month once, each of its readings is on one of them, and its stream is not read.
 */
export async function prunedBesideLines(
  core: LedgerCore,
  position: number,
  lines: readonly LineDefinition[],
): Promise<readonly RecordVersion[]> {
  const { rows } = await core.pool.query<PrunedMonth>(
    `WITH lines AS (SELECT * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bool[]) AS l(deployment_id, billing_kind, start_at, end_at, filtered))
     SELECT p.deployment_id AS "deploymentId", p.billing_kind AS "billingKind", to_char(p.month AT TIME ZONE 'UTC', 'YYYY-MM') AS month, p.position_from AS position
     FROM (SELECT *, tstzrange(month, month + interval '1 month') AS period FROM pruned_usage) p
     CROSS JOIN LATERAL (
       SELECT range_agg(c.period) FILTER (WHERE NOT c.filtered) AS covered, bool_or(c.filtered) AS filtered,
         sum(upper(c.period) - lower(c.period)) FILTER (WHERE c.is_line) > upper(p.period) - lower(p.period) AS twice
       FROM (
         SELECT tstzrange(l.start_at, l.end_at) * p.period AS period, l.filtered, true AS is_line FROM lines l
         WHERE l.deployment_id = p.deployment_id AND l.billing_kind = p.billing_kind AND tstzrange(l.start_at, l.end_at) && p.period
         UNION ALL SELECT tstzrange(w.period_start, w.period_end) * p.period, false, false FROM usage_waivers w
         WHERE w.deployment_id = p.deployment_id AND w.billing_kind = p.billing_kind AND tstzrange(w.period_start, w.period_end) && p.period
           AND w.position_from <= $1 AND (w.position_to IS NULL OR w.position_to > $1)) c) c
     WHERE NOT coalesce(c.covered @> p.period, false) OR c.filtered OR c.twice`,
    [
      position,
      lines.map(({ deploymentId }) => deploymentId),
      lines.map(({ billingKind }) => billingKind),
      lines.map(({ period }) => period.start),
      lines.map(({ period }) => period.end),
      lines.map(({ filter }) => filter !== null),
    ],
  );
  return (await fromLog(core, rows)).versions;
}
