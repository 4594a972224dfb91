import { z } from 'zod';
import type { LedgerCore } from '#ledger/ledger-core';
import { ordinalIn, readInvoiceNamed } from '#projections/invoices/issued-invoices.read';

const zOnInvoice = z.looseObject({ command: z.string(), invoiceId: z.string() });

/**
 * A command may name an invoice by its number. The id takes its place before the command is read, so that both are the
 * same natural key. A number that no invoice has stays, and the command is refused.
 */
export async function withInvoiceId(core: LedgerCore, input: unknown): Promise<unknown> {
  const given = zOnInvoice.safeParse(input).data;
  if (given === undefined || ordinalIn('INV', given.invoiceId) === null) return input;
  const row = await readInvoiceNamed(core.db, await core.projector.catchUp(), given.invoiceId);
  return row === undefined ? input : { ...given, invoiceId: row.invoice_id };
}
