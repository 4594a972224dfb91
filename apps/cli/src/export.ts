import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXPORT_KINDS, type Export, type ExportKind } from '#exchange/export/exports';
import { csvLine } from './csv.js';
import { counted, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly period?: unknown;
  readonly currency?: unknown;
  readonly issuer?: unknown;
  readonly version?: unknown;
  readonly format?: unknown;
  readonly out?: unknown;
}

/** Writes rows as it reads them, so that only one page of rows is in memory. */
export async function run(
  [kind = '']: readonly string[],
  { period, currency, issuer, version, out, ...options }: Options,
): Promise<number> {
  if (!isKind(kind)) throw new WrongUsage(`unknown export ${JSON.stringify(kind)} (known: ${EXPORT_KINDS.join(', ')})`);
  const format = options.format ?? (options.json ? 'jsonl' : 'csv');
  if (format !== 'csv' && format !== 'jsonl')
    throw new WrongUsage(`--format: ${JSON.stringify(format)} is unknown (known: csv, jsonl)`);
  const params = Object.fromEntries(
    Object.entries({ period, currency, issuer, version }).filter(([, value]) => value !== undefined),
  );
  return withLedger(options, async (ledger) => {
    const written = { rows: 0 };
    const lines = Readable.from(linesOf(await ledger.export(kind, params, cliCaller()), format, written));
    if (typeof out === 'string') await pipeline(lines, createWriteStream(out));
    else await pipeline(lines, process.stdout, { end: false });
    say(counted(written.rows, 'row'));
    return 0;
  });
}

const isKind = (kind: string): kind is ExportKind => EXPORT_KINDS.some((each) => each === kind);

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
