import type { ConsolidatedView } from '#billing/invoices/consolidated';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import type { Details } from '#ledger/tenant-details';
import { assertAddsUp } from './adds-up.js';
import { Dates } from './dates.js';
import { html, type Html } from './html.js';
import { COLUMNS, type Grants, lineBodies, settledRows, shownLines, taxRows, WIDTH } from './invoice-bodies.js';
import { notesOfLines, type PaidFor, paidForText } from './invoice-document.js';
import { assertFiguresAddUp, assertSettled } from './invoice-sums.js';
import { documentPage, type Mark } from './page.js';
import { headingRow, isZero, sumRow } from './rows.js';

/** The invoices of one tenant. */
export interface TenantSection extends PaidFor {
  readonly timeZone: string;
  readonly invoices: readonly InvoiceView[];
  /** The coupons and credits of their rows. */
  readonly grants: Grants;
}

export interface ConsolidatedDocument {
  readonly consolidated: ConsolidatedView;
  readonly sections: readonly TenantSection[];
  readonly seller: string | null;
  /** The payer, as it was when it was issued. null: it was erased. */
  readonly payer: Details | null;
  /** Of the payer. */
  readonly timeZone: string;
  readonly deploymentNames: ReadonlyMap<string, string>;
  readonly shownAsOf: string | null;
  /** Lines whose amounts are all 0 are not shown. */
  readonly withoutZeroLines: boolean;
}

/**
 * A consolidated invoice as sent to the payer: a section for each tenant, with the lines of each of its invoices. It
 * shows only figures of the views, and compares every sum that it shows with them. Errors: `DoesNotAddUp`.
 */
export function consolidatedDocument(document: ConsolidatedDocument): string {
  const { consolidated, sections, seller, payer, timeZone } = document;
  const { number, payerId, currency } = consolidated;
  const title = `Consolidated invoice ${number}`;
  assertConsolidated(document, title);
  const dates = new Dates(timeZone);
  const lines = sections.flatMap(({ invoices }) =>
    invoices.flatMap((invoice) => shownLines(invoice, document.withoutZeroLines)),
  );
  return documentPage({
    title,
    mark: markOf(consolidated, dates),
    seller,
    tenant: payer,
    tenantId: payerId,
    facts: factsOf(document, dates),
    columns: COLUMNS,
    bodies: [
      ...sections.flatMap((section) => sectionBodies(section, document, title)),
      totalsBody(document),
      ...creditNotesBody(sections, dates),
    ],
    notes: [
      `All amounts are in ${currency}. Days and times are those of ${timeZone}, and in the section of a tenant those` +
        ' that it names; a period of whole days is shown by its first and last day.',
      ...placeNotes(consolidated),
      ...notesOfLines(lines),
    ],
    forStaff: [],
  });
}

function placeNotes({ status }: ConsolidatedView): string[] {
  if (status === 'void') return [];
  const place = 'It takes the place of the invoices that it names';
  return [status === 'paid' ? `${place}.` : `${place}: pay its amount due, and none of them by itself.`];
}

/** Its sums are those of its invoices, and these add up. Errors: `DoesNotAddUp`. */
function assertConsolidated({ consolidated, sections }: ConsolidatedDocument, title: string): void {
  const invoices = sections.flatMap((section) => section.invoices);
  for (const invoice of invoices) {
    const of = `${title}, invoice ${invoice.number ?? invoice.invoiceId}`;
    assertFiguresAddUp(invoice, of);
    assertSettled(invoice, of);
  }
  const { subtotal, tax, total, taxes, tenants, status } = consolidated;
  const whole = { subtotal, tax, total };
  for (const [field, amount] of Object.entries(whole) as [keyof typeof whole, string][]) {
    const of = (each: Readonly<Record<keyof typeof whole, string>>): string => each[field];
    assertAddsUp(title, `the ${field} of each invoice`, invoices.map(of), amount);
    assertAddsUp(title, `the ${field} of each tenant`, tenants.map(of), amount);
  }
  const added = (field: 'net' | 'tax'): string[] => taxes.map((each) => each[field]);
  assertAddsUp(title, 'the taxable amounts of each rate', added('net'), subtotal);
  assertAddsUp(title, 'the taxes at each rate', added('tax'), tax);
  if (status === 'void') return;
  const due = invoices.map(({ amountDue }) => amountDue);
  assertAddsUp(title, 'the amounts due of each invoice', due, consolidated.amountDue);
}

const markOf = ({ status, voidedAt }: ConsolidatedView, dates: Dates): Mark | null =>
  status === 'void'
    ? {
        word: 'VOID',
        says:
          `This consolidated invoice was voided${voidedAt === null ? '' : ` on ${dates.instant(voidedAt)}`}.` +
          ' Do not pay it.',
      }
    : null;

