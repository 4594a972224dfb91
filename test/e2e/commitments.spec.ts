import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { billed, rowsOf } from '../support/bills.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** A commitment over several billing periods: drawn down by the charges of its term, with a true-up at its end. */

const T = (date: string) => `${date}T00:00:00Z`;
const unit = (unitAmount: string) => ({ model: 'unit', unitAmount });

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    ...['a', 'b'].flatMap((id) => [tenant(id), deployment(`d-${id}`, id)]),
    plan('p', '10.00', [
      { billingKind: 'hours', price: unit('1.00') },
      { billingKind: 'zones', price: unit('0.10') },
      { billingKind: 'cores', price: { model: 'rate_card' } },
    ]),
    ...['a', 'b'].map((id) => subscription(`s-${id}`, `d-${id}`, 'p')),
  );
});
afterEach(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const use = async (date: string, quantity: string, billingKind = 'hours', more: object = {}): Promise<void> => {
  const period = { start: T(date), end: `${date}T01:00:00Z` };
  const reading = { resourceId: `r-${date}-${quantity}`, billingKind, granularity: 'hour', quantity, period, ...more };
  await test.apply({ command: 'observe-usage', deploymentId: 'd-a', observations: [reading] });
};
const term = (start: string, end: string, amount: string) => ({ start: T(start), end: T(end), amount });
const SPRING = term('2026-04-01', '2026-07-01', '100.00');
const committed = (terms: readonly object[] = [SPRING], more: object = {}) => ({
  ...{ command: 'set-commitment', commitmentId: 'c', subscriptionId: 's-a', tenantId: 'a', currency: 'USD', terms },
  ...more,
});
/** The rows of the next invoice, without the base fee. */
const rows = async (asOf: string, tenantId = 'a'): Promise<string[]> =>
  rowsOf(await billed(test, tenantId, asOf)).filter((row) => !row.startsWith('base_fee'));
const codeOf = async (command: object): Promise<string> => (await test.refused(command)).code;

interface Shown {
  readonly items: readonly {
    readonly terms: readonly { readonly state: string; readonly quarantine: { readonly code: string } | null }[];
  }[];
}
/** Of each term: its state, what is committed, drawn down, remaining, lacking, and billed of that. */
const shown = async (at: string, more: object = {}): Promise<string[]> => {
  const { items } = await test.ask<Shown>('commitments', { at, ...more });
  return items.flatMap(({ terms }) =>
    terms.map((each) =>
      ['state', 'committed', 'drawnDown', 'remaining', 'trueUp', 'billed']
        .map((field) => String((each as unknown as Record<string, unknown>)[field]))
        .join(' '),
    ),
  );
};

describe('a commitment', () => {
  it('bills what its term lacks when the term ends, and nothing where it lacks nothing', async () => {
    await test.apply(committed([SPRING, term('2026-07-01', '2026-09-01', '50.00')]));
    await use('2026-04-10', '30');
    await use('2026-05-10', '200', 'zones');
    await use('2026-06-10', '10');
    await use('2026-07-10', '60');
    expect(await rows('2026-06-01')).toEqual(['hours 04-01/05-01 charge 30.00', 'zones 05-01/06-01 charge 20.00']);
    // 100.00 − 30 × 1.00 − 200 × 0.10 − 10 × 1.00: the base fee does not count
    expect(await rows('2026-07-01')).toEqual(['commitment 04-01/07-01 charge 40.00', 'hours 06-01/07-01 charge 10.00']);
    // 60.00 of 50.00 are drawn down: usage above the commitment is billed as usual
    expect(await rows('2026-09-01')).toEqual(['hours 07-01/08-01 charge 60.00']);
  });

  it('is billed for a term without any usage', async () => {
    await test.apply(committed());
    expect(await rows('2026-06-30')).toEqual([]);
    const bill = await billed(test, 'a', '2026-07-01');
    expect(rowsOf(bill)).toContain('commitment 04-01/07-01 charge 100.00');
    const html = await test.ask<string>('invoice-document', { id: bill?.invoiceId });
    expect(html).toContain('Commitment, 2026-04-01 to 2026-06-30');
    expect(html).toContain('True-up to the commitment');
    expect(html).toContain('100.00 committed − 0.00 drawn down = 100.00');
    expect(await rows('2026-07-02')).toEqual([]);
  });

  it('is revenue of the months of its term, in the margin and in the books', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    expect(await rows('2026-07-01')).toEqual(['commitment 04-01/07-01 charge 70.00', 'hours 04-01/05-01 charge 30.00']);
    // 70.00 over 91 days: after 30 of them 23.076…, after 61 of them 46.923…
    const months = { '2026-04': '23.08', '2026-05': '23.84', '2026-06': '23.08' };
    const posted = async (period: string): Promise<string[]> => {
      const { rows: postings } = await test.ledger.export('journal', { period, format: 'jsonl' }, ADMIN);
      return (await Array.fromAsync(postings)).flatMap((row) => {
        const { kind, account, chargeMonth, amount } = row as Record<string, string>;
        return kind === 'commitment' ? [[account, chargeMonth, amount].join(' ')] : [];
      });
    };
    for (const [period, amount] of Object.entries(months)) {
      const { byKind } = await test.ask<{ byKind: { revenue: object[] } }>('margin', { period });
      expect(byKind.revenue).toContainEqual({ billingKind: 'commitment', revenue: amount });
      // Earned in its months, and billed after them.
      expect(await posted(period)).toEqual([
        `Assets:Accrued-revenue ${period} ${amount}`,
        `Income:Revenue:Commitment ${period} -${amount}`,
      ]);
    }
    expect(await posted('2026-07')).toEqual(
      Object.entries(months).map(([period, amount]) => `Assets:Accrued-revenue ${period} -${amount}`),
    );
  });

  it('is restated under late usage, until nothing lacks', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    // 100.00 − 30.00
    expect(await rows('2026-07-01')).toEqual(['commitment 04-01/07-01 charge 70.00', 'hours 04-01/05-01 charge 30.00']);
    await use('2026-05-20', '45');
    // 100.00 − 30.00 − 45.00
    expect(await rows('2026-07-02')).toEqual([
      'commitment 04-01/07-01 rebooked 25.00',
      'commitment 04-01/07-01 reversal -70.00',
      'hours 05-01/06-01 rebooked 45.00',
    ]);
    await use('2026-06-20', '40');
    expect(await rows('2026-07-03')).toEqual([
      'commitment 04-01/07-01 reversal -25.00',
      'hours 06-01/07-01 rebooked 40.00',
    ]);
    await use('2026-06-21', '1');
    expect(await rows('2026-07-04')).toEqual(['hours 06-01/07-01 rebooked 41.00', 'hours 06-01/07-01 reversal -40.00']);
  });

  it('is restated under a corrected price, and a preview says so before', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    await rows('2026-07-01');
    const correction = {
      ...{ command: 'correct-price', planId: 'p', billingKind: 'hours', price: unit('2.00') },
      ...{ effectiveFrom: T('2026-01-01'), reason: 'a typo' },
    };
    const { lines } = await test.ledger.preview([correction], ADMIN, { at: instant(T('2026-07-01')) });
    const issued = lines.filter(({ invoiceId }) => invoiceId !== null);
    expect(issued.map(({ billingKind, difference }) => `${billingKind} ${difference}`).sort()).toEqual([
      'commitment -30.00',
      'hours 30.00',
    ]);
    await test.apply(correction);
    // 30 × 2.00; 100.00 − 60.00
    expect(await rows('2026-07-02')).toEqual([
      'commitment 04-01/07-01 rebooked 40.00',
      'commitment 04-01/07-01 reversal -70.00',
      'hours 04-01/05-01 rebooked 60.00',
      'hours 04-01/05-01 reversal -30.00',
    ]);
  });

  it('is restated under a rate, and waits for one that is missing', async () => {
    await test.apply(committed());
    const rateKey = { resourceType: 'vm', resourceFamily: 'standard', location: 'fsn1' };
    await use('2026-04-10', '20', 'cores', { rateKey });
    expect(await rows('2026-07-01')).toEqual([]);
    const { items } = await test.ask<Shown>('commitments', { at: T('2026-07-01') });
    expect(items[0]?.terms[0]).toMatchObject({ drawnDown: null, quarantine: { code: 'missing_rate' } });
    await test.apply({ command: 'set-rate', ...rateKey, unitPrice: '0.5', effectiveFrom: T('2026-01-01') });
    // 100.00 − 20 × 0.5
    expect(await rows('2026-07-02')).toEqual(['commitment 04-01/07-01 charge 90.00', 'cores 04-01/05-01 charge 10.00']);
    await test.apply({
      ...{ command: 'correct-rate', ...rateKey, unitPrice: '1', effectiveFrom: T('2026-01-01'), reason: 'a typo' },
    });
    expect(await rows('2026-07-03')).toEqual([
      'commitment 04-01/07-01 rebooked 80.00',
      'commitment 04-01/07-01 reversal -90.00',
      'cores 04-01/05-01 rebooked 20.00',
      'cores 04-01/05-01 reversal -10.00',
    ]);
  });

  it('waits for late usage as the lines do that it counts', async () => {
    await test.apply({ command: 'set-grace-period', tenantId: 'a', hours: 48, from: T('2026-01-01') }, committed());
    await use('2026-06-10', '30');
    expect(await rows('2026-07-01')).toEqual([]);
    await use('2026-06-11', '20');
    expect(await rows('2026-07-03')).toEqual(['commitment 04-01/07-01 charge 50.00', 'hours 06-01/07-01 charge 50.00']);
  });

  it('counts the kinds that it names, and two of them share none', async () => {
    await test.apply(
      committed([SPRING], { billingKinds: ['zones', 'base_fee'] }),
      committed([SPRING], { commitmentId: 'h', billingKinds: ['hours'] }),
    );
    await use('2026-04-10', '30');
    await use('2026-04-11', '200', 'zones');
    // c: 100.00 − 3 × 10.00 − 20.00 = 50.00; h: 100.00 − 30.00 = 70.00
    expect(await rows('2026-07-01')).toEqual([
      'commitment 04-01/07-01 charge 50.00',
      'commitment 04-01/07-01 charge 70.00',
      'hours 04-01/05-01 charge 30.00',
      'zones 04-01/05-01 charge 20.00',
    ]);
    expect(await codeOf(committed([SPRING], { commitmentId: 'o' }))).toBe('commitment_overlap');
    expect(await codeOf(committed([SPRING], { commitmentId: 'o', billingKinds: ['hours'] }))).toBe(
      'commitment_overlap',
    );
  });

  it('is drawn down before coupons and credits', async () => {
    await test.apply(
      committed(),
      {
        command: 'grant-coupon',
        tenantId: 'a',
        creditId: 'k',
        currency: 'USD',
        percent: '50',
        billingKinds: ['hours'],
        from: T('2026-04-01'),
      },
      { command: 'grant-credit', tenantId: 'a', creditId: 'm', currency: 'USD', amount: '5.00', from: T('2026-04-01') },
    );
    await use('2026-04-10', '30');
    const bill = await billed(test, 'a', '2026-07-01');
    // Fees 4 × 10.00; 30.00 − 50 %; 100.00 − 30.00; the credit takes 5.00
    expect(bill?.subtotal).toBe('120.00');
    expect(await shown(T('2026-07-01'))).toEqual(['ended 100.00 30.00 70.00 70.00 70.00']);
  });

  it('has a coupon taken of its true-up only where that names it', async () => {
    const coupon = { command: 'grant-coupon', tenantId: 'a', currency: 'USD', percent: '50' };
    await test.apply(committed(), {
      ...{ ...coupon, creditId: 'june', from: T('2026-06-01'), until: T('2026-07-01') },
    });
    await use('2026-04-10', '30');
    await use('2026-06-10', '10');
    // 10.00 − 50 % in June; 100.00 − 30.00 − 10.00: a coupon of a month takes nothing of what was agreed for three
    expect(await rows('2026-07-01')).toEqual([
      'commitment 04-01/07-01 charge 60.00',
      'hours 04-01/05-01 charge 30.00',
      'hours 06-01/07-01 charge 5.00',
    ]);
    await test.apply({ ...coupon, creditId: 'named', billingKinds: ['commitment'], from: T('2026-06-30') });
    // 60.00 − 50 %
    expect(await rows('2026-07-02')).toEqual([
      'commitment 04-01/07-01 rebooked 30.00',
      'commitment 04-01/07-01 reversal -60.00',
    ]);
  });

  it('is in the currency of all plans in its terms, also of later ones', async () => {
    await test.apply(
      tenant('m', { currencies: ['USD', 'EUR'] }),
      plan('e', '5.00', [{ billingKind: 'hours', price: unit('1.00') }], { currency: 'EUR' }),
      deployment('d-m', 'm'),
      subscription('s-m', 'd-m', 'p'),
    );
    const change = { command: 'change-plan', subscriptionId: 's-m', planId: 'e', at: T('2026-06-01') };
    const ofMany = (terms: readonly object[]) => committed(terms, { subscriptionId: 's-m', tenantId: 'm' });
    const until = (end: string) => [term('2026-04-01', end, '100.00')];
    await test.apply(ofMany(until('2026-07-01')));
    const refused = await test.refused(change);
    expect([refused.code, refused.message]).toEqual([
      'currency_mismatch',
      'plan e, which subscription s-m has within the terms of commitment c, is in EUR, the commitment in USD: nothing' +
        ' is converted. End the terms where the currency changes. To correct both plan and commitment, withdraw the' +
        ' commitment first',
    ]);
    const { command: _, ...timeline } = change;
    const { planId, at } = timeline;
    const corrected = { command: 'correct-subscription', subscriptionId: 's-m', plans: [{ planId, at }], reason: 'x' };
    expect(await codeOf(corrected)).toBe('currency_mismatch');
    const correction = { command: 'correct-commitment', reason: 'until June' };
    await test.apply({ ...ofMany(until('2026-06-01')), ...correction }, change);
    expect(await codeOf({ ...ofMany(until('2026-07-01')), ...correction })).toBe('currency_mismatch');
    await test.apply({ command: 'withdraw', what: 'change-plan', subscriptionId: 's-m', at, reason: 'not yet' });
    await test.apply({ ...ofMany(until('2026-07-01')), ...correction, reason: 'until July' });
    expect(await codeOf({ ...change, at: T('2026-05-01') })).toBe('currency_mismatch');
  });

  it('is in the currency of the plan with which its tenant gets the deployment back', async () => {
    await test.apply(
      ...['m', 'n'].map((id) => tenant(id, { currencies: ['USD', 'EUR'] })),
      plan('e', '5.00', [{ billingKind: 'hours', price: unit('1.00') }], { currency: 'EUR' }),
      deployment('d-m', 'm'),
      subscription('s-m', 'd-m', 'p'),
      committed([SPRING], { subscriptionId: 's-m', tenantId: 'm' }),
      { command: 'assign-deployment', deploymentId: 'd-m', tenantId: 'n', from: T('2026-05-01') },
      { command: 'change-plan', subscriptionId: 's-m', planId: 'e', at: T('2026-05-01') },
    );
    const back = { deploymentId: 'd-m', tenantId: 'm' };
    expect(await codeOf({ command: 'assign-deployment', ...back, from: T('2026-06-01') })).toBe('currency_mismatch');
    const corrected = { command: 'correct-assignment', ...back, reason: 'never left', effectiveFrom: T('2026-05-01') };
    expect(await codeOf(corrected)).toBe('currency_mismatch');
    const withdrawn = { command: 'withdraw', what: 'assign-deployment', deploymentId: 'd-m', reason: 'never left' };
    expect(await codeOf({ ...withdrawn, from: T('2026-05-01') })).toBe('currency_mismatch');
    // After the terms, nothing is committed any more.
    await test.apply({ command: 'assign-deployment', ...back, from: T('2026-07-01') });
  });

  it('shows what is drawn down, remains and was billed, as known now and then', async () => {
    await test.apply(committed([SPRING, term('2026-07-01', '2026-08-01', '50.00')]));
    await use('2026-04-10', '30');
    const before = await test.ledger.catchUp();
    await use('2026-05-10', '80');
    expect(await shown(T('2026-04-01'))).toEqual([
      'running 100.00 0.00 100.00 0.00 0.00',
      'upcoming 50.00 0.00 50.00 0.00 0.00',
    ]);
    expect(await shown(T('2026-05-01'), { subscriptionId: 's-a' })).toEqual([
      'running 100.00 30.00 70.00 0.00 0.00',
      'upcoming 50.00 0.00 50.00 0.00 0.00',
    ]);
    expect((await shown(T('2026-06-01')))[0]).toBe('running 100.00 110.00 0.00 0.00 0.00');
    expect((await shown(T('2026-07-01'), { asOf: String(before) }))[0]).toBe('ended 100.00 30.00 70.00 70.00 0.00');
    expect(await shown(T('2026-07-01'))).toEqual([
      'ended 100.00 110.00 0.00 0.00 0.00',
      'running 50.00 0.00 50.00 0.00 0.00',
    ]);
    await rows('2026-08-01');
    expect((await shown(T('2026-08-01')))[1]).toBe('ended 50.00 0.00 50.00 50.00 50.00');
    expect(await shown(T('2026-08-01'), { tenantId: 'b' })).toEqual([]);
  });

  it('opens into its arithmetic, the lines that it counts and why it was corrected', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    await use('2026-05-10', '200', 'zones');
    await rows('2026-07-01');
    await use('2026-04-11', '5');
    const bill = await billed(test, 'a', '2026-07-02');
    const { rows: explained } = await test.ask<{
      rows: {
        row: { billingKind: string; kind: string };
        arithmetic: string;
        counted: { billingKind: string; net: string; lineId: string }[];
        because: { type: string }[];
        events: { type: string }[];
      }[];
    }>('explain', { id: bill?.invoiceId });
    const trueUp = explained.find(({ row }) => row.billingKind === 'commitment' && row.kind === 'rebooked');
    // 30 + 5 hours and 200 zones at 0.10 are 55.00
    expect(trueUp?.arithmetic).toBe('100.00 committed − 55.00 drawn down = 45.00');
    expect(
      trueUp?.counted.filter(({ net }) => net !== '0.00').map(({ billingKind, net }) => `${billingKind} ${net}`),
    ).toEqual(['hours 35.00', 'zones 20.00']);
    expect(trueUp?.because.map(({ type }) => type)).toContain('UsageObserved');
    expect(trueUp?.events.map(({ type }) => type)).toContain('CommitmentSet');
    const used = await test.ask<{ usedIn: { rows: { billingKind: string }[] }[] }>('explain', {
      id: trueUp?.counted.find(({ billingKind }) => billingKind === 'hours')?.lineId,
    });
    expect(used).toBeDefined();
  });

  it('opens into the plans and rates of what it counts, and these lead back to it alone', async () => {
    const vm = { resourceType: 'vm', resourceFamily: 'standard', location: 'fsn1' };
    await test.apply(
      { command: 'set-rate', ...vm, unitPrice: '0.5', effectiveFrom: T('2026-01-01') },
      plan('first', '10.00', [{ billingKind: 'cores', price: { model: 'rate_card' } }]),
      deployment('d-r', 'b'),
      subscription('s-r', 'd-r', 'first'),
      { command: 'change-plan', subscriptionId: 's-r', planId: 'p', at: T('2026-06-01') },
      committed([SPRING, term('2026-07-01', '2026-08-01', '7.00')], {
        ...{ subscriptionId: 's-r', tenantId: 'b', billingKinds: ['cores'] },
      }),
    );
    const observed = async (billingKind: string, more: object = {}): Promise<number> => {
      const period = { start: T('2026-05-10'), end: '2026-05-10T01:00:00Z' };
      const reading = { resourceId: billingKind, billingKind, granularity: 'hour', quantity: '20', period, ...more };
      await test.apply({ command: 'observe-usage', deploymentId: 'd-r', observations: [reading] });
      return test.ledger.catchUp();
    };
    const cores = await observed('cores', { rateKey: vm });
    const hours = await observed('hours');
    interface Evidence {
      readonly type: string;
      readonly stream: string;
      readonly position: number;
    }
    const open = await test.ask<{ usage: { readings: number }; events: Evidence[] }>('explain', {
      id: (await test.ask<{ items: { terms: { lineId: string }[] }[] }>('commitments', { tenantId: 'b' })).items[0]
        ?.terms[0]?.lineId,
      at: T('2026-05-20'),
    });
    expect(open.usage.readings).toBe(1);
    const bill = await billed(test, 'b', '2026-07-01');
    // 100.00 − 20 × 0.5
    expect(rowsOf(bill)).toContain('commitment 04-01/07-01 charge 90.00');
    const { rows: explained } = await test.ask<{
      rows: { row: { billingKind: string; rowId: string }; rates: { unitPrice: string }[]; events: Evidence[] }[];
    }>('explain', { id: bill?.invoiceId });
    const trueUp = explained.find(({ row }) => row.billingKind === 'commitment');
    expect(trueUp?.rates).toMatchObject([{ ...vm, unitPrice: '0.5', event: { type: 'RateSet' } }]);
    const types = new Set(trueUp?.events.map(({ type, stream }) => `${type} ${stream}`));
    for (const each of ['PlanPublished plan-first', 'PlanPublished plan-p']) expect(types).toContain(each);
    expect(trueUp?.events.map(({ position }) => position)).toContain(cores);
    expect(trueUp?.events.map(({ position }) => position)).not.toContain(hours);
    /** The billing kinds of the rows that an event is used in. */
    const usedIn = async (is: (event: Evidence) => boolean): Promise<string[]> => {
      const id = trueUp?.events.find(is)?.position ?? hours;
      const found = await test.ask<{ usedIn: { rows: { billingKind: string }[] }[] }>('explain', { id: String(id) });
      return found.usedIn.flatMap(({ rows: of }) => of.map(({ billingKind }) => billingKind)).sort();
    };
    expect(await usedIn(({ position }) => position === cores)).toEqual(['commitment', 'cores']);
    expect(await usedIn(({ type }) => type === 'RateSet')).toEqual(['commitment', 'cores']);
    expect(await usedIn(({ stream }) => stream === 'plan-first')).toEqual([
      ...['base_fee', 'base_fee', 'commitment', 'cores'],
    ]);
    // A reading of a kind that the commitment does not count
    expect(await usedIn(() => false)).toEqual([]);
    // The term of July is of the later plan alone.
    expect(rowsOf(await billed(test, 'b', '2026-08-01'))).toContain('commitment 07-01/08-01 charge 7.00');
    expect(await usedIn(({ stream }) => stream === 'plan-first')).toEqual([
      ...['base_fee', 'base_fee', 'commitment', 'cores'],
    ]);
  });

  it('is corrected and withdrawn: what was billed is put right', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    await rows('2026-07-01');
    const correction = {
      ...committed([term('2026-04-01', '2026-07-01', '90.00')]),
      command: 'correct-commitment',
      reason: 'as signed',
    };
    const { total } = await test.ledger.preview([correction], ADMIN, { at: instant(T('2026-07-01')) });
    expect(total).toBe('-10.00');
    await test.apply(correction);
    expect(await rows('2026-07-02')).toEqual([
      'commitment 04-01/07-01 rebooked 60.00',
      'commitment 04-01/07-01 reversal -70.00',
    ]);
    // A term that ends later is another line: nothing of it is due yet.
    await test.apply({ ...correction, terms: [term('2026-04-01', '2026-08-01', '90.00')], reason: 'a month more' });
    // Still booked of the line that ended in July
    expect(await shown(T('2026-07-03'))).toEqual(['running 90.00 30.00 60.00 0.00 60.00']);
    expect(await rows('2026-07-03')).toEqual(['commitment 04-01/07-01 reversal -60.00']);
    expect(await shown(T('2026-07-03'))).toEqual(['running 90.00 30.00 60.00 0.00 0.00']);
    expect(await rows('2026-08-01')).toEqual(['commitment 04-01/08-01 charge 60.00']);
    await test.apply({
      ...{
        command: 'withdraw',
        what: 'set-commitment',
        subscriptionId: 's-a',
        commitmentId: 'c',
        reason: 'never agreed',
      },
    });
    expect(await rows('2026-08-02')).toEqual(['commitment 04-01/08-01 reversal -60.00']);
    expect(await shown(T('2026-08-02'))).toEqual([]);
    expect(await codeOf({ ...correction, reason: 'again' })).toBe('unknown_commitment');
  });

  it('is due in whole where the subscription ends, and again not where it goes on', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    await test.apply({ command: 'cancel-subscription', subscriptionId: 's-a', at: T('2026-05-16') });
    expect(await rows('2026-05-16')).toEqual(['commitment 04-01/05-16 charge 70.00', 'hours 04-01/05-01 charge 30.00']);
    await test.apply({
      ...{ command: 'correct-subscription', subscriptionId: 's-a', cancelledAt: null, reason: 'it goes on' },
    });
    expect(await rows('2026-05-17')).toEqual(['commitment 04-01/05-16 reversal -70.00']);
    expect(await rows('2026-07-01')).toEqual(['commitment 04-01/07-01 charge 70.00']);
  });

  it('is of its tenant: it ends where the deployment goes to another one', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    await test.apply({ command: 'assign-deployment', deploymentId: 'd-a', tenantId: 'b', from: T('2026-06-01') });
    await use('2026-06-10', '500');
    expect(await rows('2026-07-01')).toEqual(['commitment 04-01/06-01 charge 70.00', 'hours 04-01/05-01 charge 30.00']);
    expect(await rows('2026-07-01', 'b')).toEqual(['hours 06-01/07-01 charge 500.00']);
  });

  it('is billed once where the deployment comes back within the term, as said in either way', async () => {
    const move = (command: object) => test.apply({ deploymentId: 'd-a', ...command });
    await test.apply(committed());
    await use('2026-04-10', '30');
    await move({ command: 'assign-deployment', tenantId: 'b', from: T('2026-05-01') });
    // 100.00 − 30.00, due where the deployment goes
    expect(await rows('2026-05-20')).toEqual(['commitment 04-01/05-01 charge 70.00', 'hours 04-01/05-01 charge 30.00']);
    await move({ command: 'assign-deployment', tenantId: 'a', from: T('2026-06-01') });
    // The term goes on to its end: what was billed of the shorter one is reversed
    expect(await rows('2026-06-02')).toEqual(['commitment 04-01/05-01 reversal -70.00']);
    await use('2026-06-10', '20');
    // 100.00 − 30.00 − 20.00
    expect(await rows('2026-07-01')).toEqual(['commitment 04-01/07-01 charge 50.00', 'hours 06-02/07-01 charge 20.00']);
    const correction = { command: 'correct-assignment', reason: 'a typo', effectiveFrom: T('2026-06-01') };
    await move({ ...correction, tenantId: 'b' });
    expect(await rows('2026-07-02')).toEqual([
      'commitment 04-01/05-01 rebooked 70.00',
      'commitment 04-01/07-01 reversal -50.00',
      'hours 06-02/07-01 reversal -20.00',
    ]);
    await move({ ...correction, tenantId: 'a', effectiveFrom: T('2026-06-15') });
    // 100.00 − 30.00: the hours of 10 June are of the other tenant
    expect(await rows('2026-07-03')).toEqual([
      'commitment 04-01/05-01 reversal -70.00',
      'commitment 04-01/07-01 rebooked 70.00',
    ]);
  });

  it('keeps its months where the time zone of its tenant is corrected', async () => {
    await test.apply(
      { ...tenant('z'), timeZone: 'UTC' },
      deployment('d-z', 'z', { from: T('2026-02-01') }),
      subscription('s-z', 'd-z', 'p', { from: T('2026-02-01') }),
      committed([SPRING], { subscriptionId: 's-z', tenantId: 'z', billingKinds: ['hours'] }),
    );
    const of = async (at: string, quantity: string): Promise<unknown> => {
      const reading = { resourceId: `r-${at}`, billingKind: 'hours', granularity: 'event', quantity };
      const period = { start: at, end: at.replace(':00:00Z', ':30:00Z') };
      return test.apply({ command: 'observe-usage', deploymentId: 'd-z', observations: [{ ...reading, period }] });
    };
    await of('2026-04-10T00:00:00Z', '30');
    await of('2026-06-30T23:00:00Z', '9');
    expect(await rows('2026-07-01', 'z')).toEqual([
      // 100.00 − 30.00 − 9.00
      'commitment 04-01/07-01 charge 61.00',
      'hours 04-01/05-01 charge 30.00',
      'hours 06-01/07-01 charge 9.00',
    ]);
    await test.apply({ command: 'correct-tenant', tenantId: 'z', timeZone: 'Europe/Berlin', reason: 'they are there' });
    // In Berlin 30 June 23:00 UTC is in July: 100.00 − 30.00. July is not over.
    const corrected = await rows('2026-07-02', 'z');
    expect(corrected.filter((row) => row.startsWith('commitment'))).toEqual([
      'commitment 03-31/06-30 charge 70.00',
      'commitment 04-01/07-01 reversal -61.00',
    ]);
    expect((await shown(T('2026-07-02'), { tenantId: 'z' }))[0]).toBe('ended 100.00 30.00 70.00 70.00 70.00');
  });

  it('is due again when the invoice of its true-up is voided', async () => {
    await test.apply(committed());
    const bill = await billed(test, 'a', '2026-07-01');
    await test.apply({ command: 'void-invoice', invoiceId: bill?.invoiceId, at: T('2026-07-01'), reason: 'a test' });
    await use('2026-04-10', '30');
    expect(await rows('2026-07-02')).toEqual(['commitment 04-01/07-01 charge 70.00', 'hours 04-01/05-01 charge 30.00']);
  });

  it('accrues when it is due, and not before', async () => {
    await test.apply(committed());
    const accrued = async (at: string) => {
      const { subscriptions } = await test.ask<{
        subscriptions: {
          subscriptionId: string;
          lines: { billingKind: string; accrued: string; dueAtPeriodEnd: string }[];
        }[];
      }>('accrual', { at });
      const lines = subscriptions.find(({ subscriptionId }) => subscriptionId === 's-a')?.lines ?? [];
      return lines.flatMap((line) => (line.billingKind === 'commitment' ? [[line.accrued, line.dueAtPeriodEnd]] : []));
    };
    expect(await accrued(T('2026-06-30'))).toEqual([['0.00', '0.00']]);
    expect(await accrued('2026-06-30T23:59:59Z')).toEqual([['100.00', '100.00']]);
    expect(await accrued(T('2026-07-01'))).toEqual([['100.00', '100.00']]);
  });

  it('is in no budget of a month', async () => {
    await test.apply(committed(), {
      ...{ command: 'set-budget', tenantId: 'a', budgetId: 'm', amount: '1000.00', effectiveFrom: T('2026-01-01') },
    });
    await use('2026-04-10', '30');
    const { items } = await test.ask<{ items: { value: string }[] }>('budgets', {
      month: '2026-04',
      at: T('2026-07-02'),
    });
    // The fee and 30 hours
    expect(items.map(({ value }) => value)).toEqual(['40.00']);
  });

  it('differs where what it counts differs, with the events that explain it', async () => {
    await test.apply(committed());
    await use('2026-04-10', '30');
    await rows('2026-07-01');
    const from = String(await test.ledger.catchUp());
    await use('2026-04-11', '5');
    const later = { ...ADMIN, now: instant(T('2026-07-02')) };
    const { lines } = (await test.ledger.ask('diff', { from }, later)) as {
      lines: { billingKind: string; difference: string; events: object[] }[];
    };
    expect(lines.map(({ billingKind, difference, events }) => [billingKind, difference, events])).toEqual([
      ['hours', '5.00', [expect.objectContaining({ type: 'UsageObserved' })]],
      ['commitment', '-5.00', [expect.objectContaining({ type: 'UsageObserved' })]],
    ]);
  });

  it('is refused if it can not be billed as it is stated', async () => {
    const withTerms = async (...terms: object[]) => codeOf(committed(terms));
    expect(await withTerms(term('2026-04-01', '2026-06-15', '1.00'))).toBe('commitment_period');
    expect(await withTerms(term('2026-04-10', '2026-07-01', '1.00'))).toBe('commitment_period');
    expect(await withTerms(SPRING, term('2026-08-01', '2026-09-01', '1.00'))).toBe('invalid_commitment');
    expect(await withTerms(term('2026-07-01', '2026-04-01', '1.00'))).toBe('invalid_commitment');
    expect(await withTerms(term('2026-04-01', '2126-07-01', '1.00'))).toBe('invalid_commitment');
    expect(await withTerms(term('2026-04-01', '2026-07-01', '-1.00'))).toBe('invalid_commitment');
    expect(await withTerms(term('2026-04-01', '2026-07-01', '1.001'))).toBe('invalid_commitment');
    expect(await codeOf(committed([SPRING], { currency: 'EUR' }))).toBe('currency_mismatch');
    expect(await codeOf(committed([SPRING], { tenantId: 'b' }))).toBe('other_holder');
    expect(await codeOf(committed([SPRING], { tenantId: 'nobody' }))).toBe('unknown_tenant');
    expect(await codeOf(committed([SPRING], { subscriptionId: 'none' }))).toBe('unknown_subscription');
    expect(await codeOf(committed([SPRING], { billingKinds: ['hours', 'hours'] }))).toBe('invalid_commitment');
    const unknown = await test.refused(committed([SPRING], { billingKinds: ['hours', 'hour', 'seats'] }));
    expect([unknown.code, unknown.message]).toEqual([
      'unknown_billing_kind',
      'commitment c: billingKinds[1] hour is in no plan of the subscription in these terms; billingKinds[2] seats is' +
        ' in no plan of the subscription in these terms. Give some of base_fee, hours, zones, cores',
    ]);
    const kind = { billingKind: 'commitment', price: unit('1.00') };
    expect(await codeOf(plan('own', '1.00', [kind]))).toBe('reserved_billing_kind');
    expect(
      await codeOf({
        command: 'correct-plan',
        planId: 'p',
        effectiveFrom: T('2026-01-01'),
        items: [kind],
        reason: 'x',
      }),
    ).toBe('reserved_billing_kind');
    await test.apply(committed());
    expect((await test.apply(committed()))[0]?.status).toBe('unchanged');
    expect(await codeOf(committed([term('2026-04-01', '2026-07-01', '1.00')]))).toBe('conflicting_body');
    expect(
      await codeOf({ command: 'withdraw', what: 'start-subscription', subscriptionId: 's-a', reason: 'a typo' }),
    ).toBe('subscription_has_commitments');
  });
});
