import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal, text, ZERO } from '#domain/money/decimal';
import { toMoney } from '#domain/money/money';
import { isForUsage } from '#domain/prices/refs';
import { compareInstants, type Instant, later } from '#domain/time/instant';
import { contains, monthOf, type Period } from '#domain/time/period';
import type { CostLineRow } from '#projections/costs/costs.table';

/** The columns of FOCUS 1.2 that we fill, then our own columns. null is an empty cell. */
export const FOCUS_COLUMNS = [
  'BilledCost',
  'BillingAccountId',
  'BillingAccountName',
  'BillingCurrency',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargeFrequency',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'ConsumedQuantity',
  'ConsumedUnit',
  'ContractedCost',
  'EffectiveCost',
  'InvoiceId',
  'InvoiceIssuerName',
  'ListCost',
  'PricingCategory',
  'PricingQuantity',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'ResourceId',
  'ResourceName',
  'ResourceType',
  'ServiceCategory',
  'ServiceName',
  'ServiceSubcategory',
  'SkuId',
  'SkuPriceId',
  'SubAccountId',
  'SubAccountName',
  'x_Side',
  'x_DeploymentId',
] as const;
export type FocusRow = Readonly<Record<(typeof FOCUS_COLUMNS)[number], string | null>>;

/** The FOCUS category of our products is not known. */
const SERVICE = { ServiceCategory: 'Other', ServiceSubcategory: 'Other (Other)' };
/** The unit of quantities. All that is known about the units of a billing kind is that they belong to it. */
const UNIT = 'Units';
/** A provider's line. We keep its amount but not its quantity, so it is one charge. */
const CHARGE = { quantity: '1', unit: 'Charges' };

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
export function focusOfCost({ row, resourceName, resourceKind, tenantName }: ExportedCost): FocusRow {
  const category = CATEGORIES[row.category];
  if (category === undefined) throw new Error(`the category ${row.category} of a cost line is not in FOCUS`);
  const amount = text(decimal(row.amount));
  const charge = { start: row.charge_period_start, end: row.charge_period_end };
  return {
    BilledCost: amount,
    // All that is known about the account is that it belongs to the provider.
    BillingAccountId: row.provider,
    BillingAccountName: row.provider,
    BillingCurrency: row.currency,
    ...periodColumns(monthOf(charge.start), charge),
    ChargeCategory: category,
    ChargeClass: row.class === null ? null : 'Correction',
    ChargeDescription: row.description ?? row.kind,
    ChargeFrequency: category === 'Usage' ? 'Usage-Based' : 'One-Time',
    ContractedCost: amount,
    // FOCUS does not distribute a credit over the charges that it is for.
    EffectiveCost:
      row.effective_amount === null || category === 'Credit' ? amount : text(decimal(row.effective_amount)),
    InvoiceId: row.invoice_ref,
    InvoiceIssuerName: row.provider,
    ListCost: amount,
    ...pricingColumns({ category, ...CHARGE, sku: row.kind, skuPrice: row.kind }),
    ProviderName: row.provider,
    PublisherName: row.provider,
    ResourceId: row.resource_id,
    // A name that equals the id is not a name.
    ResourceName: resourceName === row.resource_id ? null : resourceName,
    ResourceType: row.resource_id === null ? null : (resourceKind ?? row.kind),
    ...SERVICE,
    ServiceName: row.kind,
    SubAccountId: row.tenant_id,
    // A tenant whose name was erased keeps its id.
    SubAccountName: tenantName ?? row.tenant_id,
    x_Side: 'cost',
    x_DeploymentId: null,
  };
}

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
  if (kind === 'credit_note') return 'Credit';
  return isForUsage(ref) ? 'Usage' : 'Purchase';
}
const FREQUENCIES = { Usage: 'Usage-Based', Purchase: 'Recurring', Credit: 'One-Time', Tax: 'One-Time' } as const;

/** Our bill: the charge, and the tax on it, if any. Together they equal the total of the invoice. */
export function focusOfIssued(issued: IssuedRow, issuer: string): FocusRow[] {
  const { row, currency } = issued;
  const contracted = text(decimal(row.gross).minus(decimal(row.discount)));
  const charged = focusOfCharge(issued, issuer, categoryOf(row), {
    BilledCost: row.net,
    EffectiveCost: row.net,
    ListCost: row.gross,
    ContractedCost: contracted,
    ChargeDescription: `${row.billingKind} ${row.ref}${row.reason === undefined ? '' : `: ${row.reason}`}`,
  });
  const { tax } = row;
  if (decimal(tax).eq(ZERO)) return [charged];
  // The list amount is the tax on the charge before its discounts. The billed amount is the tax of the invoice, to the
  // cent.
  const taxOn = (amount: string): string =>
    decimal(amount).eq(decimal(row.net))
      ? tax
      : text(toMoney(decimal(amount).times(decimal(row.taxRatePercent)).div(HUNDRED), currency));
  const taxed = {
    BilledCost: tax,
    EffectiveCost: tax,
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
    ResourceId: null,
    ResourceName: null,
    ResourceType: null,
    ...SERVICE,
    ServiceName: row.billingKind,
    SubAccountId: null,
    SubAccountName: null,
    x_Side: 'revenue',
    x_DeploymentId: row.deploymentId,
  };
}
