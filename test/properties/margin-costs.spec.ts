import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { text } from '#domain/money/decimal';
import { monthNamed } from '#domain/time/period';
import { computedSums } from '#billing/costs/cost-sums';
import { keepNext } from '#billing/costs/keep-months';
import { costSums, costTotals, totalOf } from '#billing/costs/kept-costs';
import { costsIn } from '#billing/costs/margin-month';
import { contextFor } from '#ledger/query';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Costs that are summed in the database come to what each line comes to by itself, at every position. */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '4'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20260403'),
  endOnFailure: true,
};

const MONTHS = ['2026-01', '2026-02', '2026-03', '2026-04', '2026-05'].map(monthNamed);
const CURRENCIES = ['USD', 'EUR'];

const day = fc.integer({ min: 0, max: 149 });
/** From 2026-01-01 on, at midnight; or at noon. */
const at = (n: number, hour = 0): string => new Date(Date.UTC(2026, 0, 1 + n, hour)).toISOString().replace('.000', '');
/** Few, so that some are withdrawn. */
const sightedOn = fc.constantFrom(3, 40, 80, 110);
const resource = fc.constantFrom('r1', 'r2');
const deploymentId = fc.constantFrom('d1', 'd2');
const tenantId = fc.constantFrom('t1', 't2');
const lineKey = fc.constantFrom('1', '2', '3', '4', '5');
const amount = fc.constantFrom('10.00', '0.01', '-3.00', '7', '0.000001');

const period = fc.oneof(
  fc.constantFrom(...MONTHS),
  fc.record({ start: day, days: fc.integer({ min: 1, max: 45 }) }).map(({ start, days }) => ({
    start: at(start, 12),
    end: at(start + days),
  })),
);

const line = fc.record(
  {
    lineKey,
    kind: fc.constantFrom('droplet', 'volume'),
    chargePeriod: period,
    amount,
    currency: fc.constantFrom(...CURRENCIES),
    category: fc.constantFrom('usage', 'usage', 'tax'),
    resourceId: resource,
    tenantId,
  },
  { requiredKeys: ['lineKey', 'kind', 'chargePeriod', 'amount', 'currency', 'category'] },
);

const OF = { provider: 'do', invoiceRef: 'bill' };
const holder = fc.record({ deploymentId, tenantId }, { requiredKeys: [] });

const command: fc.Arbitrary<object> = fc.oneof(
  { weight: 4, arbitrary: line.map((each) => ({ command: 'record-cost', ...OF, lines: [each] })) },
  fc.record({ lineKey, amount, chargePeriod: period }).map((each) => ({
    command: 'correct-cost',
    ...OF,
    ...each,
    reason: 'a mistake',
  })),
  lineKey.map((each) => ({
    ...{ command: 'withdraw', what: 'record-cost', ...OF, lineKey: each, reason: 'a mistake' },
  })),
  fc.record({ providerId: resource, seenAt: sightedOn }).map(({ providerId, seenAt }) => ({
    ...{ command: 'withdraw', what: 'observe-resource', provider: 'do', providerId, seenAt: at(seenAt, 6) },
    reason: 'a mistake',
  })),
  {
    weight: 3,
    arbitrary: fc.record({ providerId: resource, seenAt: sightedOn, of: holder }).map(({ providerId, seenAt, of }) => ({
      ...{ command: 'observe-resource', provider: 'do', providerId, kind: 'droplet', name: 'vm', status: 'active' },
      ...{ seenAt: at(seenAt, 6), ...of },
    })),
  },
  {
    weight: 2,
    arbitrary: fc.record({ providerId: resource, from: day, of: holder }).map(({ providerId, from, of }) => ({
      ...{ command: 'correct-resource', provider: 'do', providerId, from: at(from), status: 'off', ...of },
      reason: 'a mistake',
    })),
  },
  fc.record({ providerId: resource, n: day }).map(({ providerId, n }) => ({
    ...{ command: 'remove-resource', provider: 'do', providerId, at: at(n, 7) },
  })),
  fc.record({ deploymentId, tenantId, n: day }).map(({ n, ...of }) => ({
    command: 'assign-deployment',
    ...of,
    from: at(n),
  })),
  fc.record({ deploymentId, tenantId, n: day }).map(({ n, ...of }) => ({
    ...{ command: 'correct-assignment', ...of, effectiveFrom: at(n), effectiveUntil: at(n + 20) },
    reason: 'a mistake',
  })),
);

