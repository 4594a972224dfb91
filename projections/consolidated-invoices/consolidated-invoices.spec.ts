import { expect, it } from '@jest/globals';
import { type Fact, id, projected } from '../../test/support/projections.js';
import { consolidatedInvoicesProjection } from './consolidated-invoices.projection.js';
import { consolidatedInvoiceMembers, consolidatedInvoices } from './consolidated-invoices.table.js';

const { given, when, rows } = projected(consolidatedInvoicesProjection);

const AT = '2026-05-02T00:00:00Z';
const OF = { payerId: 'holding', currency: 'USD' } as const;
const issued = (n: number, invoice: number): Fact => ({
  ConsolidatedInvoiceIssued: {
    ...{ consolidatedInvoiceId: id(n), ...OF, issuedAt: AT, subtotal: '10', tax: '2', total: '12' },
    invoices: [{ invoiceId: id(invoice), tenantId: 'lab' }],
    ...{ detailsRef: id(99), detailsHash: 'h' },
  },
});

it('numbers consolidated invoices without gaps, and keeps the number and the invoices of a void one', async () => {
  await given(issued(1, 11));
  await when(
    { ConsolidatedInvoiceVoided: { consolidatedInvoiceId: id(1), ...OF, at: '2026-05-03T00:00:00Z' } },
    issued(2, 11),
  );
  const of = { payer_id: 'holding', currency: 'USD', issued_at: AT, subtotal: '10', tax: '2', total: '12' };
  const first = { consolidated_invoice_id: id(1), ordinal: 1, ...of };
  expect(await rows(consolidatedInvoices)).toEqual([
    { ...first, voided_at: '2026-05-03T00:00:00Z' },
    { consolidated_invoice_id: id(2), ordinal: 2, ...of },
  ]);
  expect(await rows(consolidatedInvoices, 1)).toEqual([first]);
  expect(await rows(consolidatedInvoiceMembers)).toEqual([
    { consolidated_invoice_id: id(1), invoice_id: id(11), tenant_id: 'lab' },
    { consolidated_invoice_id: id(2), invoice_id: id(11), tenant_id: 'lab' },
  ]);
});
