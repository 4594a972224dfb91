import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { instant } from '#domain/time/instant';
import { serving } from '../support/api.js';
import { cli, folder } from '../support/cli.js';
import { deployment, plan, subscription } from '../support/commands.js';
import { readCii, readUbl } from '../support/einvoice.js';
import { expectEInvoices } from '../support/einvoices-hold.js';
import { BUYER, SELLER } from '../support/parties.js';
import { ledgerOn, type TestLedger, testLedger } from '../support/ledger.js';

/** Invoices and credit notes as machines read them: taxed, without tax, corrected, refused. */

const NOW = instant('2026-07-01T00:00:00Z');
const T = (date: string) => `${date}T00:00:00Z`;
const NAME = `Müller & Söhne <"GmbH"> ']]>`;

const usage = (deploymentId: string, date: string, quantity: string) => ({
  command: 'observe-usage',
  deploymentId,
  observations: [
    {
      ...{ resourceId: 'r', billingKind: 'hours', granularity: 'event', quantity },
      period: { start: T(date), end: `${date}T12:00:00Z` },
    },
  ],
});
const tenant = (tenantId: string, more: object) => ({
  ...{ command: 'register-tenant', tenantId, name: tenantId, currency: 'EUR' },
  ...more,
});
const tax = (ratePercent: string) => ({ tax: { name: 'VAT', ratePercent, from: T('2026-01-01') } });

/** `taxed` pays 19 %, `charged` by reverse charge, `exempt` nothing, for no reason given; `plain` has no details. */
const STORY: readonly object[] = [
  tenant('taxed', { name: NAME, address: 'Hauptstr. 1\nHof\n3. OG\nlinks', paymentTermsDays: 14, ...tax('19') }),
  tenant('charged', { eInvoice: { ...BUYER, untaxed: { category: 'AE', reason: 'Reverse charge' } } }),
  tenant('exempt', { eInvoice: { ...BUYER, untaxed: { category: 'E' } } }),
  tenant('plain', tax('7')),
  { command: 'correct-tenant', tenantId: 'taxed', reason: 'asked', eInvoice: { ...BUYER, street: undefined } },
  ...['taxed', 'charged', 'exempt', 'plain'].flatMap((id) => [
    deployment(`of-${id}`, id, { from: T('2026-04-01') }),
    subscription(`s-${id}`, `of-${id}`, 'p', { from: T('2026-04-01') }),
    usage(`of-${id}`, '2026-04-10', '3'),
  ]),
];

let test: TestLedger;
let api: NestFastifyApplication;
let url: string;
let files: Awaited<ReturnType<typeof folder>>;
const tokens: Record<string, string> = {};
const numbers: Record<string, string> = {};
let creditNote = '';

async function issue(tenantId: string, at: string): Promise<string> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(at) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId ?? 'none';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(at) });
  return (await test.ask<{ number: string }>('invoice', { id: invoiceId })).number;
}
const get = async (path: string, who = 'taxed') => {
  const response = await fetch(`${url}/api/v1/${path}`, { headers: { authorization: `Bearer ${tokens[who] ?? ''}` } });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};
const refusal = async (path: string, who: string): Promise<{ code: string; rules: string[] }> => {
  const { text } = await get(path, who);
  const { code, errors } = JSON.parse(text) as { code: string; errors: { field: string }[] };
  return { code, rules: errors.map(({ field }) => field) };
};

beforeAll(async () => {
  test = await testLedger({ sellerDetails: SELLER });
  files = await folder();
  await test.apply(
    plan('p', '50.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '0.333' } }], {
      currency: 'EUR',
      effectiveFrom: T('2026-01-01'),
    }),
    ...STORY,
  );
  for (const id of ['taxed', 'charged', 'exempt', 'plain']) numbers[id] = await issue(id, '2026-05-01');
  await test.apply(usage('of-taxed', '2026-04-11', '3'));
  numbers['corrected'] = await issue('taxed', '2026-06-01');
  const [noted] = await test.apply({
    command: 'create-credit-note',
    invoiceId: (await test.ask<{ invoiceId: string }>('invoice', { id: numbers['taxed'] })).invoiceId,
    ...{ at: T('2026-06-02'), amount: '10.00', reason: 'an outage' },
  });
  creditNote = (noted as { result: { creditNoteId: string } }).result.creditNoteId;
  const served = await serving(test.url, NOW, { sellerDetails: SELLER });
  ({ api, url } = served);
  for (const tenantId of ['taxed', 'charged', 'exempt', 'plain'])
    tokens[tenantId] = await served.token({ sub: tenantId, role: 'tenant', tenantId });
});
afterAll(async () => {
  await api.close();
  await files.remove();
  await test.close();
});

