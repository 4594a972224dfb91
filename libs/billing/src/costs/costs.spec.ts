import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { instant } from '#domain/time/instant';
import { monthOf, piecesOf } from '#domain/time/period';
import { contextFor } from '#ledger/query';
import { decideCosts } from './cost-writer.js';
import { keepNext } from './keep-months.js';
import { marginIn, marginMonths, marginsByGrain, marginsIn, marginTotals } from './margin-month.js';

const APRIL = monthOf(instant('2026-04-01T00:00:00Z'));
const MAY = '2026-05-01T00:00:00Z';
const line = (lineKey: string, amount: string, more: object = {}) => ({
  lineKey,
  kind: 'droplet',
  chargePeriod: APRIL,
  amount,
  currency: 'USD',
  category: 'usage' as const,
  ...more,
});
const delivered = (...lines: ReturnType<typeof line>[]) => ({ provider: 'do', invoiceRef: '2026-04', lines });

let test: TestLedger;
let costed = 0;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t'),
    deployment('d', 't'),
    plan('p', '50.00', []),
    subscription('s', 'd', 'p'),
    {
      command: 'observe-resource',
      ...{ provider: 'do', providerId: 'vm', kind: 'droplet', name: 'vm', status: 'active' },
      ...{ seenAt: APRIL.start, deploymentId: 'd' },
    },
    {
      command: 'record-cost',
      ...delivered(line('1', '30.53', { resourceId: 'vm' }), line('2', '6.39'), line('3', '9.00', { category: 'tax' })),
    },
    { command: 'create-invoice', tenantId: 't', asOf: APRIL.start },
  );
  costed = await test.core.projector.catchUp();
  const { items } = await test.ask<{ items: { invoiceId: string }[] }>('invoices');
  await test.apply({ command: 'issue-invoice', invoiceId: items[0]?.invoiceId ?? '', at: MAY });
  await test.core.projector.catchUp();
});
afterAll(async () => test.close());

describe('the margin of a month', () => {
  const marginAt = async (position: number) => marginIn(contextFor(test.core, position, ADMIN), APRIL, 'USD');

  it('is revenue minus attributed cost, without tax and without unattributed cost', async () => {
    // 50.00 − 30.53 = 19.47, of 50.00: 38.9 %. Overall also 6.39 that no tenant held: 50.00 − 36.92 = 13.08, 26.2 %.
    expect(await marginAt(await test.core.projector.position())).toMatchObject({
      overall: { revenue: '50.00', cogs: '36.92', margin: '13.08', marginPct: '26.2' },
      byTenant: [{ tenantId: 't', revenue: '50.00', cogs: '30.53', margin: '19.47', marginPct: '38.9' }],
      unattributed: { cogs: '6.39' },
    });
  });

  it('is as known at its position: before the invoice was issued, only the cost', async () => {
    expect(await marginAt(costed)).toMatchObject({
      overall: { revenue: '0.00', cogs: '36.92', margin: '-36.92', marginPct: null },
    });
  });

  it('is the same in a trend, and a cost that crosses months is in each of them once', async () => {
    const over = { start: instant('2026-04-16T00:00:00Z'), end: instant('2026-06-15T00:00:00Z') };
    await test.apply({
      command: 'record-cost',
      ...{ provider: 'do', invoiceRef: '2026-04-b' },
      lines: [line('9', '60.00', { chargePeriod: over })],
    });
    const context = contextFor(test.core, await test.core.projector.catchUp(), ADMIN);
    const months = piecesOf({ start: instant('2026-03-01T00:00:00Z'), end: instant('2026-08-01T00:00:00Z') }, monthOf);
    const trend = await marginsIn(context, months, 'USD');
    // 60.00 over 60 days: 15 in April with 36.92 of before, 31 in May, 14 in June.
    expect(trend.map(({ overall }) => overall.cogs)).toEqual(['0.00', '51.92', '31.00', '14.00', '0.00']);
    const one = await Promise.all(months.map(async (month) => marginIn(context, month, 'USD')));
    expect(trend).toEqual(one);
    // Each view by itself, computed and then kept.
    const view = async (grain: 'tenant' | 'deployment' | 'kind', name: 'byTenant' | 'byDeployment' | 'byKind') => {
      const margins = await marginsByGrain(context, months, 'USD', grain);
      expect(margins.map((margin) => margin[name])).toEqual(one.map((margin) => margin[name]));
    };
    const views = async (): Promise<void> => {
      await view('tenant', 'byTenant');
      await view('deployment', 'byDeployment');
      await view('kind', 'byKind');
    };
    await views();
    let look = await keepNext(test.core);
    while (!look.isDone) look = await keepNext(test.core);
    await views();
  });

  it('is taken from sums, if no policy is in force in it, whatever is in force in other months', async () => {
    const months = piecesOf({ start: instant('2026-03-01T00:00:00Z'), end: instant('2026-08-01T00:00:00Z') }, monthOf);
    const asked = async () => {
      const context = contextFor(test.core, await test.core.projector.catchUp(), ADMIN);
      const one = await Promise.all(months.map(async (month) => marginIn(context, month, 'USD')));
      const views = await marginsByGrain(context, months, 'USD', 'tenant');
      expect(views.map(({ byTenant }) => byTenant)).toEqual(one.map(({ byTenant }) => byTenant));
      const totals = await marginTotals(context, months, 'USD');
      expect(totals).toMatchObject(one.map(({ overall }) => overall));
      return { views, coverage: totals.map(({ coveragePct }) => coveragePct) };
    };
    const before = await asked();
    await test.apply({
      ...{ command: 'set-cost-sharing', policyId: 'p', costs: { unattributed: true }, method: 'even' },
      ...{ effectiveFrom: MAY, effectiveUntil: '2026-06-01T00:00:00Z' },
    });
    const after = await asked();
    // t bears the 31.00 of May, which were nobody’s. In April 30.53 of 51.92 are attributed: 58.8 %.
    expect(after.views[2]).toMatchObject({ byTenant: [{ tenantId: 't', directCogs: '0.00', sharedCogs: '31.00' }] });
    expect(before.coverage).toEqual([null, '58.8', '0.0', '0.0', null]);
    expect(after.coverage).toEqual([null, '58.8', '100.0', '0.0', null]);
    // Also the views that were not asked for, which sums by tenant leave empty.
    expect(after.views.toSpliced(2, 1)).toEqual(before.views.toSpliced(2, 1));
  });

  it('has changed since a position only if something was recorded after it', async () => {
    const position = await test.core.projector.position();
    const context = contextFor(test.core, position, ADMIN);
    const costing = ['2026-04', '2026-05', '2026-06'].map((month) => ({ month, currency: 'USD' }));
    expect(await marginMonths(context)).toEqual(costing);
    expect(await marginMonths(context, costed)).toEqual(costing);
    expect(await marginMonths(context, position)).toEqual([]);
  });
});

describe('cost lines of a delivery', () => {
  it('are known if they were recorded with the same content, and new otherwise', async () => {
    const { events, ...counts } = await decideCosts(test.core, delivered(line('2', '6.39'), line('4', '1.00')));
    expect(counts).toEqual({ accepted: 1, duplicate: 1, superseded: [] });
    expect(events).toMatchObject([{ type: 'CostRecorded', data: { lines: [{ lineKey: '4' }] } }]);
  });

  it('are refused with another body', async () => {
    await expect(decideCosts(test.core, delivered(line('2', '7.00')))).rejects.toMatchObject({
      code: 'cost_conflict',
      errors: [{ field: 'lines[0]', message: 'line 2 is recorded with another body' }],
    });
  });
});
