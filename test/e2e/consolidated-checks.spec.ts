import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { TestLedger } from '../support/ledger.js';
import {
  consolidating,
  issuedOfAll,
  payerLedger,
  recordConsolidated,
  recordVoid,
  T,
  voiding,
} from '../support/payer-story.js';

/** What a check finds of consolidated invoices that were recorded past the rules. */

let test: TestLedger;
beforeEach(async () => {
  test = await payerLedger();
  await issuedOfAll(test);
});
afterEach(async () => test.close());

async function found(): Promise<string[]> {
  const failures = (await test.check()).failures as readonly { readonly code: string; readonly message: string }[];
  return failures.map(({ code, message }) => `${code}: ${message}`);
}

it('finds totals that differ, and an invoice in two', async () => {
  await test.apply(consolidating());
  await recordConsolidated(test, { total: '73' });
  expect(await found()).toEqual([
    'consolidated_invoice_differs: CI-000002 has total 73, and its invoices 72',
    'invoice_wrongly_consolidated: invoice INV-000001 is in CI-000001 and CI-000002, and can be in one',
  ]);
  // As the remedy says.
  await test.apply(voiding('CI-000002'));
  expect(await found()).toEqual([]);
});

it('names the figures that differ, although the total does not', async () => {
  await recordConsolidated(test, { subtotal: '61', tax: '11' });
  expect(await found()).toEqual([
    'consolidated_invoice_differs: CI-000001 has subtotal 61, and its invoices 60; tax 11, and its invoices 12',
  ]);
});

it.each<[string, object]>([
  ['it is in another currency', { currency: 'EUR' }],
  ['it is addressed to another', { payerId: 'shop' }],
  ['it was issued later', { issuedAt: instant(T('2026-04-01')) }],
])('finds an invoice that can not be in one: %s', async (reason, more) => {
  await recordConsolidated(test, more);
  expect(await found()).toContain(
    `invoice_wrongly_consolidated: invoice INV-000001 is in CI-000001, and can't be: ${reason}`,
  );
});

it('finds an invoice of another tenant, an unknown one, and one that is void', async () => {
  const unknown = '00000000-0000-4000-8000-00000000000f';
  const { invoiceId } = await test.ask<{ invoiceId: string }>('invoice', { id: 'INV-000001' });
  await recordConsolidated(test, { invoices: [{ invoiceId, tenantId: 'shop' }] });
  await recordConsolidated(test, {
    invoices: [{ invoiceId: unknown, tenantId: 'lab' }],
    subtotal: '0',
    tax: '0',
    total: '0',
  });
  expect(await found()).toEqual([
    "invoice_wrongly_consolidated: invoice INV-000001 is in CI-000001, and can't be: it is of another tenant than is" +
      ' recorded there',
    `invoice_wrongly_consolidated: invoice ${unknown} is in CI-000002, and can't be: there is no such invoice`,
  ]);
  await recordVoid(test);
  expect(await found()).toContain(
    "invoice_wrongly_consolidated: invoice INV-000001 is in CI-000001, and can't be: it is void",
  );
});
