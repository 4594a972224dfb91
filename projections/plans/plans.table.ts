import type { PlanItem } from '#domain/plans/plan';
import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

/** A plan's terms over `[effective_from, effective_until)`. */
export interface PlanVersionRow {
  readonly plan_id: string;
  readonly effective_from: Instant;
  readonly effective_until: Instant | null;
  readonly name: string;
  readonly currency: string;
  readonly base_fee: string;
  readonly payment_term: 'in_advance' | 'in_arrears';
  readonly interval: 'month' | 'year';
  readonly items: readonly PlanItem[];
}

export const planVersions = defineTable<PlanVersionRow>({
  name: 'plan_versions',
  columns: {
    plan_id: 'text',
    effective_from: 'timestamptz',
    effective_until: 'timestamptz',
    name: 'text',
    currency: 'text',
    base_fee: 'numeric',
    payment_term: 'text',
    interval: 'text',
    items: 'jsonb',
  },
  key: ['plan_id', 'effective_from'],
  group: ['plan_id'],
  apart: { by: ['plan_id'], from: 'effective_from', until: 'effective_until' },
});
