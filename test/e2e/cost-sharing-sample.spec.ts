import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { backfilled } from '../support/backfill.js';
import { cli, folder } from '../support/cli.js';
import { deployment, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/** The example of docs/operators.md: the bill of the FOCUS sample, shared among two tenants. */

const SAMPLE = 'docs/samples/focus-1.2.csv';
const FROM = '2026-04-01T00:00:00Z';

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
  for (const id of ['acme', 'globex']) await test.apply(tenant(id, { currency: 'EUR' }), deployment(`${id}-prod`, id));
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
