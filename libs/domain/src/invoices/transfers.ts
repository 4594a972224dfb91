import type { Correction } from '../correction.js';
import { conflict, DomainError, notFound } from '../errors.js';
import { type Decimal, min, text, ZERO } from '../money/decimal.js';
import { moneyAboveZero } from '../money/money.js';
import { compareInstants } from '../time/instant.js';
import {
  assertNameable,
  type Billed,
  type BillingEvent,
  openInvoices,
  openOf,
  recordPayment,
  withdrawAnyPayment,
} from './payments.js';
import type { PaymentState } from './payment-events.js';
import type { Share, StatedTransfer, Transfer, TransferEvent, TransferState } from './transfer-events.js';

/** An invoice of a tenant. */
export interface InvoiceOf {
  readonly tenantId: string;
  readonly invoiceId: string;
}

/**
 * Divides a transfer among tenants. It pays the named invoices in their order, else all open ones that are addressed to
 * the payer, oldest first. What is left belongs to the account of the payer. 100.00 for invoices of 30.00 (lab) and
 * 50.00 (shop) of others leaves a share of 20.00 of the payer. `accounts`: of the payer, and of all tenants that have
 * such invoices. Errors: `invalid_amount`, `payment_exists`, those of `assertNameable`.
 */
export function recordTransfer(
  accounts: readonly Billed[],
  transfer: StatedTransfer,
  named: readonly InvoiceOf[] | undefined,
): Extract<TransferEvent, { type: 'TransferRecorded' }> {
  const { transferId, payerId, currency, amount, at } = transfer;
  const billed = new Map(accounts.map((each) => [each.tenantId, each]));
  const of = { at, payerId };
  let left = moneyAboveZero(amount, currency, 'amount');
  const shares = new Map<string, { amount: Decimal; invoiceIds: string[] }>();
  const give = (tenantId: string, more: Decimal, invoiceIds: readonly string[]): void => {
    const known = shares.get(tenantId) ?? { amount: ZERO, invoiceIds: [] };
    shares.set(tenantId, { amount: known.amount.plus(more), invoiceIds: [...known.invoiceIds, ...invoiceIds] });
    left = left.minus(more);
  };
  const paid = new Set<string>();
  for (const { tenantId, invoiceId } of named ?? oldestFirst(accounts, of)) {
    const account = billed.get(tenantId);
    if (account === undefined) throw new Error(`the account of tenant ${tenantId} was not loaded`);
    if (named !== undefined) assertNameable(account, invoiceId, of);
    const part = paid.has(invoiceId) ? ZERO : min(left, openOf(account, invoiceId));
    paid.add(invoiceId);
    if (part.gt(ZERO)) give(tenantId, part, [invoiceId]);
  }
  if (left.gt(ZERO)) give(payerId, left, []);
  for (const tenantId of shares.keys())
    if (billed.get(tenantId)?.account.payments.has(transferId) === true) throw paymentExists(transfer, tenantId);
  return {
    type: 'TransferRecorded',
    data: {
      ...transfer,
      shares: [...shares].map(([tenantId, share]) => ({
        ...{ tenantId, paymentId: transferId, amount: text(share.amount), invoiceIds: share.invoiceIds },
      })),
    },
  };
}

/** The open invoices that are addressed to a payer and were issued by an instant. */
const oldestFirst = (
  accounts: readonly Billed[],
  of: { readonly at: StatedTransfer['at']; readonly payerId: string },
): InvoiceOf[] =>
  accounts
    .flatMap((billed) =>
      openInvoices(billed, of).flatMap((invoiceId) => {
        const issuedAt = billed.account.settlements.get(invoiceId)?.issuedAt;
        return issuedAt === undefined ? [] : [{ tenantId: billed.tenantId, invoiceId, issuedAt }];
      }),
    )
    .sort((a, b) => compareInstants(a.issuedAt, b.issuedAt));

const paymentExists = ({ transferId }: Pick<Transfer, 'transferId'>, tenantId: string): DomainError =>
  conflict(
    'payment_exists',
    `tenant ${tenantId} has a payment ${transferId} that is not of this transfer.` +
      ' Withdraw that payment and run the same command again, or use another transferId.',
  );

