import type { SharingMethod, SharingTerms } from '#domain/margin/sharing-policy';
import { jsonb, oneOf, text, timestamptz, numeric } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Policies that share cost, over the periods in which their terms do not change. */
export const costSharing = defineTable({
  name: 'cost_sharing',
  columns: {
    policy_id: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    costs: jsonb<SharingTerms['costs']>(),
    method: oneOf<SharingMethod>(),
    billing_kind: text.nullable(),
    capacity: numeric.nullable(),
    weights: jsonb<NonNullable<SharingTerms['weights']>>().nullable(),
  },
  key: ['policy_id', 'effective_from'],
  group: ['policy_id'],
});

export type CostSharingRow = RowOf<typeof costSharing>;

declare module '#read-model/read-models' {
  interface ReadModels {
    cost_sharing: History<CostSharingRow>;
  }
}
