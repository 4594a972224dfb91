import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import type { Positions } from '#read-model/at';
import type { History, ReadModels } from '#read-model/read-models';
import type { BillDays } from '../costs/billed-days.read.js';
import { linesOf, monthName, named, type CostsOf } from '../costs/charged.read.js';
import type { KeptCostRow, KeptMonthRow } from './kept-costs.table.js';

type Db = Kysely<ReadModels>;

/** What computes kept months. Raise it when the attribution of cost changes: kept months are then computed again. */
export const KEPT_VERSION = '3';

/** The position of the read models, and who computes from them now. */
export async function readKeeper(db: Db): Promise<{ readonly position: number; readonly madeBy: string }> {
  const { rows } = await sql<{ position: number; madeBy: string }>`
    SELECT position, ${MADE_BY} AS "madeBy" FROM checkpoint`.execute(db);
  return rows[0] ?? { position: 0, madeBy: '' };
}

const MADE_BY = sql`(generation || '/' || ${KEPT_VERSION}::text)`;

/** The kept months that were computed from these read models. null: of all months and currencies. */
export async function readKeptMonths(db: Db, of: CostsOf | null): Promise<History<KeptMonthRow>[]> {
  const chosen =
    of === null ? sql`true` : sql`k.month = ${anyOf(of.months.map(monthName))} AND k.currency = ${of.currency}`;
  const { rows } = await sql<History<KeptMonthRow>>`
    SELECT k.* FROM kept_months k JOIN checkpoint c ON k.made_by = ${MADE_BY} WHERE ${chosen}`.execute(db);
  return rows;
}

/** A row of a kept month. `provider` null: the month has no cost. */
export type KeptCost = Pick<KeptMonthRow, 'month'> & (KeptCostRow | { readonly provider: null });

/** The rows of kept months. A month that was dropped since has none. One statement, so that a month is whole. */
export async function readKeptCosts(db: Db, keptIds: readonly string[]): Promise<KeptCost[]> {
  const { rows } = await sql<KeptCost>`
    SELECT k.month, c.* FROM kept_months k LEFT JOIN kept_costs c USING (kept_id)
    WHERE k.kept_id = ${anyOf(keptIds, 'uuid')} ORDER BY c.kind, c.n`.execute(db);
  return rows;
}

/** A month whose cost may have changed, and the last position at which it may. `currency` null: in all currencies. */
export interface ChangedMonth {
  readonly month: string;
  readonly currency: string | null;
  readonly position: number;
}

/** Where changes of kept months are looked for. */
export interface ChangesOf extends Positions {
  /** What the months were kept from: only the same read models know the resources that their lines name. */
  readonly madeBy: string;
  /** So many changed resources are worth looking at. */
  readonly mostResources: number;
}

/**
 * Which of these months have a changed cost: lines, or holders of the resources that the lines of kept months name.
 * null: any may, because more resources changed than are worth looking at, or the read models were exchanged.
 */
export async function readChangedMonths(
  db: Db,
  { first, last, madeBy, mostResources }: ChangesOf,
  months: CostsOf['months'],
): Promise<ChangedMonth[] | null> {
  const within = (position: RawBuilder<unknown>) => sql`${position} BETWEEN ${first} AND ${last}`;
  const ofBoth = (select: (position: RawBuilder<unknown>) => RawBuilder<unknown>): RawBuilder<unknown> => sql`
    ${select(sql`s.position_from`)} UNION ALL ${select(sql`s.position_to`)}`;
  const { rows } = await sql<ChangedMonth & { of: number }>`
    WITH months AS ${named(months)},
    changed AS MATERIALIZED (
      ${ofBoth(
        (position) => sql`
        (SELECT s.provider, s.provider_id, s.seen_at AS since, ${position} AS position, true AS is_sighting
        FROM resource_sightings s WHERE NOT s.gone AND ${within(position)} LIMIT ${mostResources + 1})`,
      )}
      UNION ALL
      ${ofBoth(
        (position) => sql`
        SELECT s.provider, s.provider_id, s.effective_from, ${position}, false
        FROM resource_corrections s WHERE s.changes ?| ARRAY['deploymentId', 'tenantId'] AND ${within(position)}`,
      )}),
    moved AS (
      SELECT r.first_month, r.last_month, c.position,
        -- The first sighting also says who held the resource before.
        CASE WHEN NOT c.is_sighting OR EXISTS (
          SELECT FROM resource_sightings e
          WHERE e.provider = c.provider AND e.provider_id = c.provider_id AND NOT e.gone AND e.seen_at < c.since
            AND e.position_from < ${first} AND coalesce(e.position_to > ${last}, true))
          THEN c.since ELSE '-infinity' END AS since
      FROM changed c CROSS JOIN LATERAL (
        SELECT * FROM charged_resources r
        WHERE r.provider = c.provider AND r.provider_id = c.provider_id OFFSET 0) r
      UNION ALL
      SELECT d.first_month, d.last_month, a.position, a.since
      FROM (${ofBoth(
        (position) => sql`
        SELECT s.deployment_id, s.effective_from AS since, ${position} AS position
        FROM deployment_assignments s WHERE ${within(position)}`,
      )}) a JOIN charged_deployments d USING (deployment_id))
    SELECT m.month, NULL AS currency, max(v.position) AS position, 0 AS of
    FROM months m JOIN moved v ON m.month BETWEEN v.first_month AND v.last_month AND v.since < m.end_at
    GROUP BY m.month
    UNION ALL
    SELECT m.month, c.currency, max(c.position_from), 0
    FROM months m JOIN cost_months c ON m.month BETWEEN c.first_month AND c.last_month
    WHERE NOT c.is_tax AND ${within(sql`c.position_from`)}
    GROUP BY m.month, c.currency
    UNION ALL
    SELECT '', NULL, 0, (SELECT count(*)::int FROM changed) FROM checkpoint WHERE ${MADE_BY} = ${madeBy}`.execute(db);
  const looked = rows.find(({ month }) => month === '');
  if (looked === undefined || looked.of > mostResources) return null;
  return rows.filter((row) => row !== looked).map(({ of: _, ...row }) => row);
}

