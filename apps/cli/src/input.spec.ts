import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jsonIn, readJson, readLines } from './input.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledgerline-input-'));
});
afterAll(async () => rm(folder, { recursive: true }));

async function file(content: Buffer | string): Promise<string> {
  const path = join(folder, 'input');
  await writeFile(path, content);
  return path;
}

async function lines(content: Buffer | string): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const { line, content: bytes } of readLines(await file(content), new AbortController().signal))
    try {
      read.push([line, jsonIn(bytes)]);
    } catch (error) {
      read.push([line, error instanceof Error ? error.message : '']);
    }
  return read;
}

const NOT_UTF8 = 'it is not text in UTF-8. Convert it, for example with iconv -f LATIN1 -t UTF-8.';
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('a file of JSON', () => {
  it('is refused if it is not UTF-8: two ids would become one', async () => {
    const path = await file(latin1('{"id":"caf\u00e9"}'));
    await expect(readJson(path)).rejects.toThrow(`${path} is not JSON: ${NOT_UTF8}`);
    await expect(readJson(await file('{"id":1,"id":2}'))).rejects.toThrow(`${path} gives the field id twice`);
    expect(await readJson(await file('\uFEFF{"id":"caf\u00e9"}'))).toEqual({ id: 'caf\u00e9' });
  });

  it('is refused line by line', async () => {
    expect(
      await lines(
        Buffer.concat([Buffer.from('\uFEFF{"a":"\u00e9"}\r\n\n'), latin1('{"a":"\u00e9"}\n'), Buffer.from('{"a":1}')]),
      ),
    ).toEqual([
      [1, { a: '\u00e9' }],
      [3, NOT_UTF8],
      [4, { a: 1 }],
    ]);
  });

  it('may have line separators of Unicode in a text', async () => {
    expect(await lines('{"a":"one\u2028two\u2029three\u0085"}\n{"a":2}\n')).toEqual([
      [1, { a: 'one\u2028two\u2029three\u0085' }],
      [2, { a: 2 }],
    ]);
  });
});
