import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { instant } from '#domain/time/instant';
import { serving } from '../support/api.js';
import { cli, folder } from '../support/cli.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/**
 * Invoices and credit notes as a tenant gets them: a month in two invoices, with corrections, and what came of them.
 */

const SELLER = 'Cloud & Sons GmbH\nHauptstr. 1\n10115 Berlin';
const NOW = instant('2026-06-01T00:00:00Z');
/** Midnight in Berlin, in summer. */
const M = (date: string) => `${date}T22:00:00Z`;
const day = (date: string) => ({
  period: { start: `${date}T00:00:00Z`, end: `${date}T12:00:00Z` },
  granularity: 'event',
});
const hours = (date: string, quantity: string) => ({ resourceId: 'd1', billingKind: 'hours', quantity, ...day(date) });
const requests = { resourceId: 'd1', billingKind: 'requests', ...day('2026-04-02') };

const STORY: readonly object[] = [
  {
    command: 'register-tenant',
    tenantId: 't1',
    name: '<b>Müller & Söhne</b> "GmbH"',
    currency: 'EUR',
    timeZone: 'Europe/Berlin',
    tax: { name: 'USt', ratePercent: '19', from: '2026-01-01T00:00:00Z' },
  },
  { command: 'register-tenant', tenantId: 't2', name: 'Other', currency: 'EUR' },
  { command: 'register-deployment', deploymentId: 'shop', tenantId: 't1', name: 'Web shop', from: M('2026-03-31') },
  {
    command: 'publish-plan',
    planId: 'p1',
    name: 'P1',
    currency: 'EUR',
    baseFee: '50.00',
    paymentTerm: 'in_advance',
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [
      { billingKind: 'hours', included: '100', price: { model: 'unit', unitAmount: '0.01' } },
      {
        billingKind: 'requests',
        unitConversion: { operation: 'divide', factor: '1000', rounding: 'ceiling', precision: 0 },
        price: {
          model: 'graduated',
          tiers: [
            { upTo: '10', unitAmount: '1.00', flatAmount: '2.00' },
            { upTo: null, unitAmount: '0.50' },
          ],
        },
      },
    ],
  },
  { command: 'start-subscription', subscriptionId: 's1', deploymentId: 'shop', planId: 'p1', from: M('2026-03-31') },
  {
    command: 'grant-coupon',
    creditId: 'WELCOME',
    tenantId: 't1',
    currency: 'EUR',
    percent: '10',
    from: '2026-01-01T00:00:00Z',
    until: M('2026-04-15'),
    billingKinds: ['base_fee'],
    reason: 'first month',
  },
  {
    command: 'grant-credit',
    creditId: 'C-1',
    tenantId: 't1',
    currency: 'EUR',
    amount: '5.00',
    from: '2026-01-01T00:00:00Z',
  },
  {
    command: 'observe-usage',
    deploymentId: 'shop',
    observations: [hours('2026-04-02', '480'), { ...requests, quantity: '12345' }],
  },
];

/** The rows of a document's table, each with the text of its cells. */
function rowsOf(html: string): string[][] {
  const plain = (cell: string): string =>
    cell
      .replace(/<[^>]*>/g, '')
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      .replace(/&quot;/g, '"')
      .replace(/&#39;/g, "'")
      .replace(/&amp;/g, '&');
  return [...html.matchAll(/<tr[^>]*>(.*?)<\/tr>/gs)].map(([, row = '']) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = '']) => plain(cell)),
  );
}
/** The value of a fact next to the address. */
const fact = (html: string, name: string): string | undefined =>
  new RegExp(`<dt>${name}</dt><dd>(.*?)</dd>`).exec(html)?.[1];

let test: TestLedger;
let api: NestFastifyApplication;
let url: string;
let files: Awaited<ReturnType<typeof folder>>;
const tokens: Record<string, string> = {};
const ids: Record<'first' | 'second' | 'voided' | 'draft' | 'creditNote', string> = {
  first: '',
  second: '',
  voided: '',
  draft: '',
  creditNote: '',
};
let beforeIssue = 0;

