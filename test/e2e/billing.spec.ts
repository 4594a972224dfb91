import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deployment, subscription } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

interface Row {
  readonly kind: string;
  readonly ref: string;
  readonly quantity: string;
  readonly net: string;
}
interface Line {
  readonly billingKind: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly rows: readonly Row[];
  readonly net: string;
  readonly tax: string;
  readonly correction: boolean;
}
interface Invoice {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly status: string;
  readonly lines: readonly Line[];
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
  readonly quarantined: readonly { readonly code: string }[];
}

const T = (date: string) => `${date}T00:00:00Z`;

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
});
afterEach(async () => test.close());

const plan = (planId: string, more: object = {}) => ({
  command: 'publish-plan',
  planId,
  name: planId,
  currency: 'USD',
  baseFee: '30.00',
  paymentTerm: 'in_advance',
  effectiveFrom: T('2026-01-01'),
  items: [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.50' } }],
  ...more,
});

/** A tenant on a plan from 1 April 2026. */
const onPlan = async (published: object, tenant: object = {}): Promise<void> => {
  await test.apply(
    { command: 'register-tenant', tenantId: 't1', name: 'Tenant', currency: 'USD', ...tenant },
    deployment('d1', 't1'),
    published,
    subscription('s1', 'd1', 'p1'),
  );
};

const usage = (day: string, quantity: string, more: object = {}) => ({
  command: 'observe-usage',
  deploymentId: 'd1',
  observations: [
    {
      resourceId: 'r1',
      billingKind: 'requests',
      period: { start: T(day), end: `${day}T12:00:00Z` },
      granularity: 'event',
      quantity,
      ...more,
    },
  ],
});

const create = async (asOf: string, tenantId = 't1'): Promise<string[]> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  return (created as { result: { invoices: { invoiceId: string }[] } }).result.invoices.map(
    ({ invoiceId }) => invoiceId,
  );
};
const issue = async (asOf: string, tenantId = 't1'): Promise<Invoice> => {
  const [invoiceId = 'none'] = await create(asOf, tenantId);
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return test.ask<Invoice>('invoice', { id: invoiceId });
};
const rowsOf = (invoice: Invoice) =>
  invoice.lines.flatMap((line) =>
    line.rows.map((row) => [
      line.billingKind,
      line.period.start.slice(0, 10),
      line.period.end.slice(0, 10),
      row.kind,
      row.net,
    ]),
  );