/** The payment of a share. undefined: it is not recorded. Errors: `payment_exists`, if another one has its id. */
function paymentOfShare(
  { account }: Billed,
  transfer: Pick<Transfer, 'transferId' | 'payerId'>,
  { tenantId, paymentId }: Share,
): PaymentState | undefined {
  const payment = account.payments.get(paymentId);
  if (payment === undefined || isOf(payment, transfer)) return payment;
  throw paymentExists(transfer, tenantId);
}

/** Two payers may use the same id. */
const isOf = (payment: PaymentState, { transferId, payerId }: Pick<Transfer, 'transferId' | 'payerId'>): boolean =>
  payment.transferId === transferId && payment.payerId === payerId;

/**
 * Records the payment of a share. An invoice that was paid or voided since the transfer was divided is left out: its
 * part of the share pays the others, else nothing. Nothing is recorded twice.
 */
export function recordShare(billed: Billed, transfer: Transfer, share: Share): BillingEvent[] {
  if (paymentOfShare(billed, transfer, share) !== undefined) return [];
  const { payerId, transferId, at, currency, referenceRef, referenceHash } = transfer;
  const { tenantId, paymentId, amount, invoiceIds } = share;
  // What the bank says is for the payer: it may name the other tenants.
  const reference =
    tenantId !== payerId || referenceRef === undefined
      ? {}
      : { referenceRef, ...(referenceHash === undefined ? {} : { referenceHash }) };
  return recordPayment(
    billed,
    { paymentId, tenantId, currency, amount, at, payerId, transferId, ...reference },
    invoiceIds.filter((id) => billed.invoices.get(id)?.status === 'issued'),
  );
}

/**
 * Withdraws the payment of a share. Nothing is withdrawn twice. Errors: those of `withdrawPayment`, with the tenant.
 */
export function withdrawShare(
  billed: Billed,
  transfer: Pick<Transfer, 'transferId' | 'payerId'>,
  share: Share,
  reason: string,
): BillingEvent[] {
  const payment = billed.account.payments.get(share.paymentId);
  if (payment === undefined || !isOf(payment, transfer)) return [];
  try {
    return withdrawAnyPayment(billed, share.paymentId, { reason });
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new DomainError(error.code, `tenant ${share.tenantId}: ${error.message}`, error.kind, error.errors);
  }
}

/**
 * Withdraws a transfer. All its payments must be such that they can be withdrawn. Errors: `unknown_transfer`, those of
 * `withdrawShare`.
 */
export function withdrawTransfer(
  state: TransferState | undefined,
  accounts: readonly Billed[],
  of: Pick<StatedTransfer, 'transferId' | 'payerId' | 'currency'>,
  correction: Correction,
): TransferEvent[] {
  const { transferId, payerId, currency } = of;
  if (state === undefined || state.withdrawnFor !== null)
    throw notFound('unknown_transfer', `tenant ${payerId} has no transfer ${transferId} in ${currency}`);
  for (const share of state.transfer.shares) {
    const billed = accounts.find(({ tenantId }) => tenantId === share.tenantId);
    if (billed !== undefined) withdrawShare(billed, of, share, correction.reason);
  }
  return [{ type: 'TransferWithdrawn', data: { transferId, payerId, currency, ...correction } }];
}

/** What became of a share. */
export interface ShareResult {
  readonly tenantId: string;
  readonly paymentId: string;
  readonly amount: string;
  /** What pays no invoice and was not refunded. */
  readonly unapplied: string;
  /** Invoices that it was to pay and does not: they were paid, voided or credited since it was divided. */
  readonly unpaid: readonly string[];
}

export function resultOfShare(billed: Billed, transfer: Transfer, share: Share): ShareResult {
  const { tenantId, paymentId, amount, invoiceIds } = share;
  const payment = paymentOfShare(billed, transfer, share);
  const { unapplied, applied } = payment ?? { unapplied: ZERO, applied: new Map<string, Decimal>() };
  const isLeft = unapplied.gt(ZERO);
  const unpaid = isLeft ? invoiceIds.filter((id) => !applied.has(id)) : [];
  return { tenantId, paymentId, amount, unapplied: text(unapplied), unpaid };
}
