import { bigint, jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import { defineTable, type RowOf } from '#read-model/table';

/** A tenant's coupon (a percentage) or credit (an amount). What invoices took of it is on their rows. */
export const credits = defineTable({
  name: 'credits',
  columns: {
    credit_id: text,
    tenant_id: text,
    currency: text,
    kind: oneOf<'coupon' | 'credit'>(),
    percent: numeric.nullable(),
    amount: numeric.nullable(),
    /** A coupon's; null: all. */
    billing_kinds: jsonb<readonly string[]>().nullable(),
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    /** Log position: the order in which credits are taken where they end alike. */
    granted_position: bigint,
    reason: text.nullable(),
  },
  key: ['tenant_id', 'currency', 'credit_id'],
});

export type CreditRow = RowOf<typeof credits>;
