import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { backfilled } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { deployment, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/** The example of docs/operators.md: a machine of acme by the AWS cost report of the month so far. */

const SAMPLE = 'docs/samples/aws-cur.csv';
const FROM = '2026-04-01T00:00:00Z';

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
const used = (day: number, quantity: string) => ({
  ...{ provider: 'aws', resourceId: 'i-0abc12345', billingKind: 'machine_hours', granularity: 'day', quantity },
  period: { start: `2026-04-0${day}T00:00:00Z`, end: `2026-04-0${day + 1}T00:00:00Z` },
});
beforeAll(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
  await test.apply(
    tenant('acme'),
    deployment('acme-prod', 'acme'),
    {
      ...{ command: 'observe-resource', provider: 'aws', providerId: 'i-0abc12345', kind: 'machine', name: 'web' },
      ...{ status: 'active', seenAt: FROM, deploymentId: 'acme-prod' },
    },
    { command: 'observe-usage', deploymentId: 'acme-prod', observations: [used(3, '6'), used(4, '24')] },
    { command: 'set-cost-rate', billingKind: 'machine_hours', unitCost: '0.05', effectiveFrom: FROM },
    {
      ...{ command: 'set-kind-mapping', provider: 'aws', kind: 'AmazonEC2', billingKinds: ['machine_hours'] },
      effectiveFrom: FROM,
    },
  );
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await Promise.all([test.close(), files.remove()]);
});

const asked = async () => {
  const { overall, unattributed, estimate } = await test.ask<{
    overall: { cogs: string };
    unattributed: { cogs: string };
    estimate: { estimatedCost: string; marginWithEstimate: string };
  }>('margin', { period: '2026-04' });
  const { months } = await test.ask<{ months: { byKind: object[] }[] }>('cost-variance', {
    ...{ from: '2026-04', to: '2026-04' },
  });
  return { cogs: overall.cogs, nobodys: unattributed.cogs, ...estimate, variance: months[0]?.byKind };
};

it('is estimated as a whole before the bill, and then only where the bill has no line', async () => {
  // 30 hours × 0.05
  expect(await asked()).toMatchObject({
    ...{ cogs: '0.00', estimatedCost: '1.50', marginWithEstimate: '-1.50', variance: [] },
  });
  const file = await files.write('aws-cur.csv', await readFile(SAMPLE, 'utf8'));
  await backfilled(test, 'costs', file);
  // AmazonEC2: 6 × 0.048 = 0.288. AmazonS3: 3 × 0.0054 + 0.0081 = 0.0243, of nobody. The tax of 0.19 is no cost.
  // 3 April is billed: 6 × 0.05 − 0.288 = 0.012. 4 April is not: 24 × 0.05 = 1.20.
  expect(await asked()).toMatchObject({
    ...{ cogs: '0.3123', nobodys: '0.0243', estimatedCost: '1.20', marginWithEstimate: '-1.5123' },
    variance: [{ billingKind: 'machine_hours', quantity: '6', estimate: '0.30', actual: '0.288', variance: '0.012' }],
  });
});
