import { decimal, round, ZERO } from '#domain/money/decimal';
import { isExemptionReason } from './codes.js';
import type { EInvoice, Party, TaxCategory, TaxTotal } from './model.js';
import { added, AMOUNTS, BUYER, isGiven, isSame, type Rule, rule, SCALE, SELLER } from './rule.js';

const UNTAXED = BUYER('eInvoice.untaxed.category');
const REASON = BUYER('eInvoice.untaxed.reason or reasonCode');

/** What the norm calls a category in the ids of its rules, and in words. */
const CATEGORIES: Readonly<Record<TaxCategory, { readonly id: string; readonly name: string }>> = {
  S: { id: 'S', name: 'standard rated' },
  Z: { id: 'Z', name: 'zero rated' },
  E: { id: 'E', name: 'exempt' },
  AE: { id: 'AE', name: 'reverse charge' },
  K: { id: 'IC', name: 'intra-community supply' },
  G: { id: 'G', name: 'export' },
  O: { id: 'O', name: 'not subject to VAT' },
};

const of = <Item extends { readonly category: TaxCategory | null }>(
  items: readonly Item[],
  code: TaxCategory,
): Item[] => items.filter(({ category }) => category === code);

const hasTaxId = ({ vatId, taxNumber }: Party): boolean => isGiven(vatId) || isGiven(taxNumber);
const hasBuyerId = ({ vatId, registrationId }: Party): boolean => isGiven(vatId) || isGiven(registrationId);

/** Which identifiers a category needs. */
function identifiers(code: TaxCategory): { says: string; remedy: string; holds: (invoice: EInvoice) => boolean } {
  switch (code) {
    case 'S':
    case 'Z':
    case 'E':
      return {
        says: 'the seller has a VAT identifier or a tax number.',
        remedy: SELLER('vatId or taxNumber'),
        holds: ({ seller }) => hasTaxId(seller),
      };
    case 'AE':
      return {
        says:
          'the seller has a VAT identifier or a tax number, ' +
          'and the buyer a VAT identifier or a registration number.',
        remedy: `${SELLER('vatId')} ${BUYER('eInvoice.vatId')}`,
        holds: ({ seller, buyer }) => hasTaxId(seller) && hasBuyerId(buyer),
      };
    case 'K':
      return {
        says: 'both the seller and the buyer have a VAT identifier.',
        remedy: `${SELLER('vatId')} ${BUYER('eInvoice.vatId')}`,
        holds: ({ seller, buyer }) => isGiven(seller.vatId) && isGiven(buyer.vatId),
      };
    case 'G':
      return {
        says: 'the seller has a VAT identifier.',
        remedy: SELLER('vatId'),
        holds: ({ seller }) => isGiven(seller.vatId),
      };
    case 'O':
      return {
        says: 'neither the seller nor the buyer gives a VAT identifier.',
        remedy: 'This is a fault of the program. Report it with the number of the invoice.',
        holds: ({ seller, buyer }) => !isGiven(seller.vatId) && !isGiven(buyer.vatId),
      };
  }
}

const isRate = (code: TaxCategory, rate: string | null): boolean => {
  if (code === 'O') return rate === null;
  return rate !== null && (code === 'S' ? decimal(rate).gt(ZERO) : decimal(rate).eq(ZERO));
};

/** BT-117 = BT-116 × BT-119 ÷ 100, rounded to two decimals. */
const taxOf = ({ taxable, rate }: Pick<TaxTotal, 'taxable' | 'rate'>) =>
  round(
    decimal(taxable)
      .times(decimal(rate ?? '0'))
      .times(decimal('0.01')),
    SCALE,
  );

