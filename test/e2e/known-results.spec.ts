import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { decimal, text } from '#domain/money/decimal';
import type { Mapping } from '#exchange/rows/mapping';
import { backfilled, countsOf, deployment, dryRunOf, TENANT } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { subscription } from '../support/commands.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

// Sums that were computed apart from any of our code, of files that are public: from files of as many rows that the
// test writes, and, where LEDGERLINE_TEST_DATA names a folder that has them, from the files themselves.

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
beforeEach(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
  await test.apply(TENANT, deployment('site'));
});
afterEach(async () => {
  await Promise.all([test.close(), files.remove()]);
});

const used = async (): Promise<Record<string, string>> =>
  test.ask('usage', { deploymentId: 'site', start: '2023-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' });
const product = (quantity: string | undefined, price: string): string =>
  text(decimal(quantity ?? '').times(decimal(price)));
const added = (a: string, b: string): string => text(decimal(a).plus(decimal(b)));

/** So many whole numbers that add up to `total`, all but the last alike. */
function parts(total: bigint, count: number): bigint[] {
  const each = total / BigInt(count);
  return Array.from({ length: count }, (_, n) => (n === count - 1 ? total - each * BigInt(count - 1) : each));
}

/** An hour's requests to a language model: their columns are read one after the other. */
const tokensOf = (quantity: string, billingKind: string): Mapping => ({
  zone: 'Z',
  columns: { start: 'TIMESTAMP', quantity },
  values: { deploymentId: 'site', resourceId: 'llm', billingKind, granularity: 'event' },
});
async function tokens(file: string, rows: number): Promise<{ input: string; output: string }> {
  expect(countsOf(await backfilled(test, 'usage', file, tokensOf('ContextTokens', 'input_tokens')))).toEqual([
    rows,
    rows,
    0,
    0,
    0,
  ]);
  expect(countsOf(await backfilled(test, 'usage', file, tokensOf('GeneratedTokens', 'output_tokens')))).toEqual([
    rows,
    rows,
    0,
    0,
    0,
  ]);
  const { input_tokens: input = '', output_tokens: output = '' } = await used();
  return { input, output };
}
const trace = (input: bigint, output: bigint, rows: number): string => {
  const [inputs, outputs] = [parts(input, rows), parts(output, rows)];
  return `TIMESTAMP,ContextTokens,GeneratedTokens\n${inputs.map((each, n) => `2023-11-16 18:${String(n % 60).padStart(2, '0')}:03.9799600,${each},${outputs[n]}\n`).join('')}`;
};

const CODE = { rows: 8819, input: '18059974', output: '245896', alike: '16.1091656', apart: '9.644727' };
const CONVERSATION = { rows: 19_366, input: '22361870', output: '4088665', alike: '23.2764708', apart: '21.4025975' };
function expectTrace(found: { input: string; output: string }, { input, output, alike, apart }: typeof CODE): void {
  expect(found).toEqual({ input, output });
  // At 0.00000088 each, and at 0.0000005 and 0.0000025.
  expect(product(added(input, output), '0.00000088')).toBe(alike);
  expect(added(product(input, '0.0000005'), product(output, '0.0000025'))).toBe(apart);
}

const PODS = 7255;
const POD_PRICE = '0.0003050596';
const planOf = (price: object): object => ({
  command: 'publish-plan',
  planId: 'p',
  name: 'P',
  currency: 'USD',
  baseFee: '0',
  paymentTerm: 'in_arrears',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [price],
});

