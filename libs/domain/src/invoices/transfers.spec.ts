import { describe, expect, it } from '@jest/globals';
import { accountOf, codeOf, issuedInvoice } from '../../../../test/support/accounts.js';
import { instant } from '../time/instant.js';
import { type Billed, type BillingEvent, recordPayment, recordRefund, withdrawPayment } from './payments.js';
import { foldAccount } from './settlement.js';
import { foldTransfers } from './transfer-events.js';
import { recordShare, recordTransfer, resultOfShare, withdrawShare, withdrawTransfer } from './transfers.js';

type Accounts = Readonly<Record<string, readonly BillingEvent[]>>;

const on = (day: string) => instant(`2026-05-${day.includes('T') ? day : `${day}T00:00:00Z`}`);
const issued = (tenantId: string, invoiceId: string, total: string, day: string, payerId = 'holding') =>
  issuedInvoice({
    ...{ tenantId, currency: 'USD', invoiceId, total, at: on(day) },
    payerId: payerId === tenantId ? undefined : payerId,
  });
const billed = (tenantId: string, events: readonly BillingEvent[]) => accountOf({ tenantId, currency: 'USD' }, events);
const accountsOf = (accounts: Accounts): Billed[] => Object.entries(accounts).map(([id, of]) => billed(id, of));

/** lab owes 30 and 20, shop 50, and holding 10 of its own. One invoice of shop is addressed to itself. */
const ALL = {
  holding: issued('holding', 'h1', '10', '03', 'holding'),
  lab: [...issued('lab', 'l1', '30', '01'), ...issued('lab', 'l2', '20', '04')],
  shop: [...issued('shop', 's1', '50', '02'), ...issued('shop', 's2', '7', '02', 'shop')],
} satisfies Accounts;
const stated = (amount: string, day = '05') => ({
  ...{ transferId: 'bank-1', payerId: 'holding', currency: 'USD', amount, at: on(day) },
});
const named = (...ids: string[]) =>
  ids.map((id) => ({ tenantId: { h: 'holding', l: 'lab', s: 'shop' }[id.slice(0, 1)] ?? '', invoiceId: id }));
const sharesOf = (amount: string, { invoiceIds, day }: { invoiceIds?: string[]; day?: string } = {}): string[] =>
  recordTransfer(
    accountsOf(ALL),
    stated(amount, day),
    invoiceIds === undefined ? undefined : named(...invoiceIds),
  ).data.shares.map((share) => [share.tenantId, share.amount, ...share.invoiceIds].join(' '));

describe('a transfer', () => {
  it('pays what is addressed to the payer, oldest first, and leaves the rest to the payer', () => {
    // l1 30 (1 May), s1 50 (2 May), h1 10 (3 May), l2 20 (4 May): 110 in all.
    expect(sharesOf('110')).toEqual(['lab 50 l1 l2', 'shop 50 s1', 'holding 10 h1']);
    // 70 − 30 = 40 of s1.
    expect(sharesOf('70')).toEqual(['lab 30 l1', 'shop 40 s1']);
    // 115.50 − 110 = 5.50 more than what is open.
    expect(sharesOf('115.50')).toEqual(['lab 50 l1 l2', 'shop 50 s1', 'holding 15.5 h1']);
    // On 2 May only l1 and s1 were issued: 100 − 30 − 50 = 20 are left.
    expect(sharesOf('100', { day: '02' })).toEqual(['lab 30 l1', 'shop 50 s1', 'holding 20']);
  });

  it('pays what was issued within the same second in its order', () => {
    const at = (tenantId: string, invoiceId: string, fraction: string) =>
      issued(tenantId, invoiceId, '10', `01T00:00:00${fraction}Z`);
    const accounts = accountsOf({
      lab: at('lab', 'l1', '.5'),
      shop: at('shop', 's1', ''),
      mill: at('mill', 'm1', '.25'),
    });
    const { shares } = recordTransfer(accounts, stated('25'), undefined).data;
    expect(shares.map(({ tenantId, amount }) => `${tenantId} ${amount}`)).toEqual(['shop 10', 'mill 10', 'lab 5']);
  });

  it('pays the invoices that are named, in their order', () => {
    // 60 − 20 = 40 of s1, and nothing is left for h1.
    expect(sharesOf('60', { invoiceIds: ['l2', 's1', 'h1', 'l2'] })).toEqual(['lab 20 l2', 'shop 40 s1']);
    expect(sharesOf('60', { invoiceIds: [] })).toEqual(['holding 60']);
    expect(sharesOf('60', { invoiceIds: ['l1'] })).toEqual(['lab 30 l1', 'holding 30']);
    expect(codeOf(() => sharesOf('60', { invoiceIds: ['s2'] }))).toBe('addressed_to_another');
    expect(codeOf(() => sharesOf('60', { invoiceIds: ['s9'] }))).toBe('unknown_invoice');
    expect(codeOf(() => sharesOf('60', { invoiceIds: ['l2'], day: '03' }))).toBe('payment_before_issue');
    expect(codeOf(() => sharesOf('0'))).toBe('invalid_amount');
    expect(codeOf(() => sharesOf('1.005'))).toBe('invalid_amount');
  });

  it('needs an id that no payment of its tenants has', () => {
    const other = recordPayment(
      billed('shop', ALL.shop),
      { paymentId: 'bank-1', tenantId: 'shop', currency: 'USD', amount: '1', at: on('05') },
      [],
    );
    const taken = accountsOf({ ...ALL, shop: [...ALL.shop, ...other] });
    expect(() => recordTransfer(taken, stated('110'), undefined)).toThrow(
      'tenant shop has a payment bank-1 that is not of this transfer. Withdraw that payment and run the same command' +
        ' again, or use another transferId.',
    );
    // It has no share of shop.
    expect(codeOf(() => recordTransfer(taken, stated('10'), undefined))).toBe('none');
  });
});

