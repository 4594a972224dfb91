import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Caller } from '#ledger/caller';
import { invoiceRun, type TenantBilled } from '#operations/invoice-run';
import { deployment, plan, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// A date in place of an instant is midnight in the time zone of the tenant that the command is about.

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('paris', { timeZone: 'Europe/Paris' }),
    tenant('new-york', { timeZone: 'America/New_York' }),
    tenant('utc'),
    deployment('d', 'paris', { from: '2026-01-01' }),
    plan('p', '40.00', [], { paymentTerm: 'in_arrears' }),
  );
});
afterEach(async () => test.close());

const start = (from: string, subscriptionId = 's', deploymentId = 'd') => ({
  ...{ command: 'start-subscription', subscriptionId, deploymentId, planId: 'p', from },
});
const create = (asOf: string, tenantId = 'paris') => ({ command: 'create-invoice', tenantId, asOf });
/** 1 September and 1 October in Paris. */
const SEPTEMBER = '2026-08-31T22:00:00Z';
const OCTOBER = '2026-09-30T22:00:00Z';

describe('a date', () => {
  it('is midnight in the time zone of the tenant, and the outcome says so', async () => {
    const [started] = await test.apply(start('2026-09-01'));
    expect(started).toMatchObject({
      status: 'done',
      dates: [{ field: 'from', date: '2026-09-01', timeZone: 'Europe/Paris', instant: SEPTEMBER }],
    });
    const [created] = await test.apply(create('2026-10-01'));
    expect(created).toMatchObject({ dates: [{ field: 'asOf', instant: OCTOBER }] });
    const { items } = await test.ask<{ items: { asOf: string; total: string }[] }>('invoices', { tenantId: 'paris' });
    // The whole month. From midnight UTC on it is 718 of 720 hours: 39.89.
    expect(items).toMatchObject([{ asOf: OCTOBER, total: '40.00' }]);
  });

  it('is the same key and the same body as its instant', async () => {
    await test.apply(start('2026-09-01'), create('2026-10-01'));
    expect(await test.apply(start(SEPTEMBER), create(OCTOBER))).toMatchObject([
      { status: 'unchanged' },
      { status: 'unchanged' },
    ]);
    const tax = (from: string) => ({ command: 'set-tax', tenantId: 'paris', name: 'VAT', ratePercent: '20', from });
    await test.apply(tax('2026-09-01'));
    expect(await test.apply(tax(SEPTEMBER))).toMatchObject([{ status: 'unchanged' }]);
    const withdrawn = { command: 'withdraw', what: 'set-tax', tenantId: 'paris', from: '2026-09-01', reason: 'wrong' };
    expect(await test.apply(withdrawn)).toMatchObject([{ status: 'done', dates: [{ field: 'from' }] }]);
  });

  it('is of the tenant that is named, else of the one that holds the deployment', async () => {
    const midnights = async (...commands: object[]) =>
      (await test.apply(...commands)).map(({ dates = [] }) => dates.map(({ instant }) => instant));
    expect(
      await midnights(
        start('2026-04-01'),
        // The new holder begins with its own day.
        { command: 'assign-deployment', deploymentId: 'd', tenantId: 'new-york', from: '2026-06-01' },
        { command: 'cancel-subscription', subscriptionId: 's', at: '2026-07-01' },
        { command: 'correct-subscription', subscriptionId: 's', cancelledAt: '2026-08-01', reason: 'later' },
        { command: 'grant-credit', creditId: 'c', tenantId: 'utc', currency: 'USD', amount: '1', from: '2026-06-01' },
        tenant('tokyo', { timeZone: 'Asia/Tokyo', tax: { name: 'VAT', ratePercent: '10', from: '2026-01-01' } }),
      ),
    ).toEqual([
      ['2026-03-31T22:00:00Z'],
      ['2026-06-01T04:00:00Z'],
      ['2026-07-01T04:00:00Z'],
      ['2026-08-01T04:00:00Z'],
      ['2026-06-01T00:00:00Z'],
      ['2025-12-31T15:00:00Z'],
    ]);
  });

  it('is refused if it does not exist, or if no tenant is named', async () => {
    expect((await test.refused(create('2026-02-31'))).code).toBe('invalid_input');
    expect((await test.refused(create('2026-10-01', 'nobody'))).code).toBe('unknown_tenant');
    expect((await test.refused(plan('q', '1.00', [], { effectiveFrom: '2026-01-01' }))).code).toBe('invalid_input');
  });

  it('of an invoice run is midnight in the time zone of each tenant', async () => {
    await test.apply(
      deployment('e', 'new-york', { from: '2026-01-01' }),
      ...[start('2026-09-01'), start('2026-09-01', 's2', 'e')],
    );
    const billed: TenantBilled[] = [];
    for await (const each of invoiceRun(test.ledger, ADMIN, {
      ...{ asOf: '2026-10-01', tenantIds: ['new-york', 'paris', 'utc'], issue: true },
    }))
      billed.push(each);
    expect(billed.map(({ asOf, failure, invoices }) => [asOf, failure, invoices.map(({ total }) => total)])).toEqual([
      ['2026-10-01T04:00:00Z', null, ['40.00']],
      [OCTOBER, null, ['40.00']],
      ['2026-10-01T00:00:00Z', null, []],
    ]);
  });
});

