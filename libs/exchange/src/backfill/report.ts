import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { identityOf } from './import-file.js';
import type { Counts, NotedRow, Outcome, Reject, RowReport } from '../rows/outcome.js';
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

/** A file of JSON lines, which is only created when it has a line. */
class SideFile {
  private stream: WriteStream | null = null;
  constructor(readonly path: string) {}

  write(line: object): void {
    this.stream ??= createWriteStream(this.path);
    this.stream.write(`${JSON.stringify(line)}\n`);
  }

  async close(): Promise<string | null> {
    if (this.stream === null) {
      // An earlier run's file lists rows that are repaired now.
      await rm(this.path, { force: true });
      return null;
    }
    this.stream.end();
    await once(this.stream, 'close');
    return this.path;
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
    private readonly onReject: (sentence: string) => void,
    private readonly odd: Map<string, Odd>,
    /** Whether rejects and notes are written to files next to the imported file. */
    private readonly isKept: boolean,
  ) {
    this.rejects = new SideFile(`${source.name}.rejects.jsonl`);
    this.notes = new SideFile(`${source.name}.notes.jsonl`);
  }

  reject(
    row: SourceRow,
    { field, value, reason }: { readonly field: string | null; readonly value: unknown; readonly reason: string },
  ): void {
    this.counts.rejected += 1;
    const reject: Reject = {
      row: row.row,
      line: row.line,
      field,
      value,
      reason,
      identity: row.identity ?? identityOf(this.source, row),
      record: row.fields,
    };
    if (this.isKept) this.rejects.write(reject);
    const what = field === null ? '' : `: ${field}${value === null || value === undefined ? '' : ` ${quoted(value)}`}`;
    this.onReject(`${placeOf(basename(this.source.name), row)}${what} ${reason}`);
  }

  count(outcome: Outcome | 'read', rows = 1): void {
    this.counts[outcome] += rows;
  }

  note(noted: NotedRow): void {
    if (this.isKept) this.notes.write(noted);
    const key = `${noted.code}\u0000${noted.field}`;
    const { code, field, message } = noted;
    this.odd.set(key, { code, field, message, rows: (this.odd.get(key)?.rows ?? 0) + 1 });
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
