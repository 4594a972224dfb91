import { writeFile } from 'node:fs/promises';
import { notFound } from '#domain/errors';
import { isDomainError } from '#domain/schema';
import { creditNoteDocument, invoiceDocument } from '#operations/documents';
import type { Ledger } from '#operations/ledger';
import { messageOf } from './errors.js';
import { print, printJson, say } from './output.js';
import { cliCaller, withLedger } from './session.js';

/** Writes an invoice or a credit note as printable HTML, to stdout or to a file. */
export async function run(
  [id = '']: readonly string[],
  options: { dataDir: string; json: boolean; out?: unknown; asOf?: unknown; withoutZeroLines?: unknown },
): Promise<number> {
  return withLedger(options, async (ledger) => {
    const html = await documentOf(ledger, {
      id,
      ...(typeof options.asOf === 'string' ? { asOf: options.asOf } : {}),
      ...(options.withoutZeroLines === true ? { withoutZeroLines: 'true' as const } : {}),
    });
    if (typeof options.out === 'string') await write(options.out, html);
    if (options.json) printJson({ html });
    else if (options.out === undefined) print(html);
    return 0;
  });
}

interface Asked {
  readonly id: string;
  readonly asOf?: string;
  readonly withoutZeroLines?: 'true';
}

async function documentOf(ledger: Ledger, { withoutZeroLines, ...params }: Asked): Promise<string> {
  try {
    return await ledger.ask(invoiceDocument, { ...params, withoutZeroLines }, cliCaller());
  } catch (error) {
    if (!isUnknown(error, 'unknown_invoice')) throw error;
  }
  try {
    return await ledger.ask(creditNoteDocument, params, cliCaller());
  } catch (error) {
    if (!isUnknown(error, 'unknown_credit_note')) throw error;
    const when = params.asOf === undefined ? '' : ` as of ${params.asOf}`;
    throw notFound(
      'unknown_document',
      `there is no invoice or credit note ${params.id}${when}. ` +
        'List the ids with ledgerline query invoices or ledgerline query credit-notes.',
    );
  }
}

const isUnknown = (error: unknown, code: string): boolean => isDomainError(error) && error.code === code;

async function write(file: string, html: string): Promise<void> {
  try {
    await writeFile(file, `${html}\n`);
  } catch (error) {
    throw new Error(`cannot write ${file}: ${messageOf(error)}`, { cause: error });
  }
  say(`wrote ${file}. Open it in a browser to print it.`);
}
