import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deployment, subscription } from '../support/commands.js';
import type { TestLedger } from '../support/ledger.js';
import { consolidating, issued, issuedOfAll, payerLedger, T, tokenOf, voiding } from '../support/payer-story.js';

/** What is left to pay of consolidated invoices, and what other documents say of their invoices. */

let test: TestLedger;
beforeEach(async () => {
  test = await payerLedger();
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const paying = (tenantId: string, amount: string, invoiceId: string, at = '2026-05-01') => ({
  ...{ command: 'record-payment', tenantId, currency: 'USD', paymentId: `${tenantId}-1`, amount, at: T(at) },
  invoiceIds: [invoiceId],
});
const crediting = (invoiceId: string, amount: string | undefined, at: string) => ({
  ...{ command: 'create-credit-note', invoiceId, at: T(at), reason: 'outage' },
  ...(amount === undefined ? {} : { amount }),
});
const ubl = async (id: string, more: object = {}): Promise<string> => test.ask('invoice-ubl', { id, ...more });
const first = (xml: string, element: string): string | undefined =>
  new RegExp(`<cbc:${element}(?: [^>]*)?>([^<]*)<`).exec(xml)?.[1];
/** The documents that it refers to, each with its date. */
const references = (xml: string): (readonly (string | undefined)[])[] =>
  [...xml.matchAll(/<cac:InvoiceDocumentReference>(.*?)<\/cac:InvoiceDocumentReference>/gs)].map(([, of = '']) => [
    first(of, 'ID'),
    first(of, 'IssueDate'),
  ]);
const consolidated = async (id = 'CI-000001') => test.ask('consolidated-invoice', { id });

describe('the electronic form of a consolidated invoice', () => {
  it('deducts what was paid before its issue, and nothing that is paid later', async () => {
    await issuedOfAll(test);
    await test.apply(
      // 66.00 of shop, and 20.00 of the 72.00 of lab.
      { command: 'pay-invoice', invoiceId: 'INV-000002', at: T('2026-05-01') },
      paying('lab', '20.00', 'INV-000001'),
      consolidating('2026-05-02', { invoiceIds: ['INV-000001', 'INV-000002', 'INV-000003'] }),
      { command: 'pay-invoice', invoiceId: 'INV-000003', at: T('2026-05-03') },
    );
    const xml = await ubl('CI-000001');
    expect(first(xml, 'TaxInclusiveAmount')).toBe('210.00');
    expect(first(xml, 'PrepaidAmount')).toBe('86.00');
    // 210.00 − 86.00
    expect(first(xml, 'PayableAmount')).toBe('124.00');
    expect(await test.ask<string>('invoice-cii', { id: 'CI-000001' })).toContain(
      '<ram:DuePayableAmount>124.00</ram:DuePayableAmount>',
    );
  });

  it('does not deduct credit notes, also earlier ones: each has an electronic form that refers to it', async () => {
    await issuedOfAll(test);
    // 6.00 and 20 %: 7.20.
    await test.apply(crediting('INV-000001', '6.00', '2026-05-01'), consolidating());
    expect(await consolidated()).toMatchObject({ total: '210.00', amountDue: '202.80' });
    expect(first(await ubl('CI-000001'), 'PayableAmount')).toBe('210.00');
    const note = await test.ask<string>('credit-note-ubl', { id: 'CN-000001' });
    expect(first(note, 'PayableAmount')).toBe('7.20');
    expect(references(note)).toEqual([['CI-000001', '2026-05-02']]);
  });

  it('is what credit notes and later invoices of its invoices refer to, unless it is void', async () => {
    await issuedOfAll(test);
    // 23:00 in UTC is the next day of the payer, which is in Berlin.
    await test.apply(
      { ...consolidating(), at: '2026-05-02T23:00:00Z' },
      crediting('INV-000001', '6.00', '2026-05-03'),
      // May is given back: the next invoice of lab reverses it.
      { command: 'cancel-subscription', subscriptionId: 'lab-s', at: T('2026-05-01') },
    );
    expect(first(await ubl('CI-000001'), 'IssueDate')).toBe('2026-05-03');
    await issued(test, 'lab', '2026-06-01');
    const note = async () => references(await test.ask<string>('credit-note-ubl', { id: 'CN-000001' }));
    const later = async () => references(await ubl('INV-000004'));
    expect(await note()).toEqual([['CI-000001', '2026-05-03']]);
    expect(await later()).toEqual([['CI-000001', '2026-05-03']]);
    const seen = async (who: string, id: string) => test.ledger.ask('invoice-ubl', { id }, tokenOf(who));
    expect(references((await seen('holding', 'INV-000004')) as string)).toEqual([['CI-000001', '2026-05-03']]);
    await expect(seen('lab', 'INV-000004')).rejects.toMatchObject({ code: 'part_of_consolidated_invoice' });
    await test.apply(voiding());
    expect(await note()).toEqual([['INV-000001', '2026-05-01']]);
    expect(await later()).toEqual([['INV-000001', undefined]]);
  });
});

it('a consolidated invoice is paid if the credit of a tenant covers all of its invoices', async () => {
  await issued(test, 'lab');
  await test.apply({ command: 'cancel-subscription', subscriptionId: 'lab-s', at: T('2026-05-01') });
  // May is given back: 36.00 of credit. The fee of June is 30.00 and 20 %, and takes all of it.
  await issued(test, 'lab', '2026-06-01');
  await test.apply(
    deployment('lab-2', 'lab', { from: T('2026-06-01') }),
    subscription('lab-2s', 'lab-2', 'p', { from: T('2026-06-01') }),
  );
  const invoiceId = await issued(test, 'lab', '2026-06-15');
  await test.apply(consolidating('2026-06-16', { invoiceIds: [invoiceId] }));
  expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ status: 'issued', amountDue: '0.00' });
  const figures = { total: '36.00', creditTaken: '36.00', amountDue: '0.00', amountPaid: '0.00' };
  expect(await consolidated()).toMatchObject({ status: 'paid', ...figures });
  const page = await test.ask<string>('consolidated-invoice-document', { id: 'CI-000001' });
  expect(page).toContain('Amount due, USD</th><td class="figure">0.00</td>');
  const xml = await ubl('CI-000001');
  expect(first(xml, 'PrepaidAmount')).toBe('36.00');
  expect(first(xml, 'PayableAmount')).toBe('0.00');
});

