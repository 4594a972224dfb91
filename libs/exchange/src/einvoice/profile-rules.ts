import { decimal, round } from '#domain/money/decimal';
import type { ProfileName } from './profiles.js';
import { isPeppolScheme } from './codes.js';
import { IDENTIFIERS } from './identifiers.js';
import { added, AMOUNTS, BUYER, isGiven, isSame, type Rule, rule, SCALE, SELLER, WRONG } from './rule.js';

const addresses: readonly Rule[] = [
  rule(
    'PEPPOL-EN16931-R010',
    'The buyer has an electronic address.',
    BUYER('eInvoice.electronicAddress'),
    ({ buyer }) => buyer.electronicAddress !== null,
  ),
  rule(
    'PEPPOL-EN16931-R020',
    'The seller has an electronic address.',
    SELLER('electronicAddress'),
    ({ seller }) => seller.electronicAddress !== null,
  ),
];

/** Codes of reasons, each with the category that it is of, and the number of the rule. */
const CATEGORY_OF_REASON = [
  ['VATEX-EU-G', 'G', '4'],
  ['VATEX-EU-O', 'O', '5'],
  ['VATEX-EU-IC', 'K', '6'],
  ['VATEX-EU-AE', 'AE', '7'],
  ['VATEX-EU-D', 'E', '8'],
  ['VATEX-EU-F', 'E', '9'],
  ['VATEX-EU-I', 'E', '10'],
  ['VATEX-EU-J', 'E', '11'],
] as const;

/** All texts of an invoice, at any depth. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

const PEPPOL: readonly Rule[] = [
  ...CATEGORY_OF_REASON.map(([code, category, number]) =>
    rule(
      `PEPPOL-EN16931-P01${number.padStart(2, '0')}`,
      `The reason ${code} is of the category ${category}.`,
      BUYER('eInvoice.untaxed'),
      ({ taxes }) => taxes.every((tax) => tax.reasonCode !== code || tax.category === category),
    ),
  ),
  rule(
    'PEPPOL-EN16931-CL008',
    'The scheme of an electronic address is one that Peppol delivers to.',
    WRONG('electronicAddress'),
    ({ seller, buyer }) =>
      [seller, buyer].every(
        ({ electronicAddress }) => electronicAddress === null || isPeppolScheme(electronicAddress.scheme),
      ),
  ),
  ...IDENTIFIERS.map(({ rule: id, scheme, says, isValid }) =>
    rule(id, `${says} Its check digit is right, if it has one.`, WRONG('electronicAddress.id'), ({ seller, buyer }) =>
      [seller, buyer].every(
        ({ electronicAddress: address }) => address === null || address.scheme !== scheme || isValid(address.id.trim()),
      ),
    ),
  ),
  rule('PEPPOL-EN16931-R008', 'No value is blank.', WRONG('the value that has only spaces'), (invoice) =>
    textsIn(invoice).every(isGiven),
  ),
  rule('PEPPOL-EN16931-R003', 'An invoice has a buyer reference.', BUYER('eInvoice.buyerReference'), (invoice) =>
    isGiven(invoice.buyerReference),
  ),
  ...addresses,
  rule('PEPPOL-EN16931-R110', 'A line does not begin before the invoicing period.', AMOUNTS, ({ period, lines }) =>
    period === null ? true : lines.every((line) => line.period.start >= period.start),
  ),
  rule('PEPPOL-EN16931-R111', 'A line does not end after the invoicing period.', AMOUNTS, ({ period, lines }) =>
    period === null ? true : lines.every((line) => line.period.end <= period.end),
  ),
  rule(
    'PEPPOL-EN16931-R120',
    'The net amount of a line is quantity × price, with its charges and without its allowances.',
    AMOUNTS,
    ({ lines }) =>
      lines.every(({ net, quantity, price, adjustments }) => {
        const amounts = (of: 'allowance' | 'charge') =>
          added(adjustments.flatMap(({ kind, amount }) => (kind === of ? [amount] : [])));
        const product = round(decimal(quantity).times(decimal(price)), SCALE);
        return isSame(net, product.plus(amounts('charge')).minus(amounts('allowance')));
      }),
  ),
];

const XRECHNUNG: readonly Rule[] = [
  rule('BR-DE-1', 'An invoice says how to pay it.', SELLER('iban'), ({ payment }) => payment !== null),
  rule('BR-DE-2', 'The seller has a contact.', SELLER('contact'), ({ seller }) => seller.contact !== null),
  rule('BR-DE-3', 'The seller’s address has a city.', SELLER('city'), ({ seller }) => isGiven(seller.address.city)),
  rule('BR-DE-4', 'The seller’s address has a postal code.', SELLER('postalCode'), ({ seller }) =>
    isGiven(seller.address.postalCode),
  ),
  rule('BR-DE-5', 'The seller’s contact has a name.', SELLER('contact.name'), ({ seller }) =>
    isGiven(seller.contact?.name ?? null),
  ),
  rule('BR-DE-6', 'The seller’s contact has a telephone number.', SELLER('contact.phone'), ({ seller }) =>
    isGiven(seller.contact?.phone ?? null),
  ),
  rule('BR-DE-7', 'The seller’s contact has an e-mail address.', SELLER('contact.email'), ({ seller }) =>
    isGiven(seller.contact?.email ?? null),
  ),
  rule('BR-DE-8', 'The buyer’s address has a city.', BUYER('eInvoice.city'), ({ buyer }) =>
    isGiven(buyer.address.city),
  ),
  rule('BR-DE-9', 'The buyer’s address has a postal code.', BUYER('eInvoice.postalCode'), ({ buyer }) =>
    isGiven(buyer.address.postalCode),
  ),
  rule('BR-DE-10', 'The address of a delivery has a city.', BUYER('eInvoice.city'), ({ deliverTo }) =>
    deliverTo === null ? true : isGiven(deliverTo.city),
  ),
  rule('BR-DE-11', 'The address of a delivery has a postal code.', BUYER('eInvoice.postalCode'), ({ deliverTo }) =>
    deliverTo === null ? true : isGiven(deliverTo.postalCode),
  ),
  rule('BR-DE-14', 'The VAT of each category has a rate.', BUYER('eInvoice.untaxed.category'), ({ taxes }) =>
    taxes.every(({ rate }) => isGiven(rate)),
  ),
  rule('BR-DE-15', 'An invoice has a buyer reference.', BUYER('eInvoice.buyerReference'), ({ buyerReference }) =>
    isGiven(buyerReference),
  ),
  rule(
    'BR-DE-16',
    'The seller has a VAT identifier or a tax number.',
    SELLER('vatId or taxNumber'),
    ({ seller, taxes }) =>
      taxes.every(({ category }) => category === 'O') || isGiven(seller.vatId) || isGiven(seller.taxNumber),
  ),
  rule('BR-DE-27', 'The telephone number has at least three digits.', SELLER('contact.phone'), ({ seller }) =>
    /\d.*\d.*\d/.test(seller.contact?.phone ?? '000'),
  ),
  rule('BR-DE-28', 'The e-mail address has one @ between other characters.', SELLER('contact.email'), ({ seller }) =>
    /^[^@\s.][^@\s]*@[^@\s]+[^@\s.]$/.test(seller.contact?.email ?? 'a@b.c'),
  ),
  ...addresses,
];

/** The rules that a profile adds to the norm. */
export const PROFILE_RULES: Readonly<Record<ProfileName, readonly Rule[]>> = {
  en16931: [],
  facturx: [],
  peppol: PEPPOL,
  xrechnung: XRECHNUNG,
};
