import { expect, it } from '@jest/globals';
import { type Fact, id, projected } from '../../test/support/projections.js';
import { paymentsProjection } from './payments.projection.js';
import { paymentApplications, payments, refunds, transfers } from './payments.table.js';

const { given, when, rows } = projected(paymentsProjection);

const KEY = { tenantId: 't', currency: 'USD' };
const row = { tenant_id: 't', currency: 'USD', payment_id: 'p', amount: '100', paid_at: '2026-05-05T00:00:00Z' };
const recorded = {
  PaymentRecorded: {
    ...{ paymentId: 'p', ...KEY, amount: '100', at: '2026-05-05T00:00:00Z' },
    applied: [{ invoiceId: id(1), amount: '60' }],
  },
} satisfies Fact;

it('keeps what payments pay and what is left of them', async () => {
  await given(recorded);
  await when(
    {
      PaymentApplied: {
        ...{ paymentId: 'p', applicationId: 'a', ...KEY },
        at: '2026-05-06T00:00:00Z',
        applied: [{ invoiceId: id(2), amount: '25' }],
      },
    },
    { RefundRecorded: { refundId: 'r', ...KEY, amount: '5', at: '2026-05-07T00:00:00Z', paymentId: 'p' } },
  );

  // 100 − 60 − 25 − 5
  expect(await rows(payments)).toEqual([{ ...row, unapplied: '10', refunded: '5' }]);
  expect(await rows(payments, 1)).toEqual([{ ...row, unapplied: '40', refunded: '0' }]);
  const applications = async () =>
    (await rows(paymentApplications)).map(({ invoice_id, application_id, amount }) => [
      ...[invoice_id, application_id ?? 'at once', amount],
    ]);
  expect(await applications()).toEqual([
    [id(1), 'at once', '60'],
    [id(2), 'a', '25'],
  ]);
  expect(await rows(refunds)).toEqual([
    {
      ...{ tenant_id: 't', currency: 'USD', refund_id: 'r', payment_id: 'p', amount: '5' },
      refunded_at: '2026-05-07T00:00:00Z',
    },
  ]);

  await when({
    PaymentApplicationWithdrawn: {
      ...{ paymentId: 'p', applicationId: 'a', ...KEY, applied: [{ invoiceId: id(2), amount: '25' }], reason: 'x' },
    },
  });
  expect(await rows(payments)).toEqual([{ ...row, unapplied: '35', refunded: '5' }]);
  expect(await applications()).toEqual([[id(1), 'at once', '60']]);
});

it('keeps transfers as they were divided, and the transfer of a payment', async () => {
  const transfer = { transferId: 'p', payerId: 'holding', currency: 'USD' };
  const shares = [
    { tenantId: 't', paymentId: 'p', amount: '100', invoiceIds: [id(1)] },
    { tenantId: 'holding', paymentId: 'p', amount: '5', invoiceIds: [] },
  ];
  await given({ TransferRecorded: { ...transfer, amount: '105', at: '2026-05-05T00:00:00Z', shares } });
  await when({ PaymentRecorded: { ...recorded.PaymentRecorded, payerId: 'holding', transferId: 'p' } });
  const row = { payer_id: 'holding', currency: 'USD', transfer_id: 'p', amount: '105' };
  expect(await rows(transfers)).toEqual([{ ...row, sent_at: '2026-05-05T00:00:00Z', shares }]);
  expect(await rows(payments)).toMatchObject([{ payer_id: 'holding', transfer_id: 'p', unapplied: '40' }]);
  await when({ TransferWithdrawn: { ...transfer, reason: 'x' } });
  expect(await rows(transfers)).toEqual([]);
});

it('keeps nothing of what never was', async () => {
  await given(recorded, {
    RefundRecorded: { refundId: 'r', ...KEY, amount: '5', at: '2026-05-07T00:00:00Z', paymentId: 'p', reason: 'x' },
  });
  await when({ RefundWithdrawn: { refundId: 'r', ...KEY, amount: '5', paymentId: 'p', reason: 'y' } });
  expect(await rows(payments)).toEqual([{ ...row, unapplied: '40', refunded: '0' }]);
  expect(await rows(refunds)).toEqual([]);
  await when({
    PaymentWithdrawn: { paymentId: 'p', ...KEY, applied: [{ invoiceId: id(1), amount: '60' }], reason: 'y' },
  });
  expect([await rows(payments), await rows(paymentApplications)]).toEqual([[], []]);
});
