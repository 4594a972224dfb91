import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** The target of lines: a table in the search path, and the columns of a line, in their order. */
export interface CopyTarget {
  readonly table: string;
  readonly columns: readonly string[];
}

/** Of the first chunk, which is all of most batches, and of the others. */
const FIRST_BYTES = 16 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** The most bytes of a UTF-16 code unit in UTF-8. */
const BYTES_PER_UNIT = 3;
const NEWLINE = 0x0a;

/** Lines as bytes. */
class Chunks {
  private full: Buffer[] = [];
  private chunk = Buffer.alloc(0);
  private end = 0;

  add(line: string): void {
    const most = line.length * BYTES_PER_UNIT + 1;
    if (this.end + most > this.chunk.length) {
      if (this.end > 0) this.full.push(this.chunk.subarray(0, this.end));
      this.chunk = Buffer.allocUnsafe(Math.max(this.chunk.length === 0 ? FIRST_BYTES : CHUNK_BYTES, most));
      this.end = 0;
    }
    this.end += this.chunk.write(line, this.end);
    this.chunk[this.end] = NEWLINE;
    this.end += 1;
  }

  /** Takes all lines out, also those that `making` adds meanwhile. */
  *taken(making: Iterator<unknown>): Generator<Buffer> {
    do {
      const { full } = this;
      this.full = [];
      yield* full;
    } while (making.next().done !== true);
    yield* this.full;
    yield this.chunk.subarray(0, this.end);
  }
}

/**
 * Lines in the text format of COPY, by target. Each becomes bytes at once: garbage collection would copy the strings of
 * very many lines.
 */
export class CopyLines {
  private readonly targets = new Map<CopyTarget, Chunks>();

  add(target: CopyTarget, line: string): void {
    let chunks = this.targets.get(target);
    if (chunks === undefined) {
      chunks = new Chunks();
      this.targets.set(target, chunks);
    }
    chunks.add(line);
  }

  /**
   * Copies the lines in the client's transaction. `making` adds further lines step by step, while the server is at work
   * on those before.
   */
  async copy(client: pg.ClientBase, making: Iterable<unknown> = []): Promise<void> {
    const steps = making[Symbol.iterator]();
    while (this.targets.size === 0 && steps.next().done !== true);
    for (const [{ table, columns }, chunks] of this.targets)
      await copyIn(client, `COPY ${table} (${columns.join(', ')}) FROM STDIN`, chunks.taken(steps));
  }
}

/**
 * Does not use `pipeline`: if the server refuses the statement, or the connection breaks before the answer,
 * pg-copy-streams never ends the stream. Writes one chunk at a time: after a failure it would write the rest to a
 * connection that it no longer owns.
 */
async function copyIn(client: pg.ClientBase, statement: string, chunks: Iterable<Buffer>): Promise<void> {
  const stream = client.query(copyFrom(statement));
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  stream.on('error', failed.reject);
  try {
    for (const chunk of chunks) {
      const written = new Promise((resolve) => {
        stream.write(chunk, resolve);
      });
      await Promise.race([written, failed.promise]);
    }
  } catch (error) {
    // The making of a line failed: the server waits for the rest.
    stream.destroy();
    throw error;
  }
  const finished = new Promise<void>((resolve) => {
    stream.once('finish', resolve);
  });
  stream.end();
  await Promise.race([finished, failed.promise]);
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text in the format of COPY. */
export const copyText = (value: string): string =>
  SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPED[character] ?? character) : value;
export const COPY_NULL = '\\N';
