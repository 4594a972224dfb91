import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backfilled, countsOf, deployment, TENANT } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { LOGS, testLedger, type TestLedger } from '../support/ledger.js';

const HEADER = 'deploymentId,resourceId,billingKind,start,end,granularity,quantity\n';
const hour = (site: string, at: number, quantity: string): string =>
  `${site},vm-1,cpu_hours,2026-04-01T0${at}:00:00Z,2026-04-01T0${at + 1}:00:00Z,hour,${quantity}\n`;

const LINE = {
  deploymentId: 'site',
  resourceId: 'vm-1',
  billingKind: 'cpu_hours',
  start: '2026-04-01T01:00:00Z',
  end: '2026-04-01T02:00:00Z',
  granularity: 'hour',
  quantity: '2',
};

describe.each(LOGS)('backfill into %s', (_name, open) => {
  it('imports each row once, also if two import the same file at the same time', async () => {
    const [test, files] = await Promise.all([open(), folder()]);
    try {
      await test.apply(TENANT, deployment('site'));
      const rows = Array.from({ length: 2500 }, (_, n) => `site,vm-${n},cpu_hours,2026-04-01T01:00:00Z,,hour,0.5\n`);
      const file = await files.write('both.csv', HEADER + rows.join(''));
      const both = await Promise.all([backfilled(test, 'usage', file), backfilled(test, 'usage', file)]);
      expect(
        both
          .map(countsOf)
          .reduce((sum, counts) => sum.map((each, index) => each + (counts[index] ?? 0)), [0, 0, 0, 0, 0]),
      ).toEqual([5000, 2500, 2500, 0, 0]);
      expect(countsOf(await backfilled(test, 'usage', file))).toEqual([2500, 0, 2500, 0, 0]);
      // 2,500 × 0.5
      expect(
        await test.ask('usage', { deploymentId: 'site', start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' }),
      ).toEqual({ cpu_hours: '1250' });
    } finally {
      await Promise.all([test.close(), files.remove()]);
    }
  });
});

it('rejects a row that is too large for an event, and imports the others', async () => {
  const [test, files] = await Promise.all([testLedger(), folder()]);
  try {
    await test.apply(TENANT, deployment('site'));
    const large = { ...LINE, resourceId: 'vm-2', attributes: { text: 'x'.repeat(950_000) } };
    const file = await files.write('usage.jsonl', [LINE, large].map((each) => JSON.stringify(each)).join('\n'));
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([2, 1, 0, 0, 1]);
    // 950,000 characters, and {"text":"…"} and null around them.
    expect(await readFile(`${file}.rejects.jsonl`, 'utf8')).toMatch(/the reading has 9500\d\d bytes/);
  } finally {
    await Promise.all([test.close(), files.remove()]);
  }
});

it('finishes beside live readings of the same deployment and month, and counts each once', async () => {
  const [test, files] = await Promise.all([testLedger(), folder()]);
  try {
    await test.apply(TENANT, deployment('site'));
    const rows = Array.from({ length: 4000 }, (_, n) => `site,old-${n},cpu_hours,2026-04-01T01:00:00Z,,hour,0.5\n`);
    const file = await files.write('old.csv', HEADER + rows.join(''));
    let isImporting = true;
    let sent = 0;
    const live = Array.from({ length: 4 }, async () => {
      while (isImporting) {
        sent += 1;
        // Some of them are readings that the file has too.
        const resourceId = sent % 10 === 0 ? `old-${sent % 4000}` : `new-${sent}`;
        await test.apply({
          command: 'observe-usage',
          deploymentId: 'site',
          observations: [
            {
              resourceId,
              billingKind: 'cpu_hours',
              period: { start: '2026-04-01T01:00:00Z', end: '2026-04-01T02:00:00Z' },
              granularity: 'hour',
              quantity: '0.5',
            },
          ],
        });
      }
    });
    const summary = await backfilled(test, 'usage', file).finally(() => (isImporting = false));
    await Promise.all(live);
    expect(countsOf(summary)).toMatchObject([4000, expect.any(Number), expect.any(Number), 0, 0]);
    // Every resource once, 0.5 each: the file's, and the new ones of the live readings.
    const ofFile = 4000;
    const ofLive = sent - Math.floor(sent / 10);
    expect(
      await test.ask('usage', { deploymentId: 'site', start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' }),
    ).toEqual({ cpu_hours: String((ofFile + ofLive) / 2) });
  } finally {
    await Promise.all([test.close(), files.remove()]);
  }
});

describe('backfill usage', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
    await test.apply(
      TENANT,
      ...['once', 'packed', 'twice', 'again', 'events', 'ids', 'mapped', 'lines', 'mended', 'days', 'many', 'runs'].map(
        deployment,
      ),
    );
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  const used = async (deploymentId: string): Promise<unknown> =>
    test.ask('usage', { deploymentId, start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' });

  it('imports each row once if the file is imported repeatedly', async () => {
    const file = await files.write('once.csv', HEADER + hour('once', 1, '2') + hour('once', 2, '0.50'));
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([2, 2, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([2, 0, 2, 0, 0]);
    // 2 + 0.50
    expect(await used('once')).toEqual({ cpu_hours: '2.5' });
  });

  it('records in its events which import made them', async () => {
    const [a, b] = [
      await files.write('run-a.csv', HEADER + hour('runs', 1, '1') + hour('runs', 2, '1')),
      await files.write('run-b.csv', HEADER + hour('runs', 3, '1')),
    ];
    await backfilled(test, 'usage', [a]);
    await backfilled(test, 'usage', [b]);
    const runs = (await test.core.book.load('usage-runs-2026-04')).map(({ metadata }) => metadata.correlationId);
    expect(runs).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    expect(new Set(runs).size).toBe(2);
  });

  it('reads gzip and stdin as the file that they contain', async () => {
    const content = HEADER + hour('packed', 1, '3');
    const packed = join(files.path, 'packed.csv.gz');
    await writeFile(packed, gzipSync(content));
    expect(countsOf(await backfilled(test, 'usage', packed))).toEqual([1, 1, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'usage', '-', {}, { stdin: () => Readable.from([content]) }))).toEqual([
      1, 0, 1, 0, 0,
    ]);
  });

  it('counts equal rows of one file as two, and a second file of the same hour as a second delivery', async () => {
    const file = await files.write(
      'twice.csv',
      HEADER + hour('twice', 1, '2') + hour('twice', 1, '2') + hour('twice', 1, '7'),
    );
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([3, 3, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([3, 0, 3, 0, 0]);
    // 2 + 2 + 7
    expect(await used('twice')).toEqual({ cpu_hours: '11' });
  });

  it('books another quantity of a reading as a correction, and still knows the first delivery', async () => {
    const [first, second] = [
      await files.write('again.csv', HEADER + hour('again', 1, '2') + hour('again', 2, '2')),
      await files.write('again-2.csv', HEADER + hour('again', 1, '2') + hour('again', 2, '5')),
    ];
    expect(countsOf(await backfilled(test, 'usage', first))).toEqual([2, 2, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'usage', second))).toEqual([2, 0, 1, 1, 0]);
    expect(countsOf(await backfilled(test, 'usage', first))).toEqual([2, 0, 2, 0, 0]);
    // 2 + 5
    expect(await used('again')).toEqual({ cpu_hours: '7' });
    const { items } = await test.ask<{ items: { type: string; data: { reason?: string } }[] }>('events', {
      stream: 'usage-again-2026-04',
    });
    expect(items.at(-1)).toMatchObject({
      type: 'UsageCorrected',
      data: { reason: 're-delivered', origin: 'backfill' },
    });
  });

  it('identifies events without ids by file and row', async () => {
    const request = 'events,api,requests,2026-04-01T10:00:00Z,,event,1\n';
    const [a, b] = [
      await files.write('events-a.csv', HEADER + request + request),
      await files.write('events-b.csv', HEADER + request),
    ];
    expect(countsOf(await backfilled(test, 'usage', a))).toEqual([2, 2, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'usage', b))).toEqual([1, 1, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'usage', [a, b]))).toEqual([3, 0, 3, 0, 0]);
    expect(await used('events')).toEqual({ requests: '3' });
  });

  it('identifies a row by the id of its source, in any file', async () => {
    const row = (id: string, quantity: string): string =>
      `ids,api,requests,2026-04-01T10:00:00Z,event,${quantity},${id}\n`;
    const header = 'deployment_id,resource_id,billing_kind,start,granularity,quantity,source_id\n';
    const [a, b] = [
      await files.write('ids-a.csv', header + row('x', '1') + row('y', '1')),
      await files.write('ids-b.csv', header + row('y', '1') + row('x', '4')),
    ];
    expect(countsOf(await backfilled(test, 'usage', a))).toEqual([2, 2, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'usage', b))).toEqual([2, 0, 1, 1, 0]);
    // 4 + 1
    expect(await used('ids')).toEqual({ requests: '5' });
  });

  it('imports many readings together like few, with any attributes', async () => {
    const attributes = { path: 'C:\\temp\t"x"\n', tab: '\\N' };
    const lines = Array.from({ length: 700 }, (_, n) =>
      JSON.stringify({
        deploymentId: 'many',
        resourceId: `vm\\${n}`,
        billingKind: 'gb',
        start: '2026-04-01T00:00:00Z',
        granularity: 'day',
        quantity: '0.5',
        attributes,
      }),
    );
    const file = await files.write('many.jsonl', lines.join('\n'));
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([700, 700, 0, 0, 0]);
    // Row by row, and not by the file's mark: as another file, it holds the same readings.
    expect(
      countsOf(await backfilled(test, 'usage', await files.write('many-2.jsonl', `\n${lines.join('\n')}`))),
    ).toEqual([700, 0, 700, 0, 0]);
    // 700 × 0.5
    expect(await used('many')).toEqual({ gb: '350' });
    const { items } = await test.ask<{ items: { resourceId: string }[] }>('usage-records', {
      deploymentId: 'many',
      limit: '1',
    });
    expect(items[0]?.resourceId).toBe('vm\\0');
  });

  it('reads columns with other names by a mapping, and times in its zone', async () => {
    const file = await files.write(
      'trace.csv',
      'TIMESTAMP;ContextTokens\n2026-04-01 18:17:03.9799600;4808\n2026-04-01 18:17:04.0319600;3180\n',
    );
    const mapping = {
      delimiter: ';',
      zone: 'Z',
      columns: { start: 'TIMESTAMP', quantity: 'ContextTokens' },
      values: { deploymentId: 'mapped', resourceId: 'gpt', billingKind: 'input_tokens', granularity: 'event' },
    };
    expect(countsOf(await backfilled(test, 'usage', file, mapping))).toEqual([2, 2, 0, 0, 0]);
    // 4808 + 3180
    expect(await used('mapped')).toEqual({ input_tokens: '7988' });
  });

  it('reads the items of a list, and dates in a format and a zone, by a mapping', async () => {
    const meter = (site: string, items: readonly object[]) => ({ meter: { site }, report: { readings: items } });
    const text = JSON.stringify({
      data: [
        meter('listed', [
          { unit: 'vm-1', at: '01/04/2026 02:00', kwh: 1.25 },
          { unit: 'vm-2', at: '01/04/2026 02:00', kwh: 'two' },
        ]),
        meter('listed', []),
      ],
    });
    const mapping = {
      list: 'report.readings',
      ...{ zone: 'Europe/Paris', dates: 'DD/MM/YYYY HH:mm' },
      columns: { deploymentId: 'meter.site', resourceId: 'unit', start: 'at', quantity: 'kwh' },
      values: { billingKind: 'kwh', granularity: 'hour' },
    };
    await test.apply(deployment('listed'));
    const whole = await files.write('meters.json', text);
    await expect(backfilled(test, 'usage', whole, mapping)).resolves.toMatchObject({
      said: ['meters.json, row 1 (line 1) has no list report.readings. Add it, or correct "list" in the mapping.'],
    });

    const file = await files.write('each.json', JSON.stringify((JSON.parse(text) as { data: object[] }).data));
    const first = await backfilled(test, 'usage', file, mapping);
    expect([countsOf(first), first.said]).toEqual([
      [2, 1, 0, 0, 1],
      [
        'each.json, row 2: quantity "two" is not a plain decimal such as "12.50". Write it with a point, without' +
          ' separators or units.',
      ],
    ]);
    const { items } = await test.ask<{ items: { period: object }[] }>('usage-records', { deploymentId: 'listed' });
    // 02:00 in Paris, two hours ahead of UTC since 29 March.
    expect(items).toMatchObject([
      { resourceId: 'vm-1', period: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z' } },
    ]);

    const rejects = `${file}.rejects.jsonl`;
    await writeFile(rejects, (await readFile(rejects, 'utf8')).replace('"kwh":"two"', '"kwh":"2"'));
    expect(countsOf(await backfilled(test, 'usage', rejects, mapping))).toEqual([1, 1, 0, 0, 0]);
    // 1.25 + 2
    expect(await used('listed')).toEqual({ kwh: '3.25' });
  });

  it('expands lists of JSON lines, also in a list of the objects around them', async () => {
    const line = (n: number) =>
      JSON.stringify({
        site: 'lined',
        attributes: { az: n },
        readings: [{ unit: `vm-${n}`, q: 1 }, { unit: `vm-${n}`, q: 2 }, 3],
      });
    const file = await files.write('lists.jsonl', `${line(1)}\n${line(2)}\n`);
    await test.apply(deployment('lined'));
    const read = await backfilled(test, 'usage', file, {
      list: 'readings',
      columns: { deploymentId: 'site', resourceId: 'unit', quantity: 'q' },
      values: { billingKind: 'kwh', start: '2026-04-01T00:00:00Z', granularity: 'event' },
    });
    expect(countsOf(read)).toEqual([6, 4, 0, 0, 2]);
    expect(read.said[0]).toBe('lists.jsonl, row 3 (line 1) has an item of readings that is not a JSON object');
    // 2 × (1 + 2)
    expect(await used('lined')).toEqual({ kwh: '6' });
    const { items } = await test.ask<{ items: { attributes: object }[] }>('usage-records', { deploymentId: 'lined' });
    expect(items.map(({ attributes }) => attributes)).toEqual([{ az: 1 }, { az: 1 }, { az: 2 }, { az: 2 }]);
  });

  it('takes an object whose list was added in the file of rejects', async () => {
    await test.apply(deployment('added'));
    const mapping = {
      list: 'readings',
      columns: { deploymentId: 'site', resourceId: 'unit', quantity: 'q' },
      values: { billingKind: 'kwh', start: '2026-04-01T00:00:00Z', granularity: 'event' },
    };
    const file = await files.write('without.jsonl', '{"site":"added"}\n');
    expect(countsOf(await backfilled(test, 'usage', file, mapping))).toEqual([1, 0, 0, 0, 1]);
    const rejects = `${file}.rejects.jsonl`;
    const readings = '"site":"added","readings":[{"unit":"vm-1","q":1.5}]';
    await writeFile(rejects, (await readFile(rejects, 'utf8')).replace('"site":"added"', readings));
    expect(countsOf(await backfilled(test, 'usage', rejects, mapping))).toEqual([1, 1, 0, 0, 0]);
    expect(await used('added')).toEqual({ kwh: '1.5' });
  });

  it('refuses a list in a CSV file', async () => {
    const file = await files.write('list.csv', HEADER);
    await expect(backfilled(test, 'usage', file, { list: 'items' })).rejects.toThrow(
      'list.csv is a CSV file, in which there is no list items. Remove "list" from the mapping.',
    );
  });

  it('reads lines of JSON, with numbers exactly as they are written', async () => {
    const line = (quantity: string): string =>
      '{"deploymentId":"lines","resourceId":"vm-1","billingKind":"gb",' +
      '"period":{"start":"2026-04-01T00:00:00Z","end":"2026-04-02T00:00:00Z"},' +
      `"quantity":${quantity},"attributes":{"az":1}}\n`;
    const file = await files.write('lines.jsonl', line('0.1234567890123456789') + line('"1"'));
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([2, 2, 0, 0, 0]);
    expect(await used('lines')).toEqual({ gb: '1.1234567890123456789' });
  });

  it.each([
    ['lines', 'jsonl', (rows: readonly string[]) => rows.join('\n'), {}],
    ['one document', 'json', (rows: readonly string[]) => `[\n${rows.join(',\n')}\n]`, {}],
    ['a list by a mapping', 'json', (rows: readonly string[]) => `{"of":\n[${rows.join(',')}]}`, { list: 'of' }],
    ['an answer', 'json', (rows: readonly string[]) => `{"object":"list",\n"data":[${rows.join(',')}]}`, {}],
    ['an answer in a line', 'json', (rows: readonly string[]) => `{"object":"list","data":[${rows.join(',')}]}`, {}],
  ])('reads and rejects the same of JSON as %s', async (form, extension, content, mapping) => {
    const site = `of-${form.replaceAll(' ', '-')}`;
    await test.apply(deployment(site));
    const row = (hour: number, quantity: string): string =>
      `{"deploymentId":"${site}","resourceId":"vm-1","billingKind":"gb","granularity":"hour",` +
      `"period":{"start":"2026-04-01T0${hour}:00:00Z"},"quantity":${quantity},"attributes":{"az":1,"zone":"1"}}`;
    // The second row has no kind until it is repaired.
    const faulty = row(2, '0.1234567890123456789').replace('"billingKind":"gb",', '');
    const file = await files.write(`${site}.${extension}`, content([row(1, '0.1234567890123456789'), faulty]));
    expect(countsOf(await backfilled(test, 'usage', file, mapping))).toEqual([2, 1, 0, 0, 1]);
    const rejects = `${file}.rejects.jsonl`;
    const written = await readFile(rejects, 'utf8');
    expect(written).toContain('"quantity":0.1234567890123456789,"attributes":{"az":1,"zone":"1"}}');
    await writeFile(rejects, written.replace('"resourceId":"vm-1",', '"resourceId":"vm-1","billingKind":"gb",'));
    expect(countsOf(await backfilled(test, 'usage', rejects))).toEqual([1, 1, 0, 0, 0]);
    // 2 × 0.1234567890123456789
    expect(await used(site)).toEqual({ gb: '0.2469135780246913578' });
    const { items } = await test.ask<{ items: { attributes: object }[] }>('usage-records', { deploymentId: site });
    expect(items.map(({ attributes }) => attributes)).toEqual([
      { az: 1, zone: '1' },
      { az: 1, zone: '1' },
    ]);
  });

  it('writes rejected rows to a file that can be repaired and imported', async () => {
    const file = await files.write(
      'mended.csv',
      HEADER + hour('mended', 1, '2') + hour('mended', 2, 'two') + hour('nowhere', 3, '1'),
    );
    const first = await backfilled(test, 'usage', file);
    expect(countsOf(first)).toEqual([3, 1, 0, 0, 2]);
    expect(first.said).toEqual([
      'mended.csv, row 2 (line 3): quantity "two" is not a plain decimal such as "12.50". Write it with a ' +
        'point, without separators or units.',
      'mended.csv, row 3 (line 4): deploymentId "nowhere" is not registered. Register it ' +
        '(register-deployment), then import the file of rejects.',
    ]);
    const rejects = `${file}.rejects.jsonl`;
    expect(first.files[0]?.rejects).toBe(rejects);
    const written = await readFile(rejects, 'utf8');
    expect(JSON.parse(written.split('\n')[0] ?? '')).toMatchObject({
      row: 2,
      line: 3,
      field: 'quantity',
      value: 'two',
      record: { deploymentId: 'mended', quantity: 'two' },
    });
    await writeFile(rejects, written.replace('"quantity":"two"', '"quantity":"3"'));
    await test.apply(deployment('nowhere'));
    expect(countsOf(await backfilled(test, 'usage', rejects))).toEqual([2, 2, 0, 0, 0]);
    expect(await used('mended')).toEqual({ cpu_hours: '5' });
    // With nothing left to reject, the file of rejects goes.
    expect(
      countsOf(await backfilled(test, 'usage', await files.write('mended.csv', HEADER + hour('mended', 1, '2')))),
    ).toEqual([1, 0, 1, 0, 0]);
    await expect(readFile(rejects)).rejects.toThrow('ENOENT');
  });

  it('imports the repaired rows of a file whose columns are spelled otherwise', async () => {
    await test.apply(deployment('upper'));
    const header = 'DEPLOYMENT_ID,RESOURCE_ID,Billing-Kind,START,END,Granularity,QUANTITY\n';
    const file = await files.write('upper.csv', header + hour('upper', 1, '2') + hour('upper', 2, 'two'));
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([2, 1, 0, 0, 1]);
    const rejects = `${file}.rejects.jsonl`;
    await writeFile(rejects, (await readFile(rejects, 'utf8')).replace('"QUANTITY":"two"', '"QUANTITY":"3"'));
    expect(countsOf(await backfilled(test, 'usage', rejects))).toEqual([1, 1, 0, 0, 0]);
    // 2 + 3
    expect(await used('upper')).toEqual({ cpu_hours: '5' });
  });
});
