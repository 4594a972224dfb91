import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { backfilled } from '../support/backfill.js';
import { cli, folder } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/** The example of docs/operators.md: the bill of the FOCUS sample against what acme is billed, by billing kind. */

const SAMPLE = 'docs/samples/focus-1.2.csv';
const FROM = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';
const PROVIDER = 'Example Cloud';

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
const day = (n: number) => ({ start: `2026-04-0${n}T00:00:00Z`, end: `2026-04-0${n + 1}T00:00:00Z` });
const used = (resourceId: string, billingKind: string, n: number, quantity: string) => ({
  ...{ provider: PROVIDER, resourceId, billingKind, period: day(n), granularity: 'day', quantity },
});
beforeAll(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
  for (const id of ['acme', 'globex']) await test.apply(tenant(id, { currency: 'EUR' }), deployment(`${id}-prod`, id));
  await test.apply(
    plan(
      'small',
      '5.00',
      [
        { billingKind: 'machine_hours', price: { model: 'unit', unitAmount: '0.10' } },
        { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.0001' } },
      ],
      { currency: 'EUR' },
    ),
    subscription('acme-small', 'acme-prod', 'small'),
    {
      ...{ command: 'observe-usage', deploymentId: 'acme-prod' },
      observations: [
        ...[3, 4, 5].map((n) => used('vm-1', 'machine_hours', n, '24')),
        used('bucket-1', 'requests', 5, '3000'),
      ],
    },
  );
  const file = await files.write('focus-1.2.csv', await readFile(SAMPLE, 'utf8'));
  await backfilled(test, 'costs', file, { tags: { 'tenant:': 'tenantId' } });
  await test.apply({ command: 'create-invoice', tenantId: 'acme', asOf: MAY });
  const { items } = await test.ask<{ items: readonly { invoiceId: string }[] }>('invoices');
  for (const { invoiceId } of items) await test.apply({ command: 'issue-invoice', invoiceId, at: MAY });
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await Promise.all([test.close(), files.remove()]);
});

const set = (kind: string, ...billingKinds: string[]) => ({
  ...{ command: 'set-kind-mapping', provider: PROVIDER, kind, billingKinds, effectiveFrom: FROM },
});
const asked = { from: '2026-04', to: '2026-04', currency: 'EUR' };

it('has the cost of kinds that are not mapped in a row of its own', async () => {
  expect(await test.ask('margin-units', asked)).toMatchObject({
    byKind: [
      { billingKind: 'base_fee', revenue: '5.00', cogs: '0.00' },
      { billingKind: 'machine_hours', revenue: '7.20', cogs: '0.00', cogsPerMeteredUnit: '0.00' },
      { billingKind: 'requests', revenue: '0.30', cogs: '0.00' },
    ],
    // acme: 3 × 1.20 + 3 × 0.05 − 0.30. The commitment of 12.00 is nobody’s.
    unmapped: { cogs: '3.45' },
    unattributed: { cogs: '12.00' },
  });
});

it('shows on the command line what a mapping would change', async () => {
  const args = [`provider=${PROVIDER}`, 'kind=Compute', 'billingKinds=["machine_hours"]', `effectiveFrom=${FROM}`];
  const { code, stdout } = await cli(['execute', 'set-kind-mapping', ...args, 'currency=EUR', '--preview'], {
    env: { DATABASE_URL: test.url },
  });
  expect([code, stdout]).toEqual([0, expect.stringContaining('2026-04  not mapped: 3.45 → 0.15 EUR')]);
  expect(await test.ask('margin-units', asked)).toMatchObject({ unmapped: { cogs: '3.45' } });
});

it('has revenue, cost and margin per unit', async () => {
  await test.apply(set('Compute', 'machine_hours'), set('Object storage', 'requests'));
  const units = await test.ask<object>('margin-units', asked);
  expect(units).toMatchObject({
    // 5.00 + 7.20 + 0.30 = 12.50; 3.30 + 0.15 + 12.00 = 15.45
    overall: { revenue: '12.50', cogs: '15.45', margin: '-2.95', marginPct: '-23.6' },
    byKind: [
      { billingKind: 'base_fee', meteredQuantity: '0', revenue: '5.00', cogs: '0.00', revenuePerMeteredUnit: null },
      {
        // 3 × 24 hours × 0.10 = 7.20; 3 × 1.20 − 0.30 = 3.30
        ...{ billingKind: 'machine_hours', meteredQuantity: '72', revenue: '7.20', cogs: '3.30', margin: '3.90' },
        // 3.30 / 72 = 0.04583333333333…, 3.90 / 72 = 0.05416666666666…
        ...{ revenuePerMeteredUnit: '0.10', cogsPerMeteredUnit: '0.045833333333' },
        ...{ marginPerMeteredUnit: '0.054166666667', billedQuantity: '72', revenuePerBilledUnit: '0.10' },
      },
      {
        // 3000 × 0.0001 = 0.30; 3 × 0.05 = 0.15
        ...{ billingKind: 'requests', meteredQuantity: '3000', revenue: '0.30', cogs: '0.15', margin: '0.15' },
        ...{ revenuePerMeteredUnit: '0.0001', cogsPerMeteredUnit: '0.00005', marginPerMeteredUnit: '0.00005' },
      },
    ],
    unmapped: { cogs: '0.00' },
    unattributed: { cogs: '12.00' },
    costs: [
      { kind: 'Compute', source: 'recorded', billingKind: 'machine_hours', basis: 'only', cogs: '3.30' },
      { kind: 'Object storage', source: 'recorded', billingKind: 'requests', basis: 'only', cogs: '0.15' },
    ],
  });
  const { overall } = await test.ask<{ overall: object }>('margin', { period: '2026-04', currency: 'EUR' });
  expect(units).toMatchObject({ overall });
});
