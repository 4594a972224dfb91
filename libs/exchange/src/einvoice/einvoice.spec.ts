import { describe, expect, it } from '@jest/globals';
import { isDomainError } from '#domain/schema';
import { ciiFaults, readCii, readUbl, ublFaults } from '../../../../test/support/einvoice.js';
import { brokenRules, eInvoiceXml, type Written } from './einvoice.js';
import type { EInvoice, Line, TaxTotal } from './model.js';
import { NORM_RULES } from './norm-rules.js';
import { PROFILE_RULES } from './profile-rules.js';
import { type ProfileName, PROFILES, PROFILES_OF } from './profiles.js';
import { CII_D16B_RULES } from './syntax-rules.js';

const MAY = { start: '2026-05-01', end: '2026-05-31' };
const HOSTILE = `</cbc:Name><!-- & "Söhne" ']]> --> <b>€ 𝄞`;

const FEE: Line = {
  ...{ id: '1', note: null, quantity: '1', unitCode: 'C62', net: '50.00', period: MAY, adjustments: [] },
  ...{ price: '50', category: 'S', rate: '19', name: 'Base fee', description: 'Flat amount · Web shop' },
};
/** 3 × 0.333 is 0.999, rounded to 1.00; 0.01 less was billed, and 0.09 is taken off: 0.90. */
const USAGE: Line = {
  ...{
    ...FEE,
    id: '2',
    note: 'Replaces a row of INV-000001',
    quantity: '3',
    unitCode: 'HUR',
    net: '0.90',
    price: '0.333',
  },
  adjustments: [
    { kind: 'allowance', amount: '0.01', reason: 'Rounding over the whole billing period' },
    { kind: 'allowance', amount: '0.10', reason: 'Discount' },
    { kind: 'charge', amount: '0.01', reason: 'Coupons and credits' },
  ],
  name: HOSTILE,
};
const GERMAN = (name: string) => ({
  ...{ name, vatId: 'DE123456789', registrationId: 'HRB 1', contact: null },
  address: { lines: ['Hauptstr. 1', 'Hof', '3. OG'], city: 'Berlin', postalCode: '10115', countryCode: 'DE' },
});

/** 50.90 with 19 %, which is 9.671: 9.67. */
const INVOICE: EInvoice = {
  ...{ number: 'INV-000002', issueDate: '2026-06-01', typeCode: '380', currency: 'EUR', dueDate: '2026-06-15' },
  ...{ buyerReference: '04011000-1234512345-06', paymentTerms: '14 days', note: null, period: MAY, deliverTo: null },
  preceding: [{ number: 'INV-000001', issueDate: null }],
  seller: {
    ...GERMAN('Cloud & Sons GmbH'),
    taxNumber: '11/222/33333',
    electronicAddress: { scheme: '9930', id: 'DE123456789' },
    contact: { name: 'Ann', phone: '+49 30 1', email: 'ann@example.com' },
  },
  buyer: { ...GERMAN(HOSTILE), taxNumber: null, electronicAddress: { scheme: '0204', id: '04011000-1' } },
  payment: { code: '58', account: 'DE02120300000000202051', accountName: 'Cloud & Sons', bic: 'BYLADEM1001' },
  lines: [FEE, USAGE],
  taxes: [{ taxable: '50.90', tax: '9.67', category: 'S', rate: '19', reason: null, reasonCode: null }],
  totals: { lines: '50.90', withoutTax: '50.90', tax: '9.67', withTax: '60.57', paid: '10.57', due: '50.00' },
};
const CREDIT_NOTE: EInvoice = {
  ...{ ...INVOICE, payment: { code: '97', account: null, accountName: null, bic: null } },
  ...{ number: 'CN-000001', typeCode: '381', dueDate: null, note: 'an outage' },
  preceding: [{ number: 'INV-000002', issueDate: '2026-06-01' }],
  totals: { ...INVOICE.totals, paid: null, due: '60.57' },
};