describe('an electronic invoice', () => {
  it('has the amounts that were frozen, and the details of its issue', async () => {
    const { status, type, text } = await get(`invoices/${numbers['taxed']}/ubl?profile=xrechnung`);
    expect([status, type]).toEqual([200, 'application/xml; charset=utf-8']);
    const read = readUbl(text);
    expect(read).toMatchObject({
      ...{ number: numbers['taxed'], issueDate: '2026-05-01', dueDate: '2026-05-15', typeCode: '380' },
      ...{ currency: 'EUR', buyerReference: 'order 7', preceding: [] },
      // The fee of May is in advance.
      period: { start: '2026-04-01', end: '2026-05-31' },
      buyer: {
        ...{ name: NAME, vatId: 'FR12345678901' },
        address: { lines: ['Hauptstr. 1', 'Hof', '3. OG, links'], city: 'Paris', countryCode: 'FR' },
      },
      seller: { name: 'Cloud & Sons GmbH', vatId: 'DE123456789' },
      payment: { code: '58', account: 'DE02120300000000202051' },
      // 50.00 for April, 50.00 for May, and 3 × 0.333 = 0.999, rounded to 1.00; 101.00 × 19 % = 19.19
      totals: { lines: '101.00', withoutTax: '101.00', tax: '19.19', withTax: '120.19', paid: null, due: '120.19' },
      taxes: [{ taxable: '101.00', tax: '19.19', category: 'S', rate: '19', reason: null }],
    });
    expect(
      read.lines.map(({ name, quantity, price, net, adjustments }) => [name, quantity, price, net, adjustments]),
    ).toEqual([
      ['Base fee', '1', '50', '50.00', []],
      ['Base fee', '1', '50', '50.00', []],
      ['hours', '3', '0.333', '1.00', []],
    ]);
  });

  it('is the same in both syntaxes', async () => {
    const [ubl, cii] = [
      await get(`invoices/${numbers['taxed']}/ubl`),
      await get(`invoices/${numbers['taxed']}/cii?profile=facturx`),
    ];
    expect(readCii(cii.text)).toEqual(readUbl(ubl.text));
  });

  it('names the invoices that it corrects', async () => {
    const read = readUbl((await get(`invoices/${numbers['corrected']}/ubl`)).text);
    expect(read.preceding).toEqual([{ number: numbers['taxed'], issueDate: null }]);
    // 6 × 0.333 = 1.998, rounded to 2.00, in place of 1.00
    expect(
      read.lines.filter(({ note }) => note !== null).map(({ note, quantity, net }) => [note, quantity, net]),
    ).toEqual([
      [`Reverses a row of ${numbers['taxed']}: late usage`, '-3', '-1.00'],
      [`Replaces a row of ${numbers['taxed']}: late usage`, '6', '2.00'],
    ]);
  });

  it('has the category of the tenant where no tax is charged', async () => {
    const read = readUbl((await get(`invoices/${numbers['charged']}/ubl?profile=peppol`, 'charged')).text);
    expect(read.taxes).toEqual([
      ...[{ taxable: '101.00', tax: '0.00', category: 'AE', rate: '0', reason: 'Reverse charge', reasonCode: null }],
    ]);
  });

  it('is refused by the ids of the rules that it breaks', async () => {
    expect(await refusal(`invoices/${numbers['exempt']}/ubl`, 'exempt')).toEqual({
      code: 'einvoice_refused',
      rules: ['BR-E-10'],
    });
    expect(await refusal(`invoices/${numbers['plain']}/cii?profile=xrechnung`, 'plain')).toEqual({
      code: 'einvoice_refused',
      rules: ['BR-11', 'BR-DE-8', 'BR-DE-9', 'BR-DE-15', 'PEPPOL-EN16931-R010'],
    });
  });

  it('is refused of what is not issued, and hidden from other tenants', async () => {
    const [created] = await test
      .apply(usage('of-plain', '2026-06-10', '7'), {
        ...{ command: 'create-invoice', tenantId: 'plain', asOf: T('2026-06-15') },
      })
      .then((outcomes) => outcomes.slice(1));
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    const { text, status } = await get(`invoices/${invoices[0]?.invoiceId ?? ''}/ubl`, 'plain');
    expect([status, JSON.parse(text)]).toEqual([409, expect.objectContaining({ code: 'invoice_not_issued' })]);
    expect((await get(`invoices/${numbers['taxed']}/ubl`, 'plain')).status).toBe(404);
    expect((await get(`credit-notes/${creditNote}/cii`, 'plain')).status).toBe(404);
  });

  it('is written, or refused by a rule, for all documents', async () => {
    expect(await expectEInvoices(test)).toEqual({
      // two of `taxed`, one of `charged`, and the credit note
      written: 4,
      refusedBy: ['BR-11', 'BR-DE-15', 'BR-DE-8', 'BR-DE-9', 'BR-E-10', 'PEPPOL-EN16931-R010'],
    });
  });
});

describe('an electronic credit note', () => {
  it('is above zero, and names its invoice and its reason', async () => {
    const { text } = await get(`credit-notes/${creditNote}/ubl?profile=peppol`);
    expect(readUbl(text)).toMatchObject({
      ...{ typeCode: '381', note: 'an outage', dueDate: null },
      preceding: [{ number: numbers['taxed'], issueDate: '2026-05-01' }],
      // 10.00 with 19 %
      totals: { lines: '10.00', tax: '1.90', withTax: '11.90', due: '11.90' },
    });
  });
});

