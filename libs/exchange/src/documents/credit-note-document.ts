import { compareText } from '#domain/compare-text';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { BASE_FEE } from '#domain/plans/plan';
import { compareInstants } from '#domain/time/instant';
import type { CreditNoteView } from '#billing/invoices/credit-notes';
import { html, type Html } from './html.js';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import { assertAddsUp } from './adds-up.js';
import { Dates } from './dates.js';
import { paidForText, type Parties } from './invoice-document.js';
import { type Column, documentPage } from './page.js';
import { byDeployment, figure, headingRow, itemText, negated, refText, sumRow, taxText } from './rows.js';

export interface CreditNoteDocument extends Parties {
  readonly creditNote: CreditNoteView;
  /** The invoice that it credits. */
  readonly invoice: Pick<InvoiceView, 'number' | 'issuedAt' | 'taxes' | 'payerId'>;
}

const COLUMNS: readonly Column[] = [
  { heading: 'Credited', kind: 'name' },
  { heading: 'Tax', kind: 'figure' },
  { heading: 'Tax credited', kind: 'figure' },
  { heading: 'Net credited', kind: 'figure' },
];
const WIDTH = COLUMNS.length;

/**
 * A credit note as sent to the tenant. Its rows are negative. Here they are shown as positive credited amounts. Errors:
 * `DoesNotAddUp`.
 */
export function creditNoteDocument(document: CreditNoteDocument): string {
  const { creditNote, invoice, seller, tenant, timeZone, shownAsOf, deploymentNames } = document;
  const { number, issuedAt, currency, reason, rows, tenantId, subtotal, tax, total } = creditNote;
  const title = `Credit note ${number}`;
  assertAddsUp(
    title,
    'its rows',
    rows.map(({ net }) => negated(net, currency)),
    subtotal,
  );
  assertAddsUp(
    title,
    'the taxes of its rows',
    rows.map((row) => negated(row.tax, currency)),
    tax,
  );
  assertAddsUp(title, 'subtotal and tax', [subtotal, tax], total);
  const dates = new Dates(timeZone);
  return documentPage({
    title,
    mark: null,
    seller,
    tenant,
    tenantId: invoice.payerId ?? tenantId,
    facts: [
      ['Number', number],
      ['Issued', dates.instant(issuedAt)],
      ...(document.paidFor === null ? [] : [['Services for', paidForText(document.paidFor)] as const]),
      [
        'Credits',
        `Invoice ${invoice.number ?? creditNote.invoiceId}` +
          (invoice.issuedAt === null ? '' : `, issued ${dates.instant(invoice.issuedAt)}`),
      ],
      ['Reason', reason],
      ['Currency', currency],
      ...(shownAsOf === null ? [] : [['As recorded up to', shownAsOf] as const]),
    ],
    columns: COLUMNS,
    bodies: [
      ...byDeployment(inOrder(rows), deploymentNames).map(
        ({ title: name, items }) =>
          html`<tbody>${[
            headingRow('section', WIDTH, name),
            ...items.map((row) => creditedRow(row, currency, dates)),
          ]}</tbody>`,
      ),
      totalsBody(document),
    ],
    notes: [
      `All amounts are in ${currency}. Days and times are those of ${timeZone};` +
        ' a period of whole days is shown by its first and last day.',
      'The credited amount lowers the amount due of the invoice. The rest, and all of it after payment,' +
        ' is your credit. It is deducted from the amount due of later invoices.',
    ],
    forStaff: [],
  });
}

/** The base fee first, then by kind and charge period, as on invoices. */
const inOrder = (rows: CreditNoteView['rows']): CreditNoteView['rows'] =>
  rows.toSorted(
    (a, b) =>
      compareText(feeFirst(a), feeFirst(b)) ||
      compareInstants(a.period.start, b.period.start) ||
      compareText(a.ref, b.ref),
  );

const feeFirst = ({ billingKind }: { readonly billingKind: string }): string =>
  billingKind === BASE_FEE ? '' : billingKind;

function creditedRow(row: CreditNoteView['rows'][number], currency: string, dates: Dates): Html {
  const of = `${itemText(row)}, ${dates.period(row.period)}: ${refText(row.ref)}`;
  const figures = [`${row.taxRatePercent} %`, negated(row.tax, currency), negated(row.net, currency)];
  return html`<tr class="row"><td>${of}</td>${figures.map(figure)}</tr>`;
}

function totalsBody({ creditNote: { rows, currency, subtotal, total }, invoice }: CreditNoteDocument): Html {
  const taxes = [...Map.groupBy(rows, ({ taxRatePercent }) => taxRatePercent)].map(([ratePercent, of]) => {
    const names = invoice.taxes.flatMap((each) =>
      each.ratePercent === ratePercent && each.name !== null ? [each.name] : [],
    );
    const credited = (field: 'net' | 'tax'): string =>
      moneyText(sum(of.map((row) => decimal(row[field]))).neg(), currency);
    return sumRow(
      'row',
      WIDTH,
      `${taxText(names.length === 0 ? null : names.join(' / '), ratePercent)} on ${credited('net')}`,
      credited('tax'),
    );
  });
  const rowsOf = [
    sumRow('row', WIDTH, 'Subtotal', subtotal),
    ...taxes,
    sumRow('total', WIDTH, `Total credited, ${currency}`, total),
  ];
  return html`<tbody class="totals">${rowsOf}</tbody>`;
}
