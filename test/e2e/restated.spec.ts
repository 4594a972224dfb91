import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { billingStream, invoiceIdOf } from '#domain/invoices/invoice';
import { lineStream, partIdOf } from '#domain/lines/line';
import { instant } from '#domain/time/instant';
import { NO_STREAM } from '#event-store/port';
import { invoiceRun } from '#operations/invoice-run';
import { LedgerCore } from '#ledger/ledger-core';
import { deployment, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What is learnt or undone later, where it meets the edges of invoices, parts and tenants. */

interface Invoice {
  readonly lines: readonly {
    readonly billingKind: string;
    readonly period: { readonly start: string; readonly end: string };
    readonly quantity: string;
    readonly net: string;
    readonly rows: readonly { readonly kind: string; readonly net: string; readonly reason?: string }[];
  }[];
  readonly quarantined: readonly { readonly code: string }[];
  readonly total: string;
  readonly creditTaken: string;
  readonly amountDue: string;
}
interface Line {
  readonly lineId: string;
  readonly billingKind: string;
  readonly status: string;
  readonly period: { readonly start: string; readonly end: string };
}

const T = (date: string) => `${date}T00:00:00Z`;
const RATE = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t1'),
    tenant('t2'),
    deployment('d1', 't1'),
    {
      command: 'publish-plan',
      planId: 'p1',
      name: 'p1',
      currency: 'USD',
      baseFee: '50.00',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-01-01'),
      items: [{ billingKind: 'hours', included: '1488', price: { model: 'unit', unitAmount: '0.01' } }],
    },
    {
      command: 'publish-plan',
      planId: 'p2',
      name: 'p2',
      currency: 'USD',
      baseFee: '0',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-01-01'),
      items: [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '0.02' } }],
    },
    {
      command: 'publish-plan',
      planId: 'p3',
      name: 'p3',
      currency: 'USD',
      baseFee: '0',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-01-01'),
      items: [{ billingKind: 'cores', price: { model: 'rate_card' } }],
    },
    subscription('s1', 'd1', 'p1'),
  );
});
afterEach(async () => test.close());

const use = async (date: string, quantity: string): Promise<void> => {
  await test.apply({
    command: 'observe-usage',
    deploymentId: 'd1',
    observations: [
      {
        resourceId: 'r1',
        billingKind: 'hours',
        period: { start: T(date), end: `${date}T01:00:00Z` },
        granularity: 'hour',
        quantity,
      },
    ],
  });
};
const draft = async (asOf: string, tenantId = 't1'): Promise<string> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  return invoices[0]?.invoiceId ?? 'none';
};
const issue = async (invoiceId: string): Promise<Invoice> => {
  await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-06-01') });
  return test.ask<Invoice>('invoice', { id: invoiceId });
};
const bill = async (asOf: string, tenantId = 't1'): Promise<Invoice> => issue(await draft(asOf, tenantId));
/** Billing kind, charge period, kind and net of each row, by billing kind. */
const shown = ({ lines }: Invoice) =>
  lines
    .flatMap(({ billingKind, period, rows }) =>
      rows.map(({ kind, net }) => [billingKind, `${period.start.slice(5, 10)}/${period.end.slice(5, 10)}`, kind, net]),
    )
    .sort();

describe('late usage', () => {
  it('is owed for a part that was issued with amount zero', async () => {
    await use('2026-04-02', '1000');
    expect(shown(await bill('2026-04-10'))).toEqual([['base_fee', '04-01/05-01', 'charge', '50.00']]);
    await use('2026-04-03', '600');
    // 1600 − 1488 = 112 above the allowance by the 10th: 1.12
    const next = await bill('2026-05-01');
    expect(shown(next)).toEqual([
      ['base_fee', '05-01/06-01', 'charge', '50.00'],
      ['hours', '04-01/04-10', 'rebooked', '1.12'],
    ]);
    expect(next.total).toBe('51.12');
  });

  it('is not owed twice if the part is on another draft', async () => {
    await use('2026-04-02', '1000');
    const first = await draft('2026-04-10');
    await use('2026-04-03', '600');
    // the second draft takes what follows; the first, issued later, bills its own part as it is known then
    await use('2026-04-12', '100');
    expect(shown(await bill('2026-04-20'))).toEqual([['hours', '04-10/04-20', 'charge', '1.00']]);
    expect(shown(await issue(first))).toEqual([
      ['base_fee', '04-01/05-01', 'charge', '50.00'],
      ['hours', '04-01/04-10', 'charge', '1.12'],
    ]);
  });
});

