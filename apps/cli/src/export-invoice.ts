import { FORMATS, type Format, PROFILES_OF } from '#exchange/einvoice/profiles';
import { creditNoteCii, creditNoteUbl, invoiceCii, invoiceUbl } from '#operations/e-invoices';
import { cliCaller, withLedger } from './session.js';
import { deliver, documentNamed } from './written-document.js';
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

/** Writes an invoice, a credit note or a consolidated invoice as XML, to stdout or to a file. */
export async function exportInvoice(options: Options): Promise<number> {
  const { number: id, format: asked = 'ubl', profile, asOf } = options;
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
    const ask = (query: string) => async (): Promise<string> => String(await ledger.ask(query, params, cliCaller()));
    await deliver({ xml: await documentNamed(params, QUERIES[format].map(ask)) }, { ...options, written: '' });
    return 0;
  });
}

const QUERIES = {
  ubl: [invoiceUbl.name, creditNoteUbl.name],
  cii: [invoiceCii.name, creditNoteCii.name],
} as const satisfies Readonly<Record<Format, readonly [string, string]>>;
