import type { RecordedEvent } from '#domain/events';
import { appliedBy } from '#domain/invoices/payment-events';
import { type Decimal, decimal, text } from '#domain/money/decimal';
import { type Handler, type Rows, type Touch } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import {
  type PaymentApplicationRow,
  paymentApplications,
  type PaymentRow,
  payments,
  type RefundRow,
  refunds,
  transfers,
} from './payments.table.js';

type OfPayment = RecordedEvent<
  'PaymentRecorded' | 'PaymentApplied' | 'PaymentApplicationWithdrawn' | 'PaymentWithdrawn'
>;
type OfRefund = RecordedEvent<'RefundRecorded' | 'RefundWithdrawn'>;

const keyOf = ({ data }: OfPayment): readonly string[] => [data.tenantId, data.currency, data.paymentId];
const touches = (event: OfPayment): Touch[] =>
  [payments, paymentApplications].map((table) => ({ table, group: keyOf(event) }));

const change = (rows: Rows, key: readonly string[], next: (row: PaymentRow) => PaymentRow): void => {
  rows.set(payments, key, rows.get(payments, ...key).map(next));
};

function apply(event: RecordedEvent<'PaymentRecorded' | 'PaymentApplied'>, rows: Rows): void {
  const { tenantId, currency, paymentId, at, applied } = event.data;
  const applicationId = event.type === 'PaymentApplied' ? event.data.applicationId : undefined;
  const key = keyOf(event);
  change(rows, key, (row) => ({
    ...row,
    unapplied: text(decimal(row.unapplied).minus(appliedBy(applied))),
  }));
  rows.set(paymentApplications, key, [
    ...rows.get(paymentApplications, ...key),
    ...applied.map(({ invoiceId, amount }): PaymentApplicationRow => ({
      ...{ tenant_id: tenantId, currency, payment_id: paymentId, invoice_id: invoiceId, amount },
      ...{ applied_position: event.position, applied_at: at, application_id: applicationId ?? null },
    })),
  ]);
}

type Referring = Pick<RecordedEvent<'PaymentRecorded'>['data'], 'reference' | 'referenceRef'>;
const referenceOf = ({ reference, referenceRef }: Referring): Pick<PaymentRow, 'reference' | 'reference_ref'> => ({
  reference: reference ?? null,
  reference_ref: referenceRef ?? null,
});

/** Takes a refund from what is left of its payment, or gives it back. */
const refunding = (sign: (amount: Decimal) => Decimal): Pick<Handler<OfRefund['type']>, 'touches' | 'apply'> => ({
  touches: ({ data }) => [
    { table: refunds, group: [data.tenantId, data.currency, data.refundId] },
    ...(data.paymentId === undefined
      ? []
      : [{ table: payments, group: [data.tenantId, data.currency, data.paymentId] }]),
  ],
  apply: ({ type, data }, rows) => {
    const { tenantId, currency, refundId, paymentId } = data;
    const amount = sign(decimal(data.amount));
    if (paymentId !== undefined)
      change(rows, [tenantId, currency, paymentId], (row) => ({
        ...row,
        unapplied: text(decimal(row.unapplied).minus(amount)),
        refunded: text(decimal(row.refunded).plus(amount)),
      }));
    const recorded: RefundRow[] =
      type === 'RefundWithdrawn'
        ? []
        : [
            {
              ...{ tenant_id: tenantId, currency, refund_id: refundId, payment_id: paymentId ?? null },
              ...{ amount: data.amount, refunded_at: data.at, ...referenceOf(data), reason: data.reason ?? null },
            },
          ];
    rows.set(refunds, [tenantId, currency, refundId], recorded);
  },
});

type OfTransfer = RecordedEvent<'TransferRecorded' | 'TransferWithdrawn'>;
const keyOfTransfer = ({ payerId, currency, transferId }: OfTransfer['data']): readonly string[] => [
  ...[payerId, currency, transferId],
];
const touchesTransfer = ({ data }: OfTransfer): Touch[] => [{ table: transfers, group: keyOfTransfer(data) }];

export const paymentsProjection = versionedProjection('payments', {
  version: 5,
  tables: [payments, paymentApplications, refunds, transfers],
  on: {
    PaymentRecorded: {
      touches,
      apply: (event, rows) => {
        const { tenantId, currency, paymentId, amount, at, payerId, transferId } = event.data;
        const row: PaymentRow = {
          ...{ tenant_id: tenantId, currency, payment_id: paymentId, amount, paid_at: at },
          ...{ payer_id: payerId ?? null, transfer_id: transferId ?? null, ...referenceOf(event.data) },
          ...{ unapplied: amount, refunded: '0' },
        };
        rows.set(payments, keyOf(event), [row]);
        apply(event, rows);
      },
    },
    PaymentApplied: { touches, apply },
    PaymentApplicationWithdrawn: {
      touches,
      apply: (event, rows) => {
        const [key, { applicationId, applied }] = [keyOf(event), event.data];
        change(rows, key, (row) => ({ ...row, unapplied: text(decimal(row.unapplied).plus(appliedBy(applied))) }));
        const kept = rows.get(paymentApplications, ...key).filter((row) => row.application_id !== applicationId);
        rows.set(paymentApplications, key, kept);
      },
    },
    PaymentWithdrawn: {
      touches,
      apply: (event, rows) => {
        rows.set(payments, keyOf(event), []);
        rows.set(paymentApplications, keyOf(event), []);
      },
    },
    RefundRecorded: refunding((amount) => amount),
    RefundWithdrawn: refunding((amount) => amount.neg()),
    TransferRecorded: {
      touches: touchesTransfer,
      apply: ({ data }, rows) => {
        const { payerId, currency, transferId, amount, at, referenceRef, shares } = data;
        const row = { payer_id: payerId, currency, transfer_id: transferId, amount, sent_at: at };
        rows.set(transfers, keyOfTransfer(data), [{ ...row, reference_ref: referenceRef ?? null, shares }]);
      },
    },
    TransferWithdrawn: {
      touches: touchesTransfer,
      apply: ({ data }, rows) => rows.set(transfers, keyOfTransfer(data), []),
    },
  },
});