describe('usage that is late for two invoices', () => {
  it('is not lost if an older draft is issued after a later part', async () => {
    const older = await draft('2026-04-10');
    await use('2026-04-02', '1488');
    await bill('2026-05-01');
    await use('2026-04-13', '100');
    // 1488 are included; the 100 of the 13th are in the part that the invoice of 1 May billed
    expect(shown(await issue(older))).toEqual([
      ['base_fee', '04-01/05-01', 'charge', '50.00'],
      ['hours', '04-10/05-01', 'rebooked', '1.00'],
    ]);
    expect(shown(await bill('2026-06-01'))).toEqual([['base_fee', '06-01/07-01', 'charge', '50.00']]);
  });

  it('has the same result if the first part was voided and is billed again', async () => {
    await test.apply({
      command: 'publish-plan',
      planId: 'p1',
      name: 'p1',
      currency: 'USD',
      baseFee: '0',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-04-01'),
      items: [
        {
          billingKind: 'hours',
          price: {
            model: 'graduated',
            tiers: [
              { upTo: '10', unitAmount: '1.00' },
              { upTo: null, unitAmount: '0.50' },
            ],
          },
        },
      ],
    });
    await use('2026-04-02', '5');
    const first = await draft('2026-04-10');
    await issue(first);
    await use('2026-04-12', '5');
    await bill('2026-04-20');
    await test.apply({ command: 'void-invoice', invoiceId: first, at: T('2026-04-21') });
    await use('2026-04-03', '5');
    await bill('2026-04-10');
    const { items } = await test.ask<{ items: readonly { status: string; net: string }[] }>('lines', {
      tenantId: 't1',
      billingKind: 'hours',
      at: T('2026-04-30'),
    });
    // 15 in all: 10 × 1.00 + 5 × 0.50 = 12.50: now 10.00 in the first part and 2.50 in the second
    expect(items.filter(({ status }) => status === 'valid').map(({ net }) => net)).toEqual(['10.00', '2.50', '0.00']);
  });

  it('is corrected with every reason since then', async () => {
    await use('2026-04-02', '1600');
    await bill('2026-04-10');
    const correct = (quantity: string, reason: string) => ({
      command: 'correct-usage',
      deploymentId: 'd1',
      resourceId: 'r1',
      billingKind: 'hours',
      period: { start: T('2026-04-02'), end: '2026-04-02T01:00:00Z' },
      granularity: 'hour',
      quantity,
      reason,
    });
    await test.apply(correct('1700', 'the meter stood still'), correct('1800', 'and once more'));
    const { lines } = await bill('2026-04-20');
    expect(lines.flatMap(({ rows }) => rows.map(({ net, reason }) => [net, reason]))).toEqual([
      ['-1.12', 'the meter stood still; and once more'],
      ['3.12', 'the meter stood still; and once more'],
    ]);
  });
});

describe('terms that change after they were billed', () => {
  const republish = (more: object) => ({
    command: 'publish-plan',
    planId: 'p1',
    name: 'p1',
    currency: 'USD',
    baseFee: '50.00',
    paymentTerm: 'in_advance',
    effectiveFrom: T('2026-04-16'),
    items: [{ billingKind: 'hours', included: '1488', price: { model: 'unit', unitAmount: '0.01' } }],
    ...more,
  });

  it('owe nothing if the amount is the same', async () => {
    await bill('2026-04-01');
    await test.apply(republish({ name: 'same again' }));
    expect(await draft('2026-04-20')).toBe('none');
  });

  it('keep the amount of a unit price if a volume price follows, which is billed at the period’s end', async () => {
    await use('2026-04-02', '1588');
    await bill('2026-04-10');
    await test.apply(
      republish({
        items: [{ billingKind: 'hours', price: { model: 'volume', tiers: [{ upTo: null, unitAmount: '0.02' }] } }],
      }),
    );
    await use('2026-04-17', '100');
    // from the 16th on 1588 to 1688 at 0.02 each: 33.76 − 31.76 = 2.00, due at the end
    expect(await draft('2026-04-20')).toBe('none');
    expect(shown(await bill('2026-05-01'))).toEqual([
      ['base_fee', '05-01/06-01', 'charge', '50.00'],
      ['hours', '04-10/05-01', 'charge', '2.00'],
    ]);
  });

  it('bill a fee that is now in arrears when its period ends', async () => {
    await bill('2026-04-01');
    await test.apply(republish({ baseFee: '80.00', paymentTerm: 'in_arrears' }));
    // half of the 50.00 in advance comes back now, half of the 80.00 in arrears is due on 1 May
    expect(shown(await bill('2026-04-20'))).toEqual([
      ['base_fee', '04-01/05-01', 'rebooked', '25.00'],
      ['base_fee', '04-01/05-01', 'reversal', '-50.00'],
    ]);
    expect(shown(await bill('2026-05-01'))).toEqual([['base_fee', '04-16/05-01', 'charge', '40.00']]);
  });
});

