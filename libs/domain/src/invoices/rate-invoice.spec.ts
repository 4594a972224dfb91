import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { Books, HOURS, item, MAY, plan, STUDIO, T } from '../../../../test/support/books.js';
import { decimal, sum } from '../money/decimal.js';
import { moneyText } from '../money/money.js';
import type { TaxRate } from '../tenants/tenant.js';
import { byMonth } from '../margin/months.js';
import { type Instant, instant } from '../time/instant.js';
import type { Coupon } from './credits.js';
import type { FrozenRow } from './invoice.js';
import { billingAsOf, billingOfClaim, rateInvoice, type RatedInvoice, usageNeeded } from './rate-invoice.js';

const RUNS = checkedOn(100);

const JUNE = instant('2026-06-01T00:00:00Z');
const VAT: TaxRate = { name: 'VAT', ratePercent: '19', from: instant('2026-01-01T00:00:00Z') };

const shown = ({ rows }: { rows: readonly FrozenRow[] }) =>
  rows.map(({ billingKind, chargePeriod, kind, quantity, net }) => [
    billingKind,
    `${chargePeriod.start.slice(5, 10)}/${chargePeriod.end.slice(5, 10)}`,
    kind,
    quantity,
    net,
  ]);
const money = ({ subtotal, tax, total }: RatedInvoice): string[] =>
  [subtotal, tax, total].map((each) => moneyText(each, 'USD'));

describe('invoices within a period', () => {
  it('add up to the month, to the cent', () => {
    const books = new Books();
    for (let day = 1; day <= 30; day += 1) books.use(T(String(day).padStart(2, '0')), '120');
    // by the 16th 15 × 120 = 1800, 312 above 1488: 3.12, beside the base fee in advance
    expect(shown(books.bill(T('16')))).toEqual([
      ['base_fee', '04-01/05-01', 'charge', '1', '50'],
      ['droplet_hours', '04-01/04-16', 'charge', '312', '3.12'],
    ]);
    // 7 × 120 = 840
    expect(shown(books.bill(T('23')))).toEqual([['droplet_hours', '04-16/04-23', 'charge', '840', '8.4']]);
    // 8 × 120 = 960; and May's base fee beside April's usage
    expect(shown(books.bill(MAY))).toEqual([
      ['droplet_hours', '04-23/05-01', 'charge', '960', '9.6'],
      ['base_fee', '05-01/06-01', 'charge', '1', '50'],
    ]);
    // 3.12 + 8.40 + 9.60 = 21.12
    expect(books.total('droplet_hours')).toBe('21.12');
  });

  it('cut parts of zero along', () => {
    const books = new Books().use(T('02'), '1000');
    const invoice = books.bill(T('10'));
    expect(shown(invoice)).toEqual([['base_fee', '04-01/05-01', 'charge', '1', '50']]);
    expect(invoice.claimed.map(({ period }) => [period.start, period.end])).toEqual([
      [T('01'), MAY],
      [T('01'), T('10')],
    ]);
  });

  it('need usage up to the bounds of the parts, of metered lines alone', () => {
    const books = new Books();
    books.bill(T('16'));
    const needed = usageNeeded(billingAsOf(books.facts(T('23')), T('23')));
    expect(needed.map(({ line, instants }) => [line.billingKind, instants])).toEqual([
      ['droplet_hours', [T('16'), T('23')]],
    ]);
  });
});

