import type { RecordedEvent } from '#domain/events';
import { creditAfterVoid, settle } from '#domain/invoices/settlement';
import { type Decimal, decimal, text, ZERO } from '#domain/money/decimal';
import { ignoring } from '#read-model/projection';
import { changing, type Rows, versionedProjection } from '#read-model/versioned';
import { invoiceParts, type InvoiceRow, invoiceRows, invoices, invoiceSeries, tenantCredits } from './invoices.table.js';

const SERIES = 'INV';
const MAX_ROWS_PER_CHUNK = 100_000;

interface Account {
  readonly tenantId: string;
  readonly currency: string;
}
const creditOf = ({ tenantId, currency }: Account, rows: Rows): Decimal => decimal(rows.get(tenantCredits, tenantId, currency)[0]?.credit ?? '0');

function setCredit({ tenantId, currency }: Account, credit: Decimal, rows: Rows): void {
  rows.set(tenantCredits, [tenantId, currency], credit.eq(ZERO) ? [] : [{ tenant_id: tenantId, currency, credit: text(credit) }]);
}

function voidInvoice({ data }: RecordedEvent<'InvoiceVoided'>, rows: Rows): void {
  for (const { total, credit_taken: taken } of rows.get(invoices, data.invoiceId)) {
    if (total === null || taken === null) continue;
    setCredit(data, creditAfterVoid(creditOf(data, rows), { total: decimal(total), creditTaken: decimal(taken) }), rows);
  }
  rows.set(
    invoices,
    [data.invoiceId],
    rows.get(invoices, data.invoiceId).map((row): InvoiceRow => ({ ...row, status: 'void', voided_at: data.at, credit_taken: null, amount_due: null })),
  );
}

function issue({ data }: RecordedEvent<'InvoiceIssued'>, rows: Rows): void {
  const ordinal = (rows.get(invoiceSeries, SERIES)[0]?.last_ordinal ?? 0) + 1;
  rows.set(invoiceSeries, [SERIES], [{ series: SERIES, last_ordinal: ordinal }]);
  const { creditTaken, amountDue, creditLeft } = settle(decimal(data.total), creditOf(data, rows));
  setCredit(data, creditLeft, rows);
  rows.set(
    invoices,
    [data.invoiceId],
    rows.get(invoices, data.invoiceId).map(
      (row): InvoiceRow => ({
        ...row,
        status: 'issued',
        rows_attempt: data.attempt,
        ordinal,
        issued_at: data.issuedAt,
        computed_at: data.computedAt,
        subtotal: data.subtotal,
        tax: data.tax,
        total: data.total,
        credit_taken: text(creditTaken),
        amount_due: text(amountDue),
        quarantined: data.quarantined ?? [],
      }),
    ),
  );
}

export const invoicesProjection = versionedProjection({
  name: 'invoices',
  version: 2,
  tables: [invoices, invoiceSeries, tenantCredits, invoiceParts, invoiceRows],
  on: {
    InvoicePartsClaimed: {
      touches: ({ data }) => data.parts.map(({ partId }) => ({ table: invoiceParts, group: [data.invoiceId, data.attempt, partId] })),
      apply: ({ data }, rows) => {
        for (const { partId, lineId, period } of data.parts) {
          rows.set(invoiceParts, [data.invoiceId, data.attempt, partId], [
            { invoice_id: data.invoiceId, attempt: data.attempt, part_id: partId, line_id: lineId, period_start: period.start, period_end: period.end },
          ]);
        }
      },
    },
    InvoiceDrafted: changing(invoices, ({ data }) => [data.invoiceId], ({ data }): InvoiceRow[] => [
      {
        invoice_id: data.invoiceId,
        tenant_id: data.tenantId,
        currency: data.currency,
        as_of: data.asOf,
        status: 'draft',
        parts_attempt: data.attempt,
        rows_attempt: null,
        ordinal: null,
        issued_at: null,
        computed_at: null,
        subtotal: null,
        tax: null,
        total: null,
        credit_taken: null,
        amount_due: null,
        quarantined: null,
        paid_at: null,
        voided_at: null,
      },
    ]),
    InvoiceRowsFrozen: {
      touches: ({ data }) => data.rows.map(({ rowId }) => ({ table: invoiceRows, group: [data.invoiceId, data.attempt, rowId] })),
      apply: ({ data }, rows) => {
        for (const [index, row] of data.rows.entries()) {
          const { invoiceId, attempt } = data;
          rows.set(invoiceRows, [invoiceId, attempt, row.rowId], [
            {
              invoice_id: invoiceId,
              attempt,
              row_id: row.rowId,
              n: data.n * MAX_ROWS_PER_CHUNK + index,
              line_id: row.lineId,
              part_id: row.partId,
              row,
            },
          ]);
        }
      },
    },
    InvoiceIssued: {
      touches: ({ data }) => [
        { table: invoices, group: [data.invoiceId] },
        { table: invoiceSeries, group: [SERIES] },
        { table: tenantCredits, group: [data.tenantId, data.currency] },
      ],
      apply: issue,
    },
    InvoiceVoided: {
      touches: ({ data }) => [
        { table: invoices, group: [data.invoiceId] },
        { table: tenantCredits, group: [data.tenantId, data.currency] },
      ],
      apply: voidInvoice,
    },
    InvoicePaid: changing(invoices, ({ data }) => [data.invoiceId], ({ data }, rows) =>
      rows.map((row): InvoiceRow => ({ ...row, status: 'paid', paid_at: data.at })),
    ),
    ...ignoring('TenantRegistered', 'TenantTaxSet'),
    ...ignoring('DeploymentRegistered', 'DeploymentAssigned', 'SubscriptionStarted', 'SubscriptionPlanChanged', 'SubscriptionCancelled'),
    ...ignoring('ResourcesObserved', 'ResourceRemoved', 'ResourceCorrected'),
    ...ignoring('MeteringConfigured', 'DayMetered'),
    ...ignoring('UsageObserved', 'UsageCorrected'),
    ...ignoring('RateSet', 'RateCorrected', 'RateWithdrawn'),
    ...ignoring('PlanPublished', 'PlanPriceCorrected'),
    ...ignoring('LineOpened', 'LineSplit'),
    ...ignoring('CostRecorded', 'CostCorrected'),
    ...ignoring('CommandUnchanged'),
  },
});