/** An invoice without tax: one line of 50.00 at the rate 0. */
function untaxed(category: TaxTotal['category'], reason: string | null, change: Partial<EInvoice> = {}): EInvoice {
  const line = { ...FEE, category, rate: category === 'O' ? null : '0' };
  const [taxable, tax] = ['50.00', '0.00'];
  const none = { vatId: null, taxNumber: null };
  return {
    ...INVOICE,
    lines: [line],
    taxes: [{ taxable, tax, category, rate: '0', reason, reasonCode: null }],
    totals: { lines: taxable, withoutTax: taxable, tax, withTax: taxable, paid: null, due: taxable },
    deliverTo: category === 'K' ? INVOICE.buyer.address : null,
    ...(category === 'O' ? { seller: { ...INVOICE.seller, ...none }, buyer: { ...INVOICE.buyer, ...none } } : {}),
    ...change,
  };
}
const UNTAXED: readonly [NonNullable<TaxTotal['category']>, string | null][] = [
  ['Z', null],
  ['E', 'Small business'],
  ['AE', 'Reverse charge'],
  ['K', 'Intra-community supply'],
  ['G', 'Export'],
  ['O', 'Not subject to VAT'],
];

const ids = (invoice: EInvoice, written: Written): string[] => brokenRules(invoice, written).map(({ id }) => id);

describe.each([
  ['an invoice', INVOICE],
  ['a credit note', CREDIT_NOTE],
  ['a negative invoice', negative()],
  ...UNTAXED.map(([category, reason]): [string, EInvoice] => [
    `an invoice of category ${category}`,
    untaxed(category, reason),
  ]),
])('%s', (_, invoice) => {
  it.each(PROFILES_OF.ubl)('is in UBL what it is, in the profile %s', (profile) => {
    const xml = eInvoiceXml(invoice, { format: 'ubl', profile });
    expect(ublFaults(xml)).toEqual([]);
    expect(xml).toContain(`<cbc:CustomizationID>${PROFILES[profile].specification}</cbc:CustomizationID>`);
    // UBL has no due date in a credit note, which has none.
    expect(readUbl(xml)).toEqual(invoice);
  });

  it.each(PROFILES_OF.cii)('is in CII what it is, in the profile %s', (profile) => {
    const xml = eInvoiceXml(invoice, { format: 'cii', profile });
    expect(ciiFaults(xml)).toEqual([]);
    expect(xml).toContain(`<ram:ID>${PROFILES[profile].specification}</ram:ID>`);
    expect(readCii(xml)).toEqual(invoice);
  });
});

function negative(): EInvoice {
  const { seller, buyer } = INVOICE;
  const line = { ...FEE, quantity: '-1', net: '-50.00' };
  return {
    ...{ ...INVOICE, seller, buyer, lines: [line] },
    taxes: [{ taxable: '-50.00', tax: '-9.50', category: 'S', rate: '19', reason: null, reasonCode: null }],
    totals: { lines: '-50.00', withoutTax: '-50.00', tax: '-9.50', withTax: '-59.50', paid: null, due: '-59.50' },
  };
}

const line = (change: Partial<Line>): Partial<EInvoice> => ({ lines: [{ ...FEE, ...change }, USAGE] });
const tax = (change: Partial<TaxTotal>): Partial<EInvoice> => ({
  taxes: INVOICE.taxes.map((each) => ({ ...each, ...change })),
});
const total = (change: Partial<EInvoice['totals']>): Partial<EInvoice> => ({
  totals: { ...INVOICE.totals, ...change },
});
const seller = (change: Partial<EInvoice['seller']>): Partial<EInvoice> => ({
  seller: { ...INVOICE.seller, ...change },
});
const buyer = (change: Partial<EInvoice['buyer']>): Partial<EInvoice> => ({ buyer: { ...INVOICE.buyer, ...change } });
const sellerAt = (change: Partial<EInvoice['seller']['address']>): Partial<EInvoice> =>
  seller({ address: { ...INVOICE.seller.address, ...change } });
const buyerAt = (change: Partial<EInvoice['buyer']['address']>): Partial<EInvoice> =>
  buyer({ address: { ...INVOICE.buyer.address, ...change } });
const contact = (change: object): Partial<EInvoice> =>
  seller({ contact: { name: 'Ann', phone: '+49 30 1', email: 'ann@example.com', ...change } });