it('a consolidated invoice is paid if a credit note covers one of its invoices, and the others are paid', async () => {
  await issuedOfAll(test);
  // All of INV-000001.
  await test.apply(consolidating(), crediting('INV-000001', undefined, '2026-05-03'));
  expect(await consolidated()).toMatchObject({ status: 'issued', amountDue: '138.00', amountPaid: '0.00' });
  const page = async () => test.ask<string>('consolidated-invoice-document', { id: 'CI-000001' });
  expect(await page()).toContain('pay its amount due');
  await test.apply(
    { command: 'pay-invoice', invoiceId: 'INV-000002', at: T('2026-05-04') },
    { command: 'pay-invoice', invoiceId: 'INV-000003', at: T('2026-05-04') },
  );
  expect(await consolidated()).toMatchObject({ status: 'paid', amountDue: '138.00', amountPaid: '138.00' });
  const own = await test.ask<string>('invoice-document', { id: 'INV-000002' });
  expect(own).toContain('Part of consolidated invoice CI-000001.');
  expect(own).not.toContain('Pay that one.');
  expect(await page()).toContain('It takes the place of the invoices that it names.');
  expect(await page()).not.toContain('pay its amount due');
});

describe('without payment terms of the payer', () => {
  const underTerms = async (of: Readonly<Record<string, number>>) => {
    await test.close();
    test = await payerLedger({});
    for (const [tenantId, paymentTermsDays] of Object.entries(of))
      await test.apply({ command: 'correct-tenant', tenantId, paymentTermsDays, reason: 'as agreed' });
    await issuedOfAll(test);
    await test.apply(consolidating());
  };

  it('it is due when the first of its invoices is', async () => {
    await underTerms({ lab: 20, shop: 30 });
    expect(await consolidated()).toMatchObject({ dueAt: T('2026-05-21') });
    expect(first(await ubl('CI-000001'), 'DueDate')).toBe('2026-05-21');
    const page = async () => test.ask<string>('invoice-document', { id: 'INV-000001' });
    expect(await page()).not.toContain('<dt>Due');
    await test.apply(voiding());
    expect(await page()).toContain('<dt>Due</dt><dd>2026-05-21</dd>');
  });

  it('nor of any tenant, it has no due date', async () => {
    await underTerms({});
    expect(await consolidated()).toMatchObject({ dueAt: null });
  });
});
