import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cli, folder } from '../support/cli.js';

describe('ledgerline backfill --detect', () => {
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    files = await folder();
  });
  afterAll(async () => {
    await files.remove();
  });

  it('names the source, and writes the values that it needs', async () => {
    const file = await files.write(
      'trace.csv',
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2026-04-01 10:00:00.5,4808,10\n2026-04-01 10:00:01,x,7\n',
    );
    const { code, stdout } = await cli(['backfill', '--detect', file]);
    expect(code).toBe(1);
    expect(stdout).toBe(`${file}: usage, preset token-trace, which needs values that the file lacks\n`);
    expect(JSON.parse(await readFile(`${file}.map.json`, 'utf8'))).toMatchObject({
      preset: 'token-trace',
      values: { deploymentId: 'VALUE FOR ALL ROWS' },
    });
  });

  it('asks for no value that an object has inside', async () => {
    const file = await files.write(
      'prometheus.json',
      '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"instance":"a","namespace":"shop"},' +
        '"values":[[1775037600,"5"]]}]}}',
    );
    const { stdout } = await cli(['backfill', '--detect', file]);
    expect(stdout).toContain(
      'prometheus.json: usage, preset prometheus, which needs values that the file lacks\nrow 1: billingKind is missing.',
    );
    // The namespace is the deployment.
    expect(JSON.parse(await readFile(`${file}.map.json`, 'utf8'))).toEqual({
      preset: 'prometheus',
      values: { billingKind: 'VALUE FOR ALL ROWS' },
    });
  });

  it.each([
    [
      'range.json',
      '{"status":"success","data":{"resultType":"matrix","result":[' +
        '{"metric":{"__name__":"gb","namespace":"shop"},"values":[[1775037660,"5"]]}]}}',
      'usage, preset prometheus\nrow 1: at does not end a UTC hour. Query with a step that begins on one.\n',
    ],
    [
      'events.jsonl',
      '{"specversion":"1.0","id":"1","source":"api","type":"calls","subject":"shop",' +
        '"time":"2026-04-01T10:00:00Z","datacontenttype":"text/xml","data":{}}\n',
      'usage, preset cloudevents\nrow 1: datacontenttype must be application/json',
    ],
    [
      'usage.jsonl',
      '{"deploymentId":"d","resourceId":"r","billingKind":"k","start":"yesterday","quantity":"1"}\n',
      'usage, preset usage\nrow 1: start is not an instant such as',
    ],
  ])('names the preset and the reasons where it refuses all rows of %s', async (name, content, shown) => {
    const file = await files.write(name, content);
    const { code, stdout } = await cli(['backfill', '--detect', file]);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${file}: ${shown}`)]);
    await expect(readFile(`${file}.map.json`, 'utf8')).rejects.toThrow('ENOENT');
  });

  it('asks for the column of a quantity, and never for one quantity for all rows', async () => {
    const file = await files.write(
      'gateway.jsonl',
      '{"input_tokens":null,"output_tokens":7,"time":"2026-04-01T10:00:00Z","model":"gpt"}\n',
    );
    const { code, stdout } = await cli(['backfill', '--detect', file]);
    expect(code).toBe(1);
    expect(stdout).toContain('gateway.jsonl: usage, preset token-trace, which needs values that the file lacks\n');
    expect(JSON.parse(await readFile(`${file}.map.json`, 'utf8'))).toEqual({
      preset: 'token-trace',
      columns: { inputTokens: 'NAME OF A COLUMN' },
      values: { deploymentId: 'VALUE FOR ALL ROWS' },
    });
  });

  it('says why lines are no rows', async () => {
    const file = await files.write('broken.jsonl', '{"a":\n');
    const { code, stdout } = await cli(['backfill', '--detect', file]);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/no preset fits its 0 columns.*\nrow 1: is not JSON/)]);
  });

  it('names the preset that fits, as JSON with the rows as they are read', async () => {
    const file = await files.write(
      'do.csv',
      'product,group_description,description,hours,start,end,USD,project_name\n' +
        'Droplets,,eth (s-4vcpu-8gb),744,2019-01-01 00:00:00 +0000,2019-02-01 00:00:00 +0000,$40.00,\n',
    );
    const { code, stdout } = await cli(['backfill', '--detect', file, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      found: [
        {
          kind: 'costs',
          preset: 'digitalocean-invoice',
          rows: [{ row: 1, item: { delivery: '2019-01', line: { amount: '40', currency: 'USD' } } }],
        },
      ],
      map: null,
    });
    expect(stdout).not.toContain('isOwnId');
  });

  it('is named where neither a kind nor a file is', async () => {
    const { code, stderr } = await cli(['backfill']);
    expect(code).toBe(2);
    expect(stderr).toContain('name a kind (usage, costs, resources, rates) and files, or --detect FILE');
  });

  it('takes columns with the names of the fields for the generic preset, and says what is wrong in a row', async () => {
    const file = await files.write(
      'usage.csv',
      'deployment_id,resource_id,billing_kind,start,granularity,quantity\n' +
        'site,vm-1,cpu_hours,2026-04-01T01:00:00Z,hour,2\nsite,vm-1,cpu_hours,2026-04-31T01:00:00Z,hour,2\n',
    );
    const { code, stdout, stderr } = await cli(['backfill', '--detect', file]);
    expect(code).toBe(0);
    expect(stdout).toContain('usage.csv: usage, preset usage\n{"deploymentId":"site",');
    expect(stdout).toContain('row 2: start does not exist in the calendar. Correct the date.');
    expect(stderr).toContain(`import it: ledgerline backfill usage ${file} --preset usage`);
  });

  it('writes a mapping to start from where no preset fits', async () => {
    const file = await files.write('odd.csv', 'vm,when,amount,currency,provider,kind\na,b,1,USD,c,d\n');
    const { code, stdout, stderr } = await cli(['backfill', '--detect', file]);
    expect(code).toBe(1);
    expect(stdout).toBe(`${file}: no preset fits its 6 columns: vm, when, amount, currency, provider, kind\n`);
    expect(stderr).toContain(`ledgerline backfill costs ${file} --map ${file}.map.json --dry-run`);
    // The generic bill needs these too.
    expect(JSON.parse(await readFile(`${file}.map.json`, 'utf8'))).toEqual({
      preset: 'costs',
      columns: {
        invoiceRef: 'NAME OF A COLUMN',
        start: 'NAME OF A COLUMN',
        end: 'NAME OF A COLUMN',
        category: 'NAME OF A COLUMN',
      },
    });
  });
});
