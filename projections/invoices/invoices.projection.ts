import type { RecordedEvent } from '#domain/events';
import type { Series } from '#domain/invoices/invoice';
import { creditAfterVoid, credited, settle } from '#domain/invoices/settlement';
import { type Decimal, decimal, text, ZERO } from '#domain/money/decimal';
import type { NewRowOf } from '#read-model/table';
import { changing, type Handler, type Rows } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import {
  creditNotes,
  invoiceParts,
  type InvoiceRow,
  invoiceRows,
  invoices,
  invoiceSeries,
  tenantCredits,
} from './invoices.table.js';

const MAX_ROWS_PER_CHUNK = 100_000;

interface Account {
  readonly tenantId: string;
  readonly currency: string;
}
const creditOf = ({ tenantId, currency }: Account, rows: Rows): Decimal =>
  decimal(rows.get(tenantCredits, tenantId, currency)[0]?.credit ?? '0');

function setCredit({ tenantId, currency }: Account, credit: Decimal, rows: Rows): void {
  rows.set(
    tenantCredits,
    [tenantId, currency],
    credit.eq(ZERO) ? [] : [{ tenant_id: tenantId, currency, credit: text(credit) }],
  );
}

/**
 * Its credit goes back here. Its usage is open again because no reader counts the claims of a void invoice
 * (`i.status <> 'void'` in invoice-lines.read.ts).
 */
function voidInvoice({ data }: RecordedEvent<'InvoiceVoided'>, rows: Rows): void {
  for (const { total, credit_taken: taken } of rows.get(invoices, data.invoiceId)) {
    if (total === null || taken === null) continue;
    setCredit(
      data,
      creditAfterVoid(creditOf(data, rows), { total: decimal(total), creditTaken: decimal(taken) }),
      rows,
    );
  }
  rows.set(
    invoices,
    [data.invoiceId],
    rows
      .get(invoices, data.invoiceId)
      .map((row): InvoiceRow => ({ ...row, status: 'void', voided_at: data.at, credit_taken: null, amount_due: null })),
  );
}

/** The number of a document is its place in its series, in the order of the log, so there are no gaps. */
function nextOrdinal(series: Series, rows: Rows): number {
  const ordinal = (rows.get(invoiceSeries, series)[0]?.last_ordinal ?? 0) + 1;
  rows.set(invoiceSeries, [series], [{ series, last_ordinal: ordinal }]);
  return ordinal;
}

function noteCredit({ data }: RecordedEvent<'CreditNoteIssued'>, rows: Rows): void {
  rows.set(
    creditNotes,
    [data.creditNoteId],
    [
      {
        credit_note_id: data.creditNoteId,
        invoice_id: data.invoiceId,
        tenant_id: data.tenantId,
        currency: data.currency,
        ordinal: nextOrdinal('CN', rows),
        issued_at: data.issuedAt,
        rows_attempt: data.attempt,
        subtotal: data.subtotal,
        tax: data.tax,
        total: data.total,
        reason: data.reason,
      },
    ],
  );
  const noted = rows.get(invoices, data.invoiceId).map((row): InvoiceRow => {
    const [due, applied] = [row.amount_due, row.amount_applied].map((amount) => decimal(amount ?? '0'));
    const { amountDue, creditLeft } = credited(
      creditOf(data, rows),
      { amountDue: due ?? ZERO, applied: applied ?? ZERO, isPaid: row.status === 'paid' },
      decimal(data.total),
    );
    setCredit(data, creditLeft, rows);
    return { ...row, amount_due: text(amountDue) };
  });
  rows.set(invoices, [data.invoiceId], noted);
}

type Applying = RecordedEvent<
  'PaymentRecorded' | 'PaymentApplied' | 'PaymentApplicationWithdrawn' | 'PaymentWithdrawn'
>;

/** Payments pay invoices. A withdrawal takes back what its payment paid. */
const applying: Handler<Applying['type']> = {
  touches: ({ data }) => data.applied.map(({ invoiceId }) => ({ table: invoices, group: [invoiceId] })),
  apply: ({ type, data }, rows) => {
    for (const { invoiceId, amount } of data.applied) {
      const isTakenBack = type === 'PaymentWithdrawn' || type === 'PaymentApplicationWithdrawn';
      const paid = isTakenBack ? decimal(amount).neg() : decimal(amount);
      rows.set(
        invoices,
        [invoiceId],
        rows.get(invoices, invoiceId).map((row): InvoiceRow => {
          const applied = decimal(row.amount_applied ?? '0').plus(paid);
          return { ...row, amount_applied: applied.eq(ZERO) ? null : text(applied) };
        }),
      );
    }
  },
};

