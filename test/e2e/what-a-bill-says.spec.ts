import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// Three items of one kind with different filters, on one invoice: 10 small at 1.00, 4 large at 2.00, and none in eu.

let test: TestLedger;
let invoiceId = '';
let creditNoteId = '';
const T = (date: string) => `${date}T00:00:00Z`;
const reading = (resourceId: string, quantity: string, attributes: object) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      ...{ resourceId, billingKind: 'vm', quantity, attributes, granularity: 'day' },
      period: { start: T('2026-04-02'), end: T('2026-04-03') },
    },
  ],
});
const item = (unitAmount: string, filter: object) => ({
  billingKind: 'vm',
  price: { model: 'unit', unitAmount },
  filter,
});

beforeAll(async () => {
  test = await testLedger();
  const [, , published] = await test.apply(
    tenant('t', {
      name: 'Acme Ltd',
      address: '1 High Street\nLondon',
      taxNumber: 'GB123',
      email: 'billing@acme.example',
      paymentTermsDays: 14,
    }),
    deployment('d', 't'),
    plan('p', '0', [item('1.00', { size: 'small' }), item('2.00', { size: 'large' }), item('3.00', { region: 'eu' })]),
    subscription('s', 'd', 'p'),
    reading('a', '10', { size: 'small', region: 'us' }),
    reading('b', '4', { size: 'large', region: 'us' }),
  );
  // The third filter takes what is in eu, whatever its size: it overlaps both others.
  expect(published).toMatchObject({
    status: 'done',
    result: {
      notices: [
        { code: 'items_overlap', billingKind: 'vm', filters: [{ size: 'small' }, { region: 'eu' }] },
        { code: 'items_overlap', billingKind: 'vm', filters: [{ size: 'large' }, { region: 'eu' }] },
      ],
    },
  });
  await test.apply({ command: 'create-invoice', tenantId: 't', asOf: T('2026-05-01') });
  const { items } = await test.ask<{ items: { invoiceId: string }[] }>('invoices');
  invoiceId = items[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-01') });
  const [noted] = await test.apply({
    command: 'create-credit-note',
    invoiceId,
    at: T('2026-05-02'),
    amount: '1.00',
    reason: 'goodwill',
  });
  creditNoteId = (noted as unknown as { result: { creditNoteId: string } }).result.creditNoteId;
});
afterAll(async () => test.close());

const document = async (params: object): Promise<string> => test.ask('invoice-document', { ...params });

describe('items whose filters overlap', () => {
  it('are noticed by check, which does not fail', async () => {
    const { ok, notices } = await test.ask<{ ok: boolean; notices: { code: string }[] }>('check');
    expect(ok).toBe(true);
    expect(notices.filter(({ code }) => code === 'items_overlap')).toMatchObject([
      { ids: { planId: 'p', billingKind: 'vm', filters: [{ size: 'small' }, { region: 'eu' }] } },
      { ids: { planId: 'p', billingKind: 'vm', filters: [{ size: 'large' }, { region: 'eu' }] } },
    ]);
  });
});

interface Named {
  readonly filter: object | null;
  readonly net: string;
}

describe('a bill', () => {
  it('names the filter of each line, on the invoice, in the list of lines and on the document', async () => {
    const wanted = [
      { filter: { size: 'large' }, net: '8.00' },
      { filter: { size: 'small' }, net: '10.00' },
      { filter: { region: 'eu' }, net: '0.00' },
    ];
    const named = (lines: readonly Named[]) =>
      lines.filter((line) => line.filter !== null).map(({ filter, net }) => ({ filter, net }));
    const { lines } = await test.ask<{ lines: Named[] }>('invoice', { id: invoiceId });
    expect(named(lines)).toHaveLength(3);
    expect(named(lines)).toEqual(expect.arrayContaining(wanted));
    const { items } = await test.ask<{ items: Named[] }>('lines', { tenantId: 't', at: T('2026-05-01') });
    expect(named(items)).toEqual(expect.arrayContaining(wanted));
    const html = await document({ id: invoiceId });
    expect(html).toContain('vm (size: small), 2026-04-01 to 2026-04-30');
    expect(html).toContain('vm (size: large), 2026-04-01 to 2026-04-30');
  });

  it('names the filter of each row of a credit note, and on its document', async () => {
    // 1.00 over 10.00 and 8.00: 0.56 and 0.44
    const { rows } = await test.ask<{ rows: Named[] }>('credit-note', { id: creditNoteId });
    expect(rows.map(({ filter, net }) => ({ filter, net }))).toEqual(
      expect.arrayContaining([
        { filter: { size: 'large' }, net: '-0.44' },
        { filter: { size: 'small' }, net: '-0.56' },
      ]),
    );
    const html = await test.ask<string>('credit-note-document', { id: creditNoteId });
    for (const size of ['small', 'large'])
      expect(html).toContain(`<td>vm (size: ${size}), 2026-04-01 to 2026-04-30: Usage</td>`);
  });

  it('is found by its number as well as by its id', async () => {
    expect(await test.ask('invoice', { id: 'INV-000001' })).toEqual(await test.ask('invoice', { id: invoiceId }));
    expect(await document({ id: 'INV-000001' })).toBe(await document({ id: invoiceId }));
    expect(await test.ask('credit-note', { id: 'CN-000001' })).toEqual(
      await test.ask('credit-note', { id: creditNoteId }),
    );
    expect(await test.ask('credit-note-document', { id: 'CN-000001' })).toContain('Credit note CN-000001');
    const ofOther = { ...ADMIN, role: 'tenant', tenantId: 'other' } as const;
    for (const id of ['INV-000002', 'INV-1', 'CN-000001'])
      await expect(test.ask('invoice', { id })).rejects.toMatchObject({ code: 'unknown_invoice' });
    await expect(test.ledger.ask('invoice', { id: 'INV-000001' }, ofOther)).rejects.toMatchObject({
      code: 'unknown_invoice',
    });
  });

  it('can leave lines of zero out of the document', async () => {
    expect(await document({ id: invoiceId })).toContain('vm (region: eu)');
    const html = await document({ id: invoiceId, withoutZeroLines: 'true' });
    expect(html).not.toContain('vm (region: eu)');
    expect(html).not.toContain('Base fee');
    expect(html).toContain('vm (size: small)');
    // 10 × 1.00 + 4 × 2.00 = 18.00
    expect(html).toContain('Net, d</th><td class="figure">18.00</td>');
  });

  it('has the due date of the payment terms when it was issued, whatever they become', async () => {
    // 14 days after 1 May
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ dueAt: '2026-05-15T00:00:00Z' });
    await test.apply({ command: 'correct-tenant', tenantId: 't', paymentTermsDays: 30, reason: 'as agreed' });
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({ dueAt: '2026-05-15T00:00:00Z' });
    expect(await document({ id: invoiceId })).toContain('<dt>Due</dt><dd>2026-05-15</dd>');
  });

  it('has the address, the tax number and the e-mail of the tenant, as long as they are not erased', async () => {
    const html = await document({ id: invoiceId });
    expect(html).toContain('<p class="address">1 High Street\nLondon</p>');
    expect(html).toContain('<p>Tax number GB123</p>');
    expect(html).toContain('<p>billing@acme.example</p>');
    await test.core.pool.query(`DELETE FROM ledgerline_private.tenant_details WHERE tenant_id = 't'`);
    const erased = await document({ id: invoiceId });
    expect(erased).toContain('[name erased]');
    for (const detail of ['High Street', 'GB123', 'billing@']) expect(erased).not.toContain(detail);
  });
});
