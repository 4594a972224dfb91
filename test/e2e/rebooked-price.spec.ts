import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Audit } from '#audit/audit';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// April is issued on 1 May: 10 requests at 0.50, 4 cores at 2.00, 3 disks at 1.00, and 30.00 a month in advance. Then
// prices are corrected, and a reading of 2 disks comes late. The next invoice names the price of each rebooked row.

let test: TestLedger;
let invoiceId = '';
const T = (date: string) => `${date}T00:00:00Z`;
const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const reading = (billingKind: string, quantity: string, more: object = {}) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      ...{ resourceId: 'r', billingKind, quantity, granularity: 'day', ...more },
      period: { start: T('2026-04-02'), end: T('2026-04-03') },
    },
  ],
});
const unit = (billingKind: string, unitAmount: string) => ({ billingKind, price: { model: 'unit', unitAmount } });

async function drafted(asOf: string): Promise<string> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't', asOf });
  const { result } = created as unknown as { result: { invoices: { invoiceId: string }[] } };
  return result.invoices[0]?.invoiceId ?? '';
}

beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t'),
    deployment('d', 't'),
    plan('p', '30.00', [
      unit('requests', '0.50'),
      unit('disks', '1.00'),
      { billingKind: 'cores', price: { model: 'rate_card' } },
    ]),
    subscription('s', 'd', 'p'),
    { command: 'set-rate', ...KEY, unitPrice: '2', effectiveFrom: T('2026-01-01') },
    reading('requests', '10'),
    reading('disks', '3'),
    reading('cores', '4', { rateKey: KEY }),
  );
  await test.apply({ command: 'issue-invoice', invoiceId: await drafted(T('2026-05-01')), at: T('2026-05-01') });
  await test.apply(
    {
      command: 'correct-price',
      ...{ planId: 'p', billingKind: 'requests', price: { model: 'unit', unitAmount: '0.60' } },
      ...{ effectiveFrom: T('2026-04-01'), effectiveUntil: T('2026-05-01'), reason: 'a typo' },
    },
    {
      command: 'correct-price',
      ...{ planId: 'p', billingKind: 'base_fee', price: { model: 'flat', amount: '24', paymentTerm: 'in_advance' } },
      ...{ effectiveFrom: T('2026-05-01'), reason: 'as agreed in May' },
    },
    { command: 'correct-rate', ...KEY, unitPrice: '3', effectiveFrom: T('2026-01-01'), reason: 'last year’s list' },
    reading('disks', '2', { resourceId: 'late' }),
  );
  invoiceId = await drafted(T('2026-05-02'));
});
afterAll(async () => test.close());

interface Row {
  readonly kind: string;
  readonly net: string;
  readonly price?: { readonly amount: string; readonly effectiveFrom: string; readonly setBy: object | null };
}

/** The prices of the rebooked rows of the invoice, by billing kind. */
async function prices(): Promise<Record<string, Row['price']>> {
  const { lines } = await test.ask<{ lines: { billingKind: string; rows: Row[] }[] }>('invoice', { id: invoiceId });
  return Object.fromEntries(
    lines.flatMap(({ billingKind, rows }) =>
      rows.flatMap(({ kind, price }) => (kind === 'rebooked' ? [[billingKind, price] as const] : [])),
    ),
  );
}

const WANTED = {
  // 10 × 0.60
  requests: {
    ...{ planId: 'p', rateKey: null, amount: '0.60', effectiveFrom: T('2026-04-01') },
    setBy: { reason: 'a typo' },
  },
  // The fee of May, billed in advance
  base_fee: {
    ...{ planId: 'p', rateKey: null, amount: '24.00', effectiveFrom: T('2026-05-01') },
    setBy: { reason: 'as agreed in May' },
  },
  // 4 × 3.00
  cores: {
    ...{ planId: 'p', rateKey: 'VmVCpu/standard/hel1', amount: '3.00', effectiveFrom: T('2026-01-01') },
    setBy: { reason: 'last year’s list' },
  },
  // (3 + 2) × 1.00: late usage, at the same price. The correction of another item cut the terms of the plan.
  disks: { planId: 'p', rateKey: null, amount: '1.00', setBy: null },
};

describe('a rebooked row', () => {
  it('names its price, since when it is in force, and the correction behind it', async () => {
    expect(await prices()).toMatchObject(WANTED);
    expect(Object.keys(await prices()).sort()).toEqual(['base_fee', 'cores', 'disks', 'requests']);
  });

  it('does so when it is issued, in explain as well, and keeps it whatever becomes of the price', async () => {
    await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-02') });
    const issued = await prices();
    expect(issued).toMatchObject(WANTED);
    const { rows } = await test.ask<{
      rows: { row: { kind: string; billingKind: string }; price: object }[];
    }>('explain', { id: invoiceId });
    for (const { row, price } of rows)
      if (row.kind === 'rebooked') expect(price).toMatchObject(issued[row.billingKind] ?? {});
      else expect(price).toMatchObject({ setBy: null });
    await test.apply({
      command: 'correct-price',
      ...{ planId: 'p', billingKind: 'requests', price: { model: 'unit', unitAmount: '0.55' } },
      ...{ effectiveFrom: T('2026-04-01'), effectiveUntil: T('2026-05-01'), reason: 'again' },
    });
    expect(await prices()).toEqual(issued);
  });

  it('is on the document with its price, if that was changed', async () => {
    const html = await test.ask<string>('invoice-document', { id: invoiceId });
    for (const remark of [
      'price 0.60 from 2026-04-01, changed since: a typo',
      'price 24.00 from 2026-05-01, changed since: as agreed in May',
      'price of VmVCpu/standard/hel1 3.00 from 2026-01-01, changed since: last year’s list',
    ])
      expect(html).toContain(`corrected, replaces INV-000001 <span class="quiet">· ${remark}</span>`);
    // The row of the late usage
    expect(html).toContain('<td>Usage: corrected, replaces INV-000001</td>');
  });

  it('has no price in what is frozen', async () => {
    const { rows } = await test.core.pool.query<{ row: object }>('SELECT row FROM invoice_rows');
    for (const { row } of rows) expect(row).not.toHaveProperty('price');
    expect(await test.app.get(Audit).reissue('INV-000002', ADMIN)).toMatchObject({ ok: true, differences: [] });
  });
});
