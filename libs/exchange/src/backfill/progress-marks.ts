import { z } from 'zod';
import { canonicalJson, type CommandCall, sha256 } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Mapping } from '../rows/mapping.js';
import { COUNTS, type Counts } from '../rows/outcome.js';
import type { Source } from '../rows/source.js';

/**
 * Raised where a file is read otherwise than before: what was imported by another reading is looked at again, row by
 * row.
 */
const READING = 1;
/** So many rows are imported between two marks. */
export const ROWS_PER_MARK = 200_000;

const zMark = z.object({ rows: z.number(), ...Object.fromEntries(COUNTS.map((name) => [name, z.number()])) } as {
  rows: z.ZodNumber;
} & Record<keyof Counts, z.ZodNumber>);

/**
 * How far a file was imported, in the log itself, as the outcome of a command that the file's content and mapping are
 * the key of. The same file again is then known without looking at its rows; where it was interrupted, up to the last
 * mark. A file of which a row was rejected is never known whole: what kept the row out may be mended.
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

  /** What the import of the whole file came to; null: it was never finished, or not all rows were taken. */
  async whole(): Promise<Counts | null> {
    return this.at('whole');
  }

  /** After how many rows an interrupted import can go on. */
  async rowsDone(): Promise<number> {
    let rows = 0;
    while ((await this.at(`${rows + ROWS_PER_MARK}`)) !== null) rows += ROWS_PER_MARK;
    return rows;
  }

  async reached(rows: number | 'whole', counts: Counts): Promise<void> {
    // Who imports the same file at the same time may have been quicker: it is the same mark.
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
