import { type Buyer, type Seller } from '#domain/invoices/parties';
import { type Decimal, decimal, round, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText, smallestAmount } from '#domain/money/money';
import { isForUsage } from '#domain/prices/refs';
import { clockAt } from '#domain/time/calendar';
import { type Instant, lastInstantBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { ConsolidatedView } from '#billing/invoices/consolidated';
import type { CreditNoteView } from '#billing/invoices/credit-notes';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import type { Details } from '#ledger/tenant-details';
import type { TenantSection } from '../documents/consolidated-document.js';
import { type PaidFor, paidForText } from '../documents/invoice-document.js';
import { deploymentText, itemText, refText } from '../documents/rows.js';
import { isVatId, unitCode } from './codes.js';
import type { Adjustment, Address, Days, EInvoice, Line, Party, Payment, TaxCategory, TaxTotal } from './model.js';
import { SCALE } from './rule.js';

/** What an electronic invoice says beside its amounts. */
export interface Context {
  readonly seller: Seller;
  /** Whom the invoice is addressed to, as it was when it was issued. null: erased. */
  readonly tenant: Details | null;
  /** The billed tenant, if another pays. */
  readonly paidFor: PaidFor | null;
  readonly timeZone: string;
  readonly deploymentNames: ReadonlyMap<string, string>;
  /** Of invoices that it names: the consolidated invoices that they are part of, by the number of the invoice. */
  readonly consolidatedAs: ReadonlyMap<string, Preceding>;
}

/** A reference to an earlier electronic invoice. `issueDate`: null where it is not stated. */
export type Preceding = EInvoice['preceding'][number];

/** An issued invoice in the terms of the norm. Its amounts are those that were frozen. */
export function ofInvoice(invoice: Issued<InvoiceView>, context: Context): EInvoice {
  const rows = invoice.lines.flatMap((line) => line.rows.map((row): Billed => ({ line, row })));
  return {
    ...issuedOf(rows, { ...invoice, paid: invoice.creditTaken }, context),
    note: paidForNote(context),
    preceding: sentAs(correctedBy([invoice]), context),
  };
}

/**
 * A consolidated invoice in the terms of the norm: all rows of its invoices, each with its tenant and its invoice.
 * `paid`: what credit and payments had paid of its invoices when it was issued.
 */
export function ofConsolidated(
  consolidated: ConsolidatedView & { readonly paid: string },
  sections: readonly TenantSection[],
  context: Context,
): EInvoice {
  const rows = sections.flatMap((section) =>
    section.invoices.flatMap((invoice) =>
      invoice.lines.flatMap((line) =>
        line.rows.map((row): Billed => ({
          ...{ line, row, timeZone: section.timeZone },
          note: `Services for ${paidForText(section)}, invoice ${invoice.number ?? ''}`,
        })),
      ),
    ),
  );
  const invoices = sections.flatMap((section) => section.invoices);
  const members = new Set(invoices.map((invoice) => invoice.number ?? ''));
  return {
    ...issuedOf(rows, consolidated, context),
    note: `Takes the place of ${[...members].join(', ')}`,
    // One of its own invoices does not precede it.
    preceding: sentAs(
      correctedBy(invoices).filter((number) => !members.has(number)),
      context,
    ),
  };
}

/** What was issued, but for what it says of other documents. */
function issuedOf(
  rows: readonly Billed[],
  issued: Pick<Issued<InvoiceView>, 'number' | 'issuedAt' | 'dueAt' | 'currency' | keyof Totals> & {
    readonly paid: string;
  },
  context: Context,
): Omit<EInvoice, 'note' | 'preceding'> {
  const { number, issuedAt, dueAt, currency, paid, total } = issued;
  const due = decimal(total).minus(decimal(paid));
  return {
    ...documentOf(rows, issued, context, 1),
    number,
    issueDate: dateOf(issuedAt, context.timeZone),
    typeCode: '380',
    dueDate: dueAt === null ? null : dateOf(dueAt, context.timeZone),
    paymentTerms: context.seller.paymentTerms ?? null,
    payment: due.gt(ZERO) ? transferTo(context.seller, currency) : SET_OFF,
    totals: {
      ...totalsOf(issued),
      paid: decimal(paid).eq(ZERO) ? null : paid,
      due: moneyText(due, currency),
    },
  };
}

/** The numbers of the invoices that rows of these correct. */
export const correctedBy = (invoices: readonly Pick<InvoiceView, 'lines'>[]): string[] => [
  ...new Set(
    invoices.flatMap(({ lines }) => lines.flatMap(({ rows }) => rows.flatMap((row) => row.correctsInvoices ?? []))),
  ),
];

/** The electronic invoices that stated the tax of invoices. Several may be part of one. */
function sentAs(numbers: readonly string[], { consolidatedAs }: Context): Preceding[] {
  const sent = numbers.map((number) => consolidatedAs.get(number) ?? { number, issueDate: null });
  return [...new Map(sent.map((each) => [each.number, each])).values()];
}

const paidForNote = ({ paidFor }: Context): string | null =>
  paidFor === null ? null : `Services for ${paidForText(paidFor)}`;

/** Nothing is to be paid: an amount below zero, or of a credit note, is taken from other amounts due. */
const SET_OFF: Payment = { code: '97', account: null, accountName: null, bic: null };

const transferTo = ({ iban, accountName, bic }: Seller, currency: string): Payment | null =>
  iban === undefined
    ? null
    : {
        code: currency === 'EUR' ? '58' : '30',
        account: iban.replaceAll(' ', ''),
        accountName: accountName ?? null,
        bic: bic ?? null,
      };

const CREDITED = 'Deducted from the amount due of the credited invoice, or of later invoices';

/** A credit note in the terms of the norm: its amounts are above zero. */
export function ofCreditNote(
  note: CreditNoteView,
  invoice: { readonly number: string | null; readonly issuedAt: Instant | null },
  context: Context,
): EInvoice {
  const rows = note.rows.map((row): Billed => ({ line: row, row }));
  const { timeZone } = context;
  const number = invoice.number ?? note.invoiceId;
  return {
    ...documentOf(rows, note, context, -1),
    number: note.number,
    issueDate: dateOf(note.issuedAt, timeZone),
    typeCode: '381',
    dueDate: null,
    paymentTerms: CREDITED,
    note: [note.reason, paidForNote(context)].filter((each) => each !== null).join('. '),
    preceding: [
      context.consolidatedAs.get(number) ?? {
        number,
        issueDate: invoice.issuedAt === null ? null : dateOf(invoice.issuedAt, timeZone),
      },
    ],
    payment: SET_OFF,
    totals: { ...totalsOf(note), paid: null, due: note.total },
  };
}

/** A view that has a number and was issued. */
export type Issued<View extends { number: string | null; issuedAt: Instant | null }> = View & {
  readonly number: string;
  readonly issuedAt: Instant;
};

type Totals = Pick<InvoiceView, 'subtotal' | 'tax' | 'total'>;

const totalsOf = ({ subtotal, tax, total }: Totals) => ({
  lines: subtotal,
  withoutTax: subtotal,
  tax,
  withTax: total,
});

type Row = Pick<
  InvoiceView['lines'][number]['rows'][number],
  | 'kind'
  | 'ref'
  | 'chargePeriod'
  | 'quantity'
  | 'unitAmount'
  | 'unit'
  | 'gross'
  | 'discount'
  | 'credit'
  | 'net'
  | 'taxRatePercent'
  | 'tax'
  | 'reason'
  | 'arithmetic'
  | 'correctsInvoices'
>;

/** A row and what it is of. */
interface Billed {
  readonly line: {
    readonly billingKind: string;
    readonly filter: Readonly<Record<string, string>> | null;
    readonly deploymentId: string | null;
  };
  readonly row: Row;
  /** What the line says beside what it corrects. */
  readonly note?: string;
  /** Its days are days there. Default: the time zone of the document. */
  readonly timeZone?: string;
}

/** A credit note has negative rows, and shows them above zero. */
type Sign = 1 | -1;
const signed = (amount: string, sign: Sign): Decimal => (sign === 1 ? decimal(amount) : decimal(amount).neg());

function documentOf(
  rows: readonly Billed[],
  { currency }: { readonly currency: string },
  { seller, tenant, timeZone, deploymentNames }: Context,
  sign: Sign,
) {
  const { untaxed, buyerReference } = tenant?.eInvoice ?? {};
  const categoryOf = ({ taxRatePercent }: Row): TaxCategory | null =>
    decimal(taxRatePercent).gt(ZERO) ? 'S' : (untaxed?.category ?? null);
  const taxes = taxesOf(rows, categoryOf, untaxed, { currency, sign });
  const isTaxed = taxes.every(({ category }) => category !== 'O');
  const buyer = buyerOf(tenant, isTaxed);
  return {
    currency,
    buyerReference: buyerReference ?? null,
    period: wholeOf(rows.map((each) => daysOf(each.row.chargePeriod, each.timeZone ?? timeZone))),
    seller: sellerOf(seller, isTaxed),
    buyer,
    deliverTo: taxes.some(({ category }) => category === 'K') ? buyer.address : null,
    taxes,
    lines: rows.map(({ line, row, note, timeZone: own = timeZone }, index): Line => {
      const category = categoryOf(row);
      return {
        id: String(index + 1),
        note: [note ?? null, correctionOf(row)].filter((each) => each !== null).join('. ') || null,
        ...amountsOf(row, currency, sign),
        unitCode: unitCode(isOfUnits(row) ? row.unit : undefined),
        period: daysOf(row.chargePeriod, own),
        category,
        rate: category === 'O' ? null : text(decimal(row.taxRatePercent)),
        name: itemText(line),
        description: [refText(row.ref), deploymentText(deploymentNames, line.deploymentId), row.arithmetic]
          .filter((each) => each !== undefined)
          .join(' · '),
      };
    }),
  };
}

function correctionOf({ kind, correctsInvoices = [], reason }: Row): string | null {
  if (kind !== 'reversal' && kind !== 'rebooked') return null;
  const of = correctsInvoices.length === 0 ? 'an earlier invoice' : correctsInvoices.join(', ');
  const says = kind === 'reversal' ? `Reverses a row of ${of}` : `Replaces a row of ${of}`;
  return reason === undefined ? says : `${says}: ${reason}`;
}

const ADJUSTED = 'Difference from quantity × price';

/** An amount of a credit note is one of its own, in no unit. So is a fee. */
const isOfUnits = ({ kind, ref }: Row): boolean => kind !== 'credit_note' && isForUsage(ref);

/** One of the smallest unit of a currency is the most that rounding a part and its whole can differ. */
const isRounding = (difference: Decimal, currency: string): boolean => difference.abs().lte(smallestAmount(currency));

/**
 * The quantity, the price and the amounts of a row. A row is rounded over its whole billing period, so it may differ by
 * cents from quantity × price: the difference is a charge or an allowance of its line. A fee is one of its amount.
 */
function amountsOf(row: Row, currency: string, sign: Sign): Pick<Line, 'quantity' | 'price' | 'net' | 'adjustments'> {
  const gross = signed(row.gross, sign);
  const of = isOfUnits(row)
    ? { quantity: signed(row.quantity, sign), price: decimal(row.unitAmount) }
    : { quantity: decimal(gross.lt(ZERO) ? '-1' : '1'), price: gross.abs() };
  const product = round(of.quantity.times(of.price), SCALE);
  const difference = gross.minus(product);
  const differences: [Decimal, string][] = [
    [difference, isRounding(difference, currency) ? 'Rounding over the whole billing period' : ADJUSTED],
    [signed(row.discount, sign).neg(), 'Discount'],
    [signed(row.credit, sign).neg(), 'Coupons and credits'],
  ];
  return {
    quantity: text(of.quantity),
    price: text(of.price),
    net: moneyText(signed(row.net, sign), currency),
    adjustments: differences.flatMap(([amount, reason]): Adjustment[] =>
      amount.eq(ZERO) ? [] : [{ kind: amount.gt(ZERO) ? 'charge' : 'allowance', amount: text(amount.abs()), reason }],
    ),
  };
}

function taxesOf(
  rows: readonly Billed[],
  categoryOf: (row: Row) => TaxCategory | null,
  untaxed: Buyer['untaxed'],
  { currency, sign }: { readonly currency: string; readonly sign: Sign },
): TaxTotal[] {
  const groups = Map.groupBy(rows, ({ row }) => text(decimal(row.taxRatePercent)));
  return [...groups].map(([rate, of]) => {
    const added = (field: 'net' | 'tax'): string =>
      moneyText(sum(of.map(({ row }) => signed(row[field], sign))), currency);
    const category = of[0] === undefined ? null : categoryOf(of[0].row);
    const isExempt = category !== 'S' && category !== 'Z' && category !== null;
    return {
      taxable: added('net'),
      tax: added('tax'),
      category,
      rate,
      reason: isExempt ? (untaxed?.reason ?? null) : null,
      reasonCode: isExempt ? (untaxed?.reasonCode ?? null) : null,
    };
  });
}

/** The date of a document is that in the time zone of the document. */
export const dateOf = (at: Instant, timeZone: string): string => clockAt(at, timeZone).date;

/** From the day of its start to the day of its last instant. */
const daysOf = ({ start, end }: Period, timeZone: string): Days => ({
  start: dateOf(start, timeZone),
  end: dateOf(lastInstantBefore(end), timeZone),
});

const wholeOf = (days: readonly Days[]): Days | null =>
  days.reduce<Days | null>(
    (whole, { start, end }) => ({
      start: whole === null || start < whole.start ? start : whole.start,
      end: whole === null || end > whole.end ? end : whole.end,
    }),
    null,
  );

const MOST_LINES = 3;

/** The norm has three lines for the street. A printed address of more has the rest in the third. */
function addressOf(
  { street, city, postalCode, countryCode }: Pick<Buyer, 'street' | 'city' | 'postalCode' | 'countryCode'>,
  printed: string | undefined,
): Address {
  const given = (street ?? printed ?? '').split(/\r?\n/).flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const rest = given.slice(MOST_LINES - 1);
  return {
    lines: [...given.slice(0, MOST_LINES - 1), ...(rest.length === 0 ? [] : [rest.join(', ')])],
    city: city ?? null,
    postalCode: postalCode ?? null,
    countryCode: countryCode ?? null,
  };
}

/** The VAT identifier, unless nothing is subject to VAT: then the norm allows none. */
const vatIdOf = (vatId: string | undefined, isTaxed: boolean): string | null => (isTaxed ? (vatId ?? null) : null);

function sellerOf(seller: Seller, isTaxed: boolean): Party {
  const { name, vatId, taxNumber, registrationId, electronicAddress, contact } = seller;
  return {
    name: name ?? null,
    vatId: vatIdOf(vatId, isTaxed),
    taxNumber: taxNumber ?? null,
    registrationId: registrationId ?? null,
    address: addressOf(seller, undefined),
    electronicAddress: electronicAddress ?? null,
    // An element without content is refused by Peppol.
    contact:
      contact === undefined || Object.keys(contact).length === 0
        ? null
        : { name: contact.name ?? null, phone: contact.phone ?? null, email: contact.email ?? null },
  };
}

function buyerOf(tenant: Details | null, isTaxed: boolean): Party {
  const { name, address, taxNumber, eInvoice = {} } = tenant ?? { name: undefined };
  const { vatId, registrationId, electronicAddress } = eInvoice;
  const known = taxNumber !== undefined && isVatId(taxNumber) ? taxNumber : undefined;
  return {
    name: name ?? null,
    vatId: vatIdOf(vatId ?? known, isTaxed),
    taxNumber: null,
    registrationId: registrationId ?? null,
    address: addressOf(eInvoice, address),
    electronicAddress: electronicAddress ?? null,
    contact: null,
  };
}