describe('what is learnt late', () => {
  const billed = (): Books => {
    const books = new Books({ taxes: [VAT] }).use(T('02'), '1800');
    books.bill(T('16'));
    return books;
  };

  it('reverses the issued row and books the right one, with its own charge period, linked, with the reason', () => {
    const books = billed();
    const charge = books.issued[0]?.rows.find(({ billingKind }) => billingKind === 'droplet_hours');
    books.use(T('03'), '24');
    const invoice = books.bill(T('20'));
    // 1824 − 1488 = 336 instead of 312
    expect(shown(invoice)).toEqual([
      ['droplet_hours', '04-01/04-16', 'reversal', '-312', '-3.12'],
      ['droplet_hours', '04-01/04-16', 'rebooked', '336', '3.36'],
    ]);
    expect(invoice.rows.map(({ corrects, reason }) => [corrects, reason])).toEqual([
      [[charge?.rowId], 'late usage'],
      [[charge?.rowId], 'late usage'],
    ]);
    expect(books.total('droplet_hours')).toBe('3.36');
  });

  it('corrects a correction: the row that stands, not the one that was taken back', () => {
    const books = billed();
    books.use(T('03'), '24').bill(T('20'));
    const rebooked = books.issued[1]?.rows.find(({ kind }) => kind === 'rebooked');
    const again = books.use(T('04'), '-12').bill(T('21'));
    // 1812 − 1488 = 324
    expect(shown(again)).toEqual([
      ['droplet_hours', '04-01/04-16', 'reversal', '-336', '-3.36'],
      ['droplet_hours', '04-01/04-16', 'rebooked', '324', '3.24'],
    ]);
    expect(again.rows.map(({ corrects }) => corrects)).toEqual([[rebooked?.rowId], [rebooked?.rowId]]);
  });

  it('books nothing where the amounts are equal', () => {
    // 0.4 hours more are 0.004: 3.124 is 3.12
    const books = billed().use(T('03'), '0.4');
    expect(books.bill(T('20')).rows).toEqual([]);
  });

  it('leaves lines that are not marked alone, where nothing of them is due', () => {
    const books = billed().use(T('03'), '24');
    const base = (invoice: RatedInvoice) => invoice.rows.filter(({ billingKind }) => billingKind === 'base_fee');
    books.plan = { ...STUDIO, baseFee: '60' };
    expect(base(books.preview(T('20'), new Map()))).toEqual([]);
    // 60.00 instead of 50.00
    expect(base(books.preview(T('20'))).map(({ kind, net }) => [kind, net])).toEqual([
      ['reversal', '-50'],
      ['rebooked', '60'],
    ]);
  });

  it('is owed for a part that was billed with nothing to pay', () => {
    const books = new Books().use(T('02'), '1000');
    books.bill(T('10'));
    // 1000 + 600 = 1600 by the 10th, 112 above 1488: 1.12
    books.use(T('03'), '600');
    expect(shown(books.bill(T('10')))).toEqual([['droplet_hours', '04-01/04-10', 'rebooked', '112', '1.12']]);
    books.bill(MAY);
    expect(books.total('droplet_hours')).toBe('1.12');
    // and once it is booked, it is not owed again
    expect(shown(books.bill(JUNE)).filter(([, period]) => period === '04-01/04-10')).toEqual([]);
  });

  it('takes back what stands in a component that is no more', () => {
    const tiers = [
      { upTo: '10', unitAmount: '1.00' },
      { upTo: null, unitAmount: '0.50', flatAmount: '2.00' },
    ];
    const books = new Books({ plan: plan([item('zones', { model: 'graduated', tiers })], '0') }).use(
      T('02'),
      '14',
      'zones',
    );
    // 10 × 1.00 + 4 × 0.50 + 2.00
    expect(moneyText(books.bill(T('10')).subtotal, 'USD')).toBe('14.00');
    // 8 × 1.00: the second tier was never entered
    const invoice = books.use(T('03'), '-6', 'zones').bill(T('11'));
    expect(invoice.rows.map(({ ref, kind, net }) => [ref, kind, net])).toEqual([
      ['tier-1', 'reversal', '-10'],
      ['tier-1', 'rebooked', '8'],
      ['tier-2', 'reversal', '-2'],
      ['tier-2-flat', 'reversal', '-2'],
    ]);
    expect(books.total()).toBe('8.00');
  });

  it('takes all of a line back that is no more', () => {
    const books = billed();
    books.assignments = [{ tenantId: 't2', from: T('01') }];
    expect(shown(books.bill(T('20'))).map(([billingKind, , kind, , net]) => [billingKind, kind, net])).toEqual([
      ['base_fee', 'reversal', '-50'],
      ['droplet_hours', 'reversal', '-3.12'],
    ]);
    expect(books.total()).toBe('0.00');
  });
});

