import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backfilled, countsOf, deployment, TENANT } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

const HEADER = 'deploymentId,resourceId,billingKind,start,end,granularity,quantity';
const ROW = 'site,vm-1,cpu_hours,2026-04-01T01:00:00Z,2026-04-01T02:00:00Z,hour,2';
const with_ = (column: number, value: string): string => ROW.split(',').with(column, value).join(',');
const [RESOURCE, START, QUANTITY] = [1, 3, 6];

describe('bad input is reported with file, row and remedy', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
    await test.apply(TENANT, ...['site', 'marked', 'windows', 'newline', 'open'].map(deployment));
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  const refusal = async (path: string): Promise<string> => {
    try {
      await backfilled(test, 'usage', path);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return 'taken';
  };
  /** The sentences about a CSV of these rows. */
  const said = async (...rows: string[]): Promise<readonly string[]> =>
    (await backfilled(test, 'usage', await files.write('usage.csv', [HEADER, ...rows].join('\n')))).said;

  it('another delimiter', async () => {
    const file = await files.write('semicolons.csv', `${HEADER}\n${ROW}\n`.replaceAll(',', ';'));
    expect(await refusal(file)).toMatch(
      /semicolons\.csv, line 1: the header is one column, "deploymentId;.*"\. The delimiter is ";", not ","\. Set \{"delimiter": ";"\} in a mapping/,
    );
  });

  it.each([
    [
      'usage.zip',
      'PK\u0003\u0004\u0014\u0000usage.csv',
      /usage\.zip is a ZIP archive\. Nothing was imported\. Unpack it \(unzip\), then/,
    ],
    [
      'usage.xlsx',
      'PK\u0003\u0004\u0014\u0000[Content_Types].xml',
      /is an Excel workbook\. Nothing was imported\. Save it as "CSV UTF-8"/,
    ],
    [
      'usage.csv.bz2',
      'BZh91AY&SY',
      /is packed with bzip2\. Nothing was imported\. Unpack it \(bunzip2\), or pack it with gzip\./,
    ],
    ['usage.parquet', 'PAR1\u0015', /is a Parquet file\. Nothing was imported\. Choose CSV for the export/],
  ])('%s is named as what it is', async (name, content, message) => {
    const file = join(files.path, name);
    await writeFile(file, content, 'latin1');
    expect(await refusal(file)).toMatch(message);
  });

  it('a reading far from now is refused, and the others are imported', async () => {
    // Now is 2026-06: from 2016-06 until 2027-06 is near enough.
    expect(
      await said(
        with_(START, '0204-01-01T01:00:00Z').replace(',2026-04-01T02', ',0204-01-01T02'),
        'open,vm-1,cpu_hours,2016-05-31T23:00:00Z,,hour,1',
        'open,vm-1,cpu_hours,2016-06-01T00:00:00Z,,hour,1',
        'open,vm-1,cpu_hours,2027-06-02T00:00:00Z,,hour,1',
      ),
    ).toEqual([
      'usage.csv, row 1 (line 2) begins at 0204-01-01T01:00:00Z, which is not between 10 years ago and 1 ahead. ' +
        'Correct the date, or set LEDGERLINE_USAGE_YEARS_BACK or LEDGERLINE_USAGE_YEARS_AHEAD.',
      expect.stringMatching(/^usage\.csv, row 2 \(line 3\) begins at 2016-05-31T23:00:00Z, which is not between/),
      expect.stringMatching(/^usage\.csv, row 4 \(line 5\) begins at 2027-06-02T00:00:00Z, which is not between/),
    ]);
    expect(
      await test.ask('usage', { deploymentId: 'open', start: '2016-01-01T00:00:00Z', end: '2028-01-01T00:00:00Z' }),
    ).toEqual({
      cpu_hours: '1',
    });
  });

  it('a BOM and Windows newlines are accepted', async () => {
    const file = await files.write('marked.csv', `\uFEFF${HEADER}\r\n${ROW.replace('site', 'marked')}\r\n`);
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([1, 1, 0, 0, 0]);
  });

  it('a quoted newline is part of its field; rows after it have their own line', async () => {
    const file = await files.write(
      'newline.csv',
      `${HEADER},attributes\n${ROW.replace('site', 'newline')},"{\n""a"": 1}"\n${with_(QUANTITY, 'x')},\n`,
    );
    const summary = await backfilled(test, 'usage', file);
    expect(countsOf(summary)).toEqual([2, 1, 0, 0, 1]);
    expect(summary.said[0]).toMatch(/^newline\.csv, row 2 \(line 4\): quantity "x"/);
  });

  it('a quote that is never closed: the rows before it are imported', async () => {
    const row = ROW.replace('site', 'open');
    const file = await files.write('open.csv', `${HEADER}\n${row}\n${row.replace('vm-1', '"vm-1')}\n${row}\n${row}\n`);
    expect(await refusal(file)).toMatch(
      /open\.csv, line 3: the row that starts here opens a quote and never closes it\. Close it, or double it if it is part of the text\. The rows before it are imported\. Repair the file and import it again\.$/,
    );
    expect(
      await test.ask('usage', { deploymentId: 'open', start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' }),
    ).toEqual({ cpu_hours: '2' });
  });

  it('a missing column', async () => {
    const file = await files.write('missing.csv', `${HEADER.replace('quantity', 'amount')}\n${ROW}\n`);
    expect(await refusal(file)).toMatch(
      /missing\.csv, line 1: "quantity" is missing \(read as usage\)\. The columns are deploymentId, .*amount\. In a mapping file \(--map\), name its column, \{"columns": \{"quantity": "…"\}\}, or its value for all rows/,
    );
  });

  it('a row with a field too many or too few', async () => {
    expect(await said(`${ROW},7`, 'site,vm-1')).toEqual([
      'usage.csv, row 1 (line 2) has 8 fields, but the header has 7. Check for an unquoted delimiter or newline.',
      'usage.csv, row 2 (line 3) has 2 fields, but the header has 7. Check for an unquoted delimiter or newline.',
    ]);
  });

  it('a truncated gzip: nothing is imported', async () => {
    const packed = gzipSync(
      `${HEADER}\n${Array.from({ length: 1000 }, (_, n) => with_(RESOURCE, `vm-${n}`)).join('\n')}`,
    );
    const file = join(files.path, 'cut.csv.gz');
    await writeFile(file, packed.subarray(0, packed.length - 40));
    expect(await refusal(file)).toMatch(
      /cut\.csv\.gz: the gzip data is cut off after about \d+ lines\. Nothing was imported\. Copy the file again\.$/,
    );
  });

  it('decimals in exponent form', async () => {
    expect(await said(with_(QUANTITY, '1.5E-7'))).toEqual([
      'usage.csv, row 1 (line 2): quantity "1.5E-7" is in exponent form, in which spreadsheets lose digits. ' +
        'Write it as 0.00000015, or set {"exponents": true} in a mapping file (--map).',
    ]);
    const file = await files.write('exponents.csv', `${HEADER}\n${with_(QUANTITY, '1.5E-7')}\n`);
    expect(countsOf(await backfilled(test, 'usage', file, { exponents: true }))).toEqual([1, 1, 0, 0, 0]);
  });

  it('a decimal comma, thousands, a unit', async () => {
    for (const written of ['"1,5"', '1 000', '5h'])
      expect((await said(with_(QUANTITY, written)))[0]).toMatch(
        /^usage\.csv, row 1 \(line 2\): quantity ".*" is not a plain decimal such as "12\.50"\. Write it with a point/,
      );
  });

  it('more digits than the maximum', async () => {
    expect((await said(with_(QUANTITY, `0.${'1'.repeat(61)}`)))[0]).toMatch(
      /^usage\.csv, row 1 \(line 2\): quantity "0\.1+…" has more than 60 digits before or after its point\. Shorten it\.$/,
    );
  });

  it('a pipe is read as a file; an empty one is reported', async () => {
    const pipe = join(files.path, 'pipe.csv');
    await promisify(execFile)('mkfifo', [pipe]);
    const [summary] = await Promise.all([
      backfilled(test, 'usage', pipe),
      writeFile(pipe, `${HEADER}\n${with_(RESOURCE, 'vm-piped')}\n${with_(QUANTITY, 'x')}\n`),
    ]);
    expect([countsOf(summary), summary.files[0]?.rejects]).toEqual([[2, 1, 0, 0, 1], `${pipe}.rejects.jsonl`]);
    expect((await Promise.all([refusal(pipe), writeFile(pipe, '')]))[0]).toMatch(
      /pipe\.csv is empty \(0 bytes\)\. Nothing was imported/,
    );
  });

  it('times without a zone', async () => {
    for (const written of ['2026-04-01 01:00:00', '2026-04-01T01:00', '2026-04-01'])
      expect(await said(with_(START, written))).toEqual([
        `usage.csv, row 1 (line 2): start "${written}" has no zone. Write it as 2026-04-01T00:00:00Z, or set ` +
          `the zone of the file, {"zone": "Z"}, {"zone": "+02:00"} or {"zone": "Europe/Paris"}, in a mapping file (--map).`,
      ]);
  });

  it('the 31st of February', async () => {
    expect(await said(with_(START, '2026-02-31T00:00:00Z'))).toEqual([
      'usage.csv, row 1 (line 2): start "2026-02-31T00:00:00Z" does not exist in the calendar. Correct the date.',
    ]);
  });

  it('18 decimals are kept', async () => {
    const file = await files.write(
      'decimals.csv',
      `${HEADER}\n${with_(QUANTITY, '0.123456789012345678').replace('vm-1', 'vm-18')}\n`,
    );
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([1, 1, 0, 0, 0]);
    const { items } = await test.ask<{ items: { resourceId: string; quantity: string }[] }>('usage-records', {
      deploymentId: 'site',
    });
    expect(items.find(({ resourceId }) => resourceId === 'vm-18')?.quantity).toBe('0.123456789012345678');
  });

  it('ids of 200 characters are accepted, of 513 not', async () => {
    const file = await files.write('long.csv', `${HEADER}\n${with_(RESOURCE, 'i'.repeat(200))}\n`);
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([1, 1, 0, 0, 0]);
    expect((await said(with_(RESOURCE, 'i'.repeat(513))))[0]).toMatch(
      /^usage\.csv, row 1 \(line 2\): resourceId "i+…" is 513 bytes long\. The maximum is 512\.$/,
    );
  });

  it('a file of 0 bytes, a directory, no file, a file that is not UTF-8', async () => {
    expect(await refusal(await files.write('empty.csv', ''))).toMatch(
      /empty\.csv is empty \(0 bytes\)\. Nothing was imported\. Check whether the copy is complete\.$/,
    );
    const directory = join(files.path, 'folder');
    await mkdir(directory);
    expect(await refusal(directory)).toMatch(/folder is a directory\. Name its files, such as .*folder\/\*\.csv$/);
    expect(await refusal(join(files.path, 'nowhere.csv'))).toMatch(/^file .*nowhere\.csv does not exist$/);
    const latin = join(files.path, 'latin.csv');
    await writeFile(latin, Buffer.concat([Buffer.from(`${HEADER}\n`), Buffer.from([0xe9, 0x0a])]));
    expect(await refusal(latin)).toMatch(
      /latin\.csv: it is not UTF-8 text \(after about \d+ lines\)\. Nothing was imported\. Convert it, for example with iconv/,
    );
  });

  it('lines that are not JSON, not an object, or have a field twice', async () => {
    const file = await files.write('lines.jsonl', '{"deploymentId": \n[1]\n{"quantity":"1","quantity":"2"}\n');
    expect((await backfilled(test, 'usage', file)).said).toEqual([
      expect.stringMatching(/^lines\.jsonl, row 1 \(line 1\) is not JSON: .*\. Repair or remove the line\.$/),
      'lines.jsonl, row 2 (line 2) is not a JSON object such as {"deploymentId": "…", …}',
      'lines.jsonl, row 3 (line 3) gives the field quantity twice. Repair or remove the line.',
    ]);
  });

  it('a mapping that names unknown fields or columns', async () => {
    const file = await files.write('usage.csv', `${HEADER}\n${ROW}\n`);
    await expect(backfilled(test, 'usage', file, { preset: 'focus' })).rejects.toThrow(
      'unknown preset "focus". Known presets: cloudevents, stripe-meter-events, prometheus, token-trace, usage',
    );
    await expect(backfilled(test, 'usage', file, { columns: { amount: 'quantity' } })).rejects.toThrow(
      /^the mapping names amount, which usage does not have\. Its fields are deploymentId, /,
    );
    await expect(backfilled(test, 'usage', file, { columns: { quantity: 'volume' } })).rejects.toThrow(
      /usage\.csv, line 1: "volume" is missing/,
    );
  });
});