describe('known results', () => {
  it.each([
    ['code', CODE],
    ['conversation', CONVERSATION],
  ])('of the %s trace: tokens, and what they cost', async (_name, known) => {
    const file = await files.write('trace.csv', trace(BigInt(known.input), BigInt(known.output), known.rows));
    expectTrace(await tokens(file, known.rows), known);
  });

  it('of pods: 41,775,626.5582 vCPU-minutes are 12,744.055927593868720', async () => {
    await test.apply(
      planOf({ billingKind: 'vcpu_minutes', price: { model: 'unit', unitAmount: POD_PRICE } }),
      subscription('s', 'site', 'p'),
    );
    const minutes = (ten_thousandths: bigint): string =>
      `${ten_thousandths / 10_000n}.${String(ten_thousandths % 10_000n).padStart(4, '0')}`;
    const rows = parts(417_756_265_582n, PODS).map(
      (each, n) => `site,pod-${n},vcpu_minutes,2026-04-01T00:00:00Z,event,${minutes(each)}\n`,
    );
    const file = await files.write(
      'pods.csv',
      `deploymentId,resourceId,billingKind,start,granularity,quantity\n${rows.join('')}`,
    );
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([PODS, PODS, 0, 0, 0]);
    expect(await used()).toEqual({ vcpu_minutes: '41775626.5582' });
    expect(product('41775626.5582', POD_PRICE)).toBe('12744.05592759386872');
    expect(await test.ask('accrual', { at: '2026-04-30T00:00:00Z' })).toMatchObject({ total: '12744.06' });
  });

  it('of a VM of 2 vCPU: 40,320 minutes at 0.0003843751 are 30.996, and 21 % of that 6.509', async () => {
    // 2 × 40,320
    const file = await files.write(
      'vm.csv',
      'deploymentId,resourceId,billingKind,start,end,quantity\nsite,vm,vcpu_minutes,2026-02-01T00:00:00Z,2026-03-01T00:00:00Z,80640\n',
    );
    expect(countsOf(await backfilled(test, 'usage', file))).toEqual([1, 1, 0, 0, 0]);
    const { vcpu_minutes: minutes } = await used();
    expect(product(minutes, '0.0003843751')).toBe('30.996008064');
    expect(product('30.996008064', '0.21')).toBe('6.50916169344');
  });
});

const DATA = process.env['LEDGERLINE_TEST_DATA'];
const real = (...path: string[]): string => join(DATA ?? '', ...path);

