import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import { evaluateBudgets } from '#billing/budgets/evaluate-budgets';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What a changed budget, rule of alerts, cost rate or policy would do, before it is recorded. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('a'),
    deployment('a1', 'a'),
    // 100.00 in advance: budgets of April have it, and the invoice of 1 April bills it.
    plan('p', '100.00', []),
    subscription('s', 'a1', 'p'),
    {
      ...{ command: 'record-cost', provider: 'aws', invoiceRef: '2026-04' },
      lines: [
        {
          ...{ lineKey: '1', kind: 'vm', chargePeriod: APRIL, amount: '70.00', currency: 'USD', category: 'usage' },
          tenantId: 'a',
        },
      ],
    },
    {
      ...{ command: 'observe-usage', deploymentId: 'a1' },
      observations: [
        {
          ...{ resourceId: 'r', billingKind: 'mails', granularity: 'day', quantity: '10' },
          period: { start: T('2026-04-02'), end: T('2026-04-03') },
        },
      ],
    },
  );
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 'a', asOf: APRIL.start });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  for (const { invoiceId } of invoices) await test.apply({ command: 'issue-invoice', invoiceId, at: APRIL.start });
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const preview = async (...commands: object[]) =>
  test.ledger.preview(commands, ADMIN, { margin: { period: '2026-04' } });
const head = async (): Promise<number> => test.core.log.head();

it('shows the thresholds of a budget that would be reached and undone, and records nothing', async () => {
  const before = await head();
  const budget = {
    ...{ tenantId: 'a', budgetId: 'monthly', amount: '120.00', effectiveFrom: APRIL.start },
    effectiveUntil: APRIL.end,
  };
  // 100.00 of 120.00 is 83.3 %.
  const reached = (threshold: string, limit: string) => ({
    ...{ tenantId: 'a', budgetId: 'monthly', month: '2026-04', threshold, change: 'reached', value: '100.00', limit },
  });
  const set = { command: 'set-budget', ...budget };
  expect((await preview(set)).thresholds).toEqual([reached('50', '120.00'), reached('80', '120.00')]);
  expect(await head()).toBe(before);
  await test.apply(set);
  await test.ledger.catchUp();
  await evaluateBudgets(test.core, ADMIN, null);
  await test.ledger.catchUp();
  const corrected = { command: 'correct-budget', ...budget, reason: 'as agreed' };
  // 100.00 of 100.00.
  expect((await preview({ ...corrected, amount: '100.00' })).thresholds).toEqual([reached('100', '100.00')]);
  // 50 % of 200.00 is still reached, 80 % is not.
  expect((await preview({ ...corrected, amount: '200.00' })).thresholds).toEqual([
    { ...reached('80', '200.00'), change: 'undone' },
  ]);
  const withdrawn = {
    ...{ command: 'withdraw', what: 'set-budget', tenantId: 'a', budgetId: 'monthly', effectiveFrom: APRIL.start },
    reason: 'not needed',
  };
  expect((await preview(withdrawn)).thresholds).toEqual(
    ['50', '80'].map((threshold) => ({ ...reached(threshold, ''), change: 'undone', value: null, limit: null })),
  );
  // 100.00 of 125.00 is 80 % again.
  expect((await preview({ ...corrected, amount: '125.00' })).thresholds).toEqual([]);
});

it('shows the alerts that a rule would raise and clear', async () => {
  const rule = { alertId: 'low', when: 'margin_below', percent: '40', by: 'tenant', effectiveFrom: APRIL.start };
  const of = { alertId: 'low', period: '2026-04', currency: 'USD', tenantId: 'a', provider: null, kind: null };
  const set = { command: 'set-margin-alert', ...rule };
  // 100.00 − 70.00 is 30 %.
  const seen = await preview(set);
  expect(seen.alerts).toEqual([{ ...of, change: 'raised', value: '30' }]);
  expect(seen.thresholds).toBeUndefined();
  await test.apply(set);
  await test.ledger.catchUp();
  await evaluateAlerts(test.core, ADMIN, null);
  await test.ledger.catchUp();
  const corrected = { command: 'correct-margin-alert', ...rule, reason: 'as agreed' };
  expect((await preview({ ...corrected, percent: '50' })).alerts).toEqual([]);
  const cleared = await preview({ ...corrected, percent: '30' });
  expect(cleared.alerts).toEqual([{ ...of, change: 'cleared', value: '30' }]);
  // What was changed since the preview is not overruled.
  await test.apply({ ...corrected, percent: '35' });
  expect(await test.refused({ ...corrected, percent: '30', basedOn: cleared.position })).toMatchObject({
    code: 'overtaken',
  });
});

it('shows what a cost rate would estimate, in figures of its own', async () => {
  const rate = { billingKind: 'mails', unitCost: '0.50', effectiveFrom: APRIL.start };
  // 10 × 0.50
  expect((await preview({ command: 'set-cost-rate', ...rate })).margin).toMatchObject({
    before: { overall: { margin: '30.00' }, estimate: { estimatedCost: '0.00', marginWithEstimate: '30.00' } },
    after: { overall: { margin: '30.00' }, estimate: { estimatedCost: '5.00', marginWithEstimate: '25.00' } },
  });
});

it('of shared cost and of mappings names its position, as all previews do', async () => {
  const policy = { policyId: 'x', costs: { kind: 'vm' }, method: 'even', effectiveFrom: APRIL.start };
  await test.apply({ command: 'set-cost-sharing', ...policy });
  const seen = await test.ask<{ position: number }>('cost-sharing-preview', { ...policy, method: 'none' });
  expect(seen.position).toBe(await head());
  // A withdrawal is previewed as any command: the 70.00 are direct again.
  const withdrawn = {
    ...{ command: 'withdraw', what: 'set-cost-sharing', policyId: 'x', effectiveFrom: APRIL.start },
    reason: 'never agreed',
  };
  expect((await preview(withdrawn)).margin).toMatchObject({
    before: { overall: { directCogs: '0.00', sharedCogs: '70.00' } },
    after: { overall: { directCogs: '70.00', sharedCogs: '0.00' } },
  });
  await test.apply({ command: 'correct-cost-sharing', ...policy, method: 'revenue', reason: 'as agreed' });
  const none = { command: 'correct-cost-sharing', ...policy, method: 'none', reason: 'as previewed' };
  expect(await test.refused({ ...none, basedOn: seen.position })).toMatchObject({ code: 'overtaken' });
  const mapping = { provider: 'aws', kind: 'vm', billingKinds: ['mails'], effectiveFrom: APRIL.start };
  expect(await test.ask('kind-mapping-preview', mapping)).toMatchObject({ position: await head() });
});
