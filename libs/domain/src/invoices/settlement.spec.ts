import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, sum, text, ZERO } from '../money/decimal.js';
import { moneyText } from '../money/money.js';
import { instant } from '../time/instant.js';
import type { InvoiceEvent } from './invoice.js';
import { assertCreditUntaken, foldAccount } from './settlement.js';

const AT = instant('2026-05-01T00:00:00Z');
const issued = (invoiceId: string, total: string): InvoiceEvent => ({
  type: 'InvoiceIssued',
  data: {
    invoiceId,
    tenantId: 't1',
    currency: 'USD',
    issuedAt: AT,
    computedAt: 1,
    attempt: 'a',
    chunks: 0,
    rowsHash: '',
    subtotal: total,
    tax: '0',
    total,
    detailsRef: 'r',
    detailsHash: 'h',
  },
});
const voided = (invoiceId: string): InvoiceEvent => ({
  type: 'InvoiceVoided',
  data: { invoiceId, tenantId: 't1', currency: 'USD', at: AT },
});

const shown = (events: readonly InvoiceEvent[]) => {
  const { credit, settlements } = foldAccount(events);
  const due = [...settlements].map(([invoiceId, { creditTaken, amountDue }]) => [
    invoiceId,
    moneyText(creditTaken, 'USD'),
    moneyText(amountDue, 'USD'),
  ]);
  return { credit: moneyText(credit, 'USD'), due };
};

describe('the credit of an invoice below zero', () => {
  it('is taken from the amounts due of later ones, as far as it goes', () => {
    expect(shown([issued('a', '-30'), issued('b', '20'), issued('c', '25')])).toEqual({
      credit: '0.00',
      due: [
        ['a', '0.00', '0.00'],
        ['b', '20.00', '0.00'],
        ['c', '10.00', '15.00'],
      ],
    });
  });

  it('is not taken from an earlier one', () => {
    expect(shown([issued('a', '20'), issued('b', '-30')])).toEqual({
      credit: '30.00',
      due: [
        ['a', '0.00', '20.00'],
        ['b', '0.00', '0.00'],
      ],
    });
  });

  it('is given back by a voided invoice that took it, and is gone with the one that gave it', () => {
    expect(shown([issued('a', '-30'), issued('b', '20'), voided('b')]).credit).toBe('30.00');
    expect(shown([issued('a', '-30'), voided('a')]).credit).toBe('0.00');
  });

  it('keeps its invoice from being voided once it was taken', () => {
    const account = foldAccount([issued('a', '-30'), issued('b', '20')]);
    expect(() => {
      assertCreditUntaken(account, 'a');
    }).toThrow(expect.objectContaining({ code: 'credit_taken' }));
    expect(() => {
      assertCreditUntaken(foldAccount([issued('a', '-30'), issued('b', '20'), voided('b')]), 'a');
    }).not.toThrow();
  });

  it('is neither made nor lost: totals = amounts due − credit left, whatever the invoices', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 12 }), (cents) => {
        const events = cents.map((each, index) =>
          issued(`i${index}`, text(decimal(String(each)).times(decimal('0.01')))),
        );
        const { credit, settlements } = foldAccount(events);
        const due = sum([...settlements.values()].map(({ amountDue }) => amountDue));
        expect(text(due.minus(credit))).toBe(text(sum([...settlements.values()].map(({ total }) => total))));
        expect(credit.gte(ZERO)).toBe(true);
      }),
      checkedOn(200),
    );
  });
});
