import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import type { Evaluated } from '#billing/watching/watch';
import { instant } from '#domain/time/instant';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, onPostgres, type TestLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

/**
 * Random costs, corrected and withdrawn, and rules that are set, corrected and withdrawn in between, judged now and
 * then from where the judgement before ended. Afterwards the alerts that are raised are those that a plain computation
 * of each month and day raises, each was recorded once, and neither another order of arrival nor a rebuild changes
 * them.
 */

const NOW = instant('2026-05-20T12:00:00Z');
const CALLER = { actor: 'scheduler', role: 'operator', now: NOW } as const;
const MONTHS = ['2026-03', '2026-04', '2026-05'];
const one = fc.constantFrom;
/** 1 March is day 0, 19 May the last day that has ended. */
const dayAt = (day: number): string => new Date(Date.UTC(2026, 2, 1 + day)).toISOString().replace('.000', '');
const LAST = 79;
const day = fc.integer({ min: 0, max: LAST });

const costs = fc
  .record({
    provider: one('p', 'q'),
    kind: one('vm', 'disk'),
    // c is billed nothing.
    tenantId: one('a', 'a', 'b', 'b', 'c', undefined, undefined),
    from: day,
    days: fc.integer({ min: 1, max: 30 }),
    daily: fc.integer({ min: 1, max: 8 }),
  })
  .map(({ from, days, daily, ...line }) => ({
    ...{ ...line, currency: 'USD', category: 'usage' },
    // Whole dollars a day.
    amount: String(days * daily),
    chargePeriod: { start: dayAt(from), end: dayAt(from + days) },
  }));
const percent = fc.integer({ min: 5, max: 95 }).map(String);
const terms = fc.oneof(
  fc.record({ when: one('margin_below', 'margin_drop'), percent, by: one('tenant', undefined) }),
  fc.record({ when: one('unattributed_above'), percent }),
  fc.record({
    when: one('cost_off_average'),
    percent,
    provider: one('p', undefined),
    kind: one('vm', undefined),
    days: fc.integer({ min: 1, max: 3 }),
    minimum: one('0', '5'),
  }),
);
const alertId = one('x', 'y', 'z');
const from = one(...MONTHS).map((month) => `${month}-01T00:00:00Z`);