describe('an invoice', () => {
  it('is the same for the same tenant and instant until it is voided, which opens its usage again', async () => {
    await onPlan(plan('p1'));
    await test.apply(usage('2026-04-03', '10'));
    const [first] = await create('2026-04-10');
    expect(await create('2026-04-10')).toEqual([first]);
    await test.apply({ command: 'issue-invoice', invoiceId: first, at: T('2026-04-10') });
    await test.apply({ command: 'void-invoice', invoiceId: first, at: T('2026-04-11'), reason: 'wrong address' });
    // All that it billed is open again: 10 × 0.50 and the base fee.
    const again = await issue('2026-04-10');
    expect(again.invoiceId).not.toBe(first);
    // Its number stays used.
    expect([again.number, again.total]).toEqual(['INV-000002', '35.00']);
  });

  it('that is void or paid refuses to be issued for that reason, at any instant', async () => {
    await onPlan(plan('p1'));
    const on = (command: string, invoiceId: string | undefined, day: string) => ({ command, invoiceId, at: T(day) });
    const [first] = await create('2026-04-10');
    await test.apply(on('issue-invoice', first, '2026-04-10'));
    // It is issued: the same command contradicts itself.
    expect((await test.refused(on('issue-invoice', first, '2026-04-12'))).code).toBe('conflicting_body');
    await test.apply(on('void-invoice', first, '2026-04-11'));
    const refused = await test.refused(on('issue-invoice', first, '2026-04-12'));
    expect(refused.code).toBe('invoice_not_draft');
    expect(refused.message).toContain('is void and stays void');
    expect((await test.refused(on('pay-invoice', first, '2026-04-12'))).code).toBe('invoice_not_issued');
    // A list of commands that is applied again changes nothing.
    expect(await test.apply(on('issue-invoice', first, '2026-04-10'))).toMatchObject([{ status: 'unchanged' }]);
    const [second] = await create('2026-04-10');
    await test.apply(on('issue-invoice', second, '2026-04-10'), on('pay-invoice', second, '2026-04-15'));
    const paid = await test.refused(on('issue-invoice', second, '2026-04-12'));
    expect([paid.code, paid.message]).toEqual(['invoice_not_draft', expect.stringContaining('is paid')]);
    expect((await test.refused(on('void-invoice', second, '2026-04-16'))).code).toBe('invoice_paid');
    // A draft that is voided was never issued.
    const [third] = await create('2026-05-01');
    await test.apply(on('void-invoice', third, '2026-05-01'));
    expect((await test.refused(on('issue-invoice', third, '2026-05-01'))).code).toBe('invoice_not_draft');
    expect((await test.refused(on('void-invoice', third, '2026-05-02'))).code).toBe('conflicting_body');
  });

  it('answers the position of its last event, which cuts a line', async () => {
    await onPlan(plan('p1'));
    await test.apply(usage('2026-04-03', '10'));
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-04-10') });
    const { items } = await test.ask<{ items: { type: string; position: number }[] }>('events', { limit: 100 });
    expect(items.at(-1)).toMatchObject({ type: 'LineSplit', position: await test.ledger.catchUp() });
    expect(created).toMatchObject({ status: 'done', position: items.at(-1)?.position });
  });

  it('is not made if nothing is due', async () => {
    await onPlan(plan('p1', { baseFee: '0' }));
    expect(await create('2026-04-10')).toEqual([]);
  });

  it('has tax per line by largest remainder, adding up to the header', async () => {
    await onPlan(
      plan('p1', {
        baseFee: '0.05',
        items: [
          { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.05' } },
          { billingKind: 'calls', price: { model: 'unit', unitAmount: '0.05' } },
        ],
      }),
      { tax: { name: 'GST', ratePercent: '10', from: T('2026-01-01') } },
    );
    await test.apply(usage('2026-04-03', '1'), usage('2026-04-03', '1', { billingKind: 'calls' }));
    const invoice = await issue('2026-04-10');
    // 3 × 0.05 = 0.15; 10 % is 0.015, to the cent 0.02: two of three lines carry a cent.
    expect([invoice.subtotal, invoice.tax, invoice.total]).toEqual(['0.15', '0.02', '0.17']);
    expect(invoice.lines.map(({ tax }) => tax).sort()).toEqual(['0.00', '0.01', '0.01']);
  });

  it('can’t be voided after payment, nor paid twice', async () => {
    await onPlan(plan('p1'));
    const { invoiceId } = await issue('2026-04-10');
    await test.apply({ command: 'pay-invoice', invoiceId, at: T('2026-04-20') });
    const refused = await test.ledger.execute({ command: 'void-invoice', invoiceId, at: T('2026-04-21') }, ADMIN);
    expect(refused).toMatchObject({ status: 'refused', error: { code: 'invoice_paid' } });
    const [again] = await test.apply({ command: 'pay-invoice', invoiceId, at: T('2026-04-20') });
    expect(again?.status).toBe('unchanged');
  });
});

describe('a subscription', () => {
  it('that is cancelled is billed up to that instant, and the unused advance fee is returned', async () => {
    await onPlan(plan('p1'));
    await test.apply(usage('2026-04-03', '10'));
    expect((await issue('2026-04-10')).total).toBe('35.00');
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's1', at: T('2026-04-16') });
    // 15 of 30 days: 15.00 of the 30.00 remain; usage after the end is nobody's.
    await test.apply(usage('2026-04-12', '4'), usage('2026-04-20', '100'));
    const last = await issue('2026-05-01');
    expect(rowsOf(last)).toEqual([
      ['base_fee', '2026-04-01', '2026-05-01', 'reversal', '-30.00'],
      ['base_fee', '2026-04-01', '2026-05-01', 'rebooked', '15.00'],
      ['requests', '2026-04-10', '2026-04-16', 'charge', '2.00'],
    ]);
    expect(last.total).toBe('-13.00');
  });

  it('whose deployment moves to another tenant ends for the one and starts for the other', async () => {
    await onPlan(plan('p1'));
    await test.apply(
      { command: 'register-tenant', tenantId: 't2', name: 'Other', currency: 'USD' },
      { command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-04-11') },
      usage('2026-04-03', '10'),
      usage('2026-04-20', '6'),
    );
    // 10 of 30 days of the fee and 10 requests; 20 days and 6 requests; and May's fee, in advance, is the new tenant's.
    const old = await issue('2026-05-01');
    expect(rowsOf(old)).toEqual([
      ['base_fee', '2026-04-01', '2026-04-11', 'charge', '10.00'],
      ['requests', '2026-04-01', '2026-04-11', 'charge', '5.00'],
    ]);
    const other = await issue('2026-05-01', 't2');
    expect(rowsOf(other)).toEqual([
      ['base_fee', '2026-04-11', '2026-05-01', 'charge', '20.00'],
      ['base_fee', '2026-05-01', '2026-06-01', 'charge', '30.00'],
      ['requests', '2026-04-11', '2026-05-01', 'charge', '3.00'],
    ]);
  });

  it('that overlaps another of the same deployment is refused', async () => {
    await onPlan(plan('p1'));
    const second = {
      command: 'start-subscription',
      subscriptionId: 's2',
      deploymentId: 'd1',
      planId: 'p1',
      from: T('2026-06-01'),
    };
    expect(await test.ledger.execute(second, ADMIN)).toMatchObject({
      status: 'refused',
      error: { code: 'subscription_overlap' },
    });
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's1', at: T('2026-06-01') });
    await test.apply(second);
  });

  it('that changes its plan keeps counting: used quantity counts against the new allowance', async () => {
    await onPlan(
      plan('p1', {
        baseFee: '0',
        items: [{ billingKind: 'requests', included: '100', price: { model: 'unit', unitAmount: '1' } }],
      }),
    );
    await test.apply(
      plan('p2', {
        baseFee: '0',
        items: [{ billingKind: 'requests', included: '150', price: { model: 'unit', unitAmount: '2' } }],
      }),
      { command: 'change-plan', subscriptionId: 's1', planId: 'p2', at: T('2026-04-16') },
      usage('2026-04-03', '120'),
      usage('2026-04-20', '80'),
    );
    // Until the 16th 20 above 100 at 1; then up to 200, 150 included: 50 × 2 − 0 = 100.
    expect((await issue('2026-05-01')).total).toBe('120.00');
  });
});

