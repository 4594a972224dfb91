import { documentNumber } from '#domain/invoices/invoice';
import {
  readDifferingTotals,
  readWronglyConsolidated,
} from '#projections/consolidated-invoices/consolidated-checks.read';
import type { Check } from './finding.js';

const VOID_IT = 'Void the consolidated invoice (void-consolidated-invoice), and issue it again.';

/** The totals of a consolidated invoice are those of its invoices. */
const totals: Check = async ({ core, position }) =>
  (await readDifferingTotals(core.db, position)).map((row) => {
    const { consolidated_invoice_id: consolidatedInvoiceId, total, members_total: membersTotal } = row;
    const number = documentNumber('CI', row.ordinal);
    return {
      code: 'consolidated_invoice_differs',
      message: `${number} states ${total}, and its invoices come to ${membersTotal}`,
      ids: { consolidatedInvoiceId, number, total, membersTotal },
      remedy: VOID_IT,
    };
  });

/** An invoice is part of at most one that is not void, addressed to the payer, and not void itself. */
const members: Check = async ({ core, position }) =>
  (await readWronglyConsolidated(core.db, position)).map(({ invoice_id: invoiceId, ordinals, status }) => {
    const numbers = ordinals.map((ordinal) => documentNumber('CI', ordinal));
    return {
      code: 'invoice_wrongly_consolidated',
      message:
        `invoice ${invoiceId} (${status ?? 'unknown'}) is in ${numbers.join(' and ')}` +
        (numbers.length > 1 ? ', and can be in one' : ', and should not be: it is void or addressed to another'),
      ids: { invoiceId, numbers, status },
      remedy: VOID_IT,
    };
  });

export const CONSOLIDATED: readonly Check[] = [totals, members];
