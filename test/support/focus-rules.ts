/** A row as it stands in the CSV: an empty cell is null. */
type FocusCells = Readonly<Record<string, string>>;

/** A rule of FOCUS 1.2, by the id that its requirements model gives it. */
interface FocusRule {
  readonly id: string;
  readonly column: string;
  readonly rule: string;
  readonly holds: (row: FocusCells) => boolean;
}

const isNull = (row: FocusCells, column: string): boolean => row[column] === undefined || row[column] === '';
const is = (row: FocusCells, column: string, ...values: readonly string[]): boolean =>
  values.includes(row[column] ?? '');
const isPriced = (row: FocusCells): boolean =>
  is(row, 'ChargeCategory', 'Usage', 'Purchase') && !is(row, 'ChargeClass', 'Correction');

const present = (id: string, column: string): FocusRule => ({
  id: `CostAndUsage-D-${id}`,
  column,
  rule: 'is present',
  holds: (row) => column in row,
});
const notNull = (id: string, column: string): FocusRule => ({
  id: `${column}-C-${id}`,
  column,
  rule: 'is not null',
  holds: (row) => !isNull(row, column),
});
const oneOf = (id: string, column: string, values: readonly string[]): FocusRule => ({
  id: `${column}-C-${id}`,
  column,
  rule: `is one of ${values.join(', ')}, or null where it may be`,
  holds: (row) => isNull(row, column) || is(row, column, ...values),
});
const nullWhere = (id: string, column: string, where: string, when: (row: FocusCells) => boolean): FocusRule => ({
  id: `${column}-C-${id}`,
  column,
  rule: `is null where ${where}`,
  holds: (row) => !when(row) || isNull(row, column),
});
const notNullWhere = (id: string, column: string, where: string, when: (row: FocusCells) => boolean): FocusRule => ({
  id: `${column}-C-${id}`,
  column,
  rule: `is not null where ${where}`,
  holds: (row) => !when(row) || !isNull(row, column),
});
const formatted = (id: string, column: string, rule: string, format: RegExp): FocusRule => ({
  id: `${column}-C-${id}`,
  column,
  rule,
  holds: (row) => isNull(row, column) || format.test(row[column] ?? ''),
});
const equalTo = (id: string, column: string, where: string, when: (row: FocusCells) => boolean): FocusRule => ({
  id: `${column}-C-${id}`,
  column,
  rule: `is the BilledCost where ${where}`,
  holds: (row) => !when(row) || row[column] === row['BilledCost'],
});

// DateTimeFormat-A-001 to -006; NumericFormat-A-002 to -011: a sign only before a negative value, no symbol, no
// separator.
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const NUMBER = /^-?\d+(\.\d+)?([eE]-?\d+)?$/;
const isTax = (row: FocusCells): boolean => is(row, 'ChargeCategory', 'Tax');
const isCredit = (row: FocusCells): boolean => is(row, 'ChargeCategory', 'Credit');

const monthOf = (instant: string): string => `${instant.slice(0, 7)}-01T00:00:00Z`;
/** What the names of the columns that FOCUS defines begin with. */
const FOCUS_NAMES =
  /^(Billed|Billing|Charge|Consumed|Contracted|Effective|Invoice|List|Pricing|Provider|Publisher|Resource|Service|Sku|SubAccount)/;

/**
 * The rules of FOCUS 1.2 that a single row of ours must satisfy: all MUST and MUST NOT of the columns that we write,
 * for a provider that names accounts, measures usage, has sub accounts, and bills for resources that have types. We
 * publish no price list (no list or contracted unit prices, no SKU meters), and have no commitments, capacity
 * reservations, virtual or second currencies, regions and tags: their rules don't apply.
 */
