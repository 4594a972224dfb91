import { z } from 'zod';
import { zCurrency } from '#domain/schema';
import { marginIn } from '#billing/costs/margin-month';
import { readMarginCurrencies } from '#projections/margins/margins.read';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, zAsOf } from '#ledger/query';
import { zMoney } from './answers.js';
import type { Operations } from './declared.js';

const figures = {
  revenue: zMoney,
  cogs: zMoney,
  margin: zMoney,
  marginPct: z.string().nullable().describe('null: revenue is 0'),
};

const zMargin = z
  .object({
    period: z.string().describe('The month: 2026-04'),
    currency: z.string(),
    overall: z.object(figures).meta({ id: 'MarginFigures' }),
    byTenant: z.array(z.object({ tenantId: z.string(), ...figures }).meta({ id: 'TenantMargin' })),
    byDeployment: z.array(
      z
        .object({
          tenantId: z.string(),
          deploymentId: z.string().nullable().describe('null: not of a deployment'),
          ...figures,
        })
        .meta({ id: 'DeploymentMargin' }),
    ),
    byKind: z
      .object({
        revenue: z.array(z.object({ billingKind: z.string(), revenue: zMoney }).meta({ id: 'KindRevenue' })),
        cogs: z.array(z.object({ kind: z.string(), cogs: zMoney }).meta({ id: 'KindCogs' })),
      })
      .meta({ id: 'MarginByKind' }),
    unattributed: z.object({ cogs: zMoney }).meta({ id: 'UnattributedCogs' }),
    otherCurrencies: z.array(z.string()).describe('Other currencies with revenue or cost'),
  })
  .meta({ id: 'Margin' });

export const margin = defineQuery({
  name: 'margin',
  summary: 'Revenue, cost and margin of a month, overall and by tenant, deployment and kind, in one currency',
  path: 'dashboard/margin',
  params: zAsOf.extend({ period: zMonth, currency: zCurrency.default('USD') }),
  roles: ADMIN,
  answer: zMargin,
  example: { period: '2026-04-15', currency: 'USD' },
  async handle({ period, currency }, context) {
    const month = period.start.slice(0, 7);
    const margin = await marginIn(context, period, currency);
    const currencies = await readMarginCurrencies(context.core.db, context.position, period);
    return {
      period: month,
      currency,
      ...margin,
      otherCurrencies: currencies.filter((other) => other !== currency),
    };
  },
});

export const marginOperations: Operations = {
  queries: [margin],
};
