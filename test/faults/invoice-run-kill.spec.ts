import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { invoiceRun, tenantIds } from '#operations/invoice-run';
import { LedgerCore } from '#ledger/ledger-core';
import { cli, startCli } from '../support/cli.js';
import { ADMIN, testLedger, type TestLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

// `kill -9` of `ledgerline invoice --issue` after so many of its events, then the same again: what an undisturbed run
// comes to.

const TENANTS = 16;
const DAYS = Array.from({ length: 30 }, (_, index) => `2026-04-${String(index + 1).padStart(2, '0')}`);

const PLAN = {
  command: 'publish-plan',
  planId: 'p',
  name: 'p',
  currency: 'USD',
  baseFee: '3.00',
  paymentTerm: 'in_advance',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [
    { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.01' } },
    {
      billingKind: 'builds',
      price: {
        model: 'graduated',
        tiers: [
          { upTo: '60', unitAmount: '0.10' },
          { upTo: null, unitAmount: '0.05' },
        ],
      },
    },
  ],
};

/** Each tenant has two deployments. Each deployment uses 5 of either kind per day. */
const COMMANDS = Array.from({ length: TENANTS }, (_, index) => `t${String(index).padStart(2, '0')}`).flatMap(
  (tenantId) => [
    { command: 'register-tenant', tenantId, name: tenantId, currency: 'USD' },
    ...[`${tenantId}-a`, `${tenantId}-b`].flatMap((deploymentId) => [
      { command: 'register-deployment', deploymentId, tenantId, name: deploymentId, from: '2026-04-01T00:00:00Z' },
      {
        command: 'start-subscription',
        subscriptionId: deploymentId,
        deploymentId,
        planId: 'p',
        from: '2026-04-01T00:00:00Z',
      },
      {
        command: 'observe-usage',
        deploymentId,
        observations: ['requests', 'builds'].flatMap((billingKind) =>
          DAYS.map((day) => ({
            resourceId: 'r',
            billingKind,
            period: { start: `${day}T00:00:00Z`, end: `${day}T01:00:00Z` },
            granularity: 'hour',
            quantity: '5',
          })),
        ),
      },
    ]),
  ],
);

/** Each run is killed once this share of its events is recorded: while it opens lines, claims and cuts, issues. */
const RUNS = [
  // 2 × (3.00 + 10 × 5 × 0.01 + 50 × 0.10) = 2 × 8.50
  { asOf: '2026-04-11T00:00:00Z', killedAfter: 0.2, total: '17.00' },
  // 2 × (50 × 0.01 + 10 × 0.10 + 40 × 0.05) = 2 × 3.50
  { asOf: '2026-04-21T00:00:00Z', killedAfter: 0.5, total: '7.00' },
  // 2 × (3.00 for May + 50 × 0.01 + 50 × 0.05) = 2 × 6.00
  { asOf: '2026-05-01T00:00:00Z', killedAfter: 0.8, total: '12.00' },
];

interface Invoice {
  readonly invoiceId: string;
  readonly number: string;
  readonly tenantId: string;
  readonly asOf: string;
  readonly status: string;
  readonly total: string;
  readonly computedAt: number;
}

let undisturbed: TestLedger;
let killed: TestLedger;
beforeAll(async () => {
  [undisturbed, killed] = await Promise.all([testLedger(), testLedger()]);
  for (const test of [undisturbed, killed]) {
    await test.apply(PLAN, ...COMMANDS);
    await test.ledger.catchUp();
  }
});
afterAll(async () => {
  await Promise.all([undisturbed.close(), killed.close()]);
});

/** Runs it to its end, and answers how many events that took. */
async function billed(asOf: string): Promise<number> {
  const before = await undisturbed.ledger.catchUp();
  const tenants = await tenantIds(undisturbed.ledger, ADMIN);
  for await (const { failure } of invoiceRun(undisturbed.ledger, ADMIN, {
    asOf: instant(asOf),
    tenantIds: tenants,
    issue: true,
  }))
    expect(failure).toBeNull();
  return (await undisturbed.ledger.catchUp()) - before;
}

/** Starts the CLI and kills it as soon as the log has so many events more. Answers by what it ended. */
async function killedAt(args: readonly string[], events: number): Promise<string | null> {
  const { log } = killed.app.get(LedgerCore);
  const until = (await log.head()) + events;
  const child = startCli(args, { DATABASE_URL: killed.url });
  child.stdin?.end();
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  while (child.exitCode === null && (await log.head()) < until) await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill('SIGKILL');
  return ended;
}

/**
 * All invoices, but for the position at which each was computed: how many events were recorded before it may differ.
 */
async function invoicesOf(test: TestLedger): Promise<Omit<Invoice, 'computedAt'>[]> {
  const { items } = await test.ask<{ items: Invoice[] }>('invoices');
  return items.map(({ computedAt: _computedAt, ...invoice }) => invoice);
}

const counted = async (test: TestLedger): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for await (const { type } of test.app.get(LedgerCore).log.readAll(0)) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
};

describe('invoice --issue of all tenants, killed', () => {
  it.each(RUNS)(
    'as of $asOf after $killedAfter of its events: run again, it ends like an undisturbed run',
    async ({ asOf, killedAfter, total }) => {
      const events = await billed(asOf);
      const args = ['invoice', '--as-of', asOf, '--issue', '--json'];
      expect(await killedAt(args, Math.floor(events * killedAfter))).toBe('SIGKILL');

      const again = await cli(args, { env: { DATABASE_URL: killed.url } });
      expect(again).toMatchObject({ code: 0, stderr: '' });
      const { invoices } = JSON.parse(again.stdout) as { invoices: Invoice[] };
      expect(invoices.map((invoice) => [invoice.tenantId, invoice.status, invoice.total])).toEqual(
        Array.from({ length: TENANTS }, (_, index) => [`t${String(index).padStart(2, '0')}`, 'issued', total]),
      );
      expect(await invoicesOf(killed)).toEqual(await invoicesOf(undisturbed));
      // No line opened or cut, no part claimed and no row frozen twice.
      expect(await counted(killed)).toEqual(await counted(undisturbed));
    },
  );

  it('leaves numbers without gaps, in the order of the tenants, and nothing for a fourth run', async () => {
    const numbered = (await invoicesOf(killed))
      .sort((a, b) => (a.asOf === b.asOf ? 0 : a.asOf < b.asOf ? -1 : 1))
      .map(({ number }) => number);
    expect(numbered).toEqual(
      Array.from({ length: RUNS.length * TENANTS }, (_, index) => `INV-${String(index + 1).padStart(6, '0')}`),
    );
    const head = await killed.ledger.catchUp();
    await cli(['invoice', '--as-of', '2026-05-01T00:00:00Z', '--issue'], { env: { DATABASE_URL: killed.url } });
    expect(await killed.ledger.catchUp()).toBe(head);
    await expectReplayToBeLive(killed.url);
  });
});
