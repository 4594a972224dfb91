import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { deliverWebhooks } from '#exchange/webhooks/deliver';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { readUbl } from '../support/einvoice.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { BUYER } from '../support/parties.js';
import { receiver } from '../support/receiver.js';

/** A tenant that pays for others: whom invoices are addressed to, and who sees them. */

const T = (date: string) => `${date}T00:00:00Z`;
const tokenOf = (tenantId: string): Caller => ({
  ...{ actor: tenantId, role: 'tenant', tenantId },
  now: instant('2026-08-01T00:00:00Z'),
});

interface Invoice {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly tenantId: string;
  readonly payerId: string | null;
  readonly total: string;
  readonly dueAt: string | null;
}
interface Payers {
  readonly items: readonly {
    readonly tenantId: string;
    readonly payerId: string | null;
    readonly effectiveFrom: string;
  }[];
}

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger({
    seller: 'Cloud & Sons',
    sellerDetails: { name: 'Cloud & Sons', countryCode: 'DE', vatId: 'DE987654321', city: 'Bonn', postalCode: '53111' },
  });
  await test.apply(
    tenant('holding', {
      ...{ name: 'Globex Holding', address: 'Main Street 1', paymentTermsDays: 14, eInvoice: BUYER },
    }),
    tenant('lab', { name: 'Globex Lab', tax: { name: 'VAT', ratePercent: '20', from: T('2026-01-01') } }),
    tenant('shop'),
    tenant('other'),
    deployment('d', 'lab'),
    plan('p', '30.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1' } }]),
    subscription('s', 'd', 'p'),
  );
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const set = (tenantId: string, payerId: string | null, date: string, more: object = {}) => ({
  ...{ command: 'set-payer', tenantId, payerId, effectiveFrom: T(date), ...more },
});
const correct = (tenantId: string, payerId: string | null, date: string, more: object = {}) => ({
  ...{ command: 'correct-payer', tenantId, payerId, effectiveFrom: T(date), reason: 'as agreed', ...more },
});
const withdraw = (tenantId: string, date: string) => ({
  ...{ command: 'withdraw', what: 'set-payer', tenantId, effectiveFrom: T(date), reason: 'never agreed' },
});
async function draft(asOf: string, tenantId = 'lab'): Promise<string> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  return invoices[0]?.invoiceId ?? '';
}
async function issue(asOf: string, tenantId = 'lab'): Promise<Invoice> {
  const invoiceId = await draft(asOf, tenantId);
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return invoice(invoiceId);
}
const invoice = async (id: string): Promise<Invoice> => test.ask('invoice', { id });
const seen = async <Answer>(who: string, name: string, params: object): Promise<Answer> =>
  (await test.ledger.ask(name, { ...params }, tokenOf(who))) as Answer;

