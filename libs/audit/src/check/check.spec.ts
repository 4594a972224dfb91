import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { contextFor } from '#ledger/query';
import { checkAll } from './index.js';
import { seenBy } from './seen.js';

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

describe('what an auditor sees of findings', () => {
  const seen = (code: string, ids: Record<string, unknown>, role: 'auditor' | 'operator' | 'platform_admin') =>
    seenBy({ role }, [{ code, message: 'the costs of t come to 30.53', ids, remedy: 'Report it.' }]);

  it.each([
    ['margin_does_not_add_up', { month: '2026-04', currency: 'USD' }, 'a margin does not add up'],
    ['cost_differs', { currency: 'USD' }, 'the costs of the months differ from what providers charged'],
    ['cost_without_tenant', { month: '2026-04', currency: 'USD' }, 'cost has no tenant'],
    ['kept_cost_differs', { month: '2026-04', currency: 'USD' }, 'the cost that is kept of a month is wrong'],
    [
      'provider_total_differs',
      { month: '2026-04', currency: 'USD' },
      'imported lines differ from the recorded total of a provider',
    ],
    ['read_model_differs', { table: 'provider_totals' }, 'rows of provider_totals differ from the log'],
    ['read_model_differs', { table: 'cost_lines' }, 'rows of cost_lines differ from the log'],
    ['read_model_differs', { table: 'cost_deliveries' }, 'rows of cost_deliveries differ from the log'],
  ])('has no amounts of cost or margin: %s', (code, plain, what) => {
    const ids = { ...plain, amount: '30.53', costLines: ['c1'], lines: 1, rows: 1, examples: [{ amount: '30.53' }] };
    for (const role of ['auditor', 'operator'] as const)
      expect(seen(code, ids, role)).toEqual([
        { code, message: `${what}; a platform_admin sees the amounts`, ids: plain, remedy: 'Report it.' },
      ]);
    expect(seen(code, ids, 'platform_admin')).toEqual([
      { code, message: 'the costs of t come to 30.53', ids, remedy: 'Report it.' },
    ]);
  });

  it('is all else', () => {
    const ids = { table: 'invoices', rows: 1, examples: [{ total: '50' }] };
    expect(seen('read_model_differs', ids, 'auditor')).toEqual(seen('read_model_differs', ids, 'platform_admin'));
  });
});