/** The invoice as of an instant, and the log position of its draft. */
const drafted = async (asOf: string): Promise<{ id: string; position: number }> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf });
  const { result, position } = created as { result: { invoices: { invoiceId: string }[] }; position: number };
  return { id: result.invoices[0]?.invoiceId ?? 'none', position };
};
const create = async (asOf: string): Promise<string> => (await drafted(asOf)).id;
const get = async (path: string, who = 't1') => {
  const response = await fetch(`${url}/api/v1/${path}`, { headers: { authorization: `Bearer ${tokens[who] ?? ''}` } });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const documentOf = async (id: string, query = ''): Promise<string> => {
  const { status, text } = await get(`invoices/${id}/document${query}`);
  expect({ status, text }).toMatchObject({ status: 200 });
  return text;
};

beforeAll(async () => {
  test = await testLedger();
  files = await folder();
  await test.apply(...STORY);
  ({ id: ids.first, position: beforeIssue } = await drafted(M('2026-04-15')));
  await test.apply({ command: 'issue-invoice', invoiceId: ids.first, at: M('2026-04-15') });
  // Late: 240 more hours of the first half; the requests were counted twice.
  await test.apply(
    {
      command: 'observe-usage',
      deploymentId: 'shop',
      observations: [hours('2026-04-05', '240'), hours('2026-04-20', '240')],
    },
    { command: 'correct-usage', deploymentId: 'shop', ...requests, quantity: '9000', reason: 'counted <twice>' },
  );
  ids.second = await create(M('2026-04-30'));
  await test.apply({ command: 'issue-invoice', invoiceId: ids.second, at: M('2026-04-30') });
  const [noted] = await test.apply({
    command: 'create-credit-note',
    invoiceId: ids.second,
    at: '2026-05-03T10:00:00Z',
    amount: '10.00',
    reason: 'goodwill',
  });
  ids.creditNote = (noted as { result: { creditNoteId: string } }).result.creditNoteId;
  await test.apply({ command: 'pay-invoice', invoiceId: ids.first, at: M('2026-05-04') });
  await test.apply({ command: 'observe-usage', deploymentId: 'shop', observations: [hours('2026-05-05', '300')] });
  ids.voided = await create(M('2026-05-15'));
  await test.apply(
    { command: 'issue-invoice', invoiceId: ids.voided, at: M('2026-05-15') },
    { command: 'void-invoice', invoiceId: ids.voided, at: M('2026-05-16'), reason: 'wrong address' },
  );
  ids.draft = await create(M('2026-05-20'));

  const served = await serving(test.url, NOW, { seller: SELLER });
  ({ api, url } = served);
  for (const tenantId of ['t1', 't2'])
    tokens[tenantId] = await served.token({ sub: tenantId, role: 'tenant', tenantId });
});
afterAll(async () => {
  await api.close();
  await files.remove();
  await test.close();
});

describe('an invoice as a document', () => {
  it('shows a split line with the billed part, and taxes and totals', async () => {
    const html = await documentOf(ids.first);
    expect(rowsOf(html).slice(2)).toEqual([
      ['Web shop (shop)'],
      ['Base fee, 2026-04-01 to 2026-04-30'],
      // 10 % of 50.00 by the coupon, then the credit of 5.00
      ['Flat amount', '19 %', '1', '50.00', '50.00', '0.00', '10.00', '40.00'],
      ['hours, 2026-04-01 to 2026-04-30 · 100 included in the whole period; on this invoice:'],
      ['2026-04-01 to 2026-04-15 · 480 used'],
      ['Usage', '19 %', '380', '0.01', '3.80', '0.00', '0.00', '3.80'],
      ['requests, 2026-04-01 to 2026-04-30 · on this invoice:'],
      // 12345 ÷ 1000, rounded up, is 13: 10 × 1.00 + 2.00 + 3 × 0.50
      ['2026-04-01 to 2026-04-15 · 12345 used, billed ÷ 1000, rounded up'],
      ['Tier 1', '19 %', '10', '1.00', '10.00', '0.00', '0.00', '10.00'],
      ['Tier 1, flat amount', '19 %', '1', '2.00', '2.00', '0.00', '0.00', '2.00'],
      ['Tier 2', '19 %', '3', '0.50', '1.50', '0.00', '0.00', '1.50'],
      ['Net, Web shop (shop)', '57.30'],
      ['Coupons and credits used · included in the rows above'],
      ['Coupon WELCOME, 10 %: first month', '5.00', ''],
      ['Credit C-1', '5.00', ''],
      ['Subtotal', '57.30'],
      // 57.30 × 0.19 = 10.887
      ['USt 19 % on 57.30', '10.89'],
      ['Total, EUR', '68.19'],
      ['Paid on 2026-05-05, EUR', '68.19'],
    ]);
    expect(['Number', 'Status', 'Issued', 'Billed up to', 'Currency'].map((name) => fact(html, name))).toEqual([
      'INV-000001',
      'Paid',
      '2026-04-16',
      '2026-04-16',
      'EUR',
    ]);
    expect(html).toContain('<p class="seller">Cloud &amp; Sons GmbH\nHauptstr. 1\n10115 Berlin</p>');
    expect(html).toContain('<p class="tenant">&lt;b&gt;Müller &amp; Söhne&lt;/b&gt; &quot;GmbH&quot;</p>');
    expect(html).not.toContain('<b>');
  });

  it('shows corrections in a section of their own: which invoice, which period, why', async () => {
    const html = await documentOf(ids.second);
    const rows = rowsOf(html);
    expect(rows.slice(rows.findIndex(([name]) => name === 'Corrections of earlier invoices'))).toEqual([
      ['Corrections of earlier invoices'],
      ['Web shop (shop): hours, 2026-04-01 to 2026-04-15 · reason: late usage'],
      ['Usage: billed on INV-000001, reversed', '19 %', '-380', '0.01', '-3.80', '0.00', '0.00', '-3.80'],
      // 480 + 240 − 100
      ['Usage: corrected, replaces INV-000001', '19 %', '620', '0.01', '6.20', '0.00', '0.00', '6.20'],
      ['Web shop (shop): requests, 2026-04-01 to 2026-04-15 · reason: counted <twice>'],
      ['Tier 1: billed on INV-000001, reversed', '19 %', '-10', '1.00', '-10.00', '0.00', '0.00', '-10.00'],
      ['Tier 1: corrected, replaces INV-000001', '19 %', '9', '1.00', '9.00', '0.00', '0.00', '9.00'],
      ['Tier 2: billed on INV-000001, reversed', '19 %', '-3', '0.50', '-1.50', '0.00', '0.00', '-1.50'],
      ['Net, corrections', '-0.10'],
      // base fee of May 50.00 + 240 × 0.01 − 0.10
      ['Subtotal', '52.30'],
      // 52.30 × 0.19 = 9.937
      ['USt 19 % on 52.30', '9.94'],
      ['Total, EUR', '62.24'],
      ['Credit notes', '-11.90'],
      ['Amount due, EUR', '50.34'],
      ['Credit notes of this invoice · tax included'],
      ['CN-000001, issued 2026-05-03 12:00: goodwill', '11.90'],
    ]);
  });

  it('is clearly marked as a draft, or as void', async () => {
    const draft = await documentOf(ids.draft);
    expect(draft).toContain('<title>DRAFT · Draft of an invoice</title>');
    expect(draft).toContain('<div class="watermark" aria-hidden="true"><span>DRAFT</span></div>');
    expect(draft).toContain('Do not pay it');
    const voided = await documentOf(ids.voided);
    expect(voided).toContain('<title>VOID · Invoice INV-000003</title>');
    expect(voided).toContain('This invoice was voided on 2026-05-17. Do not pay it.');
    // (300 − 100) × 0.01, and the first tier's flat 2.00 of May; 4.00 × 0.19
    expect(rowsOf(voided).slice(-4)).toEqual([
      ['Subtotal', '4.00'],
      ['USt 19 % on 4.00', '0.76'],
      ['Total, EUR', '4.76'],
      ['Amount due, EUR: none (invoice is void)', '0.00'],
    ]);
  });

  it('is shown as known then: a draft before it was issued', async () => {
    const before = await documentOf(ids.first, `?asOf=${beforeIssue}`);
    expect(before).toContain('<title>DRAFT · Draft of an invoice</title>');
    expect(fact(before, 'As recorded up to')).toBe(`log position ${beforeIssue}`);
    expect(rowsOf(before).at(-1)).toEqual(['Amount due if issued now, EUR', '68.19']);
  });

  it('is HTML without scripts or external resources, visible only to its tenant', async () => {
    const { headers, text } = await get(`invoices/${ids.first}/document`);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    const source = /style-src ('sha256-[^']+')/.exec(text)?.[1] ?? 'none';
    expect(headers.get('content-security-policy')).toContain(source);
    expect(text).not.toMatch(/<script|<link|<img|@import|url\(| style=| on\w+=/);
    const refused = await get(`invoices/${ids.first}/document`, 't2');
    expect([refused.status, refused.headers.get('content-type')]).toEqual([
      404,
      expect.stringMatching(/^application\/problem\+json/),
    ]);
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'unknown_invoice' });
    expect((await get(`credit-notes/${ids.creditNote}/document`, 't2')).status).toBe(404);
  });
});