/** Each month and currency with cost lines, and the last position at which one of them was recorded or changed. */
export async function readCostMonths(
  db: Db,
  position: number,
): Promise<{ readonly month: string; readonly currency: string; readonly changedAt: number }[]> {
  const { rows } = await sql<{ month: string; currency: string; changedAt: number }>`
    SELECT to_char(m, 'YYYY-MM') AS month, currency, max(changed_at) AS "changedAt"
    FROM (
      SELECT currency, first_month, last_month, max(position_from) AS changed_at FROM cost_months
      WHERE NOT is_tax AND position_from <= ${position}
      GROUP BY currency, first_month, last_month) c,
      generate_series((first_month || '-01')::timestamp, (last_month || '-01')::timestamp, interval '1 month') m
    GROUP BY 1, 2 ORDER BY 1 DESC, 2`.execute(db);
  return rows;
}

/** Notes the resources that the lines of a month name, and their deployments. */
export async function noteCharged(
  db: Db,
  position: number,
  { month: charged, currency }: { readonly month: Period; readonly currency: string },
): Promise<void> {
  const month = monthName(charged);
  const columns = sql`provider, resource_id, charge_period_start, charge_period_end`;
  const widened = (table: string) => sql`
    DO UPDATE SET first_month = least(${sql.table(table)}.first_month, excluded.first_month),
      last_month = greatest(${sql.table(table)}.last_month, excluded.last_month)
    WHERE excluded.first_month NOT BETWEEN ${sql.table(table)}.first_month AND ${sql.table(table)}.last_month`;
  await sql`
    WITH named AS MATERIALIZED (
      SELECT DISTINCT provider, resource_id AS provider_id
      FROM ${linesOf(position, { months: [charged], currency }, columns)} l
      WHERE resource_id IS NOT NULL),
    resources AS (
      INSERT INTO charged_resources (provider, provider_id, first_month, last_month, position_from)
      SELECT provider, provider_id, ${month}, ${month}, ${position}::bigint FROM named
      ON CONFLICT (provider, provider_id) WHERE position_to IS NULL ${widened('charged_resources')})
    INSERT INTO charged_deployments (deployment_id, first_month, last_month, position_from)
    SELECT DISTINCT deployment_id, ${month}, ${month}, ${position}::bigint
    FROM (
      SELECT s.deployment_id FROM named n CROSS JOIN LATERAL (
        SELECT deployment_id FROM resource_sightings s
        WHERE s.provider = n.provider AND s.provider_id = n.provider_id OFFSET 0) s
      UNION
      SELECT c.deployment_id FROM named n CROSS JOIN LATERAL (
        SELECT changes ->> 'deploymentId' AS deployment_id FROM resource_corrections c
        WHERE c.provider = n.provider AND c.provider_id = n.provider_id OFFSET 0) c) d
    WHERE deployment_id IS NOT NULL
    ON CONFLICT (deployment_id) WHERE position_to IS NULL ${widened('charged_deployments')}`.execute(db);
}

/** What sums of cost are grouped by. `tenant_kind`: by tenant, and by the provider and its kind. */
export type CostGrain = 'tenant' | 'deployment' | 'kind' | 'tenant_kind';

/** The same, added up by what they are grouped by. The other fields are empty. */
export async function readKeptCostsBy(db: Db, keptIds: readonly string[], grain: CostGrain): Promise<KeptCost[]> {
  const isAsked = sql`kept_id = ${anyOf(keptIds, 'uuid')}`;
  const { rows } = await sql<KeptCost>`
    SELECT k.month, c.provider, c.kind, c.tenant_id, c.deployment_id, c.amount
    FROM (SELECT kept_id, month FROM kept_months WHERE ${isAsked}) k
    LEFT JOIN (${addedUp(grain, isAsked)}) c USING (kept_id)
    ORDER BY c.kind`.execute(db);
  return rows;
}

