import { z } from 'zod';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zText } from '../schema.js';
import type { Instant } from '../time/instant.js';

// Stored permanently, in the billing stream of the payer and the currency. The payments follow, each in the billing
// stream of its tenant.
export const transferEventsWith = (zId: IdSchema) => ({
  /** A payer sent money for several tenants. It says how the money is divided: the shares come to the amount. */
  TransferRecorded: z.object({
    transferId: zId,
    payerId: zId,
    currency: zCurrency,
    amount: zDecimal,
    at: zInstant,
    /** What the bank says: it may name persons, so it is kept outside the log. */
    referenceRef: z.uuid().optional(),
    referenceHash: z.string().optional(),
    /** Each is a payment of its tenant. It pays these invoices, in this order. */
    shares: z.array(z.object({ tenantId: zId, paymentId: zId, amount: zDecimal, invoiceIds: z.array(z.uuid()) })),
  }),
  /** The transfer never was, and neither were its payments. */
  TransferWithdrawn: z.object({
    transferId: zId,
    payerId: zId,
    currency: zCurrency,
    withdrawn: z.string().optional(),
    reason: zText,
  }),
});
export const transferEvents = transferEventsWith(zId);
export type TransferEvent = EventOf<typeof transferEventsWith>;

export type Transfer = Extract<TransferEvent, { type: 'TransferRecorded' }>['data'];
export type Share = Transfer['shares'][number];

export interface TransferState {
  readonly transfer: Transfer;
  /** null: it stands. */
  readonly withdrawnFor: string | null;
}

/** The transfers of a payer in a currency, by id. One that is recorded again after its withdrawal stands. */
export function foldTransfers(events: Iterable<TransferEvent>): Map<string, TransferState> {
  const transfers = new Map<string, TransferState>();
  for (const { type, data } of events) {
    if (type === 'TransferRecorded') transfers.set(data.transferId, { transfer: data, withdrawnFor: null });
    else {
      const state = transfers.get(data.transferId);
      if (state !== undefined) transfers.set(data.transferId, { ...state, withdrawnFor: data.reason });
    }
  }
  return transfers;
}

/** What a command states of a transfer. */
export interface StatedTransfer {
  readonly transferId: string;
  readonly payerId: string;
  readonly currency: string;
  readonly amount: string;
  readonly at: Instant;
}
