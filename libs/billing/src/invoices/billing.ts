import { sql } from 'kysely';
import { DomainError, invalid, notFound } from '#domain/errors';
import { type Coupon, couponsOf, type Credit, creditsLeft, creditUsed } from '#domain/invoices/credits';
import type { FrozenRow } from '#domain/invoices/invoice';
import type { BillingFacts } from '#domain/invoices/rate-invoice';
import { type LineDefinition, linesOf, needsRates } from '#domain/lines/line';
import type { RecordedPart } from '#domain/lines/parts';
import type { UsageUpTo } from '#domain/lines/rate';
import { decimal, divide, integer, ZERO } from '#domain/money/decimal';
import type { PlanVersion } from '#domain/plans/plan';
import type { CardUsage, Usage } from '#domain/prices/model';
import { divideAtRateChanges, type RateSegment, rateKeyText } from '#domain/rates/rate';
import type { Assignment, Subscription } from '#domain/tenants/deployment';
import type { GracePeriod, TaxRate } from '#domain/tenants/tenant';
import { compareInstants, type Instant, later } from '#domain/time/instant';
import { toCredit } from '#projections/credits/credits.projection';
import { toVersion } from '#projections/plans/plans.projection';
import { toSegment } from '#projections/rates/rates.projection';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import { asJsonb, type FromLog, recordsInForce, within, withPruned } from '../usage/pruned-usage.js';
import type { Stretch } from '#projections/usage-records/usage-records.lookups';

export interface TenantAccount {
  readonly tenantId: string;
  readonly currency: string;
  readonly timeZone: string;
  readonly detailsRef: string;
  readonly detailsHash: string;
  readonly taxes: readonly TaxRate[];
  readonly gracePeriods: readonly GracePeriod[];
}

/** A tenant as known at a position; `unknown_tenant` where it is not registered. */
export async function tenantAccount(core: LedgerCore, position: number, tenantId: string): Promise<TenantAccount> {
  const row = await core.db
    .selectFrom('tenants')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where(inForceAt(position))
    .executeTakeFirst();
  if (row === undefined) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
  const taxes = await core.db
    .selectFrom('tenant_taxes')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where(inForceAt(position))
    .execute();
  const grace = await core.db
    .selectFrom('tenant_grace_periods')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where(inForceAt(position))
    .execute();
  return {
    tenantId,
    currency: row.currency,
    timeZone: row.time_zone,
    detailsRef: row.details_ref,
    detailsHash: row.details_hash,
    taxes: taxes.map(({ name, rate_percent, effective_from }) => ({
      name,
      ratePercent: rate_percent,
      from: effective_from,
    })),
    gracePeriods: grace.map(({ hours, effective_from }) => ({ hours, from: effective_from })),
  };
}

export interface Contract {
  readonly subscription: Subscription;
  readonly assignments: readonly Assignment[];
}

/** Some deployments: those that are or were a tenant's, or these, or (null) all. */
export type Deployments = { readonly tenantId: string } | { readonly deploymentIds: readonly string[] } | null;

/** The subscriptions of these deployments, with who held the deployment when. */
export async function contractsOf(core: LedgerCore, position: number, which: Deployments): Promise<Contract[]> {
  let ofTenant = core.db.selectFrom('deployment_assignments').select('deployment_id').distinct();
  if (which !== null && 'tenantId' in which) ofTenant = ofTenant.where('tenant_id', '=', which.tenantId);
  if (which !== null && 'deploymentIds' in which)
    ofTenant = ofTenant.where('deployment_id', '=', sql<string>`ANY(${[...which.deploymentIds]}::text[])`);
  const assignments = await core.db
    .selectFrom('deployment_assignments')
    .selectAll()
    .where('deployment_id', 'in', ofTenant)
    .where(inForceAt(position))
    .orderBy('effective_from')
    .execute();
  const rows = await core.db
    .selectFrom('subscriptions')
    .selectAll()
    .where('deployment_id', 'in', ofTenant)
    .where(inForceAt(position))
    .orderBy('subscription_id')
    .execute();
  const plans = await core.db
    .selectFrom('subscription_plans')
    .selectAll()
    .where('subscription_id', '=', sql<string>`ANY(${rows.map(({ subscription_id }) => subscription_id)}::text[])`)
    .where(inForceAt(position))
    .orderBy('effective_from')
    .execute();
  const plansOf = Map.groupBy(plans, ({ subscription_id }) => subscription_id);
  const assignmentsOf = Map.groupBy(assignments, ({ deployment_id }) => deployment_id);
  return rows.map((row) => ({
    subscription: {
      subscriptionId: row.subscription_id,
      deploymentId: row.deployment_id,
      from: row.started_at,
      anchor: row.anchor,
      plans: (plansOf.get(row.subscription_id) ?? []).map(({ plan_id, effective_from }) => ({
        planId: plan_id,
        from: effective_from,
      })),
      cancelledAt: row.cancelled_at,
    },
    assignments: (assignmentsOf.get(row.deployment_id) ?? []).map(({ tenant_id, effective_from }) => ({
      tenantId: tenant_id,
      from: effective_from,
    })),
  }));
}

