import { createWriteStream, type WriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Caller } from '../caller.js';
import type { CommandCall } from '../command.js';
import type { LedgerCore } from '../ledger-core.js';
import { type CarryOut, CommandImport } from './command-import.js';
import { CostsImport } from './costs-import.js';
import { type FileImport, identityOf, importFile } from './import-file.js';
import type { BackfillKind, Mapping } from './mapping.js';
import type { Counts, NotedRow, Outcome, Reject, Told } from './outcome.js';
import { placeOf, quoted, type SourceRow } from './row.js';
import { awsCostReport } from './presets/aws.js';
import { genericCosts } from './presets/costs.js';
import { digitalOceanInvoiceCsv, digitalOceanInvoiceItems } from './presets/digitalocean-invoice.js';
import { focusCosts } from './presets/focus.js';
import { genericRates, ubicloudRates } from './presets/rates.js';
import { digitalOceanApi, genericResources } from './presets/resources.js';
import { genericUsage } from './presets/usage.js';
import { openSource, type Source } from './source.js';
import { UsageImport } from './usage-import.js';

export interface BackfillRequest {
  readonly kind: BackfillKind;
  readonly files: readonly string[];
  readonly mapping: Mapping;
  readonly stdin: () => Readable;
  readonly signal: AbortSignal;
  /** How far it is: of all bytes. */
  readonly onProgress: (progress: { readonly share: number; readonly rows: number; readonly file: string }) => void;
  /** A rejected row, as a sentence. */
  readonly onReject: (sentence: string) => void;
}

export interface FileSummary extends Counts {
  readonly file: string;
  readonly rejects: string | null;
  readonly notes: string | null;
}

export interface BackfillSummary extends Counts {
  readonly files: readonly FileSummary[];
  /** Odd rows that were taken: what was odd, and how often. */
  readonly odd: readonly { readonly code: string; readonly field: string; readonly message: string; readonly rows: number }[];
  readonly interrupted: boolean;
}

/** Imports files. What was done before it is interrupted, or fails, is kept: the same again goes on. */
export async function backfill(core: LedgerCore, caller: Caller, carryOut: CarryOut, request: BackfillRequest): Promise<BackfillSummary> {
  const sources: Source[] = [];
  try {
    // All of them are looked at first: what can't be read is told before anything is done.
    for (const file of request.files) sources.push(await openSource(file, request.stdin));
    const total = sources.reduce((sum, { bytes }) => sum + bytes, 0);
    const odd = new Map<string, { code: string; field: string; message: string; rows: number }>();
    const files: FileSummary[] = [];
    let before = 0;
    for (const source of sources) {
      if (request.signal.aborted) break;
      const report = new FileReport(source, request, odd);
      const progress = (bytes: number): void => request.onProgress({ share: Math.min(1, (before + bytes) / total), rows: report.counts.read, file: source.name });
      files.push(await importSource({ core, call: callOf(request.kind, source, caller), carryOut, source }, request, report, progress));
      before += source.bytes;
    }
    const summed = (name: keyof Counts): number => files.reduce((sum, counts) => sum + counts[name], 0);
    return {
      read: summed('read'),
      accepted: summed('accepted'),
      duplicate: summed('duplicate'),
      correction: summed('correction'),
      rejected: summed('rejected'),
      files,
      odd: [...odd.values()],
      interrupted: request.signal.aborted,
    };
  } finally {
    for (const source of sources) await source.dispose();
  }
}

/** What an import works with. */
interface Work {
  readonly core: LedgerCore;
  readonly call: CommandCall;
  readonly carryOut: CarryOut;
  readonly source: Source;
}

async function importSource(work: Work, request: BackfillRequest, report: FileReport, progress: (bytes: number) => void): Promise<FileSummary> {
  let read = 0;
  try {
    await carriedOut(request.kind, work, {
      mapping: request.mapping,
      told: report,
      note: (note) => report.note(note),
      onRead(bytes) {
        read += bytes;
        progress(read);
      },
      signal: request.signal,
    });
    await work.core.projector.catchUp();
  } finally {
    await report.close();
  }
  return report.summary();
}