describe('a line that can’t be rated', () => {
  it('is named in the answers and on the invoice without it', async () => {
    await test.apply({
      command: 'publish-plan',
      planId: 'p1',
      name: 'p1',
      currency: 'USD',
      baseFee: '50.00',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-04-01'),
      items: [{ billingKind: 'cores', price: { model: 'rate_card' } }],
    });
    const rateKey = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'mars' };
    const period = { start: T('2026-04-02'), end: T('2026-04-03') };
    await test.apply({
      command: 'observe-usage',
      deploymentId: 'd1',
      observations: [{ resourceId: 'r1', billingKind: 'cores', period, granularity: 'day', quantity: '3', rateKey }],
    });
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-04-10') });
    expect(created).toMatchObject({ result: { quarantined: [{ code: 'missing_rate' }] } });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    const issued = await issue(invoices[0]?.invoiceId ?? '');
    expect([shown(issued), issued.quarantined.map(({ code }) => code)]).toEqual([
      [['base_fee', '04-01/05-01', 'charge', '50.00']],
      ['missing_rate'],
    ]);
  });

  it('includes one in another currency than its tenant’s', async () => {
    await test.apply(
      { command: 'register-tenant', tenantId: 'euro', name: 'Euro', currency: 'EUR' },
      deployment('d2', 't1'),
      { command: 'assign-deployment', deploymentId: 'd2', tenantId: 'euro', from: T('2026-05-01') },
      subscription('s2', 'd2', 'p1'),
    );
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'euro', asOf: T('2026-05-01') });
    expect(created).toMatchObject({ result: { invoices: [], quarantined: [{ code: 'currency_mismatch' }] } });
    const listed = await test.ask('lines', { tenantId: 'euro', quarantined: 'true', at: T('2026-05-01') });
    expect(listed).toMatchObject({ items: [{ quarantine: { code: 'currency_mismatch' } }] });
  });
});

describe('a line that continues after it was billed to its end', () => {
  const plan = (planId: string, effectiveFrom: string, items: object[]) => ({
    command: 'publish-plan',
    planId,
    name: planId,
    currency: 'USD',
    baseFee: '0',
    paymentTerm: 'in_advance',
    effectiveFrom: T(effectiveFrom),
    items,
  });
  const hours = { billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } };
  const billed = async (): Promise<string> => {
    const { items } = await test.ask<{ items: Invoice[] }>('invoices', { tenantId: 't1' });
    const lines = items
      .flatMap((each) => each.lines)
      .filter(({ billingKind, net }) => billingKind === 'hours' && net !== '0.00');
    return lines.map(({ net }) => net).join(' ');
  };

  it('is billed for the rest, and for its late usage', async () => {
    await test.apply(plan('with', '2026-01-01', [hours]), plan('without', '2026-01-01', []), {
      command: 'change-plan',
      subscriptionId: 's1',
      planId: 'with',
      at: '2026-04-01T00:00:01Z',
    });
    await test.apply({ command: 'change-plan', subscriptionId: 's1', planId: 'without', at: T('2026-04-20') });
    await use('2026-04-03', '10');
    await use('2026-04-25', '7');
    await bill('2026-05-01');
    expect(await billed()).toBe('10.00');
    // the item was forgotten in the second plan
    await test.apply(plan('without', '2026-04-20', [hours]));
    await bill('2026-05-02');
    await use('2026-04-26', '3');
    await bill('2026-05-03');
    // 7 more, and 3 more
    expect(await billed()).toBe('10.00 7.00 3.00');
  });

  it('is billed by a draft for the claimed part, and by the next one for the rest', async () => {
    await test.apply(plan('with', '2026-01-01', [hours]), plan('without', '2026-01-01', []), {
      command: 'change-plan',
      subscriptionId: 's1',
      planId: 'with',
      at: '2026-04-01T00:00:01Z',
    });
    await test.apply({ command: 'change-plan', subscriptionId: 's1', planId: 'without', at: T('2026-04-20') });
    await use('2026-04-03', '10');
    await use('2026-04-25', '7');
    const drafted = await draft('2026-05-01');
    await test.apply(plan('without', '2026-04-20', [hours]));
    await issue(drafted);
    expect(await billed()).toBe('10.00');
    await bill('2026-05-02');
    expect(await billed()).toBe('10.00 7.00');
    expect(await draft('2026-05-03')).toBe('none');
  });
});