export async function plansById(core: LedgerCore, position: number): Promise<Map<string, PlanVersion[]>> {
  const rows = await core.db
    .selectFrom('plan_versions')
    .selectAll()
    .where(inForceAt(position))
    .orderBy('effective_from')
    .execute();
  return Map.groupBy(rows.map(toVersion), ({ planId }) => planId);
}

/** A tenant's lines whose charge period starts at or before `until`, as subscriptions and plans are known at a position. */
export async function linesOfTenant(
  core: LedgerCore,
  position: number,
  account: TenantAccount,
  until: Instant,
): Promise<LineDefinition[]> {
  const contracts = await contractsOf(core, position, { tenantId: account.tenantId });
  const plans = await plansById(core, position);
  return contracts
    .flatMap(({ subscription, assignments }) =>
      linesOf(subscription, assignments, plans, () => account.timeZone, until),
    )
    .filter(({ tenantId }) => tenantId === account.tenantId);
}

/** The lines of all tenants whose charge period starts at or before `until`, each in its tenant's time zone; of some deployments, or all. */
export async function allLines(
  core: LedgerCore,
  position: number,
  until: Instant | ((deploymentId: string) => Instant),
  which: Deployments = null,
): Promise<LineDefinition[]> {
  const plans = await plansById(core, position);
  const tenants = await core.db
    .selectFrom('tenants')
    .select(['tenant_id', 'time_zone'])
    .where(inForceAt(position))
    .execute();
  const zones = new Map(tenants.map((row) => [row.tenant_id, row.time_zone]));
  const zoneOf = (tenantId: string): string => {
    const zone = zones.get(tenantId);
    if (zone === undefined) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
    return zone;
  };
  return (await contractsOf(core, position, which)).flatMap(({ subscription, assignments }) =>
    linesOf(
      subscription,
      assignments,
      plans,
      zoneOf,
      typeof until === 'string' ? until : until(subscription.deploymentId),
    ),
  );
}

/** What billing a tenant up to an instant starts from, all as of one position. */
export async function billingFacts(
  core: LedgerCore,
  position: number,
  account: TenantAccount,
  until: Instant,
): Promise<BillingFacts> {
  const { tenantId, currency, taxes, gracePeriods } = account;
  const booked = await bookedRows(core, position, tenantId, currency);
  // What is billed of later periods already (a fee in advance) is a line too, also for an invoice of an earlier instant.
  const recorded = await recordedParts(core, position, tenantId);
  const issued = [...recorded.values()].flat().filter((part) => part.issued);
  const horizon = issued.reduce((at, { start }) => later(at, start), until);
  const lines = await linesOfTenant(core, position, account, horizon);
  const marks = await pendingMarks(core, position, tenantId, currency);
  const grants = await grantsOf(core, position, tenantId, currency);
  const used = creditUsed([...booked.values()].flat());
  return {
    currency,
    taxes,
    gracePeriods,
    lines,
    recorded,
    booked,
    grants,
    creditsLeft: creditsLeft(grants, used, until),
    marks,
  };
}

