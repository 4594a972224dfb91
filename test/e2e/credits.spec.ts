import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** Coupons, credits and credit notes: taken in order, given back with what they paid, never more than there is. */

interface Row {
  readonly rowId: string;
  readonly kind: string;
  readonly gross: string;
  readonly credit: string;
  readonly net: string;
  readonly tax: string;
}
interface Invoice {
  readonly invoiceId: string;
  readonly lines: readonly { readonly billingKind: string; readonly rows: readonly Row[] }[];
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
  readonly amountDue: string;
  readonly creditNotes: readonly { readonly number: string; readonly total: string }[];
}

const T = (date: string) => `${date}T00:00:00Z`;

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    tenant('t1', { tax: { name: 'VAT', ratePercent: '10', from: T('2026-01-01') } }),
    deployment('d1', 't1'),
    plan('p1', '50.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '0.10' } }]),
    subscription('s1', 'd1', 'p1'),
  );
});
afterEach(async () => test.close());

const DAY = { start: T('2026-04-02'), end: T('2026-04-03') };
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
const bill = async (asOf: string, more: object = {}): Promise<Invoice> => {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T(asOf), ...more });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId ?? 'none';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return test.ask<Invoice>('invoice', { id: invoiceId });
};
const grant = (creditId: string, amount: string, more: object = {}) => ({
  command: 'grant-credit',
  creditId,
  tenantId: 't1',
  currency: 'USD',
  amount,
  from: T('2026-04-01'),
  ...more,
});
const coupon = (creditId: string, percent: string, more: object = {}) => ({
  command: 'grant-coupon',
  creditId,
  tenantId: 't1',
  currency: 'USD',
  percent,
  from: T('2026-04-01'),
  ...more,
});
const shown = ({ lines }: Invoice) =>
  lines.flatMap(({ billingKind, rows }) =>
    rows.map(({ kind, gross, credit, net }) => [billingKind, kind, gross, credit, net]),
  );
const refused = async (command: object): Promise<string> => {
  const outcome = await test.ledger.execute(command, ADMIN);
  return outcome.status === 'refused' ? outcome.error.code : outcome.status;
};