const STATUS: Readonly<Record<ConsolidatedView['status'], string>> = { issued: 'Issued', paid: 'Paid', void: 'Void' };

function factsOf(
  { consolidated, sections, shownAsOf }: ConsolidatedDocument,
  dates: Dates,
): (readonly [string, string])[] {
  const { number, status, issuedAt, dueAt, voidedAt, currency } = consolidated;
  return [
    ['Number', number],
    ['Status', STATUS[status]],
    ['Issued', dates.instant(issuedAt)],
    ...(dueAt === null || status === 'void' ? [] : [['Due', dates.instant(dueAt)] as const]),
    ['Services for', sections.map(paidForText).join(', ')],
    ['Currency', currency],
    ...(voidedAt === null ? [] : [['Voided', dates.instant(voidedAt)] as const]),
    ...(shownAsOf === null ? [] : [['As recorded up to', shownAsOf] as const]),
  ];
}

function sectionBodies(section: TenantSection, document: ConsolidatedDocument, title: string): Html[] {
  const { tenantId, timeZone, invoices, grants } = section;
  const { deploymentNames, withoutZeroLines, consolidated } = document;
  const dates = new Dates(timeZone);
  const name = paidForText(section);
  const own = consolidated.tenants.find((each) => each.tenantId === tenantId);
  const elsewhere = timeZone === document.timeZone ? '' : `days and times are those of ${timeZone}`;
  return [
    html`<tbody>${headingRow('tenant', WIDTH, name, elsewhere)}</tbody>`,
    ...invoices.flatMap((invoice) => [
      html`<tbody>${headingRow('invoice', WIDTH, `Invoice ${invoice.number ?? ''}`, saidOf(invoice, dates))}</tbody>`,
      ...lineBodies({ invoice, lines: shownLines(invoice, withoutZeroLines), deploymentNames, grants }, dates, title),
      html`<tbody>${sumRows(`Invoice ${invoice.number ?? ''}`, invoice, invoice.taxes)}</tbody>`,
    ]),
    // Of one invoice, the sums of the tenant would repeat it.
    ...(own === undefined || invoices.length < 2 ? [] : [html`<tbody>${sumRows(name, own, null)}</tbody>`]),
  ];
}

const saidOf = ({ issuedAt, asOf }: InvoiceView, dates: Dates): string =>
  [...(issuedAt === null ? [] : [`issued ${dates.instant(issuedAt)}`]), `billed up to ${dates.instant(asOf)}`].join(
    ', ',
  );

/** `taxes`: null shows the tax as one sum. */
function sumRows(
  name: string,
  { subtotal, tax, total }: Pick<InvoiceView, 'subtotal' | 'tax' | 'total'>,
  taxes: InvoiceView['taxes'] | null,
): Html[] {
  return [
    sumRow('sum', WIDTH, `Net, ${name}`, subtotal),
    ...(taxes === null ? [sumRow('row', WIDTH, `Tax, ${name}`, tax)] : taxRows(taxes)),
    sumRow('sum', WIDTH, `Total, ${name}`, total),
  ];
}

function totalsBody({ consolidated }: ConsolidatedDocument): Html {
  const { currency, subtotal, taxes, total } = consolidated;
  return html`<tbody class="totals">${headingRow('tenant', WIDTH, 'All invoices')}${[
    sumRow('row', WIDTH, 'Subtotal', subtotal),
    ...taxRows(taxes),
    sumRow('sum', WIDTH, `Total, ${currency}`, total),
    ...settlementRows(consolidated),
  ]}</tbody>`;
}

function settlementRows(consolidated: ConsolidatedView): Html[] {
  const { status, currency, amountDue } = consolidated;
  if (status === 'void') return [sumRow('total', WIDTH, `Amount due, ${currency}: none (it is void)`, amountDue)];
  return settledRows(consolidated, {
    taken: 'Deducted from the credit of the tenants',
    // Of what credit covers in full, nothing was paid.
    due: status === 'paid' && !isZero(amountDue) ? 'Paid' : 'Amount due',
  });
}

function creditNotesBody(sections: readonly TenantSection[], dates: Dates): Html[] {
  const rows = sections.flatMap(({ invoices }) =>
    invoices.flatMap((invoice) =>
      invoice.creditNotes.map(({ number, issuedAt, reason, total }) =>
        sumRow(
          'row',
          WIDTH,
          `${number} of invoice ${invoice.number ?? ''}, issued ${dates.instant(issuedAt)}: ${reason}`,
          total,
        ),
      ),
    ),
  );
  if (rows.length === 0) return [];
  return [
    html`<tbody>${headingRow('section', WIDTH, 'Credit notes of these invoices', 'tax included')}${rows}</tbody>`,
  ];
}