/** The coupons of these tenants (null: of all), in the order in which they were granted, for each of their lines. */
export async function couponsOfLines(
  core: LedgerCore,
  position: number,
  tenantIds: readonly string[] | null,
): Promise<(line: LineDefinition) => readonly Coupon[]> {
  let query = core.db
    .selectFrom('credits')
    .selectAll()
    .where('kind', '=', 'coupon')
    .where(inForceAt(position))
    .orderBy('granted_position');
  if (tenantIds !== null) query = query.where('tenant_id', '=', sql<string>`ANY(${[...tenantIds]}::text[])`);
  const coupons = Map.groupBy(await query.execute(), ({ tenant_id, currency }) =>
    JSON.stringify([tenant_id, currency]),
  );
  return ({ tenantId, currency }) => couponsOf((coupons.get(JSON.stringify([tenantId, currency])) ?? []).map(toCredit));
}

/** A tenant's coupons and credits, in the order in which they were granted. */
async function grantsOf(
  core: LedgerCore,
  position: number,
  tenantId: string,
  currency: string,
): Promise<(Coupon | Credit)[]> {
  const rows = await core.db
    .selectFrom('credits')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('currency', '=', currency)
    .where(inForceAt(position))
    .orderBy('granted_position')
    .execute();
  return rows.map(toCredit);
}

/** An issued invoice `i` leaves the lines that it names as quarantined as they were. */
const QUARANTINED = (lineId: string): string =>
  `i.quarantined @> jsonb_build_array(jsonb_build_object('lineId', ${lineId}))`;
const LIVE =
  "i.status IN ('issued', 'paid') AND i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1)";

/** Lines with marks that no issued invoice of all the tenant's lines has settled yet, and the reasons, in the order in which they came. */
export async function pendingMarks(
  core: LedgerCore,
  position: number,
  tenantId: string,
  currency: string,
): Promise<Map<string, string>> {
  const { rows } = await core.pool.query<{ line_id: string; reasons: string[] }>(
    `SELECT m.line_id, array_agg(m.reason ORDER BY m.first_at) AS reasons FROM (
       SELECT r.line_id, r.reason, min(r.marked_at) AS first_at FROM restatements r
       WHERE r.tenant_id = $2 AND r.position_from <= $1
         AND NOT EXISTS (SELECT FROM invoices i WHERE i.tenant_id = $2 AND i.currency = $3 AND ${LIVE} AND i.computed_at >= r.marked_at AND i.selection IS NULL AND NOT ${QUARANTINED('r.line_id')})
       GROUP BY r.line_id, r.reason) m
     GROUP BY m.line_id`,
    [position, tenantId, currency],
  );
  return new Map(rows.map(({ line_id, reasons }) => [line_id, reasonsText(reasons)]));
}

const MAX_REASONS = 5;
const reasonsText = (reasons: readonly string[]): string =>
  reasons.length <= MAX_REASONS
    ? reasons.join('; ')
    : `${reasons.slice(0, MAX_REASONS).join('; ')}; and ${reasons.length - MAX_REASONS} more`;

/** Parts as their lines' streams cut them, each with the live invoice that claims it. An issued one claims nothing of a line that it could not rate. */
export async function recordedParts(
  core: LedgerCore,
  position: number,
  tenantId: string,
): Promise<Map<string, RecordedPart[]>> {
  const recorded = await recordedPartsOf(core, position, { tenantId });
  return Map.groupBy(recorded, ({ lineId }) => lineId);
}

export interface LinePart extends RecordedPart {
  readonly deploymentId: string;
  readonly lineId: string;
}

