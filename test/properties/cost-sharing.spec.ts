import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keepNext } from '#billing/costs/keep-months';
import { sharesIn } from '#billing/costs/margin-month';
import { coveragePercent, marginOf } from '#domain/margin/margin';
import { decimal, sum, text } from '#domain/money/decimal';
import { monthNamed } from '#domain/time/period';
import { contextFor } from '#ledger/query';
import { margin, marginTrend } from '#operations/margin';
import { marginUnits } from '#operations/margin-units';
import { expectBridge } from '../support/bridges.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/**
 * Random costs of resources that move, deployments that change hands, and policies and mappings of kinds that are set,
 * corrected and withdrawn in between. Whatever they are: every cent is borne once, sharing changes no total, each
 * answer stays what it was as of its position, the months of a trend are those asked one by one, billing kinds come to
 * the margin, and so do the parts of a bridge. Idle cost is the same in both.
 *
 * HISTORIES=n and PROPERTY_SEED=s: how many, and which.
 */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '4'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20261201'),
  endOnFailure: true,
};

const TENANTS = ['t1', 't2', 't3'];
const DEPLOYMENTS = ['d1', 'd2', 'd3', 'd4'];
const RESOURCES = ['r1', 'r2', 'r3', 'r4', 'r5'];
const KINDS = ['compute', 'support', 'traffic'];
const MONTHS = ['2026-04', '2026-05', '2026-06'];
/** Whole days from 25 March to 5 July. */
const dayAt = (day: number): string => new Date(Date.UTC(2026, 2, 25 + day)).toISOString().replace('.000', '');

const day = fc.integer({ min: 0, max: 100 });
const span = fc
  .tuple(day, fc.integer({ min: 1, max: 60 }))
  .map(([from, days]) => ({ start: dayAt(from), end: dayAt(from + days) }));
const amount = fc
  .tuple(fc.integer({ min: -(10 ** 5), max: 10 ** 6 }), fc.constantFrom('0.01', '0.000001'))
  .map(([units, unit]) => text(decimal(String(units)).times(decimal(unit))));
const one = fc.constantFrom;

const costs = fc.record({
  resourceId: fc.option(one(...RESOURCES), { nil: undefined }),
  tenantId: fc.option(one(...TENANTS), { nil: undefined, freq: 1 }),
  kind: one(...KINDS),
  chargePeriod: span,
  amount,
  focus: fc.option(fc.constant({ Tags: '{"team": "infra"}' }), { nil: undefined }),
});
const selected = one<object>(
  ...[{ unattributed: true }, { provider: 'p' }, { kind: 'support' }, { kind: 'traffic', unattributed: true }],
  ...[{ tag: { key: 'team', value: 'infra' } }, { provider: 'p', kind: 'compute' }],
);
const how = one<object>(
  ...[{ method: 'even' }, { method: 'direct_cost' }, { method: 'revenue' }, { method: 'none' }],
  ...[
    { method: 'usage', billingKind: 'cpu' },
    { method: 'usage', billingKind: 'cpu', capacity: '7' },
  ],
  {
    method: 'weights',
    weights: [
      { tenantId: 't1', percent: '33.3' },
      { tenantId: 't3', percent: '66.7' },
    ],
  },
);
const terms = fc
  .tuple(selected, how, day, fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }))
  .map(([of, by, from, days]) => ({
    ...{ costs: of, ...by, effectiveFrom: dayAt(from) },
    ...(days === undefined ? {} : { effectiveUntil: dayAt(from + days) }),
  }));
const policyId = one('a', 'b', 'c');
const mapped = fc
  .tuple(
    one(...KINDS),
    fc.uniqueArray(one('cpu', 'disk', 'base_fee'), { minLength: 1 }),
    day,
    fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  )
  .map(([kind, billingKinds, from, days]) => ({
    ...{ provider: 'p', kind, billingKinds, effectiveFrom: dayAt(from) },
    ...(days === undefined ? {} : { effectiveUntil: dayAt(from + days) }),
  }));

