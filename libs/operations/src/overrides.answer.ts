import { z } from 'zod';
import type { Overrides } from '#domain/plans/overrides';
import type { TermsPeriod } from '#domain/terms/terms';
import { zAny, zMoney, zOpenSpan, zQuantity } from './answers.js';

const zOverriddenItem = z
  .object({
    billingKind: z.string(),
    filter: zAny.optional(),
    price: zAny.optional().describe('A price model with its parameters: { model, … }'),
    included: zQuantity.nullable().optional(),
    discounts: zAny.optional(),
    commitments: zAny.optional(),
  })
  .meta({ id: 'OverriddenItem', description: 'Absent terms are those of the plan. null: none' });

export const zShownOverrides = z
  .object({
    tenantId: z.string().describe('The tenant that they were agreed with. For another one they do not hold'),
    period: zOpenSpan,
    baseFee: zMoney.optional(),
    items: z.array(zOverriddenItem),
  })
  .meta({ id: 'Overrides' });

export const shownOverrides = ({ terms: { items = [], ...terms }, period }: TermsPeriod<Overrides>) => ({
  ...terms,
  period,
  items,
});