describe('a credit note as a document', () => {
  it('shows the credited amounts, the invoice and the reason', async () => {
    const { text, headers } = await get(`credit-notes/${ids.creditNote}/document`);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(['Number', 'Issued', 'Credits', 'Reason'].map((name) => fact(text, name))).toEqual([
      'CN-000001',
      '2026-05-03 12:00',
      'Invoice INV-000002, issued 2026-05-01',
      'goodwill',
    ]);
    // 10.00 over 67.60 in proportion: 50.00 is 7.396, 6.20 is 0.917, 2.40 is 0.355, 9.00 is 1.331; by largest remainder
    expect(rowsOf(text).slice(2)).toEqual([
      ['Web shop (shop)'],
      ['Base fee, 2026-05-01 to 2026-05-31: Flat amount', '19 %', '1.41', '7.40'],
      ['hours, 2026-04-01 to 2026-04-15: Usage', '19 %', '0.17', '0.92'],
      ['hours, 2026-04-16 to 2026-04-30: Usage', '19 %', '0.07', '0.35'],
      ['requests, 2026-04-01 to 2026-04-15: Tier 1', '19 %', '0.25', '1.33'],
      ['Subtotal', '10.00'],
      ['USt 19 % on 10.00', '1.90'],
      ['Total credited, EUR', '11.90'],
    ]);
  });
});

