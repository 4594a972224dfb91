import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accountOf, codeOf, issuedInvoice } from '../../../../test/support/accounts.js';
import { checkedOn } from '../../../../test/support/properties.js';
import { decimal, sum, text } from '../money/decimal.js';
import { isDomainError } from '../schema.js';
import { instant } from '../time/instant.js';
import type { InvoiceEvent } from './invoice.js';
import {
  applyPayment,
  assertIssuedBy,
  assertNotPaidByPayments,
  assertUnpaid,
  type Billed,
  type BillingEvent,
  paidByCreditNote,
  recordPayment,
  recordRefund,
  withdrawApplication,
  withdrawPayment,
  withdrawRefund,
} from './payments.js';
import { balanceOf, foldAccount } from './settlement.js';

const AT = instant('2026-05-01T00:00:00Z');
const KEY = { tenantId: 't1', currency: 'USD' };
const BY = { reason: 'a typo' };

const issued = (invoiceId: string, total: string, payerId?: string) =>
  issuedInvoice({ ...KEY, invoiceId, total, at: AT, payerId });
const credited = (now: Billed, invoiceId: string, total: string): InvoiceEvent[] => [
  {
    type: 'CreditNoteIssued',
    data: {
      ...{ creditNoteId: 'n', invoiceId, ...KEY, issuedAt: AT, attempt: 'a', chunks: 0, rowsHash: '' },
      ...{ subtotal: total, tax: '0', total, reason: 'an outage' },
    },
  },
  ...paidByCreditNote(now, { invoiceId, total, at: AT }),
];

const billed = (events: readonly BillingEvent[]) => accountOf(KEY, events);
const payment = (paymentId: string, amount: string) => ({ paymentId, ...KEY, amount, at: AT });
const apply = (now: Billed, paymentId: string, applicationId: string, invoiceIds?: string[]) =>
  applyPayment(now, { paymentId, applicationId, at: AT }, invoiceIds);
const refund = (refundId: string, amount: string, paymentId?: string) => ({
  ...{ refundId, ...KEY, amount, at: AT },
  ...(paymentId === undefined ? {} : { paymentId }),
});

