import type { FocusDetails } from '#domain/costs/focus';
import type { DeliveryMode } from '#domain/costs/cost';
import { bigint, boolean, json, jsonb, numeric, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** The costs that providers charged, as known now. */
export const costLines = defineTable({
  name: 'cost_lines',
  columns: {
    provider: text,
    invoice_ref: text,
    line_key: text,
    resource_id: text.nullable(),
    kind: text,
    charge_period_start: timestamptz,
    charge_period_end: timestamptz,
    amount: numeric,
    effective_amount: numeric.nullable(),
    currency: text,
    category: text,
    class: text.nullable(),
    tenant_id: text.nullable(),
    description: text.nullable(),
    /** In the order of FOCUS_DETAILS: equal details are equal text. */
    focus: json<FocusDetails>().nullable(),
  },
  key: ['provider', 'invoice_ref', 'line_key'],
  readByItsOwn: true,
  // Their keys are long: a second index of all lines would be as large as the lines themselves.
  fewSuperseded: true,
  indexes: [['currency', 'charge_period_start']],
});

export type CostLineRow = RowOf<typeof costLines>;
/** A line without its details, which only exports need. */
export type CostLineContent = Omit<CostLineRow, 'focus'>;

/**
 * The UTC months, first to last, over which each event charges, or no longer charges, lines in a currency. So the lines
 * of a month, and the months that changed after a position, are found without reading all lines.
 */
export const costMonths = defineTable({
  name: 'cost_months',
  columns: {
    marked_at: bigint,
    currency: text,
    is_tax: boolean,
    /** `2026-04` */
    first_month: text,
    last_month: text,
  },
  key: ['marked_at', 'currency', 'is_tax', 'first_month', 'last_month'],
  group: ['marked_at'],
  indexes: [['currency', 'last_month', 'first_month']],
});

export type CostMonthRow = RowOf<typeof costMonths>;

/** The last delivery of each provider, account and month. */
export const costDeliveries = defineTable({
  name: 'cost_deliveries',
  columns: {
    provider: text,
    delivery: text,
    name: text.nullable(),
    mode: oneOf<DeliveryMode>(),
    /** The files that are recorded as a whole. */
    files: jsonb<DeliveredFile[]>(),
    /** The files whose import has started and is not completed. Their lines were recorded since this row. */
    pending: jsonb<DeliveredFile[]>(),
  },
  key: ['provider', 'delivery'],
});

/** A file of a delivery, by its content and how it was read. */
export interface DeliveredFile {
  readonly name: string;
  readonly sha256: string;
  readonly mapping: string;
  readonly rejected: number;
}

export type CostDeliveryRow = RowOf<typeof costDeliveries>;

declare module '#read-model/read-models' {
  interface ReadModels {
    cost_lines: History<CostLineRow>;
    cost_months: History<CostMonthRow>;
    cost_deliveries: History<CostDeliveryRow>;
  }
}
