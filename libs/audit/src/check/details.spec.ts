import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { type TestLedger, testLedger } from '../../../../test/support/ledger.js';

let test: TestLedger;
let invoiceId = '';
beforeAll(async () => {
  test = await testLedger({ sellerDetails: { name: 'Cloud GmbH', iban: 'DE02120300000000202051' } });
  await test.apply(tenant('t'), deployment('d', 't'), plan('p', '50.00', []), subscription('s', 'd', 'p'), {
    command: 'create-invoice',
    tenantId: 't',
    asOf: '2026-05-01T00:00:00Z',
  });
  const { items } = await test.ask<{ items: { invoiceId: string }[] }>('invoices');
  invoiceId = items[0]?.invoiceId ?? '';
  await test.apply(
    { command: 'issue-invoice', invoiceId, at: '2026-05-01T00:00:00Z' },
    {
      ...{ command: 'record-payment', tenantId: 't', currency: 'USD', paymentId: 'b-1', amount: '1.00' },
      ...{ at: '2026-05-02T00:00:00Z', reference: 'J. Doe' },
    },
  );
});
afterAll(async () => test.close());

const change = async (set: string, where: string): Promise<void> => {
  await test.core.pool.query(`UPDATE ledgerline_private.texts SET text = ${set} WHERE tenant_id = '${where}'`);
};

it('finds no text that is missing or changed', async () => {
  const { ok, notices } = await test.check();
  expect(ok).toBe(true);
  expect(JSON.stringify(notices)).not.toContain('_text_');
});

it('finds an account of the seller that was changed, and refuses documents with it', async () => {
  const [now, other] = ['DE02120300000000202051', 'DE89370400440532013000'];
  await change(`replace(text, '${now}', '${other}')`, '');
  const { ok, failures } = await test.check();
  expect(ok).toBe(false);
  expect(failures).toEqual([
    {
      code: 'seller_text_differs',
      message:
        '1 of 1 sellers of issued documents do not have the hash in the log: they were changed in the database;' +
        ` they are of ${invoiceId}`,
      ids: { refs: [expect.any(String)], of: [invoiceId], texts: 1 },
      remedy:
        'Restore the schema ledgerline_private from a backup of Postgres. Until then, documents whose seller was' +
        ' changed are refused, and those whose seller is missing show the one that is configured now.',
    },
  ]);
  for (const name of ['invoice-document', 'invoice-ubl', 'invoice-cii'])
    await expect(test.ask(name, { id: invoiceId })).rejects.toMatchObject({ code: 'seller_differs' });
  await change(`replace(text, '${other}', '${now}')`, '');
  expect(await test.ask('invoice-document', { id: invoiceId })).toContain('Invoice');
});

it('finds the reference of a payment that was changed', async () => {
  await change("'A. Smith'", 't');
  expect((await test.check()).failures).toMatchObject([{ code: 'reference_text_differs', ids: { of: ['b-1'] } }]);
  await change("'J. Doe'", 't');
  expect((await test.check()).failures).toEqual([]);
});

it('finds the name of a tenant that was changed', async () => {
  const rename = async (from: string, to: string) =>
    test.core.pool.query('UPDATE ledgerline_private.tenant_details SET name = $2 WHERE name = $1', [from, to]);
  const { rows } = await test.core.pool.query<{ name: string }>('SELECT name FROM ledgerline_private.tenant_details');
  const name = rows[0]?.name ?? '';
  await rename(name, 'Another GmbH');
  expect((await test.check()).failures).toMatchObject([
    { code: 'details_text_differs', ids: { of: ['t', invoiceId], texts: 1 } },
  ]);
  await rename('Another GmbH', name);
  expect((await test.check()).failures).toEqual([]);
});

it('names texts that are missing', async () => {
  await test.core.pool.query('DELETE FROM ledgerline_private.texts');
  const { ok, notices } = await test.check();
  expect(ok).toBe(true);
  expect(notices).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        code: 'seller_text_missing',
        message: `1 of 1 sellers of issued documents are not in the database; they are of ${invoiceId}`,
      }),
      expect.objectContaining({
        code: 'reference_text_missing',
        message: '1 of 1 references of payments and refunds are not in the database; they are of b-1',
      }),
    ]),
  );
});
