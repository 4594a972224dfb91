import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { RowFault } from '../rows/row.js';
import { gcpBilling } from './gcp.js';

const ROW = {
  billing_account_id: '01D4EE',
  service: { id: '6F81', description: 'Compute Engine' },
  sku: { id: '9DE9', description: 'N1 core' },
  usage_start_time: '2023-10-31 23:00:00 UTC',
  usage_end_time: '2023-11-01 00:00:00 UTC',
  project: { id: 'shop', name: 'Shop' },
  labels: [{ key: 'tenant', value: 'acme' }],
  cost: 0.3,
  currency: 'EUR',
  credits: [{ id: 'c1', name: 'Trial', full_name: 'Free trial', type: 'PROMOTION', amount: -0.1 }],
  invoice: { month: '202311' },
  cost_type: 'regular',
  resource: { name: 'vm-1', global_name: '//compute/vm-1' },
};

describe('a row of Google Cloud’s billing export', () => {
  it('is a cost line before credits in its invoice month, and a line for each credit', () => {
    const { items, notes } = readRow(gcpBilling, ROW, { tags: { 'tenant:': 'tenantId' } });
    const bill = { provider: 'gcp', delivery: '01D4EE 2023-11', invoiceRef: '01D4EE 2023-11', isOwnId: false };
    const line = {
      kind: 'Compute Engine',
      chargePeriod: { start: '2023-10-31T23:00:00Z', end: '2023-11-01T00:00:00Z' },
      currency: 'EUR',
      resourceId: 'vm-1',
      tenantId: 'acme',
    };
    expect(items).toMatchObject([
      { ...bill, line: { ...line, amount: '0.3', category: 'usage', description: 'N1 core' } },
      { ...bill, line: { ...line, amount: '-0.1', category: 'credit', description: 'Free trial' } },
    ]);
    expect(items[1]?.key).not.toBe(items[0]?.key);
    expect(notes).toEqual([]);
  });

  it('of a CSV has its credits as JSON, or as Python prints them', () => {
    const csv = {
      billing_account_id: '01D4EE',
      'service.description': 'Logging',
      'sku.description': 'Log volume',
      usage_start_time: '2020-11-09 23:00:00+00:00',
      usage_end_time: '2020-11-10 00:00:00+00:00',
      cost: '5e-06',
      currency: 'USD',
      'invoice.month': '202011',
      cost_type: 'regular',
    };
    for (const credits of [
      '[{"name": "Trial", "amount": -0.000005}]',
      "[{'name': 'Trial', 'amount': -5e-06, 'full_name': None}]",
    ])
      expect(readRow(gcpBilling, { ...csv, credits }).items.map(({ line }) => [line.amount, line.description])).toEqual(
        [
          ['0.000005', 'Log volume'],
          ['-0.000005', 'Trial'],
        ],
      );
    expect(readRow(gcpBilling, { ...csv, credits: '[]' }).items).toHaveLength(1);
    expect(() => readRow(gcpBilling, { ...csv, credits: '-0.000005' })).toThrow(RowFault);
    expect(() => readRow(gcpBilling, { ...csv, credits: '[{"name": "Trial"}]' })).toThrow(RowFault);
  });

  it.each([
    ['tax', 'tax'],
    ['adjustment', 'adjustment'],
    ['rounding_error', 'adjustment'],
  ])('of the cost type %s is of the category %s', (cost_type, category) => {
    expect(readRow(gcpBilling, { ...ROW, cost_type }).item.line.category).toBe(category);
  });

  it('is refused if its cost type is unknown', () => {
    expect(() => readRow(gcpBilling, { ...ROW, cost_type: 'gift' })).toThrow(RowFault);
  });
});
