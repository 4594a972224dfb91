import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'yaml';
import { EXPORT_KINDS, type Export, type ExportKind } from '#exchange/export/exports';
import { JOURNAL_FORMATS } from '#exchange/export/journal/accounts';
import { csvLine } from '#exchange/rows/csv-line';
import { exportInvoice } from './export-invoice.js';
import { readText } from './input.js';
import { counted, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly period?: unknown;
  readonly asOf?: unknown;
  readonly currency?: unknown;
  readonly issuer?: unknown;
  readonly version?: unknown;
  readonly accounts?: unknown;
  readonly number?: unknown;
  readonly profile?: unknown;
  readonly format?: unknown;
  readonly out?: unknown;
}

/** Writes rows as it reads them, so that only one page of rows is in memory. */
export async function run([kind = '']: readonly string[], { out, ...options }: Options): Promise<number> {
  if (kind === 'invoice') return exportInvoice({ ...options, out });
  if (!isKind(kind))
    throw new WrongUsage(`unknown export ${JSON.stringify(kind)} (known: ${[...EXPORT_KINDS, 'invoice'].join(', ')})`);
  for (const [option, value] of Object.entries({ number: options.number, profile: options.profile }))
    if (value !== undefined) throw new WrongUsage(`--${option}: export ${kind} has none. Leave it out.`);
  const isJournal = kind === 'journal';
  const formats: readonly string[] = isJournal ? JOURNAL_FORMATS : ['csv', 'jsonl'];
  const format = options.format ?? (options.json ? 'jsonl' : 'csv');
  if (typeof format !== 'string' || !formats.includes(format))
    throw new WrongUsage(`--format: ${JSON.stringify(format)} is unknown (known: ${formats.join(', ')})`);
  if (!isJournal && options.accounts !== undefined)
    throw new WrongUsage(`--accounts: export ${kind} has no accounts. Leave it out.`);
  const { period, asOf, currency, issuer, version } = options;
  const accounts = typeof options.accounts === 'string' ? await readYaml(options.accounts) : undefined;
  const params = Object.fromEntries(
    Object.entries({ period, asOf, currency, issuer, version, accounts, ...(isJournal ? { format } : {}) }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  return withLedger(options, async (ledger) => {
    const written = { rows: 0 };
    const exported = await ledger.export(kind, params, cliCaller());
    const lines = Readable.from(exported.text ?? linesOf(exported, format === 'jsonl' ? 'jsonl' : 'csv', written));
    if (typeof out === 'string') await pipeline(lines, createWriteStream(out));
    else if (!(await isReadToItsEnd(pipeline(lines, process.stdout, { end: false })))) return 0;
    if (exported.text === undefined) say(counted(written.rows, 'row'));
    return 0;
  });
}

/** The reader of the output may stop early (`| head`), which is no failure. Other errors are those of writing. */
async function isReadToItsEnd(writing: Promise<void>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return false;
    throw error;
  }
}

const isKind = (kind: string): kind is ExportKind => EXPORT_KINDS.some((each) => each === kind);

/** JSON is YAML too. All values are texts: an account such as 0800 keeps its zero. */
async function readYaml(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return parse(text, { schema: 'failsafe' });
  } catch (error) {
    throw new Error(`${file} is neither YAML nor JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function* linesOf(
  { columns, rows }: Export,
  format: 'csv' | 'jsonl',
  written: { rows: number },
): AsyncGenerator<string> {
  if (format === 'csv') yield `${csvLine(columns)}\n`;
  for await (const row of rows) {
    written.rows += 1;
    yield format === 'csv' ? `${csvLine(columns.map((column) => valueAt(row, column)))}\n` : `${JSON.stringify(row)}\n`;
  }
}

/** A column name is a path in the row, such as `period.start`. */
function valueAt(row: unknown, column: string): unknown {
  let value = row;
  for (const field of column.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
  return value;
}