/** The recorded parts of one tenant's lines, or of those of some deployments. */
export async function recordedPartsOf(
  core: LedgerCore,
  position: number,
  which: NonNullable<Deployments>,
): Promise<LinePart[]> {
  const [condition, value] =
    'tenantId' in which
      ? ['l.tenant_id = $2', which.tenantId]
      : ['l.deployment_id = ANY($2::text[])', [...which.deploymentIds]];
  const { rows } = await core.pool.query<{
    deployment_id: string;
    root_line_id: string;
    line_id: string;
    period_start: Instant;
    invoice_id: string | null;
    issued: boolean | null;
  }>(
    `SELECT l.deployment_id, l.root_line_id, l.line_id, l.period_start, c.invoice_id, c.issued FROM invoice_lines l
     LEFT JOIN LATERAL (SELECT p.invoice_id, i.status IN ('issued', 'paid') AS issued FROM invoice_parts p JOIN invoices i ON i.invoice_id = p.invoice_id AND i.parts_attempt = p.attempt
       WHERE p.part_id = l.line_id AND i.status <> 'void' AND i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1)
         AND (i.quarantined IS NULL OR NOT ${QUARANTINED('p.line_id')}) LIMIT 1) c ON true
     WHERE ${condition} AND l.status = 'valid' AND l.position_from <= $1 AND (l.position_to IS NULL OR l.position_to > $1)`,
    [position, value],
  );
  return rows.map((row) => ({
    deploymentId: row.deployment_id,
    lineId: row.root_line_id,
    partId: row.line_id,
    start: row.period_start,
    invoiceId: row.invoice_id,
    issued: row.issued === true,
  }));
}

/** Rows on issued, non-void invoices, by line, in the order in which they were issued. */
export async function bookedRows(
  core: LedgerCore,
  position: number,
  tenantId: string,
  currency: string,
): Promise<Map<string, FrozenRow[]>> {
  const { rows } = await core.pool.query<{ row: FrozenRow }>(
    `SELECT r.row FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
     WHERE i.tenant_id = $2 AND i.currency = $3 AND ${LIVE} ORDER BY i.ordinal, r.n`,
    [position, tenantId, currency],
  );
  return Map.groupBy(
    rows.map(({ row }) => row),
    ({ lineId }) => lineId,
  );
}

export interface UsageNeed {
  readonly line: LineDefinition;
  readonly instants: readonly Instant[];
}

/** Usage of each line up to the instants that rating it needs: two set-wise reads, whatever the number of lines. */
export async function loadUsage(
  core: LedgerCore,
  position: number,
  needs: readonly UsageNeed[],
): Promise<(line: LineDefinition) => UsageUpTo> {
  const [scalar, cards] = await withPruned(
    core,
    needs.map(stretchOf),
    async (pruned) =>
      [
        await scalarUsage(
          core,
          position,
          needs.filter(({ line }) => !needsRates(line)),
          pruned,
        ),
        await cardUsage(
          core,
          position,
          needs.filter(({ line }) => needsRates(line)),
          pruned,
        ),
      ] as const,
  );
  return (line) => (at) =>
    needsRates(line) ? cards(line, at) : (scalar.get(`${line.lineId}|${at}`) ?? missing(line, at));
}

const stretchOf = ({ line, instants }: UsageNeed): Stretch => ({
  deploymentId: line.deploymentId,
  billingKind: line.billingKind,
  start: line.period.start,
  end: instants.reduce((last, at) => later(last, at), line.period.start),
});

/** The readings of each need, once in `pruned`; null: none. */
const fromLogOf = (pruned: FromLog, needs: readonly UsageNeed[]): (string | null)[] =>
  needs.map((need) => {
    const versions = pruned.versions.length === 0 ? [] : within(pruned, stretchOf(need));
    return versions.length === 0 ? null : asJsonb(versions);
  });

const RECORDS = recordsInForce(
  '$1',
  'deployment_id = n.deployment_id AND billing_kind = n.billing_kind AND period_start >= n.start_at AND period_start < n.end_at',
  'n.from_log',
);

const missing = (line: LineDefinition, at: Instant): never => {
  throw new Error(`usage of line ${line.lineId} up to ${at} was not loaded`);
};

/** The SQL of an aggregation over readings, in the units of the reading's quantity. */
const AGGREGATES: Readonly<Record<LineDefinition['aggregation'], string>> = {
  sum: 'sum(u.quantity)',
  count: 'count(*)::numeric',
  max: 'max(u.quantity)',
  unique_count: 'count(DISTINCT u.attributes ->> n.unique_by)::numeric',
  latest: '(array_agg(u.quantity ORDER BY u.period_start DESC, u.resource_id, u.source_id))[1]',
  average: 'sum(u.quantity)',
  minimum: 'min(u.quantity)',
};