type Common = Omit<FileImport<never>, 'presets' | 'importer'>;

async function carriedOut(kind: BackfillKind, { core, call, carryOut, source }: Work, common: Common): Promise<void> {
  switch (kind) {
    case 'usage':
      return importFile(source, { ...common, presets: [genericUsage], importer: new UsageImport(core, call, common.told) });
    case 'costs':
      return importFile(source, { ...common, presets: COSTS, importer: new CostsImport(core, call, common.told) });
    case 'resources':
      return importFile(source, { ...common, presets: RESOURCES, importer: new CommandImport(carryOut, common.told) });
    case 'rates':
      return importFile(source, { ...common, presets: RATES, importer: new CommandImport(carryOut, common.told) });
  }
}

/** The last of a kind is the generic one: it takes what no other recognises. */
const COSTS = [focusCosts, awsCostReport, digitalOceanInvoiceCsv, digitalOceanInvoiceItems, genericCosts];
const RESOURCES = [digitalOceanApi, genericResources];
const RATES = [ubicloudRates, genericRates];

/** What the events of an import say caused them. */
const callOf = (kind: BackfillKind, { digest }: Source, caller: Caller): CommandCall => ({
  name: `backfill-${kind}`,
  fields: {},
  occurredAt: null,
  key: `backfill-${kind}:${digest}`,
  isKeyed: false,
  idempotencyKey: null, basedOn: null,
  bodyHash: digest,
  caller,
});

/** A file of JSON lines that is there only where it has any. */
class SideFile {
  private stream: WriteStream | null = null;
  constructor(readonly path: string) {}

  write(line: object): void {
    this.stream ??= createWriteStream(this.path);
    this.stream.write(`${JSON.stringify(line)}\n`);
  }

  async close(): Promise<string | null> {
    if (this.stream === null) {
      // Of an earlier run: what it lists is mended.
      await rm(this.path, { force: true });
      return null;
    }
    this.stream.end();
    await once(this.stream, 'close');
    return this.path;
  }
}

/** What became of a file's rows. */
class FileReport implements Told {
  readonly counts: Record<keyof Counts, number> = { read: 0, accepted: 0, duplicate: 0, correction: 0, rejected: 0 };
  private readonly rejects: SideFile;
  private readonly notes: SideFile;
  private paths: { rejects: string | null; notes: string | null } = { rejects: null, notes: null };

  constructor(
    private readonly source: Source,
    private readonly request: Pick<BackfillRequest, 'onReject'>,
    private readonly odd: Map<string, { code: string; field: string; message: string; rows: number }>,
  ) {
    this.rejects = new SideFile(`${source.name}.rejects.jsonl`);
    this.notes = new SideFile(`${source.name}.notes.jsonl`);
  }

  reject(row: SourceRow, { field, value, reason }: { readonly field: string | null; readonly value: unknown; readonly reason: string }): void {
    this.counts.rejected += 1;
    const reject: Reject = { row: row.row, line: row.line, field, value, reason, identity: row.identity ?? identityOf(this.source, row), record: row.fields };
    this.rejects.write(reject);
    const what = field === null ? '' : `: ${field}${value === null || value === undefined ? '' : ` ${quoted(value)}`}`;
    this.request.onReject(`${placeOf(basename(this.source.name), row)}${what} ${reason}`);
  }

  count(outcome: Outcome | 'read', rows = 1): void {
    this.counts[outcome] += rows;
  }

  note(noted: NotedRow): void {
    this.notes.write(noted);
    const key = `${noted.code}\u0000${noted.field}`;
    const known = this.odd.get(key);
    if (known === undefined) this.odd.set(key, { code: noted.code, field: noted.field, message: noted.message, rows: 1 });
    else known.rows += 1;
  }

  async close(): Promise<void> {
    this.paths = { rejects: await this.rejects.close(), notes: await this.notes.close() };
  }

  summary(): FileSummary {
    return { file: this.source.name, ...this.counts, ...this.paths };
  }
}
