import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { instant } from '#domain/time/instant';
import { serving } from '../support/api.js';
import { cli } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Payments in parts, too much, refunded, withdrawn; and the statements of account that they give. */

const NOW = instant('2026-08-01T00:00:00Z');
const T = (date: string) => `${date}T00:00:00Z`;
const KEY = { tenantId: 'acme', currency: 'USD' };
const pay = (paymentId: string, amount: string, date: string, more: object = {}) => ({
  ...{ command: 'record-payment', ...KEY, paymentId, amount, at: T(date) },
  ...more,
});

interface Statement {
  readonly opening: string;
  readonly closing: string;
  readonly entries: readonly {
    readonly type: string;
    readonly id: string;
    readonly number: string | null;
    readonly amount: string;
    readonly balance: string;
    readonly corrections: string | null;
    readonly applied: readonly { readonly number: string; readonly amount: string }[];
  }[];
  readonly standing: Readonly<Record<string, string>>;
}

let test: TestLedger;
let api: NestFastifyApplication;
let url: string;
let beforeRefund = 0;
const tokens: Record<string, string> = {};

const statement = async (start: string, end: string, more: object = {}): Promise<Statement> =>
  test.ask('statement', { tenantId: 'acme', start: T(start), end: T(end), ...more });
const shown = ({ opening, entries, closing }: Statement): unknown[] => [
  opening,
  ...entries.map(({ type, id, number, amount, balance }) => [type, number ?? id, amount, balance].join(' ')),
  closing,
];
async function issue(asOf: string, tenantId = 'acme'): Promise<string> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return invoiceId;
}
const get = async (path: string, who = 'acme') => {
  const response = await fetch(`${url}/api/v1/${path}`, { headers: { authorization: `Bearer ${tokens[who] ?? ''}` } });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('acme'),
    tenant('other'),
    deployment('d', 'acme'),
    plan('p', '30.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1' } }]),
    subscription('s', 'd', 'p'),
  );
  // 30.00 on 1 April, 1 May and 1 June.
  for (const date of ['2026-04-01', '2026-05-01', '2026-06-01']) await issue(date);
  await test.apply(
    pay('b1', '20.00', '2026-04-10'),
    // 10.00 of April, and 15.00 of May
    pay('b2', '25.00', '2026-05-10', { reference: 'thanks <3' }),
    { command: 'create-credit-note', invoiceId: 'INV-000002', at: T('2026-05-20'), amount: '20.00', reason: 'outage' },
    { command: 'pay-invoice', invoiceId: 'INV-000003', at: T('2026-06-03') },
    pay('b3', '12.00', '2026-06-10'),
  );
  beforeRefund = await test.core.projector.catchUp();
  await test.apply(
    { command: 'record-refund', ...KEY, refundId: 'r1', amount: '2.00', at: T('2026-06-11'), paymentId: 'b3' },
    { command: 'record-refund', ...KEY, refundId: 'r2', amount: '5.00', at: T('2026-06-12'), reason: 'asked' },
  );
  const served = await serving(test.url, NOW, { seller: 'Cloud & Sons' });
  ({ api, url } = served);
  for (const tenantId of ['acme', 'other'])
    tokens[tenantId] = await served.token({ sub: tenantId, role: 'tenant', tenantId });
});
afterAll(async () => {
  await api.close();
  await test.close();
});