describe('a voided invoice', () => {
  it('gives its usage back: what it billed is open again', () => {
    const books = new Books().use(T('02'), '1800').use(T('17'), '100');
    books.bill(T('16'));
    books.issued = [];
    expect(shown(books.preview(T('16')))).toEqual([
      ['base_fee', '04-01/05-01', 'charge', '1', '50'],
      ['droplet_hours', '04-01/04-16', 'charge', '312', '3.12'],
    ]);
    // billed further, it is two parts: the cut stays
    expect(shown(books.bill(T('20'))).slice(1)).toEqual([
      ['droplet_hours', '04-01/04-16', 'charge', '312', '3.12'],
      ['droplet_hours', '04-16/04-20', 'charge', '100', '1'],
    ]);
  });

  it('can be followed by one of an earlier instant', () => {
    const books = new Books().use(T('02'), '1800').use(T('12'), '100');
    books.bill(T('16'));
    books.issued = [];
    books.bill(T('10'));
    // 1800 − 1488 = 312 by the 10th, 100 more by the 16th
    expect(shown(books.bill(MAY)).filter(([billingKind]) => billingKind === 'droplet_hours')).toEqual([
      ['droplet_hours', '04-10/04-16', 'charge', '100', '1'],
    ]);
    expect(books.total('droplet_hours')).toBe('4.12');
  });
});

describe('a line that can not be billed', () => {
  it('is quarantined with its reason; all others are billed', () => {
    const books = new Books({ plan: plan([HOURS, item('VmCores', { model: 'unit', unitAmount: '1' })]) });
    books.use(T('02'), '1800').use(T('02'), '4', 'VmCores');
    books.unpriced.add('VmCores');
    const invoice = books.bill(T('16'));
    expect(shown(invoice).map(([billingKind, , , , net]) => [billingKind, net])).toEqual([
      ['base_fee', '50'],
      ['droplet_hours', '3.12'],
    ]);
    expect(invoice.quarantined).toMatchObject([
      { code: 'missing_rate', message: 'VmCores of subscription s1: VmCores has no price' },
    ]);
    expect(invoice.claimed).toHaveLength(2);
    // once there is a price, it is billed whole
    books.unpriced.clear();
    expect(shown(books.bill(T('20'))).filter(([billingKind]) => billingKind === 'VmCores')).toEqual([
      ['VmCores', '04-01/04-20', 'charge', '4', '4'],
    ]);
  });
});

describe('a subscription that ends early', () => {
  it('gives the unused part of its advance fee back, and bills usage up to its end', () => {
    const books = new Books().use(T('02'), '1800').use(T('17'), '100').use(T('25'), '1000');
    books.bill(T('16'));
    books.cancelledAt = T('19');
    const invoice = books.bill(T('20'));
    // 50.00 × 18/30 = 30.00; 100 hours from the 16th to the 19th
    expect(shown(invoice)).toEqual([
      ['base_fee', '04-01/05-01', 'reversal', '-1', '-50'],
      ['base_fee', '04-01/04-19', 'rebooked', '1', '30'],
      ['droplet_hours', '04-16/04-19', 'charge', '100', '1'],
    ]);
    // 30.00 + 3.12 + 1.00
    expect(books.total()).toBe('34.12');
    expect(books.bill(JUNE).rows).toEqual([]);
  });

  it('takes back what was billed behind its end', () => {
    const books = new Books().use(T('02'), '1800').use(T('17'), '100');
    books.bill(T('16'));
    books.bill(T('20'));
    books.cancelledAt = T('16');
    expect(shown(books.bill(T('21'))).filter(([billingKind]) => billingKind === 'droplet_hours')).toEqual([
      ['droplet_hours', '04-16/04-20', 'reversal', '-100', '-1'],
    ]);
    // 50.00 × 15/30 + 3.12
    expect(books.total()).toBe('28.12');
  });
});

/** 1.00 each, without base fee. */
const ONE_EACH = plan([item('droplet_hours', { model: 'unit', unitAmount: '1.00' })], '0');

