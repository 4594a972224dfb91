import { z } from 'zod';
import { zText } from '../schema.js';

/**
 * The data of a party that an electronic invoice (EN 16931) carries and a printed one need not have. Nothing is
 * required here: which of them an invoice needs depends on its profile, and its rules say so.
 */
const zElectronicAddress = z
  .strictObject({
    scheme: zText.min(1).describe('The code of the scheme in the list EAS, such as EM (e-mail) or 0204 (Leitweg-ID)'),
    id: zText.min(1).describe('The address in this scheme'),
  })
  .describe('Where electronic invoices are sent');

const address = {
  street: zText.min(1).optional().describe('Default: the postal address'),
  city: zText.min(1).optional().describe('The city of the address'),
  postalCode: zText.min(1).optional().describe('The postal code of the address'),
  countryCode: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be a code of two capital letters, such as "DE"')
    .optional()
    .describe('ISO 3166-1, such as DE'),
};

const ids = {
  vatId: zText.min(1).optional().describe('The VAT identifier with its country prefix, such as DE123456789'),
  registrationId: zText.min(1).optional().describe('The number in the register of companies'),
  electronicAddress: zElectronicAddress.optional(),
};

/** The categories of the code list UNCL 5305 for amounts without tax. */
export const UNTAXED_CATEGORIES = ['Z', 'E', 'AE', 'K', 'G', 'O'] as const;
export type UntaxedCategory = (typeof UNTAXED_CATEGORIES)[number];

const zUntaxed = z
  .strictObject({
    category: z
      .enum(UNTAXED_CATEGORIES)
      .describe(
        'Z: zero rated · E: exempt · AE: reverse charge · K: intra-community supply · G: export ' +
          '· O: not subject to VAT',
      ),
    reason: zText.min(1).optional().describe('Why no tax is charged, such as "Reverse charge"'),
    reasonCode: zText.min(1).optional().describe('The reason as a code of the list VATEX, such as VATEX-EU-AE'),
  })
  .describe('The tax category of rows whose tax rate is 0, and why');

/** A tenant as the buyer of an electronic invoice. */
export const zBuyer = z.strictObject({
  ...address,
  ...ids,
  buyerReference: zText.min(1).optional().describe('What the buyer wants invoices to name, such as a Leitweg-ID'),
  untaxed: zUntaxed.optional(),
});
export type Buyer = z.output<typeof zBuyer>;

/** The same as an answer, whose parts have names. */
export const zBuyerShown = zBuyer
  .extend({
    electronicAddress: zElectronicAddress.meta({ id: 'ElectronicAddress' }).optional(),
    untaxed: zUntaxed.meta({ id: 'Untaxed' }).optional(),
  })
  .meta({ id: 'Buyer' });

/** The seller of all invoices. */
export const zSeller = z.strictObject({
  name: zText.min(1).optional(),
  ...address,
  ...ids,
  taxNumber: zText.min(1).optional(),
  contact: z
    .strictObject({ name: zText.min(1).optional(), phone: zText.min(1).optional(), email: zText.min(1).optional() })
    .optional(),
  iban: zText.min(1).optional(),
  bic: zText.min(1).optional(),
  accountName: zText.min(1).optional(),
  paymentTerms: zText.min(1).optional(),
});
export type Seller = z.output<typeof zSeller>;
