import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { buffer as wholeOf } from 'node:stream/consumers';
import { jsonFault, parseJson } from '#domain/json-text';
import { WrongUsage } from './wrong-usage.js';

/** Reads the JSON in a file. Errors name the file. */
export async function readJson(file: string): Promise<unknown> {
  const bytes = await readBytes(file);
  try {
    return jsonIn(bytes);
  } catch (error) {
    throw new Error(`${file} ${jsonFault(error)}`);
  }
}

/** The text in a file (`-`: stdin). Errors name the file. */
export async function readText(file: string): Promise<string> {
  const bytes = await readBytes(file);
  if (!isUtf8(bytes)) throw new Error(`${file} is not text in UTF-8`);
  return bytes.toString('utf8');
}

async function readBytes(file: string): Promise<Buffer> {
  if (file === '-') return wholeOf(process.stdin);
  await bytesOf(file);
  return readFile(file);
}

/** Errors: no JSON, a field given twice, or not in UTF-8: other bytes would become U+FFFD, and two ids one. */
export function jsonIn(bytes: Buffer): unknown {
  if (!isUtf8(bytes))
    throw new Error('it is not text in UTF-8. Convert it, for example with iconv -f LATIN1 -t UTF-8.');
  return parseJson(bytes.toString('utf8').replace(/^\uFEFF/, ''));
}

/** The size of a file; null for stdin and anything else without a size. Errors: not found, or a directory. */
export async function bytesOf(file: string): Promise<number | null> {
  if (file === '-') return null;
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new Error(`file not found: ${file}`);
  if (found.isDirectory()) throw new Error(`${file} is a directory. Name a file instead.`);
  return found.isFile() ? found.size : null;
}

export interface Line {
  readonly line: number;
  readonly content: Buffer;
  /** Its length, with the end of the line. */
  readonly bytes: number;
}

/** Errors: WrongUsage if stdin is named twice: it can be read once. */
export function assertStdinOnce(files: readonly string[]): void {
  if (files.filter((file) => file === '-').length > 1) throw new WrongUsage('- (stdin) is given twice. Give it once.');
}

/** Of UTF-8, with one character a byte. */
const BYTE_ORDER_MARK = '\u00EF\u00BB\u00BF';

/**
 * The lines of a file (`-`: stdin) that are not blank, with their numbers. Ends when the signal aborts, even while it
 * waits for input.
 */
export async function* readLines(file: string, signal: AbortSignal): AsyncIterable<Line> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  // One character a byte: the bytes stay as they are, and U+2028 in a text does not end a line.
  input.setEncoding('latin1');
  const lines = createInterface({ input, crlfDelay: Infinity, signal });
  let failure: Error | undefined;
  input.once('error', (error: Error) => {
    failure = error;
    lines.close();
  });
  let line = 0;
  try {
    for await (const text of lines) {
      if (signal.aborted) return;
      line += 1;
      const content = line === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
      if (content.trim() !== '') yield { line, content: Buffer.from(content, 'latin1'), bytes: text.length + 1 };
    }
    if (failure !== undefined) throw new Error(`cannot read ${file} after line ${line}: ${failure.message}`);
  } finally {
    // An open pipe would keep the process running.
    input.destroy();
  }
}

const PAGE_LINES = 100;

/** The lines of a file in pages. A page has the lines that are ready; it does not wait for more. */
export async function* readPages(file: string, signal: AbortSignal): AsyncIterable<Line[]> {
  const over = new AbortController();
  const lines = readLines(file, AbortSignal.any([signal, over.signal]))[Symbol.asyncIterator]();
  const nextLine = (): Promise<IteratorResult<Line>> => {
    const line = lines.next();
    // The error reaches the code that awaits the line. While a page is processed nobody awaits it, and without this
    // handler the error would end the process.
    line.catch(() => undefined);
    return line;
  };
  let pending = nextLine();
  try {
    for (;;) {
      const page: Line[] = [];
      for (
        let next: IteratorResult<Line> | null = await pending;
        next !== null && next.done !== true;
        next = await Promise.race([pending, turn()])
      ) {
        page.push(next.value);
        pending = nextLine();
        if (page.length === PAGE_LINES) break;
      }
      if (page.length === 0) return;
      yield page;
    }
  } finally {
    // A read that still waits for input would keep the process running.
    over.abort();
    await pending.catch(() => undefined);
  }
}

/** Resolves after all work that is ready now. A line that is not ready by then goes into the next page. */
const turn = (): Promise<null> => new Promise((resolve) => setImmediate(() => resolve(null)));
