import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** What rows are copied into: a table of the search path, and the columns that a line has, in their order. */
export interface CopyTarget {
  readonly table: string;
  readonly columns: readonly string[];
}

/** Lines of COPY's text format, by target. */
export class CopyLines {
  private readonly lines = new Map<CopyTarget, string[]>();

  add(target: CopyTarget, line: string): void {
    const known = this.lines.get(target);
    if (known === undefined) this.lines.set(target, [line]);
    else known.push(line);
  }

  /** Within the client's transaction. */
  async copy(client: pg.ClientBase): Promise<void> {
    for (const [{ table, columns }, lines] of this.lines) {
      const stream = client.query(copyFrom(`COPY ${table} (${columns.join(', ')}) FROM STDIN`));
      await pipeline(Readable.from(chunks(lines)), stream);
    }
  }
}

const LINES_PER_CHUNK = 500;

function* chunks(lines: readonly string[]): Generator<Buffer> {
  for (let from = 0; from < lines.length; from += LINES_PER_CHUNK) yield Buffer.from(`${lines.slice(from, from + LINES_PER_CHUNK).join('\n')}\n`);
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text as COPY reads it. */
export const copyText = (value: string): string => (SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPED[character] ?? character) : value);
export const COPY_NULL = '\\N';