/** A step, given its number. */
type Step = (n: number) => object;
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.array(costs, { minLength: 1, maxLength: 6 }).map((of): Step => (n) => ({
    ...{ command: 'record-cost', provider: 'p', invoiceRef: `bill-${n}` },
    lines: of.map((line, index) => ({ lineKey: String(index), currency: 'USD', category: 'usage', ...line })),
  })),
  fc.tuple(policyId, terms).map(([id, of]): Step => () => ({ command: 'set-cost-sharing', policyId: id, ...of })),
  fc.tuple(policyId, terms).map(([id, of]): Step => () => ({
    ...{ command: 'correct-cost-sharing', policyId: id, ...of, reason: 'better known' },
  })),
  fc.tuple(policyId, day).map(([id, from]): Step => () => ({
    ...{ command: 'withdraw', what: 'set-cost-sharing', policyId: id, effectiveFrom: dayAt(from), reason: 'never' },
  })),
  mapped.map((of): Step => () => ({ command: 'set-kind-mapping', ...of })),
  mapped.map((of): Step => () => ({ command: 'correct-kind-mapping', ...of, reason: 'better known' })),
  fc.tuple(one(...KINDS), day).map(([kind, from]): Step => () => ({
    ...{ command: 'withdraw', what: 'set-kind-mapping', provider: 'p', kind, effectiveFrom: dayAt(from) },
    reason: 'never',
  })),
  fc
    .tuple(one(...RESOURCES), fc.option(one(...DEPLOYMENTS), { nil: undefined }), day)
    .map(([of, to, at]): Step => () => ({
      ...{ command: 'observe-resource', provider: 'p', providerId: of, kind: 'vm', name: of },
      ...{ status: at % 3 === 0 ? 'off' : 'active', seenAt: dayAt(at), deploymentId: to },
    })),
  fc.tuple(one(...DEPLOYMENTS), one(...TENANTS), day).map(([of, to, at]): Step => () => ({
    ...{ command: 'assign-deployment', deploymentId: of, tenantId: to, from: dayAt(at) },
  })),
  fc
    .tuple(one(...DEPLOYMENTS), day, fc.nat(9), one('u', ...RESOURCES))
    .map(([of, at, quantity, used]): Step => (n) => ({
      ...{ command: 'observe-usage', deploymentId: of },
      observations: [
        {
          ...{
            resourceId: used === 'u' ? `u${n}` : used,
            billingKind: n % 2 === 0 ? 'cpu' : 'disk',
            granularity: 'day',
          },
          ...{ quantity: String(quantity), sourceId: String(n) },
          period: { start: dayAt(at), end: dayAt(at + 1) },
        },
      ],
    })),
);

/** Unit economics of each month and of all, as of a position. */
const unitsAt = async ({ ledger }: TestLedger, asOf: string) =>
  ledger.ask(marginUnits, { from: MONTHS[0] ?? '', to: MONTHS.at(-1) ?? '', by: 'month', asOf }, ADMIN);

/** Kinds, unmapped, idle and unattributed cost come to what the margin of the month is, and months to all of them. */
function expectUnitsToAddUp(
  units: Awaited<ReturnType<typeof unitsAt>>,
  margins: Awaited<ReturnType<typeof marginsAt>>,
): void {
  const total = (values: readonly string[]): string => text(sum(values.map((value) => decimal(value))));
  expect(units.months?.map(({ overall }) => overall)).toEqual(margins.map(({ overall }) => overall));
  expect(units.months?.map(({ idle }) => idle)).toEqual(margins.map(({ idle: { byHolder: _, ...idle } }) => idle));
  for (const { idle } of margins) expect(total(idle.byHolder.map(({ cogs }) => cogs))).toBe(total([idle.directCogs]));
  for (const { overall, byKind, unmapped, idle, unattributed, costs } of [units, ...(units.months ?? [])]) {
    const rows = [...byKind, unmapped, idle, unattributed];
    for (const figure of ['cogs', 'directCogs', 'sharedCogs'] as const) {
      expect(total(rows.map((row) => row[figure]))).toBe(total([overall[figure]]));
      expect(total(idle.parts.map((row) => row[figure]))).toBe(total([idle[figure]]));
      expect(total(costs.map((row) => row[figure]))).toBe(total([...byKind, unmapped].map((row) => row[figure])));
    }
    expect(total(byKind.map(({ revenue }) => revenue))).toBe(total([overall.revenue]));
  }
  for (const figure of ['revenue', 'cogs', 'margin', 'sharedCogs'] as const)
    expect(total((units.months ?? []).map(({ overall }) => overall[figure]))).toBe(total([units.overall[figure]]));
}

const marginsAt = async ({ ledger }: TestLedger, asOf: string) => {
  const months = [];
  for (const period of MONTHS) months.push(await ledger.ask(margin, { period, asOf }, ADMIN));
  return months;
};

it('every cent is borne once, and what was known at a position stays known', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 15, maxLength: 30 }), async (history) => {
      const test = await testLedger();
      try {
        await lived(test, history);
      } finally {
        await test.close();
      }
    }),
    RUNS,
  );
});

