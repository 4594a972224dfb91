import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Which billing kinds cost is for, and what each then earns and costs. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };
const MAY = { start: T('2026-05-01'), end: T('2026-06-01') };

interface Cogs {
  readonly cogs: string;
  readonly directCogs: string;
  readonly sharedCogs: string;
}
interface Units {
  readonly overall: Cogs & { readonly revenue: string; readonly margin: string };
  readonly byKind: readonly (Cogs & { readonly billingKind: string; readonly meteredQuantity: string | null })[];
  readonly unmapped: Cogs;
  readonly unattributed: Cogs;
  readonly costs: readonly (Cogs & {
    readonly kind: string;
    readonly source: string;
    readonly billingKind: string | null;
    readonly basis: string | null;
  })[];
  readonly months?: readonly ({ readonly month: string } & Units)[];
}

const line = (lineKey: string, amount: string, kind: string, more: object = {}) => ({
  ...{ lineKey, kind, chargePeriod: APRIL, amount, currency: 'USD', category: 'usage', ...more },
});
const used = (resourceId: string, billingKind: string, date: string, hours: number, quantity: string) => ({
  ...{ provider: 'aws', resourceId, billingKind, granularity: 'event', quantity },
  period: { start: T(date), end: `${date}T${String(hours).padStart(2, '0')}:00:00Z` },
});
const set = (kind: string, billingKinds: string[], more: object = {}) => ({
  ...{ command: 'set-kind-mapping', provider: 'aws', kind, billingKinds, effectiveFrom: APRIL.start, ...more },
});
const nobody = { tenantId: undefined };

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    ...['a', 'b'].flatMap((id) => [tenant(id), deployment(`${id}1`, id)]),
    plan('p', '60.00', [
      { billingKind: 'cpu', price: { model: 'unit', unitAmount: '1.00' } },
      { billingKind: 'gpu', price: { model: 'unit', unitAmount: '2.00' } },
    ]),
    ...['a', 'b'].map((id) => subscription(`s-${id}`, `${id}1`, 'p')),
    {
      ...{ command: 'observe-usage', deploymentId: 'a1' },
      observations: [
        // vm-1 was used as cpu for 6 hours and as gpu for 18; vm-2 as cpu only.
        used('vm-1', 'cpu', '2026-04-02', 6, '6'),
        used('vm-1', 'gpu', '2026-04-03', 18, '18'),
        used('vm-2', 'cpu', '2026-04-02', 4, '4'),
        used('vm-3', 'cpu', '2026-05-02', 1, '1'),
      ],
    },
    {
      ...{ command: 'record-cost', provider: 'aws', invoiceRef: '2026-04' },
      lines: [
        line('1', '10.00', 'EC2', { resourceId: 'vm-1', tenantId: 'a' }),
        line('2', '3.00', 'EC2', { resourceId: 'vm-2', tenantId: 'a' }),
        // Used in May, not in April.
        line('3', '0.05', 'EC2', { resourceId: 'vm-3', tenantId: 'a' }),
        line('4', '1.01', 'EC2', { tenantId: 'b' }),
        line('5', '7.00', 'support', { tenantId: 'b' }),
        line('6', '5.00', 'commitment', nobody),
        line('7', '2.00', 'dns_zone', { tenantId: 'b' }),
        // Half in April, half in May: 31 of each 30 + 31 days would not be; 15 and 15 are.
        line('8', '4.00', 'support', {
          tenantId: 'b',
          chargePeriod: { start: T('2026-04-16'), end: T('2026-05-16') },
        }),
      ],
    },
  );
  for (const tenantId of ['a', 'b']) {
    const asOf = MAY.start;
    await test.apply({ command: 'create-invoice', tenantId, asOf });
  }
  const { items } = await test.ask<{ items: readonly { invoiceId: string }[] }>('invoices');
  for (const { invoiceId } of items) await test.apply({ command: 'issue-invoice', invoiceId, at: MAY.start });
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const head = async (): Promise<string> => String(await test.ledger.catchUp());
const unitsOf = async (params: object = {}): Promise<Units> =>
  test.ask<Units>('margin-units', { from: '2026-04', to: '2026-04', ...params });
