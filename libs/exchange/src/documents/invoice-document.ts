import { decimal, ZERO } from '#domain/money/decimal';
import { html, type Html } from './html.js';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import type { Details } from '#ledger/tenant-details';
import {
  COLUMNS,
  type Grants,
  type Line,
  lineBodies,
  settledRows,
  shownLines,
  taxRows,
  WIDTH,
} from './invoice-bodies.js';
import { assertFiguresAddUp, assertSettled } from './invoice-sums.js';
import { Dates } from './dates.js';
import { documentPage, type Mark } from './page.js';
import { headingRow, kindText, negated, sumRow } from './rows.js';

/** Details of a document other than its figures. */
export interface Parties {
  readonly seller: string | null;
  /** Whom the invoice is addressed to, as it was when it was issued. null: it was erased. */
  readonly tenant: Details | null;
  /** The billed tenant, if another pays. null: it is addressed to itself. */
  readonly paidFor: PaidFor | null;
  readonly timeZone: string;
  readonly deploymentNames: ReadonlyMap<string, string>;
  /** Present if the document was requested as of an earlier instant or position. */
  readonly shownAsOf: string | null;
}

/** A tenant for which another pays. */
export interface PaidFor {
  readonly tenantId: string;
  /** null: it was erased. */
  readonly name: string | null;
}

/** `Globex Lab (globex-lab)`. */
export const paidForText = ({ tenantId, name }: PaidFor): string => `${name ?? '[name erased]'} (${tenantId})`;

export interface InvoiceDocument extends Parties {
  readonly invoice: InvoiceView;
  readonly grants: Grants;
  /** It is part of a consolidated invoice, also where the reader may not see which. That one is due, not this one. */
  readonly isConsolidated: boolean;
  readonly forStaff: boolean;
  /** Lines whose amounts are all 0 are not shown. */
  readonly withoutZeroLines: boolean;
}

/**
 * An invoice as sent to the tenant: HTML for print. It shows only figures of the view, and compares every sum that it
 * shows with the view. Errors: `DoesNotAddUp`.
 */
export function invoiceDocument(document: InvoiceDocument): string {
  const { invoice } = document;
  const title = titleOf(invoice);
  assertFiguresAddUp(invoice, title);
  assertSettled(invoice, title);
  const dates = new Dates(document.timeZone);
  const shown = shownLines(invoice, document.withoutZeroLines);
  return documentPage({
    title,
    mark: markOf(invoice, dates),
    ...noticeOf(invoice),
    seller: document.seller,
    tenant: document.tenant,
    tenantId: invoice.payerId ?? invoice.tenantId,
    facts: factsOf(document, dates),
    columns: COLUMNS,
    bodies: [
      ...lineBodies({ ...document, lines: shown }, dates, title),
      totalsBody(invoice, dates),
      ...creditNotesBody(invoice, dates),
    ],
    notes: notesOf(invoice, dates, shown),
    forStaff:
      document.forStaff && invoice.status === 'draft'
        ? invoice.quarantined.map(({ code, message }) => `Not billed (${code}): ${message}`)
        : [],
  });
}

const titleOf = ({ number, status, invoiceId }: InvoiceView): string => {
  if (number !== null) return `Invoice ${number}`;
  return status === 'draft' ? 'Draft of an invoice' : `Invoice draft ${invoiceId}`;
};

function markOf({ status, voidedAt }: InvoiceView, dates: Dates): Mark | null {
  if (status === 'draft')
    return {
      word: 'DRAFT',
      says: 'This is not an invoice. Do not pay it. Its figures may change until it is issued.',
    };
  if (status === 'void')
    return {
      word: 'VOID',
      says: `This invoice was voided${voidedAt === null ? '' : ` on ${dates.instant(voidedAt)}`}.` + ' Do not pay it.',
    };
  return null;
}

/** Whoever pays both would pay twice. */
function noticeOf({ consolidatedInvoiceNumber: of, amountDue, amountPaid }: InvoiceView): { notice?: string } {
  if (of === null) return {};
  const isLeft = decimal(amountDue).gt(decimal(amountPaid));
  return { notice: `Part of consolidated invoice ${of}.${isLeft ? ' Pay that one.' : ''}` };
}

const STATUS: Readonly<Record<InvoiceView['status'], string>> = {
  draft: 'Draft',
  issued: 'Issued',
  paid: 'Paid',
  void: 'Void',
};