describe('usage that is recorded while an invoice is being issued', () => {
  it('is late for it: the line is marked although it is only on a draft', async () => {
    await use('2026-04-02', '1488');
    const drafted = await draft('2026-05-01');
    await use('2026-04-04', '100');
    await test.ledger.catchUp();
    const { rows } = await test.app.get(LedgerCore).pool.query<{ reason: string }>('SELECT reason FROM restatements');
    expect(rows).toEqual([{ reason: 'late usage' }]);
    // issued later than that, the invoice has it, and the mark is settled
    expect(shown(await issue(drafted)).at(-1)).toEqual(['hours', '04-01/05-01', 'charge', '1.00']);
    expect(await draft('2026-05-02')).toBe('none');
  });
});

describe('a line that can’t be rated when its draft is issued', () => {
  it('is named on the invoice, and billed by the next one that can rate it', async () => {
    const rate = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
    await test.apply(
      {
        command: 'publish-plan',
        planId: 'p1',
        name: 'p1',
        currency: 'USD',
        baseFee: '50.00',
        paymentTerm: 'in_advance',
        effectiveFrom: T('2026-04-01'),
        items: [{ billingKind: 'cores', price: { model: 'rate_card' } }],
      },
      { command: 'set-rate', ...rate, unitPrice: '2', effectiveFrom: T('2026-04-01') },
    );
    const of = (date: string) => ({
      command: 'observe-usage',
      deploymentId: 'd1',
      observations: [
        {
          resourceId: 'r1',
          billingKind: 'cores',
          period: { start: T(date), end: `${date}T01:00:00Z` },
          granularity: 'hour',
          quantity: '3',
          rateKey: rate,
        },
      ],
    });
    await test.apply(of('2026-04-02'));
    const drafted = await draft('2026-04-10');
    await test.apply({ command: 'withdraw-rate', ...rate, from: T('2026-04-01'), reason: 'by mistake' });
    const issued = await issue(drafted);
    expect(shown(issued)).toEqual([['base_fee', '04-01/05-01', 'charge', '50.00']]);
    expect(issued.quarantined.map(({ code }) => code)).toEqual(['missing_rate']);
    const listed = async (quarantined: string) =>
      (
        await test.ask<{ items: Line[] }>('lines', {
          tenantId: 't1',
          status: 'valid',
          quarantined,
          at: T('2026-04-10'),
        })
      ).items.map(({ billingKind }) => billingKind);
    expect([await listed('true'), await listed('false')]).toEqual([['cores', 'cores'], ['base_fee']]);
    await test.apply({
      command: 'correct-rate',
      ...rate,
      unitPrice: '2',
      effectiveFrom: T('2026-04-01'),
      reason: 'it was right',
    });
    // 3 × 2
    expect(shown(await bill('2026-04-20'))).toEqual([['cores', '04-01/04-10', 'charge', '6.00']]);
  });
});