const FOCUS_RULES: readonly FocusRule[] = [
  present('005-M', 'BillingAccountName'),
  present('006-M', 'BilledCost'),
  present('008-M', 'ChargeCategory'),
  present('009-M', 'BillingPeriodStart'),
  present('010-M', 'BillingPeriodEnd'),
  present('011-C', 'ConsumedQuantity'),
  present('019-C', 'SubAccountId'),
  present('021-M', 'PublisherName'),
  present('023-M', 'InvoiceIssuerName'),
  present('024-M', 'BillingAccountId'),
  present('025-M', 'ChargeDescription'),
  present('026-M', 'ChargeClass'),
  present('028-M', 'ChargePeriodEnd'),
  present('029-C', 'SubAccountName'),
  present('030-M', 'ContractedCost'),
  present('031-M', 'EffectiveCost'),
  present('032-M', 'ListCost'),
  present('035-M', 'BillingCurrency'),
  present('036-M', 'PricingQuantity'),
  present('037-M', 'ChargePeriodStart'),
  present('038-M', 'ProviderName'),
  present('039-C', 'ResourceType'),
  present('040-M', 'ServiceCategory'),
  present('041-M', 'ServiceName'),
  present('043-C', 'ResourceId'),
  present('044-C', 'ResourceName'),
  present('066-C', 'ConsumedUnit'),
  present('068-M', 'PricingUnit'),

  notNull('003-M', 'BilledCost'),
  notNull('001-M', 'BillingAccountId'),
  notNull('003-C', 'BillingAccountName'),
  notNull('004-M', 'BillingCurrency'),
  notNull('003-M', 'BillingPeriodEnd'),
  notNull('003-M', 'BillingPeriodStart'),
  notNull('002-M', 'ChargeCategory'),
  notNull('002-M', 'ChargeFrequency'),
  notNull('003-M', 'ChargePeriodEnd'),
  notNull('003-M', 'ChargePeriodStart'),
  notNull('003-M', 'ContractedCost'),
  notNull('003-M', 'EffectiveCost'),
  // Every row of ours is of an invoice, ours or the provider's.
  notNull('005-C', 'InvoiceId'),
  notNull('003-M', 'InvoiceIssuerName'),
  notNull('003-M', 'ListCost'),
  notNull('003-M', 'ProviderName'),
  notNull('003-M', 'PublisherName'),
  notNull('002-M', 'ServiceCategory'),
  notNull('003-M', 'ServiceName'),
  notNull('002-M', 'ServiceSubcategory'),

  oneOf('003-M', 'ChargeCategory', ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment']),
  oneOf('005-C', 'ChargeClass', ['Correction']),
  oneOf('003-M', 'ChargeFrequency', ['One-Time', 'Recurring', 'Usage-Based']),
  oneOf('007-M', 'PricingCategory', ['Standard', 'Dynamic', 'Committed', 'Other']),
  // Of all categories the one that says that none is known.
  oneOf('003-M', 'ServiceCategory', ['Other']),
  oneOf('004-M', 'ServiceSubcategory', ['Other (Other)']),
  {
    id: 'ChargeFrequency-C-004-C',
    column: 'ChargeFrequency',
    rule: 'is not Usage-Based where the charge is a purchase',
    holds: (row) => !is(row, 'ChargeCategory', 'Purchase') || !is(row, 'ChargeFrequency', 'Usage-Based'),
  },

  ...['BillingPeriodStart', 'BillingPeriodEnd', 'ChargePeriodStart', 'ChargePeriodEnd'].map((column) =>
    formatted('002-M', column, 'is an instant in UTC', INSTANT),
  ),
  ...['BilledCost', 'ConsumedQuantity', 'ContractedCost', 'EffectiveCost', 'ListCost', 'PricingQuantity'].map(
    (column) => formatted('002-M', column, 'is a plain number', NUMBER),
  ),
  formatted('006-M', 'BillingCurrency', 'is a code of ISO 4217', /^[A-Z]{3}$/),

  nullWhere('004-C', 'ConsumedQuantity', 'the charge is no usage', (row) => !is(row, 'ChargeCategory', 'Usage')),
  notNullWhere(
    '006-C',
    'ConsumedQuantity',
    'the charge is usage and no correction',
    (row) => is(row, 'ChargeCategory', 'Usage') && isNull(row, 'ChargeClass'),
  ),
  nullWhere('005-C', 'ConsumedUnit', 'there is no ConsumedQuantity', (row) => isNull(row, 'ConsumedQuantity')),
  notNullWhere('006-C', 'ConsumedUnit', 'there is a ConsumedQuantity', (row) => !isNull(row, 'ConsumedQuantity')),
  nullWhere('005-C', 'PricingUnit', 'there is no PricingQuantity', (row) => isNull(row, 'PricingQuantity')),
  notNullWhere('006-C', 'PricingUnit', 'there is a PricingQuantity', (row) => !isNull(row, 'PricingQuantity')),
  nullWhere('004-C', 'PricingQuantity', 'the charge is a tax', isTax),
  notNullWhere('005-C', 'PricingQuantity', 'the charge is usage or a purchase, and no correction', isPriced),
  nullWhere('003-C', 'PricingCategory', 'the charge is a tax', isTax),
  notNullWhere('004-C', 'PricingCategory', 'the charge is usage or a purchase, and no correction', isPriced),
  ...['SkuId', 'SkuPriceId'].flatMap((column) => [
    nullWhere('004-C', column, 'the charge is a tax', isTax),
    notNullWhere('005-C', column, 'the charge is usage or a purchase, and no correction', isPriced),
  ]),
  nullWhere('004-C', 'ResourceName', 'there is no ResourceId', (row) => isNull(row, 'ResourceId')),
  {
    id: 'ResourceName-C-006-C',
    column: 'ResourceName',
    rule: 'is not the ResourceId again',
    holds: (row) => isNull(row, 'ResourceName') || row['ResourceName'] !== row['ResourceId'],
  },
  nullWhere('004-C', 'ResourceType', 'there is no ResourceId', (row) => isNull(row, 'ResourceId')),
  notNullWhere('005-C', 'ResourceType', 'there is a ResourceId', (row) => !isNull(row, 'ResourceId')),
  nullWhere('004-C', 'SubAccountName', 'there is no SubAccountId', (row) => isNull(row, 'SubAccountId')),
  notNullWhere('005-C', 'SubAccountName', 'there is a SubAccountId', (row) => !isNull(row, 'SubAccountId')),

  equalTo('010-C', 'EffectiveCost', 'the charge is a credit', isCredit),
  equalTo('008-C', 'ContractedCost', 'the charge is a credit', isCredit),
  equalTo('008-C', 'ListCost', 'the charge is a credit', isCredit),
  {
    id: 'BilledCost-C-005-C',
    column: 'BilledCost',
    rule: 'is 0 where another than the provider sends the invoice',
    holds: (row) => row['ProviderName'] === row['InvoiceIssuerName'] || Number(row['BilledCost']) === 0,
  },
  // Of a tax or a credit, which may be told by the month, a charge period lies anywhere; a billing period has a length.
  {
    id: 'BillingPeriodEnd-C-004-M',
    column: 'BillingPeriodEnd',
    rule: 'is after the start, which it excludes',
    holds: (row) => (row['BillingPeriodStart'] ?? '') < (row['BillingPeriodEnd'] ?? ''),
  },
  {
    id: 'ChargePeriodEnd-C-004-M',
    column: 'ChargePeriodEnd',
    rule: 'is after the start, which it excludes',
    holds: (row) => (row['ChargePeriodStart'] ?? '') < (row['ChargePeriodEnd'] ?? ''),
  },
  {
    id: 'ChargeClass-C-003-C',
    column: 'ChargeClass',
    rule: 'is null where revenue is of the billing period itself',
    holds: (row) =>
      !is(row, 'x_Side', 'revenue') ||
      row['BillingPeriodStart'] !== monthOf(row['ChargePeriodStart'] ?? '') ||
      isNull(row, 'ChargeClass'),
  },
  {
    id: 'ChargeClass-C-004-C',
    column: 'ChargeClass',
    rule: 'is Correction where revenue is of an earlier billing period',
    holds: (row) =>
      !is(row, 'x_Side', 'revenue') ||
      row['BillingPeriodStart'] === monthOf(row['ChargePeriodStart'] ?? '') ||
      is(row, 'ChargeClass', 'Correction'),
  },
  {
    id: 'NullHandling-A-002-M',
    column: '*',
    rule: 'no placeholder stands for null',
    holds: (row) => !Object.values(row).some((value) => /^(null|n\/a|not applicable|none|undefined)$/i.test(value)),
  },
  {
    id: 'ColumnHandling-A-001-M',
    column: '*',
    rule: 'columns are in Pascal case, without special characters',
    holds: (row) => Object.keys(row).every((column) => /^(x_)?[A-Z][A-Za-z]*$/.test(column)),
  },
  {
    id: 'ColumnHandling-A-010-M',
    column: '*',
    rule: 'columns of our own are x_',
    holds: (row) =>
      Object.keys(row)
        .filter((column) => !FOCUS_NAMES.test(column))
        .every((column) => column.startsWith('x_')),
  },
];

/** The rules that a row breaks, as `id: column rule`. */
export const brokenRules = (row: FocusCells): string[] =>
  FOCUS_RULES.filter(({ holds }) => !holds(row)).map(({ id, column, rule }) => `${id}: ${column} ${rule}`);
