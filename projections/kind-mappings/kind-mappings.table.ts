import { jsonb, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** The billing kinds that the cost of provider kinds is for, over the periods in which that does not change. */
export const kindMappings = defineTable({
  name: 'kind_mappings',
  columns: {
    provider: text,
    kind: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    billing_kinds: jsonb<string[]>(),
  },
  key: ['provider', 'kind', 'effective_from'],
  group: ['provider', 'kind'],
});

export type KindMappingRow = RowOf<typeof kindMappings>;

declare module '#read-model/read-models' {
  interface ReadModels {
    kind_mappings: History<KindMappingRow>;
  }
}