describe('an invoice below zero', () => {
  const cancel = { command: 'cancel-subscription', subscriptionId: 's1', at: T('2026-04-16') };
  const second = [
    deployment('d2', 't1'),
    { command: 'start-subscription', subscriptionId: 's2', deploymentId: 'd2', planId: 'p1', from: T('2026-05-01') },
  ];
  const due = ({ total, creditTaken, amountDue }: Invoice) => [total, creditTaken, amountDue];

  it('is the tenant’s credit, which the next one deducts from its amount due, not from its total', async () => {
    expect(due(await bill('2026-04-01'))).toEqual(['50.00', '0.00', '50.00']);
    await test.apply(cancel, ...second);
    // half of the fee in advance comes back
    expect(due(await bill('2026-04-20'))).toEqual(['-25.00', '0.00', '0.00']);
    const { items } = await test.ask<{ items: { credits: object[] }[] }>('tenants', { tenantId: 't1' });
    expect(items[0]?.credits).toEqual([{ currency: 'USD', amount: '25.00' }]);
    const next = await draft('2026-05-01');
    expect(due(await test.ask<Invoice>('invoice', { id: next }))).toEqual(['50.00', '25.00', '25.00']);
    expect(due(await issue(next))).toEqual(['50.00', '25.00', '25.00']);
    expect(due(await bill('2026-06-01'))).toEqual(['50.00', '0.00', '50.00']);
  });

  it('can’t be voided after its credit was used', async () => {
    await bill('2026-04-01');
    await test.apply(cancel, ...second);
    const below = await draft('2026-04-20');
    await issue(below);
    const next = await draft('2026-05-01');
    await issue(next);
    const refused = await test.ledger.execute(
      { command: 'void-invoice', invoiceId: below, at: T('2026-05-02') },
      ADMIN,
    );
    expect(refused).toMatchObject({ status: 'refused', error: { code: 'credit_taken' } });
    await test.apply(
      { command: 'void-invoice', invoiceId: next, at: T('2026-05-02') },
      { command: 'void-invoice', invoiceId: below, at: T('2026-05-02') },
    );
    expect(due(await test.ask<Invoice>('invoice', { id: below }))).toEqual(['-25.00', '0.00', '0.00']);
  });
});

describe('a billed part', () => {
  it('shows the billed amounts: later usage counts after its correction', async () => {
    await use('2026-04-02', '1500');
    await bill('2026-04-10');
    await use('2026-04-03', '100');
    const shownLine = async () => {
      const { items } = await test.ask<{ items: readonly (Line & { quantity: string; net: string })[] }>('lines', {
        tenantId: 't1',
        billingKind: 'hours',
        at: T('2026-04-12'),
      });
      return items.filter(({ status }) => status === 'valid').map(({ quantity, net }) => [quantity, net]);
    };
    // 1500 − 1488 = 12
    expect(await shownLine()).toEqual([
      ['1500', '0.12'],
      ['0', '0.00'],
    ]);
    const { lines } = await bill('2026-04-20');
    // 100 more, at 0.01
    expect(lines.map(({ billingKind, quantity, net }) => [billingKind, quantity, net])).toEqual([
      ['hours', '100', '1.00'],
      ['hours', '0', '0.00'],
    ]);
    expect((await shownLine())[0]).toEqual(['1600', '1.12']);
  });

  it('is shown in the order of time', async () => {
    const { items } = await test.ask<{ items: readonly Line[] }>('lines', {
      tenantId: 't1',
      billingKind: 'hours',
      at: T('2026-12-01'),
    });
    expect(items.map(({ period }) => period.start.slice(0, 7))).toEqual(
      ['04', '05', '06', '07', '08', '09', '10', '11', '12'].map((month) => `2026-${month}`),
    );
  });
});

describe('a question as of before there was anything', () => {
  it('has an empty answer', async () => {
    await bill('2026-04-01');
    const names = [
      'invoices',
      'lines',
      'tenants',
      'subscriptions',
      'usage-records',
      'deployments',
      'credits',
      'credit-notes',
    ];
    const of: Record<string, object> = {
      subscriptions: { deploymentId: 'd1' },
      'usage-records': { deploymentId: 'd1' },
      deployments: { deploymentId: 'd1' },
    };
    for (const name of names)
      expect([name, await test.ask(name, { asOf: '0', ...(of[name] ?? { tenantId: 't1' }) })]).toMatchObject([
        name,
        { items: [] },
      ]);
    expect(await test.ask('plans', { asOf: '0', planId: 'p1' })).toMatchObject({ items: [] });
    // money at its currency's scale
    expect(await test.ask('plans', { planId: 'p1' })).toMatchObject({ items: [{ baseFee: '50.00' }] });
    expect(await test.ask('usage', { asOf: '0', deploymentId: 'd1' })).toEqual({});
    await expect(test.ask('invoices', { tenantId: 'nobody' })).rejects.toMatchObject({ code: 'unknown_tenant' });
  });
});