describe('a statement of account', () => {
  it('shows all entries of a period with the balance after each', async () => {
    expect(shown(await statement('2026-05-01', '2026-07-01'))).toEqual([
      '10.00',
      'invoice INV-000002 30.00 40.00',
      'payment b2 -25.00 15.00',
      'credit_note CN-000001 -20.00 -5.00',
      'invoice INV-000003 30.00 25.00',
      'invoice_payment INV-000003 -30.00 -5.00',
      'payment b3 -12.00 -17.00',
      'refund r1 2.00 -15.00',
      'refund r2 5.00 -10.00',
      '-10.00',
    ]);
  });

  it('says what payments pay, and how the balance is made up', async () => {
    const { entries, standing } = await statement('2026-05-01', '2026-07-01');
    expect(entries.find(({ id }) => id === 'b2')?.applied).toEqual([
      { number: 'INV-000001', amount: '10.00' },
      { number: 'INV-000002', amount: '15.00' },
    ]);
    // The credit note of 20.00 takes the 15.00 that were left to pay; 5.00 is credit, which r2 refunds.
    expect(standing).toEqual({
      due: '0.00',
      credit: '0.00',
      unapplied: '10.00',
      balance: '-10.00',
      ownBalance: '-10.00',
    });
  });

  it('continues where the one before ends, and is known as of then', async () => {
    const april = await statement('2026-04-01', '2026-05-01');
    expect(shown(april)).toEqual(['0.00', 'invoice INV-000001 30.00 30.00', 'payment b1 -20.00 10.00', '10.00']);
    expect((await statement('2026-07-01', '2026-08-01')).opening).toBe('-10.00');
    const before = await statement('2026-06-10', '2026-07-01', { asOf: String(beforeRefund) });
    expect([before.closing, before.standing['credit']]).toEqual(['-17.00', '5.00']);
  });

  it('is a page and a table too, of its own tenant only', async () => {
    const query = 'start=2026-05-01T00:00:00Z&end=2026-07-01T00:00:00Z';
    const { status, type, text } = await get(`statement/document?${query}`);
    expect([status, type]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).toContain('Payment b2 <span class="quiet">· thanks &lt;3; 10.00 for INV-000001; 15.00 for INV-000002');
    expect(text).toContain('Closing balance, USD');
    const table = await get(`statement/csv?${query}`);
    expect([table.status, table.type, table.text.split('\n').slice(0, 4)]).toEqual([
      200,
      'text/csv; charset=utf-8',
      [
        'tenantId,currency,at,type,id,number,reference,reason,amount,corrections,applied,balance,payerId',
        'acme,USD,2026-05-01T00:00:00Z,opening,,,,,,,,10.00,',
        expect.stringMatching(/^acme,USD,2026-05-01T00:00:00Z,invoice,[0-9a-f-]+,INV-000002,,,30\.00,,,40\.00,$/),
        'acme,USD,2026-05-10T00:00:00Z,payment,b2,,thanks <3,,-25.00,,10.00 for INV-000001; 15.00 for INV-000002,15.00,',
      ],
    ]);
    expect(table.text.trimEnd().split('\n').at(-1)).toBe('acme,USD,2026-07-01T00:00:00Z,closing,,,,,,,,-10.00,');
    expect((await get(`statement/csv?${query}&tenantId=acme`, 'other')).status).toBe(404);
    expect((await get(`statement?${query}&tenantId=acme`, 'other')).status).toBe(404);
    expect(JSON.parse((await get(`statement?${query}`, 'other')).text)).toMatchObject({ entries: [], closing: '0.00' });
    expect(JSON.parse((await get('payments', 'other')).text)).toMatchObject({ items: [] });
    const env = { DATABASE_URL: test.url };
    const may = ['query', 'statement', 'tenantId=acme', `start=${T('2026-05-01')}`, `end=${T('2026-06-01')}`, '--csv'];
    const { stdout, stderr } = await cli(may, { env });
    expect(stderr).toContain(
      'not printed: owedByPayers, prepaid.topUps. Choose one with --list. The query statement-csv has all in one table.',
    );
    expect(await cli([...may, '--list', 'prepaid.topUps'], { env })).toMatchObject({
      code: 0,
      stdout: '\n',
      stderr: '',
    });
    expect(await cli([...may, '--list', 'topUps'], { env })).toMatchObject({
      ...{ code: 2, stdout: '' },
      stderr: expect.stringContaining(
        'This answer has no list topUps. Choose one of entries, owedByPayers, prepaid.topUps.',
      ),
    });
    const margin = ['query', 'margin', 'period=2026-05', '--csv'];
    expect(await cli(margin, { env })).toMatchObject({
      ...{ code: 2, stdout: '' },
      stderr: expect.stringMatching(
        /This answer has several lists: byTenant, .*byKind\.revenue.*Choose one with --list/,
      ),
    });
    expect((await cli([...margin, '--list', 'byKind.revenue'], { env })).stdout).toMatch(/^billingKind,revenue/);
    expect(stdout.split('\n')[0]).toBe(
      'tenantId,at,type,id,number,reference,reason,amount,corrections,applied,payerId,balance',
    );
    expect(stdout).toContain(',invoice,');
    await expect(test.ask('statement', { start: T('2026-05-01'), end: T('2026-06-01') })).rejects.toThrow(
      'tenantId is missing',
    );
  });
});

