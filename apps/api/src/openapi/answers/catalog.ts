import { z } from 'zod';
import { zAny, zAt, zMoney, zOpenSpan, zQuantity, zRow } from './common.js';

const force = { effectiveFrom: zAt, effectiveUntil: zAt.nullable(), period: zOpenSpan };

export const zRate = z
  .object({
    resourceType: z.string(),
    resourceFamily: z.string(),
    location: z.string(),
    unit: z.string().nullable(),
    unitPrice: zMoney,
    currency: z.string(),
    basis: z.enum(['duration', 'amount']),
    ...force,
  })
  .meta({ id: 'Rate' });

const zPlanItem = z
  .object({
    billingKind: z.string(),
    price: zAny.describe('A price model with its figures: { model, … }'),
    aggregation: z.string(),
    included: zQuantity.optional(),
    unitConversion: zAny.optional(),
    discounts: zAny.optional(),
    commitments: zAny.optional(),
    filter: zAny.optional(),
    uniqueBy: z.string().optional(),
  })
  .meta({ id: 'PlanItem' });

export const zPlan = z
  .object({
    planId: z.string(),
    name: z.string(),
    currency: z.string(),
    baseFee: zMoney,
    paymentTerm: z.enum(['in_advance', 'in_arrears']),
    interval: z.enum(['month', 'year']),
    ...force,
    items: z.array(zPlanItem),
  })
  .meta({ id: 'Plan' });

const zQuoteLine = z
  .object({
    billingKind: z.string(),
    quantity: zQuantity,
    included: zQuantity,
    billable: zQuantity,
    rows: z.array(zRow),
    net: zMoney,
  })
  .meta({ id: 'QuoteLine' });

export const zQuote = z
  .object({
    planId: z.string(),
    currency: z.string(),
    lines: z.array(zQuoteLine),
    subtotal: zMoney,
    tax: zMoney,
    total: zMoney,
    unbilled: z
      .array(z.object({ billingKind: z.string(), quantity: zQuantity }).meta({ id: 'UnbilledQuantity' }))
      .describe('Usage that the plan has no item for'),
  })
  .meta({ id: 'Quote' });