const cogsOf = ({ byKind, unmapped, unattributed }: Units): Record<string, string> => ({
  ...Object.fromEntries(byKind.map(({ billingKind, cogs }) => [billingKind, cogs])),
  unmapped: unmapped.cogs,
  unattributed: unattributed.cogs,
});
const NOT_MAPPED = { base_fee: '0.00', cpu: '0.00', gpu: '0.00', dns_zones: '2.00' };

describe('units', () => {
  it('have what is known without a mapping: kinds of the inventory, and the rest', async () => {
    const units = await unitsOf();
    // 10.00 + 3.00 + 0.05 + 1.01 of EC2, 7.00 + 2.00 of support.
    expect(cogsOf(units)).toEqual({ ...NOT_MAPPED, unmapped: '23.06', unattributed: '5.00' });
    expect(units.byKind).toMatchObject([
      // The base fee of May is billed in advance, and of May.
      { billingKind: 'base_fee', meteredQuantity: '0', revenue: '120.00', revenuePerMeteredUnit: null },
      {
        ...{ billingKind: 'cpu', meteredQuantity: '10', billedQuantity: '10', revenue: '10.00' },
        ...{ revenuePerMeteredUnit: '1.00', marginPerMeteredUnit: '1.00', revenuePerBilledUnit: '1.00' },
      },
      { billingKind: 'dns_zones', meteredQuantity: '0', revenue: '0.00', cogsPerMeteredUnit: null },
      { billingKind: 'gpu', meteredQuantity: '18', revenue: '36.00', revenuePerMeteredUnit: '2.00' },
    ]);
    const { overall } = await test.ask<{ overall: object }>('margin', { period: '2026-04' });
    expect(units.overall).toEqual(overall);
  });

  it('have the months one by one and together', async () => {
    const units = await unitsOf({ to: '2026-05', by: 'month' });
    expect(units.months?.map(({ month, overall }) => [month, overall.revenue, overall.cogs])).toEqual([
      ['2026-04', '166.00', '30.06'],
      // The other 2.00 of support.
      ['2026-05', '120.00', '2.00'],
    ]);
    expect(units).toMatchObject({ from: '2026-04', to: '2026-05', overall: { revenue: '286.00', cogs: '32.06' } });
    expect(units.unmapped.cogs).toBe('25.06');
  });

  it('are for those who see the margin only', async () => {
    const operator: Caller = { ...ADMIN, role: 'operator' };
    const forbidden = { code: 'forbidden' };
    for (const [name, params] of Object.entries({
      'margin-units': { from: '2026-04', to: '2026-04' },
      'kind-mappings': {},
    }))
      await expect(test.ledger.ask(name, params, operator)).rejects.toMatchObject(forbidden);
    expect(await test.ledger.execute(set('EC2', ['cpu']), operator)).toMatchObject({ error: forbidden });
    await expect(unitsOf({ from: '2026-05' })).rejects.toMatchObject({ code: 'invalid_parameter' });
  });
});

