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
