import type { RecordedEvent } from '#domain/events';
import { changing, type Handler } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { costDeliveries, type CostDeliveryRow, type CostLineRow, costLines } from './costs.table.js';

type CostEvents = 'CostRecorded' | 'CostCorrected';
type Line = RecordedEvent<CostEvents>['data']['lines'][number];

const toRow = (provider: string, invoiceRef: string, line: Line): CostLineRow => ({
  provider,
  invoice_ref: invoiceRef,
  line_key: line.lineKey,
  resource_id: line.resourceId ?? null,
  kind: line.kind,
  charge_period_start: line.chargePeriod.start,
  charge_period_end: line.chargePeriod.end,
  amount: line.amount,
  effective_amount: line.effectiveAmount ?? null,
  currency: line.currency,
  category: line.category,
  class: line.class ?? null,
  tenant_id: line.tenantId ?? null,
  description: line.description ?? null,
  focus: line.focus ?? null,
});

/** Both events set lines: a correction contains the corrected lines as a whole. */
const setLines: Handler<CostEvents> = {
  touches: ({ data }) =>
    data.lines.map(({ lineKey }) => ({ table: costLines, group: [data.provider, data.invoiceRef, lineKey] })),
  apply: ({ data }, rows) => {
    for (const line of data.lines) {
      rows.set(
        costLines,
        [data.provider, data.invoiceRef, line.lineKey],
        [toRow(data.provider, data.invoiceRef, line)],
      );
    }
  },
};

const ofDelivery = ({ data }: { readonly data: Pick<CostDeliveryRow, 'provider' | 'delivery'> }): readonly string[] => [
  data.provider,
  data.delivery,
];

export const costsProjection = versionedProjection('costs', {
  version: 3,
  tables: [costLines, costDeliveries],
  on: {
    CostRecorded: setLines,
    CostCorrected: setLines,
    CostWithdrawn: changing(
      costLines,
      ({ data }) => [data.provider, data.invoiceRef, data.lineKey],
      () => [],
    ),
    CostDeliveryStarted: changing<'CostDeliveryStarted', typeof costDeliveries>(
      costDeliveries,
      ofDelivery,
      ({ data }, [before]) => [
        {
          provider: data.provider,
          delivery: data.delivery,
          // What is not the whole joins the delivery that is there.
          name: (data.mode === 'whole' || before === undefined ? data.name : before.name) ?? null,
          mode: data.mode,
          files: data.mode === 'whole' ? [] : (before?.files ?? []),
          pending: data.files,
        },
      ],
    ),
    CostDeliveryCompleted: changing<'CostDeliveryCompleted', typeof costDeliveries>(
      costDeliveries,
      ofDelivery,
      (_, rows) => rows.map((row) => ({ ...row, files: [...row.files, ...row.pending], pending: [] })),
    ),
  },
});
