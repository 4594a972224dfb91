import { z } from 'zod';
import { zAt, zMoney, zQuantity, zQuarantine, zRow, zSpan } from './common.js';

const figures = {
  revenue: zMoney,
  cogs: zMoney,
  margin: zMoney,
  marginPct: z.string().nullable().describe('null where revenue is 0'),
};

export const zMargin = z
  .object({
    period: z.string().describe('The month: 2026-04'),
    currency: z.string(),
    overall: z.object(figures).meta({ id: 'MarginFigures' }),
    byTenant: z.array(z.object({ tenantId: z.string(), ...figures }).meta({ id: 'TenantMargin' })),
    byDeployment: z.array(
      z
        .object({ tenantId: z.string(), deploymentId: z.string().nullable().describe('null: standalone'), ...figures })
        .meta({ id: 'DeploymentMargin' }),
    ),
    byKind: z
      .object({
        revenue: z.array(z.object({ billingKind: z.string(), revenue: zMoney }).meta({ id: 'KindRevenue' })),
        cogs: z.array(z.object({ kind: z.string(), cogs: zMoney }).meta({ id: 'KindCogs' })),
      })
      .meta({ id: 'MarginByKind' }),
    unattributed: z.object({ cogs: zMoney }).meta({ id: 'UnattributedCogs' }),
    otherCurrencies: z.array(z.string()).describe('In which there is revenue or cost too'),
  })
  .meta({ id: 'Margin' });

const zAccruedLine = z
  .object({
    lineId: z.string(),
    billingKind: z.string(),
    period: zSpan,
    quantity: zQuantity,
    rows: z.array(zRow),
    net: zMoney,
    quarantine: zQuarantine.nullable(),
  })
  .meta({ id: 'AccruedLine' });

const zAccruedSubscription = z
  .object({
    subscriptionId: z.string(),
    tenantId: z.string(),
    deploymentId: z.string(),
    lines: z.array(zAccruedLine),
    total: zMoney,
  })
  .meta({ id: 'AccruedSubscription' });

export const zAccrual = z
  .object({
    at: zAt,
    currency: z.string(),
    billed: z.literal(false),
    subscriptions: z.array(zAccruedSubscription),
    total: zMoney,
  })
  .meta({ id: 'Accrual' });
