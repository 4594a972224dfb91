import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cli, folder } from '../support/cli.js';
import { ADMIN, testLedger, type TestLedger } from '../support/ledger.js';
import { deployment, TENANT } from '../support/backfill.js';

type Row = Record<string, string>;

const PLAN = {
  command: 'publish-plan',
  planId: 'studio',
  name: 'Studio',
  currency: 'USD',
  baseFee: '50.00',
  paymentTerm: 'in_advance',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [{ billingKind: 'requests', included: '10', price: { model: 'unit', unitAmount: '0.10' } }],
};
const MAY = '2026-05-01T00:00:00Z';
const observed = (day: string, quantity: string): object => ({
  command: 'observe-usage',
  deploymentId: 'site',
  observations: [{ resourceId: 'api', billingKind: 'requests', period: { start: `2026-04-${day}T00:00:00Z`, end: `2026-04-${day}T12:00:00Z` }, granularity: 'event', quantity, attributes: { note: 'a "quoted", text' } }],
});
const cost = (lineKey: string, amount: string, more: object = {}): object => ({ lineKey, kind: 'droplet', chargePeriod: { start: '2026-04-01T00:00:00Z', end: MAY }, amount, currency: 'USD', category: 'usage', ...more });

/** FOCUS 1.2: columns that must be there, and those of them that must not be null. */
const NOT_NULL = [
  'BilledCost', 'BillingAccountId', 'BillingCurrency', 'BillingPeriodEnd', 'BillingPeriodStart', 'ChargeCategory', 'ChargePeriodEnd', 'ChargePeriodStart', 'ContractedCost',
  'EffectiveCost', 'InvoiceIssuerName', 'ListCost', 'ProviderName', 'PublisherName', 'ServiceCategory', 'ServiceName', 'ServiceSubcategory', 'ChargeFrequency',
];
const PRESENT = [...NOT_NULL, 'BillingAccountName', 'ChargeClass', 'ChargeDescription', 'PricingQuantity', 'PricingUnit'];
const NUMBERS = ['BilledCost', 'ContractedCost', 'EffectiveCost', 'ListCost', 'PricingQuantity', 'ConsumedQuantity'];