const AVERAGE_SCALE = 20;

async function scalarUsage(
  core: LedgerCore,
  position: number,
  needs: readonly UsageNeed[],
  pruned: FromLog,
): Promise<Map<string, Usage>> {
  const usage = new Map<string, Usage>();
  const logged = fromLogOf(pruned, needs);
  const rows = needs.flatMap(({ line, instants }, index) =>
    instants.map((at) => ({ line, at, fromLog: logged[index] ?? null })),
  );
  for (const [aggregation, group] of Map.groupBy(rows, ({ line }) => line.aggregation)) {
    const { rows: found } = await core.pool.query<{ n: number; value: string | null; readings: string }>(
      `SELECT n.n, a.value, a.readings FROM unnest($2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::jsonb[], $8::text[], $9::jsonb[])
         AS n(n, deployment_id, billing_kind, start_at, end_at, filter, unique_by, from_log)
       CROSS JOIN LATERAL (SELECT ${AGGREGATES[aggregation]} AS value, count(*)::text AS readings FROM ${RECORDS} u
         WHERE n.filter IS NULL OR u.attributes @> n.filter) a`,
      [
        position,
        group.map((_, index) => index),
        group.map(({ line }) => line.deploymentId),
        group.map(({ line }) => line.billingKind),
        group.map(({ line }) => line.period.start),
        group.map(({ at }) => at),
        group.map(({ line }) => (line.filter === null ? null : JSON.stringify(line.filter))),
        group.map(({ line }) => line.uniqueBy),
        group.map(({ fromLog }) => fromLog),
      ],
    );
    for (const { n, value, readings } of found) {
      const need = group[n];
      if (need === undefined) continue;
      const total = value === null ? ZERO : decimal(value);
      const quantity =
        aggregation === 'average' && readings !== '0' ? divide(total, integer(BigInt(readings)), AVERAGE_SCALE) : total;
      usage.set(`${need.line.lineId}|${need.at}`, quantity);
    }
  }
  return usage;
}

/** Readings of one key over a stretch without price changes; or those of one period, which a price change divides. */
interface CardReading {
  readonly n: number;
  readonly resource_type: string | null;
  readonly resource_family: string | null;
  readonly location: string | null;
  readonly period_start: Instant;
  readonly period_end: Instant;
  readonly quantity: string;
}

/**
 * Rate-card usage: each reading at the rate of its key in force, divided at a price change within its period. Readings of a key that lie
 * between the same two price changes and needed instants are one sum: of a million, a few rows come here.
 */
