import {
  FOCUS_1_2_DETAILS,
  FOCUS_1_3_DETAILS,
  FOCUS_FIELDS,
  type FocusDetail,
  type FocusDetails,
} from '#domain/costs/focus';
import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal, text, ZERO } from '#domain/money/decimal';
import { moneyText, toMoney, unitAmountText } from '#domain/money/money';
import { isForUsage, readRef } from '#domain/prices/refs';
import { compareInstants, type Instant, later } from '#domain/time/instant';
import { contains, monthOf, type Period } from '#domain/time/period';
import type { CostLineRow } from '#projections/costs/costs.table';

export const FOCUS_VERSIONS = ['1.2', '1.3'] as const;
export type FocusVersion = (typeof FOCUS_VERSIONS)[number];

const OWN_COLUMNS = ['x_Side', 'x_DeploymentId', 'x_TenantId'] as const;
export type FocusColumn = (typeof FOCUS_FIELDS)[number] | FocusDetail | (typeof OWN_COLUMNS)[number];

/** All columns of a version of FOCUS by name, then our own. */
export const focusColumns = (version: FocusVersion): readonly FocusColumn[] => [
  ...[...FOCUS_FIELDS, ...FOCUS_1_2_DETAILS, ...(version === '1.3' ? FOCUS_1_3_DETAILS : [])].sort(),
  ...OWN_COLUMNS,
];

/** null is an empty cell. */
export type FocusRow = Readonly<Record<FocusColumn, string | null>>;
const EMPTY: FocusRow = Object.fromEntries(focusColumns('1.3').map((column) => [column, null])) as FocusRow;

/** The FOCUS category of our products is not known. */
const SERVICE = { ServiceCategory: 'Other', ServiceSubcategory: 'Other (Other)' };
/** The unit of quantities. All that is known about the units of a billing kind is that they belong to it. */
const UNIT = 'Units';
/** A provider's line without a quantity is one charge. */
const CHARGE = { PricingQuantity: '1', PricingUnit: 'Charges' };

const periodColumns = (
  billing: Period,
  charge: Period,
): Pick<FocusRow, 'BillingPeriodStart' | 'BillingPeriodEnd' | 'ChargePeriodStart' | 'ChargePeriodEnd'> => ({
  BillingPeriodStart: billing.start,
  BillingPeriodEnd: billing.end,
  ChargePeriodStart: charge.start,
  ChargePeriodEnd: charge.end,
});

interface Priced {
  readonly category: string;
  readonly quantity: string;
  readonly unit: string;
  readonly sku: string;
  readonly skuPrice: string;
}

/** A tax has neither price nor quantity. Only usage has a consumed quantity. */
function pricingColumns({
  category,
  quantity,
  unit,
  sku,
  skuPrice,
}: Priced): Pick<
  FocusRow,
  'PricingCategory' | 'PricingQuantity' | 'PricingUnit' | 'ConsumedQuantity' | 'ConsumedUnit' | 'SkuId' | 'SkuPriceId'
> {
  if (category === 'Tax')
    return {
      PricingCategory: null,
      PricingQuantity: null,
      PricingUnit: null,
      ConsumedQuantity: null,
      ConsumedUnit: null,
      SkuId: null,
      SkuPriceId: null,
    };
  const isUsage = category === 'Usage';
  return {
    PricingCategory: 'Standard',
    PricingQuantity: quantity,
    PricingUnit: unit,
    ConsumedQuantity: isUsage ? quantity : null,
    ConsumedUnit: isUsage ? unit : null,
    SkuId: sku,
    SkuPriceId: skuPrice,
  };
}

const CATEGORIES: Readonly<Record<string, string>> = {
  usage: 'Usage',
  purchase: 'Purchase',
  tax: 'Tax',
  credit: 'Credit',
  adjustment: 'Adjustment',
};

/** A cost line, and the known details of its resource and tenant. */
export interface ExportedCost {
  readonly row: CostLineRow;
  readonly resourceName: string | null;
  readonly resourceKind: string | null;
  readonly tenantName: string | null;
}