describe('ledgerline document', () => {
  const ran = async (...args: string[]) =>
    cli(['document', ...args], { env: { DATABASE_URL: test.url, LEDGERLINE_SELLER: SELLER } });

  it('writes the same as the API, of invoices and credit notes', async () => {
    const expected = await documentOf(ids.second);
    expect(await ran(ids.second)).toMatchObject({ code: 0, stdout: `${expected}\n` });
    const file = join(files.path, 'note.html');
    expect(await ran(ids.creditNote, '--out', file)).toMatchObject({ code: 0, stdout: '' });
    expect(await readFile(file, 'utf8')).toBe(`${(await get(`credit-notes/${ids.creditNote}/document`)).text}\n`);
    const { stdout } = await ran(ids.first, '--json', '--as-of', String(beforeIssue));
    expect(JSON.parse(stdout)).toEqual({ html: await documentOf(ids.first, `?asOf=${beforeIssue}`) });
  });

  it('writes a consolidated invoice', async () => {
    await test.apply({
      ...{ command: 'issue-consolidated-invoice', payerId: 't1', currency: 'EUR', at: NOW, invoiceIds: [ids.second] },
    });
    const { text } = await get('consolidated-invoices/CI-000001/document?withoutZeroLines=true');
    expect(await ran('CI-000001', '--without-zero-lines')).toMatchObject({ code: 0, stdout: `${text}\n` });
  });

  it('names the document that does not exist', async () => {
    const { code, stdout, stderr } = await ran('nonsense');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('there is no invoice, credit note or consolidated invoice nonsense');
  });
});

describe('a tenant whose details were erased', () => {
  it('still has its documents, with the name marked as erased', async () => {
    const client = new pg.Client({ connectionString: test.url });
    await client.connect();
    await client.query(`DELETE FROM ledgerline_private.tenant_details WHERE tenant_id = 't1'`);
    await client.end();
    expect(await documentOf(ids.first)).toContain('<p class="tenant">[name erased]</p>');
  });
});
