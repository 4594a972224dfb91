import { readWrongShares } from '#projections/payments/payments.read';
import type { Check } from './finding.js';

/** A share of a transfer whose payment is missing or different, or a payment of a transfer that does not stand. */
const shares: Check = async ({ core, position }) =>
  (await readWrongShares(core.db, position)).map((row) => {
    const { payer_id: payerId, transfer_id: transferId, tenant_id: tenantId, payment_id: paymentId, currency } = row;
    const { share, recorded } = row;
    return {
      code: 'transfer_unfinished',
      message:
        share === null
          ? `payment ${paymentId} of tenant ${tenantId} is a share of transfer ${transferId} of ${payerId}, which` +
            ' does not stand'
          : `the share of tenant ${tenantId} in transfer ${transferId} of ${payerId} is ${share} ${currency}, but` +
            ` ${recorded === null ? 'no payment' : `a payment of ${recorded}`} is recorded`,
      ids: { payerId, currency, transferId, tenantId, paymentId },
      remedy: 'A process was stopped between two steps. Run the same command again: it finishes what is left.',
    };
  });

export const TRANSFERS: readonly Check[] = [shares];
