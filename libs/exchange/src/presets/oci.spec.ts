import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { RowFault } from '../rows/row.js';
import { ociCostReport } from './oci.js';

const ROW = {
  'lineItem/referenceNo': 'r1',
  'lineItem/tenantId': 'ocid1.tenancy.oc1..a',
  'lineItem/intervalUsageStart': '2023-11-13T09:00Z',
  'lineItem/intervalUsageEnd': '2023-11-13T10:00Z',
  'product/service': 'MYSQL',
  'product/compartmentId': 'ocid1.compartment.oc1..b',
  'product/region': 'us-sanjose-1',
  'product/resourceId': 'ocid1.mysql.oc1..c',
  'product/Description': 'MySQL Database - Node per hour',
  'cost/subscriptionId': 's1',
  'cost/productSku': 'B92024',
  'cost/myCost': '0.054778717500000000',
  'cost/currencyCode': 'USD',
  'lineItem/isCorrection': 'false',
  'lineItem/backreferenceNo': '',
  'tags/Billing.tenant': 'acme',
};

describe('a row of OCI’s cost report', () => {
  it('is a cost line of its tenancy’s month, and its times need no seconds', () => {
    const { item, notes } = readRow(ociCostReport, ROW);
    expect(item).toMatchObject({
      provider: 'oci',
      delivery: 'ocid1.tenancy.oc1..a 2023-11',
      line: {
        kind: 'MYSQL',
        chargePeriod: { start: '2023-11-13T09:00:00Z', end: '2023-11-13T10:00:00Z' },
        amount: '0.0547787175',
        currency: 'USD',
        category: 'usage',
        resourceId: 'ocid1.mysql.oc1..c',
        description: 'MySQL Database - Node per hour',
      },
      isOwnId: false,
    });
    expect(notes).toEqual([]);
  });

  it('has a key of what it describes, without its amount and its reference number', () => {
    const other = { ...ROW, 'lineItem/referenceNo': 'r2', 'cost/myCost': '0.06' };
    expect(readRow(ociCostReport, other).item.key).toBe(readRow(ociCostReport, ROW).item.key);
    const later = { ...ROW, 'lineItem/intervalUsageEnd': '2023-11-13T11:00Z' };
    expect(readRow(ociCostReport, later).item.key).not.toBe(readRow(ociCostReport, ROW).item.key);
  });

  it('has its unit in the column of older or of newer reports', () => {
    const units = [{ 'cost/billingUnitReadable': 'NODE HOURS' }, { 'cost/skuUnitDescription': 'NODE HOURS' }];
    const read = units.map((unit) => readRow(ociCostReport, { ...ROW, 'usage/billedQuantity': '1', ...unit }).item);
    const details = { ConsumedUnit: 'NODE HOURS', PricingUnit: 'NODE HOURS' };
    expect(read.map(({ line }) => line.focus)).toEqual([
      expect.objectContaining(details),
      expect.objectContaining(details),
    ]);
    expect(read[0]?.key).toBe(read[1]?.key);
  });

  it('that ends at its start is a charge of one microsecond, with a note', () => {
    const { item, notes } = readRow(ociCostReport, { ...ROW, 'lineItem/intervalUsageEnd': '2023-11-13T09:00Z' });
    expect(item.line.chargePeriod).toEqual({ start: '2023-11-13T09:00:00Z', end: '2023-11-13T09:00:00.000001Z' });
    expect(notes).toEqual([['no_length', 'chargePeriod']]);
  });

  it.each([
    ['2203-11-13T09:00Z', '2203-11-13T10:00Z'],
    ['0203-11-13T09:00Z', '0203-11-13T10:00Z'],
  ])('is refused for a period that no bill has: %s', (start, end) => {
    const odd = { ...ROW, 'lineItem/intervalUsageStart': start, 'lineItem/intervalUsageEnd': end };
    expect(() => readRow(ociCostReport, odd)).toThrow('must be between the years 1990 and 2100. Correct the date.');
  });

  it('that corrects another row is a line of class correction', () => {
    const correction = {
      ...ROW,
      'lineItem/isCorrection': 'true',
      'lineItem/backreferenceNo': 'r1',
      'cost/myCost': '-0.02',
    };
    const { item } = readRow(ociCostReport, correction);
    expect(item.line).toMatchObject({ amount: '-0.02', class: 'correction' });
    expect(item.key).not.toBe(readRow(ociCostReport, ROW).item.key);
    expect(() => readRow(ociCostReport, { ...ROW, 'lineItem/isCorrection': 'perhaps' })).toThrow(RowFault);
  });
});