describe('a preview', () => {
  it('is the invoice that would result, and leaves nothing behind', async () => {
    await use('2026-04-02', '1600');
    const preview = await test.ask<Invoice & { invoiceId: null; status: string }>('invoice-preview', {
      tenantId: 't1',
      at: T('2026-04-10'),
    });
    // 50.00 + 112 × 0.01
    expect([preview.invoiceId, preview.status, preview.total]).toEqual([null, 'preview', '51.12']);
    expect(shown(preview)).toEqual([
      ['base_fee', '04-01/05-01', 'charge', '50.00'],
      ['hours', '04-01/04-10', 'charge', '1.12'],
    ]);
    expect(await test.ask('invoices', { tenantId: 't1' })).toMatchObject({ items: [] });
    expect(shown(await bill('2026-04-10'))).toEqual(shown(preview));
  });
});

describe('an invoice of an earlier instant', () => {
  it('also restates later lines, without reversing them', async () => {
    await bill('2026-05-01');
    await test.apply({
      command: 'correct-price',
      planId: 'p1',
      billingKind: 'base_fee',
      price: { model: 'flat', amount: '60.00', paymentTerm: 'in_advance' },
      effectiveFrom: T('2026-04-01'),
      reason: 'the offer said so',
    });
    // April and May are 60.00 each instead of 50.00
    expect(shown(await bill('2026-04-20'))).toEqual([
      ['base_fee', '04-01/05-01', 'rebooked', '60.00'],
      ['base_fee', '04-01/05-01', 'reversal', '-50.00'],
      ['base_fee', '05-01/06-01', 'rebooked', '60.00'],
      ['base_fee', '05-01/06-01', 'reversal', '-50.00'],
    ]);
    expect(await draft('2026-05-02')).toBe('none');
  });

  it('follows a voided one, and splits its reopened part', async () => {
    await use('2026-04-02', '1800');
    await use('2026-04-12', '100');
    const first = await draft('2026-04-16');
    await issue(first);
    await test.apply({ command: 'void-invoice', invoiceId: first, at: T('2026-04-17') });
    expect(shown(await bill('2026-04-10')).at(-1)).toEqual(['hours', '04-01/04-10', 'charge', '3.12']);
    expect(shown(await bill('2026-04-20'))).toEqual([['hours', '04-10/04-16', 'charge', '1.00']]);
    const { items } = await test.ask<{ items: readonly Line[] }>('lines', {
      tenantId: 't1',
      billingKind: 'hours',
      at: T('2026-04-20'),
    });
    const parts = items.filter(({ status }) => status === 'valid');
    expect(parts.map(({ period }) => [period.start.slice(5, 10), period.end.slice(5, 10)])).toEqual([
      ['04-01', '04-10'],
      ['04-10', '04-16'],
      ['04-16', '04-20'],
      ['04-20', '05-01'],
    ]);
  });
});

