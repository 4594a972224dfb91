import { describe, expect, it } from '@jest/globals';
import { decimal, text } from '../money/decimal.js';
import { type Instant, instant } from '../time/instant.js';
import { balances, creditsLeft } from './credit-draw.js';
import type { Credit } from './credits.js';

const at = (date: string): Instant => instant(`2026-${date}T00:00:00Z`);
const credit = (creditId: string, more: Partial<Credit> = {}): Credit => ({
  ...{ kind: 'credit', creditId, from: at('01-01'), until: null, amount: '100.00', priority: 0 },
  ...{ planIds: null, billingKinds: null, rollover: null, payment: null },
  ...more,
});
const use = (creditId: string, amount: string, date: string) => ({ creditId, amount: decimal(amount), asOf: at(date) });
const USD = { currency: 'USD' };

describe('the order in which credits are drawn', () => {
  it('is by priority, then the first to end, then the first granted', () => {
    const credits = [
      credit('open'),
      credit('later', { until: at('09-01') }),
      credit('sooner', { until: at('06-01') }),
      credit('second', { until: at('06-01') }),
      credit('first', { priority: -1 }),
      credit('last', { priority: 5, until: at('05-01') }),
    ];
    expect(creditsLeft(credits, [], { asOf: at('04-01'), ...USD }).map(({ creditId }) => creditId)).toEqual([
      ...['first', 'sooner', 'second', 'later', 'open', 'last'],
    ]);
  });
});

describe('the balance of a credit', () => {
  const balanceOf = (of: Credit, uses: ReturnType<typeof use>[], date: string): string | undefined => {
    const balance = balances([of], uses, { asOf: at(date), ...USD }).get(of.creditId);
    return balance === undefined ? undefined : text(balance);
  };

  it('is what invoices up to an instant have left of it, between its start and its end', () => {
    const of = credit('c', { from: at('02-01'), until: at('06-01') });
    const uses = [use('c', '30.00', '03-01'), use('c', '20.00', '05-01')];
    expect(balanceOf(of, uses, '01-15')).toBeUndefined();
    expect(balanceOf(of, uses, '02-15')).toBe('100');
    expect(balanceOf(of, uses, '04-01')).toBe('70');
    expect(balanceOf(of, uses, '05-01')).toBe('50');
    expect(balanceOf(of, uses, '06-01')).toBe('0');
  });

  it('rolls over up to a part of the amount', () => {
    const rollover = { percent: '50', until: at('09-01') };
    const of = credit('c', { until: at('06-01'), rollover });
    // 100.00 − 30.00 = 70.00 are unused, of which at most 50.00 roll over
    expect(balanceOf(of, [use('c', '30.00', '03-01')], '06-01')).toBe('50');
    // 100.00 − 80.00 = 20.00 are unused, and all roll over
    expect(balanceOf(of, [use('c', '80.00', '03-01')], '06-01')).toBe('20');
    // what is used after the end is taken from what rolled over
    expect(balanceOf(of, [use('c', '30.00', '03-01'), use('c', '45.00', '07-01')], '08-01')).toBe('5');
    expect(balanceOf(of, [use('c', '30.00', '03-01')], '09-01')).toBe('0');
  });

  it('of a revoked credit does not roll over', () => {
    const of = credit('c', { until: at('04-01'), rollover: { percent: '50', until: at('09-01') }, isRevoked: true });
    expect(balanceOf(of, [], '03-01')).toBe('100');
    expect(balanceOf(of, [], '05-01')).toBe('0');
  });
});
