import { isDeepStrictEqual } from 'node:util';
import type { Kysely } from 'kysely';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { marginPercent } from '#domain/margin/margin';
import { monthNamed } from '#domain/time/period';
import { costsIn, marginIn, marginMonths } from '#billing/costs/margin-month';
import { computedSums, type CostSum } from '#billing/costs/cost-sums';
import { costSums, keptSums, totalOf } from '#billing/costs/kept-costs';
import { unitsIn } from '#billing/costs/unit-economics';
import { type KeptCost, readKeptCosts, readKeptMonths } from '#projections/margins/kept-costs.read';
import type { KeptMonthRow } from '#projections/margins/kept-costs.table';
import { statedBills } from '#billing/reconciliation/bills';
import { issuedMonths } from '#billing/reconciliation/issued';
import { readBilledDays } from '#projections/costs/billed-days.read';
import { readCostTotals } from '#projections/costs/costs.read';
import { readProviderTotalCurrencies } from '#projections/provider-totals/provider-totals.read';
import type { ReadModels } from '#read-model/read-models';
import { type Check, type Finding, REBUILD } from './finding.js';

/**
 * Tenants + unattributed = overall, deployments + standalone = tenant, kinds = overall on each axis, direct + shared =
 * cost, margin = revenue − cost. All exactly.
 */
const identities: Check = async (context) => {
  const findings: Finding[] = [];
  for (const { month, currency } of await marginMonths(context)) {
    const { overall, byTenant, byDeployment, byKind, unattributed, shared } = await marginIn(
      context,
      monthNamed(month),
      currency,
    );
    const total = (values: readonly string[]): Decimal => sum(values.map((value) => decimal(value)));
    const need = (what: string, a: Decimal, b: string): void => {
      if (!a.eq(decimal(b))) findings.push(broken(month, currency, `${what} ${text(a)}, not ${b}`));
    };
    need('tenants’ revenue comes to', total(byTenant.map(({ revenue }) => revenue)), overall.revenue);
    need(
      'tenants’ and unattributed cost comes to',
      total([...byTenant.map(({ cogs }) => cogs), unattributed.cogs]),
      overall.cogs,
    );
    need(
      'tenants’ and unattributed direct cost comes to',
      total([...byTenant.map(({ directCogs }) => directCogs), unattributed.directCogs]),
      overall.directCogs,
    );
    need(
      'tenants’ and unattributed shared cost comes to',
      total([...byTenant.map(({ sharedCogs }) => sharedCogs), unattributed.sharedCogs]),
      overall.sharedCogs,
    );
    need('policies share', total(shared.map(({ amount }) => amount)), overall.sharedCogs);
    for (const { policyId, amount, parts } of shared)
      need(`the parts of policy ${policyId} come to`, total(parts.map((part) => part.amount)), amount);
    for (const row of [overall, ...byTenant, ...byDeployment])
      need('direct and shared cost comes to', total([row.directCogs, row.sharedCogs]), row.cogs);
    need('revenue by kind comes to', total(byKind.revenue.map(({ revenue }) => revenue)), overall.revenue);
    need('cost by kind comes to', total(byKind.cogs.map(({ cogs }) => cogs)), overall.cogs);
    need('revenue less cost is', decimal(overall.revenue).minus(decimal(overall.cogs)), overall.margin);
    if (marginPercent(decimal(overall.revenue), decimal(overall.margin)) !== overall.marginPct)
      findings.push(broken(month, currency, 'the margin’s percentage is wrong'));
    for (const { tenantId, revenue, cogs } of byTenant) {
      const own = byDeployment.filter((each) => each.tenantId === tenantId);
      need(`deployments of ${tenantId} earn`, total(own.map((each) => each.revenue)), revenue);
      need(`deployments of ${tenantId} cost`, total(own.map((each) => each.cogs)), cogs);
    }
  }
  return findings;
};