describe('a mapping', () => {
  it('is previewed for past months, and nothing is recorded', async () => {
    const before = await head();
    const preview = await test.ask<{ months: readonly { month: string; before: Units; after: Units }[] }>(
      'kind-mapping-preview',
      { provider: 'aws', kind: 'support', billingKinds: ['cpu', 'gpu'], effectiveFrom: T('2026-03-01') },
    );
    expect(preview.months.map(({ month }) => month)).toEqual(['2026-03', '2026-04', '2026-05', '2026-06']);
    const april = preview.months[1];
    if (april === undefined) throw new Error('April is not shown');
    expect(cogsOf(april.before)).toEqual({ ...NOT_MAPPED, unmapped: '23.06', unattributed: '5.00' });
    // 9.00 / 2
    expect(cogsOf(april.after)).toMatchObject({ cpu: '4.50', gpu: '4.50', unmapped: '14.06' });
    expect(await head()).toBe(before);
  });

  it('to several kinds divides by how long the resource was used, else evenly; and is a fact as any other', async () => {
    const before = await head();
    await test.apply(set('EC2', ['cpu', 'gpu']));
    const mapped = await head();
    // vm-1: 6 of 24 hours as cpu: 2.50 and 7.50. vm-2: 3.00. Evenly: 0.05 is 0.03 and 0.02, 1.01 is 0.51 and 0.50.
    const divided = { cpu: '6.04', gpu: '8.02', unmapped: '9.00' };
    const units = await unitsOf();
    expect(cogsOf(units)).toMatchObject(divided);
    expect(units.costs.filter(({ kind }) => kind === 'EC2')).toMatchObject([
      { billingKind: 'cpu', source: 'recorded', basis: 'even', cogs: '0.54' },
      { billingKind: 'cpu', source: 'recorded', basis: 'usage', cogs: '5.50' },
      { billingKind: 'gpu', source: 'recorded', basis: 'even', cogs: '0.52' },
      { billingKind: 'gpu', source: 'recorded', basis: 'usage', cogs: '7.50' },
    ]);

    await test.apply({ ...set('EC2', ['gpu']), command: 'correct-kind-mapping', reason: 'all of it is gpu' });
    expect(cogsOf(await unitsOf())).toMatchObject({ cpu: '0.00', gpu: '14.06' });
    const corrected = await head();
    const withdrawn = { what: 'set-kind-mapping', provider: 'aws', kind: 'EC2', effectiveFrom: APRIL.start };
    await test.apply({ command: 'withdraw', ...withdrawn, reason: 'never' });
    // The correction stays over the period that it states.
    expect(cogsOf(await unitsOf())).toMatchObject({ cpu: '0.00', gpu: '14.06' });
    expect(cogsOf(await unitsOf({ asOf: corrected }))).toMatchObject({ cpu: '0.00', gpu: '14.06' });
    expect(cogsOf(await unitsOf({ asOf: mapped }))).toMatchObject(divided);
    expect(cogsOf(await unitsOf({ asOf: before }))).toEqual({ ...NOT_MAPPED, unmapped: '23.06', unattributed: '5.00' });
    expect(await test.refused({ command: 'withdraw', ...withdrawn, reason: 'again' })).toMatchObject({
      code: 'unknown_kind_mapping',
    });
  });

  it('that begins within a month divides the cost of the month by time', async () => {
    await test.apply(set('support', ['cpu'], { effectiveFrom: T('2026-04-16'), effectiveUntil: T('2026-06-01') }));
    // 7.00: 15 of 30 days. 2.00 of the other one is of 16 April on.
    expect(cogsOf(await unitsOf())).toMatchObject({ cpu: '5.50', unmapped: '3.50' });
    expect(await test.apply(set('dns_zone', ['gpu']))).toMatchObject([{ status: 'done' }]);
    expect(cogsOf(await unitsOf())).not.toHaveProperty('dns_zones');
    const { items } = await test.ask<{ items: readonly object[] }>('kind-mappings', { at: T('2026-04-20') });
    const of = { provider: 'aws', effectiveFrom: APRIL.start, effectiveUntil: null };
    expect(items).toMatchObject([
      { ...of, kind: 'EC2', billingKinds: ['gpu'] },
      { ...of, kind: 'dns_zone', billingKinds: ['gpu'] },
      { kind: 'support', billingKinds: ['cpu'], effectiveUntil: T('2026-06-01') },
    ]);
    const first = await test.ask<{ nextCursor: string }>('kind-mappings', { limit: 2 });
    expect(await test.ask('kind-mappings', { cursor: first.nextCursor })).toMatchObject({
      items: [{ kind: 'support' }],
    });
  });

  it('applies to shared cost too; what nobody bears stays with nobody', async () => {
    await test.apply(
      {
        ...{ command: 'set-cost-sharing', policyId: 'support', costs: { kind: 'support' }, method: 'even' },
        ...{ effectiveFrom: APRIL.start },
      },
      // In March no tenant had a deployment.
      {
        ...{ command: 'record-cost', provider: 'aws', invoiceRef: '2026-03' },
        lines: [line('1', '1.00', 'support', { chargePeriod: { start: T('2026-03-01'), end: APRIL.start } })],
      },
      {
        ...{ command: 'set-cost-sharing', policyId: 'march', costs: { provider: 'aws' }, method: 'revenue' },
        ...{ effectiveFrom: T('2026-03-01'), effectiveUntil: APRIL.start },
      },
    );
    const { byKind, unmapped } = await unitsOf();
    expect(byKind.find(({ billingKind }) => billingKind === 'cpu')).toMatchObject({
      ...{ directCogs: '0.00', sharedCogs: '5.50' },
    });
    expect(unmapped).toEqual({ cogs: '3.50', directCogs: '0.00', sharedCogs: '3.50' });
    const march = await unitsOf({ from: '2026-03', to: '2026-03' });
    expect(march.unattributed).toEqual({ cogs: '1.00', directCogs: '0.00', sharedCogs: '1.00' });
    const { overall } = await test.ask<{ overall: object }>('margin', { period: '2026-04' });
    expect((await unitsOf()).overall).toEqual(overall);
  });

  it.each([
    [set('x', []), 'invalid_input'],
    [set('x', ['a', 'a']), 'invalid_kind_mapping'],
    [set('x', ['a'], { effectiveUntil: APRIL.start }), 'empty_period'],
    [{ ...set('x', ['a']), command: 'correct-kind-mapping', reason: 'never set' }, 'unknown_kind_mapping'],
    [set('dns_zone', ['cpu']), 'conflicting_body'],
  ])('%j is refused: %s', async (command, code) => {
    expect(await test.refused(command)).toMatchObject({ code });
  });

  it('shows its events to those who see the margin only', async () => {
    const auditor: Caller = { ...ADMIN, role: 'auditor' };
    const { items } = (await test.ledger.ask('events', { stream: 'kind-mappings' }, auditor)) as {
      items: readonly object[];
    };
    expect(items[0]).toMatchObject({ type: 'KindMappingSet', data: null });
  });
});

