import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { decimal, sum } from '#domain/money/decimal';
import { invoiceRun, tenantIds } from '#operations/invoice-run';
import { LedgerCore } from '#ledger/ledger-core';
import { cli, startCli } from '../support/cli.js';
import { ADMIN, testLedger, type TestLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

/** A rate is corrected and the corrections are booked while everything else goes on, and while processes die. */

const TENANTS = Array.from({ length: 12 }, (_, index) => `t${String(index).padStart(2, '0')}`);
const RATE = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const [FROM, MAY, JUNE] = ['2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z', '2026-06-01T00:00:00Z'];

const SET_UP = [
  { command: 'set-rate', ...RATE, unitPrice: '0.10', effectiveFrom: '2026-01-01T00:00:00Z' },
  {
    command: 'publish-plan',
    planId: 'p',
    name: 'p',
    currency: 'USD',
    baseFee: '0',
    paymentTerm: 'in_arrears',
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [{ billingKind: 'cores', price: { model: 'rate_card' } }],
  },
  ...TENANTS.flatMap((tenantId) => [
    { command: 'register-tenant', tenantId, name: tenantId, currency: 'USD' },
    { command: 'register-deployment', deploymentId: tenantId, tenantId, name: tenantId, from: FROM },
    { command: 'start-subscription', subscriptionId: tenantId, deploymentId: tenantId, planId: 'p', from: FROM },
  ]),
];
const use = (tenantId: string, date: string, quantity: string, resourceId = 'r') => ({
  command: 'observe-usage',
  deploymentId: tenantId,
  observations: [
    {
      resourceId,
      billingKind: 'cores',
      period: { start: `${date}T00:00:00Z`, end: `${date}T01:00:00Z` },
      granularity: 'hour',
      quantity,
      rateKey: RATE,
    },
  ],
});
const CORRECTION = {
  command: 'correct-rate',
  ...RATE,
  unitPrice: '0.01',
  effectiveFrom: FROM,
  effectiveUntil: MAY,
  reason: 'ten times too high',
};
const CORRECT = [
  'rates',
  'correct',
  '--type',
  'VmVCpu',
  '--family',
  'standard',
  '--location',
  'hel1',
  '--price',
  '0.01',
];
const ARGS = [...CORRECT, '--from', FROM, '--until', MAY, '--reason', 'ten times too high'];

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(...SET_UP, ...TENANTS.map((tenantId) => use(tenantId, '2026-04-10', '100')));
  expect(await run(MAY)).toBe('120.00'); // 12 × 100 × 0.10
});
afterEach(async () => test.close());

/** Invoices all tenants; what these invoices come to. */
async function run(asOf: string): Promise<string> {
  const totals: string[] = [];
  for await (const billed of invoiceRun(test.ledger, ADMIN, {
    asOf: instant(asOf),
    tenantIds: await tenantIds(test.ledger, ADMIN),
    issue: true,
  })) {
    if (billed.failure !== null) throw billed.failure;
    totals.push(...billed.invoices.map(({ total }) => total));
  }
  return sum(totals.map((total) => decimal(total))).toFixed(2);
}

/** Starts the CLI, and kills it when there is no more to wait for. */
async function killed(args: readonly string[], isToWait: () => Promise<boolean>): Promise<void> {
  const child = startCli(args, { DATABASE_URL: test.url });
  child.stdin?.end();
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (child.exitCode === null && (await isToWait())) await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill('SIGKILL');
  await ended;
}

const count = async (type: string): Promise<number> => {
  let found = 0;
  for await (const event of test.app.get(LedgerCore).log.readAll(0)) if (event.type === type) found += 1;
  return found;
};

describe('while a correction is applied', () => {
  it('usage is accepted and queries are answered, with the same final result', async () => {
    let isBooked = false;
    let [recorded, answered] = [0, 0];
    const ingest = async (): Promise<void> => {
      while (!isBooked || recorded < 24) {
        await test.apply(use(TENANTS[recorded % TENANTS.length] ?? 't00', '2026-05-02', '1', `r${recorded}`));
        recorded += 1;
      }
    };
    const ask = async (): Promise<void> => {
      while (!isBooked) {
        // Before or after, never between: a price of the month is the one or the other.
        const { items } = await test.ask<{ items: { unitPrice: string }[] }>('rates', {
          ...RATE,
          at: '2026-04-10T00:00:00Z',
        });
        expect(['0.1', '0.01']).toContain(items[0]?.unitPrice);
        answered += 1;
      }
    };
    const correct = async (): Promise<string> => {
      await test.apply(CORRECTION);
      const total = await run('2026-05-01T00:00:01Z');
      isBooked = true;
      return total;
    };
    const [total] = await Promise.all([correct(), ingest(), ask()]);
    // 12 × 100 × (0.01 − 0.10)
    expect(total).toBe('-108.00');
    expect([recorded >= 24, answered > 0]).toEqual([true, true]);
    // and all usage since then is billed at May's price: 0.10
    expect(await run(JUNE)).toBe(decimal(String(recorded)).times(decimal('0.10')).toFixed(2));
    await expectReplayToBeLive(test.url);
  });

  it.each([
    { ms: 300, events: 1 },
    { ms: 700, events: 7 },
    { ms: 1100, events: 33 },
  ])(
    'recovers by a repetition after a kill -9 of the correction after $ms ms and of the run after $events events',
    async ({ ms, events }) => {
      const { log } = test.app.get(LedgerCore);
      const started = performance.now();
      await killed(ARGS, async () => performance.now() - started < ms);
      expect(await cli(ARGS, { env: { DATABASE_URL: test.url } })).toMatchObject({ code: 0 });
      const until = (await log.head()) + events;
      const run = ['invoice', '--as-of', JUNE, '--issue'];
      await killed(run, async () => (await log.head()) < until);
      expect(await cli(run, { env: { DATABASE_URL: test.url } })).toMatchObject({ code: 0 });
      expect(await count('RateCorrected')).toBe(1);
      const { items } = await test.ask<{ items: { subtotal: string }[] }>('invoices');
      // 120.00 as it was billed, and 12 × 100 × (0.01 − 0.10)
      expect(sum(items.map(({ subtotal }) => decimal(subtotal))).toFixed(2)).toBe('12.00');
      await expectReplayToBeLive(test.url);
    },
  );
});