describe('payments', () => {
  it('pay invoices in part and in full, as the invoices say', async () => {
    const { items } = await test.ask<{
      items: { number: string; status: string; amountDue: string; amountPaid: string }[];
    }>('invoices');
    expect(
      items.map(({ number, status, amountDue, amountPaid }) => [number, status, amountDue, amountPaid]).sort(),
    ).toEqual([
      ['INV-000001', 'paid', '30.00', '30.00'],
      // 30.00 less the 15.00 of the credit note that was left to pay
      ['INV-000002', 'paid', '15.00', '15.00'],
      ['INV-000003', 'paid', '30.00', '30.00'],
    ]);
    expect(await test.ask('payments', { tenantId: 'acme' })).toMatchObject({
      items: [
        { paymentId: 'b1', unapplied: '0.00', applied: [{ number: 'INV-000001', amount: '20.00' }] },
        { paymentId: 'b2', reference: 'thanks <3', unapplied: '0.00' },
        { paymentId: 'b3', applied: [], unapplied: '10.00', refunded: '2.00' },
      ],
    });
  });

  it('are the same when they are recorded again, and refused otherwise', async () => {
    expect(await test.ledger.execute(pay('b1', '20.00', '2026-04-10'), ADMIN)).toMatchObject({ status: 'unchanged' });
    expect(await test.refused(pay('b1', '21.00', '2026-04-10'))).toMatchObject({ code: 'conflicting_body' });
    expect(await test.refused({ ...pay('b9', '1.00', '2026-04-10'), currency: 'EUR' })).toMatchObject({
      code: 'currency_mismatch',
    });
    const withdrawal = { command: 'withdraw', reason: 'of another tenant', ...KEY };
    expect(await test.refused({ ...withdrawal, what: 'record-payment', paymentId: 'b3' })).toMatchObject({
      code: 'payment_refunded',
    });
  });

  it('that never were are taken back, with the invoices that they paid', async () => {
    const withdrawal = { command: 'withdraw', reason: 'of another tenant', ...KEY };
    await issue('2026-07-01');
    await test.apply(
      { command: 'apply-payment', ...KEY, paymentId: 'b3', applicationId: 'a1', at: T('2026-07-02') },
      pay('b4', '20.00', '2026-07-03'),
    );
    expect(await test.ask('invoice', { id: 'INV-000004' })).toMatchObject({ status: 'paid', amountPaid: '30.00' });
    expect(
      await test.refused({ command: 'withdraw', what: 'pay-invoice', invoiceId: 'INV-000004', reason: 'no' }),
    ).toMatchObject({ code: 'payment_recorded' });
    await test.apply({ ...withdrawal, what: 'record-payment', paymentId: 'b4' });
    expect(await test.ask('invoice', { id: 'INV-000004' })).toMatchObject({ status: 'issued', amountPaid: '10.00' });
    expect(await test.refused({ command: 'void-invoice', invoiceId: 'INV-000004', at: T('2026-07-04') })).toMatchObject(
      {
        code: 'invoice_part_paid',
      },
    );
    await test.apply({ ...withdrawal, what: 'record-refund', refundId: 'r1' });
    expect(await test.ask('payments', { tenantId: 'acme' })).toMatchObject({
      items: [{}, {}, { paymentId: 'b3', unapplied: '2.00', refunded: '0.00' }],
    });
    // 30.00 more, less 12.00 of b3 that is not refunded
    expect((await statement('2026-07-01', '2026-08-01')).closing).toBe('18.00');
    expect(await get('invoices/INV-000004/document')).toMatchObject({
      text: expect.stringMatching(/Payments<.*-10\.00.*Amount due, USD<.*20\.00/s),
    });
  });

  it('leave a document that adds up, where one is withdrawn after a credit note gave back more than was due', async () => {
    const own = { tenantId: 'noted', currency: 'USD' };
    await test.apply(tenant('noted'), deployment('d3', 'noted'), subscription('s3', 'd3', 'p'));
    const id = await issue('2026-04-01', 'noted');
    const before = await test.ledger.catchUp();
    await test.apply(
      { ...pay('first', '20.00', '2026-04-02'), ...own },
      // 10.00 of the 10.00 that are due, and 15.00 as credit
      { command: 'create-credit-note', invoiceId: id, at: T('2026-04-03'), amount: '25.00', reason: 'an outage' },
      { ...pay('second', '5.00', '2026-04-04'), ...own },
      { command: 'withdraw', what: 'record-payment', ...own, paymentId: 'first', reason: 'of another tenant' },
    );
    // 30.00 − 10.00, and 5.00 − 5.00 of the second payment, which found nothing to pay
    expect(await test.ask('invoice-document', { id })).toMatch(/Amount due, USD<.*20\.00/s);
    // Only what changed of the same payment overtakes a withdrawal.
    const never = { command: 'withdraw', what: 'record-payment', ...own, paymentId: 'second', reason: 'no' };
    expect(await test.refused({ ...never, basedOn: before })).toMatchObject({ code: 'overtaken' });
    const seen = await test.ledger.catchUp();
    await test.apply({ ...pay('third', '1.00', '2026-04-05'), ...own }, { ...never, basedOn: seen });
  });

  it('are applied twice with the same amount, by two ids, and taken back one by one', async () => {
    const own = { tenantId: 'twice', currency: 'USD' };
    await test.apply(tenant('twice'), deployment('d4', 'twice'), subscription('s4', 'd4', 'p'));
    const ids = [await issue('2026-04-01', 'twice'), await issue('2026-05-01', 'twice')];
    const apply = (applicationId: string, invoiceId = '') => ({
      ...{ command: 'apply-payment', ...own, paymentId: 'x', applicationId, at: T('2026-05-02') },
      invoiceIds: [invoiceId],
    });
    await test.apply({ ...pay('x', '70.00', '2026-05-01', { invoiceIds: [] }), ...own }, apply('one', ids[0]));
    expect(await test.ledger.execute(apply('one', ids[0]), ADMIN)).toMatchObject({ status: 'unchanged' });
    expect(await test.refused(apply('one', ids[1]))).toMatchObject({ code: 'conflicting_body' });
    const never = { command: 'withdraw', what: 'apply-payment', ...own, paymentId: 'x', reason: 'a mix-up' };
    await test.apply(apply('two', ids[1]), { ...never, applicationId: 'one' });
    expect(await test.ask('payments', { tenantId: 'twice' })).toMatchObject({
      items: [{ unapplied: '40.00', applied: [{ applicationId: 'two', amount: '30.00', at: T('2026-05-02') }] }],
    });
    // What it pays from 2 May is not on the statement of 1 May.
    const paidUntil = async (end: string) =>
      (await statement('2026-05-01', end, { tenantId: 'twice' })).entries.find(({ id }) => id === 'x')?.applied;
    expect(await paidUntil('2026-05-02')).toEqual([]);
    expect(await paidUntil('2026-05-03')).toMatchObject([{ amount: '30.00' }]);
    expect(await test.ask('invoice', { id: ids[0] ?? '' })).toMatchObject({ status: 'issued', amountPaid: '0.00' });
    expect(await test.refused({ ...apply('three', ids[0]), at: T('2026-04-30') })).toMatchObject({
      code: 'application_before_payment',
    });
    expect(await test.refused({ command: 'pay-invoice', invoiceId: ids[1] ?? '', at: T('2026-04-30') })).toMatchObject({
      code: 'invoice_not_issued',
    });
    expect(await test.refused({ command: 'pay-invoice', invoiceId: ids[0] ?? '', at: T('2026-03-31') })).toMatchObject({
      code: 'payment_before_issue',
    });
  });

  it('are not withdrawn before their applications: the ids of these would stay known', async () => {
    const own = { tenantId: 'applied', currency: 'USD' };
    await test.apply(tenant('applied'), deployment('d5', 'applied'), subscription('s5', 'd5', 'p'));
    const id = await issue('2026-04-01', 'applied');
    const apply = { command: 'apply-payment', ...own, paymentId: 'x', applicationId: 'one', at: T('2026-04-02') };
    const never = { command: 'withdraw', ...own, paymentId: 'x', reason: 'a typo' };
    await test.apply({ ...pay('x', '100.00', '2026-04-01', { invoiceIds: [] }), ...own }, apply);
    expect(await test.refused({ ...never, what: 'record-payment' })).toMatchObject({
      ...{ code: 'payment_applied', message: expect.stringContaining('was applied by one') },
    });
    await test.apply(
      { ...never, what: 'apply-payment', applicationId: 'one' },
      { ...never, what: 'record-payment' },
      { ...pay('x', '90.00', '2026-04-01', { invoiceIds: [] }), ...own },
    );
    // Exactly the same is a repetition, and says so.
    expect(await test.ledger.execute(apply, ADMIN)).toMatchObject({
      ...{ status: 'unchanged', result: { notice: expect.any(String) } },
    });
    await test.apply({ ...apply, at: T('2026-04-03') });
    expect(await test.ask('invoice', { id })).toMatchObject({ status: 'paid' });
  });

  it('that never came are not refunded as the credit that a credit note made of them', async () => {
    const own = { tenantId: 'bounced', currency: 'USD' };
    await test.apply(tenant('bounced'), deployment('d6', 'bounced'), subscription('s6', 'd6', 'p'));
    const id = await issue('2026-04-01', 'bounced');
    await test.apply(
      { ...pay('x', '30.00', '2026-04-02'), ...own },
      { command: 'create-credit-note', invoiceId: id, at: T('2026-04-03'), reason: 'an outage' },
      { command: 'withdraw', what: 'record-payment', ...own, paymentId: 'x', reason: 'it bounced' },
    );
    const refund = (amount: string) => ({
      ...{ command: 'record-refund', ...own, refundId: 'r', amount, at: T('2026-04-05') },
    });
    // 30.00 of credit, and 30.00 due: nobody paid anything.
    expect(await test.refused(refund('0.01'))).toMatchObject({ code: 'refund_exceeds_credit' });
    await test.apply({ ...pay('y', '10.00', '2026-04-04'), ...own });
    // 30.00 of credit less 20.00 that are due
    expect(await test.refused(refund('10.01'))).toMatchObject({
      message: expect.stringContaining('20 of it is of credit notes whose invoices are not paid. Refund at most 10'),
    });
    await test.apply(refund('10.00'));
  });

  it('agree with the log', async () => {
    expect(await test.check()).toMatchObject({ ok: true, failures: [] });
  });
});