/** The kinds of unit economics, with what is not mapped, idle or nobody’s, come to the margin. Exactly. */
const units: Check = async (context) => {
  const findings: Finding[] = [];
  for (const { month, currency } of await marginMonths(context)) {
    const period = monthNamed(month);
    const margin = await marginIn(context, period, currency);
    const { together } = await unitsIn(context, [period], currency);
    const rows = [...together.byKind, together.unmapped, together.idle, together.unattributed];
    for (const figure of ['cogs', 'directCogs', 'sharedCogs'] as const) {
      const total = sum(rows.map((row) => decimal(row[figure])));
      if (total.eq(decimal(margin.overall[figure]))) continue;
      findings.push(
        broken(month, currency, `${figure} of billing kinds comes to ${text(total)}, not ${margin.overall[figure]}`),
      );
    }
    const earned = sum(together.byKind.map(({ revenue }) => decimal(revenue)));
    if (!earned.eq(decimal(margin.overall.revenue)))
      findings.push(broken(month, currency, `billing kinds earn ${text(earned)}, not ${margin.overall.revenue}`));
  }
  return findings;
};

const broken = (month: string, currency: string, what: string): Finding => ({
  code: 'margin_does_not_add_up',
  message: `margin of ${month} in ${currency}: ${what}`,
  ids: { month, currency },
  remedy: 'A view of the margin is wrong: report the month.',
});

/** The costs of all months, computed, add up to what providers charged, without their tax. */
const costs: Check = async (context) => {
  const totals = await readCostTotals(context.core.db, context.position);
  const months = await marginMonths(context);
  const findings: Finding[] = [];
  for (const { currency, amount } of totals) {
    const spent: Decimal[] = [];
    for (const { month } of months.filter((each) => each.currency === currency)) {
      const [sums = []] = await computedSums(context, [monthNamed(month)], currency);
      spent.push(totalOf(sums).cogs);
    }
    if (sum(spent).eq(decimal(amount))) continue;
    const message =
      `providers charged ${amount} ${currency} without tax,` +
      ` but the months of the margin come to ${text(sum(spent))}`;
    findings.push({
      code: 'cost_differs',
      message,
      ids: { currency },
      remedy: 'A cost is lost or counted twice between months or tenants: report the currency.',
    });
  }
  return findings;
};

/** What is kept of months is what they come to, at the first and at the last position for which it is taken. */
const kept: Check = async ({ core, position }) => {
  const findings: Finding[] = [];
  for (const row of await readKeptMonths(core.db, null)) {
    const last = Math.min(position, row.proven_to - 1);
    if (last < row.position_from) continue;
    const rows = await readKeptCosts(core.db, [row.kept_id]);
    // A worker has computed it again meanwhile.
    if (rows.length === 0) continue;
    for (const at of new Set([row.position_from, last])) {
      const [sums = []] = await computedSums({ core, position: at }, [monthNamed(row.month)], row.currency);
      if (!isKept(sums, row, rows))
        findings.push(
          keptWrongly(
            row,
            at,
            `the cost that is kept of ${row.month} in ${row.currency} is ${row.cogs},` +
              ` or differs by holder; at position ${at} it comes to ${text(totalOf(sums).cogs)}`,
          ),
        );
      else if (!(await areDaysKept(core.db, at, row)))
        findings.push(
          keptWrongly(row, at, `of bills of ${row.month} in ${row.currency}, other days are kept than lines charge`),
        );
    }
  }
  return findings;
};

function isKept(sums: readonly CostSum[], row: KeptMonthRow, rows: readonly KeptCost[]): boolean {
  const computed = new Map(sums.map((each) => [holderOf(each), each.amount]));
  const held = keptSums(rows);
  const { cogs, unattributed } = totalOf(sums);
  return (
    held.length === computed.size &&
    held.every((each) => computed.get(holderOf(each))?.eq(each.amount) === true) &&
    cogs.eq(decimal(row.cogs)) &&
    unattributed.eq(decimal(row.unattributed))
  );
}

