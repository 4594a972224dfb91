import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backfilled, countsOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { tenant } from '../support/commands.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

const DO_HEADER = 'product,group_description,description,hours,start,end,USD,project_name\n';
const FIRST = '2019-01-01 00:00:00 +0000';
const LAST = '2019-02-01 00:00:00 +0000';
/** A real invoice: 446 h of a 20.00 droplet are 20.00 × 446 / 672 = 13.27, 297 h are 8.84. */
const DO_INVOICE = `${DO_HEADER}Volumes,,volume-sfo2-01 (sfo2) 100GB,744,${FIRST},2019-01-31 23:59:59 +0000,$10.00,
Droplets,,eth (s-4vcpu-8gb),744,${FIRST},${LAST},$40.00,
Droplets,,blog (s-1vcpu-2gb),744,${FIRST},${LAST},$10.00,
Droplets,,staging (s-2vcpu-4gb),744,${FIRST},${LAST},$20.00,
Droplets,,explorer (s-2vcpu-4gb),744,${FIRST},${LAST},$20.00,
Droplets,,indra (s-2vcpu-4gb),446,2019-01-13 09:39:51 +0000,${LAST},$13.27,
Droplets,,alchemy (s-2vcpu-4gb),297,${FIRST},2019-01-13 09:31:34 +0000,$8.84,
`;

const FOCUS_COLUMNS = [
  'BilledCost',
  'BillingAccountId',
  'BillingCurrency',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargeFrequency',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'EffectiveCost',
  'ListCost',
  'ListUnitPrice',
  'PricingQuantity',
  'ProviderName',
  'ResourceId',
  'Id',
  'ServiceName',
  'SkuId',
  'Tags',
];
const FOCUS_ROW: Record<string, string> = {
  BilledCost: '0.00000080000',
  BillingAccountId: '123',
  BillingCurrency: 'USD',
  BillingPeriodEnd: '2024-10-01 00:00:00',
  BillingPeriodStart: '2024-09-01 00:00:00',
  ChargeCategory: 'Usage',
  ChargeClass: 'NULL',
  ChargeDescription: 'requests',
  ChargeFrequency: 'Usage-Based',
  ChargePeriodEnd: '2024-09-18 23:00:00',
  ChargePeriodStart: '2024-09-18 22:00:00',
  EffectiveCost: '0.00000000000',
  ListCost: '0.00000080000',
  ListUnitPrice: '0.0000004',
  PricingQuantity: '2.00000000000',
  ProviderName: 'AWS',
  ResourceId: 'queue-1',
  Id: '1',
  ServiceName: 'Queues',
  SkuId: 'sku',
  Tags: 'NULL',
};
const cell = (value: string): string => `"${value.replaceAll('"', '""')}"`;
const focus = (...rows: Record<string, string>[]): string =>
  [
    FOCUS_COLUMNS.join(','),
    ...rows.map((row) => FOCUS_COLUMNS.map((column) => cell(row[column] ?? FOCUS_ROW[column] ?? '')).join(',')),
  ].join('\n');

const AWS_HEADER =
  'identity/LineItemId,identity/TimeInterval,bill/InvoiceId,bill/BillType,bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/LineItemType,lineItem/UsageStartDate,' +
  'lineItem/UsageEndDate,lineItem/ProductCode,lineItem/CurrencyCode,lineItem/UnblendedCost,lineItem/LineItemDescription\n';
const aws = (id: string, day: number, cost: string, type = 'Usage'): string =>
  `${id},2023-11-0${day}T00:00:00Z/2023-11-0${day + 1}T00:00:00Z,,Anniversary,42,2023-11-01T00:00:00.000Z,${type},2023-11-0${day}T00:00:00.000Z,2023-11-0${day + 1}T00:00:00.000Z,AmazonS3,USD,${cost},storage\n`;

