import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at } from '#read-model/at';
import type { History, ReadModels } from '#read-model/read-models';
import { CONTENT } from './costs.read.js';
import type { CostLineContent } from './costs.table.js';

type Db = Kysely<ReadModels>;

/** UTC months, and the currency of their cost. */
export interface CostsOf {
  readonly months: readonly Period[];
  readonly currency: string;
}

export const monthName = ({ start }: Period): string => start.slice(0, 7);

/** The months asked for, as rows. */
export const named = (months: readonly Period[]): RawBuilder<unknown> => sql`(
  SELECT * FROM unnest(${months.map(monthName)}::text[], ${months.map(({ start }) => start)}::timestamptz[],
    ${months.map(({ end }) => end)}::timestamptz[]) AS m(month, start_at, end_at))`;

/** SQL: the first instant of a month that a column names. */
const startOf = (month: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`((${month} || '-01')::timestamp AT TIME ZONE 'UTC')`;

/**
 * SQL: the lines of the months, without tax. They are found by the months in which they start: a line may last longer
 * than a month, and `cost_months` knows which do.
 */
export function linesOf(
  position: number,
  { months, currency }: CostsOf,
  columns: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const next = sql`${startOf(sql`s.first_month`)} + interval '1 month'`;
  const [from, until] = [months.at(0)?.start ?? null, months.at(-1)?.end ?? null];
  return sql`(
    SELECT l.*, s.first_month
    FROM (
      SELECT DISTINCT c.first_month, c.first_month = ${anyOf(months.map(monthName))} AS is_asked
      FROM cost_months c JOIN ${named(months)} m ON c.first_month <= m.month AND c.last_month >= m.month
      WHERE c.currency = ${currency} AND NOT c.is_tax AND c.position_from <= ${position}) s
    CROSS JOIN LATERAL (
      SELECT ${columns} FROM cost_lines
      WHERE currency = ${currency} AND category <> 'tax' AND ${at(position)}
        AND charge_period_start >= ${startOf(sql`s.first_month`)} AND charge_period_start < ${next}
        AND charge_period_start < ${until} AND charge_period_end > ${from}
        AND (s.is_asked OR charge_period_end > ${next})) l)`;
}

/** Cost lines with one holder throughout a month, summed; or lines that must be divided. */
export interface Charged {
  readonly provider: string;
  readonly kind: string;
  /** The tenant that the lines name themselves. */
  readonly tenant_id: string | null;
  readonly amount: string;
  /** How many lines have this amount. Sums: 1. */
  readonly lines: number;
  /** The month in which all of it is charged. null: of lines that must be divided. */
  readonly month: string | null;
  /** What the resource was seen with, in a sum. */
  readonly deployment_id: string | null;
  readonly owner_id: string | null;
  /** null: a sum, or of no resource. */
  readonly resource_id: string | null;
  readonly charge_period_start: Instant | null;
  readonly charge_period_end: Instant | null;
}

const CHARGED = sql.raw('provider, resource_id, kind, tenant_id, amount, charge_period_start, charge_period_end');

/**
 * The cost of months, without tax, in the order of kinds. Lines that need no division are summed here: they are within
 * one month, and their resource was always seen with the same deployment and tenant, no correction changed these, and
 * the deployment has no new tenant within the month. All others stand for themselves.
 *
 * What a line needs is looked up through an index, one by one: the planner knows nothing about the lines chosen, and
 * would compare each of them with each resource.
 */
export async function readCharged(db: Db, position: number, of: CostsOf): Promise<Charged[]> {
  const { rows } = await sql<Charged>`
    WITH lines AS MATERIALIZED (
      SELECT l.*, m.month, m.start_at, m.end_at, m.month IS NOT NULL AND l.charge_period_end <= m.end_at AS is_within
      FROM ${linesOf(position, of, CHARGED)} l LEFT JOIN ${named(of.months)} m ON m.month = l.first_month)
    SELECT provider, kind, tenant_id, coalesce(apart_amount, sum(amount)) AS amount,
      CASE WHEN apart THEN count(*)::int ELSE 1 END AS lines, month, deployment_id, owner_id, resource_id,
      charge_period_start, charge_period_end
    FROM (
      SELECT l.provider, l.kind, l.tenant_id, l.amount, p.apart,
        CASE WHEN p.apart THEN NULL ELSE l.month END AS month,
        CASE WHEN p.apart THEN NULL ELSE h.deployment_id END AS deployment_id,
        CASE WHEN p.apart THEN NULL ELSE h.owner_id END AS owner_id,
        CASE WHEN p.apart THEN l.resource_id END AS resource_id,
        CASE WHEN p.apart THEN l.charge_period_start END AS charge_period_start,
        CASE WHEN p.apart THEN l.charge_period_end END AS charge_period_end,
        CASE WHEN p.apart THEN l.amount END AS apart_amount
      FROM lines l
      CROSS JOIN LATERAL (
        SELECT min(s.deployment_id) AS deployment_id, min(s.tenant_id) AS owner_id,
          min(coalesce(s.deployment_id, '')) <> max(coalesce(s.deployment_id, ''))
            OR min(coalesce(s.tenant_id, '')) <> max(coalesce(s.tenant_id, '')) AS moves
        FROM resource_sightings s
        WHERE s.provider = l.provider AND s.provider_id = l.resource_id AND NOT s.gone AND ${at(position, 's')}) h
      CROSS JOIN LATERAL (
        SELECT NOT l.is_within OR coalesce(h.moves, false)
          OR (l.resource_id IS NOT NULL AND (
            SELECT count(*) FROM resource_corrections c
            WHERE c.provider = l.provider AND c.provider_id = l.resource_id AND ${at(position, 'c')}
              AND c.changes ?| ARRAY['deploymentId', 'tenantId']) > 0)
          OR (h.deployment_id IS NOT NULL AND (
            SELECT count(*) FROM deployment_assignments a
            WHERE a.deployment_id = h.deployment_id AND ${at(position, 'a')}
              AND a.effective_from > l.start_at AND a.effective_from < l.end_at) > 0) AS apart
        -- Once a line, and not for each column.
        OFFSET 0) p) x
    GROUP BY provider, kind, tenant_id, apart, apart_amount, month, deployment_id, owner_id, resource_id,
      charge_period_start, charge_period_end
    ORDER BY kind, provider`.execute(db);
  return rows;
}

/** Which lines are read, and with what. */
export interface LineSelection {
  /** Their tags are read with the details of each line. */
  readonly withTags?: boolean;
  /** Only lines that may have one of these tags, with their tags. */
  readonly tagKeys?: readonly string[];
  /** Only lines of these kinds. With several limits: lines that meet one of them. */
  readonly kinds?: readonly { readonly provider: string; readonly kind: string }[];
  /** Only lines of resources with these ids. */
  readonly resourceIds?: readonly string[];
}

/** A line, with its tags as JSON. null: it has none, or they were not asked for. */
export type TaggedCostLine = History<CostLineContent> & { readonly tags: string | null };

/** The cost lines of months, without tax, in one currency. */
export async function readCostLines(
  db: Db,
  position: number,
  of: CostsOf,
  { tagKeys, kinds, resourceIds, withTags = tagKeys !== undefined }: LineSelection = {},
): Promise<TaggedCostLine[]> {
  const limits = [
    ...(tagKeys === undefined ? [] : [mayHave(tagKeys)]),
    ...(kinds === undefined ? [] : [isOf(kinds)]),
    ...(resourceIds === undefined ? [] : [sql`resource_id = ${anyOf(resourceIds)}`]),
  ];
  const tags = withTags ? sql`focus ->> 'Tags'` : sql`NULL::text`;
  const columns = sql.join([...CONTENT.map((column) => sql.ref(column)), sql`${tags} AS tags`]);
  const { rows } = await sql<TaggedCostLine>`
    SELECT * FROM ${linesOf(position, of, columns)} l
    WHERE ${limits.length === 0 ? sql`true` : sql.join(limits, sql` OR `)}
    ORDER BY kind, provider, invoice_ref, line_key`.execute(db);
  return rows;
}

/** SQL: JSON of tags that may have one of these keys. Any text may be written with escapes. */
const mayHave = (keys: readonly string[]): RawBuilder<unknown> => sql`
  (position(chr(92) IN tags) > 0
    OR EXISTS (SELECT FROM unnest(${keys.map((key) => JSON.stringify(key))}::text[]) k WHERE position(k IN tags) > 0))`;

/** SQL: a row is of one of these kinds. */
export const isOf = (kinds: NonNullable<LineSelection['kinds']>): RawBuilder<unknown> => sql`
  ((provider, kind) IN (SELECT * FROM unnest(${kinds.map(({ provider }) => provider)}::text[],
    ${kinds.map(({ kind }) => kind)}::text[])))`;