describe('a deployment that belonged to another tenant from the start', () => {
  it('credits the first tenant, and bills the second in its own parts', async () => {
    await use('2026-04-02', '1800');
    await bill('2026-04-16');
    await test.apply({ command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-04-01') });
    expect(shown(await bill('2026-04-20'))).toEqual([
      ['base_fee', '04-01/05-01', 'reversal', '-50.00'],
      ['hours', '04-01/04-16', 'reversal', '-3.12'],
    ]);
    expect((await bill('2026-04-20', 't2')).total).toBe('53.12');
    await use('2026-04-22', '50');
    expect(shown(await bill('2026-05-01', 't2'))).toEqual([
      ['base_fee', '05-01/06-01', 'charge', '50.00'],
      ['hours', '04-20/05-01', 'charge', '0.50'],
    ]);
  });
});

describe('a run that was killed between claiming a part and cutting its line', () => {
  it('is finished by the next, also if the part was cut before', async () => {
    await use('2026-04-02', '1800');
    await bill('2026-04-16');
    await use('2026-04-17', '100');
    await use('2026-04-25', '200');
    const { items } = await test.ask<{ items: readonly Line[] }>('lines', {
      tenantId: 't1',
      billingKind: 'hours',
      at: T('2026-04-16'),
    });
    const lineId = items.find(({ status }) => status === 'split')?.lineId ?? '';
    const core = test.app.get(LedgerCore);
    const asOf = instant(T('2026-04-23'));
    const invoiceId = invoiceIdOf({ tenantId: 't1', currency: 'USD', asOf, selection: null }, 0);
    const attempt = '4f1f7a52-5d0e-4b7a-9a44-0e6c1d2b3a49';
    const parts = [
      {
        lineId,
        partId: partIdOf(lineId, instant(T('2026-04-16'))),
        period: { start: instant(T('2026-04-16')), end: asOf },
      },
    ];
    const stream = billingStream('t1', 'USD');
    // what a run appends before it cuts the line: the claim, and nothing more
    await core.book.appendAll(
      stream,
      await core.log.revisionOf(stream),
      {
        caller: ADMIN,
        name: 'create-invoice',
        key: 'died',
        bodyHash: '',
        occurredAt: null,
        isKeyed: false,
        idempotencyKey: null,
        basedOn: null,
        fields: {},
      },
      [
        { type: 'InvoicePartsClaimed', data: { invoiceId, attempt, n: 0, parts } },
        {
          type: 'InvoiceDrafted',
          data: { invoiceId, tenantId: 't1', currency: 'USD', asOf, attempt, chunks: 1, partsHash: '' },
        },
      ],
    );
    expect(await core.log.revisionOf(lineStream(lineId))).toBe(NO_STREAM + 2);
    expect(shown(await issue(invoiceId))).toEqual([['hours', '04-16/04-23', 'charge', '1.00']]);
    expect(shown(await bill('2026-05-01'))).toEqual([
      ['base_fee', '05-01/06-01', 'charge', '50.00'],
      ['hours', '04-23/05-01', 'charge', '2.00'],
    ]);
  });
});

describe('a draft that has become empty', () => {
  it('is voided when it is issued, gets no number, and its parts are billed when they have an amount', async () => {
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's1', at: T('2026-04-01') });
    await test.apply(subscription('s2', 'd1', 'p2'));
    await use('2026-04-02', '300');
    const invoiceId = await draft('2026-04-10');
    const reading = {
      deploymentId: 'd1',
      resourceId: 'r1',
      billingKind: 'hours',
      period: { start: T('2026-04-02'), end: '2026-04-02T01:00:00Z' },
      granularity: 'hour',
    };
    await test.apply({ command: 'correct-usage', ...reading, quantity: '0', reason: 'a test' });
    const [issued] = await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-04-10') });
    expect(issued).toMatchObject({
      status: 'done',
      result: { invoiceId, status: 'void', reason: 'nothing is due of it any more' },
    });
    expect(await test.ask('invoice', { id: invoiceId })).toMatchObject({
      status: 'void',
      number: null,
      total: '0.00',
    });
    expect(await draft('2026-04-10')).toBe('none');
    await test.apply({ command: 'correct-usage', ...reading, quantity: '200', reason: 'no test' });
    // 200 × 0.02, and the first number
    expect(await bill('2026-04-11')).toMatchObject({ number: 'INV-000001', total: '4.00' });
  });

  it('reports that it can’t be rated any more', async () => {
    await test.apply(
      { command: 'cancel-subscription', subscriptionId: 's1', at: T('2026-04-01') },
      subscription('s2', 'd1', 'p3'),
      { command: 'set-rate', ...RATE, unitPrice: '0.10', effectiveFrom: T('2026-01-01') },
      {
        command: 'observe-usage',
        deploymentId: 'd1',
        observations: [
          {
            resourceId: 'r1',
            billingKind: 'cores',
            period: { start: T('2026-04-02'), end: T('2026-04-03') },
            granularity: 'day',
            quantity: '100',
            rateKey: RATE,
          },
        ],
      },
    );
    await draft('2026-04-10');
    await test.apply({ command: 'withdraw-rate', ...RATE, from: T('2026-01-01'), reason: 'no longer sold' });
    const billed = [];
    for await (const each of invoiceRun(test.ledger, ADMIN, {
      asOf: instant(T('2026-04-10')),
      tenantIds: ['t1'],
      issue: true,
    }))
      billed.push(each);
    expect(billed).toMatchObject([
      { invoices: [{ status: 'void', number: null }], quarantined: [{ code: 'missing_rate' }], failure: null },
    ]);
  });
});
