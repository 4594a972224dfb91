import type { FrozenRow } from '#domain/invoices/invoice';
import { decimal, text, ZERO } from '#domain/money/decimal';
import { toMoney } from '#domain/money/money';
import { isForUsage } from '#domain/prices/refs';
import { compareInstants, type Instant, later } from '#domain/time/instant';
import { contains, monthOf, type Period } from '#domain/time/period';
import type { CostLineRow } from '#projections/costs/costs.table';

/** The columns of FOCUS 1.2 that we fill, and then our own. null is an empty cell. */
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

/** Of our products no category of FOCUS is known to us. */
const SERVICE = { ServiceCategory: 'Other', ServiceSubcategory: 'Other (Other)' };
/** What quantities are counted in: of the units of a billing kind no more is known than that they are its. */
const UNIT = 'Units';
/** A provider's line of which we keep the amount, not the quantity: one charge. */
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

/** A tax has neither price nor quantity; what is consumed is told of usage only. */
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

/** A cost line, and what is known of its resource and tenant. */
export interface ExportedCost {
  readonly row: CostLineRow;
  readonly resourceName: string | null;
  readonly resourceKind: string | null;
  readonly tenantName: string | null;
}

/** What a provider charged us, in the month in which its charge period begins. */
export function focusOfCost({ row, resourceName, resourceKind, tenantName }: ExportedCost): FocusRow {
  const category = CATEGORIES[row.category];
  if (category === undefined)
    throw new Error(`a cost line has the category ${row.category}, which FOCUS does not know`);
  const amount = text(decimal(row.amount));
  const charge = { start: row.charge_period_start, end: row.charge_period_end };
  return {
    BilledCost: amount,
    // Of the account we know whose it is: the provider's.
    BillingAccountId: row.provider,
    BillingAccountName: row.provider,
    BillingCurrency: row.currency,
    ...periodColumns(monthOf(charge.start), charge),
    ChargeCategory: category,
    ChargeClass: row.class === null ? null : 'Correction',
    ChargeDescription: row.description ?? row.kind,
    ChargeFrequency: category === 'Usage' ? 'Usage-Based' : 'One-Time',
    ContractedCost: amount,
    // FOCUS spreads no credit over what it is for.
    EffectiveCost:
      row.effective_amount === null || category === 'Credit' ? amount : text(decimal(row.effective_amount)),
    InvoiceId: row.invoice_ref,
    InvoiceIssuerName: row.provider,
    ListCost: amount,
    ...pricingColumns({ category, ...CHARGE, sku: row.kind, skuPrice: row.kind }),
    ProviderName: row.provider,
    PublisherName: row.provider,
    ResourceId: row.resource_id,
    // A name that is the id again is none.
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

/** A row of an issued invoice or credit note, and what FOCUS asks to know of that. */
export interface IssuedRow {
  readonly row: FrozenRow;
  readonly number: string;
  readonly issuedAt: Instant;
  readonly tenantId: string;
  readonly tenantName: string | null;
  readonly currency: string;
}

/**
 * The month that a row is billed in: of a charge, the one in which its charge period begins, in advance or in arrears;
 * of what corrects an issued row, the one in which the correction was issued, where that is later.
 */
export const billingMonthOf = ({ row, issuedAt }: Pick<IssuedRow, 'row' | 'issuedAt'>): Period =>
  monthOf(row.kind === 'charge' ? row.chargePeriod.start : later(row.chargePeriod.start, issuedAt));

function categoryOf({ kind, ref }: FrozenRow): 'Usage' | 'Purchase' | 'Credit' {
  if (kind === 'credit_note') return 'Credit';
  return isForUsage(ref) ? 'Usage' : 'Purchase';
}
const FREQUENCIES = { Usage: 'Usage-Based', Purchase: 'Recurring', Credit: 'One-Time', Tax: 'One-Time' } as const;

/** What we billed: the charge, and where it is taxed, the tax. Together they are what the invoice comes to. */
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
  // What the tax would be on the charge before its discounts; on what is billed it is the invoice's own, to the cent.
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
  // A correction within its own billing period is none: its month is not closed.
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
