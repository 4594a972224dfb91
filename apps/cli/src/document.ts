import { consolidatedInvoiceDocument } from '#operations/consolidated-documents';
import { creditNoteDocument, invoiceDocument } from '#operations/documents';
import { cliCaller, withLedger } from './session.js';
import { deliver, documentNamed } from './written-document.js';

/** Writes an invoice, a credit note or a consolidated invoice as printable HTML, to stdout or to a file. */
export async function run(
  [id = '']: readonly string[],
  options: { dataDir: string; json: boolean; out?: unknown; asOf?: unknown; withoutZeroLines?: unknown },
): Promise<number> {
  const params = { id, ...(typeof options.asOf === 'string' ? { asOf: options.asOf } : {}) };
  const withoutZeroLines = options.withoutZeroLines === true ? ('true' as const) : undefined;
  return withLedger(options, async (ledger) => {
    const html = await documentNamed(params, [
      async () => ledger.ask(invoiceDocument, { ...params, withoutZeroLines }, cliCaller()),
      async () => ledger.ask(creditNoteDocument, params, cliCaller()),
      async () => ledger.ask(consolidatedInvoiceDocument, { ...params, withoutZeroLines }, cliCaller()),
    ]);
    await deliver({ html }, { ...options, written: '. Open it in a browser to print it.' });
    return 0;
  });
}
