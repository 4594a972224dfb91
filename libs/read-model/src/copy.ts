import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** The target of lines: a table in the search path, and the columns of a line, in their order. */
export interface CopyTarget {
  readonly table: string;
  readonly columns: readonly string[];
}

const LINES_PER_CHUNK = 1000;

/**
 * Lines in the text format of COPY, by target. They are kept as bytes: very many short strings would slow garbage
 * collection.
 */
export class CopyLines {
  private readonly targets = new Map<CopyTarget, { lines: string[]; readonly chunks: Buffer[] }>();

  add(target: CopyTarget, line: string): void {
    let known = this.targets.get(target);
    if (known === undefined) {
      known = { lines: [], chunks: [] };
      this.targets.set(target, known);
    }
    if (known.lines.push(line) < LINES_PER_CHUNK) return;
    known.chunks.push(bytesOf(known.lines));
    known.lines = [];
  }

  /** Copies the lines in the client's transaction. */
  async copy(client: pg.ClientBase): Promise<void> {
    for (const [{ table, columns }, { lines, chunks }] of this.targets) {
      await copyIn(
        client,
        `COPY ${table} (${columns.join(', ')}) FROM STDIN`,
        lines.length === 0 ? chunks : [...chunks, bytesOf(lines)],
      );
    }
  }
}

/**
 * Does not use `pipeline`: if the server refuses the statement, or the connection breaks before the answer,
 * pg-copy-streams never ends the stream. Writes one chunk at a time: after a failure it would write the rest to a
 * connection that it no longer owns.
 */
async function copyIn(client: pg.ClientBase, statement: string, chunks: readonly Buffer[]): Promise<void> {
  const stream = client.query(copyFrom(statement));
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  stream.on('error', failed.reject);
  for (const chunk of chunks) {
    const written = new Promise((resolve) => {
      stream.write(chunk, resolve);
    });
    await Promise.race([written, failed.promise]);
  }
  const finished = new Promise<void>((resolve) => {
    stream.once('finish', resolve);
  });
  stream.end();
  await Promise.race([finished, failed.promise]);
}

const bytesOf = (lines: readonly string[]): Buffer => Buffer.from(`${lines.join('\n')}\n`);

const SPECIAL = /[\\\n\r\t]/;
const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text in the format of COPY. */
export const copyText = (value: string): string =>
  SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPED[character] ?? character) : value;
export const COPY_NULL = '\\N';
