import type { Buyer } from '#domain/invoices/parties';

/**
 * Values that the examples of several operations use. The examples tell one story: acme runs a deployment, is billed
 * for April, and gets a credit note. A test sends them all to an empty ledger, so derived ids are those of this story.
 */

export const APRIL = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };
export const MID_APRIL = '2026-04-15T00:00:00Z';
export const DAY = { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' };
/** The invoice of acme as of May. */
export const INVOICE = '3f87c308-f857-5ea6-a860-f59bf302cb03';
export const CREDIT_NOTE = '6965b718-4d3d-56f4-99a0-76a5c111c7d5';
export const LINE = 'd7a96057-7784-518d-81e9-51916a7bcbb2';
/** acme in electronic invoices. */
export const BUYER: Buyer = {
  street: '1 Main Street',
  city: 'Berlin',
  postalCode: '10115',
  countryCode: 'DE',
  vatId: 'DE123456789',
  registrationId: 'HRB 12345',
  electronicAddress: { scheme: 'EM', id: 'billing@acme.example' },
  buyerReference: '04011000-1234512345-06',
  untaxed: { category: 'AE', reason: 'Reverse charge', reasonCode: 'VATEX-EU-AE' },
};