describe('credits', () => {
  it('are drawn by priority, for their plans and billing kinds only, and each use is traced both ways', async () => {
    await test.apply(
      grant('given', '5.00', { until: T('2026-05-15') }),
      grant('bought', '20.00', {
        priority: -1,
        billingKinds: ['hours'],
        payment: { reference: 'P-1', at: T('2026-04-01') },
      }),
      grant('other-plan', '99.00', { priority: -9, planIds: ['p9'] }),
    );
    await use('2026-04-02', '120');
    // 120 × 0.10 = 12.00 from what was bought; 5.00 of 50.00 from what was given
    const invoice = await bill('2026-04-20');
    expect(shown(invoice)).toEqual([
      ['base_fee', 'charge', '50.00', '5.00', '45.00'],
      ['hours', 'charge', '12.00', '12.00', '0.00'],
    ]);
    const credits = async (at: string) =>
      (await test.ask<{ items: object[] }>('credits', { tenantId: 't1', at: T(at) })).items;
    const uses = (amount: string) => [{ invoiceId: invoice.invoiceId, number: 'INV-000001', amount }];
    expect(await credits('2026-04-21')).toMatchObject([
      { creditId: 'bought', balance: '8.00', left: '8.00', uses: uses('12.00'), payment: { reference: 'P-1' } },
      { creditId: 'given', balance: '0.00', left: '0.00', uses: uses('5.00') },
      { creditId: 'other-plan', balance: '99.00', left: '99.00', uses: [] },
    ]);
    // before the invoice, nothing was drawn
    expect(await credits('2026-04-10')).toMatchObject([
      { balance: '20.00' },
      { balance: '5.00' },
      { balance: '99.00' },
    ]);
  });

  it('that are bought are in the statement of account, with what was used and what expired', async () => {
    const at = T('2026-04-01');
    await test.apply(
      grant('bought', '20.00', { until: T('2026-04-25'), billingKinds: ['hours'], payment: { reference: 'P-1', at } }),
      grant('given', '5.00', { billingKinds: ['none'] }),
    );
    await use('2026-04-02', '120');
    // 120 × 0.10 = 12.00 of it; 8.00 expire on the 25th
    await bill('2026-04-20');
    const prepaid = async (start: string, end: string) => {
      const { prepaid: found } = await test.ask<{ prepaid: object }>('statement', {
        ...{ tenantId: 't1', start: T(start), end: T(end) },
      });
      return found;
    };
    expect(await prepaid('2026-04-01', '2026-05-01')).toEqual({
      ...{ opening: '0.00', topUps: [{ creditId: 'bought', at, amount: '20.00' }] },
      ...{ bought: '20.00', used: '12.00', expired: '8.00', closing: '0.00' },
    });
    expect(await prepaid('2026-04-10', '2026-04-25')).toEqual({
      ...{ opening: '20.00', topUps: [], bought: '0.00', used: '12.00', expired: '0.00', closing: '8.00' },
    });
    const document = await test.ask<string>('statement-document', {
      ...{ tenantId: 't1', start: T('2026-04-01'), end: T('2026-05-01') },
    });
    expect(document).toContain('Prepaid credit bought: bought');
    const table = await test.ask<string>('statement-csv', {
      ...{ tenantId: 't1', start: T('2026-04-01'), end: T('2026-05-01') },
    });
    // at, type, id, number, reference, reason, amount, corrections, applied, balance, payerId
    expect(table.trimEnd().split('\n').slice(-5)).toEqual([
      't1,USD,2026-04-01T00:00:00Z,prepaid_opening,,,,,,,,0.00,',
      't1,USD,2026-04-01T00:00:00Z,prepaid_bought,bought,,,,20.00,,,,',
      't1,USD,2026-05-01T00:00:00Z,prepaid_used,,,,,-12.00,,,,',
      't1,USD,2026-05-01T00:00:00Z,prepaid_expired,,,,,-8.00,,,,',
      't1,USD,2026-05-01T00:00:00Z,prepaid_closing,,,,,,,,0.00,',
    ]);
  });

  it('roll over up to a part of them', async () => {
    const rollover = { percent: '25', until: T('2026-06-01') };
    await test.apply(grant('prepaid', '40.00', { until: T('2026-04-25'), rollover, billingKinds: ['hours'] }));
    await use('2026-04-02', '100');
    // 10.00 of 40.00; 30.00 are unused, of which 10.00 (25 % of 40.00) roll over
    expect((await bill('2026-04-20')).total).toBe('55.00');
    await use('2026-04-26', '120');
    // 12.00 less 10.00, and 50.00 of May: 52.00 × 1.1
    expect((await bill('2026-05-01')).total).toBe('57.20');
    expect(await refused(grant('open', '1.00', { rollover }))).toBe('invalid_rollover');
  });

  it('that were revoked are not taken again by the invoice that replaces a void one', async () => {
    await test.apply(grant('mistake', '35.00'));
    const { invoiceId } = await bill('2026-04-20');
    await test.apply(
      { command: 'void-invoice', invoiceId, at: T('2026-04-21') },
      {
        command: 'revoke-credit',
        ...{ creditId: 'mistake', tenantId: 't1', currency: 'USD', at: T('2026-04-20'), reason: 'a mistake' },
      },
    );
    expect((await bill('2026-04-20')).total).toBe('55.00');
  });

  it('are used after coupons, the earliest end first, and lower the tax', async () => {
    await test.apply(
      grant('lasting', '100.00'),
      grant('ending', '10.00', { until: T('2026-05-01') }),
      coupon('tenth', '10', { billingKinds: ['base_fee'] }),
    );
    await use('2026-04-02', '30');
    const invoice = await bill('2026-04-10');
    // 50.00: coupon 5.00, then 10.00 of the ending credit and 35.00 of the lasting one; hours 30 × 0.10 = 3.00, all of
    // it credit
    expect(shown(invoice)).toEqual([
      ['base_fee', 'charge', '50.00', '50.00', '0.00'],
      ['hours', 'charge', '3.00', '3.00', '0.00'],
    ]);
    expect([invoice.subtotal, invoice.tax, invoice.total]).toEqual(['0.00', '0.00', '0.00']);
    const { items } = await test.ask<{ items: { creditId: string; taken: string; left?: string }[] }>('credits', {
      tenantId: 't1',
    });
    expect(items.map(({ creditId, taken, left }) => [creditId, taken, left])).toEqual([
      ['ending', '10.00', '0.00'],
      ['lasting', '38.00', '62.00'],
      ['tenth', '5.00', undefined],
    ]);
  });

  it('are used once: the used amount is not available to the next invoice', async () => {
    await test.apply(grant('welcome', '52.00'));
    await use('2026-04-02', '30');
    expect(shown(await bill('2026-04-10'))).toEqual([
      ['base_fee', 'charge', '50.00', '50.00', '0.00'],
      ['hours', 'charge', '3.00', '2.00', '1.00'],
    ]);
    await use('2026-04-12', '10');
    expect(shown(await bill('2026-04-20'))).toEqual([['hours', 'charge', '1.00', '0.00', '1.00']]);
  });

  it('come back with a voided invoice', async () => {
    await test.apply(grant('welcome', '20.00'));
    const { invoiceId } = await bill('2026-04-01');
    await test.apply({ command: 'void-invoice', invoiceId, at: T('2026-04-02') });
    expect(await test.ask('credits', { tenantId: 't1' })).toMatchObject({ items: [{ taken: '0.00', left: '20.00' }] });
    expect(shown(await bill('2026-04-01'))).toEqual([['base_fee', 'charge', '50.00', '20.00', '30.00']]);
  });

  it('that ended since go to the invoice that replaces a voided one', async () => {
    await test.apply(
      tenant('t2'),
      deployment('d2', 't2'),
      plan('p2', '45.00', []),
      subscription('s2', 'd2', 'p2'),
      grant('april', '35.00', { tenantId: 't2', until: T('2026-04-15') }),
    );
    const first = await bill('2026-04-01', { tenantId: 't2' });
    // 45.00 − 35.00
    expect(first.total).toBe('10.00');
    const voiding = (invoiceId: string, day: string) => ({ command: 'void-invoice', invoiceId, at: T(day) });
    await test.apply(voiding(first.invoiceId, '2026-04-20'));
    const second = await bill('2026-04-20', { tenantId: 't2' });
    expect(second.total).toBe('10.00');
    await test.apply(voiding(second.invoiceId, '2026-04-21'));
    // The part of April takes its 35.00 again; what begins after the credit's end takes nothing: 10.00 + 45.00.
    const third = await bill('2026-05-01', { tenantId: 't2' });
    expect(third.total).toBe('55.00');
    expect(await test.ask('credits', { tenantId: 't2' })).toMatchObject({ items: [{ taken: '35.00', left: '0.00' }] });
    expect((await test.check()).failures).toEqual([]);
  });

  it('that were revoked since go to the invoice that replaces a voided one, if they were taken in time', async () => {
    await test.apply(grant('welcome', '60.00'));
    const { invoiceId } = await bill('2026-04-01');
    const reason = 'the rest ended';
    await test.apply(
      {
        ...{ command: 'revoke-credit', creditId: 'welcome', tenantId: 't1', currency: 'USD', at: T('2026-04-10') },
        reason,
      },
      { command: 'void-invoice', invoiceId, at: T('2026-04-12') },
    );
    await use('2026-04-11', '50');
    // The fee took its 50.00 before the revocation, and takes them again. The usage takes nothing of the other 10.00.
    expect(shown(await bill('2026-04-12'))).toEqual([
      ['base_fee', 'charge', '50.00', '50.00', '0.00'],
      ['hours', 'charge', '5.00', '0.00', '5.00'],
    ]);
    expect((await test.check()).failures).toEqual([]);
  });

  it('that ended pay as much again after a correction there and back', async () => {
    await test.apply(
      ...[tenant('t2'), deployment('d2', 't2')],
      plan('p2', '0.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } }]),
      subscription('s2', 'd2', 'p2'),
      grant('april', '40.00', { tenantId: 't2', until: T('2026-05-10') }),
    );
    const reading = { ...{ resourceId: 'r', billingKind: 'hours', granularity: 'day' }, period: DAY };
    const correct = (quantity: string, idempotencyKey: string) => ({
      ...{ command: 'correct-usage', deploymentId: 'd2', ...reading, quantity, reason: 'x', idempotencyKey },
    });
    await test.apply({
      ...{ command: 'observe-usage', deploymentId: 'd2', observations: [{ ...reading, quantity: '100' }] },
    });
    expect(await bill('2026-05-01', { tenantId: 't2' })).toMatchObject({ subtotal: '60.00' });
    await test.apply(correct('30', 'there'));
    // The 30.00 take 30.00 of the 40.00 that come back. The other 10.00 have ended.
    expect(await bill('2026-05-20', { tenantId: 't2' })).toMatchObject({ subtotal: '-60.00' });
    await test.apply(correct('100', 'back'));
    // The part took 40.00 in time, and takes as much again: 100.00 − 40.00 − 0.00
    expect(shown(await bill('2026-05-21', { tenantId: 't2' }))).toEqual([
      ['hours', 'reversal', '-30.00', '-30.00', '0.00'],
      ['hours', 'rebooked', '100.00', '40.00', '60.00'],
    ]);
    await test.apply(correct('200', 'more'));
    // Never more than that: 200.00 − 40.00 − 60.00
    expect(await bill('2026-05-22', { tenantId: 't2' })).toMatchObject({ subtotal: '100.00' });
    expect((await test.check()).failures).toEqual([]);
  });

  it.each([
    // 50.00 are charged already: the 1.00 that is added takes 1.00. The fee of May takes 49.00 of the other 49.00.
    ['51.00', '1.00', '50.00', '49.00', '1.00'],
    // Nothing is added: 50.00 − 1.00. The fee of May takes all.
    ['49.00', '0.00', '49.00', '50.00', '0.00'],
  ])('pay of a correction to %s only what it adds', async (amount, credit, corrected, ofMay, net) => {
    await bill('2026-04-01');
    await test.apply(grant('may', '50.00', { from: T('2026-04-15'), until: T('2026-07-01') }), {
      ...{ command: 'correct-price', planId: 'p1', billingKind: 'base_fee', reason: 'agreed' },
      price: { model: 'flat', amount, paymentTerm: 'in_advance' },
      ...{ effectiveFrom: T('2026-04-01'), effectiveUntil: T('2026-05-01') },
    });
    const next = await bill('2026-05-01');
    const rows = shown(next).map(([, kind, ...amounts]) => [kind, ...amounts]);
    expect(rows).toEqual(
      expect.arrayContaining([
        ['reversal', '-50.00', '0.00', '-50.00'],
        ['rebooked', amount, credit, corrected],
        ['charge', '50.00', ofMay, net],
      ]),
    );
    expect((await test.check()).failures).toEqual([]);
  });

  it('that others took since a void are not taken twice', async () => {
    await test.apply(grant('april', '30.00', { until: T('2026-04-15') }));
    // 50.00 − 30.00
    const { invoiceId } = await bill('2026-04-01');
    await test.apply({ command: 'void-invoice', invoiceId, at: T('2026-04-02') });
    await use('2026-04-02', '200');
    // 20.00 of hours take 20.00 of the credit, so 10.00 of it are left for the fee.
    await bill('2026-04-10', { select: { billingKinds: ['hours'] } });
    expect(shown(await bill('2026-04-20'))).toEqual([['base_fee', 'charge', '50.00', '10.00', '40.00']]);
  });

  it('that ended still pay for a corrected row that they paid for before', async () => {
    await test.apply(grant('april', '2.00', { until: T('2026-04-15') }));
    await use('2026-04-02', '20');
    await bill('2026-04-01');
    // the fee of 50.00 took the 2.00
    await test.apply({
      command: 'correct-price',
      planId: 'p1',
      billingKind: 'base_fee',
      price: { model: 'flat', amount: '40.00', paymentTerm: 'in_advance' },
      effectiveFrom: T('2026-04-01'),
      reason: 'agreed',
    });
    const next = await bill('2026-04-20');
    expect(shown(next)).toEqual([
      ['base_fee', 'reversal', '-50.00', '-2.00', '-48.00'],
      ['base_fee', 'rebooked', '40.00', '2.00', '38.00'],
      ['hours', 'charge', '2.00', '0.00', '2.00'],
    ]);
  });

  it('that ended still pay for a charge of the same time on another line', async () => {
    await test.apply(grant('c', '50.00', { until: T('2026-04-10') }));
    // April's fee, paid by the credit
    expect(await bill('2026-04-01')).toMatchObject({ total: '0.00' });
    await test.apply({
      ...{ command: 'correct-subscription', subscriptionId: 's1', from: T('2026-04-07'), reason: 'began later' },
    });
    // 24 of 30 days are 40.00, on a line of its own: 50.00 come back, of which it takes 40.00 again.
    const invoice = await bill('2026-04-20');
    expect(invoice).toMatchObject({ subtotal: '0.00', tax: '0.00', total: '0.00' });
    expect(invoice.lines.flatMap(({ rows }) => rows.map(({ kind, credit, net }) => [kind, credit, net]))).toEqual(
      expect.arrayContaining([
        ['reversal', '-50.00', '0.00'],
        ['charge', '40.00', '0.00'],
      ]),
    );
    // May's fee is of another time.
    expect(await bill('2026-05-01')).toMatchObject({ subtotal: '50.00', tax: '5.00', total: '55.00' });
  });

  it('do not cause a correction by themselves', async () => {
    await bill('2026-04-01');
    await test.apply(grant('late', '20.00'));
    await test.apply({
      command: 'publish-plan',
      planId: 'p1',
      name: 'again',
      currency: 'USD',
      baseFee: '50.00',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-04-01'),
      items: [],
    });
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-04-20') });
    expect(created).toMatchObject({ result: { invoices: [] } });
  });

  it('a coupon for billed periods is owed on the next invoice, and reversed if it is revoked', async () => {
    await bill('2026-04-01');
    await test.apply(coupon('half', '50'));
    expect(shown(await bill('2026-04-02'))).toEqual([
      ['base_fee', 'reversal', '-50.00', '0.00', '-50.00'],
      ['base_fee', 'rebooked', '50.00', '25.00', '25.00'],
    ]);
    await test.apply({
      command: 'revoke-credit',
      creditId: 'half',
      tenantId: 't1',
      currency: 'USD',
      at: T('2026-04-01'),
      reason: 'not for them',
    });
    expect(shown(await bill('2026-04-03'))).toEqual([
      ['base_fee', 'reversal', '-50.00', '-25.00', '-25.00'],
      ['base_fee', 'rebooked', '50.00', '0.00', '50.00'],
    ]);
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-04-04') });
    expect(created).toMatchObject({ result: { invoices: [] } });
  });

  it('a coupon that has ended is not prolonged by a later revocation', async () => {
    await test.apply(coupon('april', '50', { until: T('2026-04-15') }));
    const revoked = {
      command: 'revoke-credit',
      creditId: 'april',
      tenantId: 't1',
      currency: 'USD',
      at: T('2026-06-01'),
      reason: 'tidy up',
    };
    expect(await refused(revoked)).toBe('credit_ended');
    await bill('2026-04-01');
    expect(shown(await bill('2026-05-01'))).toEqual([['base_fee', 'charge', '50.00', '0.00', '50.00']]);
  });

  it('half of a line is half of it for any cuts', async () => {
    await test.apply(coupon('half', '50', { billingKinds: ['hours'] }));
    const taken: string[] = [];
    for (const day of ['02', '03', '04', '05']) {
      await use(`2026-04-${day}`, '0.1');
      const rows = shown(await bill(`2026-04-${String(Number(day) + 1).padStart(2, '0')}`)).filter(
        ([kind]) => kind === 'hours',
      );
      taken.push(...rows.map((row) => `${row[2]} ${row[3]}`));
    }
    // each day 0.1 × 0.10 = 0.01; half of what it comes to so far is 0.005 → 0.01, 0.01, 0.015 → 0.02, 0.02
    expect(taken).toEqual(['0.01 0.01', '0.01 0.00', '0.01 0.01', '0.01 0.00']);
  });

  it('return the share of a coupon if a row is below zero', async () => {
    await test.apply(coupon('half', '50', { billingKinds: ['hours'] }));
    await use('2026-04-02', '1000');
    await bill('2026-04-10');
    await use('2026-04-12', '-1000');
    // half of 100.00 was paid, and half of it comes back
    expect(shown(await bill('2026-04-20'))).toEqual([['hours', 'charge', '-100.00', '-50.00', '-50.00']]);
  });

  it('end when they are revoked, and are refused if they could never be used', async () => {
    await test.apply(grant('oops', '20.00'), {
      command: 'revoke-credit',
      creditId: 'oops',
      tenantId: 't1',
      currency: 'USD',
      at: T('2026-04-01'),
      reason: 'granted twice',
    });
    expect(shown(await bill('2026-04-10'))).toEqual([['base_fee', 'charge', '50.00', '0.00', '50.00']]);
    expect(await refused(grant('euro', '20.00', { currency: 'EUR' }))).toBe('currency_mismatch');
    expect(await refused(grant('none', '0'))).toBe('invalid_amount');
    expect(await refused(grant('fine', '0.001'))).toBe('invalid_amount');
    expect(await refused(coupon('more', '101'))).toBe('invalid_amount');
    expect(await refused(grant('backwards', '1', { until: T('2026-04-01') }))).toBe('empty_period');
    expect(await refused(grant('oops', '21.00'))).toBe('conflicting_body');
  });
});

describe('a credit note', () => {
  it('credits each row in proportion, with its tax, and lowers the amount due', async () => {
    await use('2026-04-02', '500');
    const { invoiceId } = await bill('2026-04-10');
    // 50.00 + 50.00, 10.00 of tax
    const [noted] = await test.apply({
      command: 'create-credit-note',
      invoiceId,
      at: T('2026-04-12'),
      amount: '10.01',
      reason: 'an outage',
    });
    const { creditNoteId } = (noted as { result: { creditNoteId: string } }).result;
    const note = await test.ask<{ number: string; subtotal: string; tax: string; total: string; rows: Row[] }>(
      'credit-note',
      { id: creditNoteId },
    );
    // 10.01 over two halves is 5.01 + 5.00; tax 0.501 and 0.50
    expect(note.rows.map(({ net, tax }) => [net, tax])).toEqual([
      ['-5.01', '-0.50'],
      ['-5.00', '-0.50'],
    ]);
    expect([note.number, note.subtotal, note.tax, note.total]).toEqual(['CN-000001', '10.01', '1.00', '11.01']);
    const invoice = await test.ask<Invoice>('invoice', { id: invoiceId });
    expect([invoice.total, invoice.amountDue]).toEqual(['110.00', '98.99']);
    expect(invoice.creditNotes).toMatchObject([{ number: 'CN-000001', total: '11.01' }]);
    // revenue of April: 100.00 − 10.01
    expect(await test.ask('margin', { period: '2026-04-15' })).toMatchObject({ overall: { revenue: '89.99' } });
  });

  it('credits one row, or all that is left, and never more than the invoice', async () => {
    await use('2026-04-02', '100');
    const { invoiceId, lines } = await bill('2026-04-10');
    const fee = lines[0]?.rows[0]?.rowId ?? '';
    const note = (more: object) => ({
      command: 'create-credit-note',
      invoiceId,
      at: T('2026-04-12'),
      reason: 'agreed',
      ...more,
    });
    expect(await refused(note({ rows: [{ rowId: fee, amount: '50.01' }] }))).toBe('credit_note_exceeds_row');
    expect(await refused(note({ amount: '60.01' }))).toBe('credit_note_exceeds_invoice');
    expect(await refused(note({ rows: [{ rowId: invoiceId, amount: '1' }] }))).toBe('unknown_row');
    expect(await refused(note({ amount: '1', rows: [{ rowId: fee, amount: '1' }] }))).toBe('invalid_input');
    await test.apply(note({ rows: [{ rowId: fee, amount: '20.00' }] }), note({}));
    const invoice = await test.ask<Invoice>('invoice', { id: invoiceId });
    // 22.00, then the 40.00 + 4.00 that were left
    expect(invoice.creditNotes.map(({ total }) => total)).toEqual(['22.00', '44.00']);
    expect(invoice.amountDue).toBe('0.00');
    expect(await refused(note({ amount: '0.01' }))).toBe('nothing_to_credit');
    expect(await refused({ command: 'void-invoice', invoiceId, at: T('2026-04-13') })).toBe('invoice_credited');
  });

  it('is never more than its invoice with tax, even if the credited amount is taxed differently', async () => {
    await test.apply({ command: 'set-tax', tenantId: 't1', name: 'VAT', ratePercent: '20', from: T('2026-05-01') });
    await use('2026-04-02', '500');
    await bill('2026-04-10');
    await test.apply({
      command: 'correct-usage',
      deploymentId: 'd1',
      resourceId: 'r1',
      billingKind: 'hours',
      period: { start: T('2026-04-02'), end: '2026-04-02T01:00:00Z' },
      granularity: 'hour',
      quantity: null,
      reason: 'a test machine',
    });
    // May's fee of 50.00 at 20 %, and April's 50.00 back at 10 %: 0.00 and 5.00 of tax
    await use('2026-05-02', '100');
    const { invoiceId, subtotal, tax, total } = await bill('2026-05-03');
    expect([subtotal, tax, total]).toEqual(['10.00', '7.00', '17.00']);
    const note = (more: object) => ({
      command: 'create-credit-note',
      invoiceId,
      at: T('2026-05-12'),
      reason: 'agreed',
      ...more,
    });
    await test.apply(note({}));
    expect((await test.ask<Invoice>('invoice', { id: invoiceId })).creditNotes.map((each) => each.total)).toEqual([
      '17.00',
    ]);
  });

  it('of a paid invoice becomes the tenant’s credit, deducted from the next amount due', async () => {
    const { invoiceId } = await bill('2026-04-01');
    await test.apply(
      { command: 'pay-invoice', invoiceId, at: T('2026-04-02') },
      { command: 'create-credit-note', invoiceId, at: T('2026-04-12'), amount: '10.00', reason: 'an outage' },
    );
    const next = await bill('2026-05-01');
    // 55.00 − 11.00
    expect([next.total, next.amountDue]).toEqual(['55.00', '44.00']);
  });

  it('is refused on a day before its invoice was issued', async () => {
    const { invoiceId } = await bill('2026-04-10');
    const at = '2026-04-09T23:59:59Z';
    const note = { command: 'create-credit-note', invoiceId, amount: '1.00', reason: 'x' };
    const outcome = await test.ledger.execute({ ...note, at }, ADMIN);
    expect(outcome).toMatchObject({
      error: {
        code: 'before_issue',
        message: `invoice ${invoiceId} was issued on 2026-04-10, so it can't be credited on 2026-04-09. Correct the date.`,
      },
    });
    // On its day, dates have no hour.
    expect(await refused({ ...note, at: T('2026-04-10') })).toBe('done');
  });

  it('is refused for a draft', async () => {
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-04-10') });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    expect(
      await refused({
        command: 'create-credit-note',
        invoiceId: invoices[0]?.invoiceId,
        at: T('2026-04-12'),
        reason: 'x',
      }),
    ).toBe('invoice_not_issued');
  });
});

