import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CONSOLIDATING } from '#domain/invoices/consolidated';
import type { CommandOutcome } from '#ledger/command';
import { deployment, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger } from '../support/ledger.js';
import {
  consolidating,
  issued,
  issuedOfAll,
  payerLedger,
  recordConsolidated,
  recordVoid,
  T,
  tokenOf,
  voiding,
} from '../support/payer-story.js';

/** One document for a payer, of the invoices of several tenants. */

interface Consolidated {
  readonly consolidatedInvoiceId: string;
  readonly number: string;
  readonly status: string;
  readonly amountDue: string;
  readonly tenants: readonly { readonly tenantId: string; readonly invoices: readonly { readonly number: string }[] }[];
}

let test: TestLedger;
beforeEach(async () => {
  test = await payerLedger();
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const issue = async (tenantId: string, asOf?: string): Promise<string> => issued(test, tenantId, asOf);
const issueAll = async () => issuedOfAll(test);
const consolidate = async (at?: string, more?: object) => {
  const [outcome] = await test.apply(consolidating(at, more));
  return outcome as unknown as { status: string; result: { consolidatedInvoiceId: string | null } };
};
const consolidated = async (id = 'CI-000001', more: object = {}): Promise<Consolidated> =>
  test.ask('consolidated-invoice', { id, ...more });
const numbersIn = ({ tenants }: Consolidated): string[] =>
  tenants.map(({ tenantId, invoices }) => [tenantId, ...invoices.map(({ number }) => number)].join(' '));
describe('a consolidated invoice', () => {
  it('has the invoices of each tenant apart, and one total', async () => {
    await issueAll();
    const done = await consolidate();
    expect(done.status).toBe('done');
    // Each 30.00 for April and May, in advance. lab and kiosk: 60.00 and 20 %. shop: 60.00 and 10 %.
    const of = (subtotal: string, tax: string, total: string) => ({ subtotal, tax, total });
    const section = (tenantId: string, number: string, figures: object & { total: string }) => ({
      ...{ tenantId, ...figures },
      invoices: [
        expect.objectContaining({ number, status: 'issued', ...figures, amountDue: figures.total, amountPaid: '0.00' }),
      ],
    });
    expect(await consolidated()).toEqual({
      ...{ consolidatedInvoiceId: done.result.consolidatedInvoiceId, number: 'CI-000001', status: 'issued' },
      ...{ payerId: 'holding', currency: 'USD', issuedAt: T('2026-05-02'), voidedAt: null },
      // 14 days, as agreed with the payer.
      dueAt: T('2026-05-16'),
      tenants: [
        section('kiosk', 'INV-000003', of('60.00', '12.00', '72.00')),
        section('lab', 'INV-000001', of('60.00', '12.00', '72.00')),
        section('shop', 'INV-000002', of('60.00', '6.00', '66.00')),
      ],
      taxes: [
        { name: 'VAT', ratePercent: '20', net: '120.00', tax: '24.00' },
        { name: 'VAT', ratePercent: '10', net: '60.00', tax: '6.00' },
      ],
      ...of('180.00', '30.00', '210.00'),
      ...{ creditTaken: '0.00', amountDue: '210.00', amountPaid: '0.00' },
    });
    expect(await test.ask('invoice', { id: 'INV-000002' })).toMatchObject({
      consolidatedInvoiceId: done.result.consolidatedInvoiceId,
      consolidatedInvoiceNumber: 'CI-000001',
    });
    // The same again finds it. There is nothing else to consolidate.
    expect(await consolidate()).toMatchObject({ status: 'unchanged', result: done.result });
    expect(await consolidate('2026-05-03')).toMatchObject({
      status: 'unchanged',
      result: { consolidatedInvoiceId: null },
    });
    await issue('lab', '2026-06-01');
    await consolidate('2026-06-01');
    expect(numbersIn(await consolidated('CI-000002'))).toEqual(['lab INV-000004']);
    const { items } = await test.ask<{ items: Consolidated[] }>('consolidated-invoices', { payerId: 'holding' });
    expect(items.map(({ number }) => number)).toEqual(['CI-000001', 'CI-000002']);
    expect(await test.ask('consolidated-invoices', { currency: 'EUR' })).toMatchObject({ items: [] });
    expect(await test.ask('consolidated-invoices', { payerId: 'lab' })).toMatchObject({ items: [] });
  });

  it('shows what is left to pay after credit notes and payments', async () => {
    await issueAll();
    await consolidate();
    const before = String(await test.core.projector.catchUp());
    await test.apply(
      // 6.00 and 20 %: 7.20.
      {
        ...{ command: 'create-credit-note', invoiceId: 'INV-000001', at: T('2026-05-20'), amount: '6.00' },
        reason: 'outage',
      },
      { command: 'pay-invoice', invoiceId: 'INV-000002', at: T('2026-05-21') },
    );
    expect(await consolidated()).toMatchObject({ total: '210.00', amountDue: '202.80', amountPaid: '66.00' });
    expect(await consolidated('CI-000001', { asOf: before })).toMatchObject({
      amountDue: '210.00',
      amountPaid: '0.00',
    });
    const page = await test.ask<string>('consolidated-invoice-document', { id: 'CI-000001' });
    expect(page).toContain('<th colspan="7" scope="row">Credit notes</th><td class="figure">-7.20</td>');
    expect(page).toContain('<th colspan="7" scope="row">Payments</th><td class="figure">-66.00</td>');
    // 202.80 − 66.00
    expect(page).toContain('<th colspan="7" scope="row">Amount due, USD</th><td class="figure">136.80</td>');
    expect(page).toContain('CN-000001 of invoice INV-000001, issued 2026-05-20 02:00: outage');
    await test.apply(
      { command: 'pay-invoice', invoiceId: 'INV-000001', at: T('2026-05-22') },
      { command: 'pay-invoice', invoiceId: 'INV-000003', at: T('2026-05-22') },
    );
    expect(await consolidated()).toMatchObject({ status: 'paid', amountDue: '202.80', amountPaid: '202.80' });
  });

  it('is a document with a section for each tenant', async () => {
    await issueAll();
    await consolidate();
    const page = await test.ask<string>('consolidated-invoice-document', { id: 'CI-000001' });
    expect(page).toContain('<h1>Consolidated invoice CI-000001</h1>');
    expect(page).toContain('<h2>To</h2><p class="tenant">Globex Holding</p><p class="address">Main Street 1</p>');
    expect(page).toContain('<dt>Due</dt><dd>2026-05-16 02:00</dd>');
    const headings = [...page.matchAll(/<tr class="(?:tenant|invoice)"><th[^>]*>([^<]*)/g)].map(([, text]) =>
      text?.trim(),
    );
    expect(headings).toEqual([
      ...['Globex Kiosk (kiosk)', 'Invoice INV-000003', 'Globex Lab (lab)', 'Invoice INV-000001'],
      ...['Globex Shop (shop)', 'Invoice INV-000002', 'All invoices'],
    ]);
    expect(page).toContain('days and times are those of UTC');
    expect(page).toContain('VAT 20 % on 120.00</th><td class="figure">24.00</td>');
    expect(page).toContain('VAT 10 % on 60.00</th><td class="figure">6.00</td>');
    expect(page).toContain('Total, USD</th><td class="figure">210.00</td>');
    expect(page).toContain('Amount due, USD</th><td class="figure">210.00</td>');
    const own = await test.ask<string>('invoice-document', { id: 'INV-000001' });
    expect(own).toContain('Part of consolidated invoice CI-000001. Pay that one.');
    await expect(test.ask('invoice-ubl', { id: 'INV-000001' })).rejects.toMatchObject({
      code: 'part_of_consolidated_invoice',
      message:
        'invoice INV-000001 is part of the consolidated invoice CI-000001.' +
        ' Take the electronic invoice of CI-000001.',
    });
  });

  it('is one electronic invoice, whose lines name their tenants', async () => {
    await issueAll();
    const before = String(await test.core.projector.catchUp());
    await consolidate();
    const xml = await test.ask<string>('invoice-ubl', { id: 'CI-000001' });
    const every = (element: string): string[] =>
      [...xml.matchAll(new RegExp(`<cbc:${element}(?: [^>]*)?>([^<]*)</cbc:${element}>`, 'g'))].map(
        ([, of]) => of ?? '',
      );
    expect(every('ID')[0]).toBe('CI-000001');
    // Each invoice has the fees of April and May.
    const note = (tenant: string, number: string): string => `Services for ${tenant}, invoice ${number}`;
    expect(every('Note')).toEqual([
      'Takes the place of INV-000003, INV-000001, INV-000002',
      ...Array.from({ length: 2 }, () => note('Globex Kiosk (kiosk)', 'INV-000003')),
      ...Array.from({ length: 2 }, () => note('Globex Lab (lab)', 'INV-000001')),
      ...Array.from({ length: 2 }, () => note('Globex Shop (shop)', 'INV-000002')),
    ]);
    // 24.00 of 120.00 and 6.00 of 60.00, as they were frozen.
    expect(every('TaxAmount')).toEqual(['30.00', '24.00', '6.00']);
    expect(every('TaxableAmount')).toEqual(['120.00', '60.00']);
    expect(every('PayableAmount')).toEqual(['210.00']);
    expect(every('RegistrationName')).toEqual(['Cloud &amp; Sons', 'Globex Holding']);
    expect(await test.ask<string>('invoice-cii', { id: 'CI-000001' })).toContain(
      '<ram:Content>Services for Globex Lab (lab), invoice INV-000001</ram:Content>',
    );
    await expect(test.ledger.ask('invoice-ubl', { id: 'CI-000001' }, tokenOf('lab'))).rejects.toMatchObject({
      code: 'unknown_invoice',
    });
    expect(await test.ask<string>('invoice-ubl', { id: 'INV-000001', asOf: before })).toContain('INV-000001');
    await test.apply(voiding());
    await expect(test.ask('invoice-ubl', { id: 'CI-000001' })).rejects.toMatchObject({ code: 'invoice_void' });
    expect(await test.ask<string>('invoice-ubl', { id: 'INV-000001' })).toContain('INV-000001');
  });

  it('is refused as an electronic invoice where its tax, rounded on each invoice, is not that of the whole', async () => {
    for (const tenantId of ['lab', 'kiosk'])
      await test.apply({
        ...{ command: 'observe-usage', deploymentId: `${tenantId}-d` },
        observations: [
          {
            ...{ resourceId: 'vm', billingKind: 'hours', granularity: 'day', quantity: '0.02' },
            period: { start: T('2026-04-01'), end: T('2026-04-02') },
          },
        ],
      });
    for (const tenantId of ['lab', 'kiosk']) await issue(tenantId);
    await consolidate();
    // Each: 20 % of 60.02 is 12.004. The whole: 20 % of 120.04 is 24.008, and not 24.00.
    expect(await consolidated()).toMatchObject({ subtotal: '120.04', tax: '24.00' });
    await expect(test.ask('invoice-ubl', { id: 'CI-000001' })).rejects.toMatchObject({
      code: 'einvoice_refused',
      message: expect.stringContaining('BR-CO-17') as unknown,
    });
  });

  it('that is void keeps its number, and its invoices can be consolidated again', async () => {
    await issueAll();
    const { result } = await consolidate();
    expect(await test.refused({ command: 'void-invoice', invoiceId: 'INV-000001', at: T('2026-05-03') })).toMatchObject(
      {
        code: 'part_of_consolidated_invoice',
        message: expect.stringContaining('Void CI-000001 first (void-consolidated-invoice).') as unknown,
      },
    );
    const before = String(await test.core.projector.catchUp());
    expect(await test.refused(voiding('CI-000001', '2026-05-01'))).toMatchObject({
      code: 'before_issue',
      message: `consolidated invoice CI-000001 was issued at ${T('2026-05-02')}. State this instant or a later one.`,
    });
    const [voided] = await test.apply(voiding());
    expect(voided).toMatchObject({ status: 'done', result });
    expect((await test.apply(voiding()))[0]).toMatchObject({ status: 'unchanged', result });
    const isVoid = {
      code: 'invoice_void',
      message: `consolidated invoice CI-000001 is void since ${T('2026-05-10')}, and stays void.`,
    };
    expect(await test.refused(voiding('CI-000001', '2026-05-11'))).toMatchObject(isVoid);
    expect(await test.refused({ ...voiding(), reason: 'two are missing' })).toMatchObject(isVoid);
    expect(await consolidated()).toMatchObject({
      ...{ number: 'CI-000001', status: 'void', voidedAt: T('2026-05-10'), total: '210.00', amountDue: '0.00' },
    });
    expect(await consolidated('CI-000001', { asOf: before })).toMatchObject({ status: 'issued', amountDue: '210.00' });
    const page = await test.ask<string>('consolidated-invoice-document', { id: 'CI-000001' });
    expect(page).toContain('This consolidated invoice was voided on 2026-05-10 02:00. Do not pay it.');
    expect(await test.ask('invoice', { id: 'INV-000001' })).toMatchObject({ consolidatedInvoiceId: null });
    expect(await test.ask('invoice', { id: 'INV-000001', asOf: before })).toMatchObject({
      consolidatedInvoiceNumber: 'CI-000001',
    });

    await test.apply({ command: 'void-invoice', invoiceId: 'INV-000001', at: T('2026-05-11') });
    // The same command: what is left is on a document of its own.
    const again = await consolidate();
    expect(again.status).toBe('done');
    expect(again.result.consolidatedInvoiceId).not.toBe(result.consolidatedInvoiceId);
    expect(numbersIn(await consolidated('CI-000002'))).toEqual(['kiosk INV-000003', 'shop INV-000002']);
    // The void one is shown as it was sent, also with an invoice that is void since.
    expect(numbersIn(await consolidated())).toEqual(['kiosk INV-000003', 'lab INV-000001', 'shop INV-000002']);
    const stale = await test.ask<string>('consolidated-invoice-document', { id: 'CI-000001' });
    expect(stale).toContain('Total, USD</th><td class="figure">210.00</td>');
    expect(stale).not.toContain('It takes the place of');

    const { outcome } = await test.core.rebuilder.rebuild({ accept: true });
    expect(outcome).toBe('swapped');
    expect(numbersIn(await consolidated('CI-000002'))).toEqual(['kiosk INV-000003', 'shop INV-000002']);
  });

  it('has the invoices that are named, also paid ones and those of the payer itself', async () => {
    await test.apply(deployment('own-d', 'holding'), subscription('own-s', 'own-d', 'p'));
    const own = await issue('holding');
    await issueAll();
    await test.apply({ command: 'pay-invoice', invoiceId: 'INV-000002', at: T('2026-05-02') });
    await consolidate('2026-05-02', { invoiceIds: [own, 'INV-000002'] });
    expect(numbersIn(await consolidated())).toEqual(['holding INV-000001', 'lab INV-000002']);
    // The rest, without names.
    await consolidate();
    expect(numbersIn(await consolidated('CI-000002'))).toEqual(['kiosk INV-000004', 'shop INV-000003']);
  });

  it('refuses invoices that it can’t consolidate, by name', async () => {
    await issueAll();
    await test.apply(tenant('other'), deployment('other-d', 'other'), subscription('other-s', 'other-d', 'p'), {
      command: 'void-invoice',
      invoiceId: 'INV-000003',
      at: T('2026-05-01'),
    });
    await issue('other');
    const [drafted] = await test.apply({ command: 'create-invoice', tenantId: 'shop', asOf: T('2026-06-01') });
    const { invoices } = (drafted as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
    const code = async (id: string, at?: string) => (await test.refused(consolidating(at, { invoiceIds: [id] }))).code;
    expect(await code('INV-000003')).toBe('invoice_void');
    expect(await code('INV-000004')).toBe('addressed_to_another');
    expect((await test.refused({ ...consolidating(), currency: 'EUR', invoiceIds: ['INV-000001'] })).message).toContain(
      'invoice INV-000001 is in USD, and the consolidated invoice is in EUR. Name invoices in EUR.',
    );
    expect(await code('INV-000009')).toBe('unknown_invoice');
    expect(await code(invoices[0]?.invoiceId ?? '')).toBe('invoice_not_issued');
    expect(await code('INV-000001', '2026-04-30')).toBe('invoice_issued_later');
    await consolidate();
    expect(await code('INV-000001')).toBe('part_of_consolidated_invoice');
    expect(await test.refused({ ...consolidating(), payerId: 'nobody' })).toMatchObject({ code: 'unknown_tenant' });
    expect(await test.refused(voiding('CI-000009'))).toMatchObject({ code: 'unknown_consolidated_invoice' });
  });

  it('leaves out an invoice below zero, which is credit of its tenant', async () => {
    const cancelled = { command: 'cancel-subscription', subscriptionId: 'lab-s', at: T('2026-05-01') };
    await issueAll();
    await consolidate();
    await test.apply(cancelled);
    // May is given back: −30.00 and 20 %.
    const credit = await issue('lab', '2026-06-01');
    expect(await test.ask('invoice', { id: credit })).toMatchObject({ payerId: 'holding', total: '-36.00' });
    expect(await consolidate('2026-06-01')).toMatchObject({ status: 'unchanged' });
    expect(await test.refused(consolidating('2026-06-01', { invoiceIds: [credit] }))).toMatchObject({
      code: 'invoice_below_zero',
    });
  });

  it('is seen by its payer alone', async () => {
    await issueAll();
    await consolidate();
    const seen = async (who: string, name: string, params: object) =>
      test.ledger.ask(name, { ...params }, tokenOf(who));
    expect(await seen('holding', 'consolidated-invoices', {})).toMatchObject({ items: [{ number: 'CI-000001' }] });
    expect(await seen('holding', 'consolidated-invoice', { id: 'CI-000001' })).toMatchObject({ total: '210.00' });
    expect(await seen('lab', 'consolidated-invoices', {})).toMatchObject({ items: [] });
    for (const name of ['consolidated-invoice', 'consolidated-invoice-document'])
      await expect(seen('lab', name, { id: 'CI-000001' })).rejects.toMatchObject({
        code: 'unknown_consolidated_invoice',
      });
    await expect(seen('lab', 'consolidated-invoices', { payerId: 'holding' })).rejects.toMatchObject({
      code: 'unknown_tenant',
    });
    // What the billed tenant sees of its invoice does not name it.
    const none = { consolidatedInvoiceId: null, consolidatedInvoiceNumber: null };
    expect(await seen('lab', 'invoice', { id: 'INV-000001' })).toMatchObject(none);
    expect(await seen('lab', 'invoices', {})).toMatchObject({ items: [none] });
    expect(await seen('holding', 'invoice', { id: 'INV-000001' })).toMatchObject({
      consolidatedInvoiceNumber: 'CI-000001',
    });
    expect(await seen('lab', 'invoice-document', { id: 'INV-000001' })).not.toMatch(/CI-000001|<dt>Due/);
    await expect(seen('lab', 'invoice-ubl', { id: 'INV-000001' })).rejects.toMatchObject({
      code: 'part_of_consolidated_invoice',
      message: 'invoice INV-000001 is part of a consolidated invoice. It was sent to its payer.',
    });
    const credit = { command: 'create-credit-note', invoiceId: 'INV-000001', at: T('2026-05-20'), reason: 'outage' };
    await test.apply({ ...credit, amount: '6.00' });
    // An electronic document is one and the same for all who may read it.
    for (const name of ['credit-note-ubl', 'credit-note-cii']) {
      await expect(seen('lab', name, { id: 'CN-000001' })).rejects.toMatchObject({
        code: 'part_of_consolidated_invoice',
        message:
          'The electronic form refers to a consolidated invoice, which was sent to the payer of invoice INV-000001.' +
          ' Only the payer takes it. Take the document or its JSON instead.',
      });
      expect(await seen('holding', name, { id: 'CN-000001' })).toBe(await test.ask(name, { id: 'CN-000001' }));
    }
    expect(await seen('lab', 'credit-note-document', { id: 'CN-000001' })).not.toContain('CI-000001');
  });

  it('is paid by one transfer of its payer, and stays with it', async () => {
    await issueAll();
    await consolidate();
    // What was issued keeps its payer. The next invoice of lab is its own.
    await test.apply({ command: 'set-payer', tenantId: 'lab', payerId: null, effectiveFrom: T('2026-05-03') });
    await issue('lab', '2026-06-01');
    expect(await consolidate('2026-06-01')).toMatchObject({
      status: 'unchanged',
      result: { consolidatedInvoiceId: null },
    });
    await test.apply({
      ...{ command: 'record-transfer', payerId: 'holding', currency: 'USD', transferId: 'bank-1' },
      ...{ amount: '210.00', at: T('2026-05-16') },
    });
    expect(await consolidated()).toMatchObject({ status: 'paid', amountDue: '210.00', amountPaid: '210.00' });
    await test.apply(voiding());
    expect(await test.ask('invoice', { id: 'INV-000001' })).toMatchObject({
      ...{ status: 'paid', payerId: 'holding', consolidatedInvoiceId: null },
    });
  });

  it('is one of two at the same time: no invoice is in both', async () => {
    await issueAll();
    const done = await Promise.all([consolidate('2026-05-02'), consolidate('2026-05-03')]);
    expect(done.map(({ status }) => status).sort()).toEqual(['done', 'unchanged']);
    expect(numbersIn(await consolidated())).toEqual(['kiosk INV-000003', 'lab INV-000001', 'shop INV-000002']);
  });

  it('is told to its payer, and not to the billed tenants', async () => {
    await issueAll();
    const { result } = await consolidate();
    await test.apply(voiding());
    const told = async (who: string) => {
      const { items } = (await test.ledger.ask('feed', {}, tokenOf(who))) as {
        items: readonly { readonly type: string; readonly tenantid: string; readonly data: object }[];
      };
      return items
        .filter(({ type }) => type.startsWith('consolidated_invoice'))
        .map(({ type, tenantid, data }) => [type, tenantid, data]);
    };
    const of = { consolidatedInvoiceId: result.consolidatedInvoiceId, currency: 'USD' };
    const member = (tenantId: string) => ({ tenantId, invoiceId: expect.any(String) as unknown });
    expect(await told('holding')).toEqual([
      [
        'consolidated_invoice.issued',
        'holding',
        {
          ...{ ...of, issuedAt: T('2026-05-02'), dueAt: T('2026-05-16') },
          invoices: ['kiosk', 'lab', 'shop'].map(member),
          ...{ subtotal: '180.00', tax: '30.00', total: '210.00' },
        },
      ],
      ['consolidated_invoice.voided', 'holding', { ...of, at: T('2026-05-10'), reason: 'one is missing' }],
    ]);
    expect(await told('lab')).toEqual([]);
  });

  it('has both invoices of a tenant under one sum, without one that was issued later', async () => {
    await issue('lab');
    await issue('lab', '2026-06-01');
    await issue('shop', '2026-06-02');
    await consolidate('2026-06-01');
    expect(numbersIn(await consolidated())).toEqual(['lab INV-000001 INV-000002']);
    // 60.00 and 20 % for April and May, 30.00 and 20 % for June: 72.00 + 36.00.
    expect(await consolidated()).toMatchObject({ subtotal: '90.00', tax: '18.00', total: '108.00' });
    const page = await test.ask<string>('consolidated-invoice-document', { id: 'CI-000001' });
    expect(page).toContain('Total, Globex Lab (lab)</th><td class="figure">108.00</td>');
  });

  it('and the void of an invoice are decided one after the other', async () => {
    await issueAll();
    // As another process that is about to consolidate it.
    const voided = await whileLocked(
      'pg_advisory_lock',
      { command: 'void-invoice', invoiceId: 'INV-000001', at: T('2026-05-03') },
      async () => recordConsolidated(test),
    );
    expect(voided).toMatchObject({ status: 'refused', error: { code: 'part_of_consolidated_invoice' } });
  });

  it('is issued without an invoice whose void is being recorded', async () => {
    await issueAll();
    // As another process that is about to void it.
    const issuedThen = await whileLocked('pg_advisory_lock_shared', consolidating(), async () => recordVoid(test));
    expect(issuedThen).toMatchObject({ status: 'done' });
    expect(numbersIn(await consolidated())).toEqual(['kiosk INV-000003', 'shop INV-000002']);
  });
});

/** Sends a command while another process has the lock of consolidated invoices, and does `work` before it lets go. */
async function whileLocked(
  lock: 'pg_advisory_lock' | 'pg_advisory_lock_shared',
  command: object,
  work: () => Promise<void>,
): Promise<CommandOutcome> {
  const other = await test.core.pool.connect();
  try {
    await other.query(`SELECT ${lock}(hashtextextended($1, 0))`, [`ledgerline:${CONSOLIDATING}`]);
    let isDone = false;
    const sent = test.ledger.execute(command, ADMIN).finally(() => {
      isDone = true;
    });
    const isWaiting = async (): Promise<boolean> => {
      const { rowCount } = await other.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
      return (rowCount ?? 0) > 0;
    };
    while (!isDone && !(await isWaiting()));
    expect(isDone).toBe(false);
    await work();
    await other.query('SELECT pg_advisory_unlock_all()');
    return await sent;
  } finally {
    other.release(true);
  }
}
