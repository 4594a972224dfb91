import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backfilled, countsOf, deployment, dryRunOf, TENANT } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { subscription } from '../support/commands.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

const HEADER = 'deploymentId,resourceId,billingKind,start,granularity,quantity\n';
const day = (site: string, at: string, quantity: string): string =>
  `${site},vm-1,cpu_hours,2026-04-${at}T00:00:00Z,day,${quantity}\n`;
const PLAN = {
  command: 'publish-plan',
  planId: 'plan',
  name: 'Plan',
  currency: 'USD',
  baseFee: '0',
  paymentTerm: 'in_arrears',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [{ billingKind: 'cpu_hours', price: { model: 'unit', unitAmount: '0.10' } }],
};

describe('backfill --dry-run', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeEach(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
    const subscribed = subscription('s', 'site', 'plan');
    await test.apply(TENANT, deployment('site'), PLAN, subscribed);
  });
  afterEach(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  const head = async (): Promise<unknown> =>
    (await test.ask<{ items: { head: number }[] }>('projections')).items[0]?.head;

  it('counts what would happen, with periods, kinds, tenants and sums, and writes nothing', async () => {
    await backfilled(
      test,
      'usage',
      await files.write('first.csv', HEADER + day('site', '01', '5') + day('site', '02', '5')),
    );
    const [before, there] = [await head(), await readdir(files.path)];
    const file = await files.write(
      'second.csv',
      HEADER +
        day('site', '01', '5') +
        day('site', '02', '6') +
        day('site', '03', '0.5') +
        day('site', '03', '0.5') +
        day('gone', '03', '1') +
        day('site', '31', '1'),
    );
    const run = await dryRunOf(test, 'usage', file);
    expect(countsOf(run)).toEqual([6, 2, 1, 1, 2]);
    expect(run.said).toEqual([
      'second.csv, row 6 (line 7): start "2026-04-31T00:00:00Z" does not exist in the calendar. Correct the date.',
      'second.csv, row 5 (line 6): deploymentId "gone" is not registered. Register it (register-deployment), ' +
        'then import the file of rejects.',
    ]);
    expect(run.survey).toEqual({
      from: '2026-04-01T00:00:00Z',
      until: '2026-04-04T00:00:00Z',
      // 5 + 6 + 0.5 + 0.5 + 1
      kinds: [{ kind: 'cpu_hours', currency: null, rows: 5, sum: '13' }],
      deployments: 1,
      notRegistered: 1,
      tenants: ['acme'],
    });
    // (6 − 5 + 0.5 + 0.5) × 0.10
    expect(run.effect).toEqual({ invoices: [], open: [{ tenantId: 'acme', currency: 'USD', difference: '0.20' }] });
    expect(await head()).toBe(before);
    expect((await readdir(files.path)).sort()).toEqual([...there, 'second.csv'].sort());
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([6, 2, 1, 1, 2]);
  });

  it('reports the issued invoices that usage changes, with amounts, then that it is booked', async () => {
    await backfilled(test, 'usage', await files.write('first.csv', HEADER + day('site', '01', '100')));
    const [outcome] = await test.apply({ command: 'create-invoice', tenantId: 'acme', asOf: '2026-05-01T00:00:00Z' });
    const { invoices } = (outcome as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
    const invoiceId = invoices[0]?.invoiceId ?? '';
    await test.apply({ command: 'issue-invoice', invoiceId, at: '2026-05-01T00:00:00Z' });
    const late = await files.write('late.csv', HEADER + day('site', '01', '90') + day('site', '02', '50'));
    // (90 − 100 + 50) × 0.10
    expect((await dryRunOf(test, 'usage', late)).effect).toEqual({
      invoices: [{ invoiceId, number: 'INV-000001', tenantId: 'acme', currency: 'USD', difference: '4.00' }],
      open: [],
    });
    const done = await backfilled(test, 'usage', late);
    expect(countsOf(done)).toEqual([2, 1, 0, 1, 0]);
    expect(done.historic).toEqual([{ tenantId: 'acme', invoices: [invoiceId], numbers: ['INV-000001'], lines: 1 }]);
    await test.apply({ command: 'create-invoice', tenantId: 'acme', asOf: '2026-05-02T00:00:00Z' });
    const { items } = await test.ask<{ items: { total: string }[] }>('invoices', { tenantId: 'acme' });
    expect(items.map(({ total }) => total).sort()).toEqual(['10.00', '4.00']);
  });

  it('reports the sum of costs by kind and currency, and the effect of rates on open lines', async () => {
    const costs = await files.write(
      'costs.csv',
      'provider,invoice,kind,start,end,amount,currency,category\nh,1,server,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,4.15,USD,usage\nh,1,server,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,2,EUR,usage\n',
    );
    const run = await dryRunOf(test, 'costs', costs);
    expect(countsOf(run)).toEqual([2, 2, 0, 0, 0]);
    expect(run.survey.kinds).toEqual([
      { kind: 'server', currency: 'EUR', rows: 1, sum: '2' },
      { kind: 'server', currency: 'USD', rows: 1, sum: '4.15' },
    ]);
    const rates = await files.write(
      'rates.csv',
      'type,family,location,price,from\nvm,standard,fsn1,0.1,2026-04-01T00:00:00Z\nvm,standard,fsn1,0.1,2026-04-01T00:00:00Z\n',
    );
    expect(countsOf(await dryRunOf(test, 'rates', rates))).toEqual([2, 1, 1, 0, 0]);
    expect(await test.ask('rates', {})).toMatchObject({ items: [] });
  });
});
