import { writeFile } from 'node:fs/promises';
import { notFound } from '#domain/errors';
import { isDomainError } from '#domain/schema';
import { messageOf } from './errors.js';
import { print, printJson, say } from './output.js';

interface Named {
  /** The id or the number of a document. */
  readonly id: string;
  readonly asOf?: string;
}

const UNKNOWN: readonly string[] = ['unknown_invoice', 'unknown_credit_note', 'unknown_consolidated_invoice'];

/** The first document of this name. `ofKinds`: asks for it as one of each kind. Errors: `unknown_document`. */
export async function documentNamed({ id, asOf }: Named, ofKinds: readonly (() => Promise<string>)[]): Promise<string> {
  for (const ask of ofKinds)
    try {
      return await ask();
    } catch (error) {
      if (!isDomainError(error) || !UNKNOWN.includes(error.code)) throw error;
    }
  const when = asOf === undefined ? '' : ` as of ${asOf}`;
  throw notFound(
    'unknown_document',
    `there is no invoice, credit note or consolidated invoice ${id}${when}. ` +
      'List the ids with ledgerline query invoices, credit-notes or consolidated-invoices.',
  );
}

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