describe('a payer', () => {
  it('is whom invoices are addressed to, with its details and its payment terms', async () => {
    await test.apply(set('lab', 'holding', '2026-04-15'));
    // 30.00 each for April and May, in advance, and 20 %: 72.00. Due 14 days after its issue, as agreed with the payer.
    const { invoiceId, ...issued } = await issue('2026-05-01');
    expect(issued).toMatchObject({
      ...{ number: 'INV-000001', tenantId: 'lab', payerId: 'holding', total: '72.00', dueAt: T('2026-05-15') },
    });
    const page = await test.ask<string>('invoice-document', { id: invoiceId });
    expect(page).toContain('<h2>To</h2><p class="tenant">Globex Holding</p><p class="address">Main Street 1</p>');
    expect(page).toContain('<p>Account holding</p>');
    expect(page).toContain('<dt>Services for</dt><dd>Globex Lab (lab)</dd>');

    await test.apply({
      ...{ command: 'create-credit-note', invoiceId: 'INV-000001', at: T('2026-05-20'), amount: '6.00' },
      reason: 'outage',
    });
    const note = await test.ask<string>('credit-note-document', { id: 'CN-000001' });
    expect(note).toContain('<p class="tenant">Globex Holding</p>');
    expect(note).toContain('<dt>Services for</dt><dd>Globex Lab (lab)</dd>');
    const { supplier: _, ...ubl } = readUbl(await test.ask<string>('invoice-ubl', { id: invoiceId })) as unknown as {
      supplier: unknown;
    };
    expect(JSON.stringify(ubl)).toContain('Globex Holding');
    expect(await test.ask<string>('invoice-ubl', { id: invoiceId })).toContain(
      '<cbc:Note>Services for Globex Lab (lab)</cbc:Note>',
    );
    expect(await test.ask<string>('credit-note-cii', { id: 'CN-000001' })).toContain(
      'outage. Services for Globex Lab (lab)',
    );
  });

  it('without payment terms pays by those of the tenant', async () => {
    await test.apply(
      tenant('agency', { paymentTermsDays: 10 }),
      deployment('e', 'agency'),
      subscription('t', 'e', 'p'),
      set('agency', 'shop', '2026-04-01'),
    );
    // Nothing is agreed with shop: 1 May and 10 days.
    expect(await issue('2026-05-01', 'agency')).toMatchObject({ payerId: 'shop', dueAt: T('2026-05-11') });
  });

  it('is the one at the end of what an invoice bills', async () => {
    await test.apply(
      set('lab', 'holding', '2026-04-01', { effectiveUntil: T('2026-05-01') }),
      set('lab', 'shop', '2026-06-01', { effectiveUntil: T('2026-07-01') }),
    );
    // The fees of April and of May, in advance: April has ended. So it is if they are billed days later.
    const first = await issue('2026-05-03');
    expect([first.payerId, first.total]).toEqual(['holding', '72.00']);
    // The fee of June alone, in advance, and that of July.
    expect((await issue('2026-06-01')).payerId).toBe('shop');
    expect((await issue('2026-07-01')).payerId).toBeNull();
  });

  it('of a draft is as it is known now, and of an issued invoice as it was', async () => {
    const first = await issue('2026-05-01');
    const second = await draft('2026-06-01');
    expect((await invoice(second)).payerId).toBeNull();
    const before = await test.core.projector.catchUp();
    await test.apply(set('lab', 'holding', '2026-04-01'));
    expect((await invoice(first.invoiceId)).payerId).toBeNull();
    expect((await invoice(second)).payerId).toBe('holding');
    expect(await test.ask<string>('invoice-document', { id: second })).toContain('<p>Account holding</p>');
    expect(await test.ask('invoice', { id: second, asOf: String(before) })).toMatchObject({ payerId: null });
    expect(await test.ask('invoice-preview', { tenantId: 'lab', at: T('2026-07-01') })).toMatchObject({
      payerId: 'holding',
    });

    await test.apply({ command: 'issue-invoice', invoiceId: second, at: T('2026-06-01') });
    await test.apply(correct('lab', 'shop', '2026-04-01'));
    expect((await invoice(second)).payerId).toBe('holding');
    // To address it to another, it is voided and billed again. The number stays with the void one.
    await test.apply({ command: 'void-invoice', invoiceId: second, at: T('2026-06-02'), reason: 'wrong payer' });
    const again = await issue('2026-06-01');
    expect(again).toMatchObject({ number: 'INV-000003', payerId: 'shop', total: '36.00' });
    expect((await invoice(second)).payerId).toBe('holding');
  });

  it('is previewed by what it addresses to another, and by what stays as it was issued', async () => {
    await issue('2026-05-01');
    const draftId = await draft('2026-06-01');
    const before = await test.core.log.head();
    const addressed = async (...commands: object[]) =>
      (await test.ledger.preview(commands, ADMIN, { at: instant(T('2026-07-01')) })).addressees?.map(
        ({ tenantId, number, invoiceId, status, ...of }) =>
          [tenantId, number ?? (invoiceId === draftId ? 'draft' : ''), status, of.before, of.after].join(' '),
      );
    const all = ['lab INV-000001 issued  holding', 'lab draft draft  holding', 'lab  open  holding'];
    expect(await addressed(set('lab', 'holding', '2026-04-01'))).toEqual(all);
    // INV-000001 has April, which ended on 1 May. The draft has June in advance, the next invoice July in advance.
    expect(await addressed(set('lab', 'holding', '2026-05-01'))).toEqual(all.slice(1));
    expect(await addressed(set('lab', 'holding', '2026-06-01'))).toEqual(all.slice(1));
    expect(await addressed(set('lab', 'holding', '2026-06-02'))).toEqual(all.slice(2));
    expect(await addressed(set('lab', 'holding', '2026-07-01'))).toEqual(all.slice(2));
    expect(await addressed(set('lab', 'holding', '2026-07-02'))).toEqual([]);
    expect(await addressed(tenant('new'), set('new', 'holding', '2026-04-01'))).toEqual([]);
    expect(await addressed({ ...tenant('new') })).toBeUndefined();
    expect(await test.core.log.head()).toBe(before);

    await test.apply(set('lab', 'holding', '2026-05-31'));
    expect(await addressed(correct('lab', 'shop', '2026-05-31'))).toEqual([
      'lab draft draft holding shop',
      'lab  open holding shop',
    ]);
    await test.apply({ command: 'issue-invoice', invoiceId: draftId, at: T('2026-06-01') });
    await test.apply({ command: 'pay-invoice', invoiceId: draftId, at: T('2026-06-02') });
    expect(await addressed(withdraw('lab', '2026-05-31'))).toEqual([
      'lab INV-000002 paid holding ',
      'lab  open holding ',
    ]);
  });

  it('changes no amount, whether it is set, corrected or withdrawn', async () => {
    const total = async () =>
      (await test.ask<Invoice>('invoice-preview', { tenantId: 'lab', at: T('2026-06-01') })).total;
    // 30.00 each for April, May and June in advance: 90.00, and 20 %.
    const totals = [await total()];
    for (const change of [
      set('lab', 'holding', '2026-04-01'),
      correct('lab', 'shop', '2026-05-01', { effectiveUntil: T('2026-06-01') }),
      withdraw('lab', '2026-04-01'),
    ]) {
      await test.apply(change);
      totals.push(await total());
    }
    expect(totals).toEqual(['108.00', '108.00', '108.00', '108.00']);
  });

  it('is corrected over a period and withdrawn, and known as of earlier', async () => {
    const payers = async (params: object = {}) =>
      (await test.ask<Payers>('payers', { ...params })).items.map(
        ({ tenantId, payerId, effectiveFrom }) => `${tenantId} ${payerId ?? 'itself'} ${effectiveFrom.slice(0, 10)}`,
      );
    await test.apply(set('lab', 'holding', '2026-04-01'));
    const before = await test.core.projector.catchUp();
    await test.apply(correct('lab', 'shop', '2026-05-01', { effectiveUntil: T('2026-06-01') }));
    expect(await payers()).toEqual(['lab holding 2026-04-01', 'lab shop 2026-05-01', 'lab holding 2026-06-01']);
    expect(await payers({ asOf: String(before) })).toEqual(['lab holding 2026-04-01']);
    expect(await payers({ at: T('2026-05-10') })).toEqual(['lab shop 2026-05-01']);
    expect(await payers({ payerId: 'holding' })).toEqual(['lab holding 2026-04-01', 'lab holding 2026-06-01']);
    await test.apply(withdraw('lab', '2026-04-01'));
    // What the correction states stays.
    expect(await payers()).toEqual(['lab shop 2026-05-01']);
    await test.apply(set('lab', null, '2026-07-01'));
    expect(await payers()).toEqual(['lab shop 2026-05-01', 'lab itself 2026-07-01']);
  });

  it('must be another registered tenant that pays for itself', async () => {
    expect(await test.refused(set('lab', 'lab', '2026-04-01'))).toMatchObject({ code: 'own_payer' });
    expect(await test.refused(set('lab', 'nobody', '2026-04-01'))).toMatchObject({ code: 'unknown_tenant' });
    expect(await test.refused(set('nobody', 'lab', '2026-04-01'))).toMatchObject({ code: 'unknown_tenant' });
    expect(await test.refused(correct('lab', 'holding', '2026-04-01'))).toMatchObject({ code: 'unknown_payer' });
    expect(await test.refused(withdraw('lab', '2026-04-01'))).toMatchObject({ code: 'unknown_payer' });
    await test.apply(set('lab', 'holding', '2026-04-01', { effectiveUntil: T('2026-06-01') }));
    expect(await test.refused(set('shop', 'lab', '2026-05-01'))).toMatchObject({
      code: 'payer_has_payer',
      message:
        "tenant lab can't pay for shop from 2026-05-01T00:00:00Z on: holding pays for it from 2026-04-01T00:00:00Z on." +
        ' Name a tenant that pays for itself.',
    });
    expect(await test.refused(set('holding', 'lab', '2026-05-01'))).toMatchObject({ code: 'payer_has_payer' });
    expect(await test.refused(set('holding', 'shop', '2026-05-01'))).toMatchObject({ code: 'payer_of_others' });
    // One after the other is no level above another.
    await test.apply(
      set('shop', 'lab', '2026-06-01'),
      set('holding', 'shop', '2026-03-01', { effectiveUntil: T('2026-04-01') }),
    );
    expect(await test.refused(correct('lab', 'holding', '2026-06-10'))).toMatchObject({ code: 'payer_of_others' });
  });
});

