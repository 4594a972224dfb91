import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { BEGINNING, live, step } from '../support/random-history.js';
import { expectReplayToBeLive } from '../support/replay.js';

/** What happens after raw records were pruned comes to what it would have come to with them. */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '3'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20260402'),
  endOnFailure: true,
};

const T = (date: string) => `${date}T00:00:00Z`;
const RETENTION = ['requests', 'vm'].map((billingKind) => ({
  command: 'configure-metering',
  billingKind,
  granularity: 'day',
  retentionDays: 1,
  from: T('2026-01-01'),
}));
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };

interface Pruned {
  readonly records: number;
}

async function billAll(test: TestLedger, asOf: string, issued: string[]): Promise<void> {
  for (const tenantId of ['t1', 't2']) await live(test, { bill: tenantId, at: T(asOf) }, issued);
}

/** What there is to be asked, without log positions and recording times: these differ by the pruning itself. */
async function answers(test: TestLedger): Promise<unknown> {
  const [invoices, lines, unbilled, margin, units, realisation, check] = [
    await test.ask<object>('invoices'),
    await test.ask<{ items: readonly { quarantine: object | null }[] }>('lines', { at: T('2026-06-01') }),
    await test.ask<object>('unbilled'),
    await test.ask<object>('margin', { period: '2026-04-01' }),
    await test.ask<object>('margin-units', { from: '2026-03', to: '2026-05' }),
    await test.ask<object>('price-realisation', { from: '2026-03', to: '2026-05' }),
    await test.ask<object>('check'),
  ];
  const usage = [
    await test.ask('usage', { deploymentId: 'd1', ...APRIL }),
    await test.ask('usage', { deploymentId: 'd2', ...APRIL }),
  ];
  const quarantined = await test.ask<object>('lines', { at: T('2026-06-01'), quarantined: 'true' });
  expect(quarantined).toMatchObject({ items: lines.items.filter(({ quarantine }) => quarantine !== null) });
  return JSON.parse(
    JSON.stringify({ invoices, lines, unbilled, margin, units, realisation, check, usage }, (name, value: unknown) =>
      /position|computedAt|recordedAt|tree|nextCursor/i.test(name) ? undefined : value,
    ),
  );
}

/** Once all is billed, the causes of price realisation leave nothing unexplained. */
async function expectRealised(test: TestLedger): Promise<void> {
  const { overall } = await test.ask<{ overall: { other: string } }>('price-realisation', {
    ...{ from: '2026-04', to: '2026-04' },
  });
  expect(overall.other).toBe('0.00');
}

async function lived(
  before: readonly object[],
  after: readonly object[],
  isPruned: boolean,
): Promise<{ answers: unknown; records: number }> {
  const test = await testLedger();
  try {
    await test.apply(...BEGINNING, ...RETENTION);
    const issued: string[] = [];
    let records = 0;
    const prune = async (): Promise<void> => {
      if (!isPruned) return;
      const outcome = await test.ledger.execute(
        { command: 'prune-usage', month: '2026-04', at: T('2026-05-20') },
        ADMIN,
      );
      if (outcome.status === 'done') records += (outcome.result as Pruned).records;
    };
    for (const each of before) await live(test, each, issued);
    await billAll(test, '2026-05-01', issued);
    await billAll(test, '2026-05-02', issued);
    await prune();
    for (const each of after) await live(test, each, issued);
    await billAll(test, '2026-05-03', issued);
    await prune();
    const found = await answers(test);
    await expectRealised(test);
    if (isPruned) await expectReplayToBeLive(test.url);
    return { answers: found, records };
  } finally {
    await test.close();
  }
}

describe('a random history with pruned raw records', () => {
  it(
    `has the same result as one that keeps them, ${RUNS.numRuns} of them`,
    async () => {
      let records = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 6, maxLength: 14 }),
          fc.array(step, { minLength: 4, maxLength: 12 }),
          async (before, after) => {
            const [pruned, kept] = [await lived(before, after, true), await lived(before, after, false)];
            expect(pruned.answers).toEqual(kept.answers);
            records += pruned.records;
          },
        ),
        RUNS,
      );
      // Else it would say nothing.
      expect(records).toBeGreaterThan(0);
    },
    RUNS.numRuns * 20_000,
  );
});
