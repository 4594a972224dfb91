import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { text as wholeOf } from 'node:stream/consumers';

/** A file's JSON. What is wrong is said with the file's name. */
export async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readText(file: string): Promise<string> {
  if (file === '-') return wholeOf(process.stdin);
  await bytesOf(file);
  return readFile(file, 'utf8');
}

/** How large a file is; for stdin, and for what else has no size, null. Errors: there is none, or it is a directory. */
export async function bytesOf(file: string): Promise<number | null> {
  if (file === '-') return null;
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new Error(`there is no file ${file}`);
  if (found.isDirectory()) throw new Error(`${file} is a directory: name a file`);
  return found.isFile() ? found.size : null;
}

export interface Line {
  readonly line: number;
  readonly text: string;
  readonly bytes: number;
}

/** The lines of a file (`-`: stdin) that are not blank, with their numbers; ends when the signal aborts, also where it waits for input. */
export async function* readLines(file: string, signal: AbortSignal): AsyncIterable<Line> {
  const input = file === '-' ? process.stdin : createReadStream(file, 'utf8');
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
      const content = line === 1 ? text.replace(/^\uFEFF/, '') : text;
      if (content.trim() !== '') yield { line, text: content, bytes: Buffer.byteLength(text) + 1 };
    }
    if (failure !== undefined) throw new Error(`${file} can't be read beyond line ${line}: ${failure.message}`);
  } finally {
    // A pipe that is still open would keep the process waiting.
    input.destroy();
  }
}

const PAGE_LINES = 100;

/** The lines of a file in pages: what is at hand goes as one, nothing is waited for. */
export async function* readPages(file: string, signal: AbortSignal): AsyncIterable<Line[]> {
  const over = new AbortController();
  const lines = readLines(file, AbortSignal.any([signal, over.signal]))[Symbol.asyncIterator]();
  const fetch = (): Promise<IteratorResult<Line>> => {
    const line = lines.next();
    // Whoever waits for it gets the error; while a page is at work nobody does, and it must not end the process.
    line.catch(() => undefined);
    return line;
  };
  let coming = fetch();
  try {
    for (;;) {
      const page: Line[] = [];
      for (
        let next: IteratorResult<Line> | null = await coming;
        next !== null && next.done !== true;
        next = await Promise.race([coming, turn()])
      ) {
        page.push(next.value);
        coming = fetch();
        if (page.length === PAGE_LINES) break;
      }
      if (page.length === 0) return;
      yield page;
    }
  } finally {
    // One that still waits for input would keep the process waiting.
    over.abort();
    await coming.catch(() => undefined);
  }
}

/** Resolves after what is ready now has run: a line that is not at hand by then belongs to the next page. */
const turn = (): Promise<null> => new Promise((resolve) => setImmediate(() => resolve(null)));
