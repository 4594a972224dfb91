import type { Payment, Rollover } from '#domain/invoices/credits';
import { bigint, int, boolean, jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Coupons (a percentage) and credits (an amount) of tenants. The rows of invoices say what they took. */
export const credits = defineTable({
  name: 'credits',
  columns: {
    credit_id: text,
    tenant_id: text,
    currency: text,
    kind: oneOf<'coupon' | 'credit'>(),
    percent: numeric.nullable(),
    amount: numeric.nullable(),
    /** Of a credit: those of a lower priority are drawn first. */
    priority: int,
    /** The plans whose charges a credit pays; null: all. */
    plan_ids: jsonb<readonly string[]>().nullable(),
    rollover: jsonb<Rollover>().nullable(),
    payment: jsonb<Payment>().nullable(),
    is_revoked: boolean,
    /** The billing kinds that it is for; null: all. */
    billing_kinds: jsonb<readonly string[]>().nullable(),
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    /** Log position. Credits with the same end are taken in this order. */
    granted_position: bigint,
    reason: text.nullable(),
    /** Why it was revoked. null: it was not. */
    revocation_reason: text.nullable(),
    /** true: it was never granted. Issued rows may still name a coupon. */
    is_withdrawn: boolean,
  },
  key: ['tenant_id', 'currency', 'credit_id'],
});

export type CreditRow = RowOf<typeof credits>;

declare module '#read-model/read-models' {
  interface ReadModels {
    credits: History<CreditRow>;
  }
}
