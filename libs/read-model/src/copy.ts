import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** What rows are copied into: a table of the search path, and the columns that a line has, in their order. */
export interface CopyTarget {
  readonly table: string;
  readonly columns: readonly string[];
}

const LINES_PER_CHUNK = 1000;

/** Lines of COPY's text format, by target. Kept as bytes: as very many short strings they would cost more to collect than to make. */
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

  /** Within the client's transaction. */
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
 * Not by `pipeline`: where the server refuses the statement, or the connection breaks before it answers, pg-copy-streams never ends the
 * stream that `pipeline` waits for. One chunk at a time, since after a failure it would write the rest to a connection that it let go.
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

/** A text as COPY reads it. */
export const copyText = (value: string): string =>
  SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPED[character] ?? character) : value;
export const COPY_NULL = '\\N';
