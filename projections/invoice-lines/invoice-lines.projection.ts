import { splitParts } from '#domain/lines/parts';
import { compareInstants } from '#domain/time/instant';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type InvoiceLineRow, invoiceLines } from './invoice-lines.table.js';

export const invoiceLinesProjection = versionedProjection('invoice-lines', {
  version: 2,
  tables: [invoiceLines],
  on: {
    LineOpened: changing(
      invoiceLines,
      ({ data }) => [data.lineId],
      ({ data }): InvoiceLineRow[] => [
        {
          root_line_id: data.lineId,
          line_id: data.lineId,
          parent_line_id: null,
          status: 'valid',
          tenant_id: data.tenantId,
          subscription_id: data.subscriptionId,
          deployment_id: data.deploymentId,
          billing_kind: data.billingKind,
          item_key: data.itemKey,
          currency: data.currency,
          period_start: data.period.start,
          period_end: data.period.end,
        },
      ],
    ),
    LineSplit: changing(
      invoiceLines,
      ({ data }) => [data.lineId],
      ({ data }, rows): InvoiceLineRow[] => {
        const line = rows.find(({ parent_line_id }) => parent_line_id === null);
        if (line === undefined) throw new Error(`Line ${data.lineId} is split but was never opened`);
        const parts = rows
          .filter(({ parent_line_id }) => parent_line_id !== null)
          .sort((a, b) => compareInstants(a.period_start, b.period_start));
        const end = data.lineEnd ?? line.period_end;
        const recorded = parts.length === 0 ? [line] : parts;
        const before = recorded.map((row, index) => ({
          partId: row.line_id,
          // The line may have continued since.
          period: { start: row.period_start, end: recorded[index + 1]?.period_start ?? end },
        }));
        const after = splitParts(data.lineId, before, data).map(({ partId, period }): InvoiceLineRow => ({
          ...line,
          line_id: partId,
          parent_line_id: line.line_id,
          status: 'valid',
          period_start: period.start,
          period_end: period.end,
        }));
        return [{ ...line, status: 'split', period_end: end }, ...after];
      },
    ),
  },
});
