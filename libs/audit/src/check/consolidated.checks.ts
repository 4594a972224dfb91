import { documentNumber } from '#domain/invoices/invoice';
import { decimal } from '#domain/money/decimal';
import {
  readDifferingTotals,
  readWronglyConsolidated,
  type WhyNot,
} from '#projections/consolidated-invoices/consolidated-checks.read';
import type { Check } from './finding.js';

const VOID_IT = 'Void the consolidated invoice (void-consolidated-invoice), and issue it again.';

const FIGURES = ['subtotal', 'tax', 'total'] as const;

/** The totals of a consolidated invoice are those of its invoices. */
const totals: Check = async ({ core, position }) =>
  (await readDifferingTotals(core.db, position)).map((row) => {
    const { consolidated_invoice_id: consolidatedInvoiceId, total, members_total: membersTotal } = row;
    const number = documentNumber('CI', row.ordinal);
    const differing = FIGURES.filter((figure) => !decimal(row[figure]).eq(decimal(row[`members_${figure}`])));
    const figures = differing.map((figure) => `${figure} ${row[figure]}, and its invoices ${row[`members_${figure}`]}`);
    return {
      code: 'consolidated_invoice_differs',
      message:
        figures.length === 0
          ? `${number} has no invoice, or its subtotal and tax do not come to its total ${total}`
          : `${number} has ${figures.join('; ')}`,
      ids: { consolidatedInvoiceId, number, total, membersTotal },
      remedy: VOID_IT,
    };
  });

const REASONS: Readonly<Record<WhyNot, string>> = {
  unknown: 'there is no such invoice',
  draft: 'it is a draft',
  void: 'it is void',
  addressee: 'it is addressed to another',
  currency: 'it is in another currency',
  tenant: 'it is of another tenant than is recorded there',
  below_zero: 'it is below zero',
  issued_later: 'it was issued later',
};

/** An invoice is part of at most one that is not void, and could be part of it. */
const members: Check = async ({ core, position }) =>
  (await readWronglyConsolidated(core.db, position)).map(({ invoice_id: invoiceId, ordinal, status, ...row }) => {
    const numbers = row.ordinals.map((each) => documentNumber('CI', each));
    const name = ordinal === null ? invoiceId : documentNumber('INV', ordinal);
    return {
      code: 'invoice_wrongly_consolidated',
      message:
        `invoice ${name} is in ${numbers.join(' and ')}, ` +
        (row.reason === null ? 'and can be in one' : `and can't be: ${REASONS[row.reason]}`),
      ids: { invoiceId, numbers, status },
      remedy: VOID_IT,
    };
  });

export const CONSOLIDATED: readonly Check[] = [totals, members];