function rulesOf(code: TaxCategory): Rule[] {
  const { id, name } = CATEGORIES[code];
  const needed = identifiers(code);
  const sameRate = (a: string | null, b: string | null): boolean =>
    a === b || (a !== null && b !== null && isSame(a, b));
  return [
    rule(
      `BR-${id}-01`,
      code === 'S'
        ? 'An invoice with standard rated lines has the VAT of that category.'
        : `An invoice with lines that are ${name} has the VAT of that category once.`,
      AMOUNTS,
      ({ lines, taxes }) => {
        const [own, breakdown] = [of(lines, code).length, of(taxes, code).length];
        return own === 0 ? breakdown === 0 : code === 'S' ? breakdown > 0 : breakdown === 1;
      },
    ),
    rule(`BR-${id}-02`, `Where a line is ${name}, ${needed.says}`, needed.remedy, (invoice) =>
      of(invoice.lines, code).length === 0 ? true : needed.holds(invoice),
    ),
    rule(
      `BR-${id}-05`,
      code === 'S'
        ? 'The rate of a standard rated line is above 0.'
        : code === 'O'
          ? 'A line that is not subject to VAT has no rate.'
          : `The rate of a line that is ${name} is 0.`,
      UNTAXED,
      ({ lines }) => of(lines, code).every(({ rate }) => isRate(code, rate)),
    ),
    rule(`BR-${id}-08`, `The taxable amount that is ${name} is the sum of its lines.`, AMOUNTS, ({ lines, taxes }) =>
      of(taxes, code).every(({ taxable, rate }) =>
        isSame(
          taxable,
          added(of(lines, code).flatMap((line) => (code !== 'S' || sameRate(line.rate, rate) ? [line.net] : []))),
        ),
      ),
    ),
    rule(
      `BR-${id}-09`,
      code === 'S' ? 'The VAT is the taxable amount × the rate, rounded to two decimals.' : `VAT that is ${name} is 0.`,
      AMOUNTS,
      ({ taxes }) => of(taxes, code).every((each) => isSame(each.tax, code === 'S' ? taxOf(each) : ZERO)),
    ),
    code === 'S' || code === 'Z'
      ? rule(`BR-${id}-10`, `VAT that is ${name} has no reason for an exemption.`, UNTAXED, ({ taxes }) =>
          of(taxes, code).every(({ reason, reasonCode }) => reason === null && reasonCode === null),
        )
      : rule(`BR-${id}-10`, `VAT that is ${name} has a reason.`, REASON, ({ taxes }) =>
          of(taxes, code).every(({ reason, reasonCode }) => isGiven(reason) || isGiven(reasonCode)),
        ),
  ];
}

/** The rules about tax. */
export const taxRules: readonly Rule[] = [
  rule('BR-CO-04', 'Each line has a VAT category.', UNTAXED, ({ lines }) =>
    lines.every(({ category }) => category !== null),
  ),
  rule('BR-CO-17', 'The VAT of a category is its taxable amount × its rate, rounded.', AMOUNTS, ({ taxes }) =>
    taxes.every((each) => isSame(each.tax, taxOf(each))),
  ),
  rule('BR-CO-18', 'An invoice has the VAT of a category.', AMOUNTS, ({ taxes }) => taxes.length > 0),
  rule('BR-47', 'The VAT of each category names the category.', UNTAXED, ({ taxes }) =>
    taxes.every(({ category }) => category !== null),
  ),
  rule('BR-48', 'The VAT of each category has a rate, except where it is not subject to VAT.', UNTAXED, ({ taxes }) =>
    taxes.every(({ category, rate }) => category === 'O' || isGiven(rate)),
  ),
  rule('BR-CL-22', 'The code of a reason is in the list VATEX.', BUYER('eInvoice.untaxed.reasonCode'), ({ taxes }) =>
    taxes.every(({ reasonCode }) => reasonCode === null || isExemptionReason(reasonCode)),
  ),
  ...(['S', 'Z', 'E', 'AE', 'K', 'G', 'O'] as const).flatMap(rulesOf),
  rule('BR-IC-11', 'An intra-community supply has an invoicing period.', AMOUNTS, ({ taxes, period }) =>
    of(taxes, 'K').length === 0 ? true : period !== null,
  ),
  rule(
    'BR-IC-12',
    'An intra-community supply says to which country it goes.',
    BUYER('eInvoice.countryCode'),
    ({ taxes, deliverTo }) => (of(taxes, 'K').length === 0 ? true : isGiven(deliverTo?.countryCode ?? null)),
  ),
  rule('BR-O-11', 'Nothing else is taxed where an amount is not subject to VAT.', AMOUNTS, ({ taxes }) =>
    of(taxes, 'O').length === 0 ? true : taxes.length === 1,
  ),
  rule('BR-O-12', 'All lines are not subject to VAT where one is.', AMOUNTS, ({ lines }) =>
    of(lines, 'O').length === 0 ? true : lines.every(({ category }) => category === 'O'),
  ),
];
