import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { Books, MAY, plan, T } from '../../../../test/support/books.js';
import { decimal, sum, text, ZERO } from '../money/decimal.js';
import { creditUsed } from './credit-draw.js';
import type { PlanItem } from '../plans/plan.js';
import { quotePlan } from '../quotes/quote.js';
import { fromMicros, micros } from '../time/instant.js';

const RUNS = checkedOn(150);

describe('whatever is billed when', () => {
  const second = fc
    .integer({ min: 0, max: 2_591_999 })
    .map((each) => fromMicros(micros(T('01')) + BigInt(each) * 1_000_000n));
  const unitAmount = fc.nat(500).map((each) => `0.${String(each).padStart(3, '0')}`);
  const tiers = fc
    .tuple(fc.integer({ min: 1, max: 900 }), unitAmount, unitAmount, unitAmount)
    .map(([upTo, first, rest, flat]) => [
      { upTo: String(upTo), unitAmount: first },
      { upTo: null, unitAmount: rest, flatAmount: flat },
    ]);
  const price: fc.Arbitrary<PlanItem['price']> = fc.oneof(
    unitAmount.map((each) => ({ model: 'unit' as const, unitAmount: each })),
    tiers.map((each) => ({ model: 'graduated' as const, tiers: each })),
    tiers.map((each) => ({ model: 'volume' as const, tiers: each })),
    fc
      .tuple(fc.integer({ min: 1, max: 90 }), unitAmount)
      .map(([size, amount]) => ({ model: 'package' as const, packageSize: String(size), packageAmount: amount })),
    fc
      .tuple(unitAmount, unitAmount)
      .map(([percent, fixedAmount]) => ({ model: 'percentage' as const, percent, fixedAmount })),
  );
  const terms = fc.record({
    price,
    included: fc.constantFrom('0', '100', '1000'),
    discounts: fc.constantFrom({}, { percentage: '33' }),
    commitments: fc.constantFrom({}, { maximum: '20' }, { minimum: '3' }),
  });
  const planOf = (of: Omit<PlanItem, 'billingKind' | 'aggregation'>) =>
    plan([{ ...of, billingKind: 'requests', aggregation: 'sum' }], '0');
  const reading = fc.record({ at: second, quantity: fc.integer({ min: -200, max: 900 }).map(String) });
  const step = fc.record({ readings: fc.array(reading, { maxLength: 4 }), asOf: second });

  it('bill-then-correct comes to the same as correct-then-bill, and to the quote', () => {
    fc.assert(
      fc.property(terms, fc.array(step, { maxLength: 6 }), (of, steps) => {
        const only = plan([{ ...of, billingKind: 'requests', aggregation: 'sum' }], '0');
        const [asItCame, atOnce] = [new Books({ plan: only }), new Books({ plan: only })];
        for (const { readings, asOf } of steps) {
          for (const { at, quantity } of readings) {
            asItCame.use(at, quantity, 'requests');
            atOnce.use(at, quantity, 'requests');
          }
          asItCame.bill(asOf);
        }
        asItCame.bill(MAY);
        atOnce.bill(MAY);
        expect(asItCame.total()).toBe(atOnce.total());
        const used = sum(steps.flatMap(({ readings }) => readings.map(({ quantity }) => decimal(quantity))));
        expect(asItCame.total()).toBe(quotePlan(only, { requests: text(used) }).total);
      }),
      RUNS,
    );
  });

  it('billing twice books nothing', () => {
    fc.assert(
      fc.property(terms, fc.array(step, { maxLength: 5 }), second, (of, steps, asOf) => {
        const books = new Books({ plan: plan([{ ...of, billingKind: 'requests', aggregation: 'sum' }]) });
        for (const each of steps) {
          for (const { at, quantity } of each.readings) books.use(at, quantity, 'requests');
          books.bill(each.asOf);
        }
        books.bill(asOf);
        const again = books.bill(asOf);
        expect([again.rows, again.claimed, again.cuts]).toEqual([[], [], []]);
      }),
      RUNS,
    );
  });

  it('a void and the invoice again come to what there was', () => {
    fc.assert(
      fc.property(terms, fc.array(step, { minLength: 1, maxLength: 5 }), (of, steps) => {
        const books = new Books({ plan: plan([{ ...of, billingKind: 'requests', aggregation: 'sum' }], '0') });
        for (const each of steps) {
          for (const { at, quantity } of each.readings) books.use(at, quantity, 'requests');
          books.bill(each.asOf);
        }
        books.bill(MAY);
        const total = books.total();
        const last = books.issued.length - 1;
        books.issued = books.issued.filter((_each, index) => index !== last);
        books.bill(MAY);
        expect(books.total()).toBe(total);
      }),
      RUNS,
    );
  });

  it('bill-then-correct comes to the same as correct-then-bill where the terms change within the period', () => {
    fc.assert(
      fc.property(terms, terms, second, fc.array(step, { maxLength: 6 }), (first, next, changedAt, steps) => {
        fc.pre(changedAt !== T('01'));
        const later = [{ ...planOf(next), effectiveFrom: changedAt }];
        const [asItCame, atOnce] = [
          new Books({ plan: planOf(first), later }),
          new Books({ plan: planOf(first), later }),
        ];
        for (const { readings, asOf } of steps) {
          for (const { at, quantity } of readings) {
            asItCame.use(at, quantity, 'requests');
            atOnce.use(at, quantity, 'requests');
          }
          asItCame.bill(asOf);
        }
        asItCame.bill(MAY);
        atOnce.bill(MAY);
        expect(asItCame.total()).toBe(atOnce.total());
      }),
      RUNS,
    );
  });

  it('terms that are corrected after they were billed come to what they would have come to', () => {
    fc.assert(
      fc.property(terms, terms, second, fc.array(step, { maxLength: 6 }), (wrong, right, correctedAt, steps) => {
        const [asItCame, atOnce] = [new Books({ plan: planOf(wrong) }), new Books({ plan: planOf(right) })];
        for (const { readings, asOf } of [...steps].sort((a, b) => (a.asOf < b.asOf ? -1 : 1))) {
          if (asOf > correctedAt) asItCame.plan = planOf(right);
          for (const { at, quantity } of readings) {
            asItCame.use(at, quantity, 'requests');
            atOnce.use(at, quantity, 'requests');
          }
          asItCame.bill(asOf);
        }
        asItCame.plan = planOf(right);
        asItCame.bill(MAY);
        atOnce.bill(MAY);
        expect(asItCame.total()).toBe(atOnce.total());
      }),
      RUNS,
    );
  });

  it('credits are never taken beyond what they are, and every row adds up', () => {
    const amount = fc.nat(4000).map((cents) => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`);
    fc.assert(
      fc.property(
        terms,
        amount,
        amount,
        fc.integer({ min: 1, max: 100 }),
        fc.array(step, { maxLength: 6 }),
        (of, one, other, percent, steps) => {
          const credit = (creditId: string, value: string) => ({
            kind: 'credit' as const,
            creditId,
            from: T('01'),
            until: null,
            amount: value,
            ...{ priority: 0, planIds: null, billingKinds: null, rollover: null, payment: null },
          });
          const coupon = {
            kind: 'coupon' as const,
            creditId: 'coupon',
            from: T('01'),
            until: T('16'),
            percent: String(percent),
            billingKinds: null,
          };
          const grants = [credit('one', one), coupon, credit('other', other)];
          const books = new Books({ plan: planOf(of), grants });
          for (const { readings, asOf } of steps) {
            for (const { at, quantity } of readings) books.use(at, quantity, 'requests');
            books.bill(asOf);
          }
          const rows = books.issued.flatMap((each) => each.rows);
          for (const { gross, discount, credit: taken, net, credits } of rows) {
            expect(text(decimal(gross).minus(decimal(discount)).minus(decimal(taken)))).toBe(net);
            expect(text(sum((credits ?? []).map((each) => decimal(each.amount))))).toBe(taken);
          }
          const used = creditUsed(rows);
          for (const [creditId, value] of [
            ['one', one],
            ['other', other],
          ] as const) {
            const taken = used.get(creditId) ?? ZERO;
            expect(taken.gte(ZERO) && taken.lte(decimal(value))).toBe(true);
          }
        },
      ),
      RUNS,
    );
  });

  const couponOf = (creditId: string) =>
    fc.record({
      kind: fc.constant('coupon' as const),
      creditId: fc.constant(creditId),
      from: fc.oneof(fc.constant(T('01')), second),
      until: fc.oneof(fc.constant(null), second),
      percent: fc.integer({ min: 1, max: 100 }).map(String),
      billingKinds: fc.constant(null),
    });
  const tax = fc.record({ name: fc.constant('VAT'), ratePercent: fc.constantFrom('0', '10', '20'), from: second });
  /** The net amounts at each tax rate. */
  const byRate = (books: Books): [string, string][] =>
    [
      ...Map.groupBy(
        books.issued.flatMap(({ rows }) => rows),
        ({ taxRatePercent }) => taxRatePercent,
      ),
    ]
      .map(([rate, rows]): [string, string] => [rate, text(sum(rows.map(({ net }) => decimal(net))))])
      .filter(([, net]) => net !== '0')
      .sort(([a], [b]) => (a < b ? -1 : 1));

  it('coupons, taxes and terms that begin or end anywhere come to the same however a line is cut', () => {
    fc.assert(
      fc.property(
        fc.tuple(terms, terms, second),
        fc.tuple(couponOf('first'), couponOf('second')),
        fc.array(tax, { maxLength: 2 }),
        fc.array(step, { maxLength: 6 }),
        ([of, then, changed], grants, taxes, steps) => {
          const later = changed === T('01') ? [] : [{ ...planOf(then), effectiveFrom: changed }];
          const more = { plan: planOf(of), later, grants, taxes };
          const [asItCame, atOnce] = [new Books(more), new Books(more)];
          for (const { readings, asOf } of steps) {
            for (const { at, quantity } of readings) {
              asItCame.use(at, quantity, 'requests');
              atOnce.use(at, quantity, 'requests');
            }
            asItCame.bill(asOf);
          }
          asItCame.bill(MAY);
          atOnce.bill(MAY);
          expect(asItCame.total()).toBe(atOnce.total());
          expect(byRate(asItCame)).toEqual(byRate(atOnce));
        },
      ),
      RUNS,
    );
  });
});
