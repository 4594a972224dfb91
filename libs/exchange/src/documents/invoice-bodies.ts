import { BASE_FEE, COMMITMENT } from '#domain/plans/plan';
import { decimal, sum, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { isForPeriod } from '#domain/prices/refs';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import { assertAddsUp } from './adds-up.js';
import type { Dates } from './dates.js';
import { html, type Html } from './html.js';
import { ofTotal } from './invoice-sums.js';
import type { Column } from './page.js';
import {
  byDeployment,
  deploymentText,
  figure,
  headingRow,
  isZero,
  itemText,
  negated,
  quietly,
  refText,
  sumRow,
  taxText,
} from './rows.js';

export type Line = InvoiceView['lines'][number];
type Row = Line['rows'][number];

export const COLUMNS: readonly Column[] = [
  { heading: 'Description', kind: 'name' },
  { heading: 'Tax', kind: 'figure' },
  { heading: 'Quantity', kind: 'figure' },
  { heading: 'Unit amount', kind: 'figure' },
  { heading: 'Gross', kind: 'figure' },
  { heading: 'Discount', kind: 'figure' },
  { heading: 'Credit', kind: 'figure' },
  { heading: 'Net', kind: 'figure' },
];
export const WIDTH = COLUMNS.length;

/** Coupons and credits, by id. */
export type Grants = ReadonlyMap<
  string,
  { readonly kind: 'coupon' | 'credit'; readonly percent: string | null; readonly reason: string | null }
>;

/** Lines of an invoice, and what they name. */
export interface ShownLines {
  readonly invoice: InvoiceView;
  readonly lines: readonly Line[];
  readonly deploymentNames: ReadonlyMap<string, string>;
  /** The coupons and credits of its rows. */
  readonly grants: Grants;
}

/** The lines of an invoice by deployment, then corrections, coupons and credits. `title`: of the document. */
export function lineBodies(shown: ShownLines, dates: Dates, title: string): Html[] {
  const { invoice, lines, deploymentNames } = shown;
  return [
    ...byDeployment(
      lines.filter(({ correction }) => !correction),
      deploymentNames,
    ).map(({ title: name, items }) => deploymentBody(name, items, invoice.currency, dates)),
    ...correctionsBody(
      lines.filter(({ correction }) => correction),
      shown,
      dates,
    ),
    ...creditsBody(shown, title),
  ];
}

/** The lines to show. `withoutZeroLines`: without those whose amounts are all 0. */
export function shownLines(invoice: InvoiceView, withoutZeroLines: boolean): Line[] {
  const billed = billedLines(invoice);
  return withoutZeroLines ? billed.filter(({ rows }) => !rows.every(isNothing)) : billed;
}

/** Lines that could not be rated are not billed, and not shown to the tenant. A later invoice bills them. */
function billedLines({ lines, quarantined }: InvoiceView): Line[] {
  const setAside = new Set(quarantined.map(({ lineId }) => lineId));
  return lines.filter(({ lineId, parentLineId, rows }) => rows.length > 0 || !setAside.has(parentLineId ?? lineId));
}

const isNothing = ({ gross, discount, credit, net, tax }: Row): boolean =>
  [gross, discount, credit, net, tax].every(isZero);

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
function correctionsBody(lines: readonly Line[], { invoice, deploymentNames }: ShownLines, dates: Dates): Html[] {
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
function creditsBody({ invoice, grants }: ShownLines, title: string): Html[] {
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

/** Tax by name and rate. */
export const taxRows = (taxes: InvoiceView['taxes']): Html[] =>
  taxes.map(({ name, ratePercent, net, tax }) => sumRow('row', WIDTH, `${taxText(name, ratePercent)} on ${net}`, tax));

/** What of a total is left to pay. `taken`, `due`: the texts of the credit taken and of the rest. */
export function settledRows(
  of: Pick<InvoiceView, 'status' | 'currency' | 'total' | 'creditTaken' | 'amountDue' | 'amountPaid'>,
  { taken, due }: { readonly taken: string; readonly due: string },
): Html[] {
  const { status, currency, total, creditTaken, amountDue, amountPaid } = of;
  const noted = moneyText(ofTotal(total).minus(decimal(creditTaken)).minus(decimal(amountDue)), currency);
  const isPartPaid = status === 'issued' && !isZero(amountPaid);
  const left = isPartPaid ? moneyText(decimal(amountDue).minus(decimal(amountPaid)), currency) : amountDue;
  return [
    ...(isZero(creditTaken) ? [] : [sumRow('row', WIDTH, taken, negated(creditTaken, currency))]),
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