describe('commands at the same time', () => {
  /** Past the rules. From May on. */
  async function record(tenantId: string, payerId: string): Promise<void> {
    const [stream, effectiveFrom] = [`tenant-${tenantId}`, instant(T('2026-05-01'))];
    const data = { tenantId, terms: { payerId }, effectiveFrom, effectiveUntil: null };
    const { revision } = await test.core.book.loadAt(stream);
    const call = { name: 'set-payer', key: null, bodyHash: '', occurredAt: null, idempotencyKey: null, isKeyed: false };
    await test.core.book.appendAt(stream, revision, { ...call, caller: ADMIN }, [{ type: 'PayerSet', data }]);
  }

  it('make no payer of a payer', async () => {
    // As another process that is about to record that shop pays for holding.
    const other = await test.core.pool.connect();
    try {
      await other.query("SELECT pg_advisory_lock(hashtextextended('ledgerline:payers', 0))");
      let isDone = false;
      const lab = test.ledger.execute(set('lab', 'holding', '2026-04-01'), ADMIN).finally(() => {
        isDone = true;
      });
      const isWaiting = async (): Promise<boolean> => {
        const { rowCount } = await other.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
        return (rowCount ?? 0) > 0;
      };
      while (!isDone && !(await isWaiting()));
      await record('holding', 'shop');
      await other.query('SELECT pg_advisory_unlock_all()');
      expect(await lab).toMatchObject({ status: 'refused', error: { code: 'payer_has_payer' } });
    } finally {
      other.release(true);
    }
  });

  it('are found by the check, if a process of another version recorded them', async () => {
    await test.apply(set('lab', 'holding', '2026-04-01', { effectiveUntil: T('2026-06-01') }));
    await record('holding', 'shop');
    expect((await test.check()).failures).toEqual([
      {
        code: 'payer_has_payer',
        message:
          'holding pays for tenant lab from 2026-05-01T00:00:00Z on, and shop for holding. Invoices of lab are addressed' +
          ' to holding.',
        ids: { tenantId: 'lab', payerId: 'holding', payerOfPayerId: 'shop', from: T('2026-05-01') },
        remedy: 'There is one level of payers: end one of both with correct-payer.',
      },
    ]);
    await test.apply(correct('lab', null, '2026-04-01'));
  });
});

