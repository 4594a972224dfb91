import { z } from 'zod';
import { isDecimalText } from '../money/decimal.js';

/** The columns of FOCUS that a cost line has fields for. */
export const FOCUS_FIELDS = [
  'BilledCost',
  'BillingCurrency',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'EffectiveCost',
  'ResourceId',
  'ServiceName',
] as const;

/** The other columns of FOCUS 1.2. */
export const FOCUS_1_2_DETAILS = [
  'AvailabilityZone',
  'BillingAccountId',
  'BillingAccountName',
  'BillingAccountType',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'CapacityReservationId',
  'CapacityReservationStatus',
  'ChargeFrequency',
  'CommitmentDiscountCategory',
  'CommitmentDiscountId',
  'CommitmentDiscountName',
  'CommitmentDiscountQuantity',
  'CommitmentDiscountStatus',
  'CommitmentDiscountType',
  'CommitmentDiscountUnit',
  'ConsumedQuantity',
  'ConsumedUnit',
  'ContractedCost',
  'ContractedUnitPrice',
  'InvoiceId',
  'InvoiceIssuerName',
  'ListCost',
  'ListUnitPrice',
  'PricingCategory',
  'PricingCurrency',
  'PricingCurrencyContractedUnitPrice',
  'PricingCurrencyEffectiveCost',
  'PricingCurrencyListUnitPrice',
  'PricingQuantity',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'RegionId',
  'RegionName',
  'ResourceName',
  'ResourceType',
  'ServiceCategory',
  'ServiceSubcategory',
  'SkuId',
  'SkuMeter',
  'SkuPriceDetails',
  'SkuPriceId',
  'SubAccountId',
  'SubAccountName',
  'SubAccountType',
  'Tags',
] as const;

/** The columns that FOCUS 1.3 adds. */
export const FOCUS_1_3_DETAILS = [
  'AllocatedMethodDetails',
  'AllocatedMethodId',
  'AllocatedResourceId',
  'AllocatedResourceName',
  'AllocatedTags',
  'ContractApplied',
  'HostProviderName',
  'ServiceProviderName',
] as const;

export const FOCUS_DETAILS = [...FOCUS_1_2_DETAILS, ...FOCUS_1_3_DETAILS];
export type FocusDetail = (typeof FOCUS_DETAILS)[number];
const NUMERIC: ReadonlySet<string> = new Set<FocusDetail>([
  'CommitmentDiscountQuantity',
  'ConsumedQuantity',
  'ContractedCost',
  'ContractedUnitPrice',
  'ListCost',
  'ListUnitPrice',
  'PricingCurrencyContractedUnitPrice',
  'PricingCurrencyEffectiveCost',
  'PricingCurrencyListUnitPrice',
  'PricingQuantity',
]);
export const isNumericDetail = (column: FocusDetail): boolean => NUMERIC.has(column);

/** Tags of a resource may be many. */
export const LONGEST_DETAIL = 20_000;

/** What the provider's row says besides the fields of a cost line. The ledger keeps it and does not compute with it. */
export const zFocusDetails = z
  .partialRecord(
    z.enum(FOCUS_DETAILS),
    z
      .string()
      .max(LONGEST_DETAIL, `is longer than ${LONGEST_DETAIL} characters`)
      .refine((value) => !value.includes('\u0000'), 'contains a NUL character'),
  )
  .superRefine((details, context) => {
    for (const [column, value] of Object.entries(details))
      if (NUMERIC.has(column) && !isDecimalText(value))
        context.addIssue({ code: 'custom', path: [column], message: 'is not a plain decimal such as "12.50"' });
  });
/** A column without a value is absent. */
export type FocusDetails = z.infer<typeof zFocusDetails>;

/** The same in the order of FOCUS_DETAILS: equal details are equal JSON. */
export const inFocusOrder = (details: FocusDetails): FocusDetails =>
  Object.fromEntries(
    FOCUS_DETAILS.flatMap((column) => (details[column] === undefined ? [] : [[column, details[column]]])),
  );