/** A provider's charge, in the month in which its charge period starts. */
export function focusOfCost(cost: ExportedCost): FocusRow {
  const { row, tenantName } = cost;
  const category = CATEGORIES[row.category];
  if (category === undefined) throw new Error(`the category ${row.category} of a cost line is not in FOCUS`);
  const amount = unitAmountText(decimal(row.amount), row.currency);
  const effective = row.effective_amount ?? row.amount;
  const line = {
    ...EMPTY,
    BilledCost: amount,
    BillingCurrency: row.currency,
    ChargeCategory: category,
    ChargeClass: row.class === null ? null : 'Correction',
    ChargePeriodStart: row.charge_period_start,
    ChargePeriodEnd: row.charge_period_end,
    EffectiveCost: unitAmountText(decimal(effective), row.currency),
    ResourceId: row.resource_id,
    ServiceName: row.kind,
    x_Side: 'cost',
    x_TenantId: row.tenant_id,
  };
  if (row.focus !== null)
    return {
      ...line,
      ChargeDescription: row.description,
      ...neededColumns(cost, category, amount, row.focus),
      ...row.focus,
      ...amountsOf(row.focus, row.currency),
    };
  return {
    ...line,
    ...neededColumns(cost, category, amount, {}),
    // All that is known about the account is that it belongs to the provider.
    BillingAccountName: row.provider,
    ChargeDescription: row.description ?? row.kind,
    // FOCUS does not distribute a credit over the charges that it is for.
    EffectiveCost: category === 'Credit' ? amount : line.EffectiveCost,
    InvoiceId: row.invoice_ref,
    SubAccountId: row.tenant_id,
    // A tenant whose name was erased keeps its id.
    SubAccountName: tenantName ?? row.tenant_id,
  };
}

/** The amounts among the details, at least at the scale of the currency. */
const amountsOf = ({ ListCost, ContractedCost }: FocusDetails, currency: string): Partial<FocusRow> => ({
  ...(ListCost === undefined ? {} : { ListCost: unitAmountText(decimal(ListCost), currency) }),
  ...(ContractedCost === undefined ? {} : { ContractedCost: unitAmountText(decimal(ContractedCost), currency) }),
});

/** What FOCUS requires of a row, where the details of the row may not say it. */
function neededColumns(
  { row, resourceName, resourceKind }: ExportedCost,
  category: string,
  amount: string,
  details: FocusDetails,
): Partial<FocusRow> {
  const { provider, kind } = row;
  const billed = monthOf(row.charge_period_start);
  const isUsage = category === 'Usage';
  const priced = (isUsage || category === 'Purchase') && row.class === null;
  const quantity = details.PricingQuantity === undefined ? (priced ? CHARGE : null) : { PricingUnit: UNIT };
  return {
    BillingAccountId: provider,
    BillingPeriodStart: billed.start,
    BillingPeriodEnd: billed.end,
    ChargeFrequency: isUsage ? 'Usage-Based' : 'One-Time',
    ContractedCost: amount,
    HostProviderName: details.ServiceProviderName ?? provider,
    InvoiceIssuerName: provider,
    ListCost: amount,
    ProviderName: provider,
    PublisherName: provider,
    RegionName: details.RegionId ?? null,
    // A name that equals the id is not a name.
    ResourceName: resourceName === row.resource_id ? null : resourceName,
    ResourceType: row.resource_id === null ? null : (resourceKind ?? kind),
    ServiceCategory: SERVICE.ServiceCategory,
    ServiceProviderName: provider,
    ServiceSubcategory: `Other (${details.ServiceCategory ?? SERVICE.ServiceCategory})`,
    SubAccountName: details.SubAccountId ?? null,
    ...quantity,
    ...(isUsage && details.ConsumedQuantity === undefined && quantity !== null ? consumed(details, quantity) : {}),
    ...(details.ConsumedQuantity === undefined ? {} : { ConsumedUnit: details.PricingUnit ?? UNIT }),
    ...(priced
      ? {
          PricingCategory: isUsage && details.CommitmentDiscountId !== undefined ? 'Committed' : 'Standard',
          SkuId: kind,
          SkuPriceId: details.SkuId ?? kind,
        }
      : {}),
  };
}

/** What is billed is what is consumed. */
const consumed = (
  { PricingQuantity, PricingUnit }: FocusDetails,
  charge: { readonly PricingQuantity?: string; readonly PricingUnit: string },
): Pick<FocusRow, 'ConsumedQuantity' | 'ConsumedUnit'> => ({
  ConsumedQuantity: PricingQuantity ?? charge.PricingQuantity ?? null,
  ConsumedUnit: PricingUnit ?? charge.PricingUnit,
});

