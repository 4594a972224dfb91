import { z } from 'zod';
import { zAny, zAt, zMoney, zOpenSpan, zQuantity } from './common.js';

export const zTenant = z
  .object({
    tenantId: z.string(),
    name: z.string().nullable().describe('null: erased'),
    currency: z.string(),
    timeZone: z.string(),
    taxes: z.array(z.object({ name: z.string(), ratePercent: zQuantity, from: zAt }).meta({ id: 'Tax' })),
    credits: z
      .array(z.object({ currency: z.string(), amount: zMoney }).meta({ id: 'TenantCredit' }))
      .describe('What invoices below zero have left to its credit'),
  })
  .meta({ id: 'Tenant' });

export const zDeployment = z
  .object({
    deploymentId: z.string(),
    name: z.string(),
    tenantId: z.string().nullable().describe('Whose it is now'),
    assignments: z.array(z.object({ tenantId: z.string(), from: zAt }).meta({ id: 'Assignment' })),
  })
  .meta({ id: 'Deployment' });

export const zSubscription = z
  .object({
    subscriptionId: z.string(),
    deploymentId: z.string(),
    tenantId: z.string().nullable(),
    planId: z.string().nullable(),
    period: zOpenSpan,
    anchor: zAt.nullable(),
    plans: z.array(z.object({ planId: z.string(), from: zAt }).meta({ id: 'SubscribedPlan' })),
    tenancies: z.array(z.object({ tenantId: z.string(), period: zOpenSpan }).meta({ id: 'Tenancy' })),
  })
  .meta({ id: 'PlanSubscription' });

export const zResource = z
  .object({
    provider: z.string(),
    providerId: z.string(),
    kind: z.string(),
    name: z.string(),
    region: z.string().nullable(),
    project: z.string().nullable(),
    status: z.string(),
    sizeSlug: z.string().nullable(),
    sizeGb: zQuantity.nullable(),
    tenantId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    tags: z.array(z.string()),
    attrs: zAny,
    firstSeenAt: zAt,
    lastSeenAt: zAt,
    staleStrikeCount: z.int().describe('Complete listings in a row that lacked it'),
    deletedAt: zAt.nullable(),
  })
  .meta({ id: 'Resource' });
