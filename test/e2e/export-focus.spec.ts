import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FOCUS_DETAILS } from '#domain/costs/focus';
import { monthOf } from '#domain/time/period';
import { instant } from '#domain/time/instant';
import { COST_LINE_ORDER, readNamedCostLines } from '#projections/costs/costs.read';
import { backfilled, countsOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { brokenRules } from '../support/focus-rules.js';
import { ADMIN, testLedger, type TestLedger } from '../support/ledger.js';

const APRIL = monthOf(instant('2026-04-01T00:00:00Z'));

type Row = Readonly<Record<string, string | null>>;

/** A row of FOCUS 1.3 with a value in most columns. */
const FULL: Readonly<Record<string, string>> = {
  AllocatedMethodId: 'by-use',
  AllocatedResourceId: 'cluster-1',
  AvailabilityZone: 'eu-west-1a',
  BilledCost: '1.5',
  BillingAccountId: '42',
  BillingAccountName: 'Payer',
  BillingAccountType: 'Organization',
  BillingCurrency: 'USD',
  BillingPeriodEnd: '2026-05-01T00:00:00Z',
  BillingPeriodStart: '2026-04-01T00:00:00Z',
  CapacityReservationId: 'cr-1',
  CapacityReservationStatus: 'Used',
  ChargeCategory: 'Usage',
  ChargeDescription: 'an hour of m5.large',
  ChargeFrequency: 'Usage-Based',
  ChargePeriodEnd: '2026-04-11T00:00:00Z',
  ChargePeriodStart: '2026-04-10T00:00:00Z',
  CommitmentDiscountCategory: 'Spend',
  CommitmentDiscountId: 'sp-1',
  CommitmentDiscountName: 'Plan 1',
  CommitmentDiscountQuantity: '1',
  CommitmentDiscountStatus: 'Used',
  CommitmentDiscountType: 'Savings Plan',
  CommitmentDiscountUnit: 'USD',
  ConsumedQuantity: '24',
  ConsumedUnit: 'Hours',
  ContractApplied: '{"c1": "1.5"}',
  ContractedCost: '1.6',
  ContractedUnitPrice: '0.066',
  EffectiveCost: '1.25',
  HostProviderName: 'Host',
  InvoiceId: 'INV-7',
  InvoiceIssuerName: 'Reseller',
  ListCost: '2.000001',
  ListUnitPrice: '0.08333',
  PricingCategory: 'Committed',
  PricingQuantity: '24',
  PricingUnit: 'Hours',
  ProviderName: 'Acme',
  PublisherName: 'Acme Ltd',
  RegionId: 'eu-west-1',
  RegionName: 'Ireland',
  ResourceId: 'vm-1',
  ResourceName: 'web',
  ResourceType: 'VM',
  ServiceCategory: 'Compute',
  ServiceName: 'Virtual Machines',
  ServiceProviderName: 'Acme Cloud',
  ServiceSubcategory: 'Virtual Machines',
  SkuId: 'sku-1',
  SkuMeter: 'vCPU',
  SkuPriceDetails: '{"CoreCount": 2}',
  SkuPriceId: 'price-1',
  SubAccountId: 'team-a',
  SubAccountName: 'Team A',
  SubAccountType: 'Project',
  Tags: '{"team": "a", "cost center": "7"}',
};
const COLUMNS = Object.keys(FULL);
const cell = (value: string): string => `"${value.replaceAll('"', '""')}"`;
const csv = (...rows: Readonly<Record<string, string>>[]): string =>
  [
    COLUMNS.join(','),
    ...rows.map((row) => COLUMNS.map((column) => cell({ ...FULL, ...row }[column] ?? '')).join(',')),
  ].join('\n');

const COST = { command: 'record-cost', provider: 'Acme Cloud', invoiceRef: '42 2026-04' };

/** What an import does not keep among the details: a line has it elsewhere. */
const ELSEWHERE = ['BillingPeriodEnd', 'BillingPeriodStart', 'ServiceProviderName'];

/** The line of FULL, as it was recorded before long keys were hashed, and its details. */
const recordedBefore = () => ({
  details: Object.fromEntries(
    FOCUS_DETAILS.filter((column) => column in FULL && !ELSEWHERE.includes(column)).map((column) => [
      column,
      FULL[column],
    ]),
  ),
  line: {
    lineKey:
      'team-a|vm-1|sku-1|price-1|Virtual Machines|eu-west-1|eu-west-1a|Usage||Usage-Based|an hour of m5.large|' +
      '2026-04-10T00:00:00Z|2026-04-11T00:00:00Z|Committed|Hours|sp-1|Used|cr-1|cluster-1',
    resourceId: 'vm-1',
    kind: 'Virtual Machines',
    chargePeriod: { start: '2026-04-10T00:00:00Z', end: '2026-04-11T00:00:00Z' },
    amount: '1.5',
    currency: 'USD',
    category: 'usage',
    effectiveAmount: '1.25',
    description: 'an hour of m5.large',
  },
});

describe('export focus of imported costs', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  let count = 0;
  beforeEach(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
  });
  afterEach(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  const imported = async (text: string, more: object = {}, name = 'csv'): Promise<readonly number[]> =>
    countsOf(await backfilled(test, 'costs', await files.write(`${(count += 1)}.${name}`, text), {}, more));
  const named = (name: string) => ({ delivery: { name, isPartial: false } });
  const exported = async (period: string, version?: string): Promise<Row[]> => {
    const rows: Row[] = [];
    const params = version === undefined ? { period } : { period, version };
    for await (const row of (await test.ledger.export('focus', params, ADMIN)).rows) rows.push(row as Row);
    return rows;
  };
  /** The rules that the month's rows break, in both versions. */
  const broken = async (period: string): Promise<string[]> => {
    const texts = (row: Row): Record<string, string> =>
      Object.fromEntries(Object.entries(row).map(([column, value]) => [column, value ?? '']));
    return [
      ...(await exported(period)).flatMap((row) => brokenRules(texts(row))),
      ...(await exported(period, '1.3')).flatMap((row) => brokenRules(texts(row), '1.3')),
    ];
  };
  const shown = async (period: string, ...columns: string[]): Promise<unknown[]> =>
    (await exported(period)).map((row) => columns.map((column) => row[column] ?? null));

  it('keeps what the row said', async () => {
    expect(await imported(csv(FULL))).toEqual([1, 1, 0, 0, 0]);
    const [row] = await exported('2026-04', '1.3');
    // Amounts have the two decimals of USD, or more.
    expect(row).toEqual({
      ...FULL,
      ...{ BilledCost: '1.50', ContractedCost: '1.60', EffectiveCost: '1.25', ListCost: '2.000001' },
      ...Object.fromEntries(
        ['AllocatedMethodDetails', 'AllocatedResourceName', 'AllocatedTags', 'ChargeClass'].map((name) => [name, null]),
      ),
      ...Object.fromEntries(
        ['Currency', 'CurrencyContractedUnitPrice', 'CurrencyEffectiveCost', 'CurrencyListUnitPrice'].map((name) => [
          `Pricing${name}`,
          null,
        ]),
      ),
      ...{ x_Side: 'cost', x_DeploymentId: null, x_TenantId: null },
    });
    const [before] = await exported('2026-04');
    expect(Object.keys(row ?? {}).filter((column) => !Object.keys(before ?? {}).includes(column))).toEqual([
      ...['AllocatedMethodDetails', 'AllocatedMethodId', 'AllocatedResourceId', 'AllocatedResourceName'],
      ...['AllocatedTags', 'ContractApplied', 'HostProviderName', 'ServiceProviderName'],
    ]);
    expect(await broken('2026-04')).toEqual([]);
    await expect(exported('2026-04', '1.1')).rejects.toThrow(
      'version is not a known version of FOCUS (known: 1.2, 1.3)',
    );
  });

  it('invents no invoice and no sub account, and fills what FOCUS requires', async () => {
    const open = Object.fromEntries(
      COLUMNS.filter((name) => !/^(B|Charge[CP]|EffectiveCost|ProviderName|ServiceName|SkuId|RegionId)/.test(name)).map(
        (name) => [name, ''],
      ),
    );
    await imported(csv({ ...open, ServiceProviderName: '' }));
    expect(
      await shown('2026-04', 'InvoiceId', 'SubAccountId', 'BillingAccountId', 'BillingAccountName', 'ChargeFrequency'),
    ).toEqual([[null, null, '42', 'Payer', 'Usage-Based']]);
    expect(
      await shown(
        '2026-04',
        'ListCost',
        'PricingQuantity',
        'PricingUnit',
        'ConsumedQuantity',
        'SkuPriceId',
        'RegionName',
      ),
    ).toEqual([['1.50', '1', 'Charges', '1', 'sku-1', 'eu-west-1']]);
    expect(await broken('2026-04')).toEqual([]);
  });

  it('keeps a description of several lines', async () => {
    const ChargeDescription = 'Compute\nin Frankfurt\tat night';
    expect(await imported(csv({ ChargeDescription }))).toEqual([1, 1, 0, 0, 0]);
    expect(await imported(csv({ ChargeDescription, Tags: '' }))).toEqual([1, 0, 1, 0, 0]);
    expect(await shown('2026-04', 'ChargeDescription')).toEqual([[ChargeDescription]]);
  });

  it('cuts a long description between characters', async () => {
    // The emoji are two code units each, so the 2,000th is the first half of one.
    await imported(csv({ ChargeDescription: `a${'🚀'.repeat(1000)}` }));
    expect(await shown('2026-04', 'ChargeDescription')).toEqual([[`a${'🚀'.repeat(999)}`]]);
  });

  it('leaves lines alone that were recorded before details were kept', async () => {
    await test.apply({ ...COST, lines: [recordedBefore().line] });
    const head = await test.core.log.head();
    expect(await imported(csv(FULL))).toEqual([1, 0, 1, 0, 0]);
    // One event: the file was imported.
    expect((await test.core.log.head()) - head).toBe(1);
    expect(await shown('2026-04', 'BilledCost', 'InvoiceId', 'RegionId')).toEqual([['1.50', '42 2026-04', null]]);
  });

  it('corrects a line whose key was recorded before long ones were hashed', async () => {
    await test.apply({ ...COST, lines: [recordedBefore().line] });
    expect(await imported(csv({ BilledCost: '1.75' }), named('next'))).toEqual([...[1, 0, 0, 1, 0]]);
    const lines = await readNamedCostLines(test.core.db, await test.core.log.head(), APRIL, { after: null, limit: 9 });
    expect(lines.map(({ line_key, amount }) => [line_key, amount])).toEqual([[recordedBefore().line.lineKey, '1.75']]);
  });

  /** Page by page, each of one line. */
  async function invoiceIdsAt(position: number): Promise<(string | null)[]> {
    const found: (string | null)[] = [];
    for (let after: readonly string[] | null = null; ;) {
      const [line] = await readNamedCostLines(test.core.db, position, APRIL, { after, limit: 1 });
      if (line === undefined) return found;
      found.push(line.focus?.InvoiceId ?? null);
      after = COST_LINE_ORDER.keyOf(line);
    }
  }

  it('takes over what a later delivery says of the same charge, without a correction of money', async () => {
    const twice = [
      { InvoiceId: '', SkuId: 'a' },
      { InvoiceId: '', SkuId: 'a' },
    ];
    expect(await imported(csv(...twice), named('open'))).toEqual([2, 2, 0, 0, 0]);
    expect(await shown('2026-04', 'InvoiceId')).toEqual([[null], [null]]);
    const open = await test.core.log.head();
    const measured = twice.map((row) => ({ ...row, Tags: '{"team": "b"}', PricingQuantity: '24' }));
    expect(await imported(csv(...measured), named('measured'))).toEqual([2, 0, 2, 0, 0]);
    const now = ['{"team": "b"}', '24'];
    expect(await shown('2026-04', 'Tags', 'PricingQuantity')).toEqual([now, now]);
    const closed = twice.map((row) => ({ ...row, InvoiceId: 'INV-7' }));
    expect(await imported(csv(...closed), named('closed'))).toEqual([2, 0, 2, 0, 0]);
    expect(await shown('2026-04', 'BilledCost', 'InvoiceId')).toEqual([
      ['1.50', 'INV-7'],
      ['1.50', 'INV-7'],
    ]);
    // One of two equal charges, and in another order: the other one stays as it is.
    const other = [{ ...closed[1], InvoiceId: 'INV-8' }, closed[0] ?? {}];
    const head = await test.core.log.head();
    expect(await imported(csv(...other), named('again'))).toEqual([2, 0, 2, 0, 0]);
    // The delivery began, one line was corrected, the delivery is complete.
    expect((await test.core.log.head()) - head).toBe(3);
    expect((await invoiceIdsAt(await test.core.log.head())).sort()).toEqual(['INV-7', 'INV-8']);
    expect(await imported(csv(...other.reverse()), named('last'))).toEqual([2, 0, 2, 0, 0]);
    expect((await test.core.log.head()) - head).toBe(5);
    expect(await invoiceIdsAt(open)).toEqual([null, null]);
    expect((await test.check()).failures).toEqual([]);
  });

  it('knows details again that were recorded in another order', async () => {
    const { details, line } = recordedBefore();
    const backwards = Object.fromEntries(Object.entries(details).reverse());
    await test.apply({ ...COST, lines: [{ ...line, focus: backwards }] });
    const head = await test.core.log.head();
    expect(await imported(csv(FULL))).toEqual([1, 0, 1, 0, 0]);
    // One event: the file was imported.
    expect((await test.core.log.head()) - head).toBe(1);
    expect(await imported(csv({ RegionName: 'Eire' }), named('next'))).toEqual([1, 0, 1, 0, 0]);
    expect(await shown('2026-04', 'RegionName')).toEqual([['Eire']]);
  });

  it('keeps a detail that is too long or no number out, with a note, and the row in', async () => {
    const summary = await backfilled(
      test,
      'costs',
      await files.write('odd.csv', csv({ ListCost: '=1+1', Tags: `{"a": "${'x'.repeat(20_000)}"}` })),
    );
    expect(countsOf(summary)).toEqual([1, 1, 0, 0, 0]);
    expect(summary.odd.filter(({ code }) => code === 'not_kept').map(({ field }) => field)).toEqual([
      'ListCost',
      'Tags',
    ]);
    expect(await shown('2026-04', 'ListCost', 'Tags')).toEqual([['1.50', null]]);
  });

  const DETAILS = [
    'BillingAccountId',
    'InvoiceId',
    'SubAccountId',
    'SkuId',
    'RegionId',
    'PricingQuantity',
    'PricingUnit',
    'Tags',
  ];

  it('keeps AWS’s account, invoice, SKU, region, quantity and tags', async () => {
    const header =
      'identity/LineItemId,identity/TimeInterval,bill/InvoiceId,bill/PayerAccountId,bill/BillingPeriodStartDate,' +
      'lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/CurrencyCode,' +
      'lineItem/UnblendedCost,lineItem/UsageAccountId,lineItem/UsageAmount,pricing/unit,product/sku,product/regionCode,' +
      'savingsPlan/SavingsPlanARN,resourceTags/user:team';
    const row = (type: string, more: string): string =>
      `${type},2026-04-01T00:00:00Z/2026-04-01T01:00:00Z,1234,42,2026-04-01T00:00:00Z,${type},2026-04-01T00:00:00Z,` +
      `2026-04-01T01:00:00Z,AmazonEC2,USD,0.1234567,43,${more}`;
    const rows = [
      row('Usage', '1,Hrs,SKU1,eu-west-1,,a'),
      row('SavingsPlanCoveredUsage', '1,Hrs,SKU1,eu-west-1,arn:sp,'),
      row('Tax', '1,,SKU1,,,'),
    ];
    await imported([header, ...rows].join('\n'));
    expect(await broken('2026-04')).toEqual([]);
    expect((await shown('2026-04', 'ChargeCategory', 'BilledCost', 'CommitmentDiscountId', ...DETAILS)).sort()).toEqual(
      [
        ['Tax', '0.1234567', null, '42', '1234', '43', null, null, null, null, null],
        ['Usage', '0.1234567', null, '42', '1234', '43', 'SKU1', 'eu-west-1', '1', 'Hrs', '{"user:team":"a"}'],
        ['Usage', '0.1234567', 'arn:sp', '42', '1234', '43', 'SKU1', 'eu-west-1', '1', 'Hrs', null],
      ],
    );
  });

  it('keeps Azure’s', async () => {
    await imported(
      'BillingAccountId,BillingPeriodStartDate,Date,ProductName,MeterId,MeterCategory,CostInBillingCurrency,' +
        'BillingCurrency,InvoiceId,SubscriptionId,SubscriptionName,Quantity,UnitOfMeasure,ResourceLocation,ChargeType,Tags\n' +
        '86,04/01/2026,04/02/2026,D2,m1,Virtual Machines,2.64,EUR,G01,s1,Shop,24,1 Hour,westeurope,Usage,"""team"": ""a"""\n',
    );
    expect(await broken('2026-04')).toEqual([]);
    expect(await shown('2026-04', ...DETAILS)).toEqual([
      ['86', 'G01', 's1', 'm1', 'westeurope', '24', '1 Hour', '{"team":"a"}'],
    ]);
  });

  it('keeps Google Cloud’s, of a credit without its quantity', async () => {
    await imported(
      JSON.stringify({
        billing_account_id: '01D4',
        service: { description: 'Compute Engine' },
        sku: { id: '9DE9' },
        usage_start_time: '2026-04-01 00:00:00 UTC',
        usage_end_time: '2026-04-01 01:00:00 UTC',
        project: { id: 'shop', name: 'Shop' },
        labels: [{ key: 'team', value: 'a' }],
        location: { region: 'europe-west1' },
        usage: { amount: 7200, unit: 'seconds', amount_in_pricing_units: 2, pricing_unit: 'hour' },
        cost: 0.02,
        currency: 'EUR',
        credits: [{ name: 'Trial', amount: -0.005, type: 'PROMOTION' }],
        invoice: { month: '202604' },
        cost_type: 'regular',
      }),
      {},
      'jsonl',
    );
    expect(await broken('2026-04')).toEqual([]);
    expect((await shown('2026-04', 'ChargeCategory', 'BilledCost', ...DETAILS)).sort()).toEqual([
      ['Credit', '-0.005', '01D4', null, 'shop', '9DE9', 'europe-west1', null, null, '{"team":"a"}'],
      ['Usage', '0.02', '01D4', null, 'shop', '9DE9', 'europe-west1', '2', 'hour', '{"team":"a"}'],
    ]);
  });

  it('keeps OCI’s', async () => {
    await imported(
      'lineItem/referenceNo,lineItem/tenantId,lineItem/intervalUsageStart,lineItem/intervalUsageEnd,product/service,' +
        'product/compartmentId,product/compartmentName,product/region,usage/billedQuantity,cost/productSku,' +
        'cost/currencyCode,cost/billingUnitReadable,cost/myCost,tags/Billing.team\n' +
        'r1,ocid1,2026-04-07T10:00Z,2026-04-07T11:00Z,COMPUTE,c1,Shop,eu-frankfurt-1,24,B88514,EUR,Hours,0.05,a\n',
    );
    expect(await broken('2026-04')).toEqual([]);
    expect(await shown('2026-04', ...DETAILS)).toEqual([
      ['ocid1', null, 'c1', 'B88514', 'eu-frankfurt-1', '24', 'Hours', '{"Billing.team":"a"}'],
    ]);
  });
});
