import { writeFile } from 'node:fs/promises';
import { notFound } from '#domain/errors';
import { isDomainError } from '#domain/schema';
import { FORMATS, type Format, PROFILES_OF } from '#exchange/einvoice/profiles';
import { creditNoteCii, creditNoteUbl, invoiceCii, invoiceUbl } from '#operations/e-invoices';
import type { Ledger } from '#operations/ledger';
import { messageOf } from './errors.js';
import { print, printJson, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly number?: unknown;
  readonly format?: unknown;
  readonly profile?: unknown;
  readonly asOf?: unknown;
  readonly out?: unknown;
  readonly [option: string]: unknown;
}

/** Options of other exports. */
const OTHERS = ['period', 'currency', 'issuer', 'version', 'accounts'] as const;

/** Writes an invoice or a credit note as XML, to stdout or to a file. */
export async function exportInvoice(options: Options): Promise<number> {
  const { number: id, format: asked = 'ubl', profile, asOf, out } = options;
  for (const option of OTHERS)
    if (options[option] !== undefined)
      throw new WrongUsage(`--${option}: export invoice has no such option. Leave it out.`);
  if (typeof id !== 'string') throw new WrongUsage('export invoice needs --number, such as INV-000003');
  const format = FORMATS.find((each) => each === asked);
  if (format === undefined)
    throw new WrongUsage(`--format: ${JSON.stringify(asked)} is unknown (known: ${FORMATS.join(', ')})`);
  const profiles: readonly string[] = PROFILES_OF[format];
  if (profile !== undefined && (typeof profile !== 'string' || !profiles.includes(profile)))
    throw new WrongUsage(
      `--profile: ${JSON.stringify(profile)} is not one of ${format} (known: ${profiles.join(', ')})`,
    );
  const params = {
    id,
    ...(typeof profile === 'string' ? { profile } : {}),
    ...(typeof asOf === 'string' ? { asOf } : {}),
  };
  return withLedger(options, async (ledger) => {
    const text = await documentOf(ledger, format, params);
    if (typeof out === 'string') await write(out, text);
    if (options.json) printJson({ xml: text });
    else if (out === undefined) print(text);
    return 0;
  });
}

const QUERIES = {
  ubl: [invoiceUbl.name, creditNoteUbl.name],
  cii: [invoiceCii.name, creditNoteCii.name],
} as const satisfies Readonly<Record<Format, readonly [string, string]>>;

async function documentOf(
  ledger: Ledger,
  format: Format,
  params: Readonly<Record<string, string>> & { readonly id: string },
): Promise<string> {
  const [invoice, creditNote] = QUERIES[format];
  try {
    return String(await ledger.ask(invoice, params, cliCaller()));
  } catch (error) {
    if (!isUnknown(error, 'unknown_invoice')) throw error;
  }
  try {
    return String(await ledger.ask(creditNote, params, cliCaller()));
  } catch (error) {
    if (!isUnknown(error, 'unknown_credit_note')) throw error;
    throw notFound(
      'unknown_document',
      `there is no invoice or credit note ${params.id}. ` +
        'List the ids with ledgerline query invoices or ledgerline query credit-notes.',
    );
  }
}

const isUnknown = (error: unknown, code: string): boolean => isDomainError(error) && error.code === code;

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text.endsWith('\n') ? text : `${text}\n`);
  } catch (error) {
    throw new Error(`cannot write ${file}: ${messageOf(error)}`, { cause: error });
  }
  say(`wrote ${file}`);
}