const adjusted = (kind: 'allowance' | 'charge', change: object): Partial<EInvoice> =>
  line({ adjustments: [{ kind, amount: '1.00', reason: 'r', ...change }] });
const without = { vatId: null, taxNumber: null };

/** For each rule, a change of an invoice that breaks it. */
const BREAKING: Readonly<Record<string, EInvoice | Partial<EInvoice>>> = {
  'BR-02': { number: '' },
  'BR-03': { issueDate: '' },
  'BR-04': { typeCode: '' as '380' },
  'BR-05': { currency: '' },
  'BR-06': seller({ name: null }),
  'BR-07': buyer({ name: null }),
  'BR-09': sellerAt({ countryCode: null }),
  'BR-11': buyerAt({ countryCode: null }),
  'BR-16': { lines: [] },
  'BR-21': line({ id: '' }),
  'BR-23': line({ unitCode: '' }),
  'BR-25': line({ name: ' ' }),
  'BR-27': line({ price: '-50' }),
  'BR-29': { period: { start: '2026-05-02', end: '2026-05-01' } },
  'BR-30': line({ period: { start: '2026-05-02', end: '2026-05-01' } }),
  'BR-42': adjusted('allowance', { reason: '' }),
  'BR-44': adjusted('charge', { reason: '' }),
  'BR-47': tax({ category: null }),
  'BR-48': tax({ rate: null }),
  'BR-55': { preceding: [{ number: '', issueDate: null }] },
  'BR-61': { payment: { code: '58', account: '', accountName: null, bic: null } },
  'BR-CL-04': { currency: 'ABC' },
  'BR-CL-14': buyerAt({ countryCode: 'XX' }),
  // The code has the form of one, and is none.
  'BR-CL-22': { ...untaxed('E', null), taxes: [{ ...first('E'), reasonCode: 'VATEX-EU-AX' }] },
  'BR-CL-23': line({ unitCode: 'hour' }),
  'BR-CL-25': buyer({ electronicAddress: { scheme: 'mail', id: 'a@b.c' } }),
  'BR-CO-04': line({ category: null }),
  'BR-CO-09': buyer({ vatId: '123' }),
  'BR-CO-10': total({ lines: '50.91' }),
  'BR-CO-13': total({ withoutTax: '50.91' }),
  'BR-CO-14': total({ tax: '9.68' }),
  'BR-CO-15': total({ withTax: '60.58' }),
  'BR-CO-16': total({ due: '50.01' }),
  // 50.90 × 19 % is 9.671, rounded to 9.67.
  'BR-CO-17': tax({ tax: '9.68' }),
  'BR-CO-18': { taxes: [] },
  'BR-CO-25': { dueDate: null, paymentTerms: null },
  'BR-CO-26': seller({ vatId: null, registrationId: null }),
  'BR-DEC-09': total({ lines: '50.905' }),
  'BR-DEC-12': total({ withoutTax: '50.905' }),
  'BR-DEC-13': total({ tax: '9.675' }),
  'BR-DEC-14': total({ withTax: '60.575' }),
  'BR-DEC-16': total({ paid: '10.575' }),
  'BR-DEC-18': total({ due: '50.005' }),
  'BR-DEC-19': tax({ taxable: '50.905' }),
  'BR-DEC-20': tax({ tax: '9.675' }),
  'BR-DEC-23': line({ net: '50.005' }),
  'BR-DEC-24': adjusted('allowance', { amount: '1.005' }),
  'BR-DEC-27': adjusted('charge', { amount: '1.005' }),
  'BR-S-01': tax({ category: 'Z' }),
  'BR-S-02': seller(without),
  'BR-S-05': line({ rate: '0' }),
  'BR-S-08': tax({ taxable: '50.91' }),
  'BR-S-09': tax({ tax: '9.68' }),
  'BR-S-10': tax({ reason: 'none' }),
  'CII-BG-3': { preceding: [...INVOICE.preceding, { number: 'INV-000003', issueDate: null }] },
  'BR-IC-11': untaxed('K', 'r', { period: null }),
  'BR-IC-12': untaxed('K', 'r', { deliverTo: null }),
  'BR-O-11': { ...untaxed('O', 'r'), taxes: [first('O'), ...INVOICE.taxes] },
  'BR-O-12': { ...untaxed('O', 'r'), lines: [FEE, { ...FEE, category: 'O', rate: null }] },
  'BR-O-02': untaxed('O', 'r', { seller: INVOICE.seller }),
  'BR-Z-10': { ...untaxed('Z', 'none') },
  'PEPPOL-EN16931-R003': { buyerReference: null },
  'PEPPOL-EN16931-CL008': buyer({ electronicAddress: { scheme: 'EM', id: 'a@b.c' } }),
  'PEPPOL-EN16931-R008': { note: ' ' },
  'PEPPOL-EN16931-R010': buyer({ electronicAddress: null }),
  'PEPPOL-EN16931-R020': seller({ electronicAddress: null }),
  'PEPPOL-EN16931-R110': line({ period: { ...MAY, start: '2026-04-30' } }),
  'PEPPOL-EN16931-R111': line({ period: { ...MAY, end: '2026-06-01' } }),
  'PEPPOL-EN16931-R120': line({ price: '50.01' }),
  'BR-DE-1': { payment: null },
  'BR-DE-2': seller({ contact: null }),
  'BR-DE-3': sellerAt({ city: null }),
  'BR-DE-4': sellerAt({ postalCode: null }),
  'BR-DE-5': contact({ name: null }),
  'BR-DE-6': contact({ phone: null }),
  'BR-DE-7': contact({ email: null }),
  'BR-DE-8': buyerAt({ city: null }),
  'BR-DE-9': buyerAt({ postalCode: null }),
  'BR-DE-10': untaxed('K', 'r', { deliverTo: { ...INVOICE.buyer.address, city: null } }),
  'BR-DE-11': untaxed('K', 'r', { deliverTo: { ...INVOICE.buyer.address, postalCode: null } }),
  'BR-DE-14': tax({ rate: null }),
  'BR-DE-15': { buyerReference: null },
  'BR-DE-16': seller(without),
  'BR-DE-27': contact({ phone: '12' }),
  'BR-DE-28': contact({ email: 'ann' }),
};

