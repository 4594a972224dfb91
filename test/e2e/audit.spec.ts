import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, subscription, tenant } from '../support/commands.js';
import { LOGS, type TestLedger } from '../support/ledger.js';

// The log as evidence: what was recorded, page by page, and what a figure rests on. The same on either log.

const T = (date: string) => `${date}T00:00:00Z`;
interface Event {
  readonly position: number;
  readonly stream: string;
  readonly type: string;
  readonly recordedAt: string;
}
interface Page {
  readonly items: readonly Event[];
  readonly nextCursor: string | null;
}

describe.each(LOGS)('the log in %s', (_name, makeLedger) => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await makeLedger();
    await test.apply(
      tenant('t', { tax: { name: 'VAT', ratePercent: '0', from: T('2026-01-01') } }),
      tenant('u'),
      deployment('d', 't'),
      {
        command: 'publish-plan',
        planId: 'p',
        name: 'p',
        currency: 'USD',
        baseFee: '0',
        paymentTerm: 'in_arrears',
        effectiveFrom: T('2026-01-01'),
        items: [
          { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.50' } },
          { billingKind: 'cores', price: { model: 'rate_card' } },
        ],
      },
      subscription('s', 'd', 'p'),
      {
        command: 'observe-usage',
        deploymentId: 'd',
        observations: [
          {
            resourceId: 'r',
            billingKind: 'requests',
            period: { start: T('2026-04-03'), end: T('2026-04-04') },
            granularity: 'day',
            quantity: '10',
          },
        ],
      },
    );
  });
  afterAll(async () => test.close());

  const shown = ({ items }: Page) => items.map(({ position, type }) => [position, type]);

  it('is read in pages: of a stream, of a type, after a position, and as of one', async () => {
    const all = await test.ask<Page>('events');
    expect(shown(all)).toEqual([
      [1, 'TenantRegistered'],
      [2, 'TenantTaxSet'],
      [3, 'TenantRegistered'],
      [4, 'DeploymentRegistered'],
      [5, 'PlanPublished'],
      [6, 'SubscriptionStarted'],
      [7, 'UsageObserved'],
    ]);
    const first = await test.ask<Page>('events', { limit: '4' });
    expect([shown(first), all.nextCursor]).toEqual([shown(all).slice(0, 4), null]);
    const second = await test.ask<Page>('events', { limit: '4', cursor: first.nextCursor });
    expect([shown(second), second.nextCursor]).toEqual([shown(all).slice(4), null]);
    expect(shown(await test.ask<Page>('events', { stream: 'tenant-t' }))).toEqual(shown(all).slice(0, 2));
    expect(shown(await test.ask<Page>('events', { stream: 'tenant-t', type: 'TenantTaxSet' }))).toEqual([
      [2, 'TenantTaxSet'],
    ]);
    expect(shown(await test.ask<Page>('events', { type: 'TenantRegistered', after: '1' }))).toEqual([
      [3, 'TenantRegistered'],
    ]);
    expect(shown(await test.ask<Page>('events', { after: '5', asOf: '6' }))).toEqual([[6, 'SubscriptionStarted']]);
    expect(shown(await test.ask<Page>('events', { after: '900' }))).toEqual([]);
  });

  it('is read from the newest on, in pages, of a type, a stream, an actor and a time', async () => {
    const positions = async (asked: object): Promise<number[]> =>
      (await test.ask<Page>('events', { order: 'newest', ...asked })).items.map(({ position }) => position);
    const first = await test.ask<Page>('events', { order: 'newest', limit: '3' });
    expect(shown(first)).toEqual([
      [7, 'UsageObserved'],
      [6, 'SubscriptionStarted'],
      [5, 'PlanPublished'],
    ]);
    expect(await positions({ limit: '3', cursor: first.nextCursor })).toEqual([4, 3, 2]);
    expect(await positions({ type: 'TenantRegistered' })).toEqual([3, 1]);
    expect(await positions({ type: 'TenantRegistered', limit: '1' })).toEqual([3]);
    expect(await positions({ stream: 'tenant-t' })).toEqual([2, 1]);
    expect(await positions({ stream: 'tenant-t', limit: '1', asOf: '1' })).toEqual([1]);
    expect(await positions({ after: '3', asOf: '5' })).toEqual([5, 4]);
    const { items } = await test.ask<Page & { items: { actor: string }[] }>('events');
    const actor = items[0]?.actor ?? '';
    expect(await positions({ actor, limit: '2' })).toEqual([7, 6]);
    // The name must be the whole name.
    expect(await positions({ actor: actor.slice(1) })).toEqual([]);
    expect(shown(await test.ask<Page>('events', { actor, type: 'TenantTaxSet' }))).toEqual([[2, 'TenantTaxSet']]);
    const recorded = items.map(({ recordedAt }) => recordedAt);
    const [start = '', end = ''] = [recorded[1], recorded[4]];
    const within = items.filter(({ recordedAt }) => recordedAt >= start && recordedAt < end);
    expect(await positions({ start, end })).toEqual(within.map(({ position }) => position).toReversed());
    expect(await positions({ start: '2999-01-01T00:00:00Z' })).toEqual([]);
    expect(await positions({ end: '2000-01-01T00:00:00Z' })).toEqual([]);
  });

  it('is read as of an instant of recording', async () => {
    const { items } = await test.ask<Page>('events');
    const asOf = items[2]?.recordedAt;
    const tenants = await test.ask<Page>('events', { asOf });
    expect(tenants.items.map(({ position }) => position)).toEqual(
      items.filter((each) => each.recordedAt <= (asOf ?? '')).map(({ position }) => position),
    );
  });

  it('has the input events of an invoice row', async () => {
    const rateKey = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
    const period = { start: T('2026-04-03'), end: T('2026-04-04') };
    await test.apply(
      { command: 'set-rate', ...rateKey, unitPrice: '2', effectiveFrom: T('2026-01-01') },
      { command: 'set-rate', ...rateKey, location: 'nyc3', unitPrice: '3', effectiveFrom: T('2026-01-01') },
      {
        command: 'observe-usage',
        deploymentId: 'd',
        observations: [{ resourceId: 'v', billingKind: 'cores', period, granularity: 'day', quantity: '4', rateKey }],
      },
    );
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't', asOf: T('2026-05-01') });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    const id = invoices[0]?.invoiceId;
    await test.apply({ command: 'issue-invoice', invoiceId: id, at: T('2026-05-01') });
    const { rows } = await test.ask<{ rows: { arithmetic: string; events: Event[] }[] }>('explain', { id });
    expect(rows.map(({ arithmetic, events }) => [arithmetic, events.map(({ type }) => type)])).toEqual([
      [
        '10 × 0.50 = 5.00',
        ['DeploymentRegistered', 'PlanPublished', 'SubscriptionStarted', 'UsageObserved', 'LineOpened'],
      ],
      [
        '4 × 2.00 = 8.00',
        ['DeploymentRegistered', 'PlanPublished', 'SubscriptionStarted', 'RateSet', 'UsageObserved', 'LineOpened'],
      ],
    ]);
  });
});
