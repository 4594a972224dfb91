import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BASE_FEE } from '#domain/plans/plan';
import { coveredUsage } from '#billing/invoices/contracts';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Usage without a line is what remains when each reading is looked at by itself, at any position of the log. */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '5'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20261202'),
  endOnFailure: true,
};

const day = (n: number): string => new Date(Date.UTC(2026, 2, 1 + n)).toISOString().replace('.000', '');
const price = { model: 'unit', unitAmount: '1' };
const BEGINNING = [
  { command: 'register-tenant', tenantId: 't', name: 't', currency: 'USD' },
  ...['d1', 'd2'].map((deploymentId) => ({
    ...{ command: 'register-deployment', deploymentId, tenantId: 't', name: deploymentId, from: day(0) },
  })),
  ...[
    {
      planId: 'p',
      items: [
        { billingKind: 'api', filter: { region: 'eu' }, price },
        { billingKind: 'disk', price },
      ],
    },
    { planId: 'q', items: [{ billingKind: 'vm', price }] },
  ].map((plan) => ({
    ...{ command: 'publish-plan', name: 'p', currency: 'USD', baseFee: '1', paymentTerm: 'in_arrears', ...plan },
    effectiveFrom: day(0),
  })),
];

const [deploymentId, planId] = [fc.constantFrom('d1', 'd2'), fc.constantFrom('p', 'q')];
const at = fc.nat(91).map(day);
const kind = fc.constantFrom('api', 'disk', 'vm');
/** Readings of a day, or over the end of a month. */
const reading = fc.record({
  deploymentId,
  key: fc.record({
    billingKind: kind,
    resourceId: fc.constantFrom('a', 'b'),
    period: fc.nat(91).map((n) => ({ start: day(n), end: day(n + 1) })),
    granularity: fc.constant('day'),
  }),
  quantity: fc.nat(9).map(String),
  attributes: fc.constantFrom({ region: 'eu' }, { region: 'us' }, undefined),
});
const step: fc.Arbitrary<object> = fc.oneof(
  {
    weight: 8,
    arbitrary: reading.map(({ deploymentId: of, key, quantity, attributes }) => ({
      ...{ command: 'observe-usage', deploymentId: of },
      observations: [{ ...key, quantity, ...(attributes === undefined ? {} : { attributes }) }],
    })),
  },
  {
    weight: 2,
    arbitrary: reading.map(({ deploymentId: of, key, quantity }) => ({
      ...{ command: 'correct-usage', deploymentId: of, ...key, reason: 'read again' },
      quantity: quantity === '0' ? null : quantity,
    })),
  },
  {
    weight: 2,
    arbitrary: fc.record({ deploymentId, planId, from: at }).map((of) => ({
      ...{ command: 'start-subscription', subscriptionId: `s-${of.deploymentId}`, ...of },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ deploymentId, planId, at }).map(({ deploymentId: of, ...changed }) => ({
      ...{ command: 'change-plan', subscriptionId: `s-${of}`, ...changed },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ deploymentId, at }).map(({ deploymentId: of, at: end }) => ({
      ...{ command: 'cancel-subscription', subscriptionId: `s-${of}`, at: end },
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ deploymentId, billingKind: kind, first: fc.nat(60), days: fc.integer({ min: 1, max: 40 }) })
      .map(({ first, days, ...of }) => ({
        ...{ command: 'waive-usage', ...of, reason: 'a trial' },
        period: { start: day(first), end: day(first + days) },
      })),
  },
);

interface Reading {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly quantity: string;
  readonly attributes: Readonly<Record<string, string>> | null;
}
interface Waived extends Pick<Reading, 'deploymentId' | 'billingKind' | 'period'> {
  readonly position: number;
}
interface Unbilled extends Omit<Reading, 'attributes'> {
  readonly reason: string;
  readonly readings: number;
}

const holds = (period: { readonly start: string; readonly end: string | null }, instant: string): boolean =>
  Date.parse(period.start) <= Date.parse(instant) &&
  (period.end === null || Date.parse(instant) < Date.parse(period.end));

/** Looks at each reading by itself. */
async function oneByOne(test: TestLedger, position: number, waived: readonly Waived[]): Promise<Unbilled[]> {
  const { items } = await test.ask<{ items: readonly Reading[] }>('usage-records', {
    ...{ asOf: String(position), limit: 1000 },
  });
  const covered = await coveredUsage(test.core, position, null);
  const groups = new Map<string, Unbilled>();
  for (const { deploymentId: of, billingKind, period, quantity, attributes } of items) {
    const own = covered.filter((each) => each.deploymentId === of && holds(each.period, period.start));
    const isCovered = own.some(
      (each) =>
        each.billingKind === billingKind &&
        Object.entries(each.filter ?? {}).every(([name, value]) => attributes?.[name] === value),
    );
    const isWaived = waived.some(
      (each) =>
        each.position <= position &&
        each.deploymentId === of &&
        each.billingKind === billingKind &&
        holds(each.period, period.start),
    );
    if (isCovered || isWaived) continue;
    const reason = own.some((each) => each.billingKind === BASE_FEE) ? 'no_plan_item' : 'no_subscription';
    const key = JSON.stringify([of, billingKind, reason]);
    const group = groups.get(key);
    groups.set(key, {
      ...{ deploymentId: of, billingKind, reason, readings: (group?.readings ?? 0) + 1 },
      quantity: String(Number(group?.quantity ?? '0') + Number(quantity)),
      period: {
        start: [group?.period.start ?? period.start, period.start].sort()[0] ?? '',
        end: [group?.period.end ?? period.end, period.end].sort()[1] ?? '',
      },
    });
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

it(
  `lists the readings that no line covers, after ${RUNS.numRuns} random histories`,
  async () => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 50 }), async (steps) => {
        const test = await testLedger();
        try {
          await test.apply(...BEGINNING);
          const waived: Waived[] = [];
          const positions = new Set<number>();
          for (const each of steps) {
            const { status, position } = { position: undefined, ...(await test.ledger.execute(each, ADMIN)) };
            // What is refused is part of life.
            if (status !== 'done' || position === undefined) continue;
            positions.add(position);
            if ('command' in each && each.command === 'waive-usage')
              waived.push({ ...(each as unknown as Waived), position });
          }
          for (const position of [...positions].filter((_, n) => n % 4 === 0)) {
            const { items } = await test.ask<{ items: readonly Unbilled[] }>('unbilled', { asOf: String(position) });
            expect(items).toEqual(await oneByOne(test, position, waived));
            found += items.length;
          }
        } finally {
          await test.close();
        }
      }),
      RUNS,
    );
    // Else it would say nothing.
    expect(found).toBeGreaterThan(0);
  },
  RUNS.numRuns * 20_000,
);