describe('the token', () => {
  beforeEach(async () => {
    await test.apply(set('lab', 'holding', '2026-04-01'));
    await issue('2026-05-01');
    await test.apply({
      ...{ command: 'create-credit-note', invoiceId: 'INV-000001', at: T('2026-05-20'), amount: '6.00' },
      reason: 'outage',
    });
  });

  it('of the payer sees the invoices that it pays, and nothing else of the tenant', async () => {
    const items = async (params: object) =>
      (await seen<{ items: Invoice[] }>('holding', 'invoices', params)).items.map(({ number }) => number);
    expect(await items({ payerId: 'holding' })).toEqual(['INV-000001']);
    expect(await items({ payerId: 'holding', tenantId: 'lab' })).toEqual(['INV-000001']);
    expect(await items({})).toEqual([]);
    for (const name of ['invoice', 'invoice-document', 'invoice-ubl', 'explain'])
      expect(JSON.stringify(await seen('holding', name, { id: 'INV-000001' }))).toContain('INV-000001');
    for (const name of ['credit-note', 'credit-note-document'])
      expect(JSON.stringify(await seen('holding', name, { id: 'CN-000001' }))).toContain('CN-000001');
    const notes = async (params: object) =>
      (await seen<{ items: Invoice[] }>('holding', 'credit-notes', params)).items.map(({ number }) => number);
    expect(await notes({ payerId: 'holding' })).toEqual(['CN-000001']);
    expect(await test.ask('credit-notes', { tenantId: 'lab' })).toMatchObject({ items: [{ payerId: 'holding' }] });
    expect(await test.ask('credit-note', { id: 'CN-000001' })).toMatchObject({ tenantId: 'lab', payerId: 'holding' });
    expect(await notes({ payerId: 'holding', tenantId: 'lab' })).toEqual(['CN-000001']);
    expect(await notes({ payerId: 'holding', tenantId: 'shop' })).toEqual([]);
    expect(await notes({})).toEqual([]);
    expect(await test.ask('credit-notes', { payerId: 'shop' })).toMatchObject({ items: [] });
    for (const invoiceId of ['INV-000001', (await invoice('INV-000001')).invoiceId])
      expect(await seen('holding', 'credit-notes', { invoiceId })).toMatchObject({ items: [{ number: 'CN-000001' }] });
    expect(await seen('holding', 'payers', {})).toMatchObject({ items: [{ tenantId: 'lab', payerId: 'holding' }] });
    for (const [name, params] of [
      ['lines', { tenantId: 'lab' }],
      ['statement', { tenantId: 'lab', start: T('2026-04-01'), end: T('2026-06-01') }],
      ['invoices', { tenantId: 'lab' }],
      ['invoices', { payerId: 'other' }],
      ['credit-notes', { payerId: 'other' }],
    ] as const)
      await expect(seen('holding', name, params)).rejects.toThrow();
  });

  it('of the tenant sees its invoices as before, and that of another tenant sees none', async () => {
    expect(await seen('lab', 'invoices', {})).toMatchObject({ items: [{ number: 'INV-000001', payerId: 'holding' }] });
    expect(await seen('lab', 'payers', {})).toMatchObject({ items: [{ tenantId: 'lab', payerId: 'holding' }] });
    await expect(seen('lab', 'invoices', { payerId: 'holding' })).rejects.toThrow('tenant holding is not registered');
    for (const [name, id] of [
      ['invoice', 'INV-000001'],
      ['invoice-document', 'INV-000001'],
      ['credit-note', 'CN-000001'],
    ] as const)
      await expect(seen('other', name, { id })).rejects.toThrow(id);
    expect(await seen('other', 'payers', {})).toMatchObject({ items: [] });
  });
});

