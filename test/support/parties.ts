/** The parties of electronic invoices in tests. */
export const SELLER = {
  name: 'Cloud & Sons GmbH',
  street: 'Hauptstr. 1',
  city: 'Berlin',
  postalCode: '10115',
  countryCode: 'DE',
  vatId: 'DE123456789',
  electronicAddress: { scheme: '9930', id: 'DE123456789' },
  contact: { name: 'Ann', phone: '+49 30 1234', email: 'ann@example.com' },
  iban: 'DE02 1203 0000 0000 2020 51',
  paymentTerms: 'Payable within 14 days',
};
export const BUYER = {
  street: 'Rue 1',
  city: 'Paris',
  postalCode: '75001',
  countryCode: 'FR',
  vatId: 'FR12345678901',
  buyerReference: 'order 7',
  electronicAddress: { scheme: '0009', id: '12345678900012' },
};

/** A buyer who pays no tax. */
export const EXEMPT = { countryCode: 'DE', untaxed: { category: 'E', reason: 'Small business' } };
