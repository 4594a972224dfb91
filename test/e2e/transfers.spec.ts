import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { canonicalJson } from '#domain/canonical-json';
import { instant } from '#domain/time/instant';
import { naturalKey, sha256 } from '#ledger/command';
import { serving } from '../support/api.js';
import { cli, folder, startCli } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

/** One transfer of a bank that pays for several tenants, over HTTP. */

const NOW = instant('2026-08-01T00:00:00Z');
const T = (day: string) => `2026-04-${day}T00:00:00Z`;
const TENANTS = ['lab', 'shop', 'holding', 'mill'];

let test: TestLedger;
let api: NestFastifyApplication;
let url: string;
const tokens = new Map<string, string>();

interface Outcome {
  readonly status: string;
  readonly code?: string;
  readonly detail?: string;
  readonly result?: { readonly notice?: string; readonly shares?: readonly Readonly<Record<string, string>>[] };
}
async function send(command: object): Promise<Outcome> {
  const response = await fetch(`${url}/api/v1/commands`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.get('operator') ?? ''}`, 'content-type': 'application/json' },
    body: JSON.stringify(command),
  });
  return (await response.json()) as Outcome;
}
async function get<Answer>(path: string, who = 'operator'): Promise<Answer> {
  const response = await fetch(`${url}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${tokens.get(who) ?? ''}` },
  });
  return (await response.json()) as Answer;
}

const transfer = (transferId: string, amount: string, more: object = {}) => ({
  ...{ command: 'record-transfer', payerId: 'holding', currency: 'USD', transferId, amount, at: T('10') },
  ...more,
});
const withdrawal = (transferId: string, more: object = {}) => ({
  ...{ command: 'withdraw', what: 'record-transfer', payerId: 'holding', currency: 'USD', transferId },
  ...{ reason: 'it bounced', ...more },
});
const sharesOf = ({ result }: Outcome): string[] =>
  (result?.shares ?? []).map(({ tenantId, amount, unapplied }) => [tenantId, amount, unapplied].join(' '));

interface Payments {
  readonly items: readonly {
    readonly tenantId: string;
    readonly paymentId: string;
    readonly transferId: string | null;
    readonly payerId: string | null;
    readonly reference: string | null;
    readonly amount: string;
    readonly unapplied: string;
    readonly applied: readonly { readonly number: string; readonly amount: string }[];
  }[];
}
const paymentsOf = async (who?: string): Promise<string[]> =>
  (await get<Payments>('payments', who)).items.map(({ tenantId, paymentId, transferId, amount, applied, unapplied }) =>
    [
      tenantId,
      paymentId,
      transferId ?? '-',
      amount,
      ...applied.map((each) => `${each.number} ${each.amount}`),
      unapplied,
    ].join(' '),
  );
const dueOf = async (): Promise<string[]> =>
  (await get<{ items: { number: string; status: string; tenantId: string }[] }>('invoices')).items
    .sort((a, b) => (a.number < b.number ? -1 : 1))
    .map(({ number, tenantId, status }) => [number, tenantId, status].join(' '));

async function issue(tenantId: string, day: string, currency = 'USD'): Promise<void> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T('01') });
  const { invoices } = (created as { result: { invoices: { invoiceId: string; currency: string }[] } }).result;
  const ids = invoices.flatMap((each) => (each.currency === currency ? [each.invoiceId] : []));
  for (const invoiceId of ids) await test.apply({ command: 'issue-invoice', invoiceId, at: T(day) });
}

beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    plan('p', '30.00', []),
    ...TENANTS.flatMap((id) => [tenant(id), deployment(`d-${id}`, id), subscription(`s-${id}`, `d-${id}`, 'p')]),
    ...['lab', 'shop', 'mill'].map((tenantId) => ({
      ...{ command: 'set-payer', tenantId, payerId: 'holding', effectiveFrom: T('01') },
    })),
  );
  // 30.00 each for April in advance: INV-000001 of lab on 1 April, then shop, holding and mill, a day later each.
  for (const [index, tenantId] of TENANTS.entries()) await issue(tenantId, `0${index + 1}`);
  const served = await serving(test.url, NOW, { seller: 'Cloud & Sons' });
  ({ api, url } = served);
  tokens.set('operator', await served.token({ sub: 'mira', role: 'operator' }));
  for (const tenantId of TENANTS) tokens.set(tenantId, await served.token({ sub: tenantId, role: 'tenant', tenantId }));
});
afterEach(async () => {
  await api.close();
  expect((await test.check()).failures).toEqual([]);
  await expectReplayToBeLive(test.url);
  await test.close();
});

describe('a transfer', () => {
  it('pays the invoices of several tenants, oldest first, and a part of the last one', async () => {
    // 30.00 each of INV-000001 to INV-000003: 100.00 − 90.00 = 10.00 of INV-000004.
    const body = transfer('bank-1', '100.00', { reference: 'Holding, April' });
    const done = await send(body);
    expect(done.status).toBe('done');
    expect(sharesOf(done)).toEqual(['lab 30.00 0.00', 'shop 30.00 0.00', 'holding 30.00 0.00', 'mill 10.00 0.00']);
    expect(await paymentsOf()).toEqual([
      'holding bank-1 bank-1 30.00 INV-000003 30.00 0.00',
      'lab bank-1 bank-1 30.00 INV-000001 30.00 0.00',
      'mill bank-1 bank-1 10.00 INV-000004 10.00 0.00',
      'shop bank-1 bank-1 30.00 INV-000002 30.00 0.00',
    ]);
    expect(await dueOf()).toEqual([
      ...['INV-000001 lab paid', 'INV-000002 shop paid', 'INV-000003 holding paid', 'INV-000004 mill issued'],
    ]);

    // The same again changes nothing; with another body it is refused.
    const head = await test.core.log.head();
    expect(await send(body)).toMatchObject({ status: 'unchanged', result: { shares: done.result?.shares } });
    expect((await send({ ...body, amount: '99.00' })).code).toBe('conflicting_body');
    expect((await send({ ...body, reference: 'other' })).code).toBe('conflicting_body');
    expect(await test.core.log.head()).toBe(head);

    // The payer sees its transfer, and a tenant that it pays for only its payment, without what the bank says.
    const all = await get<{ items: { shares: { tenantId: string }[] }[] }>('transfers', 'holding');
    expect(all).toMatchObject({
      items: [{ payerId: 'holding', transferId: 'bank-1', amount: '100.00', reference: 'Holding, April' }],
    });
    expect(all.items[0]?.shares[3]).toEqual({
      ...{ tenantId: 'mill', paymentId: 'bank-1', amount: '10.00', isRecorded: true },
      applied: [{ invoiceId: expect.any(String), number: 'INV-000004', amount: '10.00' }],
      ...{ unapplied: '0.00', refunded: '0.00' },
    });
    expect(await get('transfers', 'lab')).toMatchObject({ items: [] });
    expect((await get<Outcome>('transfers?payerId=holding', 'lab')).code).toBe('unknown_tenant');
    expect((await get<Payments>('payments', 'lab')).items).toMatchObject([
      { tenantId: 'lab', payerId: 'holding', transferId: 'bank-1', reference: null },
    ]);
    expect((await get<Payments>('payments', 'holding')).items).toMatchObject([{ reference: 'Holding, April' }]);

    // The statement of the payer has an entry for each invoice of others, all with the id and the reference of the
    // transfer. With its own 30.00 they are the 100.00 of the bank.
    const { entries } = await get<{ entries: { type: string; id: string; number: string; amount: string }[] }>(
      `statement?payerId=holding&start=${T('05')}&end=${T('20')}`,
      'holding',
    );
    expect(entries).toMatchObject([
      { type: 'payment', id: 'bank-1', number: 'INV-000001', amount: '-30.00', reference: 'Holding, April' },
      { type: 'payment', id: 'bank-1', number: 'INV-000002', amount: '-30.00', reference: 'Holding, April' },
      { type: 'payment', id: 'bank-1', number: 'INV-000004', amount: '-10.00', reference: 'Holding, April' },
    ]);
    // The journal has the money once.
    const { rows } = await test.ledger.export('journal', { period: '2026-04', format: 'jsonl' }, ADMIN);
    const bank: Record<string, string>[] = [];
    for await (const row of rows) bank.push(row as Record<string, string>);
    expect(
      bank.filter(({ account }) => account?.includes('Bank')).map(({ tenantId, amount }) => [tenantId, amount]),
    ).toEqual([
      ['holding', '30.00'],
      ['lab', '30.00'],
      ['mill', '10.00'],
      ['shop', '30.00'],
    ]);
  });

  it('leaves what is too much to the account of the payer, from where it is refunded', async () => {
    // 4 × 30.00 = 120.00 are open.
    expect(sharesOf(await send(transfer('bank-1', '125.00')))).toEqual([
      ...['lab 30.00 0.00', 'shop 30.00 0.00', 'holding 35.00 5.00', 'mill 30.00 0.00'],
    ]);
    expect((await send(transfer('bank-2', '7.00'))).result?.shares).toEqual([
      { tenantId: 'holding', paymentId: 'bank-2', amount: '7.00', unapplied: '7.00' },
    ]);
    const refund = { tenantId: 'holding', currency: 'USD', refundId: 'r' };
    await test.apply({ command: 'record-refund', ...refund, paymentId: 'bank-1', amount: '5.00', at: T('11') });
    const refused = await send(withdrawal('bank-1'));
    expect([refused.code, refused.detail]).toEqual([
      'payment_refunded',
      'tenant holding: payment bank-1 was refunded: withdraw its refunds first',
    ]);
    expect((await paymentsOf()).length).toBe(5);
    await test.apply({ command: 'withdraw', what: 'record-refund', ...refund, reason: 'no' });
    expect((await send(withdrawal('bank-1'))).status).toBe('done');
    expect(await paymentsOf()).toEqual(['holding bank-2 bank-2 7.00 7.00']);
  });

  it('pays invoices that are named by number, of any of its tenants', async () => {
    const done = await send(transfer('bank-1', '50.00', { invoiceIds: ['INV-000004', 'INV-000001'] }));
    expect(sharesOf(done)).toEqual(['mill 30.00 0.00', 'lab 20.00 0.00']);
    expect(await paymentsOf()).toEqual([
      ...['lab bank-1 bank-1 20.00 INV-000001 20.00 0.00', 'mill bank-1 bank-1 30.00 INV-000004 30.00 0.00'],
    ]);
    const codeOf = async (more: object, amount = '1.00') => (await send(transfer('x', amount, more))).code;
    expect(await codeOf({ invoiceIds: ['INV-000009'] })).toBe('unknown_invoice');
    expect(await codeOf({ invoiceIds: ['INV-000004'] })).toBe('invoice_not_issued');
    expect(await codeOf({ invoiceIds: ['INV-000001'], payerId: 'shop' })).toBe('addressed_to_another');
    expect(await codeOf({ invoiceIds: ['INV-000002'], at: T('01') })).toBe('payment_before_issue');
    expect(await codeOf({ payerId: 'nobody' })).toBe('unknown_tenant');
    expect(await codeOf({}, '0.001')).toBe('invalid_amount');
    expect(await codeOf({ transferId: 'bank-1' })).toBe('conflicting_body');
  });

  it('pays the invoices of a consolidated invoice that is named, and no older ones', async () => {
    const of = { command: 'issue-consolidated-invoice', payerId: 'holding', currency: 'USD', at: T('06') };
    await test.apply({ ...of, invoiceIds: ['INV-000004', 'INV-000002'] });
    // 60.00 are due: 30.00 of INV-000002 (shop), 30.00 of INV-000004 (mill). INV-000001 (lab) is older, and in none.
    const body = transfer('bank-1', '40.00', { invoiceIds: ['CI-000001'] });
    expect(sharesOf(await send(body))).toEqual(['shop 30.00 0.00', 'mill 10.00 0.00']);
    // 60.00 − 40.00 = 20.00 are left to pay, of INV-000004 alone. 25.00 − 20.00 = 5.00 are left to the payer.
    const { consolidatedInvoiceId } = await get<{ consolidatedInvoiceId: string }>('consolidated-invoices/CI-000001');
    const rest = await send(transfer('bank-2', '25.00', { invoiceIds: [consolidatedInvoiceId] }));
    expect(sharesOf(rest)).toEqual(['mill 20.00 0.00', 'holding 5.00 5.00']);
    expect(await dueOf()).toEqual([
      ...['INV-000001 lab issued', 'INV-000002 shop paid', 'INV-000003 holding issued', 'INV-000004 mill paid'],
    ]);
    expect(await get('consolidated-invoices/CI-000001')).toMatchObject({ status: 'paid', amountPaid: '60.00' });
    expect((await send(body)).status).toBe('unchanged');
    // Beside other invoices, in the order of the names: 30.00 and 1.00.
    await test.apply({ ...of, invoiceIds: ['INV-000001'] });
    const both = transfer('bank-3', '31.00', { invoiceIds: ['INV-000003', 'CI-000002', 'INV-000001'] });
    expect(sharesOf(await send(both))).toEqual(['holding 30.00 0.00', 'lab 1.00 0.00']);
  });

  it('is refused for a consolidated invoice that is unknown, void, of another payer or in another currency', async () => {
    const of = { command: 'issue-consolidated-invoice', payerId: 'holding', currency: 'USD', at: T('06') };
    await test.apply({ ...of, invoiceIds: ['INV-000001'] });
    const refusedFor = async (name: string, more: object = {}) => {
      const { code, detail } = await send(transfer('x', '1.00', { invoiceIds: [name], ...more }));
      return [code, detail];
    };
    expect(await refusedFor('CI-000009')).toEqual([
      ...['unknown_consolidated_invoice', 'there is no consolidated invoice CI-000009. Name another one.'],
    ]);
    expect(await refusedFor('CI-000001', { payerId: 'shop' })).toEqual([
      'addressed_to_another',
      'consolidated invoice CI-000001 is addressed to holding, and the transfer is from shop. Name invoices that are' +
        ' addressed to shop.',
    ]);
    expect(await refusedFor('CI-000001', { currency: 'EUR' })).toEqual([
      'currency_mismatch',
      'consolidated invoice CI-000001 is in USD, and the transfer is in EUR. Name invoices in EUR.',
    ]);
    await test.apply({ command: 'void-consolidated-invoice', consolidatedInvoiceId: 'CI-000001', at: T('07') });
    expect(await refusedFor('CI-000001')).toEqual([
      'invoice_void',
      'consolidated invoice CI-000001 is void. Name its invoices, or the one that they are part of now.',
    ]);
    expect(await paymentsOf()).toEqual([]);
  });

  it('is in one currency, and pays invoices in that one', async () => {
    await test.apply(
      { command: 'correct-tenant', tenantId: 'mill', currencies: ['USD', 'EUR'], reason: 'as agreed' },
      { ...plan('e', '20.00', []), currency: 'EUR' },
      ...[deployment('d-e', 'mill'), subscription('s-e', 'd-e', 'e')],
    );
    await issue('mill', '05', 'EUR');
    const EUR = { currency: 'EUR' };
    const tooMuch = await send(transfer('bank-1', '25.00', EUR));
    expect([tooMuch.code, tooMuch.detail]).toEqual([
      ...['currency_mismatch', 'tenant holding is billed in USD, not EUR: add it with correct-tenant'],
    ]);
    expect((await send(transfer('bank-1', '1.00', { ...EUR, invoiceIds: ['INV-000001'] }))).detail).toBe(
      'invoice INV-000001 is in USD, and the transfer is in EUR. Name invoices in EUR.',
    );
    // Each currency has its own ids.
    expect(sharesOf(await send(transfer('bank-1', '20.00', EUR)))).toEqual(['mill 20.00 0.00']);
    expect(sharesOf(await send(transfer('bank-1', '30.00')))).toEqual(['lab 30.00 0.00']);
    expect(await paymentsOf()).toEqual([
      ...['lab bank-1 bank-1 30.00 INV-000001 30.00 0.00', 'mill bank-1 bank-1 20.00 INV-000005 20.00 0.00'],
    ]);
  });

  it('is withdrawn with all its payments, and may be recorded again', async () => {
    const body = transfer('bank-1', '70.00');
    await send(body);
    const alone = { command: 'withdraw', what: 'record-payment', tenantId: 'shop', currency: 'USD' };
    const refused = await send({ ...alone, paymentId: 'bank-1', reason: 'no' });
    expect([refused.code, refused.detail]).toEqual([
      'payment_of_transfer',
      'payment bank-1 is a share of transfer bank-1 of holding: withdraw record-transfer',
    ]);
    const asOf = await test.core.projector.catchUp();
    expect((await send(withdrawal('bank-1'))).status).toBe('done');
    expect([await paymentsOf(), await get('transfers')]).toMatchObject([[], { items: [] }]);
    expect(await dueOf()).toEqual([
      ...['INV-000001 lab issued', 'INV-000002 shop issued', 'INV-000003 holding issued', 'INV-000004 mill issued'],
    ]);
    expect(await get(`transfers?asOf=${asOf}`)).toMatchObject({ items: [{ transferId: 'bank-1', amount: '70.00' }] });
    expect((await send(withdrawal('bank-1'))).status).toBe('unchanged');
    expect((await send(withdrawal('bank-9'))).code).toBe('unknown_transfer');
    expect((await send(body)).result?.notice).toContain('and withdrawn at position');

    // 70.00 again, and it was 65.00: 30.00, 30.00 and 5.00.
    const again = { ...body, amount: '65.00', occurredAt: T('12') };
    expect(sharesOf(await send(again))).toEqual(['lab 30.00 0.00', 'shop 30.00 0.00', 'holding 5.00 0.00']);
    expect((await send(withdrawal('bank-1', { occurredAt: T('13') }))).status).toBe('done');
    expect(await paymentsOf()).toEqual([]);
  });
});

describe('a transfer whose process was stopped', () => {
  /** What a process leaves that was stopped after the first step. */
  async function divided(body: ReturnType<typeof transfer>, shares: readonly object[]): Promise<void> {
    const { command: name, ...given } = body;
    // As decimals are read.
    const fields = { ...given, amount: given.amount.replace(/\.00$/, '') };
    const { payerId, currency, transferId, amount } = fields;
    const stream = `billing-${payerId}-${currency}`;
    const { revision } = await test.core.book.loadAt(stream);
    await test.core.book.appendAt(
      ...([stream, revision] as const),
      {
        ...{ name, caller: ADMIN, occurredAt: null, idempotencyKey: null, isKeyed: true },
        key: naturalKey(name, [payerId, currency, transferId]),
        bodyHash: sha256(canonicalJson({ name, fields })),
      },
      [
        {
          type: 'TransferRecorded',
          data: { payerId, currency, transferId, amount, at: instant(body.at), shares: shares as never },
        },
      ],
    );
  }
  const share = async (tenantId: string, amount: string) => {
    const { items } = await get<{ items: { invoiceId: string }[] }>(`invoices?tenantId=${tenantId}`);
    return { tenantId, paymentId: 'bank-1', amount, invoiceIds: items.map(({ invoiceId }) => invoiceId) };
  };

  it('is found by check, and finished by the same command', async () => {
    const body = transfer('bank-1', '55.00');
    await divided(body, [await share('lab', '30.00'), await share('shop', '25.00')]);
    expect((await test.check()).failures).toMatchObject([
      {
        code: 'transfer_unfinished',
        message: 'the share of tenant lab in transfer bank-1 of holding is 30 USD, but no payment is recorded',
      },
      { code: 'transfer_unfinished', ids: { tenantId: 'shop', transferId: 'bank-1', payerId: 'holding' } },
    ]);
    expect(await get('transfers')).toMatchObject({
      items: [{ shares: [{ isRecorded: false }, { isRecorded: false }] }],
    });
    // Meanwhile lab pays a part itself, and shop all: 30.00 − 12.00 = 18.00 of the share of lab pay its invoice.
    await test.apply(
      {
        ...{ command: 'record-payment', tenantId: 'lab', currency: 'USD', paymentId: 'own', amount: '12.00' },
        ...{ at: T('09'), invoiceIds: ['INV-000001'] },
      },
      { command: 'pay-invoice', invoiceId: 'INV-000002', at: T('09') },
    );
    const done = await send(body);
    expect([done.status, sharesOf(done)]).toEqual(['done', ['lab 30.00 12.00', 'shop 25.00 25.00']]);
    expect(done.result?.notice).toBe(
      '25.00 USD of tenant shop pay nothing: INV-000002 was paid, voided or credited since.' +
        ' Use apply-payment or record-refund.',
    );
    expect((await send(body)).status).toBe('unchanged');
    expect(await paymentsOf('shop')).toEqual(['shop bank-1 bank-1 25.00 25.00']);
  });

  it('names all invoices that were paid since', async () => {
    const may = '2026-05-01T00:00:00Z';
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'shop', asOf: may });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    await test.apply({ command: 'issue-invoice', invoiceId: invoices[0]?.invoiceId, at: may });
    const body = transfer('bank-1', '50.00', { at: may });
    const { items } = await get<{ items: { invoiceId: string }[] }>('invoices?tenantId=shop');
    const invoiceIds = items.map(({ invoiceId }) => invoiceId);
    await divided(body, [{ tenantId: 'shop', paymentId: 'bank-1', amount: '50.00', invoiceIds }]);
    await test.apply(...invoiceIds.map((invoiceId) => ({ command: 'pay-invoice', invoiceId, at: may })));
    // 30.00 of April and 30.00 of May, of which the transfer was to pay 20.00
    expect((await send(body)).result?.notice).toBe(
      '50.00 USD of tenant shop pay nothing: INV-000002 and INV-000005 were paid, voided or credited since.' +
        ' Use apply-payment or record-refund.',
    );
  });

  it('may be withdrawn, with what it has recorded', async () => {
    await divided(transfer('bank-1', '30.00'), [await share('lab', '30.00')]);
    expect((await send(withdrawal('bank-1'))).status).toBe('done');
    expect(await paymentsOf()).toEqual([]);
  });

  it('waits for its id, if another payment took it', async () => {
    const body = transfer('bank-1', '30.00');
    await divided(body, [await share('lab', '30.00')]);
    const other = { tenantId: 'lab', currency: 'USD', paymentId: 'bank-1' };
    await test.apply({ command: 'record-payment', ...other, amount: '1.00', at: T('10'), invoiceIds: [] });
    expect((await send(body)).code).toBe('payment_exists');
    await test.apply({ command: 'withdraw', what: 'record-payment', ...other, reason: 'twice' });
    expect(sharesOf(await send(body))).toEqual(['lab 30.00 0.00']);
  });
});

describe('a transfer for many tenants, killed', () => {
  const MANY = Array.from({ length: 40 }, (_, index) => `t${String(index).padStart(2, '0')}`);
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    files = await folder();
  });
  afterAll(async () => files.remove());

  it.each([1, 20, 50])('after %i events: the same again ends as if it was not', async (events) => {
    await test.apply(
      ...MANY.flatMap((id) => [
        ...[tenant(id), deployment(`d-${id}`, id), subscription(`s-${id}`, `d-${id}`, 'p')],
        { command: 'set-payer', tenantId: id, payerId: 'holding', effectiveFrom: T('01') },
      ]),
    );
    for (const id of MANY) await issue(id, '05');
    // 44 × 30.00 = 1,320.00, and 1.00 more.
    const file = await files.write(`${events}.jsonl`, JSON.stringify(transfer('bank-1', '1321.00')));
    const environment = { DATABASE_URL: test.url };
    const { log } = test.core;
    const until = (await log.head()) + events;
    const child = startCli(['apply', file], environment);
    child.stdin?.end();
    child.stdout?.resume();
    child.stderr?.resume();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (child.exitCode === null && (await log.head()) < until)
      await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill('SIGKILL');
    await ended;

    const again = await cli(['apply', file, '--json'], { env: environment });
    expect([again.code, again.stderr]).toEqual([0, '']);
    const { items } = await get<Payments>('payments');
    expect(items.length).toBe(44);
    expect(items.map(({ transferId, amount, unapplied }) => [transferId, amount, unapplied].join(' ')).sort()).toEqual([
      ...Array.from({ length: 43 }, () => 'bank-1 30.00 0.00'),
      'bank-1 31.00 1.00',
    ]);
    const counts: Record<string, number> = {};
    for await (const { type } of log.readAll(0)) counts[type] = (counts[type] ?? 0) + 1;
    expect(counts).toMatchObject({ TransferRecorded: 1, PaymentRecorded: 44, InvoicePaid: 44 });
  });
});