async function cardUsage(
  core: LedgerCore,
  position: number,
  needs: readonly UsageNeed[],
  pruned: FromLog,
): Promise<(line: LineDefinition, at: Instant) => Usage> {
  if (needs.length === 0) return missing;
  const instants = needs.map((need) => [...need.instants].sort(compareInstants));
  const { rows } = await core.pool.query<CardReading>(
    `WITH prices AS (
       SELECT resource_type, resource_family, location, array_agg(at ORDER BY at) AS changes
       FROM rates, unnest(ARRAY[effective_from, effective_until]) at
       WHERE position_from <= $1 AND (position_to IS NULL OR position_to > $1) AND at IS NOT NULL
       GROUP BY resource_type, resource_family, location)
     SELECT g.n, g.resource_type, g.resource_family, g.location, min(g.period_start) AS period_start, max(g.period_end) AS period_end, sum(g.quantity) AS quantity
     FROM (
       SELECT n.n, u.resource_type, u.resource_family, u.location, u.period_start, u.period_end, u.quantity, width_bucket(u.period_start, n.instants) AS needed,
         coalesce(width_bucket(u.period_start, p.changes), 0) AS price, coalesce(width_bucket(u.period_end - interval '1 microsecond', p.changes), 0) AS last_price
       FROM (
         SELECT n, deployment_id, billing_kind, start_at, end_at, filter, from_log, ARRAY(SELECT jsonb_array_elements_text(needed)::timestamptz) AS instants
         FROM unnest($2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::jsonb[], $8::jsonb[], $9::jsonb[])
           AS n(n, deployment_id, billing_kind, start_at, end_at, filter, needed, from_log)) n
       CROSS JOIN LATERAL (SELECT * FROM ${RECORDS} r WHERE n.filter IS NULL OR r.attributes @> n.filter) u
       LEFT JOIN prices p USING (resource_type, resource_family, location)) g
     GROUP BY g.n, g.resource_type, g.resource_family, g.location, g.needed, g.price,
       CASE WHEN g.price <> g.last_price THEN g.period_start END, CASE WHEN g.price <> g.last_price THEN g.period_end END
     ORDER BY g.n, g.resource_type, g.resource_family, g.location, period_start, period_end`,
    [
      position,
      needs.map((_, index) => index),
      needs.map(({ line }) => line.deploymentId),
      needs.map(({ line }) => line.billingKind),
      needs.map(({ line }) => line.period.start),
      instants.map((of) => of.at(-1)),
      needs.map(({ line }) => (line.filter === null ? null : JSON.stringify(line.filter))),
      instants.map((of) => JSON.stringify(of)),
      fromLogOf(pruned, needs),
    ],
  );
  const segments = await rateSegments(core, position, [...new Set(rows.map(keyOf))]);
  const byLine = Map.groupBy(rows, ({ n }) => needs[n]?.line.lineId ?? '');
  return (line, at) => {
    const readings = (byLine.get(line.lineId) ?? []).filter(
      ({ period_start }) => compareInstants(period_start, at) < 0,
    );
    return readings.flatMap((reading) => priced(line, reading, segments));
  };
}

const keyOf = (reading: CardReading): string =>
  JSON.stringify([reading.resource_type, reading.resource_family, reading.location]);

/** A reading's pieces with their unit amounts. Errors: `missing_rate_key`, `missing_rate`, `currency_mismatch`. */
function priced(
  line: LineDefinition,
  reading: CardReading,
  segments: ReadonlyMap<string, readonly RateSegment[]>,
): CardUsage[] {
  const { resource_type: resourceType, resource_family: resourceFamily, location } = reading;
  if (resourceType === null || resourceFamily === null || location === null)
    throw invalid('missing_rate_key', `a reading at ${reading.period_start} names no rate key`);
  const key = rateKeyText({ resourceType, resourceFamily, location });
  const over = { start: reading.period_start, end: reading.period_end };
  return divideAtRateChanges(decimal(reading.quantity), over, segments.get(keyOf(reading)) ?? []).map(
    ({ period, quantity, segment }) => {
      if (segment === undefined)
        throw new DomainError(
          'missing_rate',
          `${key} has no price at ${period.start}: set one with set-rate`,
          'not_found',
        );
      if (segment.currency !== line.currency)
        throw invalid(
          'currency_mismatch',
          `${key} is priced in ${segment.currency}, the line is in ${line.currency}: nothing is converted`,
        );
      return { ref: `${key}@${segment.effectiveFrom}`, quantity, unitAmount: decimal(segment.unitPrice) };
    },
  );
}

async function rateSegments(
  core: LedgerCore,
  position: number,
  keys: readonly string[],
): Promise<Map<string, RateSegment[]>> {
  const parsed = keys.map((key) => JSON.parse(key) as [string | null, string | null, string | null]);
  const { rows } = await core.pool.query<Parameters<typeof toSegment>[0]>(
    `SELECT r.* FROM rates r WHERE (resource_type, resource_family, location) IN (SELECT * FROM unnest($2::text[], $3::text[], $4::text[]))
       AND position_from <= $1 AND (position_to IS NULL OR position_to > $1) ORDER BY effective_from`,
    [
      position,
      parsed.map(([type]) => type),
      parsed.map(([, family]) => family),
      parsed.map(([, , location]) => location),
    ],
  );
  return new Map(
    [...Map.groupBy(rows, (row) => JSON.stringify([row.resource_type, row.resource_family, row.location]))].map(
      ([key, group]) => [key, group.map(toSegment)],
    ),
  );
}
