import { plusHours, type Instant } from '#domain/time/instant';
import type { CostLine } from '#domain/costs/cost';
import type { Cells } from '../rows/cells.js';
import { RowFault } from '../rows/row.js';
import { chargePeriod, type CostItem, currencyOf, descriptionOf, given, keyOf, unknownType } from './costs.js';
import { detailFields, nativeDetails, type KnownDetails } from './details.js';
import type { Preset, PresetField } from './preset.js';
import { namesOf, tagPairs, tagsText } from './tags.js';

/** Azure charge types and our categories. Other types are refused by name: a new type must not count as usage. */
const CATEGORIES: Readonly<Record<string, CostLine['category']>> = {
  usage: 'usage',
  unusedreservation: 'usage',
  unusedsavingsplan: 'usage',
  purchase: 'purchase',
  tax: 'tax',
  refund: 'credit',
  credit: 'credit',
  roundingadjustment: 'adjustment',
  adjustment: 'adjustment',
};
const KNOWN_TYPES = [
  ...['Usage', 'Purchase', 'Tax', 'Refund', 'RoundingAdjustment'],
  ...['UnusedReservation', 'UnusedSavingsPlan'],
];

/**
 * Fields that name the charge. What may change in retrospect is left out: names, tags, the cost center (only in open
 * billing periods), prices.
 */
const KEY: readonly PresetField[] = [
  { name: 'subscriptionId', columns: ['SubscriptionId', 'SubscriptionGuid'] },
  { name: 'invoiceSectionId', columns: ['InvoiceSectionId'] },
  { name: 'resourceGroup', columns: ['ResourceGroup', 'ResourceGroupName'] },
  { name: 'location', columns: ['ResourceLocation', 'Location'] },
  { name: 'resourceId', columns: ['ResourceId', 'InstanceId'] },
  { name: 'meterId', columns: ['MeterId'] },
  { name: 'meterName', columns: ['MeterName'] },
  { name: 'partNumber', columns: ['PartNumber'] },
  { name: 'productOrderId', columns: ['ProductOrderId'] },
  { name: 'reservationId', columns: ['ReservationId'] },
  { name: 'benefitId', columns: ['BenefitId'] },
  { name: 'offerId', columns: ['OfferId'] },
  { name: 'publisher', columns: ['PublisherName'] },
  { name: 'chargeType', columns: ['ChargeType'] },
  { name: 'frequency', columns: ['Frequency'] },
  { name: 'pricingModel', columns: ['PricingModel'] },
  { name: 'unit', columns: ['UnitOfMeasure'] },
];

const DETAILS = {
  BillingAccountName: ['BillingAccountName'],
  InvoiceId: ['InvoiceId'],
  PricingQuantity: ['Quantity', 'UsageQuantity'],
  PricingUnit: ['UnitOfMeasure'],
  PublisherName: ['PublisherName'],
  RegionId: ['ResourceLocation', 'Location'],
  ResourceName: ['ResourceName'],
  SkuId: ['MeterId'],
  SkuPriceId: ['PartNumber'],
  SubAccountId: ['SubscriptionId', 'SubscriptionGuid'],
  SubAccountName: ['SubscriptionName'],
};

const FIELDS: readonly PresetField[] = [
  ...KEY,
  // Its own column `provider` has other names for Azure, such as `Microsoft 365`: only a mapping sets another provider.
  { name: 'provider', columns: [] },
  // A pay-as-you-go file names no billing account. Its subscription pays.
  { name: 'billingAccountId', columns: ['BillingAccountId', 'SubscriptionId', 'SubscriptionGuid'], isRequired: true },
  { name: 'billingProfileId', columns: ['BillingProfileId'] },
  { name: 'billingPeriodStart', columns: ['BillingPeriodStartDate', 'BillingPeriodStart'] },
  { name: 'date', columns: ['Date', 'UsageDateTime', 'UsageDate'], isRequired: true },
  { name: 'kind', columns: ['MeterCategory', 'ConsumedService', 'ProductName', 'Product'], isRequired: true },
  { name: 'description', columns: ['ProductName', 'Product', 'MeterName'] },
  { name: 'amount', columns: ['CostInBillingCurrency', 'Cost', 'PreTaxCost'], isRequired: true },
  { name: 'currency', columns: ['BillingCurrency', 'BillingCurrencyCode', 'Currency'], isRequired: true },
  { name: 'benefitName', columns: ['BenefitName', 'ReservationName'] },
  { name: 'tags', columns: ['Tags'] },
  { name: 'tenantId', columns: ['tenantId'] },
  ...detailFields(DETAILS),
];