describe('messages about invoices', () => {
  interface Message {
    readonly type: string;
    readonly tenantid: string;
    readonly data: { readonly payerId?: string | null };
  }
  const said = ({ type, tenantid, data }: Message): string =>
    `${tenantid} ${type}${data.payerId === undefined ? '' : ` ${data.payerId ?? 'itself'}`}`;
  const OF_HOLDING = [
    ...['lab invoice.issued holding', 'lab credit_note.issued holding', 'lab invoice.paid holding'],
    ...['lab invoice.payment_withdrawn holding', 'lab invoice.issued holding', 'lab invoice.voided holding'],
    'lab invoice.issued holding',
  ];

  async function happen(): Promise<void> {
    await test.apply(set('lab', 'holding', '2026-04-01', { effectiveUntil: T('2026-07-01') }));
    await issue('2026-05-01');
    await test.apply(
      {
        ...{ command: 'create-credit-note', invoiceId: 'INV-000001', at: T('2026-05-20'), amount: '6.00' },
        reason: 'outage',
      },
      { command: 'pay-invoice', invoiceId: 'INV-000001', at: T('2026-05-21') },
      { command: 'withdraw', what: 'pay-invoice', invoiceId: 'INV-000001', reason: 'a mistake' },
    );
    const { invoiceId } = await issue('2026-06-01');
    await test.apply({ command: 'void-invoice', invoiceId, at: T('2026-06-02'), reason: 'wrong' });
    // June again, and July. Then August in advance, which is lab's own.
    await issue('2026-07-01');
    await issue('2026-08-01');
    await test.ledger.catchUp();
  }

  it('name the payer, which reads them in the feed too', async () => {
    await happen();
    const read = async (who: string): Promise<string[]> =>
      (await seen<{ items: readonly Message[] }>(who, 'feed', { after: 0 })).items
        .filter(({ type }) => /^(invoice|credit_note)/.test(type))
        .map(said);
    expect(await read('holding')).toEqual(OF_HOLDING);
    const [first, second, third] = [OF_HOLDING.slice(0, 4), OF_HOLDING.slice(4, 6), OF_HOLDING.slice(6)];
    expect(await read('lab')).toEqual(
      [first, second, third, ['lab invoice.issued itself']].flatMap((each) => ['lab invoice.drafted', ...each]),
    );
    expect(await read('shop')).toEqual([]);
  });

  it('are sent to the endpoint of the payer, those of a tenant in their order', async () => {
    const endpoint = await receiver();
    const working = new AbortController();
    try {
      await test.apply({ command: 'register-webhook', webhookId: 'h', url: endpoint.url, tenantId: 'holding' });
      await happen();
      const ended = deliverWebhooks(test.core, working.signal, {
        ...{ now: () => instant('2026-08-01T00:00:00Z'), allowsPrivate: true, report: () => undefined },
      });
      await endpoint.until(7);
      working.abort();
      await ended;
      expect(endpoint.received.map(({ body }) => said(JSON.parse(body) as Message))).toEqual(OF_HOLDING);
    } finally {
      working.abort();
      await endpoint.close();
    }
  });
});