/** A step, given its number. null: the worker evaluates. */
type Step = (n: number) => object | null;
const numbered = (steps: readonly Step[]): (object | null)[] => steps.map((each, n) => each(n));
const added: fc.Arbitrary<Step> = costs.map(({ provider, ...line }): Step => (n) => ({
  ...{ command: 'record-cost', provider, invoiceRef: `bill-${n}` },
  lines: [{ lineKey: '1', ...line }],
}));
const set: fc.Arbitrary<Step> = fc.tuple(alertId, terms, from).map(([id, of, effectiveFrom]): Step => () => ({
  ...{ command: 'set-margin-alert', alertId: id, ...of, effectiveFrom },
}));
const evaluation: fc.Arbitrary<Step> = fc.constant(() => null);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: added },
  { weight: 4, arbitrary: set },
  { weight: 4, arbitrary: evaluation },
  {
    weight: 3,
    arbitrary: fc.tuple(one('p', 'q'), fc.nat(30), fc.integer({ min: 1, max: 99 })).map(([provider, of, amount]) => {
      const correction = { provider, invoiceRef: `bill-${of}`, lineKey: '1', amount: String(amount) };
      return (n: number) => ({ command: 'correct-cost', ...correction, reason: `because ${n}` });
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(one('p', 'q'), fc.nat(30)).map(([provider, of]): Step => (n) => ({
      ...{ command: 'withdraw', what: 'record-cost', provider, invoiceRef: `bill-${of}`, lineKey: '1' },
      reason: `because ${n}`,
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(alertId, terms, from).map(([id, of, effectiveFrom]): Step => (n) => ({
      ...{ command: 'correct-margin-alert', alertId: id, ...of, effectiveFrom, reason: `because ${n}` },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(alertId, from).map(([id, effectiveFrom]): Step => (n) => ({
      ...{ command: 'withdraw', what: 'set-margin-alert', alertId: id, effectiveFrom, reason: `because ${n}` },
    })),
  },
);

/** One rule of each name, from March on. */
const rules = fc.tuple(terms, terms, terms).map((of) =>
  ['x', 'y', 'z'].map((id, n) => ({
    ...{ command: 'set-margin-alert', alertId: id, ...of[n], effectiveFrom: dayAt(0) },
  })),
);

async function evaluate(test: TestLedger, since: Evaluated | null) {
  await test.ledger.catchUp();
  const done = await evaluateAlerts(test.core, CALLER, since);
  await test.ledger.catchUp();
  return done;
}

/** 100.00 of a and 50.00 of b are billed each month. */
async function billedLedger(): Promise<TestLedger> {
  const test = await onPostgres();
  await test.apply(tenant('c'));
  for (const [tenantId, fee] of [
    ['a', '100.00'],
    ['b', '50.00'],
  ] as const) {
    await test.apply(
      tenant(tenantId),
      deployment(`${tenantId}1`, tenantId, { from: dayAt(0) }),
      plan(`p-${tenantId}`, fee, []),
      subscription(`s-${tenantId}`, `${tenantId}1`, `p-${tenantId}`, { from: dayAt(0) }),
    );
    const asOf = '2026-05-01T00:00:00Z';
    const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    for (const { invoiceId } of invoices) await test.apply({ command: 'issue-invoice', invoiceId, at: asOf });
  }
  return test;
}

async function lived(test: TestLedger, steps: readonly (object | null)[]): Promise<void> {
  let since: Evaluated | null = null;
  for (const each of steps)
    // A command may be refused: what it states may be there, or not be there.
    if (each === null) since = await evaluate(test, since);
    else await test.ledger.execute(each, ADMIN);
  await evaluate(test, since);
}

interface Alert {
  readonly alertId: string;
  readonly period: string;
  readonly tenantId: string | null;
  readonly provider: string | null;
  readonly kind: string | null;
}
const named = ({ alertId: id, period, tenantId, provider, kind }: Alert): string =>
  JSON.stringify([id, period, tenantId, provider, kind]);
const raisedIn = async (test: TestLedger): Promise<string[]> =>
  (await test.ask<{ items: Alert[] }>('alerts', { state: 'raised', limit: 1000 })).items.map(named).sort();

interface Rule {
  readonly alertId: string;
  readonly when: string;
  readonly percent: string;
  readonly by: string | null;
  readonly provider: string | null;
  readonly kind: string | null;
  readonly days: number | null;
  readonly minimum: string | null;
  readonly effectiveFrom: string;
  readonly effectiveUntil: string | null;
}
interface Figures {
  readonly revenue: string;
  readonly margin: string;
  readonly cogs: string;
}
interface Margin {
  readonly overall: Figures;
  readonly byTenant: readonly (Figures & { readonly tenantId: string })[];
  readonly unattributed: { readonly cogs: string };
}

const ratio = (part: string, whole: string): number => (100 * Number(part)) / Number(whole);
/** Exactly on the limit does not count. Small whole numbers are far from it, or on it. */
const isOver = (value: number, limit: string): boolean => value > Number(limit) + 1e-9;

/** The alerts that the rules raise, month by month and day by day. */
async function plainAlerts(test: TestLedger): Promise<string[]> {
  const { items } = await test.ask<{ items: Rule[] }>('margin-alerts', { limit: 1000 });
  const rulesIn = (start: string, end: string): Rule[] =>
    [...Map.groupBy(items, (rule) => rule.alertId).values()].flatMap((versions) =>
      versions
        .filter((rule) => rule.effectiveFrom < end && (rule.effectiveUntil === null || rule.effectiveUntil > start))
        .sort((a, b) => (a.effectiveFrom < b.effectiveFrom ? 1 : -1))
        .slice(0, 1),
    );
  const alerts: Alert[] = [];
  const of = (rule: Rule, period: string, more: Partial<Alert> = {}): void => {
    alerts.push({ ...{ alertId: rule.alertId, period, tenantId: null, provider: null, kind: null }, ...more });
  };
  const margins: Margin[] = [];
  for (const period of ['2026-02', ...MONTHS]) margins.push(await test.ask<Margin>('margin', { period }));
  for (const [index, month] of MONTHS.entries()) {
    const [before, now] = margins.slice(index, index + 2);
    if (before === undefined || now === undefined) throw new Error('a month has no margin');
    for (const rule of rulesIn(`${month}-01T00:00:00Z`, `2026-0${4 + index}-01T00:00:00Z`)) {
      const { cogs } = now.overall;
      const isOfNobody = Number(cogs) > 0 && isOver(ratio(now.unattributed.cogs, cogs), rule.percent);
      if (rule.when === 'unattributed_above' && isOfNobody) of(rule, month);
      // May has not ended.
      if (!rule.when.startsWith('margin') || month === '2026-05') continue;
      const pairs =
        rule.by === null
          ? [{ tenantId: null, ...now.overall, earlier: before.overall }]
          : now.byTenant.map((each) => ({
              ...each,
              earlier: before.byTenant.find(({ tenantId }) => tenantId === each.tenantId),
            }));
      for (const { tenantId, revenue, margin, earlier } of pairs) {
        const percentage = ratio(margin, revenue);
        const isLoss = Number(revenue) === 0 ? Number(margin) < 0 : isOver(Number(rule.percent), String(percentage));
        if (rule.when === 'margin_below' && isLoss) of(rule, month, { tenantId });
        // c earned nothing before either.
        if (Number(revenue) === 0) continue;
        if (rule.when !== 'margin_drop' || earlier === undefined || Number(earlier.revenue) <= 0) continue;
        if (isOver(ratio(earlier.margin, earlier.revenue) - percentage, rule.percent)) of(rule, month, { tenantId });
      }
    }
  }
  const daily = await dailyCosts(test);
  for (let n = 0; n <= LAST; n += 1)
    for (const rule of rulesIn(dayAt(n), dayAt(n + 1)))
      if (rule.when === 'cost_off_average')
        for (const each of offAverage(daily, rule, n)) of(rule, dayAt(n).slice(0, 10), each);
  return alerts.map(named).sort();
}

type Daily = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<number, number>>>;

async function dailyCosts(test: TestLedger): Promise<Daily> {
  const { rows } = await test.core.pool.query<
    Record<'provider' | 'kind' | 'amount', string> & { from: Date; until: Date }
  >(
    'SELECT provider, kind, amount, charge_period_start AS "from", charge_period_end AS until ' +
      'FROM ledgerline.cost_lines WHERE position_to IS NULL',
  );
  const daily = new Map<string, Map<string, Map<number, number>>>();
  for (const { provider, kind, amount, ...period } of rows) {
    const numberOf = (at: Date): number => (new Date(at).getTime() - Date.UTC(2026, 2, 1)) / 86_400_000;
    const [first, end] = [numberOf(period.from), numberOf(period.until)];
    const kinds = daily.get(provider) ?? new Map<string, Map<number, number>>();
    const days = kinds.get(kind) ?? new Map<number, number>();
    daily.set(provider, kinds.set(kind, days));
    for (let n = first; n < end; n += 1) days.set(n, (days.get(n) ?? 0) + Number(amount) / (end - first));
  }
  return daily;
}

/** The kinds whose cost of a day is off its average. A provider without cost on one of these days is left out. */
function offAverage(daily: Daily, rule: Rule, n: number): Partial<Alert>[] {
  const count = rule.days ?? 0;
  return [...daily]
    .filter(([provider]) => rule.provider === null || rule.provider === provider)
    .filter(([, kinds]) =>
      Array.from({ length: count + 1 }, (_, before) => n - before).every((at) =>
        [...kinds.values()].some((days) => days.has(at)),
      ),
    )
    .flatMap(([provider, kinds]) =>
      [...kinds]
        .filter(([kind]) => rule.kind === null || rule.kind === kind)
        .filter(([, days]) => {
          const cost = days.get(n) ?? 0;
          const total = Array.from({ length: count }, (_, index) => days.get(n - 1 - index) ?? 0).reduce(
            (a, b) => a + b,
            0,
          );
          const average = total / count;
          const minimum = Number(rule.minimum);
          if (cost < minimum - 1e-9 && average < minimum - 1e-9) return false;
          if (average < 1e-9) return cost > 1e-9;
          return isOver((100 * Math.abs(cost - average)) / average, rule.percent);
        })
        .map(([kind]) => ({ provider, kind })),
    );
}

/** Of each alert, what was recorded: it is raised, cleared, raised, and never raised twice in a row. */
async function expectOnce(test: TestLedger): Promise<{ raised: number; cleared: number }> {
  const { items } = await test.ask<{ items: { type: string; data: { id: string } }[] }>('events', { limit: 10_000 });
  const recorded = items.filter(({ type }) => type.startsWith('Alert'));
  for (const of of Map.groupBy(recorded, ({ data }) => data.id).values())
    expect(of.map(({ type }) => type)).toEqual(of.map((_, n) => (n % 2 === 0 ? 'AlertRaised' : 'AlertCleared')));
  const count = (type: string): number => recorded.filter((each) => each.type === type).length;
  return { raised: count('AlertRaised'), cleared: count('AlertCleared') };
}

it('the alerts that are raised are those of a plain computation, recorded once', async () => {
  let [raised, cleared] = [0, 0];
  await fc.assert(
    fc.asyncProperty(rules, fc.array(step, { minLength: 20, maxLength: 40 }).map(numbered), async (first, steps) => {
      const test = await billedLedger();
      try {
        await lived(test, [...first, ...steps]);
        const alerts = await raisedIn(test);
        expect(alerts).toEqual(await plainAlerts(test));
        const counts = await expectOnce(test);
        raised += counts.raised;
        cleared += counts.cleared;
        // Judged again from nothing, by two workers at once, and after a rebuild: nothing is recorded.
        const again = await Promise.all([
          evaluateAlerts(test.core, CALLER, null),
          evaluateAlerts(test.core, CALLER, null),
        ]);
        await test.ledger.rebuilder.rebuild({ accept: true });
        for (const each of [...again, await evaluate(test, null)])
          expect(each).toMatchObject({ raised: 0, cleared: 0 });
        expect(await raisedIn(test)).toEqual(alerts);
        expect((await test.check()).failures).toEqual([]);
      } finally {
        await test.close();
      }
    }),
    { ...checkedOn(6), endOnFailure: true },
  );
  // The histories are such that this says something.
  expect(raised).toBeGreaterThan(20);
  expect(cleared).toBeGreaterThan(5);
});

it('the alerts that are raised do not depend on the order of arrival, nor on when the worker looks', async () => {
  let raised = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(added, { minLength: 5, maxLength: 15 }).map(numbered),
      rules,
      fc.array(fc.record({ at: fc.nat(), evaluates: fc.boolean() }), { minLength: 18, maxLength: 18 }),
      async (lines, first, order) => {
        const commands = [...first, ...lines];
        const shuffled = commands
          .map((command, n) => ({ command, ...(order[n] ?? { at: n, evaluates: false }) }))
          .sort((a, b) => a.at - b.at)
          .flatMap(({ command, evaluates }) => (evaluates ? [command, null] : [command]));
        const found: string[][] = [];
        for (const steps of [commands, shuffled]) {
          const test = await billedLedger();
          try {
            await lived(test, steps);
            found.push(await raisedIn(test));
          } finally {
            await test.close();
          }
        }
        expect(found[1]).toEqual(found[0]);
        raised += found[0]?.length ?? 0;
      },
    ),
    { ...checkedOn(3), endOnFailure: true },
  );
  expect(raised).toBeGreaterThan(10);
});
