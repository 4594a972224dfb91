import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { isDomainError } from '../schema.js';
import { decimal, sum, text } from '../money/decimal.js';
import { instant } from '../time/instant.js';
import { foldInvoices, type InvoiceEvent } from './invoice.js';
import type { PaymentEvent } from './payment-events.js';
import {
  applyPayment,
  assertNotPaidByPayments,
  assertUnpaid,
  type Billed,
  recordPayment,
  recordRefund,
  withdrawPayment,
  withdrawRefund,
} from './payments.js';
import { balanceOf, foldAccount } from './settlement.js';

const AT = instant('2026-05-01T00:00:00Z');
const KEY = { tenantId: 't1', currency: 'USD' };
const BY = { reason: 'a typo' };
type Event = InvoiceEvent | PaymentEvent;

const issued = (invoiceId: string, total: string): InvoiceEvent[] => [
  {
    type: 'InvoiceDrafted',
    data: { invoiceId, ...KEY, asOf: AT, attempt: 'a', chunks: 0, partsHash: '' },
  },
  {
    type: 'InvoiceIssued',
    data: {
      ...{ invoiceId, ...KEY, issuedAt: AT, computedAt: 1, attempt: 'a', chunks: 0, rowsHash: '' },
      ...{ subtotal: total, tax: '0', total, detailsRef: 'r', detailsHash: 'h' },
    },
  },
];
const credited = (invoiceId: string, total: string): InvoiceEvent => ({
  type: 'CreditNoteIssued',
  data: {
    ...{ creditNoteId: 'n', invoiceId, ...KEY, issuedAt: AT, attempt: 'a', chunks: 0, rowsHash: '' },
    ...{ subtotal: total, tax: '0', total, reason: 'an outage' },
  },
});

const billed = (events: readonly Event[]): Billed => ({
  ...KEY,
  account: foldAccount(events),
  invoices: foldInvoices(
    events.filter((event): event is InvoiceEvent => !('paymentId' in event.data) && !('refundId' in event.data)),
  ),
});
const payment = (paymentId: string, amount: string) => ({ paymentId, ...KEY, amount, at: AT });
const refund = (refundId: string, amount: string, paymentId?: string) => ({
  ...{ refundId, ...KEY, amount, at: AT },
  ...(paymentId === undefined ? {} : { paymentId }),
});

/** What is due, paid and left after some events. */
function standing(events: readonly Event[]) {
  const { settlements, payments, credit } = foldAccount(events);
  return {
    open: [...settlements].map(([id, { amountDue, applied, isPaid }]) =>
      [id, text(amountDue), text(applied), ...(isPaid ? ['paid'] : [])].join(' '),
    ),
    left: [...payments].map(([id, { unapplied, refunded }]) => `${id} ${text(unapplied)} ${text(refunded)}`),
    credit: text(credit),
  };
}
const code = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isDomainError(error)) return error.code;
    throw error;
  }
  return 'none';
};

const TWO = [...issued('i1', '30'), ...issued('i2', '60')];

describe('a payment', () => {
  it('pays the oldest invoices first, and keeps the rest', () => {
    const events = [...TWO, ...recordPayment(billed(TWO), payment('p', '100'), undefined)];
    expect(standing(events)).toEqual({ open: ['i1 30 30 paid', 'i2 60 60 paid'], left: ['p 10 0'], credit: '0' });
  });

  it('pays the named invoices only, and a part of the last one', () => {
    const events = [...TWO, ...recordPayment(billed(TWO), payment('p', '40'), ['i2', 'i1'])];
    expect(standing(events)).toEqual({ open: ['i1 30 0', 'i2 60 40'], left: ['p 0 0'], credit: '0' });
    const more = [...events, ...recordPayment(billed(events), payment('q', '25'), [])];
    expect(standing(more).left).toEqual(['p 0 0', 'q 25 0']);
    const applied = [...more, ...applyPayment(billed(more), { paymentId: 'q', at: AT }, ['i2'])];
    expect(standing(applied)).toEqual({ open: ['i1 30 0', 'i2 60 60 paid'], left: ['p 0 0', 'q 5 0'], credit: '0' });
  });

  it('that never was leaves its invoices unpaid', () => {
    const events = [...TWO, ...recordPayment(billed(TWO), payment('p', '40'), undefined)];
    const after = [...events, ...withdrawPayment(billed(events), 'p', BY)];
    expect(standing(after)).toEqual({ open: ['i1 30 0', 'i2 60 0'], left: [], credit: '0' });
  });

  it('limits what a credit note takes from the amount due', () => {
    const events = [...TWO, ...recordPayment(billed(TWO), payment('p', '20'), ['i1']), credited('i1', '25')];
    // 10 of 25 was left to pay; the tenant has credit of 15.
    expect(standing(events)).toEqual({ open: ['i1 20 20', 'i2 60 0'], left: ['p 0 0'], credit: '15' });
  });

  it('is refused where it contradicts what is recorded', () => {
    const events: Event[] = [...TWO, ...recordPayment(billed(TWO), payment('p', '40'), undefined)];
    const now = billed(events);
    expect([
      code(() => recordPayment(now, payment('p', '1'), undefined)),
      code(() => recordPayment(now, payment('q', '0'), undefined)),
      code(() => recordPayment(now, payment('q', '1.005'), undefined)),
      code(() => recordPayment(now, payment('q', '1'), ['i1'])),
      code(() => recordPayment(now, payment('q', '1'), ['i9'])),
      code(() => applyPayment(now, { paymentId: 'p', at: AT }, undefined)),
      code(() => applyPayment(now, { paymentId: 'x', at: AT }, undefined)),
    ]).toEqual([
      ...['payment_exists', 'invalid_amount', 'invalid_amount', 'invoice_not_issued', 'unknown_invoice'],
      ...['nothing_to_apply', 'unknown_payment'],
    ]);
    expect(code(() => assertUnpaid(now.account, 'i2'))).toBe('invoice_part_paid');
    expect(code(() => assertNotPaidByPayments(now.account, 'i1'))).toBe('payment_recorded');
    const paid: Event[] = [...events, { type: 'InvoicePaid', data: { invoiceId: 'i2', ...KEY, at: AT } }];
    expect(code(() => withdrawPayment(billed(paid), 'p', BY))).toBe('invoice_paid');
    expect(code(() => withdrawPayment(billed([...events, credited('i1', '5')]), 'p', BY))).toBe('invoice_credited');
  });
});