function factsOf(
  { invoice, paidFor, shownAsOf, isConsolidated }: InvoiceDocument,
  dates: Dates,
): (readonly [string, string])[] {
  const { number, status, issuedAt, dueAt, asOf, currency, paidAt, voidedAt, selection } = invoice;
  const selected = [
    ...(selection?.billingKinds ?? []).map(kindText),
    ...(selection?.subscriptionIds ?? []).map((id) => `subscription ${id}`),
  ];
  return [
    ['Number', number ?? 'none'],
    ['Status', STATUS[status]],
    ['Issued', issuedAt === null ? 'not issued' : dates.instant(issuedAt)],
    ...(dueAt === null || status === 'void' || isConsolidated ? [] : [['Due', dates.instant(dueAt)] as const]),
    ...(paidFor === null ? [] : [['Services for', paidForText(paidFor)] as const]),
    ['Billed up to', dates.instant(asOf)],
    ...(selected.length === 0 ? [] : [['Bills only', selected.join(', ')] as const]),
    ['Currency', currency],
    ...(paidAt === null ? [] : [['Paid', dates.instant(paidAt)] as const]),
    ...(voidedAt === null ? [] : [['Voided', dates.instant(voidedAt)] as const]),
    ...(shownAsOf === null ? [] : [['As recorded up to', shownAsOf] as const]),
  ];
}

function totalsBody(invoice: InvoiceView, dates: Dates): Html {
  const { currency, subtotal, taxes, total } = invoice;
  return html`<tbody class="totals">${[
    sumRow('row', WIDTH, 'Subtotal', subtotal),
    ...taxRows(taxes),
    sumRow('sum', WIDTH, `Total, ${currency}`, total),
    ...settlementRows(invoice, dates),
  ]}</tbody>`;
}

function settlementRows(invoice: InvoiceView, dates: Dates): Html[] {
  const { status, currency, total, amountDue, paidAt } = invoice;
  if (status === 'void') return [sumRow('total', WIDTH, `Amount due, ${currency}: none (invoice is void)`, amountDue)];
  const credit = decimal(total).lt(ZERO)
    ? [sumRow('row', WIDTH, 'Your credit, deducted from later invoices', negated(total, currency))]
    : [];
  const due = {
    draft: 'Amount due if issued now',
    issued: 'Amount due',
    paid: `Paid${paidAt === null ? '' : ` on ${dates.instant(paidAt)}`}`,
  }[status];
  return [...credit, ...settledRows(invoice, { taken: 'Deducted from your credit of earlier invoices', due })];
}

function creditNotesBody({ creditNotes }: InvoiceView, dates: Dates): Html[] {
  if (creditNotes.length === 0) return [];
  const rows = creditNotes.map(({ number, issuedAt, reason, total }) =>
    sumRow('row', WIDTH, `${number}, issued ${dates.instant(issuedAt)}: ${reason}`, total),
  );
  return [html`<tbody>${headingRow('section', WIDTH, 'Credit notes of this invoice', 'tax included')}${rows}</tbody>`];
}

const notesOf = ({ currency }: InvoiceView, { timeZone }: Dates, lines: readonly Line[]): string[] => [
  `All amounts are in ${currency}. Days and times are those of ${timeZone};` +
    ' a period of whole days is shown by its first and last day.',
  ...notesOfLines(lines),
];

/** What a reader needs to know of lines of these kinds. */
export function notesOfLines(lines: readonly Line[]): string[] {
  return [
    ...(lines.some(({ parentLineId }) => parentLineId !== null)
      ? [
          'If only part of a period is billed, the rest is on other invoices. Rounding is over the whole period,' +
            ' so a part may differ by a cent from quantity × unit amount.',
        ]
      : []),
    ...(lines.some(({ rows }) => rows.some(({ arithmetic }) => arithmetic !== undefined))
      ? [
          'A fee or a minimum for a part of a billing period is the whole amount × the seconds (s) charged ÷ the' +
            ' seconds of the billing period. What was booked for it already is deducted.',
        ]
      : []),
    ...(lines.some(({ correction }) => correction)
      ? [
          'A correction reverses a row of an earlier invoice and bills the right amount.' +
            ' The earlier invoice itself does not change.',
        ]
      : []),
  ];
}