describe('backfill costs', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeEach(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
  });
  afterEach(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  const cogs = async (period: string): Promise<string> =>
    (await test.ask<{ overall: { cogs: string } }>('margin', { period })).overall.cogs;
  const notes = async (file: string): Promise<{ row: number; code: string; field: string }[]> =>
    (await readFile(`${file}.notes.jsonl`, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { row: number; code: string; field: string });

  it('counts each line once, also if two import the same bill at the same time', async () => {
    const rows = Array.from({ length: 1500 }, (_, n) => aws(`line-${n}`, 1, '0.01'));
    const file = await files.write('both.csv', AWS_HEADER + rows.join(''));
    const both = await Promise.all([backfilled(test, 'costs', file), backfilled(test, 'costs', file)]);
    expect(
      both
        .map(countsOf)
        .reduce((sum, counts) => sum.map((each, index) => each + (counts[index] ?? 0)), [0, 0, 0, 0, 0]),
    ).toEqual([3000, 1500, 1500, 0, 0]);
    // 1,500 × 0.01
    expect(await cogs('2023-11-15')).toBe('15.00');
  });

  it('reads a DigitalOcean invoice: 122.11, once', async () => {
    const file = await files.write('do.csv', DO_INVOICE);
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([7, 7, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([7, 0, 7, 0, 0]);
    // 10.00 + 40.00 + 10.00 + 20.00 + 20.00 + 13.27 + 8.84
    expect(await cogs('2019-01-15')).toBe('122.11');
    // The volume's period ends with the month, not a second before it: none of it is February's, none of it is lost.
    expect(await notes(file)).toEqual([expect.objectContaining({ row: 1, code: 'last_second', field: 'end' })]);
  });

  it('books differences of a second delivery as corrections, and still knows the first delivery', async () => {
    const [first, second] = [
      await files.write('do.csv', DO_INVOICE),
      await files.write('do-2.csv', `${DO_INVOICE.replace('$8.84', '$8.94')}Taxes,,VAT,,${FIRST},${LAST},$1.00,\n`),
    ];
    await backfilled(test, 'costs', first);
    expect(countsOf(await backfilled(test, 'costs', second))).toEqual([8, 1, 6, 1, 0]);
    expect(countsOf(await backfilled(test, 'costs', first))).toEqual([7, 0, 7, 0, 0]);
    // 122.11 + 0.10; the tax is no cost of goods.
    expect(await cogs('2019-01-15')).toBe('122.21');
    const { items } = await test.ask<{
      items: { type: string; data: { reason?: string; lines: { amount: string }[] } }[];
    }>('events', { stream: 'cost-digitalocean-2019-01' });
    expect(items.find(({ type }) => type === 'CostCorrected')?.data).toMatchObject({
      reason: 're-delivered',
      lines: [{ amount: '8.94' }],
    });
  });

  it('counts equal lines of one invoice separately', async () => {
    const line = `Floating IPs,,Unused Floating IP,100,${FIRST},${LAST},$3.11,\n`;
    const file = await files.write('do.csv', DO_HEADER + line + line);
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([2, 2, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([2, 0, 2, 0, 0]);
    // 2 × 3.11
    expect(await cogs('2019-01-15')).toBe('6.22');
  });

  it('reads the items of an invoice as DigitalOcean’s API lists them', async () => {
    const item = {
      description: 'Spaces',
      amount: '34.45',
      start_time: '2020-01-01T00:00:00Z',
      end_time: '2020-02-01T00:00:00Z',
    };
    const file = await files.write(
      'items.json',
      JSON.stringify(
        {
          invoice_items: [
            { ...item, product: 'Kubernetes Clusters', resource_uuid: 'k8s', amount: '12.34' },
            { ...item, product: 'Spaces Subscription' },
          ],
          meta: { total: 2 },
        },
        null,
        1,
      ),
    );
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([2, 2, 0, 0, 0]);
    // 12.34 + 34.45
    expect(await cogs('2020-01-15')).toBe('46.79');
  });

  it('imports all FOCUS rows of the official sample, and reports each oddity with its row', async () => {
    const file = await files.write(
      'focus.csv',
      focus(
        {},
        { BilledCost: '-0.50', ResourceId: 'NULL', SkuId: 'b', ListCost: '1', Tags: '{" team": "a"}' },
        { BilledCost: '20.52022672899', ChargeFrequency: 'Usage-based', SkuId: 'c', EffectiveCost: '14.97651418586' },
        {
          BilledCost: '0.25',
          BillingPeriodStart: '2024-10-01 00:00:00',
          BillingPeriodEnd: '2024-11-01 00:00:00',
          ChargeCategory: 'Adjustment',
        },
        { BilledCost: '1.5E-7', ChargeClass: 'Correction', SkuId: 'd' },
      ),
    );
    const summary = await backfilled(test, 'costs', file);
    expect(countsOf(summary)).toEqual([5, 5, 0, 0, 0]);
    // 0.0000008 − 0.50 + 20.52022672899 + 0.25 + 0.00000015
    expect(await cogs('2024-09-15')).toBe('20.27022767899');
    const found = (await notes(file))
      .filter(({ code }) => code !== 'no_zone' && code !== 'null_text')
      .map(({ row, code }) => [row, code]);
    expect(found).toEqual([
      [0, 'foreign_column'],
      [2, 'tag_key_spaces'],
      [2, 'negative_usage'],
      [2, 'price_times_quantity'],
      [3, 'spelling'],
      [4, 'other_period'],
      [5, 'exponent'],
    ]);
    expect(summary.odd).toContainEqual({
      code: 'no_zone',
      field: 'ChargePeriodStart',
      message: 'time without zone. Read as UTC.',
      rows: 5,
    });
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([5, 0, 5, 0, 0]);
  });

  it('identifies a FOCUS charge by its names, not its measures: another cost is a correction', async () => {
    const [first, second] = [
      await files.write('a.csv', focus({}, { BilledCost: '2' })),
      await files.write('b.csv', focus({ ListCost: '9', Tags: '{}' }, { BilledCost: '3' })),
    ];
    // Two rows that differ only in their cost are two charges.
    expect(countsOf(await backfilled(test, 'costs', first))).toEqual([2, 2, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'costs', second))).toEqual([2, 0, 1, 1, 0]);
    // 0.0000008 + 3
    expect(await cogs('2024-09-15')).toBe('3.0000008');
  });

  it('assigns a cost to the tenant that a tag names', async () => {
    await test.apply(tenant('acme'));
    const file = await files.write(
      'focus.csv',
      focus({ BilledCost: '2', Tags: '{"tenant": "acme"}' }, { BilledCost: '1', SkuId: 'b' }),
    );
    await backfilled(test, 'costs', file, { tags: { 'tenant:': 'tenantId' } });
    expect(await test.ask('margin', { period: '2024-09-15' })).toMatchObject({
      byTenant: [{ tenantId: 'acme', cogs: '2.00' }],
      unattributed: { cogs: '1.00' },
    });
  });

  it('takes equal AWS lines as separate charges, and refuses an unknown type', async () => {
    const file = await files.write(
      'aws.csv',
      AWS_HEADER +
        aws('a', 1, '1.81E-8') +
        aws('a', 2, '0.25') +
        aws('b', 1, '0.5', 'Tax') +
        aws('c', 1, '1', 'Barter') +
        aws('a', 2, '0.25') +
        aws('a', 1, '7'),
    );
    const summary = await backfilled(test, 'costs', file);
    expect(countsOf(summary)).toEqual([6, 5, 0, 0, 1]);
    expect(summary.said).toEqual([
      expect.stringMatching(
        /^aws\.csv, row 4 \(line 5\): lineItemType "Barter" is not a known line type \(known: Usage, /,
      ),
    ]);
    // 0.0000000181 + 0.25 + 0.25 + 7, without tax
    expect(await cogs('2023-11-15')).toBe('7.5000000181');
  });

  it('corrects an AWS line that the next delivery has with another id', async () => {
    const [first, next] = [
      await files.write('open.csv', AWS_HEADER + aws('a', 1, '12.00') + aws('b', 2, '1.00') + aws('c', 3, '3.00')),
      await files.write('closed.csv', AWS_HEADER + aws('x', 1, '12.50') + aws('y', 2, '1.00') + aws('z', 3, '3.00')),
    ];
    expect(countsOf(await backfilled(test, 'costs', first))).toEqual([3, 3, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'costs', next))).toEqual([3, 0, 2, 1, 0]);
    // 12.50 + 1.00 + 3.00, and not 16.00 + 16.50
    expect(await cogs('2023-11-15')).toBe('16.50');
  });

  it('refuses a second row with the same id of its own and other content', async () => {
    const row = (amount: string): string =>
      `hetzner,I1,k,vm,2023-11-01T00:00:00Z,2023-11-02T00:00:00Z,${amount},EUR,usage\n`;
    const file = await files.write(
      'own.csv',
      `provider,invoiceRef,lineKey,kind,start,end,amount,currency,category\n${row('1')}${row('1')}${row('7')}`,
    );
    const summary = await backfilled(test, 'costs', file);
    expect(countsOf(summary)).toEqual([3, 1, 1, 0, 1]);
    expect(summary.said).toEqual([
      expect.stringMatching(
        /^own\.csv, row 3 \(line 4\): lineKey "k" is also the id of row 1, with other content\. Correct one of them\.$/,
      ),
    ]);
  });

  it('reads an AWS report in the columns of CUR 2.0, and recognises a line of the legacy report', async () => {
    const legacy = await files.write('legacy.csv', AWS_HEADER + aws('a', 1, '0.50'));
    expect(countsOf(await backfilled(test, 'costs', legacy))).toEqual([1, 1, 0, 0, 0]);
    const header =
      'bill_bill_type,bill_billing_period_start_date,bill_payer_account_id,identity_line_item_id,identity_time_interval,line_item_currency_code,line_item_line_item_description,' +
      'line_item_line_item_type,line_item_product_code,line_item_unblended_cost,line_item_usage_end_date,line_item_usage_start_date,savings_plan_savings_plan_effective_cost,savings_plan_total_commitment_to_date,savings_plan_used_commitment\n';
    const cur2 = (id: string, cost: string, type: string, effective: string): string =>
      `Anniversary,2023-11-01T00:00:00.000Z,42,${id},2023-11-01T00:00:00Z/2023-11-02T00:00:00Z,USD,storage,${type},AmazonS3,${cost},2023-11-02T00:00:00.000Z,2023-11-01T00:00:00.000Z,${effective},,\n`;
    const file = await files.write(
      'cur2.csv',
      header + cur2('a', '0.50', 'Usage', '') + cur2('b', '1.25', 'SavingsPlanCoveredUsage', '0.75'),
    );
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([2, 1, 1, 0, 0]);
    // 0.50 + 1.25; amortised 0.50 + 0.75
    expect(await cogs('2023-11-15')).toBe('1.75');
    const { rows } = await test.core.pool.query<{ effective: string }>(
      'SELECT trim_scale(sum(coalesce(effective_amount, amount)))::text AS effective FROM cost_lines',
    );
    expect(rows).toEqual([{ effective: '1.25' }]);
  });

  it('reads FOCUS 1.3, with another provider name, and a second delivery with the invoice', async () => {
    const columns = FOCUS_COLUMNS.map((column) => (column === 'ProviderName' ? 'ServiceProviderName' : column)).concat(
      'HostProviderName',
      'InvoiceId',
    );
    const month = (invoice: string, ...costs: string[]): string =>
      [
        columns.join(','),
        ...costs.map((cost, n) =>
          columns
            .map((column) =>
              cell(
                {
                  ...FOCUS_ROW,
                  ServiceProviderName: 'AWS',
                  HostProviderName: 'AWS',
                  InvoiceId: invoice,
                  SkuId: `sku-${n}`,
                  BilledCost: cost,
                }[column] ?? '',
              ),
            )
            .join(','),
        ),
      ].join('\n');
    const [open, closed] = [
      await files.write('open.csv', month('', '1.00', '2.00')),
      await files.write('closed.csv', month('INV-7', '1.00', '2.50', '0.25')),
    ];
    expect(countsOf(await backfilled(test, 'costs', open))).toEqual([2, 2, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'costs', closed))).toEqual([3, 1, 1, 1, 0]);
    // 1.00 + 2.50 + 0.25
    expect(await cogs('2024-09-15')).toBe('3.75');
  });

  it('reads any bill with a column for each field', async () => {
    const header = 'provider,invoice_ref,line_key,kind,start,end,amount,currency,category\n';
    const file = await files.write(
      'costs.csv',
      `${header}hetzner,R1,1,server,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,4.15,USD,usage\nhetzner,R1,2,server,2026-04-01T00:00:00Z,2026-04-01T00:00:00Z,1,USD,usage\nhetzner,R1,3,server,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,1,XYZ,gift\n`,
    );
    const summary = await backfilled(test, 'costs', file);
    expect(countsOf(summary)).toEqual([3, 1, 0, 0, 2]);
    expect(summary.said).toEqual([
      'costs.csv, row 2 (line 3): chargePeriod "2026-04-01T00:00:00Z/2026-04-01T00:00:00Z" does not ' +
        'end after its start. A charge period is [start, end).',
      'costs.csv, row 3 (line 4): category "gift" must be one of usage, purchase, tax, credit, adjustment',
    ]);
    expect(await cogs('2026-04-15')).toBe('4.15');
  });
});