describe('what begins or ends within a period', () => {
  const coupon = (more: Partial<Coupon>): Coupon => ({
    ...{ kind: 'coupon', creditId: 'half', from: T('01'), until: null, percent: '50', billingKinds: null },
    ...more,
  });
  /** 100 units on 2 April and 100 on 20 April, at 1.00. */
  const used = (more: ConstructorParameters<typeof Books>[0]): Books =>
    new Books({ plan: ONE_EACH, ...more }).use(T('02'), '100').use(T('20'), '100');
  const billedAt = (books: Books, instants: readonly Instant[]): string[] => {
    const invoices = instants.map((asOf) => books.bill(asOf));
    const total = (amount: 'subtotal' | 'tax'): string => moneyText(sum(invoices.map((each) => each[amount])), 'USD');
    return [total('subtotal'), total('tax')];
  };

  it.each([
    // 100.00 + 50.00
    ['a coupon from 16 April', { grants: [coupon({ from: T('16') })] }, ['150.00', '0.00']],
    // 50.00 + 100.00
    ['a coupon until 16 April', { grants: [coupon({ until: T('16') })] }, ['150.00', '0.00']],
    // 100.00 × 10 % + 100.00 × 20 %
    [
      'a tax of 10 %, then 20 % from 16 April',
      {
        taxes: [
          { ...VAT, ratePercent: '10' },
          { ...VAT, ratePercent: '20', from: T('16') },
        ],
      },
      ['200.00', '30.00'],
    ],
  ])('%s: the same amounts whatever the cuts', (_what, more, amounts) => {
    expect(billedAt(used(more), [MAY])).toEqual(amounts);
    expect(billedAt(used(more), [T('16'), MAY])).toEqual(amounts);
    expect(billedAt(used(more), [T('10'), T('25'), MAY])).toEqual(amounts);
  });

  it('gives each charge its own row', () => {
    const invoice = used({ grants: [coupon({ from: T('16') })] }).bill(MAY);
    expect(shown(invoice)).toEqual([
      ['droplet_hours', '04-01/04-16', 'charge', '100', '100'],
      ['droplet_hours', '04-16/05-01', 'charge', '100', '50'],
    ]);
  });

  it('names the terms of its plan that hold for each row', () => {
    const books = used({});
    books.plan = { ...ONE_EACH, effectiveUntil: T('16') };
    books.later = [
      { ...plan([item('droplet_hours', { model: 'unit', unitAmount: '2.00' })], '0'), effectiveFrom: T('16') },
    ];
    expect(books.bill(MAY).rows.map(({ planEffectiveFrom, net }) => [planEffectiveFrom, net])).toEqual([
      [T('01'), '100'],
      [T('16'), '200'],
    ]);
  });

  it('applies to a minimum where it is in force at the last instant of the period', () => {
    const committed = plan(
      [item('droplet_hours', { model: 'unit', unitAmount: '1.00' }, { commitments: { minimum: '300.00' } })],
      '0',
    );
    // 200.00 of usage and 100.00 to the minimum; half of 100.00 and of 100.00 is off
    const grants = [coupon({ from: T('16') })];
    expect(billedAt(used({ plan: committed, grants }), [MAY])).toEqual(['200.00', '0.00']);
    expect(billedAt(used({ plan: committed, grants }), [T('10'), T('16'), MAY])).toEqual(['200.00', '0.00']);
  });
});

