import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { RowFault } from '../rows/row.js';
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

  it('keeps the amortised amount of a reservation next to the billed amount', () => {
    const { item } = readRow(awsCostReport, {
      ...AWS,
      'lineItem/LineItemType': 'DiscountedUsage',
      'lineItem/UnblendedCost': '0',
      'reservation/EffectiveCost': '0.0075',
    });
    expect(item.line).toMatchObject({ category: 'usage', amount: '0', effectiveAmount: '0.0075' });
  });

  it('is refused if its type is unknown: it must not count as usage', () => {
    expect(() => readRow(awsCostReport, { ...AWS, 'lineItem/LineItemType': 'Gift' })).toThrow(RowFault);
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
    const plan = { 'savingsPlan/TotalCommitmentToDate': '1.00', 'savingsPlan/UsedCommitment': '0.75' };
    expect([
      effective('SavingsPlanRecurringFee', '1.00', plan),
      effective('SavingsPlanCoveredUsage', '1.20', { 'savingsPlan/SavingsPlanEffectiveCost': '0.75' }),
      effective('SavingsPlanNegation', '-1.20', { 'savingsPlan/SavingsPlanEffectiveCost': '0' }),
    ]).toEqual([
      ['1', '0.25'],
      ['1.2', '0.75'],
      ['-1.2', '0'],
    ]);
    expect(effective('SavingsPlanUpfrontFee', '8760')).toEqual(['8760', '0']);
    // A report without the columns does not say it.
    expect(effective('SavingsPlanRecurringFee', '1.00')).toEqual(['1', null]);
  });

  it('of a reservation has its effective cost', () => {
    const arn = { 'reservation/ReservationARN': 'arn:aws:ec2:eu-west-1:1:reserved-instances/r' };
    const unused = {
      ...arn,
      'reservation/UnusedAmortizedUpfrontFeeForBillingPeriod': '0.50',
      'reservation/UnusedRecurringFee': '0.24',
    };
    expect(effective('RIFee', '7.44', unused)).toEqual(['7.44', '0.74']);
    expect(effective('Fee', '100', arn)).toEqual(['100', '0']);
    // Objects have the names of CUR 2.0, which write each capital of ARN apart.
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
    }).item;
    expect([line.amount, line.effectiveAmount]).toEqual(['120', '0']);
    // Another fee, such as support.
    expect(effective('Fee', '29')).toEqual(['29', null]);
  });

  it.each([{ 'resourceTags/user:tenant': 'acme' }, { resource_tags: '{"user:tenant": "acme"}' }])(
    'has its tags in columns or in one: %j',
    (tags) => {
      const mapping = { tags: { 'user:tenant:': 'tenantId' as const } };
      expect(readRow(awsCostReport, { ...AWS, ...tags }, mapping).item.line.tenantId).toBe('acme');
    },
  );
});