describe('the statement of a payer', () => {
  interface Statement {
    readonly tenantId: string;
    readonly opening: string;
    readonly closing: string;
    readonly paid: string;
    readonly standing: Readonly<Record<string, string>>;
    readonly entries: readonly {
      readonly tenantId: string;
      readonly type: string;
      readonly id: string;
      readonly number: string | null;
      readonly amount: string;
      readonly balance: string;
    }[];
  }
  const OF = { payerId: 'holding', start: T('2026-05-15'), end: T('2026-09-01') };
  const shown = ({ opening, entries, closing }: Statement): unknown[] => [
    opening,
    ...entries.map(({ tenantId, type, number, amount, balance }) =>
      [tenantId, type, number ?? '', amount, balance].join(' '),
    ),
    closing,
  ];
  const pay = (tenantId: string, paymentId: string, amount: string, date: string) => ({
    ...{ command: 'record-payment', tenantId, currency: 'USD', paymentId, amount, at: T(date), reference: 'bank <1>' },
  });

  beforeEach(async () => {
    await test.apply(
      deployment('e', 'shop'),
      subscription('t', 'e', 'p'),
      set('lab', 'holding', '2026-04-01', { effectiveUntil: T('2026-08-01') }),
      set('shop', 'holding', '2026-04-01'),
    );
    // lab: 30.00 each for April and May and 20 %: 72.00. shop has no tax: 60.00.
    await issue('2026-05-01');
    await issue('2026-05-01', 'shop');
    await test.apply(
      // 70.00 of INV-000001, and 60.00 of INV-000002 with 5.00 left.
      pay('lab', 'b1', '70.00', '2026-05-20'),
      pay('shop', 'b1', '65.00', '2026-05-20'),
      // 6.00 and 20 % are 7.20. 2.00 were left to pay, so 5.20 are credit of lab.
      {
        ...{ command: 'create-credit-note', invoiceId: 'INV-000001', at: T('2026-05-21'), amount: '6.00' },
        reason: 'outage',
      },
    );
    // lab: 36.00, of which its credit pays 5.20: 30.80. Void and billed again: the same.
    await issue('2026-06-01');
    await test.apply({ command: 'void-invoice', invoiceId: 'INV-000003', at: T('2026-06-02'), reason: 'wrong' });
    await issue('2026-06-01');
    await test.apply({ command: 'pay-invoice', invoiceId: 'INV-000004', at: T('2026-06-10') });
    await issue('2026-07-01');
    // lab pays for itself.
    await issue('2026-08-01');
    await issue('2026-08-01', 'shop');
  });

  it('has the invoices of all that it pays for, and what pays them', async () => {
    const statement = await test.ask<Statement>('statement', OF);
    expect(shown(statement)).toEqual([
      // 72.00 + 60.00
      '132.00',
      'lab payment INV-000001 -70.00 62.00',
      'shop payment INV-000002 -60.00 2.00',
      'lab credit_note CN-000001 -2.00 0.00',
      // 36.00 − 5.20, issued twice at the same instant
      'lab invoice INV-000003 30.80 30.80',
      'lab invoice INV-000004 30.80 61.60',
      'lab void INV-000003 -30.80 30.80',
      'lab invoice_payment INV-000004 -30.80 0.00',
      'lab invoice INV-000005 36.00 36.00',
      // June to August: 90.00
      'shop invoice INV-000007 90.00 126.00',
      '126.00',
    ]);
    expect(statement).toMatchObject({
      ...{ tenantId: 'holding', payerId: 'holding', paid: '160.80' },
      standing: { due: '126.00', credit: '0.00', unapplied: '0.00', balance: '126.00' },
    });
    expect(await test.ask('statement', { ...OF, start: '2026-05-15', end: '2026-09-01' })).toEqual(statement);
    const page = await test.ask<string>('statement-document', OF);
    expect(page).toContain('<p class="tenant">Globex Holding</p>');
    expect(page).toContain('invoices that you pay for others');
    expect(page).toContain('for shop; bank &lt;1&gt;');
    expect(await test.ask<string>('statement-csv', OF)).toContain(
      '\nshop,USD,2026-05-20T00:00:00Z,payment,b1,INV-000002,bank <1>,,-60.00,,,2.00,holding\n',
    );
  });

  it('has none of what is in the accounts of the tenants, and these have all', async () => {
    expect(shown(await test.ask<Statement>('statement', { ...OF, payerId: undefined, tenantId: 'holding' }))).toEqual([
      ...['0.00', '0.00'],
    ]);
    const { standing } = await test.ask<Statement>('statement', { ...OF, payerId: undefined, tenantId: 'shop' });
    expect(standing).toMatchObject({ due: '90.00', unapplied: '5.00', balance: '85.00' });
  });

  it('is told apart from what each tenant owes itself', async () => {
    const of = async <Answer = object>(tenantId: string, name = 'statement'): Promise<Answer> =>
      test.ask<Answer>(name, { ...OF, payerId: undefined, tenantId });
    // 36.00 of INV-005 to holding, 36.00 of INV-006 to lab itself.
    expect(await of('lab')).toMatchObject({
      ...{ closing: '72.00', ownClosing: '36.00' },
      owedByPayers: [{ payerId: 'holding', closing: '36.00', due: '36.00' }],
      standing: { due: '72.00', balance: '72.00', ownBalance: '36.00' },
    });
    // 60.00 − 65.00 + 90.00 = 85.00. What is left of its payment is its own: 85.00 − 90.00.
    expect(await of('shop')).toMatchObject({
      ...{ closing: '85.00', ownClosing: '-5.00' },
      standing: { balance: '85.00', ownBalance: '-5.00' },
    });
    // Before INV-005 and INV-006: holding owes nothing at the end, but 36.00 now.
    expect(await test.ask('statement', { tenantId: 'lab', start: OF.start, end: T('2026-07-01') })).toMatchObject({
      ...{ closing: '0.00', ownClosing: '0.00' },
      owedByPayers: [{ payerId: 'holding', closing: '0.00', due: '36.00' }],
    });
    const { entries } = await of<{ entries: readonly { number: string | null; payerId: string | null }[] }>('lab');
    expect(entries.map(({ number, payerId }) => `${number ?? 'payment'} ${payerId ?? 'itself'}`)).toEqual([
      ...['payment itself', 'CN-000001 holding', 'INV-000003 holding', 'INV-000004 holding', 'INV-000003 holding'],
      ...['INV-000004 holding', 'INV-000005 holding', 'INV-000006 itself'],
    ]);
    const page = await of<string>('lab', 'statement-document');
    expect(page).toContain('<dt>To be paid by you</dt><dd>36.00</dd>');
    expect(page).toContain('To be paid by holding');
    expect(page).toContain('addressed to holding');
    expect(page).toContain('Now due: 72.00, of it 36.00 by holding.');
    expect((await of<string>('lab', 'statement-csv')).split('\n').slice(-4)).toEqual([
      'lab,USD,2026-09-01T00:00:00Z,closing,,,,,,,,72.00,',
      'lab,USD,2026-09-01T00:00:00Z,closing_of_payer,,,,,,,,36.00,holding',
      'lab,USD,2026-09-01T00:00:00Z,closing_of_tenant,,,,,,,,36.00,',
      '',
    ]);
  });

  it('is printed with who is owed, and without payers that owed nothing then', async () => {
    const of = { ...OF, payerId: undefined, tenantId: 'shop' };
    // Of its payment, 5.00 are left.
    const page = await test.ask<string>('statement-document', of);
    expect(page).toContain('<dt>Owed to you</dt><dd>5.00</dd>');
    expect(page).toMatch(/Owed to you<\/th><td[^>]*>5\.00</);
    expect(page).toMatch(/To be paid by holding<\/th><td[^>]*>90\.00</);
    expect(page).not.toContain('To be paid by you');
    // Holding owes nothing of lab at the end of June, and 36.00 now.
    const june = { tenantId: 'lab', currency: 'USD', start: OF.start, end: T('2026-07-01') };
    const earlier = await test.ask<string>('statement-document', june);
    expect(earlier).not.toContain('To be paid by');
    expect(earlier).toContain('Now due: 72.00, of it 36.00 by holding.');
    expect(await test.ask<string>('statement-csv', june)).not.toContain('closing_of');
    // Paid in September: holding owes 90.00 at the end of August, and nothing now.
    await test.apply({
      ...{ command: 'record-payment', tenantId: 'shop', currency: 'USD', payerId: 'holding', paymentId: 'b9' },
      ...{ amount: '90.00', at: T('2026-09-02') },
    });
    const paid = await test.ask<string>('statement-document', of);
    expect(paid).toContain('Now due: 0.00. Your credit');
    expect(paid).toMatch(/To be paid by holding<\/th><td[^>]*>90\.00</);
  });

  it('names the other currencies in which there are amounts', async () => {
    await test.apply(
      { command: 'correct-tenant', tenantId: 'other', currencies: ['USD', 'EUR'], reason: 'as agreed' },
      deployment('o', 'other'),
      { ...plan('q', '10.00', []), currency: 'EUR' },
      subscription('u', 'o', 'q'),
      set('other', 'holding', '2026-04-01'),
    );
    await issue('2026-05-01', 'other');
    for (const subject of [OF, { ...OF, payerId: undefined, tenantId: 'other' }]) {
      expect(await test.ask('statement', subject)).toMatchObject({ currency: 'USD', otherCurrencies: ['EUR'] });
      expect(await test.ask<string>('statement-document', subject)).toContain('There are amounts in EUR too.');
    }
    // 10.00 each for April and May
    expect(await test.ask('statement', { ...OF, currency: 'EUR' })).toMatchObject({
      ...{ closing: '20.00', otherCurrencies: ['USD'] },
    });
  });

  it('loses what is withdrawn, and is as known earlier', async () => {
    const asOf = String(await test.core.projector.catchUp());
    await test.apply({
      ...{ command: 'withdraw', what: 'record-payment', tenantId: 'shop', currency: 'USD', paymentId: 'b1' },
      reason: 'bounced',
    });
    expect((await test.ask<Statement>('statement', OF)).closing).toBe('186.00');
    expect((await test.ask<Statement>('statement', { ...OF, asOf })).closing).toBe('126.00');
  });

  it('is read by the payer and by staff only', async () => {
    expect(await seen<Statement>('holding', 'statement', OF)).toMatchObject({ closing: '126.00' });
    for (const who of ['lab', 'other']) await expect(seen(who, 'statement', OF)).rejects.toThrow('holding');
    await expect(test.ask('statement', { ...OF, tenantId: 'lab' })).rejects.toThrow('exclude each other');
  });

  it('is checked against the log', async () => {
    await test.core.pool.query("UPDATE payment_applications SET amount = amount + 1 WHERE tenant_id = 'shop'");
    expect((await test.check()).failures).toContainEqual(
      expect.objectContaining({
        code: 'settlement_differs',
        message: 'payer holding is to pay 126 USD for others, but the entries of its statement come to 125',
      }),
    );
    await test.core.pool.query("UPDATE payment_applications SET amount = amount - 1 WHERE tenant_id = 'shop'");
    // INV-000006: 36.00 that lab pays for itself. No event names other as a payer.
    await test.core.pool.query("UPDATE invoices SET payer_id = 'other' WHERE ordinal = 6");
    expect((await test.check()).failures).toContainEqual(
      expect.objectContaining({
        code: 'settlement_differs',
        message: 'payer other is to pay 0 USD for others, but the entries of its statement come to 36',
      }),
    );
    // 36.00 of INV-000005 are for holding. Exchanged, the balances of both stay the same.
    await test.core.pool.query('UPDATE invoices SET payer_id = NULL WHERE ordinal = 5');
    await test.core.pool.query("UPDATE invoices SET payer_id = 'holding' WHERE ordinal = 6");
    const { failures } = await test.check();
    expect(failures).toMatchObject(
      [
        /^invoice \S+ is addressed to tenant holding, but tenant lab is shown as its payer$/,
        /^invoice \S+ is addressed to tenant lab, but tenant holding is shown as its payer$/,
      ].map((message) => ({ code: 'settlement_differs', message: expect.stringMatching(message) })),
    );
    await test.core.pool.query("UPDATE invoices SET payer_id = 'holding' WHERE ordinal = 5");
    await test.core.pool.query('UPDATE invoices SET payer_id = NULL WHERE ordinal = 6');
  });
});