function first(category: NonNullable<TaxTotal['category']>): TaxTotal {
  return { taxable: '50.00', tax: '0.00', category, rate: '0', reason: 'r', reasonCode: null };
}

/** The rules of the categories without tax, each with what breaks it. */
const OF_CATEGORIES = UNTAXED.flatMap(([category, reason]): [string, EInvoice][] => {
  const good = untaxed(category, reason);
  const [own] = good.taxes;
  if (own === undefined) return [];
  const name = category === 'K' ? 'IC' : category;
  const needsBuyer = category === 'AE' || category === 'K';
  return [
    [`BR-${name}-01`, { ...good, taxes: [own, own] }],
    ...(category === 'O' ? [] : [[`BR-${name}-02`, { ...good, ...seller(without) }] as [string, EInvoice]]),
    ...(needsBuyer
      ? [[`BR-${name}-02`, { ...good, ...buyer({ vatId: null, registrationId: null }) }] as [string, EInvoice]]
      : []),
    [`BR-${name}-05`, { ...good, lines: [{ ...FEE, category, rate: '19' }] }],
    [`BR-${name}-08`, { ...good, taxes: [{ ...own, taxable: '50.01' }] }],
    [`BR-${name}-09`, { ...good, taxes: [{ ...own, tax: '0.01' }] }],
    ...(category === 'Z'
      ? []
      : [[`BR-${name}-10`, { ...good, taxes: [{ ...own, reason: null }] }] as [string, EInvoice]]),
  ];
});

/** Reasons of another category. */
const OF_REASONS = ['G', 'O', 'IC', 'AE', 'D', 'F', 'I', 'J'].map((code, index): [string, EInvoice] => [
  `PEPPOL-EN16931-P0${104 + index}`,
  untaxed('Z', null, { taxes: [{ ...first('Z'), reason: null, reasonCode: `VATEX-EU-${code}` }] }),
]);

/**
 * Electronic addresses, each valid and with another last digit. The valid ones are public: of GS1, Equinor, Novo
 * Nordisk, Proximus, Ericsson and Telstra.
 */