async function lived(test: TestLedger, history: readonly Step[]): Promise<void> {
  await test.apply(
    ...TENANTS.map((id) => tenant(id)),
    plan('p', '20.00', []),
    ...DEPLOYMENTS.flatMap((id, index) => [deployment(id, TENANTS[index] ?? 't1'), subscription(`s-${id}`, id, 'p')]),
  );
  await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: '2026-05-02T00:00:00Z' });
  for (const { invoiceId } of (await test.ask<{ items: readonly { invoiceId: string }[] }>('invoices')).items)
    await test.apply({ command: 'issue-invoice', invoiceId, at: '2026-05-02T00:00:00Z' });
  const known = new Map<string, Awaited<ReturnType<typeof marginsAt>>>();
  const units = new Map<string, Awaited<ReturnType<typeof unitsAt>>>();
  for (const [n, step] of history.entries()) {
    await test.ledger.execute(step(n), ADMIN);
    const asOf = String(await test.ledger.catchUp());
    // A worker keeps the cost of months that did not change lately.
    if (n % 3 === 0) while (!(await keepNext(test.core)).isDone);
    const months = await marginsAt(test, asOf);
    known.set(asOf, months);
    const ofUnits = await unitsAt(test, asOf);
    units.set(asOf, ofUnits);
    expectUnitsToAddUp(ofUnits, months);
    const { months: trend } = await test.ledger.ask(
      marginTrend,
      { from: MONTHS[0] ?? '', to: MONTHS.at(-1) ?? '', by: 'deployment', asOf },
      ADMIN,
    );
    expect(
      trend.map(
        ({ month: _, coveragePct, estimatedCost: _cost, marginWithEstimate: _with, byDeployment, ...overall }) => ({
          ...{ overall, byDeployment, coveragePct },
        }),
      ),
    ).toEqual(
      months.map(({ overall, byDeployment, unattributed }) => ({
        ...{ overall, byDeployment },
        coveragePct: coveragePercent(decimal(overall.cogs), decimal(unattributed.cogs)),
      })),
    );
  }
  await expectSameByLine(test, [...known.values()].at(-1) ?? []);
  const { failures } = await test.check();
  expect(failures).toEqual([]);
  for (const [asOf, months] of known) expect(await marginsAt(test, asOf)).toEqual(months);
  for (const [asOf, answer] of units) expect(await unitsAt(test, asOf)).toEqual(answer);
  const positions = [...known.keys()];
  const [middle, head] = [positions[Math.floor(positions.length / 2)] ?? '', positions.at(-1) ?? ''];
  for (const [from, to] of [
    [
      { period: '2026-04', asOf: head },
      { period: '2026-05', asOf: head },
    ],
    [
      { period: '2026-05', asOf: middle },
      { period: '2026-05', asOf: head },
    ],
  ] as const)
    await expectBridge(test, from, to);
  // Sharing moves cost, and changes no total of it.
  const total = (of: Awaited<ReturnType<typeof marginsAt>>) =>
    text(sum(of.map(({ overall }) => decimal(overall.cogs))));
  const withdrawn = await test.ask<{ items: readonly { policyId: string; effectiveFrom: string }[] }>('cost-sharing');
  for (const { policyId: id } of withdrawn.items)
    await test.ledger.execute(
      {
        ...{ command: 'correct-cost-sharing', policyId: id, costs: { kind: `none of ${id}` }, method: 'none' },
        ...{ effectiveFrom: '2026-01-01T00:00:00Z', effectiveUntil: '2027-01-01T00:00:00Z', reason: 'shares nothing' },
      },
      ADMIN,
    );
  const direct = await marginsAt(test, String(await test.ledger.catchUp()));
  expect(total(direct)).toBe(total([...known.values()].at(-1) ?? []));
  expect(direct.map(({ overall }) => overall.sharedCogs)).toEqual(['0.00', '0.00', '0.00']);
}

/** Sums that the database makes come to the same as line by line. */
async function expectSameByLine(test: TestLedger, months: Awaited<ReturnType<typeof marginsAt>>): Promise<void> {
  const context = contextFor(test.core, await test.ledger.catchUp(), ADMIN);
  for (const { period, overall, byDeployment, unattributed, shared } of months) {
    const of = await sharesIn(context, monthNamed(period), 'USD');
    const lineByLine = marginOf(of.revenue, of.costs, 'USD', of.shared);
    expect({ overall, byDeployment, unattributed, shared }).toEqual({
      ...{ overall: lineByLine.overall, byDeployment: lineByLine.byDeployment },
      ...{ unattributed: lineByLine.unattributed, shared: lineByLine.shared },
    });
  }
}
