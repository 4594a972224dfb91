import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Books, MAY, plan, T } from '../../../../test/support/books.js';
import { decimal, sum, text } from '../money/decimal.js';
import type { PlanItem } from '../plans/plan.js';
import { quotePlan } from '../plans/quote.js';
import { fromMicros, micros } from '../time/instant.js';

const RUNS = { numRuns: 300, seed: Number(process.env['PROPERTY_SEED'] ?? '20260401') };

describe('whatever is billed when', () => {
  const second = fc.integer({ min: 0, max: 2_591_999 }).map((each) => fromMicros(micros(T('01')) + BigInt(each) * 1_000_000n));
  const unitAmount = fc.nat(500).map((each) => `0.${String(each).padStart(3, '0')}`);
  const price: fc.Arbitrary<PlanItem['price']> = fc.oneof(
    unitAmount.map((each) => ({ model: 'unit' as const, unitAmount: each })),
    fc.tuple(fc.integer({ min: 1, max: 900 }), unitAmount, unitAmount, unitAmount).map(([upTo, first, rest, flat]) => ({
      model: 'graduated' as const,
      tiers: [
        { upTo: String(upTo), unitAmount: first },
        { upTo: null, unitAmount: rest, flatAmount: flat },
      ],
    })),
  );
  const terms = fc.record({
    price,
    included: fc.constantFrom('0', '100', '1000'),
    discounts: fc.constantFrom({}, { percentage: '33' }),
    commitments: fc.constantFrom({}, { maximum: '20' }, { minimum: '3' }),
  });
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
});
