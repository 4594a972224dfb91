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
  await assertFile(file);
  return readFile(file, 'utf8');
}

async function assertFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new Error(`there is no file ${file}`);
  if (found.isDirectory()) throw new Error(`${file} is a directory: name a file`);
}

/** The lines of a file (`-`: stdin) that are not blank, with their numbers. */
export async function* readLines(file: string): AsyncIterable<{ line: number; text: string }> {
  if (file !== '-') await assertFile(file);
  const input = file === '-' ? process.stdin : createReadStream(file, 'utf8');
  let line = 0;
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    line += 1;
    const content = line === 1 ? text.replace(/^\uFEFF/, '') : text;
    if (content.trim() !== '') yield { line, text: content };
  }
}