describe('an invoice of some lines', () => {
  it('bills only these, and leaves the rest to the next', async () => {
    await use('2026-04-02', '30');
    const some = await bill('2026-04-10', { select: { billingKinds: ['hours'] } });
    expect(shown(some)).toEqual([['hours', 'charge', '3.00', '0.00', '3.00']]);
    await use('2026-04-03', '10');
    // late usage of the hours, and the fee that was left out
    expect(shown(await bill('2026-04-10'))).toEqual([
      ['base_fee', 'charge', '50.00', '0.00', '50.00'],
      ['hours', 'reversal', '-3.00', '0.00', '-3.00'],
      ['hours', 'rebooked', '4.00', '0.00', '4.00'],
    ]);
  });

  it('does not settle corrections owed on other lines', async () => {
    await use('2026-04-02', '30');
    await bill('2026-04-10');
    await use('2026-04-03', '10');
    await bill('2026-05-01', { select: { billingKinds: ['base_fee'] } });
    expect(shown(await bill('2026-05-01'))).toContainEqual(['hours', 'rebooked', '4.00', '0.00', '4.00']);
  });
});

describe('a grace period', () => {
  it('delays only the last part of a period, for late usage', async () => {
    await test.apply({ command: 'set-grace-period', tenantId: 't1', hours: 48, from: T('2026-04-01') });
    await use('2026-04-02', '30');
    // mid-period nothing waits
    expect(shown(await bill('2026-04-10'))).toHaveLength(2);
    await use('2026-04-20', '10');
    // on 1 May only the next fee in advance
    expect(shown(await bill('2026-05-01'))).toEqual([['base_fee', 'charge', '50.00', '0.00', '50.00']]);
    await use('2026-04-30', '5');
    expect(shown(await bill('2026-05-03'))).toEqual([['hours', 'charge', '1.50', '0.00', '1.50']]);
  });
});

describe('usage that nothing covers', () => {
  it('is listed until it is waived', async () => {
    const observe = (billingKind: string) => ({
      command: 'observe-usage',
      deploymentId: 'd1',
      observations: [
        {
          resourceId: 'r1',
          billingKind,
          period: { start: T('2026-04-02'), end: T('2026-04-03') },
          granularity: 'day',
          quantity: '1',
        },
      ],
    });
    await test.apply(observe('zones'), observe('snapshots'));
    const listed = async () =>
      (await test.ask<{ items: { billingKind: string }[] }>('unbilled')).items.map(({ billingKind }) => billingKind);
    expect(await listed()).toEqual(['snapshots', 'zones']);
    const period = { start: T('2026-04-01'), end: T('2026-05-01') };
    await test.apply({ command: 'waive-usage', deploymentId: 'd1', billingKind: 'zones', period, reason: 'a trial' });
    expect(await listed()).toEqual(['snapshots']);
  });
});