if (DATA !== undefined && existsSync(DATA)) {
  /** A copy, because rejects and notes are written next to a file. */
  const copied = async (...path: string[]): Promise<string> =>
    files.write(path.at(-1) ?? '', await readFile(real(...path), 'utf8'));
  const costs = async (): Promise<unknown> =>
    (
      await test.core.pool.query(
        'SELECT count(*)::int AS lines, trim_scale(sum(amount))::text AS amount, ' +
          'trim_scale(sum(coalesce(effective_amount, amount)))::text AS effective FROM cost_lines WHERE ' +
          'position_to IS NULL',
      )
    ).rows[0];

  describe('known results of the files themselves', () => {
    it('a DigitalOcean invoice: 122.11', async () => {
      const file = await copied('digitalocean', 'do_invoice_csv_2019-01_fixture.csv');
      expect(countsOf(await backfilled(test, 'costs', file))).toEqual([7, 7, 0, 0, 0]);
      expect(countsOf(await backfilled(test, 'costs', file))).toEqual([7, 0, 7, 0, 0]);
      await test.ledger.catchUp();
      expect(await costs()).toMatchObject({ lines: 7, amount: '122.11' });
    });

    it('FOCUS’s official sample: 1,000 odd rows imported, billed 20.52022672899, effective 14.97651418586', async () => {
      const file = await copied('focus', 'focus_1.0_sample_official.csv');
      const summary = await backfilled(test, 'costs', file);
      expect(countsOf(summary)).toEqual([1000, 1000, 0, 0, 0]);
      expect(summary.odd.find(({ code }) => code === 'price_times_quantity')).toMatchObject({ rows: 25 });
      expect(countsOf(await backfilled(test, 'costs', file))).toEqual([1000, 0, 1000, 0, 0]);
      expect(await costs()).toEqual({ lines: 1000, amount: '20.52022672899', effective: '14.97651418586' });
    });

    it('an AWS report: 1,281 rows, 893 of them with a repeated line id', async () => {
      const file = await copied('aws_cur', 'aws_cur_sample_anonymous.csv');
      const rows: Record<string, string>[] = parse(await readFile(file), { columns: true });
      // Some are written as 1.81E-8: numeric takes them exactly.
      const { rows: sums } = await test.core.pool.query<{ sum: string }>(
        'SELECT trim_scale(sum(each::numeric))::text AS sum FROM unnest($1::text[]) each',
        [rows.map((row) => row['lineItem/UnblendedCost'])],
      );
      expect(countsOf(await backfilled(test, 'costs', file))).toEqual([1281, 1281, 0, 0, 0]);
      expect(countsOf(await backfilled(test, 'costs', file))).toEqual([1281, 0, 1281, 0, 0]);
      expect(await costs()).toMatchObject({ lines: 1281, amount: sums[0]?.sum });
    });

    it.each([
      ['oci-cost-report.csv', 16, '0.621372839998247076', {}],
      // Its currency is masked as MC.
      ['azure-cost-details.csv', 5, '19.998413754', { values: { currency: 'USD' } }],
      ['azure-camel-case.csv', 3, '0.00011016', {}],
      ['azure-ea-actual.csv', 11, '8.5450077867419368', {}],
      ['azure-ea-amortized.csv', 12, '16.240344093848903736', { preset: 'azure-amortized' }],
    ])('%s: %i rows, %s', async (name, rows, amount, mapping) => {
      const file = await copied('bills', name);
      expect(countsOf(await backfilled(test, 'costs', file, mapping))).toEqual([rows, rows, 0, 0, 0]);
      expect(countsOf(await backfilled(test, 'costs', file, mapping))).toEqual([rows, 0, rows, 0, 0]);
      expect(await costs()).toMatchObject({ lines: rows, amount });
    });

    it('GCP’s exports: 0.000032 before credits, nothing after them', async () => {
      const credited = await copied('bills', 'gcp-with-credits.csv');
      // 9 rows, of which 8 have a credit. 6 × 0.000005 + 2 × 0.000001 = 0.000032
      expect(countsOf(await backfilled(test, 'costs', credited))).toEqual([17, 17, 0, 0, 0]);
      expect(await costs()).toMatchObject({ lines: 17, amount: '0' });
      expect(countsOf(await backfilled(test, 'costs', credited))).toEqual([17, 0, 17, 0, 0]);
      const detailed = await copied('bills', 'gcp-detailed.csv');
      expect(countsOf(await backfilled(test, 'costs', detailed))).toEqual([9, 9, 0, 0, 0]);
      expect(await costs()).toMatchObject({ lines: 26, amount: '0.000012' });
    });

    it('Ubicloud’s list: 1,025 rates of 872 keys', async () => {
      const file = await copied('ubicloud_rates.csv');
      const summary = await backfilled(test, 'rates', file);
      expect(countsOf(summary)).toEqual([1025, 1025, 0, 0, 0]);
      expect(
        (
          await test.core.pool.query(
            'SELECT count(DISTINCT (resource_type, resource_family, location))::int AS keys FROM rates WHERE ' +
              'position_to IS NULL',
          )
        ).rows,
      ).toEqual([{ keys: 872 }]);
      expect(countsOf(await dryRunOf(test, 'rates', file))).toEqual([1025, 0, 1025, 0, 0]);
    });

    it.each([
      ['AzureLLMInferenceTrace_code.csv', CODE],
      ['AzureLLMInferenceTrace_conv.csv', CONVERSATION],
    ])('%s', async (name, known) => {
      expectTrace(await tokens(await copied('llm_traces', name), known.rows), known);
    });

    it.each([
      ['AzureLLMInferenceTrace_code.csv', CODE],
      ['AzureLLMInferenceTrace_conv.csv', CONVERSATION],
    ])('%s at once, as a trace of tokens', async (name, { rows, input, output }) => {
      const mapping = { values: { deploymentId: 'site', resourceId: 'llm' } };
      const summary = await backfilled(test, 'usage', await copied('llm_traces', name), mapping);
      expect(countsOf(summary)).toEqual([2 * rows, 2 * rows, 0, 0, 0]);
      expect(await used()).toEqual({ input_tokens: input, output_tokens: output });
    });

    it('openb’s pods: 7,255 scheduled, in thousandths of a core and seconds', async () => {
      const pods: Record<string, string>[] = parse(await readFile(real('alibaba', 'openb_pod_list_default.csv')), {
        columns: true,
      });
      const scheduled = pods.filter(({ scheduled_time }) => scheduled_time !== '');
      const rows = scheduled.map(({ name, cpu_milli = '', deletion_time = '', scheduled_time = '' }) => {
        const start = new Date(Date.UTC(2026, 0, 1) + Number.parseInt(scheduled_time, 10) * 1000).toISOString();
        return `site,${name},core_ms,${start},event,${BigInt(cpu_milli) * (BigInt(Number.parseInt(deletion_time, 10)) - BigInt(Number.parseInt(scheduled_time, 10)))}\n`;
      });
      const file = await files.write(
        'pods.csv',
        `deploymentId,resourceId,billingKind,start,granularity,quantity\n${rows.join('')}`,
      );
      expect(countsOf(await backfilled(test, 'usage', file))).toEqual([PODS, PODS, 0, 0, 0]);
      // 60,000 of them are a vCPU-minute: 41,775,626.5582 × 60,000
      expect(await used()).toEqual({ core_ms: '2506537593492' });
    });
  });
}
