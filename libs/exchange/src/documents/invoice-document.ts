import { BASE_FEE, COMMITMENT } from '#domain/plans/plan';
import { decimal, sum, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { isForPeriod } from '#domain/prices/refs';
import { html, type Html } from './html.js';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import type { Details } from '#ledger/tenant-details';
import { assertAddsUp } from './adds-up.js';
import { assertFiguresAddUp, assertSettled, ofTotal } from './invoice-sums.js';
import { Dates } from './dates.js';
import { type Column, documentPage, type Mark } from './page.js';
import {
  byDeployment,
  deploymentText,
  figure,
  headingRow,
  isZero,
  itemText,
  kindText,
  negated,
  quietly,
  refText,
  sumRow,
  taxText,
} from './rows.js';

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
  /** The coupons and credits of its rows, by id. */
  readonly grants: ReadonlyMap<
    string,
    { readonly kind: 'coupon' | 'credit'; readonly percent: string | null; readonly reason: string | null }
  >;
  readonly forStaff: boolean;
  /** Lines whose amounts are all 0 are not shown. */
  readonly withoutZeroLines: boolean;
}

type Line = InvoiceView['lines'][number];
type Row = Line['rows'][number];

const COLUMNS: readonly Column[] = [
  { heading: 'Description', kind: 'name' },
  { heading: 'Tax', kind: 'figure' },
  { heading: 'Quantity', kind: 'figure' },
  { heading: 'Unit amount', kind: 'figure' },
  { heading: 'Gross', kind: 'figure' },
  { heading: 'Discount', kind: 'figure' },
  { heading: 'Credit', kind: 'figure' },
  { heading: 'Net', kind: 'figure' },
];
const WIDTH = COLUMNS.length;

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
  const billed = billedLines(invoice);
  const shown = document.withoutZeroLines ? billed.filter(({ rows }) => !rows.every(isNothing)) : billed;
  return documentPage({
    title,
    mark: markOf(invoice, dates),
    seller: document.seller,
    tenant: document.tenant,
    tenantId: invoice.payerId ?? invoice.tenantId,
    facts: factsOf(document, dates),
    columns: COLUMNS,
    bodies: [
      ...byDeployment(
        shown.filter(({ correction }) => !correction),
        document.deploymentNames,
      ).map(({ title: name, items }) => deploymentBody(name, items, invoice.currency, dates)),
      ...correctionsBody(
        shown.filter(({ correction }) => correction),
        document,
        dates,
      ),
      ...creditsBody(document, title),
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

/** Lines that could not be rated are not billed, and not shown to the tenant. A later invoice bills them. */
function billedLines({ lines, quarantined }: InvoiceView): Line[] {
  const setAside = new Set(quarantined.map(({ lineId }) => lineId));
  return lines.filter(({ lineId, parentLineId, rows }) => rows.length > 0 || !setAside.has(parentLineId ?? lineId));
}

const isNothing = ({ gross, discount, credit, net, tax }: Row): boolean =>
  [gross, discount, credit, net, tax].every(isZero);

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

const STATUS: Readonly<Record<InvoiceView['status'], string>> = {
  draft: 'Draft',
  issued: 'Issued',
  paid: 'Paid',
  void: 'Void',
};

function factsOf({ invoice, paidFor, shownAsOf }: InvoiceDocument, dates: Dates): (readonly [string, string])[] {
  const { number, status, issuedAt, dueAt, asOf, currency, paidAt, voidedAt, selection } = invoice;
  const selected = [
    ...(selection?.billingKinds ?? []).map(kindText),
    ...(selection?.subscriptionIds ?? []).map((id) => `subscription ${id}`),
  ];
  return [
    ['Number', number ?? 'none'],
    ['Status', STATUS[status]],
    ['Issued', issuedAt === null ? 'not issued' : dates.instant(issuedAt)],
    ...(dueAt === null || status === 'void' ? [] : [['Due', dates.instant(dueAt)] as const]),
    ...(paidFor === null ? [] : [['Services for', paidForText(paidFor)] as const]),
    ['Billed up to', dates.instant(asOf)],
    ...(selected.length === 0 ? [] : [['Bills only', selected.join(', ')] as const]),
    ['Currency', currency],
    ...(paidAt === null ? [] : [['Paid', dates.instant(paidAt)] as const]),
    ...(voidedAt === null ? [] : [['Voided', dates.instant(voidedAt)] as const]),
    ...(shownAsOf === null ? [] : [['As recorded up to', shownAsOf] as const]),
  ];
}

function deploymentBody(title: string, lines: readonly Line[], currency: string, dates: Dates): Html {
  const families = [...Map.groupBy(lines, ({ lineId, parentLineId }) => parentLineId ?? lineId).values()];
  // The fee comes first; otherwise it is the view's order.
  const ordered = [
    ...families.filter(([first]) => first?.billingKind === BASE_FEE),
    ...families.filter(([first]) => first?.billingKind !== BASE_FEE),
  ];
  const net = moneyText(sum(lines.map((line) => decimal(line.net))), currency);
  const rows = [
    headingRow('section', WIDTH, title),
    ...ordered.flatMap((family) => familyRows(family, currency, dates)),
    sumRow('sum', WIDTH, `Net, ${title}`, net),
  ];
  return html`<tbody>${rows}</tbody>`;
}

/** A split line is the heading of its parts. It is not counted itself. */
function familyRows(family: readonly Line[], currency: string, dates: Dates): Html[] {
  const [first] = family;
  if (first === undefined) return [];
  const kind = itemText(first);
  if (first.parentLineId === null) {
    const said = [usedText(first), includedText(first)].filter((each) => each !== '').join(', ');
    return [
      headingRow('line', WIDTH, `${kind}, ${dates.period(first.period)}`, said),
      ...rowsOf(first, currency, { kind: 'row', dates }),
    ];
  }
  const whole = first.parentPeriod === null ? kind : `${kind}, ${dates.period(first.parentPeriod)}`;
  const included = includedText(first);
  return [
    headingRow('line', WIDTH, whole, included === '' ? 'on this invoice:' : `${included}; on this invoice:`),
    ...family.flatMap((part) => [
      headingRow('part', WIDTH, dates.period(part.period), usedText(part)),
      ...rowsOf(part, currency, { kind: 'row of-part', dates }),
    ]),
  ];
}

const isFlat = ({ billingKind, rows }: Line): boolean =>
  billingKind === BASE_FEE ||
  billingKind === COMMITMENT ||
  (rows.length > 0 && rows.every(({ ref }) => isForPeriod(ref)));

function usedText(line: Line): string {
  if (isFlat(line)) return '';
  const { unitConversion } = line;
  if (unitConversion === null) return `${line.quantity} used`;
  const { operation, factor, rounding = 'none' } = unitConversion;
  return `${line.quantity} used, billed ${operation === 'divide' ? '÷' : '×'} ${factor}${ROUNDED[rounding]}`;
}

const ROUNDED = { none: '', ceiling: ', rounded up', floor: ', rounded down', half_up: ', rounded' } as const;

const includedText = (line: Line): string =>
  line.included === null || isFlat(line) ? '' : `${line.included} included in the whole period`;

function rowsOf(line: Line, currency: string, { kind, dates }: { kind: string; dates: Dates }): Html[] {
  const { rows } = line;
  if (rows.length > 0) return rows.map((row) => amountsRow(kind, within(line, row, refText(row.ref), dates), row));
  return [
    html`<tr class="${kind}"><td colspan="${WIDTH - 1}">Nothing to pay</td>${figure(moneyText(ZERO, currency))}</tr>`,
  ];
}

/** With the period of the charge, where that is only a part of the line's. */
function within({ period }: Line, { chargePeriod }: Row, description: string, dates: Dates): string {
  const isWhole = chargePeriod.start === period.start && chargePeriod.end === period.end;
  return isWhole ? description : `${description}, ${dates.period(chargePeriod)}`;
}

function amountsRow(kind: string, description: string, row: Row, remark = ''): Html {
  const { taxRatePercent, quantity, unitAmount, unit, gross, discount, credit, net, arithmetic } = row;
  const perUnit = unit === undefined ? unitAmount : `${unitAmount} / ${unit}`;
  const figures = [`${taxRatePercent} %`, quantity, perUnit, gross, discount, credit, net];
  const name = html`<td>${description}${quietly(arithmetic)}${quietly(remark)}</td>`;
  return html`<tr class="${kind}">${name}${figures.map(figure)}</tr>`;
}

/** Corrections of what earlier invoices billed too much or too little. */
function correctionsBody(lines: readonly Line[], { invoice, deploymentNames }: InvoiceDocument, dates: Dates): Html[] {
  if (lines.length === 0) return [];
  const net = moneyText(sum(lines.map((line) => decimal(line.net))), invoice.currency);
  const rows = lines.flatMap((line) => {
    const reasons = [...new Set(line.rows.flatMap(({ reason }) => (reason === undefined ? [] : [reason])))];
    const name = deploymentText(deploymentNames, line.deploymentId);
    const of = `${name}: ${itemText(line)}, ${dates.period(line.period)}`;
    return [
      headingRow('line', WIDTH, of, reasons.length === 0 ? '' : `reason: ${reasons.join('; ')}`),
      ...line.rows.map((row) =>
        amountsRow('row', within(line, row, correctionText(row), dates), row, priceText(row, dates)),
      ),
    ];
  });
  return [
    html`<tbody>${[
      headingRow('section', WIDTH, 'Corrections of earlier invoices'),
      ...rows,
      sumRow('sum', WIDTH, 'Net, corrections', net),
    ]}</tbody>`,
  ];
}

function correctionText({ kind, ref, correctsInvoices = [] }: Row): string {
  const numbers = correctsInvoices.join(', ');
  if (kind === 'reversal') return `${refText(ref)}: ${numbers === '' ? 'reversed' : `billed on ${numbers}, reversed`}`;
  return `${refText(ref)}: ${numbers === '' ? 'corrected' : `corrected, replaces ${numbers}`}`;
}

/** The price of a rebooked row, if it was changed: `price 0.60 from 2026-04-01, changed since: a typo`. */
function priceText({ price }: Row, dates: Dates): string {
  if (price === undefined || price.setBy === null) return '';
  const { rateKey, amount, effectiveFrom, setBy } = price;
  const name = rateKey === null ? 'price' : `price of ${rateKey}`;
  const reason = setBy.reason === null ? '' : `: ${setBy.reason}`;
  return `${name} ${amount} from ${dates.instant(effectiveFrom)}, changed since${reason}`;
}

/** Coupons and credits by their origin. The rows above already contain them. */
function creditsBody({ invoice, grants }: InvoiceDocument, title: string): Html[] {
  const rows = invoice.lines.flatMap((line) => line.rows);
  const taken = [
    ...Map.groupBy(
      rows.flatMap(({ credits = [] }) => credits),
      ({ creditId }) => creditId,
    ),
  ].map(([creditId, of]) => ({
    creditId,
    amount: moneyText(sum(of.map(({ amount }) => decimal(amount))), invoice.currency),
  }));
  if (taken.length === 0) return [];
  const all = moneyText(sum(rows.map(({ credit }) => decimal(credit))), invoice.currency);
  assertAddsUp(
    title,
    'coupons and credits used',
    taken.map(({ amount }) => amount),
    all,
  );
  const heading = headingRow('section', WIDTH, 'Coupons and credits used', 'included in the rows above');
  const named = taken.map(({ creditId, amount }) => {
    const grant = grantText(creditId, grants.get(creditId));
    return html`<tr class="row"><td colspan="6">${grant}</td>${figure(amount)}<td></td></tr>`;
  });
  return [html`<tbody>${heading}${named}</tbody>`];
}

function grantText(
  creditId: string,
  grant: { readonly kind: string; readonly percent: string | null; readonly reason: string | null } | undefined,
): string {
  if (grant === undefined) return creditId;
  const percent = grant.percent === null ? '' : `, ${grant.percent} %`;
  const reason = grant.reason === null ? '' : `: ${grant.reason}`;
  return `${grant.kind === 'coupon' ? 'Coupon' : 'Credit'} ${creditId}${percent}${reason}`;
}

function totalsBody(invoice: InvoiceView, dates: Dates): Html {
  const { currency, subtotal, taxes, total } = invoice;
  return html`<tbody class="totals">${sumRow('row', WIDTH, 'Subtotal', subtotal)}${taxes.map(
    ({ name, ratePercent, net, tax }) => sumRow('row', WIDTH, `${taxText(name, ratePercent)} on ${net}`, tax),
  )}${sumRow('sum', WIDTH, `Total, ${currency}`, total)}${settlementRows(invoice, dates)}</tbody>`;
}

function settlementRows(
  { status, currency, total, creditTaken, amountDue, amountPaid, paidAt }: InvoiceView,
  dates: Dates,
): Html[] {
  if (status === 'void') return [sumRow('total', WIDTH, `Amount due, ${currency}: none (invoice is void)`, amountDue)];
  const noted = moneyText(ofTotal(total).minus(decimal(creditTaken)).minus(decimal(amountDue)), currency);
  const credit = decimal(total).lt(ZERO)
    ? [sumRow('row', WIDTH, 'Your credit, deducted from later invoices', negated(total, currency))]
    : [];
  const isPartPaid = status === 'issued' && !isZero(amountPaid);
  const left = isPartPaid ? moneyText(decimal(amountDue).minus(decimal(amountPaid)), currency) : amountDue;
  const due = {
    draft: 'Amount due if issued now',
    issued: 'Amount due',
    paid: `Paid${paidAt === null ? '' : ` on ${dates.instant(paidAt)}`}`,
  }[status];
  return [
    ...credit,
    ...(isZero(creditTaken)
      ? []
      : [sumRow('row', WIDTH, 'Deducted from your credit of earlier invoices', negated(creditTaken, currency))]),
    ...(isZero(noted) ? [] : [sumRow('row', WIDTH, 'Credit notes', negated(noted, currency))]),
    ...(isPartPaid
      ? [
          sumRow('row', WIDTH, 'Amount due before payments', amountDue),
          sumRow('row', WIDTH, 'Payments', negated(amountPaid, currency)),
        ]
      : []),
    sumRow('total', WIDTH, `${due}, ${currency}`, left),
  ];
}

function creditNotesBody({ creditNotes }: InvoiceView, dates: Dates): Html[] {
  if (creditNotes.length === 0) return [];
  const rows = creditNotes.map(({ number, issuedAt, reason, total }) =>
    sumRow('row', WIDTH, `${number}, issued ${dates.instant(issuedAt)}: ${reason}`, total),
  );
  return [html`<tbody>${headingRow('section', WIDTH, 'Credit notes of this invoice', 'tax included')}${rows}</tbody>`];
}

function notesOf({ currency }: InvoiceView, { timeZone }: Dates, lines: readonly Line[]): string[] {
  return [
    `All amounts are in ${currency}. Days and times are those of ${timeZone};` +
      ' a period of whole days is shown by its first and last day.',
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