/** A row of an issued invoice or credit note, and the details that FOCUS needs. */
export interface IssuedRow {
  readonly row: FrozenRow;
  readonly number: string;
  readonly issuedAt: Instant;
  readonly tenantId: string;
  readonly tenantName: string | null;
  readonly currency: string;
}

/**
 * The month in which a row is billed. For a charge: the month in which its charge period starts, in advance or in
 * arrears. For a correction of an issued row: the month in which the correction was issued, if that is later.
 */
export const billingMonthOf = ({ row, issuedAt }: Pick<IssuedRow, 'row' | 'issuedAt'>): Period =>
  monthOf(row.kind === 'charge' ? row.chargePeriod.start : later(row.chargePeriod.start, issuedAt));

function categoryOf({ kind, ref }: FrozenRow): 'Usage' | 'Purchase' | 'Credit' {
  // What others left of their included units reduces the usage, which is in a row of its own.
  if (kind === 'credit_note' || readRef(ref).isPooled === true) return 'Credit';
  return isForUsage(ref) ? 'Usage' : 'Purchase';
}
const FREQUENCIES = { Usage: 'Usage-Based', Purchase: 'Recurring', Credit: 'One-Time', Tax: 'One-Time' } as const;

/** Our bill: the charge, and the tax on it, if any. Together they equal the total of the invoice. */
export function focusOfIssued(issued: IssuedRow, issuer: string): FocusRow[] {
  const { row, currency } = issued;
  const shown = (amount: string): string => unitAmountText(decimal(amount), currency);
  const contracted = text(decimal(row.gross).minus(decimal(row.discount)));
  const charged = focusOfCharge(issued, issuer, categoryOf(row), {
    BilledCost: shown(row.net),
    EffectiveCost: shown(row.net),
    ListCost: shown(row.gross),
    ContractedCost: shown(contracted),
    ChargeDescription: `${row.billingKind} ${row.ref}${row.reason === undefined ? '' : `: ${row.reason}`}`,
  });
  const { tax } = row;
  if (decimal(tax).eq(ZERO)) return [charged];
  // The list amount is the tax on the charge before its discounts. The billed amount is the tax of the invoice, to the
  // cent.
  const taxOn = (amount: string): string =>
    decimal(amount).eq(decimal(row.net))
      ? shown(tax)
      : moneyText(toMoney(decimal(amount).times(decimal(row.taxRatePercent)).div(HUNDRED), currency), currency);
  const taxed = {
    BilledCost: shown(tax),
    EffectiveCost: shown(tax),
    ListCost: taxOn(row.gross),
    ContractedCost: taxOn(contracted),
    ChargeDescription: `tax of ${row.taxRatePercent} % on ${row.billingKind}`,
  };
  return [charged, focusOfCharge(issued, issuer, 'Tax', taxed)];
}

const HUNDRED = decimal('100');

type Amounts = Pick<FocusRow, 'BilledCost' | 'EffectiveCost' | 'ListCost' | 'ContractedCost' | 'ChargeDescription'>;

function focusOfCharge(
  issued: IssuedRow,
  issuer: string,
  category: keyof typeof FREQUENCIES,
  amounts: Amounts,
): FocusRow {
  const { row, number, tenantId, tenantName, currency } = issued;
  const billing = billingMonthOf(issued);
  const sku = `${row.planId}/${row.billingKind}`;
  // A correction within its own billing period does not count as one: its month is not closed.
  const isCorrection =
    row.kind !== 'charge' &&
    !contains(billing, row.chargePeriod.start) &&
    compareInstants(row.chargePeriod.start, billing.start) < 0;
  return {
    ...EMPTY,
    ...amounts,
    BillingAccountId: tenantId,
    BillingAccountName: tenantName ?? tenantId,
    BillingCurrency: currency,
    ...periodColumns(billing, row.chargePeriod),
    ChargeCategory: category,
    ChargeClass: isCorrection ? 'Correction' : null,
    ChargeFrequency: FREQUENCIES[category],
    InvoiceId: number,
    InvoiceIssuerName: issuer,
    ...pricingColumns({
      category,
      quantity: row.quantity,
      unit: UNIT,
      sku,
      skuPrice: `${sku}/${row.planEffectiveFrom}/${row.ref}`,
    }),
    ProviderName: issuer,
    PublisherName: issuer,
    ...SERVICE,
    ServiceName: row.billingKind,
    ServiceProviderName: issuer,
    HostProviderName: issuer,
    x_Side: 'revenue',
    x_DeploymentId: row.deploymentId,
    x_TenantId: tenantId,
  };
}
