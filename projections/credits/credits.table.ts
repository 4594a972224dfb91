import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

/** A tenant's coupon (a percentage) or credit (an amount). What invoices took of it is on their rows. */
export interface CreditRow {
  readonly credit_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly kind: 'coupon' | 'credit';
  readonly percent: string | null;
  readonly amount: string | null;
  /** A coupon's; null: all. */
  readonly billing_kinds: readonly string[] | null;
  readonly effective_from: Instant;
  readonly effective_until: Instant | null;
  /** Log position: the order in which credits are taken where they end alike. */
  readonly granted_position: number;
  readonly reason: string | null;
}

export const credits = defineTable<CreditRow>({
  name: 'credits',
  columns: {
    credit_id: 'text',
    tenant_id: 'text',
    currency: 'text',
    kind: 'text',
    percent: 'numeric',
    amount: 'numeric',
    billing_kinds: 'jsonb',
    effective_from: 'timestamptz',
    effective_until: 'timestamptz',
    granted_position: 'bigint',
    reason: 'text',
  },
  key: ['tenant_id', 'currency', 'credit_id'],
  group: ['tenant_id', 'currency', 'credit_id'],
});
