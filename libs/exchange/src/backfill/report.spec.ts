import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { folder } from '../../../../test/support/cli.js';
import { openSource } from '../rows/source.js';
import { FileReport, Rejects } from './report.js';

let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  files = await folder();
});
afterAll(async () => files.remove());

it('writes rejected rows while more are rejected, so that they do not fill the memory', async () => {
  const source = await openSource(await files.write('rows.csv', 'a\n1\n'), () => Readable.from([]));
  const seen = { odd: new Map<string, never>(), rejects: new Rejects() };
  const report = new FileReport(source, () => undefined, seen, true);
  for (let row = 1; row <= 10_000; row += 1)
    report.reject({ row, line: row + 1, fields: { a: 'x' } }, { field: 'a', value: 'x', reason: 'is not 1' });
  const path = `${source.name}.rejects.jsonl`;
  // A line has more than 100 bytes. At most 64 KiB wait.
  expect((await stat(path)).size).toBeGreaterThan(900_000);
  await report.close();
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  expect(lines).toHaveLength(10_000);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ row: 10_000, line: 10_001, record: { a: 'x' } });
});

it('writes rejected rows into the working folder where that of the file can’t be written', async () => {
  const source = await openSource(await files.write('bill.csv', 'a\n1\n'), () => Readable.from([]));
  const seen = { odd: new Map<string, never>(), rejects: new Rejects() };
  const before = process.cwd();
  process.chdir(files.path);
  try {
    const report = new FileReport({ ...source, name: '/no/such/bill.csv' }, () => undefined, seen, true);
    report.reject({ row: 1, line: 2, fields: { a: 'x' } }, { field: 'a', value: 'x', reason: 'is not 1' });
    await report.close();
    const name = `bill.csv-${source.digest.slice(0, 8)}.rejects.jsonl`;
    expect(report.summary().rejects).toBe(name);
    expect(await readFile(join(files.path, name), 'utf8')).toContain('"is not 1"');
  } finally {
    process.chdir(before);
  }
});
