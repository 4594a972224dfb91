import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Audit } from '#audit/audit';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// 100 requests at 0.03 and 19 % tax: net 3.00, tax 0.57, total 3.57. Three invoices: INV-000001 (April, later paid),
// INV-000002 (May, later void), INV-000003 (May again, with a reading that came late for April).

let test: TestLedger;
let audit: Audit;
const ids: string[] = [];

const reading = (resourceId: string, month: string, quantity: string) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      resourceId,
      billingKind: 'requests',
      period: { start: `${month}-02T00:00:00Z`, end: `${month}-03T00:00:00Z` },
      granularity: 'day',
      quantity,
    },
  ],
});

async function draft(asOf: string): Promise<string> {
  await test.apply({ command: 'create-invoice', tenantId: 't', asOf });
  const { items } = await test.ask<{ items: { invoiceId: string }[] }>('invoices', { status: 'draft' });
  return items[0]?.invoiceId ?? '';
}

async function issued(asOf: string): Promise<string> {
  const invoiceId = await draft(asOf);
  await test.apply({ command: 'issue-invoice', invoiceId, at: asOf });
  ids.push(invoiceId);
  return invoiceId;
}

beforeAll(async () => {
  test = await testLedger();
  audit = test.app.get(Audit);
  const tax = { name: 'VAT', ratePercent: '19', from: '2026-01-01T00:00:00Z' };
  await test.apply(
    tenant('t', { tax }),
    deployment('d', 't'),
    plan('p', '0', [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.03' } }]),
    subscription('s', 'd', 'p'),
    reading('r', '2026-04', '100'),
  );
  const april = await issued('2026-05-01T00:00:00Z');
  await test.apply({ command: 'pay-invoice', invoiceId: april, at: '2026-05-02T00:00:00Z' });
  await test.apply(reading('late', '2026-04', '10'), reading('r', '2026-05', '200'));
  const may = await issued('2026-06-01T00:00:00Z');
  await test.apply({ command: 'void-invoice', invoiceId: may, at: '2026-06-02T00:00:00Z' });
  await issued('2026-06-01T00:00:00Z');
  await test.core.projector.catchUp();
});
afterAll(async () => test.close());

const SAME = { ok: true, differences: [] };

describe('reissue', () => {
  it('computes a paid, a void and a correcting invoice again, and leaves nothing behind', async () => {
    for (const [index, number] of ['INV-000001', 'INV-000002', 'INV-000003'].entries()) {
      expect(await audit.reissue(number, ADMIN)).toMatchObject({ ...SAME, number, invoiceId: ids[index] });
      expect(await audit.reissue(ids[index] ?? '', ADMIN)).toMatchObject({ ...SAME, number });
    }
    const { rowCount } = await test.core.pool.query("SELECT FROM pg_namespace WHERE nspname = 'ledgerline_reissue'");
    expect(rowCount).toBe(0);
  });

  it('does not read the read models, which may be wrong', async () => {
    const { pool } = test.core;
    await pool.query('CREATE SCHEMA kept');
    const tables = ['usage_records', 'invoices', 'invoice_rows', 'tenant_taxes'];
    for (const table of tables) await pool.query(`CREATE TABLE kept.${table} AS SELECT * FROM ${table}`);
    await pool.query('UPDATE usage_records SET quantity = 7');
    await pool.query('UPDATE tenant_taxes SET rate_percent = 7');
    await pool.query('UPDATE invoices SET ordinal = 4 - ordinal, total = 7');
    await pool.query('DELETE FROM invoice_rows');
    expect(await audit.reissue('INV-000001', ADMIN)).toMatchObject({ ...SAME, invoiceId: ids[0] });
    for (const table of tables) {
      await pool.query(`TRUNCATE ${table}`);
      await pool.query(`INSERT INTO ${table} SELECT * FROM kept.${table}`);
    }
  });

  it('refuses a draft, an unknown invoice and a role that sees one tenant only', async () => {
    for (const [name, code] of [
      ['INV-000009', 'unknown_invoice'],
      ['CN-000001', 'unknown_invoice'],
      ['00000000-0000-5000-8000-000000000000', 'unknown_invoice'],
    ] as const)
      await expect(audit.reissue(name, ADMIN)).rejects.toMatchObject({ code });
    await test.apply(reading('r', '2026-06', '1'));
    const invoiceId = await draft('2026-07-01T00:00:00Z');
    await expect(audit.reissue(invoiceId, ADMIN)).rejects.toMatchObject({ code: 'invoice_not_issued' });
    await test.apply({ command: 'void-invoice', invoiceId, at: '2026-07-01T00:00:00Z' });
    const ofTenant = { ...ADMIN, role: 'tenant', tenantId: 't' } as const;
    await expect(audit.reissue('INV-000001', ofTenant)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('finds an invoice that was frozen with a wrong amount', async () => {
    // The log says that 3.50 was frozen, in the row and in the subtotal, where 3.00 comes out. The hash of the rows is
    // still that of 3.00, so it is no difference.
    await forge('replace(replace(data, \'"net":"3"\', \'"net":"3.5"\'), \'"subtotal":"3"\', \'"subtotal":"3.5"\')');
    const { differences, ...found } = await audit.reissue('INV-000001', ADMIN);
    expect(found).toMatchObject({ ok: false, number: 'INV-000001', invoiceId: ids[0] });
    const row = { billingKind: 'requests', ref: 'usage', kind: 'charge' };
    expect(differences).toMatchObject([
      { row, field: 'net', frozen: '3.5', computed: '3' },
      { row: null, field: 'subtotal', frozen: '3.5', computed: '3' },
    ]);
  });

  it('finds a row that is missing', async () => {
    await forge(`regexp_replace(data, '"rows":.*', '"rows":[]}')`);
    const { differences } = await audit.reissue('INV-000001', ADMIN);
    expect(differences[0]).toMatchObject({
      row: { billingKind: 'requests', ref: 'usage' },
      field: 'row',
      frozen: null,
      computed: { gross: '3', net: '3', tax: '0.57' },
    });
  });
});

/** Changes the events that freeze the first invoice, as somebody with all rights in the database can. */
async function forge(data: string): Promise<void> {
  await test.core.pool.query(
    'BEGIN; SET LOCAL session_replication_role = replica;' +
      ` UPDATE ledgerline_log.events SET data = ${data}` +
      ` WHERE type IN ('InvoiceRowsFrozen', 'InvoiceIssued') AND data LIKE '%${ids[0] ?? ''}%'; COMMIT`,
  );
}
