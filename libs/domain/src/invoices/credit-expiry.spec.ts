import { expect, it } from '@jest/globals';
import { decimal, text } from '../money/decimal.js';
import { type Instant, instant } from '../time/instant.js';
import { type BookedTaking, expiriesOf } from './credit-expiry.js';
import type { Credit } from './credits.js';

const at = (date: string): Instant => instant(`2026-${date}T00:00:00Z`);
/** 100.00 that were bought on 1 February. */
const bought = (more: Partial<Credit> = {}): Credit => ({
  ...{ kind: 'credit', creditId: 'c', from: at('02-01'), until: null, amount: '100.00', priority: 0 },
  ...{ planIds: null, billingKinds: null, rollover: null, payment: { reference: 'bank', at: at('02-01') } },
  ...more,
});
const taken = (amount: string, date: string, more: Partial<BookedTaking> = {}): BookedTaking => ({
  ...{ amount: decimal(amount), asOf: at(date), issuedAt: at(date), voidedAt: null, ...more },
});
const expiries = (credit: Credit, ...takings: readonly BookedTaking[]): string[] =>
  expiriesOf(credit, takings, 'USD').map(({ date, amount }) => `${date} ${text(amount)}`);

it('is what no invoice has taken, on the day of the end', () => {
  expect(expiries(bought(), taken('30.00', '03-01'))).toEqual([]);
  expect(expiries(bought({ until: at('06-01') }), taken('30.00', '03-01'), taken('20.00', '05-01'))).toEqual([
    '2026-06-01 50',
  ]);
  expect(expiries(bought({ until: at('06-01') }), taken('100.00', '03-01'))).toEqual([]);
});

it('happens in two steps if a part rolls over', () => {
  const rollover = { percent: '50', until: at('09-01') };
  // Of 70.00 that are unused, 50.00 roll over, of which 45.00 are used.
  expect(expiries(bought({ until: at('06-01'), rollover }), taken('30.00', '03-01'), taken('45.00', '07-01'))).toEqual([
    ...['2026-06-01 20', '2026-09-01 5'],
  ]);
  // Nothing of a revoked credit rolls over.
  expect(expiries(bought({ until: at('06-01'), rollover, isRevoked: true }))).toEqual(['2026-06-01 100']);
});

it('follows what is taken of it, or given back, after the end', () => {
  const ended = bought({ until: at('06-01') });
  // The invoice that took 30.00 is voided after the end, and another one takes them again.
  expect(
    expiries(
      ended,
      taken('30.00', '03-01', { voidedAt: at('06-10') }),
      taken('30.00', '03-01', { issuedAt: at('06-20') }),
    ),
  ).toEqual(['2026-06-01 70', '2026-06-10 30', '2026-06-20 -30']);
  // A void in time leaves it as it was.
  expect(expiries(ended, taken('30.00', '03-01', { voidedAt: at('04-01') }))).toEqual(['2026-06-01 100']);
});

it('is none before the credit is paid', () => {
  const late = bought({ until: at('06-01'), payment: { reference: 'bank', at: at('07-01') } });
  expect(expiries(late, taken('30.00', '03-01'))).toEqual(['2026-07-01 70']);
});