/** SQL: the cost of kept months. */
function addedUp(grain: CostGrain, isAsked: RawBuilder<unknown>): RawBuilder<unknown> {
  switch (grain) {
    case 'tenant':
      return sql`
        SELECT kept_id, '' AS provider, '' AS kind, tenant_id, NULL::text AS deployment_id, amount
        FROM kept_tenants WHERE ${isAsked}`;
    case 'deployment':
      return sql`
        SELECT kept_id, '' AS provider, '' AS kind, tenant_id, deployment_id, sum(amount) AS amount
        FROM kept_costs WHERE ${isAsked}
        GROUP BY kept_id, tenant_id, deployment_id`;
    case 'kind':
      return sql`
        SELECT kept_id, '' AS provider, kind, NULL::text AS tenant_id, NULL::text AS deployment_id,
          sum(amount) AS amount
        FROM kept_costs WHERE ${isAsked}
        GROUP BY kept_id, kind`;
    case 'tenant_kind':
      return sql`
        SELECT kept_id, provider, kind, tenant_id, NULL::text AS deployment_id, sum(amount) AS amount
        FROM kept_costs WHERE ${isAsked}
        GROUP BY kept_id, provider, kind, tenant_id`;
  }
}

/** What was computed of a month. */
export type MonthToKeep = Omit<History<KeptMonthRow>, 'kept_id' | 'position_to'> & {
  readonly costs: readonly Omit<KeptCostRow, 'kept_id' | 'n'>[];
  readonly days: readonly BillDays[];
};

/**
 * Keeps a month instead of what was kept of it before; nothing if the read models were exchanged since, or somebody
 * else keeps it at the same time.
 */
export async function keepMonth(db: Db, { costs, days, ...kept }: MonthToKeep): Promise<void> {
  const { month, currency, made_by, cogs, unattributed, kinds, position_from, proven_to } = kept;
  const drop = sql`
    WITH dropped AS (
      DELETE FROM kept_months WHERE month = ${month} AND currency = ${currency} RETURNING kept_id),
    costs AS (DELETE FROM kept_costs WHERE kept_id IN (SELECT kept_id FROM dropped)),
    days AS (DELETE FROM kept_billed_days WHERE kept_id IN (SELECT kept_id FROM dropped))
    DELETE FROM kept_tenants WHERE kept_id IN (SELECT kept_id FROM dropped)`;
  const insert = sql`
    WITH kept AS (
      INSERT INTO kept_months (kept_id, month, currency, made_by, cogs, unattributed, kinds, proven_to, position_from)
      SELECT gen_random_uuid(), ${month}, ${currency}, ${made_by}, ${cogs}::numeric, ${unattributed}::numeric,
        ${JSON.stringify(kinds)}::jsonb, ${proven_to}::bigint, ${position_from}::bigint
      FROM checkpoint WHERE ${MADE_BY} = ${made_by}
      ON CONFLICT DO NOTHING RETURNING kept_id),
    costs AS (
      SELECT * FROM kept, unnest(${costs.map(({ provider }) => provider)}::text[],
        ${costs.map(({ kind }) => kind)}::text[], ${costs.map(({ tenant_id }) => tenant_id)}::text[],
        ${costs.map(({ deployment_id }) => deployment_id)}::text[], ${costs.map(({ amount }) => amount)}::numeric[])
        WITH ORDINALITY AS c(provider, kind, tenant_id, deployment_id, amount, n)),
    tenants AS (
      INSERT INTO kept_tenants (kept_id, n, tenant_id, amount, position_from)
      SELECT kept_id, row_number() OVER (ORDER BY tenant_id), tenant_id, sum(amount), ${position_from}::bigint
      FROM costs GROUP BY kept_id, tenant_id),
    days AS (
      INSERT INTO kept_billed_days (kept_id, n, provider, kind, invoice_ref, start_at, end_at, position_from)
      SELECT kept_id, d.n, d.provider, d.kind, d.invoice_ref, d.start_at, d.end_at, ${position_from}::bigint
      FROM kept, unnest(${days.map(({ provider }) => provider)}::text[],
        ${days.map(({ kind }) => kind)}::text[], ${days.map(({ invoice_ref }) => invoice_ref)}::text[],
        ${days.map(({ start_at }) => start_at)}::timestamptz[], ${days.map(({ end_at }) => end_at)}::timestamptz[])
        WITH ORDINALITY AS d(provider, kind, invoice_ref, start_at, end_at, n))
    INSERT INTO kept_costs (kept_id, n, provider, kind, tenant_id, deployment_id, amount, position_from)
    SELECT kept_id, n, provider, kind, tenant_id, deployment_id, amount, ${position_from}::bigint FROM costs`;
  await db.transaction().execute(async (transaction) => {
    await drop.execute(transaction);
    // Its snapshot is a new one, after whoever dropped the same rows.
    await insert.execute(transaction);
  });
}

/** Extends what is proven of kept months to a position; nothing if the read models were exchanged since. */
export async function proveKept(db: Db, keptIds: readonly string[], position: number): Promise<void> {
  if (keptIds.length === 0) return;
  await sql`
    UPDATE kept_months SET proven_to = ${position + 1}::bigint FROM checkpoint c
    WHERE kept_id = ${anyOf(keptIds, 'uuid')} AND proven_to <= ${position} AND made_by = ${MADE_BY}`.execute(db);
}
