import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { contextFor } from '#ledger/query';
import { checkAll } from './index.js';

let test: TestLedger;
let invoiceId = '';
beforeAll(async () => {
  test = await testLedger();
  await test.apply(tenant('t'), deployment('d', 't'), plan('p', '50.00', []), subscription('s', 'd', 'p'), {
    command: 'create-invoice',
    tenantId: 't',
    asOf: '2026-05-01T00:00:00Z',
  });
  const { items } = await test.ask<{ items: { invoiceId: string }[] }>('invoices');
  invoiceId = items[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: '2026-05-01T00:00:00Z' });
  await test.core.projector.catchUp();
});
afterAll(async () => test.close());

const checked = async () => checkAll(contextFor(test.core, await test.core.projector.position(), ADMIN));

describe('check', () => {
  it('finds nothing wrong with an unchanged invoice', async () => {
    expect(await checked()).toMatchObject({ ok: true, failures: [] });
  });

  it('finds a total that was changed in the table', async () => {
    // Two fees of 50.00: those of April and May, each in advance.
    await test.core.pool.query("UPDATE invoices SET total = total + 1 WHERE status = 'issued' AND position_to IS NULL");
    const { ok, failures } = await checked();
    expect(ok).toBe(false);
    expect(failures.find(({ code }) => code === 'invoice_does_not_add_up')).toEqual({
      code: 'invoice_does_not_add_up',
      message: `${invoiceId} states 100 + 0 = 101; its rows come to 100 and 0 of tax`,
      ids: { invoiceId, subtotal: '100', tax: '0', total: '101', rowsNet: '100', rowsTax: '0' },
      remedy:
        'The read models differ from the log: rebuild them (ledgerline projections rebuild --accept),' +
        ' then check again.',
    });
  });
});
