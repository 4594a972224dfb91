import type { PlanItem } from '#domain/plans/plan';
import { boolean, jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** The terms of a plan over `[effective_from, effective_until)`. */
export const planVersions = defineTable({
  name: 'plan_versions',
  columns: {
    plan_id: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    name: text,
    currency: text,
    base_fee: numeric,
    payment_term: oneOf<'in_advance' | 'in_arrears'>(),
    interval: oneOf<'month' | 'year'>(),
    is_public: boolean,
    items: jsonb<readonly PlanItem[]>(),
  },
  key: ['plan_id', 'effective_from'],
  group: ['plan_id'],
  exclusion: { by: ['plan_id'], from: 'effective_from', until: 'effective_until' },
});

export type PlanVersionRow = RowOf<typeof planVersions>;

/**
 * SQL: how long after an instant the billing period that holds it ends at the latest. `v`: a version of the plan. Where
 * clocks are put back, October has an hour more than 31 days.
 */
export const LONGEST_PERIOD = "CASE v.interval WHEN 'year' THEN interval '367 days' ELSE interval '32 days' END";

declare module '#read-model/read-models' {
  interface ReadModels {
    plan_versions: History<PlanVersionRow>;
  }
}