/** What is due, paid and left after some events. */
function standing(events: readonly BillingEvent[]) {
  const { settlements, payments, credit } = foldAccount(events);
  return {
    open: [...settlements].map(([id, { amountDue, applied, isPaid }]) =>
      [id, text(amountDue), text(applied), ...(isPaid ? ['paid'] : [])].join(' '),
    ),
    left: [...payments].map(([id, { unapplied, refunded }]) => `${id} ${text(unapplied)} ${text(refunded)}`),
    credit: text(credit),
  };
}

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
    const applied = [...more, ...apply(billed(more), 'q', 'a1', ['i2'])];
    expect(standing(applied)).toEqual({ open: ['i1 30 0', 'i2 60 60 paid'], left: ['p 0 0', 'q 5 0'], credit: '0' });
  });

  describe('where invoices are addressed to several', () => {
    // 30 to the tenant itself, then 60 and 20 to its payer.
    const SPLIT = [...issued('i1', '30'), ...issued('i2', '60', 'holding'), ...issued('i3', '20', 'holding')];
    const record = (amount: string, payerId?: string, invoiceIds?: string[]): BillingEvent[] => [
      ...SPLIT,
      ...recordPayment(billed(SPLIT), { ...payment('p', amount), payerId }, invoiceIds),
    ];

    it('pays those that are addressed to whoever sent it, and no older ones', () => {
      // 70 − 60 = 10 for the second.
      expect(standing(record('70', 'holding')).open).toEqual(['i1 30 0', 'i2 60 60 paid', 'i3 20 10']);
      // 70 − 30 = 40 stay on the payment.
      const own = standing(record('70', 't1'));
      expect([own.open, own.left]).toEqual([['i1 30 30 paid', 'i2 60 0', 'i3 20 0'], ['p 40 0']]);
      expect(standing(record('70', 'holding', ['i3'])).left).toEqual(['p 50 0']);
      expect(codeOf(() => record('70', 'holding', ['i3', 'i1']))).toBe('addressed_to_another');
    });

    it('says who sent it, or which invoices it pays', () => {
      expect(() => record('70')).toThrow(
        'open invoices of tenant t1 are addressed to t1 and holding. Name the invoices with invoiceIds, or record' +
          ' the payment with payerId, the tenant that sent it.',
      );
      expect(standing(record('70', undefined, ['i3', 'i1'])).open).toEqual([
        'i1 30 30 paid',
        'i2 60 0',
        'i3 20 20 paid',
      ]);
      // With the first one paid, all that is open is the payer's.
      const paid = record('30', 't1');
      const after = [...paid, ...recordPayment(billed(paid), payment('q', '70'), undefined)];
      expect(standing(after).open).toEqual(['i1 30 30 paid', 'i2 60 60 paid', 'i3 20 10']);
    });

    it('is applied later by the same rule', () => {
      const kept = record('70', 'holding', []);
      expect(standing([...kept, ...apply(billed(kept), 'p', 'a1')]).open).toEqual([
        ...['i1 30 0', 'i2 60 60 paid', 'i3 20 10'],
      ]);
      expect(codeOf(() => apply(billed(kept), 'p', 'a1', ['i1']))).toBe('addressed_to_another');
      const unstated = record('70', undefined, []);
      expect(codeOf(() => apply(billed(unstated), 'p', 'a1'))).toBe('ambiguous_payer');
      // All of it pays a part of i2, so it does not matter whom the open invoices are addressed to.
      const spent = record('10', undefined, ['i2']);
      expect(codeOf(() => apply(billed(spent), 'p', 'a1'))).toBe('nothing_to_apply');
    });
  });

  it('that never was leaves its invoices unpaid', () => {
    const events = [...TWO, ...recordPayment(billed(TWO), payment('p', '40'), undefined)];
    const after = [...events, ...withdrawPayment(billed(events), 'p', BY)];
    expect(standing(after)).toEqual({ open: ['i1 30 0', 'i2 60 0'], left: [], credit: '0' });
  });

  it('limits what a credit note takes from the amount due', () => {
    const events = [...TWO, ...recordPayment(billed(TWO), payment('p', '20'), ['i1'])];
    const noted: BillingEvent[] = [...events, ...credited(billed(events), 'i1', '25')];
    // 10 of 25 was left to pay; the tenant has credit of 15. Nothing is left to pay, so the invoice is paid.
    expect(standing(noted)).toEqual({ open: ['i1 20 20 paid', 'i2 60 0'], left: ['p 0 0'], credit: '15' });
    expect(codeOf(() => assertNotPaidByPayments(billed(noted).account, 'i1'))).toBe('payment_recorded');
    // Without the payment 20 is to pay; the credit stays the tenant's.
    const after = [...noted, ...withdrawPayment(billed(noted), 'p', BY)];
    expect(standing(after)).toEqual({ open: ['i1 20 0', 'i2 60 0'], left: [], credit: '15' });
  });

  it('has nothing to pay of an invoice that is credited whole', () => {
    const part: BillingEvent[] = [...TWO, ...credited(billed(TWO), 'i1', '29')];
    expect(standing(part).open).toEqual(['i1 1 0', 'i2 60 0']);
    const events: BillingEvent[] = [...part, ...credited(billed(part), 'i1', '1')];
    expect(standing(events)).toEqual({ open: ['i1 0 0 paid', 'i2 60 0'], left: [], credit: '0' });
    expect(codeOf(() => assertNotPaidByPayments(billed(events).account, 'i1'))).toBe('invoice_credited');
    expect(codeOf(() => recordPayment(billed(events), payment('p', '1'), ['i1']))).toBe('invoice_not_issued');
  });

  it('says of an invoice that a credit note pays it, if something was due before', () => {
    const paidBy = (events: readonly BillingEvent[], invoiceId: string, total: string): BillingEvent[] =>
      paidByCreditNote(billed(events), { invoiceId, total, at: AT });
    expect(paidBy(TWO, 'i1', '29')).toEqual([]);
    expect(paidBy(TWO, 'i1', '30')).toEqual([
      { type: 'InvoicePaid', data: { invoiceId: 'i1', ...KEY, at: AT, by: 'credit_note' } },
    ]);
    // The credit of 30 leaves nothing of the second invoice to pay: a credit note pays nothing of it.
    const settled = [...issued('i0', '-30'), ...issued('i1', '30')];
    expect(standing(settled).open).toEqual(['i0 0 0', 'i1 0 0']);
    expect(paidBy(settled, 'i1', '30')).toEqual([]);
    // A payment has no such cause.
    const [, paid] = recordPayment(billed(TWO), payment('p', '30'), undefined);
    expect(paid).toEqual({ type: 'InvoicePaid', data: { invoiceId: 'i1', ...KEY, at: AT } });
  });

  it('is withdrawn after a credit note too: what that gave back stays credit', () => {
    const paid: BillingEvent[] = [...TWO, ...recordPayment(billed(TWO), payment('p', '40'), undefined)];
    const events: BillingEvent[] = [...paid, ...credited(billed(paid), 'i1', '5')];
    const after = [...events, ...withdrawPayment(billed(events), 'p', BY)];
    expect(standing(after)).toEqual({ open: ['i1 30 0', 'i2 60 0'], left: [], credit: '5' });
  });

  it('is applied twice by two ids, and each application is withdrawn alone', () => {
    const events: BillingEvent[] = [...TWO, ...recordPayment(billed(TWO), payment('p', '100'), [])];
    const first: BillingEvent[] = [...events, ...apply(billed(events), 'p', 'a1', ['i1'])];
    const both: BillingEvent[] = [...first, ...apply(billed(first), 'p', 'a2', ['i2'])];
    expect(standing(both)).toEqual({ open: ['i1 30 30 paid', 'i2 60 60 paid'], left: ['p 10 0'], credit: '0' });
    const of = { paymentId: 'p', applicationId: 'a1' };
    const after: BillingEvent[] = [...both, ...withdrawApplication(billed(both), of, BY)];
    expect(standing(after)).toEqual({ open: ['i1 30 0', 'i2 60 60 paid'], left: ['p 40 0'], credit: '0' });
    expect([
      codeOf(() => apply(billed(both), 'p', 'a1', ['i1'])),
      codeOf(() => withdrawApplication(billed(after), of, BY)),
      codeOf(() => withdrawApplication(billed(after), { ...of, paymentId: 'x' }, BY)),
    ]).toEqual(['application_exists', 'unknown_application', 'unknown_payment']);
    const again = [...after, ...apply(billed(after), 'p', 'a1')];
    expect(standing(again)).toEqual(standing(both));
  });

  it('neither pays nor is refunded before its day, nor pays before the day of issue', () => {
    // Both invoices are issued at midnight on 1 May, and the payments are made later that day.
    const at = instant('2026-05-01T15:00:00Z');
    const before = instant('2026-04-30T23:00:00Z');
    const events: BillingEvent[] = [...TWO, ...recordPayment(billed(TWO), { ...payment('p', '50'), at }, [])];
    const early: BillingEvent[] = [
      ...events,
      ...recordPayment(billed(events), { ...payment('q', '50'), at: before }, undefined),
    ];
    expect(standing(early)).toEqual({ open: ['i1 30 0', 'i2 60 0'], left: ['p 50 0', 'q 50 0'], credit: '0' });
    const now = billed([...early, ...issued('i3', '-5')]);
    expect([
      codeOf(() => recordPayment(now, { ...payment('r', '50'), at: before }, ['i1'])),
      codeOf(() => applyPayment(now, { paymentId: 'q', applicationId: 'a', at: before }, ['i1'])),
      codeOf(() => applyPayment(now, { paymentId: 'q', applicationId: 'a', at: before }, undefined)),
      codeOf(() => applyPayment(now, { paymentId: 'p', applicationId: 'a', at: before }, undefined)),
      codeOf(() => assertIssuedBy(now.account, 'i1', before)),
      codeOf(() => recordRefund(now, { ...refund('r1', '1', 'p'), at: before })),
      codeOf(() => recordRefund(now, { ...refund('r1', '1'), at: before })),
      // on the same day, if at an earlier hour
      codeOf(() => applyPayment(now, { paymentId: 'p', applicationId: 'a', at: AT }, ['i1'])),
      codeOf(() => recordRefund(now, refund('r1', '1', 'p'))),
      codeOf(() => recordRefund(now, refund('r1', '1'))),
    ]).toEqual([
      ...['payment_before_issue', 'payment_before_issue', 'nothing_to_apply', 'application_before_payment'],
      ...['payment_before_issue', 'refund_before_payment', 'refund_before_credit', 'none', 'none', 'none'],
    ]);
  });

  it('is refused where it contradicts what is recorded', () => {
    const events: BillingEvent[] = [...TWO, ...recordPayment(billed(TWO), payment('p', '40'), undefined)];
    const now = billed(events);
    expect([
      codeOf(() => recordPayment(now, payment('p', '1'), undefined)),
      codeOf(() => recordPayment(now, payment('q', '0'), undefined)),
      codeOf(() => recordPayment(now, payment('q', '1.005'), undefined)),
      codeOf(() => recordPayment(now, payment('q', '1'), ['i1'])),
      codeOf(() => recordPayment(now, payment('q', '1'), ['i9'])),
      codeOf(() => apply(now, 'p', 'a')),
      codeOf(() => apply(now, 'x', 'a')),
    ]).toEqual([
      ...['payment_exists', 'invalid_amount', 'invalid_amount', 'invoice_not_issued', 'unknown_invoice'],
      ...['nothing_to_apply', 'unknown_payment'],
    ]);
    expect(codeOf(() => assertUnpaid(now.account, 'i2'))).toBe('invoice_part_paid');
    expect(codeOf(() => assertNotPaidByPayments(now.account, 'i1'))).toBe('payment_recorded');
    const paid: BillingEvent[] = [...events, { type: 'InvoicePaid', data: { invoiceId: 'i2', ...KEY, at: AT } }];
    expect(codeOf(() => withdrawPayment(billed(paid), 'p', BY))).toBe('invoice_paid');
  });
});