describe('a line that ends early, or continues', () => {
  /** What is billed of each month: the charges divided by seconds. */
  const months = (books: Books): [string, string][] => {
    const amounts = books.issued.flatMap(({ rows }) =>
      rows.flatMap(({ net, chargePeriod }) => byMonth(decimal(net), chargePeriod, 'USD')),
    );
    return [...Map.groupBy(amounts, ({ month }) => month)].map(([month, of]) => [
      month,
      moneyText(sum(of.map(({ amount }) => amount)), 'USD'),
    ]);
  };
  const anchored = (): Books => {
    const books = new Books({ plan: plan([], '30') });
    books.anchor = T('15');
    books.from = T('15');
    return books;
  };

  it('has revenue in the months that are left, whenever its end was learnt', () => {
    const late = anchored();
    late.bill(T('15'));
    late.cancelledAt = T('20');
    late.bill(JUNE);
    const early = anchored();
    early.cancelledAt = T('20');
    early.bill(JUNE);
    // 30.00 × 5/30 days; the advance fee of 15 April to 15 May is taken back whole
    expect(months(early)).toEqual([['2026-04', '5.00']]);
    expect(months(late).filter(([, amount]) => amount !== '0.00')).toEqual([['2026-04', '5.00']]);
  });

  it('is billed from its former end on, where it continues after all', () => {
    const books = new Books({ plan: plan([HOURS], '30') }).use(T('02'), '1500');
    books.cancelledAt = T('11');
    // 30.00 × 10/30; 12 hours above 1488
    expect(shown(books.bill(T('11')))).toEqual([
      ['base_fee', '04-01/04-11', 'charge', '1', '10'],
      ['droplet_hours', '04-01/04-11', 'charge', '12', '0.12'],
    ]);
    books.cancelledAt = null;
    books.use(T('12'), '100').use(T('21'), '50');
    expect(shown(books.bill(T('20')))).toEqual([
      ['base_fee', '04-11/05-01', 'charge', '1', '20'],
      ['droplet_hours', '04-11/04-20', 'charge', '100', '1'],
    ]);
    expect(shown(books.bill(MAY)).filter(([, period]) => period !== '05-01/06-01')).toEqual([
      ['droplet_hours', '04-20/05-01', 'charge', '50', '0.5'],
    ]);
    // 30.00 + 1.62, and 30.00 of May
    expect(books.total()).toBe('61.62');
  });

  it('has its minimum at the end alone, where it continues after all', () => {
    const committed = plan(
      [item('droplet_hours', { model: 'unit', unitAmount: '1.00' }, { commitments: { minimum: '300.00' } })],
      '0',
    );
    const books = new Books({ plan: committed }).use(T('02'), '40');
    books.cancelledAt = T('11');
    // 300.00 × 10/30 = 100.00: 60.00 beside 40.00
    expect(money(books.bill(T('11')))[0]).toBe('100.00');
    books.cancelledAt = null;
    // the minimum of ten days is taken back, that of the month falls due at its end
    expect(money(books.bill(T('20')))[0]).toBe('-60.00');
    expect(money(books.bill(MAY))[0]).toBe('260.00');
  });

  it('has its minimum in the months of the whole period, whatever the cuts', () => {
    const committed = plan(
      [item('droplet_hours', { model: 'unit', unitAmount: '1.00' }, { commitments: { minimum: '300.00' } })],
      '0',
    );
    const billed = (instants: readonly Instant[]) => {
      const books = new Books({ plan: committed });
      books.anchor = T('16');
      books.from = T('16');
      for (const asOf of instants) books.bill(asOf);
      return months(books);
    };
    const end = instant('2026-05-16T00:00:00Z');
    // 300.00 of 16 April to 16 May: 15 of 30 days each
    expect(billed([end])).toEqual([
      ['2026-04', '150.00'],
      ['2026-05', '150.00'],
    ]);
    expect(billed([T('20'), MAY, end])).toEqual(billed([end]));
  });

  it('has the tax of its start on a fee in advance, also where it continues after all', () => {
    const taxes = [
      { ...VAT, ratePercent: '10' },
      { ...VAT, ratePercent: '20', from: T('10') },
    ];
    const books = new Books({ plan: plan([], '30'), taxes });
    books.cancelledAt = T('16');
    expect(money(books.bill(T('16')))).toEqual(['15.00', '1.50', '16.50']);
    books.cancelledAt = null;
    // 15.00 at the 10 % of 1 April, as if it had never been cancelled
    expect(money(books.bill(T('20')))).toEqual(['15.00', '1.50', '16.50']);
  });
});

