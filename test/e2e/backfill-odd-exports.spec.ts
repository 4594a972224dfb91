import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { allFilesOf, filesOf } from '../../apps/cli/src/backfill-files.js';
import { backfilled, countsOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { deployment, tenant } from '../support/commands.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

// Exports as users choose and keep them: other columns, other formats, manifests, folders of more than one export.

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
beforeEach(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
});
afterEach(async () => {
  await Promise.all([test.close(), files.remove()]);
});
const named = (name: string) => ({ delivery: { name, isPartial: false } });
const cogs = async (): Promise<string> =>
  (await test.ask<{ overall: { cogs: string } }>('margin', { period: '2026-04-15' })).overall.cogs;

/** An hour of AWS's report. */
const AWS = {
  'bill/BillType': 'Anniversary',
  'bill/PayerAccountId': '123456789012',
  'bill/BillingPeriodStartDate': '2026-04-01T00:00:00Z',
  'lineItem/LineItemType': 'Usage',
  'lineItem/UsageStartDate': '2026-04-01T00:00:00Z',
  'lineItem/UsageEndDate': '2026-04-01T01:00:00Z',
  'lineItem/ProductCode': 'AmazonEC2',
  'lineItem/ResourceId': 'i-1',
  'lineItem/UnblendedCost': '12.00',
  'lineItem/CurrencyCode': 'USD',
};
const csv = (...rows: Record<string, string>[]): string =>
  [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row))]
    .map((cells) => `${cells.join(',')}\n`)
    .join('');

describe('AWS’s report', () => {
  const { 'bill/BillType': _, ...withoutType } = AWS;

  it.each([
    ['with, then without the type of the bill', AWS, withoutType],
    ['without, then with the type of the bill', withoutType, AWS],
  ])('is one bill %s: 12.00, not 24.00', async (_name, first, second) => {
    await backfilled(test, 'costs', await files.write('1.csv', csv(first)), {}, named('open'));
    expect(await cogs()).toBe('12.00');
    const next = await backfilled(test, 'costs', await files.write('2.csv', csv(second)), {}, named('closed'));
    expect([countsOf(next), next.removed]).toEqual([[1, 0, 1, 0, 0], 0]);
    expect(await cogs()).toBe('12.00');
  });

  it('is read from JSON with the names of CUR 2.0, too', async () => {
    const snake = Object.fromEntries(
      Object.entries(AWS).map(([name, value]) => [
        name
          .replace(/[^A-Za-z]+/g, '_')
          .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
          .toLowerCase(),
        value,
      ]),
    );
    expect(Object.keys(snake)).toContain('line_item_line_item_type');
    const file = await files.write('cur2.jsonl', `${JSON.stringify(snake)}\n`);
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([1, 1, 0, 0, 0]);
    expect(await cogs()).toBe('12.00');
  });
});

it('keeps the charge whose content and key stay, of two that differ in their key alone', async () => {
  // Equal but for the operation, which is a detail of the charge.
  const of = (operation: string) => ({ ...AWS, 'lineItem/Operation': operation });
  const keysInForce = async (): Promise<readonly string[]> => {
    const lines = test.core.db.selectFrom('cost_lines').select('line_key').where('position_to', 'is', null);
    return (await lines.execute()).map(({ line_key }) => line_key);
  };
  await backfilled(test, 'costs', await files.write('stop.csv', csv(of('Stop'))), {}, named('0'));
  const [ofStop] = await keysInForce();
  await backfilled(test, 'costs', await files.write('1.csv', csv(of('Start'), of('Stop'))), {}, named('1'));
  expect(await keysInForce()).toHaveLength(2);
  const next = await backfilled(test, 'costs', await files.write('2.csv', csv(of('Stop'))), {}, named('2'));
  expect([countsOf(next), next.removed]).toEqual([[1, 0, 1, 0, 0], 1]);
  expect(await keysInForce()).toEqual([ofStop]);
});

it('takes parts that have only a header, however many', async () => {
  const [first = ''] = csv(AWS).split('\n');
  const parts = [
    await files.write('1.csv', csv(AWS)),
    await files.write('2.csv', `${first}\n`),
    await files.write('3.csv', `${first}\n`),
  ];
  expect(countsOf(await backfilled(test, 'costs', parts))).toEqual([1, 1, 0, 0, 0]);
});