const keptWrongly = ({ month, currency }: KeptMonthRow, position: number, message: string): Finding => ({
  code: 'kept_cost_differs',
  message,
  ids: { month, currency, position },
  remedy:
    'Run "ledgerline projections rebuild --only margins": it drops what is kept, and a worker computes it again.' +
    ' Report the month.',
});

/** The days for which a bill has come, as they are kept, are those of the lines. */
async function areDaysKept(
  db: Kysely<ReadModels>,
  position: number,
  { kept_id, month, currency }: KeptMonthRow,
): Promise<boolean> {
  const kept = await readBilledDays(db, position, { months: [], currency }, [kept_id]);
  // A worker has computed it again meanwhile.
  if (kept === null) return true;
  const days = await readBilledDays(db, position, { months: [monthNamed(month)], currency }, []);
  return isDeepStrictEqual(kept, days);
}

const holderOf = ({ provider, kind, tenantId, deploymentId }: CostSum): string =>
  JSON.stringify([provider, kind, tenantId, deploymentId]);

/** At most this many cost lines without a tenant are listed. */
const MOST_LINES = 20;

const unattributed: Check = async (context) => {
  const findings: Finding[] = [];
  for (const { month, currency } of await marginMonths(context)) {
    const [sums = []] = await costSums(context, [monthNamed(month)], currency);
    if (!sums.some(({ tenantId }) => tenantId === null)) continue;
    const shares = (await costsIn(context, monthNamed(month), currency)).filter(
      ({ tenantId, sharedBy }) => tenantId === null && sharedBy === null,
    );
    if (shares.length === 0) continue;
    const amount = text(sum(shares.map((share) => share.amount)));
    const costLines = [...new Set(shares.map(({ costLine }) => costLine))];
    findings.push({
      code: 'cost_without_tenant',
      message: `${amount} ${currency} of cost in ${month} has no tenant: ${costLines.length} lines`,
      ids: { month, currency, amount, costLines: costLines.slice(0, MOST_LINES), lines: costLines.length },
      remedy:
        'Attribute the resource (observe-resource or correct-resource with deploymentId or tenantId),' +
        ' share it (set-cost-sharing), or leave the cost unattributed in the margin.',
    });
  }
  return findings;
};

/** What is issued of each month and tenant is its revenue. */
const issued: Check = async (context) =>
  (await issuedMonths(context, null))
    .filter((each) => !each.issued.eq(each.revenue))
    .map(({ tenantId, currency, month, issued: billed, revenue }) => ({
      code: 'month_revenue_differs',
      message:
        `the revenue of ${tenantId} in ${month} is ${text(revenue)} ${currency},` +
        ` but issued rows come to ${text(billed)} without tax`,
      ids: { month, currency, tenantId },
      remedy: REBUILD,
    }));

/** A recorded total of a provider, and the imported lines of its invoice. */
const stated: Check = async (context) => {
  const currencies = new Set(await readProviderTotalCurrencies(context.core.db, context.position));
  const findings: Finding[] = [];
  for (const currency of currencies)
    for (const { provider, invoiceRef, net, tax, stated: total } of await statedBills(context, currency)) {
      if (total === null || (net.plus(tax).eq(total.total) && tax.eq(total.tax))) continue;
      findings.push({
        code: 'provider_total_differs',
        message:
          `the lines of ${provider} ${invoiceRef} come to ${text(net.plus(tax))} ${currency}` +
          ` with tax of ${text(tax)},` +
          ` but its recorded total is ${text(total.total)} with tax of ${text(total.tax)}`,
        ids: { month: total.month, currency, provider, invoiceRef },
        remedy:
          'Import the latest bill (backfill costs), correct a line (correct-cost), or correct the total' +
          ' (correct-provider-total).',
      });
    }
  return findings;
};

export const MARGIN: readonly Check[] = [identities, units, costs, kept, issued];
export const COST_NOTICES: readonly Check[] = [unattributed, stated];
