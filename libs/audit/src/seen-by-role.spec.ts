import { describe, expect, it } from '@jest/globals';
import type { EventType } from '#domain/events';
import { flow } from '#projections/flow';
import { projections } from '#projections/index';
import { seenBy } from './check/seen.js';
import { seesData } from './seen-by-role.js';

/** Their events and tables tell cost, margin or the addresses of endpoints. */
const OF_ADMIN: ReadonlySet<string> = new Set([
  ...['costs', 'provider-totals', 'cost-sharing', 'kind-mappings', 'margin-alerts', 'cost-rates', 'webhooks'],
]);
/** Tables of the projection margins, which also has what is billed. */
const OF_MARGINS: ReadonlySet<string> = new Set([
  ...['kept_months', 'kept_costs', 'kept_tenants', 'kept_billed_days', 'charged_resources', 'charged_deployments'],
]);
const OTHERS = ['operator', 'auditor'] as const;

const types = Object.keys(flow) as EventType[];
const tables = projections.flatMap(({ name, tables: own }) =>
  own.map((table) => [table.name, OF_ADMIN.has(name) || OF_MARGINS.has(table.name)] as const),
);

describe('what roles other than platform_admin see', () => {
  it.each(types.map((type) => [type, flow[type].some((name) => OF_ADMIN.has(name))] as const))(
    'of the event %s, which only a platform_admin sees: %s',
    (type, isCost) => {
      for (const role of OTHERS) expect(seesData({ role }, type)).toBe(!isCost);
      expect(seesData({ role: 'platform_admin' }, type)).toBe(true);
    },
  );

  it.each(tables)('of rows of %s, which only a platform_admin sees: %s', (table, isCost) => {
    const ids = { table, rows: 1, examples: [{ key: { id: 'x' }, shown: { amount: '30.53' }, recorded: null }] };
    const found = { code: 'read_model_differs', message: 'amount is 30.53', ids, remedy: 'Rebuild.' };
    const hidden = {
      ...found,
      message: `rows of ${table} differ from the log; a platform_admin sees the amounts`,
      ids: { table },
    };
    for (const role of OTHERS) expect(seenBy({ role }, [found])).toEqual([isCost ? hidden : found]);
    expect(seenBy({ role: 'platform_admin' }, [found])).toEqual([found]);
  });
});
