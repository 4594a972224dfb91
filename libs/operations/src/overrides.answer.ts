import { z } from 'zod';
import type { AgreedOverrides } from '#domain/tenants/deployment';
import { zAny, zMoney, zOpenSpan, zQuantity } from './answers.js';

const zOverriddenItem = z
  .object({
    billingKind: z.string(),
    filter: zAny.optional(),
    price: zAny.optional().describe('A price model with its parameters: { model, … }'),
    included: zQuantity.nullable().optional(),
    discounts: zAny.optional(),
    commitments: zAny.optional(),
    aggregation: z.string().describe('Of the plan when it was agreed: the override holds where they are equal'),
    unitConversion: zAny.optional().describe('Likewise'),
  })
  .meta({ id: 'OverriddenItem', description: 'Absent terms are those of the plan. null: none' });

export const zShownOverrides = z
  .object({
    tenantId: z.string().describe('The tenant that they were agreed with. For another one they do not hold'),
    period: zOpenSpan,
    currency: z.string().describe('Of the plan when they were agreed: they hold where it is equal'),
    interval: z.enum(['month', 'year']).describe('Likewise'),
    baseFee: zMoney.optional(),
    items: z.array(zOverriddenItem),
  })
  .meta({ id: 'Overrides' });

export const shownOverrides = ({ tenantId, terms, period }: AgreedOverrides) => ({ tenantId, period, ...terms });
