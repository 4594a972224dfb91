import { expect, it } from '@jest/globals';
import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal, text } from '#domain/money/decimal';
import { instant } from '#domain/time/instant';
import { documentTransactions } from './transactions.js';

const T = (date: string) => instant(`${date}T00:00:00Z`);
const ID = '00000000-0000-4000-8000-000000000000';

/** A fee of 40.00 for the 30 days from 16 April, 10.00 off, with 10 % tax: 15.00 net for April and for May. */
const FEE: FrozenRow = {
  ...{ rowId: ID, lineId: ID, partId: ID, subscriptionId: 's', deploymentId: 'd', billingKind: 'base_fee' },
  chargePeriod: { start: T('2026-04-16'), end: T('2026-05-16') },
  ...{ ref: 'flat', quantity: '1', unitAmount: '40', gross: '40', discount: '10', credit: '0', net: '30' },
  ...{ taxRatePercent: '10', tax: '3', planId: 'p', planEffectiveFrom: T('2026-01-01'), kind: 'charge' },
};

const booked = (month: string, issuedOn: string, more: Partial<FrozenRow> = {}): unknown[] =>
  documentTransactions(
    {
      ...{ number: 'INV-000001', isCreditNote: false, tenantId: 't', payerId: null, currency: 'USD' },
      ...{ issuedOn, voidedOn: '2026-06-05', due: decimal('31'), rows: [{ ...FEE, ...more }] },
    },
    month,
    (creditId) => creditId === 'bought',
  ).map(({ id, date, entries }) => [
    ...[id, date],
    ...entries.map(({ account, amount, chargeMonth, isCorrection }) =>
      [account, text(amount), ...(chargeMonth === null ? [] : [chargeMonth]), ...(isCorrection ? ['!'] : [])].join(' '),
    ),
  ]);

it('defers what an advance bills for later months, and releases it there', () => {
  expect(booked('2026-04', '2026-04-16')).toEqual([
    [
      ...['INV-000001', '2026-04-16'],
      // 2.00 of 33.00 is paid with the tenant's credit.
      ...['receivable 31', 'tenantCredit 2', 'taxPayable -3'],
      ...['revenue -20 2026-04', 'discounts 5 2026-04', 'deferredRevenue -15 2026-05'],
    ],
    [
      ...['INV-000001/void/accrual/2026-04', '2026-04-30'],
      ...['accruedRevenue -15 2026-04', 'revenue 20 2026-04', 'discounts -5 2026-04'],
    ],
  ]);
  expect(booked('2026-05', '2026-04-16')[0]).toEqual([
    ...['INV-000001/release/2026-05', '2026-05-31'],
    ...['deferredRevenue 15 2026-05', 'revenue -20 2026-05', 'discounts 5 2026-05'],
  ]);
  expect(booked('2026-06', '2026-04-16').at(-1)).toEqual([
    ...['INV-000001/void', '2026-06-05'],
    ...['receivable -31', 'tenantCredit -2', 'taxPayable 3', 'accruedRevenue 15 2026-04', 'accruedRevenue 15 2026-05'],
  ]);
});

it('accrues what is billed in arrears, and marks what corrects', () => {
  expect(booked('2026-04', '2026-05-20', { kind: 'rebooked' })[0]).toEqual([
    ...['INV-000001/accrual/2026-04', '2026-04-30'],
    ...['accruedRevenue 15 2026-04 !', 'revenue -20 2026-04 !', 'discounts 5 2026-04 !'],
  ]);
});

it('releases a bought credit when an invoice uses it, to the months that it pays', () => {
  const credits = [
    { creditId: 'bought', amount: '6' },
    { creditId: 'given', amount: '4' },
  ];
  const row = { discount: '0', credit: '10', credits };
  // 15.00 net and 3.00 of the bought credit in each month.
  expect(booked('2026-05', '2026-05-20', row)[0]).toEqual([
    ...['INV-000001', '2026-05-20', 'receivable 31', 'tenantCredit 2', 'taxPayable -3'],
    ...['prepaidCredit 6', 'accruedRevenue -18 2026-04'],
    ...['revenue -20 2026-05', 'credits 5 2026-05', 'prepaidCreditUsed -3 2026-05'],
  ]);
  expect(booked('2026-04', '2026-05-20', row)[0]).toEqual([
    ...['INV-000001/accrual/2026-04', '2026-04-30', 'accruedRevenue 18 2026-04'],
    ...['revenue -20 2026-04', 'credits 5 2026-04', 'prepaidCreditUsed -3 2026-04'],
  ]);
});
