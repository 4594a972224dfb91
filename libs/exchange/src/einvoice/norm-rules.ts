import { decimal, ZERO } from '#domain/money/decimal';
import { isCurrency } from '#domain/money/money';
import { isAddressScheme, isCountry, isVatPrefix, UNIT_CODES } from './codes.js';
import type { EInvoice, Party } from './model.js';
import { added, AMOUNTS, BUYER, isAtScale, isGiven, isSame, type Rule, rule, SELLER, WRONG } from './rule.js';
import { taxRules } from './tax-rules.js';

const PRODUCT = 'This is a fault of the program. Report it with the number of the invoice.';
const PERIODS =
  'Set paymentTerms in LEDGERLINE_SELLER_DETAILS, and paymentTermsDays with correct-tenant for later invoices.';

const parties = ({ seller, buyer }: EInvoice): readonly Party[] => [seller, buyer];
const isDate = (value: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(value);

const presence: readonly Rule[] = [
  rule('BR-02', 'An invoice has a number.', PRODUCT, ({ number }) => isGiven(number)),
  rule('BR-03', 'An invoice has a date of issue.', PRODUCT, ({ issueDate }) => isDate(issueDate)),
  rule('BR-04', 'An invoice has a type.', PRODUCT, ({ typeCode }) => isGiven(typeCode)),
  rule('BR-05', 'An invoice has a currency.', PRODUCT, ({ currency }) => isGiven(currency)),
  rule('BR-06', 'An invoice names the seller.', SELLER('name'), ({ seller }) => isGiven(seller.name)),
  rule(
    'BR-07',
    'An invoice names the buyer.',
    'The details of the tenant were erased, so no electronic invoice can be written.',
    ({ buyer }) => isGiven(buyer.name),
  ),
  rule('BR-09', 'The seller’s address has a country.', SELLER('countryCode'), ({ seller }) =>
    isGiven(seller.address.countryCode),
  ),
  rule('BR-11', 'The buyer’s address has a country.', BUYER('eInvoice.countryCode'), ({ buyer }) =>
    isGiven(buyer.address.countryCode),
  ),
  rule('BR-16', 'An invoice has a line.', AMOUNTS, ({ lines }) => lines.length > 0),
  rule('BR-21', 'Each line has an identifier.', PRODUCT, ({ lines }) => lines.every(({ id }) => isGiven(id))),
  rule('BR-23', 'Each line has a unit.', PRODUCT, ({ lines }) => lines.every(({ unitCode }) => isGiven(unitCode))),
  rule('BR-25', 'Each line names its item.', PRODUCT, ({ lines }) => lines.every(({ name }) => isGiven(name))),
  rule('BR-27', 'A price is not negative.', AMOUNTS, ({ lines }) =>
    lines.every(({ price }) => decimal(price).gte(ZERO)),
  ),
  rule('BR-29', 'The invoicing period does not end before it starts.', PRODUCT, ({ period }) =>
    period === null ? true : period.start <= period.end,
  ),
  rule('BR-30', 'The period of a line does not end before it starts.', PRODUCT, ({ lines }) =>
    lines.every(({ period }) => period.start <= period.end),
  ),
  rule('BR-42', 'Each allowance of a line has a reason.', PRODUCT, (invoice) => isEach(invoice, 'allowance', 'reason')),
  rule('BR-44', 'Each charge of a line has a reason.', PRODUCT, (invoice) => isEach(invoice, 'charge', 'reason')),
  rule('BR-55', 'Each reference to an earlier invoice has its number.', PRODUCT, ({ preceding }) =>
    preceding.every(({ number }) => isGiven(number)),
  ),
  rule('BR-61', 'A credit transfer names an account.', SELLER('iban'), ({ payment }) =>
    payment === null || payment.code === '97' ? true : isGiven(payment.account),
  ),
];

const isEach = ({ lines }: EInvoice, of: 'allowance' | 'charge', field: 'amount' | 'reason'): boolean =>
  lines.every(({ adjustments }) => adjustments.every((each) => each.kind !== of || isGiven(each[field])));

const codes: readonly Rule[] = [
  rule('BR-CL-04', 'The currency is a code of ISO 4217.', PRODUCT, ({ currency }) => isCurrency(currency)),
  rule('BR-CL-14', 'Countries are codes of ISO 3166-1.', WRONG('countryCode'), (invoice) =>
    parties(invoice).every(({ address: { countryCode } }) => countryCode === null || isCountry(countryCode)),
  ),
  rule('BR-CL-23', 'Units are codes of UN/ECE Recommendation 20.', PRODUCT, ({ lines }) =>
    lines.every(({ unitCode }) => UNIT_CODES.includes(unitCode)),
  ),
  rule(
    'BR-CL-25',
    'The scheme of an electronic address is a code of the list EAS.',
    WRONG('electronicAddress.scheme'),
    (invoice) =>
      parties(invoice).every(
        ({ electronicAddress }) => electronicAddress === null || isAddressScheme(electronicAddress.scheme),
      ),
  ),
  rule('BR-CO-09', 'A VAT identifier begins with the code of its country.', WRONG('vatId'), (invoice) =>
    parties(invoice).every(({ vatId }) => vatId === null || isVatPrefix(vatId.slice(0, 2))),
  ),
  rule(
    'BR-CO-26',
    'The seller has a VAT identifier or a number in the register of companies.',
    `${SELLER('vatId or registrationId')} Where nothing is subject to VAT (O), only registrationId counts.`,
    ({ seller }) => isGiven(seller.vatId) || isGiven(seller.registrationId),
  ),
];

const totals: readonly Rule[] = [
  rule('BR-CO-10', 'The sum of the lines is the sum of their net amounts.', AMOUNTS, ({ totals: of, lines }) =>
    isSame(of.lines, added(lines.map(({ net }) => net))),
  ),
  // There are no allowances and charges of the whole document.
  rule('BR-CO-13', 'The total without VAT is the sum of the lines.', AMOUNTS, ({ totals: of }) =>
    isSame(of.withoutTax, of.lines),
  ),
  rule('BR-CO-14', 'The total of VAT is the sum of the VAT of each category.', AMOUNTS, ({ totals: of, taxes }) =>
    isSame(of.tax, added(taxes.map(({ tax }) => tax))),
  ),
  rule('BR-CO-15', 'The total with VAT is the total without VAT and the VAT.', AMOUNTS, ({ totals: of }) =>
    isSame(of.withTax, added([of.withoutTax, of.tax])),
  ),
  rule('BR-CO-16', 'The amount due is the total with VAT less the paid amount.', AMOUNTS, ({ totals: of }) =>
    isSame(of.due, decimal(of.withTax).minus(decimal(of.paid ?? '0'))),
  ),
  rule('BR-CO-25', 'An amount due has a due date or payment terms.', PERIODS, ({ totals: of, ...invoice }) =>
    decimal(of.due).lte(ZERO) ? true : isGiven(invoice.dueDate) || isGiven(invoice.paymentTerms),
  ),
];

const scaleRule = (id: string, name: string, amounts: (invoice: EInvoice) => readonly string[]): Rule =>
  rule(id, `${name} has at most two decimals.`, AMOUNTS, (invoice) => amounts(invoice).every(isAtScale));

const scales: readonly Rule[] = [
  scaleRule('BR-DEC-09', 'The sum of the lines', ({ totals: of }) => [of.lines]),
  scaleRule('BR-DEC-12', 'The total without VAT', ({ totals: of }) => [of.withoutTax]),
  scaleRule('BR-DEC-13', 'The total of VAT', ({ totals: of }) => [of.tax]),
  scaleRule('BR-DEC-14', 'The total with VAT', ({ totals: of }) => [of.withTax]),
  scaleRule('BR-DEC-16', 'The paid amount', ({ totals: of }) => [of.paid ?? '0']),
  scaleRule('BR-DEC-18', 'The amount due', ({ totals: of }) => [of.due]),
  scaleRule('BR-DEC-19', 'The taxable amount of a category', ({ taxes }) => taxes.map(({ taxable }) => taxable)),
  scaleRule('BR-DEC-20', 'The VAT of a category', ({ taxes }) => taxes.map(({ tax }) => tax)),
  scaleRule('BR-DEC-23', 'The net amount of a line', ({ lines }) => lines.map(({ net }) => net)),
  scaleRule('BR-DEC-24', 'An allowance of a line', (invoice) => amountsOf(invoice, 'allowance')),
  scaleRule('BR-DEC-27', 'A charge of a line', (invoice) => amountsOf(invoice, 'charge')),
];

const amountsOf = ({ lines }: EInvoice, of: 'allowance' | 'charge'): string[] =>
  lines.flatMap(({ adjustments }) => adjustments.flatMap(({ kind, amount }) => (kind === of ? [amount] : [])));

/** The rules of EN 16931 that apply to what an invoice of this product can contain. */
export const NORM_RULES: readonly Rule[] = [...presence, ...codes, ...totals, ...scales, ...taxRules];