const IDENTIFIED = [
  ['R040', '0088', '9506000140445', '9506000140446'],
  ['R041', '0192', '923609016', '923609017'],
  ['R042', '0184', 'DK24256790', 'DK2425679'],
  ['R043', '0208', '0202239951', '0202239952'],
  ['R049', '0007', '5560160680', '5560160681'],
  ['R050', '0151', '33051775556', '33051775557'],
] as const;
const OF_IDENTIFIERS = IDENTIFIED.map(([number, scheme, , id]): [string, EInvoice] => [
  `PEPPOL-COMMON-${number}`,
  { ...INVOICE, ...buyer({ electronicAddress: { scheme, id } }) },
]);

const CASES: readonly [string, EInvoice][] = [
  ...Object.entries(BREAKING).map(([id, change]): [string, EInvoice] => [id, { ...INVOICE, ...change }]),
  ...OF_CATEGORIES,
  ...OF_REASONS,
  ...OF_IDENTIFIERS,
];
const profileOf = (id: string): ProfileName =>
  id.startsWith('PEPPOL') ? 'peppol' : id.startsWith('BR-DE-') && !id.startsWith('BR-DEC') ? 'xrechnung' : 'en16931';

describe('the rules', () => {
  it.each(IDENTIFIED.map(([, scheme, id]) => [scheme, id]))('of Peppol take %s %s', (scheme = '', id = '') => {
    const invoice = { ...INVOICE, ...buyer({ electronicAddress: { scheme, id } }) };
    expect(ids(invoice, { format: 'ubl', profile: 'peppol' })).toEqual([]);
  });

  it.each(CASES)('refuse by %s', (id, invoice) => {
    expect(ids(invoice, { format: id.startsWith('CII') ? 'cii' : 'ubl', profile: profileOf(id) })).toContain(id);
  });

  it('are each broken by a case here', () => {
    const all = [...NORM_RULES, ...Object.values(PROFILE_RULES).flat(), ...CII_D16B_RULES].map(({ id }) => id);
    expect([...new Set(all)].sort()).toEqual([...new Set(CASES.map(([id]) => id))].sort());
  });

  it('are named with what to do', () => {
    let refusal: unknown;
    try {
      eInvoiceXml(
        { ...INVOICE, ...seller({ name: null }), buyerReference: null },
        { format: 'ubl', profile: 'xrechnung' },
      );
    } catch (error) {
      refusal = error;
    }
    expect(isDomainError(refusal) && [refusal.code, refusal.errors]).toEqual([
      'einvoice_refused',
      [
        { field: 'BR-06', message: 'An invoice names the seller. Set name in LEDGERLINE_SELLER_DETAILS.' },
        {
          field: 'BR-DE-15',
          message: 'An invoice has a buyer reference. Set eInvoice.buyerReference with correct-tenant.',
        },
      ],
    ]);
  });

  it('let UBL and Factur-X name several earlier invoices', () => {
    const invoice = {
      ...INVOICE,
      preceding: ['INV-000001', 'INV-000003'].map((number) => ({ number, issueDate: null })),
    };
    const [xml, facturx] = [
      eInvoiceXml(invoice, { format: 'ubl', profile: 'xrechnung' }),
      eInvoiceXml(invoice, { format: 'cii', profile: 'facturx' }),
    ];
    expect([ublFaults(xml), ciiFaults(facturx)]).toEqual([[], []]);
    expect([readUbl(xml).preceding, readCii(facturx).preceding]).toEqual([invoice.preceding, invoice.preceding]);
    expect(ids(invoice, { format: 'cii', profile: 'xrechnung' })).toEqual(['CII-BG-3']);
    expect(ids(invoice, { format: 'cii', profile: 'en16931' })).toEqual(['CII-BG-3']);
  });

  it('refuse a character that XML can’t contain', () => {
    const invoice = { ...INVOICE, ...buyer({ name: 'Acme\u0001' }) };
    expect(() => eInvoiceXml(invoice, { format: 'cii', profile: 'facturx' })).toThrow(
      'ram:BuyerTradeParty/ram:Name has a character',
    );
  });
});