describe('a tier with a flat amount alone', () => {
  it('has the unit amount 0, in publish-plan, correct-price and quotes', async () => {
    const tiers = (first: string) => [
      { upTo: '100', flatAmount: first },
      { upTo: null, unitAmount: '0.10' },
    ];
    const price = { model: 'graduated', tiers: tiers('20.00') };
    const items = [{ billingKind: 'requests', price }];
    await onPlan(plan('p1', { baseFee: '0', items }));
    await test.apply(usage('2026-04-03', '130'));
    expect(await test.ask('quote', { planId: 'p1', usage: { requests: '130' }, at: T('2026-04-01') })).toMatchObject({
      total: '23.00',
    });
    // 20.00 + 30 × 0.10
    expect((await issue('2026-05-01')).total).toBe('23.00');
    await test.apply({
      ...{ command: 'correct-price', planId: 'p1', billingKind: 'requests', effectiveFrom: T('2026-01-01') },
      ...{ price: { model: 'graduated', tiers: tiers('25.00') }, reason: 'the price list says 25' },
    });
    // 5.00 more for April, and May's 25.00: tier 1's flat amount falls due at 0 already.
    expect((await issue('2026-06-01')).subtotal).toBe('30.00');
  });
});

describe('a plan published again with the same fee', () => {
  it('does not change the fee: 25.00 + 25.00 is 50.00', async () => {
    await onPlan(plan('p1', { baseFee: '50.00' }));
    expect((await issue('2026-04-01')).total).toBe('50.00');
    await test.apply(plan('p1', { baseFee: '50.00', effectiveFrom: T('2026-04-16') }));
    const later = await create('2026-04-20');
    const invoices = await Promise.all(later.map(async (id) => test.ask<Invoice>('invoice', { id })));
    expect(invoices.map(({ total }) => total).filter((total) => total !== '0.00')).toEqual([]);
  });
});