describe('a refund', () => {
  it('takes what is left of a payment, or credit', () => {
    const paid = [...TWO, ...recordPayment(billed(TWO), payment('p', '100'), undefined), credited('i1', '5')];
    const events: Event[] = [...paid, ...recordRefund(billed(paid), refund('r1', '4', 'p'))];
    const more: Event[] = [...events, ...recordRefund(billed(events), refund('r2', '3'))];
    expect([standing(more).left, standing(more).credit]).toEqual([['p 6 4'], '2']);
    expect([
      code(() => recordRefund(billed(more), refund('r3', '7', 'p'))),
      code(() => recordRefund(billed(more), refund('r3', '3'))),
      code(() => recordRefund(billed(more), refund('r1', '1'))),
      code(() => withdrawPayment(billed(more), 'p', BY)),
      code(() => withdrawRefund(billed(more), 'r9', BY)),
    ]).toEqual([
      ...['refund_exceeds_payment', 'refund_exceeds_credit', 'refund_exists', 'payment_refunded', 'unknown_refund'],
    ]);
    const back = [...more, ...withdrawRefund(billed(more), 'r1', BY)];
    const both = [...back, ...withdrawRefund(billed(back), 'r2', BY)];
    expect(standing(both)).toEqual(standing(paid));
  });
});

const step = fc.oneof(
  fc.record({ issue: fc.integer({ min: -30, max: 60 }) }),
  fc.record({ pay: fc.integer({ min: 1, max: 90 }), named: fc.boolean() }),
  fc.record({ apply: fc.nat(5) }),
  fc.record({ credit: fc.nat(5), amount: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ refund: fc.integer({ min: 1, max: 30 }), of: fc.option(fc.nat(5)) }),
  fc.record({ undo: fc.nat(5) }),
);

it('never loses money: what is owed is invoices less credit notes, payments and what was not refunded', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let events: Event[] = [];
      const add = (decide: (now: Billed) => Event[]): void => {
        try {
          events = [...events, ...decide(billed(events))];
        } catch (error) {
          if (!isDomainError(error)) throw error;
        }
      };
      for (const [n, each] of steps.entries()) {
        if ('issue' in each) add(() => issued(`i${n}`, String(each.issue)));
        else if ('pay' in each)
          add((now) => recordPayment(now, payment(`p${n}`, String(each.pay)), each.named ? [] : undefined));
        else if ('apply' in each) add((now) => applyPayment(now, { paymentId: `p${each.apply}`, at: AT }, undefined));
        else if ('credit' in each)
          add(({ account }) => {
            const [id] = account.settlements.keys();
            return id === undefined ? [] : [credited(id, String(each.amount))];
          });
        else if ('refund' in each)
          add((now) =>
            recordRefund(now, refund(`r${n}`, String(each.refund), each.of === null ? undefined : `p${each.of}`)),
          );
        else add((now) => withdrawPayment(now, `p${each.undo}`, BY));
      }
      const account = foldAccount(events);
      for (const { amountDue, applied } of account.settlements.values())
        expect(applied.gte(decimal('0')) && applied.lte(amountDue)).toBe(true);
      for (const { amount, unapplied, refunded, applied } of account.payments.values())
        expect(text(sum([unapplied, refunded, ...applied.values()]))).toBe(text(amount));
      const totals = events.map(({ type, data }) =>
        type === 'InvoiceIssued'
          ? decimal(data.total)
          : type === 'CreditNoteIssued'
            ? decimal(data.total).neg()
            : decimal('0'),
      );
      const paid = sum([...account.payments.values()].map(({ amount }) => amount));
      const refunds = sum([...account.refunds.values()].map(({ amount }) => amount));
      expect(text(balanceOf(account))).toBe(text(sum(totals).minus(paid).plus(refunds)));
    }),
    checkedOn(200),
  );
});
