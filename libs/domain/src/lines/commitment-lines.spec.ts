import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Books, item, plan } from '../../../../test/support/books.js';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal } from '../money/decimal.js';
import { moneyText } from '../money/money.js';
import type { Commitment } from '../plans/commitment.js';
import { fromMicros, type Instant, instant, micros } from '../time/instant.js';

/** The start of a month from April 2026 on. */
const month = (n: number): Instant =>
  instant(`${2026 + Math.floor((n + 3) / 12)}-${String(((n + 3) % 12) + 1).padStart(2, '0')}-01T00:00:00Z`);
const money = (cents: number): string => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
const cents = (net: string): number => Number(moneyText(decimal(net), 'USD').replace('.', ''));
const seconds = (at: Instant, count: number): Instant => fromMicros(micros(at) + BigInt(count) * 1_000_000n);

interface Term {
  readonly months: number;
  readonly cents: number;
}

/** A ramp from April 2026 on: terms of some months each. */
function ramp(terms: readonly Term[]): Commitment {
  let next = 0;
  return {
    ...{ commitmentId: 'c', subscriptionId: 's1', deploymentId: 'd1', tenantId: 't1', currency: 'USD' },
    terms: terms.map(({ months, cents: amount }) => {
      const start = month(next);
      next += months;
      return { start, end: month(next), amount: money(amount) };
    }),
  };
}

/** A price in thousandths: 1234 is 1.234. */
const priced = (thousandths: number) =>
  plan([item('requests', { model: 'unit', unitAmount: (thousandths / 1000).toFixed(3) })], '0');

/** What is billed of the lines and the true-up of each term, in cents. */
const billedIn = (books: Books, { terms }: Commitment): number[] =>
  terms.map(({ start, end }) =>
    books.issued
      .flatMap(({ rows }) => rows)
      .filter(({ chargePeriod }) => start <= chargePeriod.start && chargePeriod.end <= end)
      .reduce((sum, { net }) => sum + cents(net), 0),
  );