describe('a row of JSON lines', () => {
  const reading = (more: object) => ({
    deploymentId: 'd',
    resourceId: 'vm-1',
    billingKind: 'cpu',
    start: '2026-04-01T00:00:00Z',
    end: '2026-04-01T01:00:00Z',
    granularity: 'hour',
    quantity: '1',
    ...more,
  });
  beforeEach(async () => {
    await test.apply(tenant('t'), deployment('d', 't'));
  });

  it('may have a list with a name that an API’s response has', async () => {
    const rows = [reading({ volumes: [] }), reading({ resourceId: 'vm-2', droplets: [{ id: 1 }] })];
    const file = await files.write('usage.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([2, 2, 0, 0, 0]);
  });

  it('ends where a line does, not at U+2028 in a text', async () => {
    const rows = [reading({ resourceId: 'vm\u2028-1\u2029' }), reading({ resourceId: 'vm-2' })];
    const file = await files.write('usage.jsonl', rows.map((row) => JSON.stringify(row)).join('\r'));
    const { rejects } = await backfilled(test, 'usage', file);
    // The id is refused as one: it has a separator. What follows is on line 2.
    expect(rejects).toMatchObject([{ rows: 1, first: [{ row: 1, line: 1 }] }]);
    expect(rejects[0]?.reason).not.toContain('JSON');
  });

  it('may be longer than what is read at once, and end where that ends', async () => {
    const first = JSON.stringify(reading({ note: '' }));
    // 65,536 characters are read at once: the last of these is the CR, and the LF comes with the next.
    const padded = JSON.stringify(reading({ note: 'x'.repeat(65_535 - first.length) }));
    const second = JSON.stringify(reading({ resourceId: 'vm-2', note: 'y'.repeat(200_000) }));
    const file = await files.write('long.jsonl', `${padded}\r\n${second}\r\n${JSON.stringify(reading({ end: 'x' }))}`);
    const summary = await backfilled(test, 'usage', file);
    expect(countsOf(summary)).toEqual([3, 2, 0, 0, 1]);
    expect(summary.rejects).toMatchObject([{ first: [{ row: 3, line: 3 }] }]);
  });

  it('is counted where Prometheus has no sample for it', async () => {
    const histograms = [[1775001600, { count: '3' }]];
    const result = [
      { metric: { deployment: 'd' }, histograms },
      { metric: { deployment: 'd' }, values: [[1775001600, '1']], histograms },
    ];
    const answer = { status: 'success', data: { resultType: 'matrix', result } };
    const mapping = { preset: 'prometheus', values: { deploymentId: 'd', resourceId: 'r', billingKind: 'cpu' } };
    const file = await files.write('histogram.json', JSON.stringify(answer));
    // The one sample, and two rows without a value.
    expect(countsOf(await backfilled(test, 'usage', file, mapping))).toEqual([3, 1, 0, 0, 2]);
  });
});

describe('a folder', () => {
  const put = async (path: string, content = 'x\n'): Promise<string> => {
    await mkdir(join(files.path, path, '..'), { recursive: true });
    return files.write(path, content);
  };
  const manifest = (key: string): string => JSON.stringify({ reportKeys: [key] });
  const MONTH = 'r/20260401-20260501';

  it('with AWS’s manifest means the files that it names, not those of older assemblies', async () => {
    await put(`${MONTH}/a/r-1.csv.gz`);
    await put(`${MONTH}/a/r-Manifest.json`, manifest(`${MONTH}/a/r-1.csv.gz`));
    const current = await put(`${MONTH}/b/r-1.csv.gz`);
    await put(`${MONTH}/b/r-Manifest.json`, manifest(`${MONTH}/b/r-1.csv.gz`));
    await put(`${MONTH}/r-Manifest.json`, manifest(`${MONTH}/b/r-1.csv.gz`));
    expect(await filesOf(files.path)).toEqual([current]);
    expect(await filesOf(join(files.path, MONTH, '*'))).toEqual([current]);
  });

  it('with manifests that may be of one month is refused', async () => {
    await put('metadata/1/Manifest.json', manifest('data/1/x.csv.gz'));
    await put('metadata/2/Manifest.json', manifest('data/2/x.csv.gz'));
    await expect(filesOf(files.path)).rejects.toThrow(
      /are manifests, perhaps of the same month\. Name each manifest to import\./,
    );
  });

  it('may have its manifest and its data apart', async () => {
    const data = await put('data/BILLING_PERIOD=2026-04/x.csv.gz');
    await put(
      'metadata/BILLING_PERIOD=2026-04/x-Manifest.json',
      manifest('s3://bucket/data/BILLING_PERIOD=2026-04/x.csv.gz'),
    );
    expect(await filesOf(files.path)).toEqual([data]);
  });

  it('may have a manifest of another program, which names no files', async () => {
    const part = await put('run/part-0.csv');
    await put('run/manifest.json', '{"tables":[{"name":"run/part-0.csv"}]}');
    expect(await filesOf(files.path)).toEqual([part]);
  });

  // Azure writes the month to date each day, each run into a folder of its own.
  it('by Azure is one run of it', async () => {
    const of = (run: string): string =>
      `{"blobs":[{"blobName":"x/20260401-20260430/${run}/part_0.csv","byteCount":9}]}`;
    const part = await put('20260401-20260430/run1/part_0.csv');
    await put('20260401-20260430/run1/manifest.json', of('run1'));
    expect(await filesOf(files.path)).toEqual([part]);
    const second = await put('20260401-20260430/run2/part_0.csv');
    const manifest = await put('20260401-20260430/run2/manifest.json', of('run2'));
    await expect(filesOf(files.path)).rejects.toThrow('are manifests, perhaps of the same month');
    expect(await filesOf(manifest)).toEqual([second]);
    // The same, where a pattern or the shell names the files, and not the manifests beside them.
    for (const named of [[join(files.path, '**/*.csv')], [part, second]])
      await expect(allFilesOf(named)).rejects.toThrow('are manifests, perhaps of the same month');
    expect(await allFilesOf([second])).toEqual([second]);
    expect(await allFilesOf([join(files.path, '20260401-20260430/run1/manifest.json'), manifest])).toEqual([
      part,
      second,
    ]);
  });

  it('is searched for the files of its manifest, and not for others of the same name', async () => {
    await put('r-1.csv.gz');
    await put('april/r-Manifest.json', manifest('r/20260401-20260501/r-1.csv.gz'));
    await expect(filesOf(join(files.path, 'april'))).rejects.toThrow('which is not beside it');
  });

  it('does not mean what programs and --detect leave in it', async () => {
    await put('_SUCCESS', '');
    await put('a.csv.map.json', '{}');
    const bill = await put('a.csv');
    expect(await filesOf(files.path)).toEqual([bill]);
  });
});