it('books what is receivable as owed by the payer', async () => {
  await test.apply(set('lab', 'holding', '2026-04-01'), set('lab', null, '2026-05-01'));
  await issue('2026-05-01');
  await issue('2026-06-01');
  const KEY = { tenantId: 'lab', currency: 'USD' };
  // 72.00 of INV-000001, and 4.00 of INV-000002. They have two addressees, so they are named.
  const payment = { command: 'record-payment', ...KEY, paymentId: 'b', amount: '76.00', at: T('2026-06-10') };
  expect(await test.refused(payment)).toMatchObject({ code: 'ambiguous_payer' });
  expect(await test.refused({ ...payment, payerId: 'nobody' })).toMatchObject({ code: 'unknown_tenant' });
  // Nothing is to be paid, and nothing is said of it.
  const nothing = { ...payment, payerId: 'holding', paymentId: 'a', amount: '0.01', invoiceIds: [] };
  expect(await test.apply(nothing)).toEqual([
    { command: 'record-payment', status: 'done', position: expect.any(Number) },
  ]);
  const ofOther = { ...payment, payerId: 'other', paymentId: 'c', amount: '0.01' };
  const notice =
    'Payment c pays nothing: no open invoice of tenant lab that was issued by then is addressed to other.' +
    ' Use apply-payment with invoiceIds, or withdraw it and record it with another payerId.';
  expect(await test.apply(ofOther)).toMatchObject([{ status: 'done', result: { notice } }]);
  expect(await test.apply(ofOther)).toMatchObject([{ status: 'unchanged', result: { notice } }]);
  for (const idempotencyKey of ['k1', 'k1', 'k2'])
    expect(await test.apply({ ...ofOther, idempotencyKey })).toMatchObject([
      { status: 'unchanged', result: { notice } },
    ]);
  const keyed = { ...ofOther, paymentId: 'd', idempotencyKey: 'k3' };
  for (const command of [keyed, keyed, { ...keyed, idempotencyKey: 'k4' }, { ...keyed, idempotencyKey: undefined }])
    expect(await test.apply(command)).toMatchObject([{ result: { notice: notice.replace('c', 'd') } }]);
  for (const paymentId of ['c', 'd'])
    await test.apply({ command: 'withdraw', what: 'record-payment', ...KEY, paymentId, reason: 'a test' });
  expect(await test.ask('payments', { tenantId: 'lab' })).toMatchObject({
    items: [{ paymentId: 'a', payerId: 'holding', unapplied: '0.01' }],
  });
  await test.apply({ ...payment, invoiceIds: ['INV-000001', 'INV-000002'] });
  await test.apply({ command: 'pay-invoice', invoiceId: 'INV-000002', at: T('2026-06-20') });
  const receivables = async (period: string) => {
    const { rows } = await test.ledger.export('journal', { period, format: 'jsonl' }, ADMIN);
    const postings: Record<string, string>[] = [];
    for await (const row of rows) postings.push(row as Record<string, string>);
    return postings
      .filter(({ account }) => account?.toLowerCase().includes('receivable'))
      .map(({ transaction, amount, tenantId, payerId }) => [transaction, amount, tenantId, payerId]);
  };
  expect(await receivables('2026-05')).toEqual([['INV-000001', '72.00', 'lab', 'holding']]);
  expect(await receivables('2026-06')).toEqual([
    ['INV-000002', '36.00', 'lab', null],
    ['INV-000002/payment', '-32.00', 'lab', null],
    [expect.stringContaining('application/lab/USD/b/'), '-72.00', 'lab', 'holding'],
    [expect.stringContaining('application/lab/USD/b/'), '-4.00', 'lab', null],
  ]);
});
