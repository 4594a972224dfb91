import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { type CommandCall, sha256 } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Mapping } from '../rows/mapping.js';
import { COUNTS, type Counts } from '../rows/outcome.js';
import type { Source } from '../rows/source.js';

/** Raised when files are read in a new way: files that were imported in the old way are then read again. */
const READING = 1;
/** Rows between two marks. */
export const ROWS_PER_MARK = 200_000;

const zMark = z.object({ rows: z.number(), ...Object.fromEntries(COUNTS.map((name) => [name, z.number()])) } as {
  rows: z.ZodNumber;
} & Record<keyof Counts, z.ZodNumber>);

/**
 * How far a file was imported. It is recorded in the log as the outcome of a command whose key is the file's content
 * and mapping. So the same file is recognised without reading its rows again, and an interrupted import continues after
 * the last mark. A file with a rejected row never counts as complete: the cause of the reject may be repaired.
 */
export class ProgressMarks {
  private readonly key: string;
  private readonly stream: string;

  constructor(
    private readonly core: LedgerCore,
    private readonly call: CommandCall,
    { digest }: Source,
    mapping: Mapping,
  ) {
    this.key = `${call.name}:${digest}:${sha256(canonicalJson({ READING, mapping })).slice(0, 16)}`;
    this.stream = `backfill-${digest.slice(0, 32)}`;
  }

  /** The counts of the completed import. null: it was never completed, or some rows were rejected. */
  async whole(): Promise<Counts | null> {
    return this.at('whole');
  }

  /** The number of rows after which an interrupted import can continue. */
  async rowsDone(): Promise<number> {
    let rows = 0;
    while ((await this.at(`${rows + ROWS_PER_MARK}`)) !== null) rows += ROWS_PER_MARK;
    return rows;
  }

  async reached(rows: number | 'whole', counts: Counts): Promise<void> {
    // If the same file is imported twice at the same time, both make the same mark.
    await this.core.book.decide(this.stream, { ...this.call, key: `${this.key}:${rows}`, isKeyed: true }, () => ({
      events: [],
      result: { rows: counts.read, ...counts },
    }));
  }

  private async at(rows: string): Promise<Counts | null> {
    const known = await this.core.knownKey(`${this.key}:${rows}`);
    return known?.result === undefined ? null : zMark.parse(known.result);
  }
}
