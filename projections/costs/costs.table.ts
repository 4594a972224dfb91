import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

/** What a provider charged us, as it is known. */
export interface CostLineRow {
  readonly provider: string;
  readonly invoice_ref: string;
  readonly line_key: string;
  readonly resource_id: string | null;
  readonly kind: string;
  readonly charge_period_start: Instant;
  readonly charge_period_end: Instant;
  readonly amount: string;
  readonly effective_amount: string | null;
  readonly currency: string;
  readonly category: string;
  readonly class: string | null;
  readonly tenant_id: string | null;
  readonly description: string | null;
}

export const costLines = defineTable<CostLineRow>({
  name: 'cost_lines',
  columns: {
    provider: 'text',
    invoice_ref: 'text',
    line_key: 'text',
    resource_id: 'text',
    kind: 'text',
    charge_period_start: 'timestamptz',
    charge_period_end: 'timestamptz',
    amount: 'numeric',
    effective_amount: 'numeric',
    currency: 'text',
    category: 'text',
    class: 'text',
    tenant_id: 'text',
    description: 'text',
  },
  key: ['provider', 'invoice_ref', 'line_key'],
  group: ['provider', 'invoice_ref', 'line_key'],
  readByItsOwn: true,
  indexes: [['currency', 'charge_period_start']],
});