describe('usage priced by a rate card', () => {
  const card = plan('p1', { baseFee: '0', items: [{ billingKind: 'vm', price: { model: 'rate_card' } }] });
  const key = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
  const vm = (day: string, quantity: string) => usage(day, quantity, { billingKind: 'vm', rateKey: key });

  it('follows the dates of the rate, and books a corrected rate as a correction of the issued period', async () => {
    await onPlan(card);
    await test.apply(
      { command: 'set-rate', ...key, unitPrice: '0.10', effectiveFrom: T('2026-01-01') },
      vm('2026-04-03', '100'),
    );
    expect((await issue('2026-04-10')).total).toBe('10.00');
    await test.apply(
      {
        command: 'correct-rate',
        ...key,
        unitPrice: '0.01',
        effectiveFrom: T('2026-04-01'),
        reason: 'ten times too high',
      },
      vm('2026-04-12', '50'),
    );
    const next = await issue('2026-04-20');
    // 100 × 0.10 taken back, 100 × 0.01 booked; 50 × 0.01 for the new part.
    expect(rowsOf(next)).toEqual([
      ['vm', '2026-04-01', '2026-04-10', 'reversal', '-10.00'],
      ['vm', '2026-04-01', '2026-04-10', 'rebooked', '1.00'],
      ['vm', '2026-04-10', '2026-04-20', 'charge', '0.50'],
    ]);
    expect(next.total).toBe('-8.50');
  });

  it('names the unit of the rate', async () => {
    await onPlan(card);
    await test.apply(
      { command: 'set-rate', ...key, unit: 'core hour', unitPrice: '0.10', effectiveFrom: T('2026-01-01') },
      vm('2026-04-03', '100'),
    );
    expect((await issue('2026-04-10')).lines.flatMap(({ rows }) => rows)).toMatchObject([
      { quantity: '100', unitAmount: '0.10', unit: 'core hour' },
    ]);
    const html = await test.ask<string>('invoice-document', { id: 'INV-000001' });
    expect(html).toContain('0.10 / core hour');
  });

  it('books nothing if a rate is set or corrected to its present value', async () => {
    await onPlan(card);
    await test.apply(
      { command: 'set-rate', ...key, unitPrice: '0.10', effectiveFrom: T('2026-01-01') },
      vm('2026-04-03', '100'),
      vm('2026-04-08', '100'),
    );
    expect((await issue('2026-04-10')).total).toBe('20.00');
    const correct = (unitPrice: string, reason: string) => ({
      command: 'correct-rate',
      ...key,
      unitPrice,
      effectiveFrom: T('2026-04-01'),
      effectiveUntil: T('2026-04-05'),
      reason,
    });
    expect((await test.apply(correct('0.1', 'checked')))[0]?.status).toBe('unchanged');
    await test.apply(correct('0.12', 'a typo'), correct('0.1', 'no typo after all'), {
      command: 'set-rate',
      ...key,
      unitPrice: '0.10',
      effectiveFrom: T('2026-04-07'),
    });
    expect(await create('2026-04-20')).toEqual([]);
    const { items } = await test.ask<{ items: { unitPrice: string; period: object }[] }>('rates', key);
    expect(items.map(({ unitPrice, period }) => [unitPrice, period])).toEqual([
      ['0.1', { start: T('2026-01-01'), end: T('2026-04-07') }],
      ['0.1', { start: T('2026-04-07'), end: null }],
    ]);
  });

  it('without a rate quarantines only its own line until the rate is set', async () => {
    await onPlan({
      ...card,
      items: [...card.items, { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.50' } }],
    });
    await test.apply(vm('2026-04-03', '100'), usage('2026-04-03', '2'));
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-04-10') });
    // The answer to the billing command names what could not be billed.
    expect(created).toMatchObject({ result: { quarantined: [{ code: 'missing_rate' }] } });
    const [draft = ''] = await create('2026-04-10');
    const invoice = await test.ask<Invoice>('invoice', { id: draft });
    expect(invoice.total).toBe('1.00');
    const { items } = await test.ask<{ items: { billingKind: string; quarantine: { code: string } | null }[] }>(
      'lines',
      { tenantId: 't1', at: T('2026-04-10') },
    );
    expect(items.find(({ billingKind }) => billingKind === 'vm')?.quarantine?.code).toBe('missing_rate');
    await test.apply({ command: 'issue-invoice', invoiceId: draft, at: T('2026-04-10') });
    await test.apply({
      command: 'set-rate',
      ...key,
      unitPrice: '0',
      effectiveFrom: T('2026-01-01'),
      effectiveUntil: T('2026-04-03'),
    });
    await test.apply({ command: 'set-rate', ...key, unitPrice: '0.10', effectiveFrom: T('2026-04-03') });
    expect((await issue('2026-04-20')).total).toBe('10.00');
  });
});

describe('commands', () => {
  it('with the same natural key and body change nothing; with another body they conflict', async () => {
    const register = { command: 'register-tenant', tenantId: 't1', name: 'Tenant', currency: 'USD' };
    await test.apply(register);
    expect((await test.apply(register))[0]?.status).toBe('unchanged');
    expect(await test.ledger.execute({ ...register, currency: 'EUR' }, ADMIN)).toMatchObject({
      status: 'refused',
      error: { kind: 'conflict' },
    });
  });

  it('with the same idempotency key and another body conflict, also if the names differ', async () => {
    await test.apply({
      command: 'register-tenant',
      tenantId: 't1',
      name: 'Tenant',
      currency: 'USD',
      idempotencyKey: 'k',
    });
    const other = { command: 'register-tenant', tenantId: 't2', name: 'Tenant', currency: 'USD', idempotencyKey: 'k' };
    expect(await test.ledger.execute(other, ADMIN)).toMatchObject({ status: 'refused', error: { kind: 'conflict' } });
  });

  it('name every faulty field', async () => {
    const outcome = await test.ledger.execute(
      { command: 'register-tenant', tenantId: '', currency: 'QQQ', nmae: 'x' },
      ADMIN,
    );
    expect(outcome).toMatchObject({ status: 'refused', error: { code: 'invalid_input' } });
    const { errors } = (outcome as { error: { errors: readonly { field: string }[] } }).error;
    expect(errors.map(({ field }) => field).sort()).toEqual(['currency', 'name', 'nmae', 'tenantId']);
  });

  it('refuse another quantity for a known reading, and correct it with a reason', async () => {
    await onPlan(plan('p1'));
    await test.apply(usage('2026-04-03', '10'));
    expect((await test.apply(usage('2026-04-03', '10')))[0]?.status).toBe('unchanged');
    expect(await test.ledger.execute(usage('2026-04-03', '11'), ADMIN)).toMatchObject({
      status: 'refused',
      error: { code: 'usage_conflict' },
    });
    const key = {
      resourceId: 'r1',
      billingKind: 'requests',
      period: { start: T('2026-04-03'), end: '2026-04-03T12:00:00Z' },
      granularity: 'event',
    };
    await test.apply({ command: 'correct-usage', deploymentId: 'd1', ...key, quantity: '11', reason: 'meter drift' });
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ requests: '11' });
  });
});