it('have no revenue per metered unit of a kind that is billed in two currencies', async () => {
  await test.apply(
    tenant('c', { currency: 'EUR' }),
    deployment('c1', 'c'),
    plan('e', '0', [{ billingKind: 'cpu', price: { model: 'unit', unitAmount: '3.00' } }], { currency: 'EUR' }),
    subscription('s-c', 'c1', 'e'),
    { command: 'observe-usage', deploymentId: 'c1', observations: [used('vm-9', 'cpu', '2026-04-10', 2, '2')] },
    { command: 'create-invoice', tenantId: 'c', asOf: MAY.start },
  );
  const { items } = await test.ask<{ items: readonly { invoiceId: string }[] }>('invoices', { tenantId: 'c' });
  for (const { invoiceId } of items) await test.apply({ command: 'issue-invoice', invoiceId, at: MAY.start });
  const cpuIn = async (currency: string) =>
    (await unitsOf({ currency })).byKind.find(({ billingKind }) => billingKind === 'cpu');
  // 10 for a and b in dollars, 2 for c in euros.
  const unknown = { meteredQuantity: '12', revenuePerMeteredUnit: null, marginPerMeteredUnit: null };
  expect(await cpuIn('USD')).toMatchObject({ ...unknown, revenue: '10.00', revenuePerBilledUnit: '1.00' });
  expect(await cpuIn('EUR')).toMatchObject({ ...unknown, revenue: '6.00', revenuePerBilledUnit: '3.00' });
});
