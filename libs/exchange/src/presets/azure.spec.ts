import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { azureAmortizedCost, azureCostDetails } from './azure.js';

const EA = {
  BillingAccountId: '8608480',
  BillingPeriodStartDate: '09/01/2023',
  SubscriptionId: 'sub-1',
  Date: '09/21/2023',
  Product: 'Virtual Machines BS Series - B1s - UK South',
  MeterId: 'm1',
  MeterCategory: 'Virtual Machines',
  MeterName: 'B1s',
  Cost: '2.6400',
  BillingCurrency: 'USD',
  ResourceId: '/subscriptions/SUB-1/vm1',
  Tags: '"tenant": "acme","env": "prod"',
  ChargeType: 'Usage',
  PricingModel: 'OnDemand',
};

describe('a row of Azure’s cost details', () => {
  it('is a charge of one day, whose date has the month first', () => {
    const { item, notes } = readRow(azureCostDetails, EA);
    expect(item).toMatchObject({
      provider: 'azure',
      delivery: '8608480 2023-09',
      line: {
        kind: 'Virtual Machines',
        chargePeriod: { start: '2023-09-21T00:00:00Z', end: '2023-09-22T00:00:00Z' },
        amount: '2.64',
        currency: 'USD',
        category: 'usage',
        resourceId: '/subscriptions/SUB-1/vm1',
        description: 'Virtual Machines BS Series - B1s - UK South',
      },
      isOwnId: false,
    });
    expect(notes).toEqual([]);
    expect(() => readRow(azureCostDetails, { ...EA, Date: '21/09/2023' })).toThrow(
      'has no month 21: the month is read first. If the day is first, set {"dates": "DD/MM/YYYY"} in a mapping file',
    );
  });

  it('has the day first if a mapping says so', () => {
    const dayFirst = { ...EA, BillingPeriodStartDate: '01/09/2023', Date: '05/09/2023' };
    const { item } = readRow(azureCostDetails, dayFirst, { dates: 'DD/MM/YYYY' });
    expect([item.delivery, item.line.chargePeriod.start]).toEqual(['8608480 2023-09', '2023-09-05T00:00:00Z']);
  });

  it('is the same charge if ids are spelt otherwise, and if its cost differs', () => {
    const other = { ...EA, ResourceId: '/subscriptions/sub-1/VM1', Cost: '2.65', MeterCategory: 'VMs' };
    expect(readRow(azureCostDetails, other).item.key).toBe(readRow(azureCostDetails, EA).item.key);
  });

  it('of a Microsoft Customer Agreement has other columns', () => {
    const mca = {
      billingAccountId: 'a:b_2019-05-31',
      billingPeriodStartDate: '2020-09-01',
      date: '2020-09-10',
      meterId: 'm1',
      meterCategory: 'Storage',
      costInBillingCurrency: '0.114455',
      billingCurrency: 'EUR',
      chargeType: 'Usage',
      billingProfileId: 'YJS3-XXXX-BG7-TGB',
      // The last column of the export. Resources are registered under `azure`, and a delivery is one provider's.
      provider: 'Microsoft 365',
    };
    expect(readRow(azureCostDetails, mca).item).toMatchObject({
      provider: 'azure',
      delivery: 'a:b_2019-05-31 2020-09 YJS3-XXXX-BG7-TGB',
      line: { chargePeriod: { start: '2020-09-10T00:00:00Z' }, amount: '0.114455', currency: 'EUR' },
    });
  });

  it('of pay-as-you-go in camel case is a bill of its subscription', () => {
    const camel = {
      subscriptionGuid: 'sub-1',
      usageDateTime: '2019-07-28',
      meterCategory: 'Storage',
      meterId: 'm1',
      meterName: 'LRS Data Stored',
      preTaxCost: '6.48E-06',
      currency: 'USD',
    };
    const { item, notes } = readRow(azureCostDetails, camel);
    expect(item).toMatchObject({
      delivery: 'sub-1 2019-07',
      line: { amount: '0.00000648', category: 'usage', description: 'LRS Data Stored' },
    });
    expect(notes).toEqual([['exponent', 'amount']]);
  });

  it.each([
    ['Purchase', 'purchase'],
    ['Refund', 'credit'],
    ['Tax', 'tax'],
    ['RoundingAdjustment', 'adjustment'],
  ])('of the charge type %s is a %s', (ChargeType, category) => {
    expect(readRow(azureCostDetails, { ...EA, ChargeType }).item.line.category).toBe(category);
  });

  it('is refused if its charge type is unknown: it must not count as usage', () => {
    expect(() => readRow(azureCostDetails, { ...EA, ChargeType: 'Gift' })).toThrow(
      'In the file of rejects, replace it by the known one that it is like, then import that file.',
    );
  });

  it.each([
    { ChargeType: 'Usage', PricingModel: 'Reservation' },
    { ChargeType: 'Usage', PricingModel: 'SavingsPlan' },
    { ChargeType: 'UnusedReservation', PricingModel: 'Reservation' },
    { ChargeType: 'UnusedSavingsPlan', PricingModel: 'SavingsPlan' },
  ])('that is amortized is refused, unless the mapping says so: %j', (commitment) => {
    expect(() => readRow(azureCostDetails, { ...EA, ...commitment })).toThrow('azure-amortized');
    expect(readRow(azureAmortizedCost, { ...EA, ...commitment }).item.line).toMatchObject({
      amount: '2.64',
      category: 'usage',
    });
    // In the actual cost, the usage that a commitment covers costs nothing.
    expect(readRow(azureCostDetails, { ...EA, ...commitment, Cost: '0' }).item.line.amount).toBe('0');
  });
});