describe('a share', () => {
  const recorded = recordTransfer(accountsOf(ALL), stated('105'), undefined);
  const transfer = { ...recorded.data, referenceRef: 'ref', referenceHash: 'hash' };
  const of = (tenantId: string) => {
    const share = transfer.shares.find((each) => each.tenantId === tenantId);
    if (share === undefined) throw new Error(`${tenantId} has no share`);
    return share;
  };
  const lab = (...more: BillingEvent[]): BillingEvent[] => [...ALL.lab, ...more];
  const paid = (events: readonly BillingEvent[]): BillingEvent[] => [
    ...events,
    ...recordShare(billed('lab', events), transfer, of('lab')),
  ];

  it('is a payment of its tenant, once', () => {
    // l1 30, s1 50, h1 10, and 15 of the 20 of l2.
    const events = paid(lab());
    expect(events.slice(4)).toEqual([
      {
        type: 'PaymentRecorded',
        data: {
          ...{ paymentId: 'bank-1', tenantId: 'lab', currency: 'USD', amount: '45', at: on('05') },
          ...{ payerId: 'holding', transferId: 'bank-1' },
          applied: [
            { invoiceId: 'l1', amount: '30' },
            { invoiceId: 'l2', amount: '15' },
          ],
        },
      },
      { type: 'InvoicePaid', data: { invoiceId: 'l1', tenantId: 'lab', currency: 'USD', at: on('05') } },
    ]);
    expect(paid(events)).toEqual(events);
    expect(resultOfShare(billed('lab', events), transfer, of('lab'))).toMatchObject({ unapplied: '0', unpaid: [] });
  });

  it('has the reference of the bank only where it is the payer’s own', () => {
    const [own] = recordShare(billed('holding', ALL.holding), transfer, of('holding'));
    expect(own?.data).toMatchObject({ amount: '10', referenceRef: 'ref', referenceHash: 'hash' });
  });

  it('pays no invoice that was paid or voided since', () => {
    const key = { tenantId: 'lab', currency: 'USD' };
    const voided: BillingEvent = {
      type: 'InvoiceVoided',
      data: { invoiceId: 'l1', ...key, at: on('05'), reason: 'x' },
    };
    // 45 − 20 of l2 = 25.
    const events = paid(lab(voided));
    expect(resultOfShare(billed('lab', events), transfer, of('lab'))).toMatchObject({
      unapplied: '25',
      unpaid: ['l1'],
    });
    const other = recordPayment(
      billed('lab', lab()),
      { paymentId: 'x', ...key, amount: '50', at: on('05'), payerId: 'holding' },
      undefined,
    );
    const none = paid(lab(...other));
    expect(resultOfShare(billed('lab', none), transfer, of('lab'))).toMatchObject({
      ...{ unapplied: '45', unpaid: ['l1', 'l2'] },
    });
  });

  it('is withdrawn with its transfer only, unless it was refunded', () => {
    const events = paid(lab());
    expect(() => withdrawPayment(billed('lab', events), 'bank-1', { reason: 'x' })).toThrow(
      'payment bank-1 is a share of transfer bank-1 of holding: withdraw record-transfer',
    );
    const gone = [...events, ...withdrawShare(billed('lab', events), transfer, of('lab'), 'x')];
    expect(withdrawShare(billed('lab', gone), transfer, of('lab'), 'x')).toEqual([]);
    expect(
      [...foldAccount(gone).settlements].map(([id, { applied, isPaid }]) => [id, String(applied), isPaid]),
    ).toEqual([
      ['l1', '0', false],
      ['l2', '0', false],
    ]);

    const { shares } = recordTransfer(accountsOf(ALL), stated('20'), []).data;
    const left = { ...stated('20'), shares };
    const own = recordShare(billed('holding', ALL.holding), left, shares[0] ?? of('holding'));
    const refund = recordRefund(billed('holding', own), {
      ...{ refundId: 'r', tenantId: 'holding', currency: 'USD', amount: '1', at: on('06'), paymentId: 'bank-1' },
    });
    const by = { transferId: 'bank-1', payerId: 'holding', currency: 'USD' };
    const state = foldTransfers([{ type: 'TransferRecorded', data: left }]).get('bank-1');
    expect(() => withdrawTransfer(state, [billed('holding', [...own, ...refund])], by, { reason: 'never' })).toThrow(
      'tenant holding: payment bank-1 was refunded: withdraw its refunds first',
    );
    const withdrawn = withdrawTransfer(state, [billed('holding', own)], by, { reason: 'never' });
    expect(withdrawn).toEqual([{ type: 'TransferWithdrawn', data: { ...by, reason: 'never' } }]);
    const after = foldTransfers([{ type: 'TransferRecorded', data: left }, ...withdrawn]).get('bank-1');
    expect(codeOf(() => withdrawTransfer(after, [], by, { reason: 'never' }))).toBe('unknown_transfer');
  });
});