describe('usage that no line covers', () => {
  it('is listed with its reason until a command covers it', async () => {
    await onPlan(plan('p1'));
    await test.apply(
      usage('2026-04-03', '10'),
      usage('2026-04-03', '4', { billingKind: 'calls' }),
      usage('2026-03-03', '7'),
    );
    expect(await test.ask('unbilled')).toEqual({
      items: [
        {
          deploymentId: 'd1',
          billingKind: 'calls',
          reason: 'no_plan_item',
          readings: 1,
          quantity: '4',
          period: { start: T('2026-04-03'), end: '2026-04-03T12:00:00Z' },
        },
        {
          deploymentId: 'd1',
          billingKind: 'requests',
          reason: 'no_subscription',
          readings: 1,
          quantity: '7',
          period: { start: T('2026-03-03'), end: '2026-03-03T12:00:00Z' },
        },
      ],
      nextCursor: null,
    });
    // A tenant's usage is that of its deployments while it held them.
    await test.apply(
      { command: 'register-tenant', tenantId: 't2', name: 'Other', currency: 'USD' },
      { command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-05-01') },
      deployment('d2', 't2'),
      usage('2026-05-03', '2', { billingKind: 'calls' }),
      { ...usage('2026-05-03', '3'), deploymentId: 'd2' },
    );
    const quantities = async (params: object) =>
      (await test.ask<{ items: { quantity: string }[] }>('unbilled', { ...params })).items.map(
        ({ quantity }) => quantity,
      );
    expect(await quantities({})).toEqual(['6', '7', '3']);
    expect(await quantities({ tenantId: 't1' })).toEqual(['4', '7']);
    expect(await quantities({ tenantId: 't2' })).toEqual(['2', '3']);
    expect(await quantities({ deploymentId: 'd1' })).toEqual(['6', '7']);
    expect(await quantities({ tenantId: 't2', deploymentId: 'd1' })).toEqual(['2']);
    await expect(quantities({ deploymentId: 'none' })).rejects.toMatchObject({ code: 'unknown_deployment' });
    await test.apply(
      plan('p1', {
        effectiveFrom: T('2026-04-02'),
        items: [
          { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.50' } },
          { billingKind: 'calls', price: { model: 'unit', unitAmount: '1' } },
        ],
      }),
    );
    const { items } = await test.ask<{ items: { billingKind: string }[] }>('unbilled');
    expect(items.map(({ billingKind }) => billingKind)).toEqual(['requests', 'requests']);
  });
});

describe('invoices by their ids', () => {
  it('are those of the tenants that may be seen, and unknown ids match nothing', async () => {
    await onPlan(plan('p1'));
    await test.apply(usage('2026-04-03', '10'));
    const { invoiceId } = await issue('2026-04-10');
    await test.apply(usage('2026-04-15', '10'));
    const { invoiceId: second } = await issue('2026-04-20');
    const idsOf = async (params: object): Promise<string[]> =>
      (await test.ask<{ items: Invoice[] }>('invoices', { ...params })).items.map((each) => each.invoiceId);
    expect(await idsOf({})).toEqual([invoiceId, second]);
    expect(await idsOf({ invoiceIds: [second, 'INV-1', '6b0c6d0e-0000-4000-8000-000000000000'] })).toEqual([second]);
    expect(await idsOf({ invoiceIds: invoiceId, tenantId: 't1' })).toEqual([invoiceId]);
    expect(await idsOf({ invoiceIds: [invoiceId, second], status: 'draft' })).toEqual([]);
  });
});

describe('what was believed', () => {
  it('is answered as of a position, for usage, rates, invoices and margin', async () => {
    await onPlan(plan('p1'));
    await test.apply(usage('2026-04-03', '10'));
    const before = await test.ledger.catchUp();
    const { invoiceId } = await issue('2026-04-10');
    await test.apply(usage('2026-04-04', '5'));
    const asOf = String(before);
    expect(await test.ask('usage', { deploymentId: 'd1', asOf })).toEqual({ requests: '10' });
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ requests: '15' });
    expect((await test.ask<{ items: unknown[] }>('invoices', { tenantId: 't1', asOf })).items).toEqual([]);
    expect(
      (await test.ask<{ items: Invoice[] }>('invoices', { tenantId: 't1' })).items.map((each) => each.invoiceId),
    ).toEqual([invoiceId]);
    expect(
      (await test.ask<{ overall: { revenue: string } }>('margin', { period: '2026-04', asOf })).overall.revenue,
    ).toBe('0.00');
    expect((await test.ask<{ overall: { revenue: string } }>('margin', { period: '2026-04' })).overall.revenue).toBe(
      '35.00',
    );
  });
});
