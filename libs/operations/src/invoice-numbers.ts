import pMap from 'p-map';
import { z } from 'zod';
import type { LedgerCore } from '#ledger/ledger-core';
import { readConsolidatedNamed } from '#projections/consolidated-invoices/consolidated-invoices.read';
import { ordinalIn, readInvoiceNamed } from '#projections/invoices/issued-invoices.read';

const zOnInvoice = z.looseObject({ command: z.string(), invoiceId: z.string() });
const zOnConsolidated = z.looseObject({ command: z.string(), consolidatedInvoiceId: z.string() });

/**
 * A command may name an invoice by its number. The id takes its place before the command is read, so that both are the
 * same natural key. A number that no invoice has stays, and the command is refused.
 */
export async function withInvoiceId(core: LedgerCore, input: unknown): Promise<unknown> {
  const given = zOnInvoice.safeParse(input).data;
  if (given === undefined) return withConsolidatedId(core, input);
  if (ordinalIn('INV', given.invoiceId) === null) return input;
  const row = await readInvoiceNamed(core.db, await core.projector.catchUp(), given.invoiceId);
  return row === undefined ? input : { ...given, invoiceId: row.invoice_id };
}

async function withConsolidatedId(core: LedgerCore, input: unknown): Promise<unknown> {
  const given = zOnConsolidated.safeParse(input).data;
  if (given === undefined || ordinalIn('CI', given.consolidatedInvoiceId) === null) return input;
  const row = await readConsolidatedNamed(core.db, await core.projector.catchUp(), given.consolidatedInvoiceId);
  return row === undefined ? input : { ...given, consolidatedInvoiceId: row.consolidated_invoice_id };
}

const AT_ONCE = { concurrency: 8 };

/** The ids of invoices that are named by id or number. A number that no invoice has stays, and is refused. */
export async function invoiceIdsOf(
  core: LedgerCore,
  named: readonly string[] | undefined,
): Promise<string[] | undefined> {
  if (named === undefined) return undefined;
  const position = await core.projector.catchUp();
  return pMap(named, async (name) => (await readInvoiceNamed(core.db, position, name))?.invoice_id ?? name, AT_ONCE);
}