describe('a date in a query', () => {
  /** A reading of one hour, that starts at this instant. */
  const used = (start: string, end: string) => ({
    command: 'observe-usage',
    deploymentId: 'd',
    observations: [
      { resourceId: 'r', billingKind: 'hours', period: { start, end }, granularity: 'hour', quantity: '1' },
    ],
  });
  interface Listed {
    readonly items: readonly { readonly lineId: string; readonly period: { readonly start: string } }[];
    readonly nextCursor: string | null;
  }
  const startsOf = async (name: string, params: Record<string, unknown>): Promise<string[]> =>
    (await test.ask<Listed>(name, params)).items.map(({ period }) => period.start);
  const expectRefused = async (name: string, params: Record<string, unknown>, code: string, caller: Caller = ADMIN) =>
    expect(test.ledger.ask(name, params, caller)).rejects.toMatchObject({ code });

  beforeEach(async () => {
    await test.apply(
      start('2026-09-01'),
      used('2026-08-31T21:00:00Z', '2026-08-31T22:00:00Z'),
      used(SEPTEMBER, '2026-08-31T23:00:00Z'),
    );
  });

  it('is midnight of the tenant that a parameter names', async () => {
    // At midnight in Paris the line of October is there. At midnight in New York, too: four hours earlier it is not.
    expect(await startsOf('lines', { tenantId: 'paris', at: '2026-10-01' })).toEqual([SEPTEMBER, OCTOBER]);
    expect(await startsOf('lines', { tenantId: 'paris', at: '2026-09-30' })).toEqual([SEPTEMBER]);
    expect(await startsOf('lines', { subscriptionId: 's', at: '2026-10-01' })).toEqual([SEPTEMBER, OCTOBER]);
    const hours = { deploymentId: 'd', billingKind: 'hours' };
    expect(await startsOf('usage-records', { ...hours, start: '2026-09-01' })).toEqual([SEPTEMBER]);
    expect(await startsOf('usage-records', { ...hours, end: '2026-09-01' })).toEqual(['2026-08-31T21:00:00Z']);
    const { dates } = await test.ledger.answerNamed('usage-records', { ...hours, start: '2026-09-01' }, ADMIN);
    expect(dates).toEqual([{ field: 'start', date: '2026-09-01', timeZone: 'Europe/Paris', instant: SEPTEMBER }]);
  });

  it('is midnight of the tenant of a line, also of one that no invoice has claimed, and of an invoice', async () => {
    const [open] = (await test.ask<Listed>('lines', { tenantId: 'paris', at: SEPTEMBER })).items;
    const id = open?.lineId;
    for (const name of ['line', 'explain']) {
      const { dates } = await test.ledger.answerNamed(name, { id, at: '2026-09-02' }, ADMIN);
      expect(dates).toMatchObject([{ field: 'at', instant: '2026-09-01T22:00:00Z' }]);
    }
    const [created] = await test.apply(create('2026-10-01'));
    const invoiceId = (created as { result: { invoices: { invoiceId: string }[] } }).result.invoices[0]?.invoiceId;
    await test.apply({ command: 'issue-invoice', invoiceId, at: '2026-10-02' });
    for (const document of ['INV-000001', invoiceId]) {
      const { dates } = await test.ledger.answerNamed('invoice', { id: document, asOf: '2099-01-01' }, ADMIN);
      expect(dates).toMatchObject([{ field: 'asOf', instant: '2098-12-31T23:00:00Z' }]);
    }
    const { dates } = await test.ledger.answerNamed('explain', { id, at: '2026-10-02' }, ADMIN);
    expect(dates).toMatchObject([{ field: 'at', instant: '2026-10-01T22:00:00Z' }]);
  });

  it('is midnight of the tenant of the token, whatever is named', async () => {
    const paris = { ...ADMIN, role: 'tenant', tenantId: 'paris' } as const;
    const { dates } = await test.ledger.answerNamed('lines', { at: '2026-10-01', knownAt: '2099-06-01' }, paris);
    expect(dates.map(({ field, instant }) => [field, instant])).toEqual([
      ['knownAt', '2099-05-31T22:00:00Z'],
      ['at', OCTOBER],
    ]);
    await expectRefused('lines', { tenantId: 'utc', at: '2026-10-01' }, 'unknown_tenant', paris);
  });

  it('stays the same date on all pages', async () => {
    const asked = { tenantId: 'paris', at: '2026-10-01', limit: 1 };
    const { nextCursor } = await test.ask<Listed>('lines', asked);
    await test.apply({ command: 'correct-tenant', tenantId: 'paris', timeZone: 'UTC', reason: 'moved' });
    for (const again of [{ cursor: nextCursor }, { ...asked, cursor: nextCursor }])
      expect(await startsOf('lines', again)).toEqual([OCTOBER]);
  });

  it('is refused where no tenant is named, or tenants of several time zones', async () => {
    await expectRefused('lines', { at: '2026-10-01' }, 'invalid_parameter');
    await expectRefused('accrual', { at: '2026-10-01' }, 'invalid_parameter');
    await expectRefused('tenants', { asOf: '2026-10-01' }, 'invalid_as_of');
    await expectRefused('tenants', { tenantIds: ['paris', 'utc'], asOf: '2026-10-01' }, 'invalid_as_of');
    await expectRefused('lines', { tenantId: 'nobody', at: '2026-10-01' }, 'unknown_tenant');
    await expectRefused('lines', { tenantId: 'paris', at: '2026-02-31' }, 'invalid_parameter');
  });
});
