import type pg from 'pg';
import type { Ledger } from '#operations/ledger';
import { BENCHER, type Bench, figure, mustBe, timed } from './bench.js';
import { onLedger } from './database.js';

const HOURS = 4;
/** register-tenant, register-deployment, start-subscription, and one reading an hour. */
const COMMANDS_PER_TENANT = 3 + HOURS;

const PLAN = {
  command: 'publish-plan',
  planId: 'bench',
  name: 'bench',
  currency: 'USD',
  baseFee: '0',
  paymentTerm: 'in_arrears',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.01' } }],
};

/** One tenant after the other, as a person would enter them: each command needs the one before it. */
const commandsOf = (tenants: number): object[] =>
  names(tenants).flatMap((id) => [...opened(id), ...Array.from({ length: HOURS }, (_, hour) => reading(id, hour))]);

/** One hour after the other, as a meter would write it. */
const hourly = (tenants: number): object[] =>
  Array.from({ length: HOURS }, (_, hour) => names(tenants).map((id) => reading(id, HOURS + hour))).flat();

const names = (tenants: number): string[] => Array.from({ length: tenants }, (_, index) => `t${index}`);
const opened = (id: string): object[] => [
  { command: 'register-tenant', tenantId: id, name: id, currency: 'USD' },
  { command: 'register-deployment', deploymentId: id, tenantId: id, name: id, from: '2026-04-01T00:00:00Z' },
  {
    command: 'start-subscription',
    subscriptionId: id,
    deploymentId: id,
    planId: PLAN.planId,
    from: '2026-04-01T00:00:00Z',
  },
];
const instantOf = (hour: number): string => `2026-04-01T${String(hour).padStart(2, '0')}:00:00Z`;
const reading = (id: string, hour: number): object => ({
  command: 'observe-usage',
  deploymentId: id,
  observations: [
    {
      resourceId: 'r',
      billingKind: 'requests',
      period: { start: instantOf(hour), end: instantOf(hour + 1) },
      granularity: 'hour',
      quantity: '3',
    },
  ],
});

/**
 * Small commands, as `ledgerline apply` carries them out, read models caught up; against rows that are committed one by
 * one.
 */
export const applyBench: Bench = {
  name: 'apply',
  summary: `N small commands in order: tenants with their first ${HOURS} hours each, then all tenants hour by hour`,
  size: 7_000,
  async measure(size) {
    const tenants = Math.max(1, Math.floor(size / COMMANDS_PER_TENANT));
    return onLedger(async ({ ledger, pool }) => {
      await applied(ledger, [PLAN]);
      const entered = await timed(() => applied(ledger, commandsOf(tenants)));
      const metered = await timed(() => applied(ledger, hourly(tenants)));
      const again = await timed(() => applied(ledger, hourly(tenants)));
      mustBe('entered', entered.result, { done: tenants * COMMANDS_PER_TENANT });
      mustBe('metered', metered.result, { done: tenants * HOURS });
      mustBe('metered again', again.result, { unchanged: tenants * HOURS });
      const { rows } = await pool.query(
        'SELECT count(*)::int AS readings, sum(quantity)::text AS quantity FROM ledgerline.usage_records ' +
          'WHERE position_to IS NULL',
      );
      mustBe('readings', rows, [{ readings: tenants * 2 * HOURS, quantity: String(tenants * 2 * HOURS * 3) }]);
      const [enteredPerSecond, meteredPerSecond] = [
        (tenants * COMMANDS_PER_TENANT * 1000) / entered.ms,
        (tenants * HOURS * 1000) / metered.ms,
      ];
      const insertsPerSecond = await inserted(pool, Math.min(1000, size));
      return {
        // Of the limit for one who waits for each: rows committed one by one.
        ratios: {
          entered: figure(enteredPerSecond / insertsPerSecond),
          metered: figure(meteredPerSecond / insertsPerSecond),
        },
        figures: {
          enteredPerSecond: figure(enteredPerSecond),
          meteredPerSecond: figure(meteredPerSecond),
          meteredAgainPerSecond: figure((tenants * HOURS * 1000) / again.ms),
          insertsPerSecond: figure(insertsPerSecond),
        },
        checked: true,
      };
    });
  },
};

async function applied(ledger: Ledger, commands: readonly object[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { status } of ledger.executeInOrder(commands, BENCHER)) counts[status] = (counts[status] ?? 0) + 1;
  await ledger.catchUp();
  return counts;
}

async function inserted(pool: pg.Pool, rows: number): Promise<number> {
  await pool.query('CREATE TABLE plain (n int PRIMARY KEY, data text NOT NULL)');
  const { ms } = await timed(async () => {
    for (let n = 0; n < rows; n += 1)
      await pool.query('INSERT INTO plain VALUES ($1, $2)', [n, JSON.stringify(reading('t', 1))]);
  });
  return (rows * 1000) / ms;
}