describe('a refund', () => {
  it('takes what is left of a payment, or credit', () => {
    const paid: BillingEvent[] = [...TWO, ...recordPayment(billed(TWO), payment('p', '100'), undefined)];
    paid.push(...credited(billed(paid), 'i1', '5'));
    const events: BillingEvent[] = [...paid, ...recordRefund(billed(paid), refund('r1', '4', 'p'))];
    const more: BillingEvent[] = [...events, ...recordRefund(billed(events), refund('r2', '3'))];
    expect([standing(more).left, standing(more).credit]).toEqual([['p 6 4'], '2']);
    expect([
      codeOf(() => recordRefund(billed(more), refund('r3', '7', 'p'))),
      codeOf(() => recordRefund(billed(more), refund('r3', '3'))),
      codeOf(() => recordRefund(billed(more), refund('r1', '1'))),
      codeOf(() => withdrawPayment(billed(more), 'p', BY)),
      codeOf(() => withdrawRefund(billed(more), 'r9', BY)),
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
  fc.record({ unapply: fc.nat(5), of: fc.nat(5) }),
  fc.record({ credit: fc.nat(5), amount: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ refund: fc.integer({ min: 1, max: 30 }), of: fc.option(fc.nat(5)) }),
  fc.record({ undo: fc.nat(5) }),
);

it('never loses money: what is owed is invoices less credit notes, payments and what was not refunded', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let events: BillingEvent[] = [];
      const add = (decide: (now: Billed) => BillingEvent[]): void => {
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
        else if ('apply' in each) add((now) => apply(now, `p${each.apply}`, `a${n}`));
        else if ('unapply' in each)
          add((now) => withdrawApplication(now, { paymentId: `p${each.unapply}`, applicationId: `a${each.of}` }, BY));
        else if ('credit' in each)
          add((now) => {
            const [id] = now.account.settlements.keys();
            return id === undefined ? [] : credited(now, id, String(each.amount));
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
      // Nobody paid with pay-invoice: what is paid has nothing left to pay.
      for (const { amountDue, applied, isPaid } of account.settlements.values())
        expect(isPaid && !amountDue.eq(applied)).toBe(false);
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
