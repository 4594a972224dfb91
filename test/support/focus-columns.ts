/** A row as it stands in the CSV: an empty cell is null. */
export type FocusCells = Readonly<Record<string, string>>;

/** The columns of FOCUS 1.2. */
export const COLUMNS_1_2 = `
    AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency
    BillingPeriodEnd BillingPeriodStart CapacityReservationId CapacityReservationStatus ChargeCategory ChargeClass
    ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory
    CommitmentDiscountId CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus
    CommitmentDiscountType CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice
    EffectiveCost InvoiceId InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingCurrency
    PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice PricingQuantity
    PricingUnit ProviderName PublisherName RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory
    ServiceName ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId SubAccountName
    SubAccountType Tags
`
  .trim()
  .split(/\s+/);
/** The columns of FOCUS 1.3. */
export const COLUMNS_1_3 = [
  ...COLUMNS_1_2,
  'AllocatedMethodDetails',
  'AllocatedMethodId',
  'AllocatedResourceId',
  'AllocatedResourceName',
  'AllocatedTags',
  'ContractApplied',
  'HostProviderName',
  'ServiceProviderName',
];

export const isNull = (row: FocusCells, column: string): boolean => row[column] === undefined || row[column] === '';
export const is = (row: FocusCells, column: string, ...values: readonly string[]): boolean =>
  values.includes(row[column] ?? '');
export const isPriced = (row: FocusCells): boolean =>
  is(row, 'ChargeCategory', 'Usage', 'Purchase') && !is(row, 'ChargeClass', 'Correction');

/** A rule of FOCUS, by the id that its requirements model gives it. */
export interface FocusRule {
  readonly id: string;
  readonly column: string;
  readonly rule: string;
  readonly holds: (row: FocusCells) => boolean;
}
