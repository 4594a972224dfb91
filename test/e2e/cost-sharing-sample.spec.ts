import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { backfilled } from '../support/backfill.js';
import { cli, folder } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/** The example of docs/operators.md: the bill of the FOCUS sample, shared among two tenants, and what that leaves. */

const SAMPLE = 'docs/samples/focus-1.2.csv';
const FROM = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';

const used = (resourceId: string, billingKind: string, n: number, quantity: string) => ({
  ...{ provider: 'Example Cloud', resourceId, billingKind, granularity: 'day', quantity },
  period: { start: `2026-04-0${n}T00:00:00Z`, end: `2026-04-0${n + 1}T00:00:00Z` },
});

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
  for (const id of ['acme', 'globex']) await test.apply(tenant(id, { currency: 'EUR' }), deployment(`${id}-prod`, id));
  const items = [
    { billingKind: 'machine_hours', price: { model: 'unit', unitAmount: '0.10' } },
    { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.0001' } },
  ];
  await test.apply(
    plan('small', '5.00', items, { currency: 'EUR' }),
    subscription('acme-small', 'acme-prod', 'small'),
    {
      ...{ command: 'observe-usage', deploymentId: 'acme-prod' },
      observations: [
        ...[3, 4, 5].map((n) => used('vm-1', 'machine_hours', n, '24')),
        used('bucket-1', 'requests', 5, '3000'),
      ],
    },
  );
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 'acme', asOf: MAY });
  const { invoices } = (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
  for (const { invoiceId } of invoices) await test.apply({ command: 'issue-invoice', invoiceId, at: MAY });
  const file = await files.write('focus-1.2.csv', await readFile(SAMPLE, 'utf8'));
  await backfilled(test, 'costs', file, { tags: { 'tenant:': 'tenantId' } });
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await Promise.all([test.close(), files.remove()]);
});

interface Answer {
  readonly byTenant: readonly {
    readonly tenantId: string;
    readonly directCogs: string;
    readonly sharedCogs: string;
    readonly cogs: string;
  }[];
  readonly unattributed: { readonly cogs: string };
}
type Figures = Readonly<Record<'revenue' | 'margin' | 'directMargin', string>> & {
  readonly marginPct: string | null;
  readonly directMarginPct: string | null;
};
interface Margins {
  readonly overall: Figures;
  readonly byTenant: readonly (Figures & { readonly tenantId: string })[];
}
const costs = async (): Promise<string[]> => {
  const { byTenant, unattributed } = await test.ask<Answer>('margin', { period: '2026-04', currency: 'EUR' });
  return [
    ...byTenant.map((each) => `${each.tenantId} ${each.directCogs} + ${each.sharedCogs} = ${each.cogs}`),
    `nobody ${unattributed.cogs}`,
  ];
};
const terms = { policyId: 'commitments', costs: { unattributed: true }, effectiveFrom: FROM };

it('leaves the commitment with nobody, until a policy shares it', async () => {
  // acme: 3 × 1.20 + 3 × 0.05 − 0.30 = 3.45. The commitment of 12.00 is nobody’s; the VAT of 2.28 is no cost.
  expect(await costs()).toEqual(['acme 3.45 + 0.00 = 3.45', 'globex 0.00 + 0.00 = 0.00', 'nobody 12.00']);
});

it('has the margin before and after shared cost', async () => {
  // acme is billed 5.00 + 72 × 0.10 + 3000 × 0.0001 = 12.50.
  const shown = async () => {
    const { overall, byTenant } = await test.ask<Margins>('margin', { period: '2026-04', currency: 'EUR' });
    return [{ tenantId: 'together', ...overall }, ...byTenant].map(
      (of) => `${of.tenantId} ${of.revenue}: ${of.directMargin} ${of.directMarginPct}, ${of.margin} ${of.marginPct}`,
    );
  };
  expect(await shown()).toEqual([
    // 12.50 − 3.45 − 12.00 = −2.95; −2.95 ÷ 12.50
    'together 12.50: -2.95 -23.6, -2.95 -23.6',
    // 12.50 − 3.45 = 9.05; 9.05 ÷ 12.50
    'acme 12.50: 9.05 72.4, 9.05 72.4',
    'globex 0.00: 0.00 null, 0.00 null',
  ]);
  const policy = { policyId: 'even', costs: { unattributed: true }, effectiveFrom: FROM };
  await test.apply({ command: 'set-cost-sharing', ...policy, method: 'even' });
  expect(await shown()).toEqual([
    'together 12.50: 9.05 72.4, -2.95 -23.6',
    // 9.05 − 6.00 = 3.05; 3.05 ÷ 12.50
    'acme 12.50: 9.05 72.4, 3.05 24.4',
    'globex 0.00: 0.00 null, -6.00 null',
  ]);
  const trend = await test.ask<{ months: readonly object[] }>('margin-trend', {
    ...{ from: '2026-04', to: '2026-04', currency: 'EUR' },
  });
  expect(trend.months).toMatchObject([{ margin: '-2.95', directMargin: '9.05', coveragePct: '100.0' }]);
  const withdrawn = { what: 'set-cost-sharing', policyId: 'even', effectiveFrom: FROM };
  await test.apply({ command: 'withdraw', ...withdrawn, reason: 'only an example' });
});

it('shows on the command line what a policy would change', async () => {
  const args = ['policyId=commitments', 'costs={"unattributed":true}', 'method=even', `effectiveFrom=${FROM}`];
  const { code, stdout } = await cli(['execute', 'set-cost-sharing', ...args, 'currency=EUR', '--preview'], {
    env: { DATABASE_URL: test.url },
  });
  expect([code, stdout]).toEqual([0, expect.stringContaining('2026-04  not attributed: 12.00 → 0.00 EUR')]);
  expect(await costs()).toContain('nobody 12.00');
});

it('shares it evenly, by direct cost, or by weights', async () => {
  // 12.00 / 2
  await test.apply({ command: 'set-cost-sharing', ...terms, method: 'even' });
  expect(await costs()).toEqual(['acme 3.45 + 6.00 = 9.45', 'globex 0.00 + 6.00 = 6.00', 'nobody 0.00']);
  // globex has no direct cost: 12.00 × 3.45 / 3.45
  await test.apply({ command: 'correct-cost-sharing', ...terms, method: 'direct_cost', reason: 'as agreed' });
  expect(await costs()).toEqual(['acme 3.45 + 12.00 = 15.45', 'globex 0.00 + 0.00 = 0.00', 'nobody 0.00']);
  // 12.00 × 62.5 % and × 37.5 %
  const weights = [
    { tenantId: 'acme', percent: '62.5' },
    { tenantId: 'globex', percent: '37.5' },
  ];
  await test.apply({ command: 'correct-cost-sharing', ...terms, method: 'weights', weights, reason: 'by contract' });
  expect(await costs()).toEqual(['acme 3.45 + 7.50 = 10.95', 'globex 0.00 + 4.50 = 4.50', 'nobody 0.00']);
});
