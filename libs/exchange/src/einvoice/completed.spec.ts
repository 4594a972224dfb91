import { expect, it } from '@jest/globals';
import { completedBuyer, completedSeller } from './completed.js';

it('adds what a buyer lacked, and keeps what it had', () => {
  const then = { name: 'Acme', taxNumber: 'DE1', eInvoice: { vatId: 'DE123456789', buyerReference: 'order 7' } };
  const now = {
    ...{ name: 'Acme & Co', address: 'Rue 1', taxNumber: 'FR2' },
    eInvoice: { vatId: 'FR1', electronicAddress: { scheme: 'EM', id: 'a@b.example' }, registrationId: 'HRB 1' },
  };
  expect(completedBuyer(then, now)).toMatchObject({
    ...{ name: 'Acme', address: 'Rue 1', taxNumber: 'DE1' },
    eInvoice: {
      ...{ vatId: 'DE123456789', buyerReference: 'order 7', registrationId: 'HRB 1' },
      electronicAddress: { scheme: 'EM', id: 'a@b.example' },
    },
  });
});

it('takes a whole address, never a part of one', () => {
  const old = { street: 'Rue 1', city: 'Paris' };
  const moved = { street: 'Platz 2', city: 'Berlin', postalCode: '10115', countryCode: 'DE' };
  expect(completedSeller(old, moved)).toMatchObject(moved);
  // Without a country it is no address that an electronic invoice may have.
  expect(completedSeller(old, { ...moved, countryCode: undefined })).toMatchObject(old);
  const whole = { ...old, postalCode: '75001', countryCode: 'FR' };
  expect(completedSeller(whole, moved)).toMatchObject(whole);
});

it('adds the reason of the same category only', () => {
  const of = (untaxed: { category: 'E' | 'AE'; reason?: string }) => ({ name: 'Acme', eInvoice: { untaxed } });
  const exempt = of({ category: 'E', reason: 'Small business' });
  expect(completedBuyer(of({ category: 'E' }), exempt).eInvoice).toEqual(exempt.eInvoice);
  expect(completedBuyer(of({ category: 'AE' }), exempt).eInvoice).toEqual({ untaxed: { category: 'AE' } });
  expect(completedBuyer({ name: 'Acme' }, exempt).eInvoice).toEqual(exempt.eInvoice);
});

it('adds to the contact of a seller what is missing', () => {
  expect(completedSeller({ contact: { name: 'Ann' } }, { contact: { name: 'Bob', phone: '110' } }).contact).toEqual({
    ...{ name: 'Ann', phone: '110' },
  });
});

it('takes an account of a bank as a whole', () => {
  // No account of the issue is mixed with the one of now: the money would go to neither.
  const now = { iban: 'DE89370400440532013000', bic: 'COBADEFFXXX', accountName: 'New' };
  expect(completedSeller({ iban: 'DE02120300000000202051' }, now)).toEqual({ iban: 'DE02120300000000202051' });
  expect(completedSeller({ bic: 'BYLADEM1001', accountName: 'Old' }, now)).toEqual(now);
  expect(completedSeller({}, now)).toEqual(now);
  // Now without an account: what was stated stays.
  expect(completedSeller({ bic: 'BYLADEM1001' }, { name: 'Cloud' })).toEqual({ bic: 'BYLADEM1001', name: 'Cloud' });
});

it('takes the printed address with the city', () => {
  const then = { name: 'Acme', address: 'Rue 1\n75001 Paris' };
  const now = {
    ...{ name: 'Acme', address: 'Platz 2' },
    eInvoice: { city: 'Berlin', postalCode: '10115', countryCode: 'DE' },
  };
  expect(completedBuyer(then, now)).toEqual(now);
  // Without a street now, that of then is not one of Berlin.
  expect(completedBuyer(then, { ...now, address: undefined })).toEqual({ name: 'Acme', eInvoice: now.eInvoice });
  // Whole at the issue: the street stays the printed address of then.
  expect(completedBuyer({ ...then, eInvoice: { city: 'Paris', postalCode: '75001', countryCode: 'FR' } }, now)).toEqual(
    { ...then, eInvoice: { city: 'Paris', postalCode: '75001', countryCode: 'FR' } },
  );
  // A city of then without a street gets none of now.
  expect(completedBuyer({ name: 'Acme', eInvoice: { city: 'Paris' } }, { name: 'Acme', address: 'Platz 2' })).toEqual({
    ...{ name: 'Acme', eInvoice: { city: 'Paris' } },
  });
  // No city at all: the printed address of now is no better than the one of then.
  expect(completedBuyer(then, { ...now, eInvoice: { vatId: 'DE1' } })).toEqual({ ...then, eInvoice: { vatId: 'DE1' } });
});

it('keeps a tax number that is a VAT identifier as that', () => {
  const now = { name: 'Acme', taxNumber: 'FR22', eInvoice: { vatId: 'FR22' } };
  expect(completedBuyer({ name: 'Acme', taxNumber: 'DE123456789' }, now)).toEqual({
    ...{ name: 'Acme', taxNumber: 'DE123456789', eInvoice: {} },
  });
  // 143/123/45678 is the number of a tax office, so a VAT identifier was missing.
  expect(completedBuyer({ name: 'Acme', taxNumber: '143/123/45678' }, now).eInvoice).toEqual({ vatId: 'FR22' });
});

it('keeps the reason of an untaxed category with its code', () => {
  const of = (untaxed: { category: 'E' | 'AE'; reason?: string; reasonCode?: string }) => ({
    ...{ name: 'Acme', eInvoice: { untaxed } },
  });
  const now = of({ category: 'E', reason: 'Small business', reasonCode: 'VATEX-EU-132' });
  for (const had of [{ reason: 'Education' }, { reasonCode: 'VATEX-EU-132-1I' }])
    expect(completedBuyer(of({ category: 'E', ...had }), now).eInvoice).toEqual({ untaxed: { category: 'E', ...had } });
});
