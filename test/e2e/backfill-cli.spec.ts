import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, TENANT } from '../support/backfill.js';
import { cli, folder, type Ran } from '../support/cli.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

const HEADER = 'deploymentId,resourceId,billingKind,start,end,granularity,quantity\n';
const row = (resource: string, quantity = '2'): string =>
  `site,${resource},cpu_hours,2026-04-01T01:00:00Z,2026-04-01T02:00:00Z,hour,${quantity}\n`;

describe('ledgerline backfill', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
    await test.apply(TENANT, deployment('site'));
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  const backfill = async (file: string, options: { readonly input?: string } = {}): Promise<Ran> =>
    cli(['backfill', 'usage', file, '--json', '--data-dir', files.path], {
      env: { DATABASE_URL: test.url },
      ...options,
    });
  const counts = ({ stdout }: Ran): unknown => {
    const {
      read,
      accepted,
      duplicate,
      correction,
      rejected,
      files: each,
    } = JSON.parse(stdout) as Record<string, unknown> & { files: { file: string }[] };
    return [[read, accepted, duplicate, correction, rejected], each.map(({ file }) => file.replace(files.path, ''))];
  };

  it('tells of refused rows by their reason, with the first of each', async () => {
    const other = await folder();
    try {
      const file = await other.write(
        'mixed.csv',
        HEADER +
          Array.from({ length: 30 }, (_, n) => row(`vm-${n}`, `${n}x`)).join('') +
          row('late').replace('2026-04-01T01', '2026-04-31T01') +
          row('later').replace('2026-04-01T01', '2026-04-31T01'),
      );
      const { stdout, stderr, code } = await backfill(file);
      expect(code).toBe(1);
      // Three of the 30, both of the others, and a line for the 30.
      expect(stderr.match(/mixed\.csv, row \d+ \(line \d+\): quantity/g)).toHaveLength(3);
      expect(
        stderr.match(/mixed\.csv, row 3[12] \(line \d+\): start "2026-04-31T01:00:00Z" does not exist/g),
      ).toHaveLength(2);
      expect(JSON.parse(stdout)).toMatchObject({
        rejects: [
          { field: 'quantity', rows: 30, first: [{ row: 1 }, { row: 2 }, { row: 3 }] },
          { field: 'start', rows: 2, first: [{ row: 31 }, { row: 32 }] },
        ],
      });
    } finally {
      await other.remove();
    }
  });

  it('reads all files of a pattern, plain and compressed, except the files that it wrote', async () => {
    await writeFile(join(files.path, 'a.csv.gz'), gzipSync(HEADER + row('a')));
    await files.write('b.csv', HEADER + row('b') + row('b', 'two'));
    const pattern = join(files.path, '*.csv*');
    const first = await backfill(pattern);
    expect([first.code, counts(first)]).toEqual([
      1,
      [
        [3, 2, 0, 0, 1],
        ['/a.csv.gz', '/b.csv'],
      ],
    ]);
    expect(first.stderr).toContain('b.csv, row 2 (line 3): quantity "two" is not a plain decimal');
    // b.csv.rejects.jsonl is there now.
    expect(counts(await backfill(pattern))).toEqual([
      [3, 0, 2, 0, 1],
      ['/a.csv.gz', '/b.csv'],
    ]);
    expect(counts(await backfill(join(files.path, '*.rejects.jsonl')))).toEqual([
      [1, 0, 0, 0, 1],
      ['/b.csv.rejects.jsonl'],
    ]);
  });

  it('reads a file whose name is also a pattern, and stdin', async () => {
    expect(counts(await backfill(await files.write('april [1].csv', HEADER + row('c'))))).toEqual([
      [1, 1, 0, 0, 0],
      ['/april [1].csv'],
    ]);
    const piped = await backfill('-', { input: HEADER + row('c') + row('d') });
    expect([piped.code, counts(piped)]).toEqual([0, [[2, 1, 1, 0, 0], ['stdin']]]);
  });

  it('reports a pattern that matches nothing', async () => {
    const { code, stderr } = await backfill(join(files.path, 'may-*.csv'));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/no file matches .*may-\*\.csv/)]);
  });
});