describe('the line of a commitment', () => {
  it('bills what the term lacks at its end, for the term', () => {
    const books = new Books({ plan: priced(1000), commitments: [ramp([{ months: 3, cents: 100_00 }])] });
    books.use(month(0), '30', 'requests').use(month(2), '10', 'requests');
    books.bill(month(2));
    const rows = books.bill(month(3)).rows.map(({ billingKind, ref, chargePeriod, net }) => ({
      ...{ billingKind, ref, net },
      charged: `${chargePeriod.start.slice(0, 10)}/${chargePeriod.end.slice(0, 10)}`,
    }));
    expect(rows).toEqual([
      { billingKind: 'requests', ref: 'usage', net: '10', charged: '2026-06-01/2026-07-01' },
      // 100.00 − 30 × 1.000 − 10 × 1.000
      { billingKind: 'commitment', ref: 'commitment-true-up', net: '60', charged: '2026-04-01/2026-07-01' },
    ]);
  });

  it('ends with a billing period that goes on at the end of its term', () => {
    const books = new Books({ plan: priced(1000), commitments: [ramp([{ months: 1, cents: 100_00 }])] });
    // Since the commitment was agreed, the billing periods turned out to start on the 15th.
    books.anchor = instant('2026-03-15T00:00:00Z');
    const lines = books.lines(month(3)).filter(({ counted }) => counted !== undefined);
    expect(
      lines.map(({ period, counted = [] }) => [
        period.end.slice(0, 10),
        counted.map(({ period: of }) => of.start.slice(0, 10)),
      ]),
    ).toEqual([['2026-05-15', ['2026-04-01', '2026-04-15']]]);
  });

  it.each([
    // Clocks in Berlin are 2 hours ahead of UTC, those in New York 4 hours behind.
    [
      'Europe/Berlin',
      '2026-03-31T22:00',
      '2026-06-30T22:00',
      ['2026-03-31T22:00', '2026-04-30T22:00', '2026-05-31T22:00'],
    ],
    [
      'America/New_York',
      '2026-04-01T04:00',
      '2026-07-01T04:00',
      ['2026-04-01T04:00', '2026-05-01T04:00', '2026-06-01T04:00'],
    ],
  ])('is of the same months where the clocks turn out to be those of %s', (timeZone, start, end, counted) => {
    const books = new Books({
      plan: priced(1000),
      commitments: [ramp([3, 3].map((months) => ({ months, cents: 100_00 })))],
    });
    books.plan = { ...books.plan, effectiveFrom: instant('2026-01-01T00:00:00Z') };
    books.from = instant('2026-02-01T00:00:00Z');
    books.assignments = [{ tenantId: 't1', from: books.from }];
    books.timeZone = timeZone;
    const [first, next] = books.lines(month(9)).filter((line) => line.counted !== undefined);
    const short = (at: Instant | undefined): string | undefined => at?.slice(0, 16);
    expect([first?.period.start, first?.period.end].map(short)).toEqual([start, end]);
    expect(first?.counted?.map(({ period }) => short(period.start))).toEqual(counted);
    expect([short(next?.period.start), next?.counted?.length]).toEqual([end, 3]);
  });

  it('is of no line where no billing period starts in its term any more', () => {
    const books = new Books({
      plan: priced(1000),
      commitments: [ramp([1, 1].map((months) => ({ months, cents: 100_00 })))],
    });
    books.plan = { ...books.plan, interval: 'year' };
    const invoice = books.bill(month(9));
    // April is nearer to 1 April than to 1 January, and so are May and June.
    expect(invoice.quarantined.map(({ code, message }) => [code, message.split(': ')[1]])).toEqual([
      [
        'commitment_period',
        'no billing period of the subscription starts in the term from 2026-04-01T00:00:00Z to 2026-05-01T00:00:00Z',
      ],
      [
        'commitment_period',
        'no billing period of the subscription starts in the term from 2026-05-01T00:00:00Z to 2026-06-01T00:00:00Z',
      ],
    ]);
    expect(invoice.rows.filter(({ billingKind }) => billingKind === 'commitment')).toEqual([]);
  });

  it('is not billed while charges in its term are in another currency', () => {
    const books = new Books({ plan: priced(1000), commitments: [ramp([{ months: 3, cents: 100_00 }])] });
    books.later = [{ ...books.plan, currency: 'EUR', effectiveFrom: month(2) }];
    const message =
      'commitment of subscription s1: requests is charged in EUR from 2026-06-01T00:00:00Z on (plan p1), but the' +
      ' commitment is in USD: nothing is converted. End its terms there with correct-commitment';
    const { quarantined, rows } = books.bill(month(3));
    expect(quarantined.filter(({ message: of }) => of.startsWith('commitment'))).toEqual([
      { lineId: expect.any(String), code: 'currency_mismatch', message },
    ]);
    expect(rows.some(({ billingKind }) => billingKind === 'commitment')).toBe(false);
  });

  const terms = fc.array(
    fc.record({ months: fc.integer({ min: 1, max: 4 }), cents: fc.integer({ min: 0, max: 900_00 }) }),
    { minLength: 1, maxLength: 4 },
  );
  const price = fc.integer({ min: 0, max: 2000 });
  const reading = fc.record({
    month: fc.nat(15),
    second: fc.nat(2_400_000),
    quantity: fc.integer({ min: -50, max: 300 }),
  });
  const step = fc.record({
    readings: fc.array(reading, { maxLength: 5 }),
    price: fc.option(price),
    amounts: fc.option(fc.array(fc.integer({ min: 0, max: 900_00 }), { minLength: 4, maxLength: 4 })),
    billAt: fc.record({ month: fc.nat(17), second: fc.nat(2_400_000) }),
  });

  it('brings each term to the greater of its amount and its usage, however late anything is known', () => {
    fc.assert(
      fc.property(terms, price, fc.array(step, { maxLength: 8 }), (agreed, first, steps) => {
        const books = new Books({ plan: priced(first), commitments: [ramp(agreed)] });
        const used = new Map<number, number>();
        let [known, inForce] = [agreed, first];
        const inOrder = [...steps].sort((a, b) => a.billAt.month - b.billAt.month || a.billAt.second - b.billAt.second);
        for (const { readings, price: corrected, amounts, billAt } of inOrder) {
          for (const { month: of, second, quantity } of readings) {
            books.use(seconds(month(of), second), String(quantity), 'requests');
            used.set(of, (used.get(of) ?? 0) + quantity);
          }
          if (corrected !== null) inForce = corrected;
          if (amounts !== null) known = known.map(({ months }, index) => ({ months, cents: amounts[index] ?? 0 }));
          [books.plan, books.commitments] = [priced(inForce), [ramp(known)]];
          books.bill(seconds(month(billAt.month), billAt.second));
        }
        books.bill(month(18));
        // A month comes to its quantity × the price, in cents, half away from zero; below 0 bills as 0.
        const nets = Array.from({ length: 16 }, (_, n) =>
          Math.floor((Math.max(0, used.get(n) ?? 0) * inForce + 5) / 10),
        );
        let start = 0;
        const expected = known.map(({ months, cents: amount }) => {
          const sum = nets.slice(start, start + months).reduce((total, net) => total + net, 0);
          start += months;
          return Math.max(amount, sum);
        });
        expect(billedIn(books, ramp(known))).toEqual(expected);
        expect(books.bill(month(18)).rows).toEqual([]);
      }),
      checkedOn(150),
    );
  });
});
