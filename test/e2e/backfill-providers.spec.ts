import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backfilled, countsOf, deployment, TENANT } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { ADMIN, testLedger, type TestLedger } from '../support/ledger.js';

/** The exports of providers, real-shaped and small. All of them are imported into one ledger. */
describe('backfill of a provider’s export', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
  });

  /** The number of a provider’s lines, their billed and their effective sum, by class and category. */
  const recorded = async (provider: string): Promise<unknown[]> => {
    const { rows } = await test.core.pool.query<Record<'name' | 'billed' | 'effective', string> & { lines: number }>(
      `SELECT coalesce(class, category) AS name, count(*)::int AS lines, trim_scale(sum(amount))::text AS billed,
        trim_scale(sum(coalesce(effective_amount, amount)))::text AS effective
      FROM cost_lines WHERE provider = $1 AND position_to IS NULL GROUP BY name ORDER BY name`,
      [provider],
    );
    return rows.map(({ name, lines, billed, effective }) => [name, lines, billed, effective]);
  };
  const csv = (columns: readonly string[], ...rows: readonly (readonly string[])[]): string =>
    [columns, ...rows].map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\n');

  it('reads OCI’s cost report: equal rows are separate charges, and a correction is added', async () => {
    const row = (reference: string, hour: string, cost: string, corrects = ''): string[] => [
      reference,
      'ocid1.tenancy.oc1..a',
      `2023-11-13T${hour}:00Z`,
      `2023-11-13T${hour}:59:59Z`,
      'MYSQL',
      'ocid1.mysql.oc1..b',
      'MySQL Database - Node per hour',
      cost,
      'USD',
      corrects === '' ? 'false' : 'true',
      corrects,
    ];
    const file = await files.write(
      'oci.csv',
      csv(
        [
          'lineItem/referenceNo',
          'lineItem/tenantId',
          'lineItem/intervalUsageStart',
          'lineItem/intervalUsageEnd',
          'product/service',
          'product/resourceId',
          'product/Description',
          'cost/myCost',
          'cost/currencyCode',
          'lineItem/isCorrection',
          'lineItem/backreferenceNo',
        ],
        row('r1', '07', '0.036519144999853923'),
        row('r2', '07', '0.036519144999853923'),
        row('r3', '09', '0.054778717500000000'),
        row('r4', '09', '-0.010000000000000000', 'r3'),
      ),
    );
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([4, 4, 0, 0, 0]);
    // 2 × 0.036519144999853923 + 0.0547787175 = 0.127817007499707846; the correction takes 0.01 off.
    expect(await recorded('oci')).toEqual([
      ['correction', 1, '-0.01', '-0.01'],
      ['usage', 3, '0.127817007499707846', '0.127817007499707846'],
    ]);
  });

  const AZURE = [
    'BillingAccountId,BillingPeriodStartDate,Date,Product,MeterId,MeterCategory,MeterName,Cost,BillingCurrency,' +
      'ResourceId,ChargeType,PricingModel,ReservationId',
    '8608480,09/01/2023,09/04/2023,D2 v3,m1,Virtual Machines,D2 v3,2.64,USD,/vm/1,Usage,OnDemand,',
    '8608480,09/01/2023,09/05/2023,D2 v3,m1,Virtual Machines,D2 v3,0.21268368,USD,/vm/1,Usage,OnDemand,',
  ];
  const RESERVED = '8608480,09/01/2023,09/22/2023,D2 v2,m2,Virtual Machines,D2 v2';

  it('reads Azure’s cost details, and refuses an amortized row among them with the remedy', async () => {
    const actual = [
      ...AZURE,
      `${RESERVED},0,USD,/vm/2,Usage,Reservation,r1`,
      '8608480,09/01/2023,09/21/2023,B1s,m3,Virtual Machines,B1s,3.25,USD,/order/1,Purchase,Reservation,r1',
      '8608480,09/01/2023,09/30/2023,,m4,Adjustments,,-0.01,USD,,RoundingAdjustment,,',
    ];
    const file = await files.write('azure.csv', actual.join('\n'));
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([5, 5, 0, 0, 0]);
    // 2.64 + 0.21268368 + 0 for usage, 3.25 for the reservation.
    const sums = [
      ['adjustment', 1, '-0.01', '-0.01'],
      ['purchase', 1, '3.25', '3.25'],
      ['usage', 3, '2.85268368', '2.85268368'],
    ];
    expect(await recorded('azure')).toEqual(sums);

    const amortized = [...AZURE, `${RESERVED},0.493152,USD,/vm/2,Usage,Reservation,r1`].join('\n');
    const partial = { delivery: { name: null, isPartial: true } };
    const other = await backfilled(test, 'costs', await files.write('amortized.csv', amortized), {}, partial);
    expect(countsOf(other)).toEqual([3, 0, 2, 0, 1]);
    expect(other.said).toEqual([expect.stringContaining('{"preset": "azure-amortized"}')]);
    expect(await recorded('azure')).toEqual(sums);
  });

  it('reads Azure’s amortized cost in the place of the actual cost, if a mapping says so', async () => {
    const rows = [...AZURE, `${RESERVED},0.493152,USD,/vm/2,Usage,Reservation,r1`];
    const file = await files.write('azure-amortized.csv', rows.join('\n'));
    const next = { delivery: { name: 'amortized', isPartial: false } };
    const summary = await backfilled(test, 'costs', file, { preset: 'azure-amortized' }, next);
    // The purchase and the rounding are not in it.
    expect([countsOf(summary), summary.removed]).toEqual([[3, 0, 2, 1, 0], 2]);
    // 2.64 + 0.21268368 + 0.493152
    expect(await recorded('azure')).toEqual([['usage', 3, '3.34583568', '3.34583568']]);
  });

  it('reads Google Cloud’s export to BigQuery, as JSON lines: credits are lines of their own', async () => {
    const row = (cost: number, credits: object[], more: object = {}): string =>
      JSON.stringify({
        billing_account_id: '01D4EE-079462-DFD6EC',
        service: { id: '6F81-5844-456A', description: 'Compute Engine' },
        sku: { id: '9DE9-9092-B3BC', description: 'Network Egress' },
        usage_start_time: '2023-11-01 00:00:00 UTC',
        usage_end_time: '2023-11-01 01:00:00 UTC',
        project: { id: 'shop' },
        labels: [{ key: 'tenant', value: 'acme' }],
        cost,
        currency: 'EUR',
        credits,
        invoice: { month: '202311' },
        cost_type: 'regular',
        ...more,
      });
    const credit = { id: 'Trial:1', name: 'Trial', full_name: 'Free trial', type: 'PROMOTION', amount: -5e-6 };
    const discount = { id: 'sud', name: 'Sustained use discount', type: 'SUSTAINED_USAGE_DISCOUNT', amount: -0.0001 };
    const file = await files.write(
      'gcp.jsonl',
      [
        row(0.000005, [credit]),
        row(0.0011, [discount, credit]),
        row(0.0011, []),
        row(0.0002, [], { cost_type: 'tax' }),
        row(-0.00001, [], { cost_type: 'rounding_error' }),
      ].join('\n'),
    );
    // 5 rows and 3 credits.
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([8, 8, 0, 0, 0]);
    const next = { delivery: { name: 'with tenants', isPartial: false } };
    const mapping = { tags: { 'tenant:': 'tenantId' as const } };
    expect(countsOf(await backfilled(test, 'costs', file, mapping, next))).toEqual([8, 0, 0, 8, 0]);
    // Usage 0.000005 + 0.0011 + 0.0011; credits 2 × −0.000005 − 0.0001.
    expect(await recorded('gcp')).toEqual([
      ['adjustment', 1, '-0.00001', '-0.00001'],
      ['credit', 3, '-0.00011', '-0.00011'],
      ['tax', 1, '0.0002', '0.0002'],
      ['usage', 3, '0.002205', '0.002205'],
    ]);
  });

  it('reads AWS’s report from Athena: a savings plan and a reservation are billed once, and effective once', async () => {
    const row = (id: string, type: string, cost: string, ...commitment: string[]): string =>
      `${id},2023-11-01T00:00:00Z/2023-11-01T01:00:00Z,42,2023-11-01 00:00:00.000,${type},2023-11-01 00:00:00.000,` +
      `2023-11-01 01:00:00.000,AmazonEC2,USD,${cost},${commitment.join(',')}`;
    const rows = [
      'identity_line_item_id,identity_time_interval,bill_payer_account_id,bill_billing_period_start_date,' +
        'line_item_line_item_type,line_item_usage_start_date,line_item_usage_end_date,line_item_product_code,' +
        'line_item_currency_code,line_item_unblended_cost,savings_plan_total_commitment_to_date,' +
        'savings_plan_used_commitment,savings_plan_savings_plan_effective_cost,reservation_effective_cost,' +
        'reservation_unused_amortized_upfront_fee_for_billing_period,reservation_unused_recurring_fee,' +
        'reservation_reservation_a_r_n',
      row('a', 'SavingsPlanRecurringFee', '1.00', '1.00', '0.75', '', '', '', '', ''),
      row('b', 'SavingsPlanCoveredUsage', '1.20', '', '', '0.75', '', '', '', ''),
      row('c', 'SavingsPlanNegation', '-1.20', '', '', '0', '', '', '', ''),
      row('d', 'RIFee', '0.50', '', '', '', '', '0.02', '0.10', 'arn:r'),
      row('e', 'DiscountedUsage', '0', '', '', '', '0.48', '', '', 'arn:r'),
      row('f', 'Fee', '100.00', '', '', '', '', '', '', 'arn:r'),
      row('g', 'Usage', '0.30', '', '', '', '', '', '', ''),
    ];
    const file = await files.write('athena.csv', rows.join('\n'));
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([7, 7, 0, 0, 0]);
    // Fees: billed 1.00 + 0.50 + 100.00; effective 1.00 − 0.75, 0.02 + 0.10 and 0: what nothing used.
    // Usage: billed 1.20 + 0 + 0.30; effective 0.75 + 0.48 + 0.30.
    expect(await recorded('aws')).toEqual([
      ['adjustment', 1, '-1.2', '0'],
      ['purchase', 3, '101.5', '0.37'],
      ['usage', 3, '1.5', '1.53'],
    ]);
    const effective: unknown[] = [];
    for await (const row of (await test.ledger.export('focus', { period: '2023-11' }, ADMIN)).rows)
      if (row['ProviderName'] === 'aws') effective.push(row['EffectiveCost']);
    expect(effective.sort()).toEqual(['0.00', '0.00', '0.12', '0.25', '0.30', '0.48', '0.75']);
  });

  /** The columns that every version of FOCUS has, and then those of a version. */
  const FOCUS = [
    'BillingAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory',
    'ChargeClass,ChargeDescription,ServiceName,ResourceId,SkuId,BilledCost,EffectiveCost,BillingCurrency,Tags',
  ].join(',');
  const november = '2025-11-01T00:00:00Z,2025-12-01T00:00:00Z,2025-11-03T00:00:00Z,2025-11-04T00:00:00Z';
  it.each([
    ['1.0', 'ProviderName', 'Microsoft'],
    ['1.1', 'ProviderName,CapacityReservationId,CommitmentDiscountQuantity,SkuMeter', 'Google Cloud,,,'],
    ['1.2', 'ProviderName,InvoiceId,BillingAccountType,SubAccountType,PricingCurrency', 'Oracle,I1,,,USD'],
    ['1.3', 'ServiceProviderName,HostProviderName,AllocatedResourceId', 'Alibaba Cloud,Alibaba Cloud,'],
  ])('reads FOCUS %s', async (version, columns, values) => {
    const row = (charge: string, billed: string, effective: string): string =>
      `acc,${november},${charge},${billed},${effective},EUR,"{""team"": ""a""}",${values}`;
    const file = await files.write(
      `focus-${version}.csv`,
      [
        `${FOCUS},${columns}`,
        row('Usage,,Compute hour,Compute,vm-1,s1', '0', '0.75'),
        row('Purchase,,Savings plan,Compute,,s2', '1.00', '0'),
        row('Usage,,Savings plan unused,Compute,,s2', '0', '0.25'),
        row('Usage,Correction,Compute hour,Compute,vm-1,s1', '-0.10', '-0.10'),
      ].join('\n'),
    );
    expect(countsOf(await backfilled(test, 'costs', file))).toEqual([4, 4, 0, 0, 0]);
    // Billed 1.00 for the plan; effective 0.75 used and 0.25 unused; then 0.10 is corrected.
    expect(await recorded(values.split(',')[0] ?? '')).toEqual([
      ['correction', 1, '-0.1', '-0.1'],
      ['purchase', 1, '1', '0'],
      ['usage', 2, '0', '1'],
    ]);
  });

  it('reads OpenCost’s allocations by namespace, a day at a time', async () => {
    const allocation = (name: string, day: number, totalCost: number): [string, object] => [
      name,
      {
        name,
        properties: { cluster: 'prod', namespace: name },
        window: { start: `2026-04-0${day}T00:00:00Z`, end: `2026-04-0${day + 1}T00:00:00Z` },
        start: `2026-04-0${day}T00:00:00Z`,
        end: `2026-04-0${day}T23:00:00Z`,
        totalCost,
      },
    ];
    const days = [1, 2].map((day) =>
      Object.fromEntries([allocation('shop', day, 1.25), allocation('blog', day, 0.5), allocation('__idle__', day, 2)]),
    );
    const mapping = { tags: { 'namespace:': 'tenantId' as const } };
    for (const text of [
      JSON.stringify({ code: 200, data: days }),
      JSON.stringify({ code: 200, data: days }, null, 2),
    ]) {
      const file = await files.write('allocations.json', text);
      const [read, accepted] = countsOf(await backfilled(test, 'costs', file, mapping));
      expect([read, accepted]).toEqual([6, text.includes('\n') ? 0 : 6]);
    }
    // 2 × (1.25 + 0.5 + 2), the idle part too
    expect(await recorded('opencost')).toEqual([['usage', 6, '7.5', '7.5']]);
  });

  describe('of usage', () => {
    beforeAll(async () => {
      await test.apply(TENANT, deployment('shop'), deployment('blog'));
    });
    const used = async (deploymentId: string): Promise<Record<string, string>> =>
      test.ask('usage', { deploymentId, start: '2023-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' });

    it('reads CloudEvents: what was sent live is a duplicate', async () => {
      const event = (id: string, subject: string, data?: object): object => ({
        specversion: '1.0',
        id,
        source: 'api',
        type: 'requests',
        subject,
        time: '2026-04-01T10:00:00Z',
        ...(data === undefined ? {} : { data }),
      });
      await test.apply({
        command: 'observe-usage',
        deploymentId: 'shop',
        observations: [
          {
            resourceId: 'api',
            billingKind: 'requests',
            period: { start: '2026-04-01T10:00:00Z', end: '2026-04-01T10:00:00.000001Z' },
            granularity: 'event',
            sourceId: 'api/e1',
            quantity: '2.5',
          },
        ],
      });
      const events = [
        event('e1', 'shop', { value: 2.5 }),
        event('e2', 'shop', { value: 2.5 }),
        event('e3', 'shop'),
        event('e4', 'blog', { value: '4' }),
        event('e5', 'unknown'),
      ];
      const file = await files.write('events.jsonl', events.map((each) => JSON.stringify(each)).join('\n'));
      expect(countsOf(await backfilled(test, 'usage', file))).toEqual([5, 3, 1, 0, 1]);
      // 2.5 live, 2.5, and 1 without a quantity
      expect([await used('shop'), await used('blog')]).toEqual([{ requests: '6' }, { requests: '4' }]);
    });

    it('counts an event once, though a file gives another time than it was sent with', async () => {
      const event = (id: string, time: string, value: string): string =>
        JSON.stringify({
          specversion: '1.0',
          id,
          source: 'app',
          type: 'calls',
          subject: 'blog',
          ...(time === '' ? {} : { time }),
          data: { value },
        });
      // Sent without a time: the API records the time of its arrival.
      await test.apply(
        ...['s1', 's2'].map((id) => ({
          command: 'observe-usage',
          deploymentId: 'blog',
          observations: [
            {
              resourceId: 'app',
              billingKind: 'calls',
              period: { start: '2026-04-30T23:59:59.5Z', end: '2026-04-30T23:59:59.500001Z' },
              granularity: 'event',
              sourceId: `app/${id}`,
              quantity: '3',
            },
          ],
        })),
      );
      const lines = [
        event('s1', '2026-05-01T00:00:00Z', '3'),
        event('s2', '2026-04-30T23:59:58Z', '5'),
        event('s3', '2026-04-30T23:00:00Z', '7'),
        event('s3', '2026-05-01T01:00:00Z', '7'),
      ];
      const file = await files.write('late.jsonl', lines.join('\n'));
      // s3 is new, the second s3 and s1 are known, and s2 is corrected from 3 to 5.
      expect(countsOf(await backfilled(test, 'usage', file))).toEqual([4, 1, 2, 1, 0]);
      // 3 + 5 + 7
      expect(await used('blog')).toMatchObject({ calls: '15' });
      const again = await files.write('later.jsonl', event('s3', '2026-06-01T00:00:00Z', '7'));
      expect(countsOf(await backfilled(test, 'usage', again))).toEqual([1, 0, 1, 0, 0]);
      const other = await files.write('other.jsonl', event('s3', '2026-06-01T00:00:00Z', '7').replace('calls', 'hits'));
      expect((await backfilled(test, 'usage', other)).rejects).toEqual([
        expect.objectContaining({
          reason:
            'the event with this source and id is recorded as calls of app, not as hits of app:' +
            ' give each event an id of its own',
        }),
      ]);
      expect(await used('blog')).toMatchObject({ calls: '15' });
    });

    it('reads meter events of Stripe, as a list or one a line', async () => {
      const event = (identifier: string, value: string): object => ({
        object: 'billing.meter_event',
        event_name: 'api_calls',
        identifier,
        payload: { stripe_customer_id: 'shop', value },
        timestamp: 1_775_037_600,
      });
      const [a, b, c] = [event('i1', '25'), event('i2', '0.5'), event('i3', '1')];
      const list = await files.write('stripe.json', JSON.stringify({ object: 'list', data: [a, b], has_more: false }));
      expect(countsOf(await backfilled(test, 'usage', list))).toEqual([2, 2, 0, 0, 0]);
      const lines = await files.write('stripe.jsonl', [b, c].map((each) => JSON.stringify(each)).join('\n'));
      expect(countsOf(await backfilled(test, 'usage', lines))).toEqual([2, 1, 1, 0, 0]);
      // 25 + 0.5 + 1
      expect(await used('shop')).toMatchObject({ api_calls: '26.5' });
    });

    it('reads a range of Prometheus: a sample is the hour before it', async () => {
      const result = [
        {
          metric: { namespace: 'shop' },
          values: [
            [1_775_037_600, '10.5'],
            [1_775_041_200, '1.25e+1'],
          ],
        },
        {
          metric: { namespace: 'blog' },
          values: [
            [1_775_037_600, 'NaN'],
            [1_775_041_200, '7'],
          ],
        },
      ];
      const answer = { status: 'success', warnings: ['store down'], data: { resultType: 'matrix', result } };
      const file = await files.write('range.json', JSON.stringify(answer));
      const mapping = { values: { billingKind: 'egress_gb' } };
      const imported = await backfilled(test, 'usage', file, mapping);
      expect(countsOf(imported)).toEqual([4, 3, 0, 0, 1]);
      expect(imported.odd).toMatchObject([
        { code: 'exponent' },
        { code: 'answer_warning', message: expect.stringContaining('because it has a warning: store down. Query') },
      ]);
      // 10.5 + 12.5 from 09:00 to 11:00
      const { egress_gb } = await test.ask<{ egress_gb: string }>('usage', {
        deploymentId: 'shop',
        start: '2026-04-01T09:00:00Z',
        end: '2026-04-01T11:00:00Z',
      });
      expect([egress_gb, (await used('blog'))['egress_gb']]).toEqual(['23', '7']);
    });

    it('reads a trace of requests to a language model: input and output tokens of each', async () => {
      const file = await files.write(
        'trace.csv',
        'TIMESTAMP,ContextTokens,GeneratedTokens\n' +
          '2026-04-16 18:17:03.9799600,4808,10\n2026-04-16 18:17:04.0319600,3180,8\n2026-04-16 18:17:04.0319600,3180,8\n',
      );
      const mapping = { values: { deploymentId: 'shop', resourceId: 'gpt' } };
      // Three requests, two readings each.
      expect(countsOf(await backfilled(test, 'usage', file, mapping))).toEqual([6, 6, 0, 0, 0]);
      // 4,808 + 3,180 + 3,180 and 10 + 8 + 8
      expect(await used('shop')).toMatchObject({ input_tokens: '11168', output_tokens: '26' });
    });
  });
});
