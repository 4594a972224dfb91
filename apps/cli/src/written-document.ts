import { writeFile } from 'node:fs/promises';
import { notFound } from '#domain/errors';
import { isDomainError } from '#domain/schema';
import { messageOf } from './errors.js';
import { print, printJson, say } from './output.js';

interface Named {
  /** The id or the number of an invoice or a credit note. */
  readonly id: string;
  readonly asOf?: string;
}

/** The document of the invoice of this name, else that of the credit note. Errors: `unknown_document`. */
export async function documentNamed(
  { id, asOf }: Named,
  ofInvoice: () => Promise<string>,
  ofCreditNote: () => Promise<string>,
): Promise<string> {
  try {
    return await ofInvoice();
  } catch (error) {
    if (!isUnknown(error, 'unknown_invoice')) throw error;
  }
  try {
    return await ofCreditNote();
  } catch (error) {
    if (!isUnknown(error, 'unknown_credit_note')) throw error;
    const when = asOf === undefined ? '' : ` as of ${asOf}`;
    throw notFound(
      'unknown_document',
      `there is no invoice or credit note ${id}${when}. ` +
        'List the ids with ledgerline query invoices or ledgerline query credit-notes.',
    );
  }
}

const isUnknown = (error: unknown, code: string): boolean => isDomainError(error) && error.code === code;

/**
 * Writes a document to the file of `--out`, and prints it as JSON (`--json`), or by itself if there is no file.
 * `written`: what is said of the file.
 */
export async function deliver(
  document: { readonly html: string } | { readonly xml: string },
  { out, json, written }: { readonly out?: unknown; readonly json: boolean; readonly written: string },
): Promise<void> {
  const [text = ''] = Object.values(document);
  if (typeof out === 'string') {
    try {
      await writeFile(out, text.endsWith('\n') ? text : `${text}\n`);
    } catch (error) {
      throw new Error(`cannot write ${out}: ${messageOf(error)}`, { cause: error });
    }
    say(`wrote ${out}${written}`);
  }
  if (json) printJson(document);
  else if (out === undefined) print(text);
}