describe('the parties of an issued document', () => {
  const SOLD = { ...SELLER, name: 'Cloud AG', iban: 'DE02 5001 0517 0137 0750 30', registrationId: 'HRB 9' };
  /** As a later process is configured. */
  const later = async (work: (ledger: TestLedger) => Promise<void>): Promise<void> => {
    const ledger = await ledgerOn(test.url, { seller: 'Cloud AG', sellerDetails: SOLD });
    try {
      await work(ledger);
    } finally {
      await ledger.close();
    }
  };

  it('are those of its issue, whatever is configured later', async () => {
    await later(async (ledger) => {
      const [before] = [await get(`invoices/${numbers['taxed']}/ubl?profile=xrechnung`)];
      const id = numbers['taxed'] ?? '';
      expect(await ledger.ask('invoice-ubl', { id, profile: 'xrechnung' })).toBe(before.text);
      const note = await get(`credit-notes/${creditNote}/cii`);
      expect(await ledger.ask('credit-note-cii', { id: creditNote })).toBe(note.text);
      // The credit note has the seller of its own issue, and the buyer of its invoice.
      const [noted] = await ledger.apply({
        ...{ command: 'create-credit-note', invoiceId: id, at: T('2026-06-20'), amount: '1.00', reason: 'sorry' },
      });
      const { creditNoteId } = (noted as { result: { creditNoteId: string } }).result;
      expect(readUbl(await ledger.ask('credit-note-ubl', { id: creditNoteId }))).toMatchObject({
        ...{ seller: { name: 'Cloud AG', registrationId: 'HRB 9' }, buyer: { name: NAME } },
        payment: { code: '97', account: null },
      });
      expect(await test.ask('credit-note-document', { id: creditNoteId })).toContain('Cloud AG');
    });
  });

  it('get later what they lacked then, and nothing else', async () => {
    const id = numbers['plain'] ?? '';
    await expect(test.ask('invoice-cii', { id, profile: 'xrechnung' })).rejects.toThrow(
      'Set eInvoice.buyerReference with correct-tenant.',
    );
    await test.apply({
      ...{ command: 'correct-tenant', tenantId: 'plain', name: 'Another Name', address: 'Rue 1', reason: 'asked' },
      eInvoice: BUYER,
    });
    const read = readCii(await test.ask('invoice-cii', { id, profile: 'xrechnung' }));
    expect(read).toMatchObject({
      ...{ buyerReference: 'order 7', buyer: { name: 'plain', address: { lines: ['Rue 1'], city: 'Paris' } } },
      // 101.00 with 7 %
      totals: { lines: '101.00', tax: '7.07', withTax: '108.07' },
    });
  });
});

describe('a credit note of an invoice with corrections', () => {
  it('takes back a negative row by a negative quantity', async () => {
    const { invoiceId } = await test.ask<{ invoiceId: string }>('invoice', { id: numbers['corrected'] ?? '' });
    const [noted] = await test.apply({
      ...{ command: 'create-credit-note', invoiceId, at: T('2026-06-25'), reason: 'all of it' },
    });
    const { creditNoteId } = (noted as { result: { creditNoteId: string } }).result;
    const read = readUbl(await test.ask('credit-note-ubl', { id: creditNoteId, profile: 'peppol' }));
    expect(read.lines.map(({ quantity, unitCode, price, net }) => [quantity, unitCode, price, net])).toEqual([
      ['-1', 'C62', '1', '-1.00'],
      ['1', 'C62', '2', '2.00'],
      ['1', 'C62', '50', '50.00'],
    ]);
  });
});

describe('ledgerline export invoice', () => {
  const ran = async (...args: string[]) =>
    cli(['export', 'invoice', ...args], {
      env: { DATABASE_URL: test.url, LEDGERLINE_SELLER_DETAILS: JSON.stringify(SELLER) },
    });

  it('writes the same as the API', async () => {
    const { text } = await get(`invoices/${numbers['taxed']}/cii?profile=facturx`);
    const file = join(files.path, 'invoice.xml');
    expect(
      await ran('--number', numbers['taxed'] ?? '', '--format', 'cii', '--profile', 'facturx', '--out', file),
    ).toMatchObject({
      code: 0,
    });
    expect(await readFile(file, 'utf8')).toBe(text);
    const { text: note } = await get(`credit-notes/${creditNote}/ubl`);
    expect(await ran('--number', 'CN-000001')).toMatchObject({ code: 0, stdout: expect.stringContaining(note.trim()) });
  });

  it('says what is wrong', async () => {
    expect(await ran('--number', numbers['exempt'] ?? '')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('BR-E-10: VAT that is exempt has a reason. Set eInvoice.untaxed.reason'),
    });
    expect(await ran('--number', 'INV-1', '--format', 'cii', '--profile', 'peppol')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"peppol" is not one of cii (known: en16931, facturx, xrechnung)'),
    });
    expect(await ran()).toMatchObject({ code: 2, stderr: expect.stringContaining('needs --number') });
  });
});
