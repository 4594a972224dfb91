import { z } from 'zod';
import { compareText } from '#domain/compare-text';
import { IDLE_REASONS } from '#domain/margin/idle';
import { exactMoney, type Margin } from '#domain/margin/margin';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { zCurrency } from '#domain/schema';
import { SHARING_METHODS } from '#domain/margin/sharing-policy';
import { type Instant, isBefore, later } from '#domain/time/instant';
import { monthOf, type Period, piecesOf } from '#domain/time/period';
import { invalid } from '#domain/errors';
import { type Estimate, openEstimatesIn } from '#billing/estimates/estimates';
import { marginWithIdle } from '#billing/costs/idle';
import { marginsByGrain, marginTotals } from '#billing/costs/margin-month';
import { readMarginCurrencies } from '#projections/margins/margins.read';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, zAsOf } from '#ledger/query';
import { zMoney, zQuantity, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';

const figures = {
  revenue: zMoney,
  cogs: zMoney,
  margin: zMoney,
  marginPct: z.string().nullable().describe('null: revenue is 0'),
  directCogs: zMoney.describe('Cost that is not shared'),
  sharedCogs: zMoney.describe('What policies share to it. directCogs + sharedCogs = cogs'),
  directMargin: zMoney.describe('Revenue less direct cost'),
  directMarginPct: z.string().nullable().describe('null: revenue is 0'),
};

export const zMarginFigures = z.object(figures).meta({ id: 'MarginFigures' });
export const zByTenant = z.array(z.object({ tenantId: z.string(), ...figures }).meta({ id: 'TenantMargin' }));
const zByDeployment = z.array(
  z
    .object({
      tenantId: z.string(),
      deploymentId: z.string().nullable().describe('null: not of a deployment'),
      ...figures,
    })
    .meta({ id: 'DeploymentMargin' }),
);
const zByKind = z
  .object({
    revenue: z.array(z.object({ billingKind: z.string(), revenue: zMoney }).meta({ id: 'KindRevenue' })),
    cogs: z.array(z.object({ kind: z.string(), cogs: zMoney }).meta({ id: 'KindCogs' })),
  })
  .meta({ id: 'MarginByKind' });

export const zShared = z
  .object({
    policyId: z.string(),
    effectiveFrom: zTimestamp,
    method: z.enum(SHARING_METHODS),
    billingKind: z.string().nullable(),
    amount: zMoney,
    basis: zQuantity.describe('The sum of the bases of the tenants'),
    fallback: z
      .enum(['even', 'unattributed'])
      .nullable()
      .describe('even: its basis was 0. unattributed: no tenant had a deployment in the month'),
    pool: z
      .object({
        cost: zMoney.describe('All cost that the policy selects: amount + remainder'),
        capacity: zQuantity,
        sold: zQuantity.describe('What tenants used of the capacity. If it is above the capacity, all cost is shared'),
        remainder: zMoney.describe('cost × (capacity − sold) / capacity. It is nobody’s, and idle: remainder'),
      })
      .meta({ id: 'SharedPool', description: 'What a pool costs, and what of its capacity was used' })
      .nullable()
      .describe('For policies with a capacity'),
    parts: z.array(
      z
        .object({
          tenantId: z.string().nullable().describe('null: nobody'),
          deploymentId: z.string().nullable().describe('null: the basis knows only the tenant'),
          tenantBasis: zQuantity.describe('Of the tenant, which bears amount × tenantBasis / basis of the shared cost'),
          basis: zQuantity.describe('Of the deployment: the part of the tenant is divided in proportion to it'),
          amount: zMoney,
        })
        .meta({ id: 'SharedPart' }),
    ),
  })
  .meta({ id: 'SharedCost' });

export const zUnattributed = z
  .object({
    cogs: zMoney,
    directCogs: zMoney,
    sharedCogs: zMoney.describe('Shared cost of months in which no tenant had a deployment'),
  })
  .meta({ id: 'UnattributedCogs' });

export const zCogs = z
  .object({
    cogs: zMoney,
    directCogs: zMoney.describe('Cost that is not shared'),
    sharedCogs: zMoney.describe('Cost that policies share. directCogs + sharedCogs = cogs'),
  })
  .meta({ id: 'UnitCogs' });

export const zIdle = zCogs
  .extend({
    parts: z.array(
      zCogs
        .extend({
          ...{ provider: z.string(), kind: z.string().describe('The provider’s kind') },
          reason: z
            .enum(IDLE_REASONS)
            .describe(
              'off: its readings are 0, or it is off. unsold: in no deployment. remainder: unused part of a pool',
            ),
        })
        .meta({ id: 'IdlePart' }),
    ),
  })
  .meta({ id: 'IdleCogs' });

const zIdleOfMonth = zIdle
  .extend({
    byHolder: z
      .array(
        z
          .object({
            tenantId: z.string().nullable().describe('null: nobody'),
            deploymentId: z.string().nullable().describe('null: not of a deployment'),
            cogs: zMoney,
          })
          .meta({ id: 'IdleOfHolder' }),
      )
      .describe('directCogs by who held the resources. The cost of that tenant, or unattributed, includes it'),
  })
  .meta({ id: 'IdleOfMonth' });

const estimated = {
  estimatedCost: zMoney.describe('What usage is estimated to cost whose bill has not come. No other figure has it'),
  marginWithEstimate: zMoney.describe('margin − estimatedCost'),
};
const zMarginEstimate = z
  .object({
    ...estimated,
    byTenant: z.array(z.object({ tenantId: z.string(), ...estimated }).meta({ id: 'TenantEstimate' })),
    byKind: z.array(
      z
        .object({
          billingKind: z.string(),
          provider: z.string().nullable().describe('Whose bill has not come. null: of any provider'),
          quantity: zQuantity,
          estimatedCost: zMoney,
        })
        .meta({ id: 'KindEstimate' }),
    ),
  })
  .meta({ id: 'MarginEstimate' });

export const zMargin = z
  .object({
    period: z.string().describe('The month: 2026-04'),
    currency: z.string(),
    overall: zMarginFigures,
    byTenant: zByTenant,
    byDeployment: zByDeployment,
    byKind: zByKind,
    unattributed: zUnattributed,
    idle: zIdleOfMonth.describe(
      'Cost of resources while they were off or in no deployment. The other figures include it. See margin-units',
    ),
    shared: z.array(zShared).describe('By policy, what is shared and what it comes to'),
    estimate: zMarginEstimate.describe('Of usage whose bill has not come. It is in no other figure'),
    otherCurrencies: z.array(z.string()).describe('Other currencies with revenue or cost'),
  })
  .meta({ id: 'Margin' });

export const margin = defineQuery({
  name: 'margin',
  summary: 'Revenue, cost and margin of a month, overall and by tenant, deployment and kind, in one currency',
  path: 'dashboard/margin',
  params: zAsOf.extend({
    period: zMonth,
    currency: zCurrency.default('USD'),
    withoutDeployments: z
      .enum(['true', 'false'])
      .optional()
      .describe('true: byDeployment is empty, and the answer takes less time. All other fields are the same'),
  }),
  roles: ADMIN,
  answer: zMargin,
  cost: 9,
  example: { period: '2026-04-15', currency: 'USD' },
  async handle({ period, currency, withoutDeployments }, context) {
    const month = period.start.slice(0, 7);
    const { margin, idle } = await marginWithIdle(context, period, {
      ...{ currency, withoutDeployments: withoutDeployments === 'true' },
    });
    const [estimates] = await openEstimatesIn(context, [period], currency);
    const currencies = await readMarginCurrencies(context.core.db, context.position, period);
    return {
      period: month,
      currency,
      ...margin,
      idle,
      estimate: estimateOf(margin, estimates ?? [], currency),
      otherCurrencies: currencies.filter((other) => other !== currency),
    };
  },
});

const amountOf = (estimates: readonly Estimate[]): Decimal => sum(estimates.map(({ amount }) => amount));

function withEstimate(margin: string, estimates: readonly Estimate[], currency: string) {
  const amount = amountOf(estimates);
  return {
    estimatedCost: exactMoney(amount, currency),
    marginWithEstimate: exactMoney(decimal(margin).minus(amount), currency),
  };
}

/** `open`: of usage whose bill has not come. */
function estimateOf({ overall, byTenant }: Margin, open: readonly Estimate[], currency: string) {
  const margins = new Map(byTenant.map(({ tenantId, margin }) => [tenantId, margin]));
  const ofTenants = Map.groupBy(
    open.filter(({ tenantId }) => tenantId !== null),
    ({ tenantId }) => tenantId ?? '',
  );
  const ofKinds = Map.groupBy(open, ({ billingKind, provider }) => JSON.stringify([billingKind, provider]));
  return {
    ...withEstimate(overall.margin, open, currency),
    byTenant: [...ofTenants]
      .sort(([a], [b]) => compareText(a, b))
      .map(([tenantId, own]) => ({ tenantId, ...withEstimate(margins.get(tenantId) ?? '0', own, currency) })),
    byKind: [...ofKinds]
      .sort(([a], [b]) => compareText(a, b))
      .flatMap(([, own]) => {
        const [first] = own;
        if (first === undefined) return [];
        return [
          {
            ...{ billingKind: first.billingKind, provider: first.provider },
            quantity: text(sum(own.map(({ quantity }) => quantity))),
            estimatedCost: exactMoney(amountOf(own), currency),
          },
        ];
      }),
  };
}

/** Ten years. */
const MOST_MONTHS = 120;

const zTrend = z
  .object({
    currency: z.string(),
    months: z.array(
      z
        .object({
          month: z.string().describe('2026-04'),
          ...figures,
          coveragePct: z.string().nullable().describe('Attributed cost in percent of all cost. null: there is no cost'),
          ...estimated,
          byTenant: zByTenant.optional().describe('With by=tenant'),
          byDeployment: zByDeployment.optional().describe('With by=deployment'),
          byKind: zByKind.optional().describe('With by=kind'),
        })
        .meta({ id: 'MonthMargin' }),
    ),
  })
  .meta({ id: 'MarginTrend' });

const SHARES = { tenant: 'byTenant', deployment: 'byDeployment', kind: 'byKind' } as const;

export const marginTrend = defineQuery({
  name: 'margin-trend',
  summary: 'Revenue, cost, margin and coverage of each month from one to another, in one currency',
  path: 'dashboard/margin/trend',
  params: zAsOf.extend({
    from: zMonth.describe('The first month: 2026-01'),
    to: zMonth.describe('The last month'),
    currency: zCurrency.default('USD'),
    by: z.enum(['tenant', 'deployment', 'kind']).optional().describe('Also the parts of each month'),
  }),
  roles: ADMIN,
  answer: zTrend,
  cost: 9,
  example: { from: '2026-01', to: '2026-06', currency: 'USD' },
  async handle({ from, to, currency, by }, context) {
    const months = monthsFrom('margin-trend', from, to);
    const totals = await marginTotals(context, months, currency);
    const estimates = await openEstimatesIn(context, months, currency);
    const parts = by === undefined ? [] : await marginsByGrain(context, months, currency, by);
    return {
      currency,
      months: totals.map((total, index) => ({
        month: (months[index] ?? from).start.slice(0, 7),
        ...total,
        ...withEstimate(total.margin, estimates[index] ?? [], currency),
        ...(by === undefined ? {} : { [SHARES[by]]: parts[index]?.[SHARES[by]] }),
      })),
    };
  },
});

/** The months from one to another, both included. Errors: `invalid_parameter`. */
export function monthsFrom(query: string, from: Period, to: Period, most = MOST_MONTHS): Period[] {
  if (isBefore(to.start, from.start))
    throw invalid('invalid_parameter', `${query}: to is before from. Give the first month as from.`, [
      { field: 'to', message: 'must not be before from' },
    ]);
  const months = piecesOf({ start: from.start, end: to.end }, monthOf);
  if (months.length > most)
    throw invalid('invalid_parameter', `${query}: ${months.length} months. Ask for at most ${most}.`, [
      { field: 'to', message: `must be at most ${most - 1} months after from` },
    ]);
  return months;
}

/** A year is enough to compare, and few to compute. */
const MOST_PREVIEWED = 12;

/** The months of a preview, as parameters. */
export const previewedMonths = {
  from: zMonth.optional().describe('The first month: 2026-04. Default: that of effectiveFrom'),
  to: zMonth.optional().describe(`The last month. Default: up to now, and at most ${MOST_PREVIEWED} months`),
};

/** The months that a preview compares: those asked for, else those from a change until now. Errors: as monthsFrom. */
export function monthsOfPreview(
  query: string,
  {
    from,
    to,
    effectiveFrom,
  }: { readonly from: Period | undefined; readonly to: Period | undefined; readonly effectiveFrom: Instant },
  now: Instant,
): Period[] {
  const first = from ?? monthOf(effectiveFrom);
  if (to !== undefined) return monthsFrom(query, first, to, MOST_PREVIEWED);
  const until = monthOf(later(first.start, now)).end;
  return piecesOf({ start: first.start, end: until }, monthOf).slice(0, MOST_PREVIEWED);
}

export const marginOperations: Operations = {
  queries: [margin, marginTrend],
};
