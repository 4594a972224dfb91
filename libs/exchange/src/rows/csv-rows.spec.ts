import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { folder } from '../../../../test/support/cli.js';
import { csvRows } from './csv-rows.js';
import { PlainCsv } from './plain-csv.js';
import type { CsvRecord, SourceRow } from './row.js';
import { openSource } from './source.js';

const RUNS = checkedOn(100);
const LONGEST = 1024;

let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  files = await folder();
});
afterAll(async () => files.remove());

const read = async (content: string): Promise<{ columns: readonly string[]; rows: SourceRow[] }> => {
  const source = await openSource(await files.write('rows.csv', content), () => Readable.from([]));
  const { columns, pages } = await csvRows(source, undefined, () => undefined);
  const rows: SourceRow[] = [];
  for await (const page of pages) rows.push(...page);
  return { columns: columns ?? [], rows };
};

describe('rows of a CSV', () => {
  it('each have their first line number, also after blank lines and quoted newlines', async () => {
    const { rows } = await read('a,b\n1,2\n\n\n3,"x\ny"\n\n4,5\n6,7');
    expect(rows.map(({ row, line, fields }) => [row, line, fields])).toEqual([
      [1, 2, { a: '1', b: '2' }],
      [2, 5, { a: '3', b: 'x\ny' }],
      [3, 8, { a: '4', b: '5' }],
      [4, 9, { a: '6', b: '7' }],
    ]);
    expect((await read('\uFEFFa,b\r\n\r\n1,2\r\n')).rows).toMatchObject([
      { row: 1, line: 3, fields: { a: '1', b: '2' } },
    ]);
  });

  it('are read up to a quote that is never closed', async () => {
    const source = await openSource(await files.write('open.csv', 'a,b\n1,2\n3,"4\n5,6\n'), () => Readable.from([]));
    const { pages } = await csvRows(source, undefined, () => undefined);
    const seen: SourceRow[] = [];
    const reading = async (): Promise<void> => {
      for await (const page of pages) seen.push(...page);
    };
    await expect(reading()).rejects.toThrow(
      /open\.csv, line 3: the row that starts here opens a quote and never closes it/,
    );
    expect(seen.map(({ fields }) => fields)).toEqual([{ a: '1', b: '2' }]);
  });

  it('are the same as those of a full CSV parser for any file', async () => {
    const part = fc.constantFrom('a', '7', ',', ',', '\n', '\n', '\r\n', '"', '"x"', ' ', 'é', '\uFEFF');
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 30 }), async (parts) => {
        const content = `a,b\n${parts.join('')}`;
        const expected = (): string[][] =>
          parse(content, { bom: true, relax_column_count: true, relax_quotes: true, skip_empty_lines: true });
        const outcome = await read(content).then(
          ({ rows }) => rows.map(({ fields }) => Object.values(fields).join(',')),
          () => 'unreadable',
        );
        expect(outcome).toEqual(
          attempted(() =>
            expected()
              .slice(1)
              .map((record) => record.join(',')),
          ),
        );
      }),
      RUNS,
    );
  });
});

const attempted = <Result>(work: () => Result): Result | 'unreadable' => {
  try {
    return work();
  } catch {
    return 'unreadable';
  }
};

describe('plain CSV', () => {
  it('are the same for any division into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', ',', '\n', 'bc', '\n\n'), { maxLength: 40 }),
        fc.boolean(),
        fc.array(fc.nat(40), { maxLength: 5 }),
        (parts, isWindows, cuts) => {
          const content = (isWindows ? parts.map((part) => part.replaceAll('\n', '\r\n')) : parts).join('');
          const at = [0, ...cuts.filter((cut) => cut < content.length), content.length].sort((a, b) => a - b);
          const plain = new PlainCsv(',', LONGEST);
          const records = at.slice(1).flatMap((end, index) => taken(plain, content.slice(at[index], end)));
          const expected = content
            .split(isWindows ? '\r\n' : '\n')
            .flatMap((line, index) => (line === '' ? [] : [{ record: line.split(','), line: index + 1 }]));
          expect([...records, ...(plain.end() ?? [])]).toEqual(expected);
        },
      ),
      RUNS,
    );
  });

  it('has whole fields in quotes, with newlines, delimiters and quotes', () => {
    const plain = new PlainCsv(',', LONGEST);
    // The second piece ends after a quote that may be the first of two.
    const pieces = ['"a,1",b\n"x\ny', 'z",2\n\n"say ""', 'hi""",""\n3,', '"4"'];
    expect(pieces.map((piece) => taken(plain, piece))).toEqual([
      [{ record: ['a,1', 'b'], line: 1 }],
      [{ record: ['x\nyz', '2'], line: 2 }],
      [{ record: ['say "hi"', ''], line: 5 }],
      [],
    ]);
    expect(plain.end()).toEqual([{ record: ['3', '4'], line: 6 }]);
  });

  it('has the records of a full CSV parser for any division into chunks, as long as it is plain', () => {
    const part = fc.constantFrom('a', ',', ',', '\n', '"', '"x"', '"",', '"é,\n""b"', '\r\n', '\r', ' ');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), fc.array(fc.nat(40), { maxLength: 5 }), (parts, cuts) => {
        const content = parts.join('');
        const at = [0, ...cuts.filter((cut) => cut < content.length), content.length].sort((a, b) => a - b);
        const plain = new PlainCsv(',', LONGEST);
        const blocks = [...at.slice(1).map((end, index) => plain.take(content.slice(at[index], end))), plain.end()];
        if (blocks.includes(null)) return;
        const records = blocks.flatMap((block) => block ?? []);
        expect(records.map(({ record }) => record)).toEqual(
          parse(content, { relax_column_count: true, relax_quotes: true, skip_empty_lines: true }),
        );
        const lines = content.split('\n');
        // A record begins on its line, and the lines before it have their quotes in pairs.
        for (const { record, line } of records) {
          const [beginning = ''] = (record[0] ?? '').split(/["\r\n]/);
          expect((lines[line - 1] ?? '').replace(/^"/, '').startsWith(beginning)).toBe(true);
          expect(
            (lines
              .slice(0, line - 1)
              .join('\n')
              .split('"').length -
              1) %
              2,
          ).toBe(0);
        }
      }),
      RUNS,
    );
  });

  it('ends at a quote within a field, at another line ending, and at a record that is too long', () => {
    for (const chunk of [
      '1,2\n3,4"\n',
      '1,2\n3, "4"\n',
      '1,2\n3,"4"5\n',
      '"1",2\n3,4\r\n',
      '"1",2\r\n3,4\n',
      '"1",2\n3,4\r,5\n',
      `"1",2\n"${'x'.repeat(LONGEST)}"\n`,
      `"1",2\n"${'x'.repeat(LONGEST)}`,
      '1,2\n3,4\r\n',
      '1,2\r\n3,4\n',
      '1,2\n3\r4\n',
      `1,2\n${'x'.repeat(LONGEST + 1)}\n`,
      'x'.repeat(LONGEST + 1),
    ]) {
      const plain = new PlainCsv(',', LONGEST);
      expect(plain.take(chunk)).toBeNull();
      expect(plain).toMatchObject({ rest: chunk, lines: 0 });
    }
  });
});

function taken(plain: PlainCsv, piece: string): readonly CsvRecord[] {
  const records = plain.take(piece);
  if (records === null) throw new Error(`${JSON.stringify(plain.rest)} is plain`);
  return records;
}
