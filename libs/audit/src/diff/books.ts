import { decimal, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { monthNamed, type Period } from '#domain/time/period';
import { numberOf } from '../explain/issued.js';
import { marginIn, marginMonths } from '#billing/costs/margin-month';
import { ratedAt } from '#billing/preview/preview';
import { asJsonb, recordVersions, within, withPruned } from '#billing/usage/pruned-usage';
import { at, CHANGED, type Explaining, explaining, inTurn, type Span } from './span.js';

export interface InvoiceDifference extends Explaining {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly tenantId: string;
  readonly currency: string;
  readonly before: InvoiceThen | null;
  readonly after: InvoiceThen | null;
}
interface InvoiceThen {
  readonly status: string;
  readonly total: string | null;
  readonly amountDue: string | null;
}

type InvoiceRow = {
  readonly invoice_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly ordinal: number | null;
  readonly positions: number[];
} & Record<
  'before_status' | 'before_total' | 'before_due' | 'after_status' | 'after_total' | 'after_due',
  string | null
>;

/** Invoices that came, were issued, paid, voided or credited. */
export async function invoiceDifferences(span: Span): Promise<InvoiceDifference[]> {
  const { rows } = await span.context.core.pool.query<InvoiceRow>(
    `SELECT k.invoice_id, k.tenant_id, k.currency, a.ordinal, k.positions, b.status AS before_status, b.total AS before_total, b.amount_due AS before_due,
       a.status AS after_status, a.total AS after_total, a.amount_due AS after_due
     FROM (SELECT invoice_id, tenant_id, currency, array_agg(DISTINCT p) AS positions FROM invoices, unnest(ARRAY[position_from, position_to]) p WHERE ${CHANGED} AND p IS NOT NULL GROUP BY 1, 2, 3) k
     LEFT JOIN ${at('invoices', '$1')} b ON b.invoice_id = k.invoice_id LEFT JOIN ${at('invoices', '$2')} a ON a.invoice_id = k.invoice_id
     ORDER BY k.tenant_id, a.ordinal, k.invoice_id`,
    [span.from, span.to],
  );
  const money = (amount: string | null, currency: string): string | null =>
    amount === null ? null : moneyText(decimal(amount), currency);
  const then = (
    currency: string,
    status: string | null,
    total: string | null,
    due: string | null,
  ): InvoiceThen | null =>
    status === null ? null : { status, total: money(total, currency), amountDue: money(due, currency) };
  return inTurn(rows, async (row) => ({
    invoiceId: row.invoice_id,
    number: numberOf(row.ordinal),
    tenantId: row.tenant_id,
    currency: row.currency,
    before: then(row.currency, row.before_status, row.before_total, row.before_due),
    after: then(row.currency, row.after_status, row.after_total, row.after_due),
    ...(await explaining(span, row.positions)),
  }));
}

export interface LineDifference extends Explaining {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly currency: string;
  readonly period: Period;
  /** What the part comes to as known then, and as known now; null: it was not there, or no longer is. */
  readonly before: string | null;
  readonly after: string | null;
  readonly difference: string;
}

/** Lines and parts that came, were cut, or come to something else, up to the instant of asking. */
export async function lineDifferences(span: Span): Promise<LineDifference[]> {
  const { core, caller } = span.context;
  const tenants = await core.pool.query<{ tenant_id: string; deployment_ids: string[] }>(
    'SELECT tenant_id, array_agg(DISTINCT deployment_id) AS deployment_ids FROM deployment_assignments WHERE position_from <= $1 GROUP BY tenant_id ORDER BY tenant_id',
    [span.to],
  );
  const differences: LineDifference[] = [];
  for (const { tenant_id: tenantId, deployment_ids } of tenants.rows) {
    // A deployment may have been another tenant's, who is compared by themselves.
    const known = async (position: number) =>
      new Map(
        [...(await ratedAt(core, position, deployment_ids, caller.now))].filter(
          ([, { line }]) => line.tenantId === tenantId,
        ),
      );
    const [before, after] = [await known(span.from), await known(span.to)];
    for (const partId of new Set([...before.keys(), ...after.keys()])) {
      const [old, now] = [before.get(partId), after.get(partId)];
      const shown = now ?? old;
      if (
        shown === undefined ||
        (old !== undefined && now !== undefined && old.net.eq(now.net) && old.part.period.end === now.part.period.end)
      )
        continue;
      const { line, part } = shown;
      const money = (net: typeof ZERO): string => moneyText(net, line.currency);
      differences.push({
        lineId: partId,
        parentLineId: partId === line.lineId ? null : line.lineId,
        tenantId,
        deploymentId: line.deploymentId,
        billingKind: line.billingKind,
        currency: line.currency,
        period: part.period,
        before: old === undefined ? null : money(old.net),
        after: now === undefined ? null : money(now.net),
        difference: money((now?.net ?? ZERO).minus(old?.net ?? ZERO)),
        ...(await explaining(
          span,
          await positionsOfLine(span, { ...line, planIds: line.segments.map(({ planId }) => planId) }),
        )),
      });
    }
  }
  return differences;
}

/** Where what a line is rated from changed: its readings and their rates, its plans, its contract, its cuts. */
async function positionsOfLine(
  { context, from, to }: Span,
  line: {
    lineId: string;
    tenantId: string;
    currency: string;
    deploymentId: string;
    billingKind: string;
    subscriptionId: string;
    period: Period;
    planIds: readonly string[];
  },
): Promise<number[]> {
  const stretch = { deploymentId: line.deploymentId, billingKind: line.billingKind, ...line.period };
  const { rows } = await withPruned(context.core, [stretch], async (pruned) =>
    context.core.pool.query<{ position: number }>(
      `WITH readings AS (SELECT * FROM ${recordVersions('deployment_id = $3 AND billing_kind = $4 AND period_start >= $5 AND period_start < $6 AND position_from <= $2', '$12')} u)
     SELECT DISTINCT p AS position FROM (
       SELECT position_from, position_to FROM readings
       UNION ALL SELECT r.position_from, r.position_to FROM rates r JOIN (SELECT DISTINCT resource_type, resource_family, location FROM readings) k USING (resource_type, resource_family, location)
       UNION ALL SELECT position_from, position_to FROM plan_versions WHERE plan_id = ANY($7)
       UNION ALL SELECT position_from, position_to FROM subscriptions WHERE subscription_id = $8
       UNION ALL SELECT position_from, position_to FROM subscription_plans WHERE subscription_id = $8
       UNION ALL SELECT position_from, position_to FROM deployment_assignments WHERE deployment_id = $3
       UNION ALL SELECT position_from, position_to FROM invoice_lines WHERE root_line_id = $9
       UNION ALL SELECT position_from, position_to FROM credits WHERE kind = 'coupon' AND tenant_id = $10 AND currency = $11
     ) v, unnest(ARRAY[position_from, position_to]) p WHERE p > $1 AND p <= $2`,
      [
        from,
        to,
        line.deploymentId,
        line.billingKind,
        line.period.start,
        line.period.end,
        line.planIds,
        line.subscriptionId,
        line.lineId,
        line.tenantId,
        line.currency,
        asJsonb(within(pruned, stretch)),
      ],
    ),
  );
  return rows.map(({ position }) => position);
}

interface Figures {
  readonly revenue: string;
  readonly cogs: string;
  readonly margin: string;
}
export interface MarginDifference extends Explaining {
  readonly month: string;
  readonly currency: string;
  /** null: overall. */
  readonly tenantId: string | null;
  readonly before: Figures;
  readonly after: Figures;
}

/** Months of which the margin is another now, overall and by tenant. */
export async function marginDifferences(span: Span): Promise<MarginDifference[]> {
  const { context, from, to } = span;
  const differences: MarginDifference[] = [];
  for (const { month, currency } of await marginMonths({ ...context, position: to }, from)) {
    const period = monthNamed(month);
    const [before, after] = [
      await marginIn({ ...context, position: from }, period, currency),
      await marginIn({ ...context, position: to }, period, currency),
    ];
    const nothing = {
      revenue: moneyText(ZERO, currency),
      cogs: moneyText(ZERO, currency),
      margin: moneyText(ZERO, currency),
    };
    const figures = (of: Figures | undefined): Figures =>
      of === undefined ? nothing : { revenue: of.revenue, cogs: of.cogs, margin: of.margin };
    const tenants = [...new Set([...before.byTenant, ...after.byTenant].map(({ tenantId }) => tenantId))].sort();
    const pairs = [
      { tenantId: null, old: figures(before.overall), now: figures(after.overall) },
      ...tenants.map((tenantId) => ({
        tenantId,
        old: figures(before.byTenant.find((each) => each.tenantId === tenantId)),
        now: figures(after.byTenant.find((each) => each.tenantId === tenantId)),
      })),
    ];
    for (const { tenantId, old, now } of pairs) {
      if (old.revenue === now.revenue && old.cogs === now.cogs) continue;
      differences.push({
        month,
        currency,
        tenantId,
        before: old,
        after: now,
        ...(await explaining(span, await positionsOfMonth(span, month, currency, tenantId))),
      });
    }
  }
  return differences;
}

/** Where revenue was booked and cost recorded, and where it changed who bears it. */
async function positionsOfMonth(
  { context, from, to }: Span,
  month: string,
  currency: string,
  tenantId: string | null,
): Promise<number[]> {
  const { start, end } = monthNamed(month);
  const { rows } = await context.core.pool.query<{ position: number }>(
    `WITH costs AS (SELECT * FROM cost_lines WHERE currency = $4 AND charge_period_start < $7 AND charge_period_end > $6 AND position_from <= $2),
       charged AS (SELECT DISTINCT provider, resource_id AS provider_id FROM costs)
     SELECT DISTINCT p AS position FROM (
       SELECT position_from, position_to FROM revenue WHERE month = $3 AND currency = $4 AND ($5::text IS NULL OR tenant_id = $5)
       UNION ALL SELECT position_from, position_to FROM costs
       UNION ALL SELECT position_from, position_to FROM deployment_assignments WHERE effective_from < $7
       UNION ALL SELECT position_from, position_to FROM resource_sightings JOIN charged USING (provider, provider_id) WHERE seen_at < $7
       UNION ALL SELECT position_from, position_to FROM resource_corrections JOIN charged USING (provider, provider_id) WHERE effective_from < $7
     ) v, unnest(ARRAY[position_from, position_to]) p WHERE p > $1 AND p <= $2`,
    [from, to, month, currency, tenantId, start, end],
  );
  return rows.map(({ position }) => position);
}