const LAST_MONTH = 12;
const MONTH_FIRST = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The start of a day in UTC: `2023-09-21`, or `09/21/2023` with the month first, unless a mapping has the format. */
function dayOf(cells: Cells, field: string): Instant {
  const written = cells.text(field);
  if (cells.hasDateFormat) return cells.asInstant(field, written);
  const [, first = '', second = ''] = MONTH_FIRST.exec(written) ?? [];
  if (Number(first) > LAST_MONTH && Number(second) <= LAST_MONTH)
    throw new RowFault(
      field,
      written,
      `has no month ${first}: the month is read first. If the day is first, set {"dates": "DD/MM/YYYY"} in a mapping` +
        ' file (--map).',
    );
  const date = written.replace(
    MONTH_FIRST,
    (_all, month: string, day: string, year: string) => `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`,
  );
  return cells.asInstant(field, DATE.test(date) ? `${date}T00:00:00Z` : date);
}

/** What a reservation or a savings plan covers, or the part of it that nothing used. */
const isOfCommitment = (type: string, pricingModel: string): boolean =>
  type.startsWith('unused') || (type === 'usage' && ['reservation', 'savingsplan'].includes(pricingModel));

/** The reservation or the savings plan that a charge is of. */
function commitmentOf(cells: Cells, type: string): KnownDetails {
  const [benefit, reservation] = [cells.quietly('benefitId'), cells.quietly('reservationId')];
  const id = benefit ?? reservation;
  if (id === undefined) return {};
  const isPlan = id.toLowerCase().includes('/microsoft.billingbenefits/');
  return {
    CommitmentDiscountCategory: isPlan ? 'Spend' : 'Usage',
    CommitmentDiscountId: id,
    CommitmentDiscountName: cells.quietly('benefitName'),
    CommitmentDiscountStatus: type.startsWith('unused') ? 'Unused' : type === 'usage' ? 'Used' : undefined,
    CommitmentDiscountType: isPlan ? 'Savings Plan' : 'Reservation',
  };
}

function read(cells: Cells, isAmortized: boolean): CostItem {
  const written = cells.optional('chargeType') ?? 'Usage';
  const type = written.toLowerCase();
  const category = CATEGORIES[type];
  if (category === undefined) throw unknownType('chargeType', written, 'charge type', KNOWN_TYPES);
  const amount = cells.decimal('amount');
  const pricingModel = (cells.optional('pricingModel') ?? '').toLowerCase().replaceAll(' ', '');
  if (!isAmortized && isOfCommitment(type, pricingModel) && amount !== '0')
    throw new RowFault(
      'amount',
      amount,
      'is an amortized cost: usage that a reservation or a savings plan covers costs 0 in the actual cost export.' +
        ' Import the actual cost export. To record amortized costs in its place, set {"preset": "azure-amortized"}' +
        ' in a mapping file (--map).',
    );
  const start = dayOf(cells, 'date');
  const billed = cells.optional('billingPeriodStart') === undefined ? start : dayOf(cells, 'billingPeriodStart');
  const account = cells.id('billingAccountId');
  const tags = tagPairs(cells, 'tags');
  const month = `${account} ${billed.slice(0, 7)}`;
  const profile = cells.optionalId('billingProfileId') ?? account;
  // Each profile of a Microsoft Customer Agreement has its own invoice, and often its own export.
  const delivery = profile === account ? month : `${month} ${profile}`;
  return {
    provider: cells.optionalId('provider') ?? 'azure',
    delivery,
    partOf: month,
    invoiceRef: delivery,
    line: {
      kind: cells.id('kind'),
      chargePeriod: chargePeriod(cells, start, plusHours(start, 24)),
      amount,
      currency: currencyOf(cells, 'currency'),
      category,
      ...given({
        resourceId: cells.optionalId('resourceId'),
        tenantId: cells.idOrTagged('tenantId', namesOf(tags)),
        description: descriptionOf(cells, 'description'),
      }),
      focus: nativeDetails(cells, DETAILS, category, {
        BillingAccountId: account,
        Tags: tagsText(tags),
        ...commitmentOf(cells, type),
      }),
    },
    // Azure spells its ids differently from one delivery to the next.
    key: keyOf(start, ...KEY.map(({ name }) => cells.quietly(name)?.toLowerCase())),
    isOwnId: false,
  };
}

/**
 * Azure cost details, actual cost: Enterprise Agreement, Microsoft Customer Agreement, pay-as-you-go, and the camel
 * case of older exports. Each row is a charge of one day. Billing account, month and billing profile identify a bill.
 */
export const azureCostDetails: Preset<CostItem> = {
  name: 'azure-cost',
  kind: 'costs',
  fields: FIELDS,
  recognises: (columns) =>
    columns.has('MeterId') &&
    columns.has('MeterCategory') &&
    ['CostInBillingCurrency', 'Cost', 'PreTaxCost'].some((name) => columns.has(name)),
  zone: 'Z',
  exponents: true,
  isLenient: true,
  read: (cells) => read(cells, false),
};

/**
 * The same with amortized cost. It has the columns of the actual cost, so a mapping must name it. It is another
 * delivery of the same month: it takes the place of the actual cost and is never added to it.
 */
export const azureAmortizedCost: Preset<CostItem> = {
  ...azureCostDetails,
  name: 'azure-amortized',
  recognises: () => false,
  read: (cells) => read(cells, true),
};
