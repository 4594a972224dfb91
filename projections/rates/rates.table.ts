import { boolean, numeric, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Prices over `[effective_from, effective_until)`. Those of a key never overlap at one position. */
export const rates = defineTable({
  name: 'rates',
  columns: {
    resource_type: text,
    resource_family: text,
    location: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    unit_price: numeric,
    unit: text.nullable(),
    currency: text,
    basis: oneOf<'duration' | 'amount'>(),
    is_public: boolean,
  },
  key: ['resource_type', 'resource_family', 'location', 'effective_from'],
  group: ['resource_type', 'resource_family', 'location'],
  exclusion: { by: ['resource_type', 'resource_family', 'location'], from: 'effective_from', until: 'effective_until' },
});

export type RateRow = RowOf<typeof rates>;

declare module '#read-model/read-models' {
  interface ReadModels {
    rates: History<RateRow>;
  }
}
