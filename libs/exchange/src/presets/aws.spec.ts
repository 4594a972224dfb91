import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { awsCostReport } from './aws.js';

const AWS = {
  'identity/LineItemId': 'li1',
  'identity/TimeInterval': '2026-04-01T00:00:00Z/2026-04-01T01:00:00Z',
  'bill/BillType': 'Anniversary',
  'bill/PayerAccountId': '123456789012',
  'bill/BillingPeriodStartDate': '2026-04-01T00:00:00Z',
  'lineItem/LineItemType': 'Usage',
  'lineItem/UsageStartDate': '2026-04-01T00:00:00Z',
  'lineItem/UsageEndDate': '2026-04-01T01:00:00Z',
  'lineItem/ProductCode': 'AmazonEC2',
  'lineItem/ResourceId': 'i-1',
  'lineItem/UnblendedCost': '1.16E-2',
  'lineItem/CurrencyCode': 'USD',
  'lineItem/LineItemDescription': 't3.micro, an hour',
};

describe('a row of AWS’s cost and usage report', () => {
  it('is a cost line of its payer’s month, identified by what it describes', () => {
    const { item, notes } = readRow(awsCostReport, AWS);
    expect(item).toEqual({
      provider: 'aws',
      delivery: '123456789012 2026-04',
      invoiceRef: '123456789012 2026-04 Anniversary',
      mayHaveBills: true,
      line: {
        kind: 'AmazonEC2',
        chargePeriod: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z' },
        amount: '0.0116',
        currency: 'USD',
        category: 'usage',
        resourceId: 'i-1',
        description: 't3.micro, an hour',
        focus: { BillingAccountId: '123456789012' },
      },
      key: '2026-04-01T00:00:00Z|2026-04-01T01:00:00Z||Usage|AmazonEC2||||i-1|t3.micro, an hour||||',
      isOwnId: false,
    });
    expect(notes).toEqual([['exponent', 'amount']]);
  });

  it('is the same charge if the next delivery has another id, another cost and the invoice', () => {
    const next = {
      ...AWS,
      'identity/LineItemId': 'li2',
      'bill/InvoiceId': '2026-0417',
      'lineItem/UnblendedCost': '0.0120',
    };
    expect(readRow(awsCostReport, next).item.key).toBe(readRow(awsCostReport, AWS).item.key);
  });

  it('is refused if its type is unknown: it must not count as usage', () => {
    expect(() => readRow(awsCostReport, { ...AWS, 'lineItem/LineItemType': 'Gift' })).toThrow(
      'In the file of rejects, replace it by the known one that it is like, then import that file.',
    );
  });

  it('without a zone is in UTC, which is noted', () => {
    const { item, notes } = readRow(awsCostReport, {
      ...AWS,
      'bill/BillingPeriodStartDate': '2026-04-01 00:00:00.000',
      'lineItem/UnblendedCost': '0.0116',
      'lineItem/UsageStartDate': '2026-04-01 00:00:00.000',
      'lineItem/UsageEndDate': '2026-04-01 01:00:00.000',
    });
    expect(item.line.chargePeriod).toEqual({ start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z' });
    expect(new Set(notes.map(([code]) => code))).toEqual(new Set(['no_zone']));
  });

  const effective = (type: string, cost: string, more: object = {}): unknown => {
    const { line } = readRow(awsCostReport, {
      ...AWS,
      'lineItem/LineItemType': type,
      'lineItem/UnblendedCost': cost,
      ...more,
    }).item;
    return [line.amount, line.effectiveAmount ?? null];
  };

  it('of a savings plan has its effective cost', () => {
    // 1.00 is committed for the hour, 0.75 of it is used: the covered usage would be 1.20 on demand.
    const plan = (cost: string, committed: string, used: string) => ({
      'savingsPlan/SavingsPlanEffectiveCost': cost,
      'savingsPlan/TotalCommitmentToDate': committed,
      'savingsPlan/UsedCommitment': used,
    });
    expect([
      effective('SavingsPlanRecurringFee', '1.00', plan('', '1.00', '0.75')),
      effective('SavingsPlanCoveredUsage', '1.20', plan('0.75', '', '')),
      effective('SavingsPlanNegation', '-1.20', plan('0', '', '')),
      effective('SavingsPlanUpfrontFee', '8760', plan('', '', '')),
    ]).toEqual([
      ['1', '0.25'],
      ['1.2', '0.75'],
      ['-1.2', '0'],
      ['8760', '0'],
    ]);
  });

  it.each([
    {},
    { 'savingsPlan/SavingsPlanEffectiveCost': '0.70' },
    { 'savingsPlan/TotalCommitmentToDate': '0.70', 'savingsPlan/UsedCommitment': '0.70' },
  ])('of a savings plan costs what is billed if the report lacks columns: %j', (columns) => {
    // 1.00 - 1.00 + 0.70 = 0.70, and not 1.70.
    expect([
      effective('SavingsPlanCoveredUsage', '1.00', columns),
      effective('SavingsPlanNegation', '-1.00', columns),
      effective('SavingsPlanRecurringFee', '0.70', columns),
      effective('SavingsPlanUpfrontFee', '8760', columns),
    ]).toEqual([
      ['1', null],
      ['-1', null],
      ['0.7', null],
      ['8760', null],
    ]);
    const { notes } = readRow(awsCostReport, { ...AWS, 'lineItem/LineItemType': 'SavingsPlanNegation', ...columns });
    expect(notes).toContainEqual(['not_amortized', 'effectiveAmount']);
  });

  it('of a reservation has its effective cost', () => {
    const reservation = (cost: string, upfront: string, recurring: string) => ({
      'reservation/ReservationARN': 'arn:aws:ec2:eu-west-1:1:reserved-instances/r',
      'reservation/EffectiveCost': cost,
      'reservation/UnusedAmortizedUpfrontFeeForBillingPeriod': upfront,
      'reservation/UnusedRecurringFee': recurring,
    });
    expect(effective('DiscountedUsage', '0', reservation('0.0075', '', ''))).toEqual(['0', '0.0075']);
    expect(effective('RIFee', '7.44', reservation('', '0.50', '0.24'))).toEqual(['7.44', '0.74']);
    expect(effective('Fee', '100', reservation('', '', ''))).toEqual(['100', '0']);
    // An object has the names of CUR 2.0, which write each capital of ARN apart.
    const { line } = readRow(awsCostReport, {
      bill_payer_account_id: '1',
      bill_billing_period_start_date: '2026-04-01T00:00:00Z',
      line_item_usage_start_date: '2026-04-01T00:00:00Z',
      line_item_usage_end_date: '2026-05-01T00:00:00Z',
      line_item_line_item_type: 'Fee',
      line_item_product_code: 'AmazonEC2',
      line_item_unblended_cost: 120,
      line_item_currency_code: 'USD',
      reservation_reservation_a_r_n: 'arn:aws:ec2:eu-west-1:1:reserved-instances/r',
      reservation_effective_cost: null,
      reservation_unused_amortized_upfront_fee_for_billing_period: null,
      reservation_unused_recurring_fee: null,
    }).item;
    expect([line.amount, line.effectiveAmount]).toEqual(['120', '0']);
    // Another fee, such as support.
    expect(effective('Fee', '29')).toEqual(['29', null]);
  });

  it('of a reservation costs what is billed if the report lacks columns', () => {
    // An hour of a year paid upfront, 87.60, which covers usage of 0.0100 an hour: together 87.60.
    const arn = { 'reservation/ReservationARN': 'arn:aws:ec2:eu-west-1:1:reserved-instances/r' };
    const some = { ...arn, 'reservation/EffectiveCost': '0.0100' };
    expect([effective('Fee', '87.60', some), effective('DiscountedUsage', '0', some)]).toEqual([
      ['87.6', null],
      ['0', null],
    ]);
    expect([effective('Fee', '87.60', arn), effective('RIFee', '7.44', arn)]).toEqual([
      ['87.6', null],
      ['7.44', null],
    ]);
  });

  /** The unblended cost, the net cost and the discount. */
  const discounted = (type: string, cost: string, net: string, discount: string, more: object = {}): unknown =>
    effective(type, cost, { 'lineItem/NetUnblendedCost': net, 'discount/TotalDiscount': discount, ...more });

  it('costs what is left of it after discounts that are no lines of their own', () => {
    expect(discounted('Usage', '1.00', '0.90', '-0.10')).toEqual(['0.9', null]);
    // As an object with the names of CUR 2.0.
    const object = {
      ...Object.fromEntries(Object.entries(AWS).filter(([name]) => name !== 'lineItem/UnblendedCost')),
      line_item_unblended_cost: 1,
      line_item_net_unblended_cost: 0.9,
      discount_total_discount: -0.1,
    };
    expect(readRow(awsCostReport, object).item.line.amount).toBe('0.9');
    // All of it is taken off, as of a bundled discount. Without a discount, AWS may leave the net cost empty or 0.
    expect(discounted('Usage', '1.00', '0', '-1.00')).toEqual(['0', null]);
    expect(discounted('Usage', '1.00', '0', '', { discount: '{"edp": -1.00}' })).toEqual(['0', null]);
    expect(discounted('Usage', '1.00', '', '')).toEqual(['1', null]);
    expect(discounted('Usage', '1.00', '0', '0', { discount: '{}' })).toEqual(['1', null]);
  });

  it('of a discount counts once: in net costs, or as a line', () => {
    // 0.90 + 0 with net costs, also if the report has both; 1.00 - 0.10 without them.
    expect([discounted('EdpDiscount', '-0.10', '', ''), discounted('EdpDiscount', '-0.10', '0', '')]).toEqual([
      ['0', null],
      ['0', null],
    ]);
    // What AWS spreads over no usage has a net cost of its own.
    expect(discounted('RiVolumeDiscount', '-0.10', '-0.10', '')).toEqual(['-0.1', null]);
    expect([effective('Usage', '1.00'), effective('EdpDiscount', '-0.10')]).toEqual([
      ['1', null],
      ['-0.1', null],
    ]);
  });

  it.each([{ 'lineItem/NetUnblendedCost': '0.90' }, { 'discount/TotalDiscount': '-0.10' }])(
    'costs its unblended cost, with a note, if the report does not tell where its discounts are: %j',
    (columns) => {
      const row = { ...AWS, 'lineItem/UnblendedCost': '1.00', ...columns };
      const { item, notes } = readRow(awsCostReport, row);
      expect([item.line.amount, notes]).toEqual(['1', [['unsure_discount', 'amount']]]);
      // A mapping says that discounts are lines.
      const mapping = { columns: { netAmount: 'lineItem/UnblendedCost' } };
      if ('lineItem/NetUnblendedCost' in columns)
        expect(readRow(awsCostReport, row, mapping)).toMatchObject({ item: { line: { amount: '1' } }, notes: [] });
    },
  );

  it('of a savings plan or a reservation has its effective cost after discounts', () => {
    const plan = {
      'savingsPlan/SavingsPlanEffectiveCost': '',
      'savingsPlan/TotalCommitmentToDate': '1.00',
      'savingsPlan/UsedCommitment': '0.75',
    };
    // A tenth off: of 0.75 that is used, of the fee of 1.00, and of the 0.25 of it that nothing used.
    const used = { 'savingsPlan/SavingsPlanEffectiveCost': '0.75', 'savingsPlan/NetSavingsPlanEffectiveCost': '0.675' };
    expect(discounted('SavingsPlanCoveredUsage', '1.20', '1.08', '-0.12', { ...plan, ...used })).toEqual([
      '1.08',
      '0.675',
    ]);
    expect(discounted('SavingsPlanNegation', '-1.20', '-1.08', '0.12', plan)).toEqual(['-1.08', '0']);
    expect(discounted('SavingsPlanRecurringFee', '1.00', '0.90', '-0.10', plan)).toEqual(['0.9', '0.225']);
    // All is paid upfront, so the fee is 0, and its commitment tells the discount.
    const upfront = {
      ...plan,
      'savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod': '744',
      'savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod': '669.6',
    };
    expect(discounted('SavingsPlanRecurringFee', '0', '0', '0', upfront)).toEqual(['0', '0.225']);
    const reservation = {
      'reservation/EffectiveCost': '0.0100',
      'reservation/NetEffectiveCost': '0.0090',
      'reservation/UnusedAmortizedUpfrontFeeForBillingPeriod': '0.50',
      'reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod': '0.45',
      'reservation/UnusedRecurringFee': '0.20',
      'reservation/NetUnusedRecurringFee': '0.18',
    };
    expect(discounted('DiscountedUsage', '0', '0', '0', reservation)).toEqual(['0', '0.009']);
    // 0.45 + 0.18
    expect(discounted('RIFee', '7.44', '6.696', '-0.744', reservation)).toEqual(['6.696', '0.63']);
  });

  it.each([{ 'resourceTags/user:tenant': 'acme' }, { resource_tags: '{"user:tenant": "acme"}' }])(
    'has its tags in columns or in one: %j',
    (tags) => {
      const mapping = { tags: { 'user:tenant:': 'tenantId' as const } };
      expect(readRow(awsCostReport, { ...AWS, ...tags }, mapping).item.line.tenantId).toBe('acme');
    },
  );
});