/** A refund without a payment takes credit of the tenant. Its withdrawal gives it back. */
const refunding: Handler<'RefundRecorded' | 'RefundWithdrawn'> = {
  touches: ({ data }) =>
    data.paymentId === undefined ? [{ table: tenantCredits, group: [data.tenantId, data.currency] }] : [],
  apply: ({ type, data }, rows) => {
    if (data.paymentId !== undefined) return;
    const amount = decimal(data.amount);
    setCredit(data, creditOf(data, rows).minus(type === 'RefundRecorded' ? amount : amount.neg()), rows);
  },
};

function issue({ data }: RecordedEvent<'InvoiceIssued'>, rows: Rows): void {
  const ordinal = nextOrdinal('INV', rows);
  const { creditTaken, amountDue, creditLeft } = settle(decimal(data.total), creditOf(data, rows));
  setCredit(data, creditLeft, rows);
  rows.set(
    invoices,
    [data.invoiceId],
    rows.get(invoices, data.invoiceId).map((row): InvoiceRow => ({
      ...row,
      status: 'issued',
      rows_attempt: data.attempt,
      ordinal,
      payer_id: data.payer?.tenantId ?? null,
      issued_at: data.issuedAt,
      due_at: data.dueAt ?? null,
      computed_at: data.computedAt,
      subtotal: data.subtotal,
      tax: data.tax,
      total: data.total,
      credit_taken: text(creditTaken),
      amount_due: text(amountDue),
      quarantined: data.quarantined ?? [],
    })),
  );
}

export const invoicesProjection = versionedProjection('invoices', {
  version: 5,
  tables: [invoices, invoiceSeries, creditNotes, tenantCredits, invoiceParts, invoiceRows],
  on: {
    InvoicePartsClaimed: {
      touches: ({ data }) =>
        data.parts.map(({ partId }) => ({ table: invoiceParts, group: [data.invoiceId, data.attempt, partId] })),
      apply: ({ data }, rows) => {
        for (const { partId, lineId, period } of data.parts) {
          rows.set(
            invoiceParts,
            [data.invoiceId, data.attempt, partId],
            [
              {
                invoice_id: data.invoiceId,
                attempt: data.attempt,
                part_id: partId,
                line_id: lineId,
                period_start: period.start,
                period_end: period.end,
              },
            ],
          );
        }
      },
    },
    InvoiceDrafted: changing(
      invoices,
      ({ data }) => [data.invoiceId],
      ({ data }): NewRowOf<typeof invoices>[] => [
        {
          invoice_id: data.invoiceId,
          tenant_id: data.tenantId,
          currency: data.currency,
          as_of: data.asOf,
          status: 'draft',
          parts_attempt: data.attempt,
          selection: data.selection ?? null,
        },
      ],
    ),
    InvoiceRowsFrozen: {
      touches: ({ data }) =>
        data.rows.map(({ rowId }) => ({ table: invoiceRows, group: [data.invoiceId, data.attempt, rowId] })),
      apply: ({ data }, rows) => {
        for (const [index, row] of data.rows.entries()) {
          const { invoiceId, attempt } = data;
          rows.set(
            invoiceRows,
            [invoiceId, attempt, row.rowId],
            [
              {
                invoice_id: invoiceId,
                attempt,
                row_id: row.rowId,
                n: data.n * MAX_ROWS_PER_CHUNK + index,
                line_id: row.lineId,
                part_id: row.partId,
                row,
              },
            ],
          );
        }
      },
    },
    InvoiceIssued: {
      touches: ({ data }) => [
        { table: invoices, group: [data.invoiceId] },
        { table: invoiceSeries, group: ['INV'] },
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
    CreditNoteIssued: {
      touches: ({ data }) => [
        { table: creditNotes, group: [data.creditNoteId] },
        { table: invoices, group: [data.invoiceId] },
        { table: invoiceSeries, group: ['CN'] },
        { table: tenantCredits, group: [data.tenantId, data.currency] },
      ],
      apply: noteCredit,
    },
    InvoicePaid: changing(
      invoices,
      ({ data }) => [data.invoiceId],
      ({ data }, rows) => rows.map((row): InvoiceRow => ({ ...row, status: 'paid', paid_at: data.at })),
    ),
    InvoicePaymentWithdrawn: changing(
      invoices,
      ({ data }) => [data.invoiceId],
      (_event, rows) => rows.map((row): InvoiceRow => ({ ...row, status: 'issued', paid_at: null })),
    ),
    PaymentRecorded: applying,
    PaymentApplied: applying,
    PaymentApplicationWithdrawn: applying,
    PaymentWithdrawn: applying,
    RefundRecorded: refunding,
    RefundWithdrawn: refunding,
  },
});
