import type { CostLine } from '#domain/costs/cost';
import type { Preset } from './preset.js';
import { RowFault } from '../rows/row.js';
import { chargePeriod, type CostItem, currencyOf, descriptionOf, given, keyOf } from './costs.js';

/** AWS line types and our categories. Other types are refused by name: a new type must not count as usage. */
const CATEGORIES: Readonly<Record<string, CostLine['category']>> = {
  Usage: 'usage',
  DiscountedUsage: 'usage',
  SavingsPlanCoveredUsage: 'usage',
  SavingsPlanNegation: 'adjustment',
  SavingsPlanUpfrontFee: 'purchase',
  SavingsPlanRecurringFee: 'purchase',
  Fee: 'purchase',
  RIFee: 'purchase',
  Tax: 'tax',
  Credit: 'credit',
  Refund: 'credit',
  Discount: 'adjustment',
  BundledDiscount: 'adjustment',
  EdpDiscount: 'adjustment',
  PrivateRateDiscount: 'adjustment',
};

/** The column of the amortised amount, by line type. For other types it is the unblended cost. */
const EFFECTIVE: Readonly<Record<string, string>> = {
  DiscountedUsage: 'reservationEffectiveCost',
  SavingsPlanCoveredUsage: 'savingsPlanEffectiveCost',
};

/**
 * AWS cost and usage report: the legacy columns (`lineItem/UnblendedCost`) and those of CUR 2.0
 * (`line_item_unblended_cost`). A LineItemId is unique only together with its TimeInterval. The id of the invoice is
 * empty until the month is closed, so a bill is identified by its payer, month and type: the closed month is then a
 * second delivery of the open one.
 */
export const awsCostReport: Preset<CostItem> = {
  name: 'aws-cur',
  kind: 'costs',
  fields: [
    { name: 'provider', columns: ['provider'] },
    { name: 'lineItemId', columns: ['identity/LineItemId'], isRequired: true },
    { name: 'timeInterval', columns: ['identity/TimeInterval'], isRequired: true },
    { name: 'billType', columns: ['bill/BillType'] },
    { name: 'payerAccountId', columns: ['bill/PayerAccountId'], isRequired: true },
    { name: 'billingPeriodStart', columns: ['bill/BillingPeriodStartDate'], isRequired: true },
    { name: 'lineItemType', columns: ['lineItem/LineItemType'], isRequired: true },
    { name: 'usageStart', columns: ['lineItem/UsageStartDate'], isRequired: true },
    { name: 'usageEnd', columns: ['lineItem/UsageEndDate'], isRequired: true },
    { name: 'kind', columns: ['lineItem/ProductCode'], isRequired: true },
    { name: 'resourceId', columns: ['lineItem/ResourceId'] },
    { name: 'amount', columns: ['lineItem/UnblendedCost'], isRequired: true },
    { name: 'currency', columns: ['lineItem/CurrencyCode'], isRequired: true },
    { name: 'description', columns: ['lineItem/LineItemDescription'] },
    { name: 'reservationEffectiveCost', columns: ['reservation/EffectiveCost'] },
    { name: 'savingsPlanEffectiveCost', columns: ['savingsPlan/SavingsPlanEffectiveCost'] },
    { name: 'tenantId', columns: ['tenantId'] },
  ],
  recognises: (columns) => columns.has('identity/LineItemId') || columns.has('identity_line_item_id'),
  exponents: true,
  isLenient: true,
  read(cells) {
    const type = cells.text('lineItemType');
    const category = CATEGORIES[type];
    if (category === undefined)
      throw new RowFault(
        'lineItemType',
        type,
        `is not a known line type. Known types: ${Object.keys(CATEGORIES).join(', ')}`,
      );
    const effective = EFFECTIVE[type];
    const delivery = `${cells.id('payerAccountId')} ${cells.instant('billingPeriodStart').slice(0, 7)}`;
    const billType = cells.optionalId('billType');
    return {
      provider: cells.optionalId('provider') ?? 'aws',
      delivery,
      invoiceRef: billType === undefined ? delivery : `${delivery} ${billType}`,
      line: {
        kind: cells.id('kind'),
        chargePeriod: chargePeriod(cells.instant('usageStart'), cells.instant('usageEnd')),
        amount: cells.decimal('amount'),
        currency: currencyOf(cells, 'currency'),
        category,
        ...given({
          resourceId: cells.optionalId('resourceId'),
          tenantId: cells.optionalId('tenantId'),
          effectiveAmount: effective === undefined ? undefined : cells.optionalDecimal(effective),
          description: descriptionOf(cells, 'description'),
        }),
      },
      key: keyOf(cells.id('lineItemId'), cells.id('timeInterval')),
      isOwnId: true,
    };
  },
};
