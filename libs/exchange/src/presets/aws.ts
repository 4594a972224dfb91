import type { CostLine } from '#domain/costs/cost';
import type { Cells } from '../rows/cells.js';
import { billedOf, COST_FIELDS, DISCOUNTS, effectiveOf } from './aws-costs.js';
import { detailFields, nativeDetails, type KnownDetails } from './details.js';
import type { Preset, PresetField } from './preset.js';
import { chargePeriod, type CostItem, currencyOf, descriptionOf, given, keyOf, unknownType } from './costs.js';
import { namesOf, type Tag, tagPairs, tagsInColumns, tagsText } from './tags.js';

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
  ...Object.fromEntries(DISCOUNTS.map((type) => [type, 'adjustment'] as const)),
};

/**
 * Fields that name the charge, with its period. AWS gives a line another `LineItemId` in each delivery of a month, so
 * that id names nothing.
 */
const KEY: readonly PresetField[] = [
  { name: 'usageAccountId', columns: ['lineItem/UsageAccountId'] },
  { name: 'lineItemType', columns: ['lineItem/LineItemType'], isRequired: true },
  { name: 'productCode', columns: ['lineItem/ProductCode'] },
  { name: 'usageType', columns: ['lineItem/UsageType'] },
  { name: 'operation', columns: ['lineItem/Operation'] },
  { name: 'availabilityZone', columns: ['lineItem/AvailabilityZone'] },
  { name: 'resourceId', columns: ['lineItem/ResourceId'] },
  { name: 'description', columns: ['lineItem/LineItemDescription'] },
  { name: 'taxType', columns: ['lineItem/TaxType'] },
  { name: 'legalEntity', columns: ['lineItem/LegalEntity'] },
  { name: 'reservationArn', columns: ['reservation/ReservationARN'] },
  { name: 'savingsPlanArn', columns: ['savingsPlan/SavingsPlanARN'] },
];

const DETAILS = {
  AvailabilityZone: ['lineItem/AvailabilityZone'],
  BillingAccountName: ['bill/PayerAccountName'],
  ConsumedQuantity: ['lineItem/UsageAmount'],
  InvoiceId: ['bill/InvoiceId'],
  InvoiceIssuerName: ['bill/InvoicingEntity'],
  ListCost: ['pricing/publicOnDemandCost'],
  PricingQuantity: ['lineItem/UsageAmount'],
  PricingUnit: ['pricing/unit'],
  PublisherName: ['lineItem/LegalEntity'],
  RegionId: ['product/regionCode', 'product/region'],
  SkuId: ['product/sku'],
  SkuPriceId: ['pricing/RateCode'],
  SubAccountId: ['lineItem/UsageAccountId'],
  SubAccountName: ['lineItem/UsageAccountName'],
};

/** The savings plan or the reservation that a charge is of. */
function commitmentOf(cells: Cells, category: CostLine['category']): KnownDetails {
  const status = category === 'usage' ? 'Used' : undefined;
  const [plan, reservation] = [cells.quietly('savingsPlanArn'), cells.quietly('reservationArn')];
  if (plan !== undefined)
    return {
      CommitmentDiscountCategory: 'Spend',
      CommitmentDiscountId: plan,
      CommitmentDiscountStatus: status,
      CommitmentDiscountType: 'Savings Plan',
    };
  if (reservation === undefined) return {};
  return {
    CommitmentDiscountCategory: 'Usage',
    CommitmentDiscountId: reservation,
    CommitmentDiscountStatus: status,
    CommitmentDiscountType: 'Reserved Instance',
  };
}

/** Tags have columns of their own (`resourceTags/user:team`, in Athena `resource_tags_user_team`), in CUR 2.0 one. */
const resourceTags = (cells: Cells): Tag[] => [
  ...tagsInColumns(cells, 'resourceTags/'),
  ...tagsInColumns(cells, 'resource_tags_'),
  ...tagPairs(cells, 'resourceTags'),
];

/**
 * AWS cost and usage report: the legacy columns (`lineItem/UnblendedCost`) and those of CUR 2.0
 * (`line_item_unblended_cost`). The id of the invoice is empty until the month is closed, so a bill is identified by
 * its payer, month and type: the closed month is then a second delivery of the open one.
 */
export const awsCostReport: Preset<CostItem> = {
  name: 'aws-cur',
  kind: 'costs',
  fields: [
    { name: 'provider', columns: ['provider'] },
    ...KEY,
    { name: 'billType', columns: ['bill/BillType'] },
    { name: 'payerAccountId', columns: ['bill/PayerAccountId'], isRequired: true },
    { name: 'billingPeriodStart', columns: ['bill/BillingPeriodStartDate'], isRequired: true },
    { name: 'usageStart', columns: ['lineItem/UsageStartDate'], isRequired: true },
    { name: 'usageEnd', columns: ['lineItem/UsageEndDate'], isRequired: true },
    { name: 'kind', columns: ['lineItem/ProductCode'], isRequired: true },
    { name: 'amount', columns: ['lineItem/UnblendedCost'], isRequired: true },
    { name: 'currency', columns: ['lineItem/CurrencyCode'], isRequired: true },
    ...COST_FIELDS,
    { name: 'resourceTags', columns: ['resource_tags'] },
    { name: 'tenantId', columns: ['tenantId'] },
    ...detailFields(DETAILS),
  ],
  recognises: (columns) => columns.has('lineItem/LineItemType'),
  // Athena and Parquet tools write times without a zone. They are in UTC.
  zone: 'Z',
  exponents: true,
  isLenient: true,
  read(cells) {
    const type = cells.text('lineItemType');
    const category = CATEGORIES[type];
    if (category === undefined) throw unknownType('lineItemType', type, 'line type', Object.keys(CATEGORIES));
    const payer = cells.id('payerAccountId');
    const tags = resourceTags(cells);
    const delivery = `${payer} ${cells.instant('billingPeriodStart').slice(0, 7)}`;
    const period = chargePeriod(cells, cells.instant('usageStart'), cells.instant('usageEnd'));
    const billType = cells.optionalId('billType');
    return {
      provider: cells.optionalId('provider') ?? 'aws',
      delivery,
      // An export may leave the type of the bill out, and another one of the same month may have it.
      invoiceRef: billType === undefined ? delivery : `${delivery} ${billType}`,
      mayHaveBills: true,
      line: {
        kind: cells.id('kind'),
        chargePeriod: period,
        amount: billedOf(cells, type),
        currency: currencyOf(cells, 'currency'),
        category,
        ...given({
          resourceId: cells.optionalId('resourceId'),
          tenantId: cells.idOrTagged('tenantId', namesOf(tags)),
          effectiveAmount: effectiveOf(cells, type),
          description: descriptionOf(cells, 'description'),
        }),
        focus: nativeDetails(cells, DETAILS, category, {
          BillingAccountId: payer,
          Tags: tagsText(tags),
          ...commitmentOf(cells, category),
        }),
      },
      key: keyOf(period.start, period.end, ...KEY.map(({ name }) => cells.quietly(name))),
      isOwnId: false,
    };
  },
};