/** The rules of FOCUS 1.2 that apply to what we have, by the ids of its requirements model; those that a row breaks. */
function broken(row: Row): string[] {
  const isNull = (column: string): boolean => row[column] === '' || row[column] === undefined;
  const isPriced = (row['ChargeCategory'] === 'Usage' || row['ChargeCategory'] === 'Purchase') && isNull('ChargeClass');
  const rules: readonly (readonly [string, boolean])[] = [
    ['CostAndUsage-D-*: present', PRESENT.every((column) => column in row)],
    ['*: not null', NOT_NULL.every((column) => !isNull(column))],
    ['ChargeCategory-C-003', ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'].includes(row['ChargeCategory'] ?? '')],
    ['ChargeClass-C-005', isNull('ChargeClass') || row['ChargeClass'] === 'Correction'],
    ['ChargeFrequency-C-003', ['One-Time', 'Recurring', 'Usage-Based'].includes(row['ChargeFrequency'] ?? '')],
    ['ChargeFrequency-C-004', row['ChargeCategory'] !== 'Purchase' || row['ChargeFrequency'] !== 'Usage-Based'],
    ['DateTimeFormat-A', ['BillingPeriodStart', 'BillingPeriodEnd', 'ChargePeriodStart', 'ChargePeriodEnd'].every((column) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(row[column] ?? ''))],
    ['NumericFormat-A', NUMBERS.every((column) => isNull(column) || /^-?\d+(\.\d+)?$/.test(row[column] ?? ''))],
    ['BillingPeriodEnd-C: after its start', (row['BillingPeriodStart'] ?? '') < (row['BillingPeriodEnd'] ?? '')],
    ['PricingQuantity-C-004, PricingCategory-C-003, SkuId-C-004, SkuPriceId-C-004', row['ChargeCategory'] !== 'Tax' || ['PricingQuantity', 'PricingCategory', 'SkuId', 'SkuPriceId'].every(isNull)],
    ['PricingQuantity-C-005, PricingCategory-C-004, SkuId-C-005, SkuPriceId-C-005', !isPriced || ['PricingQuantity', 'PricingCategory', 'SkuId', 'SkuPriceId'].every((column) => !isNull(column))],
    ['PricingUnit-C-005 and C-006', isNull('PricingQuantity') === isNull('PricingUnit')],
    ['PricingCategory-C-007', isNull('PricingCategory') || ['Standard', 'Dynamic', 'Committed', 'Other'].includes(row['PricingCategory'] ?? '')],
    ['ConsumedQuantity-C-004', row['ChargeCategory'] === 'Usage' || isNull('ConsumedQuantity')],
    ['ConsumedQuantity-C-006', row['ChargeCategory'] !== 'Usage' || !isNull('ChargeClass') || !isNull('ConsumedQuantity')],
    ['BillingCurrency-C-006', /^[A-Z]{3}$/.test(row['BillingCurrency'] ?? '')],
    ['NullHandling-A-002', !Object.values(row).some((value) => /^(null|n\/a|not applicable|none)$/i.test(value))],
    ['ColumnHandling-A', Object.keys(row).every((column) => /^(x_)?[A-Z][A-Za-z]*$/.test(column))],
    ['ColumnHandling-A-013', Object.keys(row).findIndex((column) => column.startsWith('x_')) === Object.keys(row).length - 2],
  ];
  return rules.filter(([, holds]) => !holds).map(([rule]) => rule);
}

describe('export', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
    const tax = { command: 'set-tax', tenantId: 'acme', name: 'VAT', ratePercent: '10', from: '2026-01-01T00:00:00Z' };
    await test.apply(TENANT, tax, deployment('site'), PLAN, { command: 'start-subscription', subscriptionId: 's', deploymentId: 'site', planId: 'studio', from: '2026-04-01T00:00:00Z' });
    await test.apply(observed('10', '110'), { command: 'record-cost', provider: 'do', invoiceRef: 'R1', lines: [cost('1', '30.53', { resourceId: 'vm-1' }), cost('2', '1.00', { category: 'tax' }), cost('3', '-2', { class: 'correction' })] });
    await billed('2026-05-01T00:00:00Z');
    // Learnt in June: it corrects April, on the invoice of June.
    await test.apply(observed('11', '5'));
    await billed('2026-06-01T00:00:00Z');
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  async function billed(at: string): Promise<void> {
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'acme', asOf: at });
    const { invoices } = (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
    for (const { invoiceId } of invoices) await test.apply({ command: 'issue-invoice', invoiceId, at });
  }
  const exportedCsv = async (kind: string, ...args: string[]): Promise<Row[]> => {
    const { code, stdout, stderr } = await cli(['export', kind, ...args, '--data-dir', files.path], { env: { DATABASE_URL: test.url } });
    if (code !== 0) throw new Error(stderr);
    return parse(stdout, { columns: true });
  };
  const shown = (rows: readonly Row[], ...columns: string[]): unknown => rows.map((row) => columns.map((column) => row[column])).sort();

  it('writes cost and revenue of a month as FOCUS 1.2 rows, which keep the rules that apply', async () => {
    const rows = await exportedCsv('focus', '--period', '2026-04', '--issuer', 'Acme Cloud');
    expect(rows.flatMap(broken)).toEqual([]);
    expect(shown(rows, 'x_Side', 'ChargeCategory', 'ChargeClass', 'ServiceName', 'BilledCost', 'InvoiceId', 'ProviderName')).toEqual([
      ['cost', 'Tax', '', 'droplet', '1', 'R1', 'do'],
      ['cost', 'Usage', '', 'droplet', '30.53', 'R1', 'do'],
      ['cost', 'Usage', 'Correction', 'droplet', '-2', 'R1', 'do'],
      // April's fee 50.00, (110 − 10) × 0.10 = 10.00, and 10 % on each
      ['revenue', 'Purchase', '', 'base_fee', '50', 'INV-000001', 'Acme Cloud'],
      ['revenue', 'Tax', '', 'base_fee', '5', 'INV-000001', 'Acme Cloud'],
      ['revenue', 'Tax', '', 'requests', '1', 'INV-000001', 'Acme Cloud'],
      ['revenue', 'Usage', '', 'requests', '10', 'INV-000001', 'Acme Cloud'],
    ]);
  });

  it('puts a correction into the billing period of its invoice, with the charge period that it corrects', async () => {
    const rows = await exportedCsv('focus', '--period', '2026-06');
    expect(rows.flatMap(broken)).toEqual([]);
    const corrections = rows.filter(({ ChargeClass }) => ChargeClass === 'Correction');
    expect(shown(corrections, 'ChargeCategory', 'ChargePeriodStart', 'BillingPeriodStart', 'BilledCost', 'InvoiceId')).toEqual([
      // (115 − 10) × 0.10 = 10.50, for 10.00 that is taken back
      ['Tax', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '-1', 'INV-000002'],
      ['Tax', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '1.05', 'INV-000002'],
      ['Usage', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '-10', 'INV-000002'],
      ['Usage', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '10.5', 'INV-000002'],
    ]);
  });

  it('adds up, over all months, to the payable amount of each invoice', async () => {
    const rows = (await Promise.all(['2026-04', '2026-05', '2026-06'].map((month) => exportedCsv('focus', '--period', month)))).flat();
    const cents = (invoice: string): number => rows.filter(({ InvoiceId }) => InvoiceId === invoice).reduce((sum, { BilledCost = '' }) => sum + Math.round(Number(BilledCost) * 100), 0);
    const { items } = await test.ask<{ items: { number: string; total: string }[] }>('invoices');
    expect(items.map(({ number, total }) => [number, total])).toEqual(items.map(({ number }) => [number, (cents(number) / 100).toFixed(2)]));
    // Two fees of 50.00 and 10.00 with 10 %; one fee and 0.50 with 10 %
    expect(items.map(({ total }) => total).sort()).toEqual(['121.00', '55.55']);
  });

  it('writes usage, lines, invoices and margin as CSV', async () => {
    expect(shown(await exportedCsv('usage', '--period', '2026-04'), 'deploymentId', 'billingKind', 'period.start', 'quantity', 'attributes')).toEqual([
      ['site', 'requests', '2026-04-10T00:00:00Z', '110', '{"note":"a \\"quoted\\", text"}'],
      ['site', 'requests', '2026-04-11T00:00:00Z', '5', '{"note":"a \\"quoted\\", text"}'],
    ]);
    expect(await exportedCsv('usage', '--period', '2026-03')).toEqual([]);
    expect(shown(await exportedCsv('invoices'), 'number', 'status', 'tenantId', 'total')).toEqual([
      ['INV-000001', 'issued', 'acme', '121.00'],
      ['INV-000002', 'issued', 'acme', '55.55'],
    ]);
    expect(shown((await exportedCsv('lines', '--period', '2026-04')).filter(({ status }) => status === 'valid'), 'billingKind', 'tenantId', 'net')).toEqual([
      ['base_fee', 'acme', '50.00'],
      ['requests', 'acme', '10.50'],
    ]);
    expect(shown(await exportedCsv('margin', '--period', '2026-04'), 'view', 'tenantId', 'kind', 'revenue', 'cogs', 'margin')).toEqual([
      ['cost by kind', '', 'droplet', '', '28.53', ''],
      ['deployment', 'acme', '', '60.50', '0.00', '60.50'],
      ['overall', '', '', '60.50', '28.53', '31.97'],
      ['revenue by kind', '', 'base_fee', '50.00', '', ''],
      ['revenue by kind', '', 'requests', '10.50', '', ''],
      ['tenant', 'acme', '', '60.50', '0.00', '60.50'],
      ['unattributed', '', '', '', '28.53', ''],
    ]);
  });

  it('writes lines of JSON, to a file if asked to', async () => {
    const file = join(files.path, 'usage.jsonl');
    const { code, stdout, stderr } = await cli(['export', 'usage', '--format', 'jsonl', '--out', file, '--data-dir', files.path], { env: { DATABASE_URL: test.url } });
    expect([code, stdout, stderr]).toEqual([0, '', '2 rows\n']);
    const lines = (await readFile(file, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([{ deploymentId: 'site', quantity: '110', period: { start: '2026-04-10T00:00:00Z' } }, { quantity: '5' }]);
  });

  it('refuses a kind that there is not, a month that is none, and who may not see cost', async () => {
    expect(await cli(['export', 'everything'])).toMatchObject({ code: 2, stderr: expect.stringContaining('there is focus, usage, lines, invoices, margin') as unknown });
    const { ledger } = test;
    await expect(ledger.export('focus', {}, ADMIN)).rejects.toThrow('export focus is of a month: give --period, such as 2026-04');
    await expect(ledger.export('focus', { period: 'April' }, ADMIN)).rejects.toThrow(/period.*is not a month or date/);
    await expect(ledger.export('margin', { period: '2026-04' }, { ...ADMIN, role: 'operator' })).rejects.toMatchObject({ code: 'forbidden' });
  });
});