const SINCE = { from: at(0) };
const BEGINNING = [tenant('t1'), tenant('t2'), deployment('d1', 't1', SINCE), deployment('d2', 't2', SINCE)];

interface Sum {
  readonly provider: string;
  readonly kind: string;
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
  readonly amount: Parameters<typeof text>[0];
}

/** By provider, kind and holder, as texts. */
function summed(shares: readonly Sum[]): Readonly<Record<string, string>> {
  const groups = Map.groupBy(shares, (each) =>
    JSON.stringify([each.provider, each.kind, each.tenantId, each.deploymentId]),
  );
  return Object.fromEntries(
    [...groups].map(([key, of]) => [key, text(of.map((each) => each.amount).reduce((a, b) => a.plus(b)))]),
  );
}

/** The kept months answer the same. */
async function expectKeptIsComputed(test: TestLedger, position: number): Promise<void> {
  const context = contextFor(test.core, position, ADMIN);
  for (const currency of CURRENCIES) {
    const computed = await computedSums(context, MONTHS, currency);
    const kept = await costSums(context, MONTHS, currency);
    const totals = await costTotals(context, MONTHS, currency);
    expect({ position, currency, of: kept.map(summed) }).toEqual({ position, currency, of: computed.map(summed) });
    expect(totals).toEqual(computed.map(totalOf));
  }
}

/** Without deployments, all other fields are the same. */
async function expectSameWithout(test: TestLedger): Promise<void> {
  for (const currency of CURRENCIES)
    for (const month of MONTHS) {
      const question = { period: month.start.slice(0, 7), currency };
      const whole = await test.ask<object>('margin', question);
      expect(await test.ask('margin', { ...question, withoutDeployments: 'true' })).toEqual({
        ...{ ...whole, byDeployment: [] },
      });
    }
}

async function expectExact(test: TestLedger, position: number): Promise<void> {
  const context = contextFor(test.core, position, ADMIN);
  for (const currency of CURRENCIES) {
    const sums = await computedSums(context, MONTHS, currency);
    for (const [index, month] of MONTHS.entries()) {
      const lines = await costsIn(context, month, currency);
      expect({ position, month, currency, of: summed(sums[index] ?? []) }).toEqual({
        ...{ position, month, currency },
        of: summed(lines),
      });
    }
  }
}

it('comes to the same as line by line, at every position', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 30 }), fc.nat(3), async (commands, rest) => {
      const looks = rest + 1;
      const test = await testLedger();
      try {
        await test.apply(...BEGINNING);
        for (const [index, each] of commands.entries()) {
          // Some contradict what is recorded, and are refused.
          await test.ledger.execute(each, ADMIN);
          await expectKeptIsComputed(test, await test.core.projector.catchUp());
          if (index % looks === 0) await keepNext(test.core);
        }
        const head = await test.core.projector.catchUp();
        for (let position = 1; position <= head; position += 1) {
          await expectExact(test, position);
          await expectKeptIsComputed(test, position);
        }
        await expectSameWithout(test);
        while (!(await keepNext(test.core)).isDone);
        await expectSameWithout(test);
        for (let position = 1; position <= head; position += 1) await expectKeptIsComputed(test, position);
        expect((await test.check()).failures).toEqual([]);
      } finally {
        await test.close();
      }
    }),
    RUNS,
  );
}, 120_000);
