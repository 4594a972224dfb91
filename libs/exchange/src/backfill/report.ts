import { accessSync, closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { identityOf } from './import-file.js';
import type { Counts, NotedRow, Outcome, RowReport } from '../rows/outcome.js';
import { placeOf, quoted, type SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';

export interface FileSummary extends Counts {
  readonly file: string;
  /** The file of rejected rows. null: there are none, or nothing is written. */
  readonly rejects: string | null;
  readonly notes: string | null;
}

/** An oddity of imported rows, and the number of those rows. */
export interface Odd {
  readonly code: string;
  readonly field: string;
  readonly message: string;
  readonly rows: number;
}

/** Rejected rows with the same reason. */
export interface Rejected {
  readonly field: string | null;
  /** Of the first of these rows. Reasons that differ only in numbers and quoted values are the same. */
  readonly reason: string;
  readonly rows: number;
  /** Where the first of these rows are. */
  readonly first: readonly { readonly file: string; readonly row: number; readonly line: number | null }[];
}

/** How many of the rows with one reason are shown. */
export const SHOWN_OF_A_REASON = 3;

/** The rejected rows of an import, by reason. */
export class Rejects {
  private readonly byReason = new Map<
    string,
    Rejected & { rows: number; readonly first: Rejected['first'][number][] }
  >();

  /** Returns how many rows have had this reason so far, with this one. */
  add(file: string, { row, line }: SourceRow, field: string | null, reason: string): number {
    const key = `${field ?? ''}\u0000${reason.replace(/"[^"]*"|\d+/g, '')}`;
    const known = this.byReason.get(key) ?? { field, reason, rows: 0, first: [] };
    this.byReason.set(key, known);
    known.rows += 1;
    if (known.rows <= SHOWN_OF_A_REASON) known.first.push({ file, row, line });
    return known.rows;
  }

  /** The most frequent first. */
  list(): readonly Rejected[] {
    return [...this.byReason.values()].sort((a, b) => b.rows - a.rows);
  }
}

const WRITTEN_AT_ONCE = 64 * 1024;

/**
 * A file of JSON lines, which is only created when it has a line. Rows are rejected faster than a stream writes them:
 * where all rows of a large file are, it would keep them in memory.
 */
class SideFile {
  private file: number | null = null;
  private waiting = '';
  constructor(readonly path: string) {}

  write(line: string): void {
    this.waiting += `${line}\n`;
    if (this.waiting.length >= WRITTEN_AT_ONCE) this.flush();
  }

  async close(): Promise<string | null> {
    if (this.waiting !== '') this.flush();
    if (this.file === null) {
      // An earlier run's file lists rows that are repaired now.
      await rm(this.path, { force: true });
      return null;
    }
    closeSync(this.file);
    return this.path;
  }

  private flush(): void {
    this.file ??= openSync(this.path, 'w');
    writeFileSync(this.file, this.waiting);
    this.waiting = '';
  }
}

/** How the names of side files begin: beside the file, or in a folder that can be written. */
function sideName({ name, digest }: Source): string {
  const folder = [dirname(name), '.', tmpdir()].find(isWritable) ?? dirname(name);
  // Files of other folders may have the same name.
  return folder === dirname(name) ? name : join(folder, `${basename(name)}-${digest.slice(0, 8)}`);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The outcome of a file's rows. */
export class FileReport implements RowReport {
  readonly counts: Record<keyof Counts, number> = { read: 0, accepted: 0, duplicate: 0, correction: 0, rejected: 0 };
  private readonly rejects: SideFile;
  private readonly notes: SideFile;
  private paths: { rejects: string | null; notes: string | null } = { rejects: null, notes: null };

  constructor(
    private readonly source: Source,
    private readonly onReject: (sentence: string, ofReason: number) => void,
    /** Of all files of the import. */
    private readonly of: { readonly odd: Map<string, Odd>; readonly rejects: Rejects },
    /** Whether rejects and notes are written to files next to the imported file. */
    private readonly isKept: boolean,
  ) {
    const name = isKept ? sideName(source) : source.name;
    this.rejects = new SideFile(`${name}.rejects.jsonl`);
    this.notes = new SideFile(`${name}.notes.jsonl`);
  }

  reject(
    row: SourceRow,
    { field, value, reason }: { readonly field: string | null; readonly value: unknown; readonly reason: string },
  ): void {
    this.counts.rejected += 1;
    if (this.isKept) {
      const identity = row.identity ?? identityOf(this.source, row);
      const reject = JSON.stringify({ row: row.row, line: row.line, field, value, reason, identity });
      // Its `record` can be repaired, and the file imported. Numbers stay as they were written.
      this.rejects.write(`${reject.slice(0, -1)},"record":${row.text ?? JSON.stringify(row.fields)}}`);
    }
    const name = basename(this.source.name);
    const ofReason = this.of.rejects.add(name, row, field, reason);
    const what = field === null ? '' : `: ${field}${value === null || value === undefined ? '' : ` ${quoted(value)}`}`;
    this.onReject(`${placeOf(name, row)}${what} ${reason}`, ofReason);
  }

  count(outcome: Outcome | 'read', rows = 1): void {
    this.counts[outcome] += rows;
  }

  note(noted: NotedRow): void {
    if (this.isKept) this.notes.write(JSON.stringify(noted));
    const key = `${noted.code}\u0000${noted.field}`;
    const { code, field, message } = noted;
    this.of.odd.set(key, { code, field, message, rows: (this.of.odd.get(key)?.rows ?? 0) + 1 });
  }

  /** All rows of the file are known. The rejects and notes of the first import are kept. */
  known(rows: number): void {
    this.count('read', rows);
    this.count('duplicate', rows);
  }

  async close(): Promise<void> {
    if (!this.isKept) return;
    this.paths = { rejects: await this.rejects.close(), notes: await this.notes.close() };
  }

  summary(): FileSummary {
    return { file: this.source.name, ...this.counts, ...this.paths };
  }
}