describe('tax', () => {
  it('is at the rate in force for each charge; a reversal has the rate of the row that it reverses', () => {
    const books = new Books({ taxes: [VAT] }).use(T('02'), '1800');
    // 50.00 × 19 % + 3.12 × 19 % = 9.50 + 0.5928 → 10.09
    expect(money(books.bill(T('16')))).toEqual(['53.12', '10.09', '63.21']);
    books.taxes = [
      VAT,
      { name: 'VAT', ratePercent: '7', from: T('10') },
      { name: 'VAT', ratePercent: '10', from: T('16') },
    ];
    const late = books.use(T('03'), '24').use(T('17'), '100').bill(T('20'));
    expect(late.rows.map(({ kind, taxRatePercent, tax }) => [kind, taxRatePercent, tax])).toEqual([
      ['charge', '10', '0.1'],
      // −3.12 × 19 % = −0.5928, 3.36 × 19 % = 0.6384: 0.0456 → 0.05 in all
      ['reversal', '19', '-0.59'],
      ['rebooked', '19', '0.64'],
    ]);
    // the part of 1 to 16 April has two charges now
    expect(shown(late).map(([, period]) => period)).toEqual(['04-16/04-20', '04-01/04-16', '04-01/04-10']);
  });

  it('of a reversal is the tax that was frozen, and the invoice has the tax of its net', () => {
    const books = new Books({ plan: plan([item('hours', { model: 'unit', unitAmount: '0.05' })], '0') });
    books.taxes = [{ ...VAT, ratePercent: '10' }];
    // 0.05 × 10 % = 0.005 → 0.01
    expect(money(books.use(T('02'), '1', 'hours').bill(T('16')))).toEqual(['0.05', '0.01', '0.06']);
    // −0.05 and 0.10: 0.05 × 10 % → 0.01 in all, of which the reversal has the −0.01 that was frozen
    const late = books.use(T('03'), '1', 'hours').bill(T('20'));
    expect(late.rows.map(({ kind, tax }) => [kind, tax])).toEqual([
      ['reversal', '-0.01'],
      ['rebooked', '0.02'],
    ]);
  });

  it('is put right where a rate within an issued part is learnt late: net 0, tax the difference', () => {
    const books = new Books({ plan: ONE_EACH, taxes: [{ ...VAT, ratePercent: '10' }] })
      .use(T('02'), '100')
      .use(T('20'), '100');
    expect(money(books.bill(MAY))).toEqual(['200.00', '20.00', '220.00']);
    books.taxes = [...books.taxes, { ...VAT, ratePercent: '20', from: T('16') }];
    // 100.00 of April's second half at 20 % instead of 10 %
    expect(money(books.bill(JUNE))).toEqual(['0.00', '10.00', '10.00']);
    expect(books.bill(JUNE).rows).toEqual([]);
  });

  it('adds up from rows to header, whatever the rows', () => {
    const amounts = fc.array(fc.nat(2000), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(amounts, fc.constantFrom('19', '7.7', '10'), (quantities, ratePercent) => {
        const items = quantities.map((_each, index) => item(`k${index}`, { model: 'unit', unitAmount: '0.01' }));
        const books = new Books({ plan: plan(items), taxes: [{ ...VAT, ratePercent }] });
        for (const [index, quantity] of quantities.entries()) books.use(T('02'), String(quantity), `k${index}`);
        const { subtotal, tax, rows } = books.bill(T('16'));
        const header = moneyText(subtotal.times(decimal(ratePercent)).times(decimal('0.01')).round(2, 1), 'USD');
        expect(moneyText(tax, 'USD')).toBe(header);
        expect(moneyText(sum(rows.map((row) => decimal(row.tax))), 'USD')).toBe(header);
      }),
      RUNS,
    );
  });
});

describe('the billing of a draft', () => {
  it('is of the parts that it claims, whatever else became due since', () => {
    const books = new Books().use(T('02'), '1800').use(T('17'), '100');
    const { claimed } = books.bill(T('16'));
    const known = books.facts(T('20'), new Map());
    const recorded = new Map(
      [...known.recorded].map(([lineId, parts]) => [lineId, parts.map((part) => ({ ...part, issued: false }))]),
    );
    const facts = { ...known, recorded, booked: new Map() };
    const invoiceId = books.issued[0]?.invoiceId ?? '';
    const claim = { invoiceId, asOf: T('16'), claimed };
    const drafted = rateInvoice(invoiceId, facts, billingOfClaim(facts, claim), books.usageOf);
    expect(shown(drafted).map(([billingKind, period, , , net]) => [billingKind, period, net])).toEqual([
      ['base_fee', '04-01/05-01', '50'],
      ['droplet_hours', '04-01/04-16', '3.12'],
    ]);
  });

  it('is of the claimed period where its cut is not recorded yet: the first of a line', () => {
    const books = new Books().use(T('02'), '1800').use(T('17'), '100');
    const { claimed } = books.preview(T('16'));
    const facts = books.facts(T('16'));
    const claim = { invoiceId: 'i', asOf: T('16'), claimed };
    expect(billingOfClaim(facts, claim).flatMap(({ parts }) => parts.map(({ period }) => period))).toEqual([
      { start: T('01'), end: MAY },
      { start: T('01'), end: T('16') },
    ]);
  });

  it('is of the claimed period where its cut is not recorded yet: a later one, of a part that keeps its id', () => {
    const books = new Books().use(T('02'), '1800').use(T('17'), '100');
    books.bill(T('16'));
    const { claimed } = books.preview(T('23'), new Map());
    const facts = books.facts(T('23'), new Map());
    const claim = { invoiceId: 'i', asOf: T('23'), claimed };
    expect(billingOfClaim(facts, claim).flatMap(({ parts }) => parts.map(({ period }) => period))).toEqual([
      { start: T('01'), end: T('16') },
      { start: T('16'), end: T('23') },
    ]);
  });
});
