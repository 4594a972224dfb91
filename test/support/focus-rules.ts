import { type FocusCells, COLUMNS_1_2, COLUMNS_1_3, isNull, is, isPriced, type FocusRule } from './focus-columns.js';

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
const isOurs = (row: FocusCells): boolean => is(row, 'x_Side', 'revenue');

/** KeyValueFormat-A-001 to -004: a JSON object without objects and lists. */
function isKeyValue(text: string): boolean {
  const read: unknown = JSON.parse(text);
  return (
    typeof read === 'object' &&
    read !== null &&
    !Array.isArray(read) &&
    Object.values(read).every((value) => typeof value !== 'object' || value === null)
  );
}

const CATEGORIES = [
  'AI and Machine Learning',
  'Analytics',
  'Business Applications',
  'Compute',
  'Databases',
  'Developer Tools',
  'Multicloud',
  'Identity',
  'Integration',
  'Internet of Things',
  'Management and Governance',
  'Media',
  'Migration',
  'Mobile',
  'Networking',
  'Security',
  'Storage',
  'Web',
  'Other',
];
const SUBCATEGORIES = [
  'AI Platforms',
  'Bots',
  'Generative AI',
  'Machine Learning',
  'Natural Language Processing',
  'Other (AI and Machine Learning)',
  'Analytics Platforms',
  'Business Intelligence',
  'Data Processing',
  'Search',
  'Streaming Analytics',
  'Other (Analytics)',
  'Productivity and Collaboration',
  'Other (Business Applications)',
  'Containers',
  'End User Computing',
  'Quantum Compute',
  'Serverless Compute',
  'Virtual Machines',
  'Other (Compute)',
  'Caching',
  'Data Warehouses',
  'Ledger Databases',
  'NoSQL Databases',
  'Relational Databases',
  'Time Series Databases',
  'Other (Databases)',
  'Developer Platforms',
  'Continuous Integration and Deployment',
  'Development Environments',
  'Source Code Management',
  'Quality Assurance',
  'Other (Developer Tools)',
  'Identity and Access Management',
  'Other (Identity)',
  'API Management',
  'Messaging',
  'Workflow Orchestration',
  'Other (Integration)',
  'IoT Analytics',
  'IoT Platforms',
  'Other (Internet of Things)',
  'Architecture',
  'Compliance',
  'Cost Management',
  'Data Governance',
  'Disaster Recovery',
  'Endpoint Management',
  'Observability',
  'Support',
  'Other (Management and Governance)',
  'Content Creation',
  'Gaming',
  'Media Streaming',
  'Mixed Reality',
  'Other (Media)',
  'Data Migration',
  'Resource Migration',
  'Other (Migration)',
  'Other (Mobile)',
  'Multicloud Integration',
  'Other (Multicloud)',
  'Application Networking',
  'Content Delivery',
  'Network Connectivity',
  'Network Infrastructure',
  'Network Routing',
  'Network Security',
  'Other (Networking)',
  'Secret Management',
  'Security Posture Management',
  'Threat Detection and Response',
  'Other (Security)',
  'Backup Storage',
  'Block Storage',
  'File Storage',
  'Object Storage',
  'Storage Platforms',
  'Other (Storage)',
  'Application Platforms',
  'Other (Web)',
  'Other (Other)',
];

/** Columns that are null where another is null. */
const WITHOUT: readonly (readonly [id: string, column: string, other: string])[] = [
  ['004-C', 'RegionName', 'RegionId'],
  ['004-C', 'SubAccountType', 'SubAccountId'],
  ['004-C', 'BillingAccountType', 'BillingAccountId'],
  ['003-C', 'CommitmentDiscountCategory', 'CommitmentDiscountId'],
  ['004-C', 'CommitmentDiscountName', 'CommitmentDiscountId'],
  ['003-C', 'CommitmentDiscountStatus', 'CommitmentDiscountId'],
  ['004-C', 'CommitmentDiscountType', 'CommitmentDiscountId'],
  ['005-C', 'CommitmentDiscountUnit', 'CommitmentDiscountQuantity'],
  ['003-C', 'CapacityReservationStatus', 'CapacityReservationId'],
  ['004-C', 'SkuMeter', 'SkuId'],
  ['004-C', 'SkuPriceDetails', 'SkuPriceId'],
];
const WITH: typeof WITHOUT = [
  ['005-C', 'RegionName', 'RegionId'],
  ['004-C', 'CommitmentDiscountCategory', 'CommitmentDiscountId'],
  ['005-C', 'CommitmentDiscountType', 'CommitmentDiscountId'],
  ['006-C', 'CommitmentDiscountUnit', 'CommitmentDiscountQuantity'],
];

/**
 * The rules of both versions that a single row must satisfy: all MUST and MUST NOT of the columns, for a provider that
 * measures usage, has sub accounts, and bills for resources that have types. Unit prices, commitment quantities and
 * virtual or second currencies are as the provider's row has them: whether they must not be null depends on the
 * provider.
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
  notNullWhere('003-C', 'BillingAccountName', 'the account is ours to name', isOurs),
  notNull('004-M', 'BillingCurrency'),
  notNull('003-M', 'BillingPeriodEnd'),
  notNull('003-M', 'BillingPeriodStart'),
  notNull('002-M', 'ChargeCategory'),
  notNull('002-M', 'ChargeFrequency'),
  notNull('003-M', 'ChargePeriodEnd'),
  notNull('003-M', 'ChargePeriodStart'),
  notNull('003-M', 'ContractedCost'),
  notNull('003-M', 'EffectiveCost'),
  // The provider's id is null until its month is closed.
  notNullWhere('005-C', 'InvoiceId', 'the invoice is ours', isOurs),
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
  oneOf('003-M', 'ServiceCategory', CATEGORIES),
  oneOf('003-M', 'ServiceSubcategory', SUBCATEGORIES),
  oneOf('005-M', 'CommitmentDiscountCategory', ['Spend', 'Usage']),
  // The model of 1.2 lists other values here; its specification and its rules on quantities name these.
  oneOf('005-M', 'CommitmentDiscountStatus', ['Used', 'Unused']),
  oneOf('006-M', 'CapacityReservationStatus', ['Used', 'Unused']),
  ...WITHOUT.map(([id, column, other]) => nullWhere(id, column, `there is no ${other}`, (row) => isNull(row, other))),
  ...WITH.map(([id, column, other]) => notNullWhere(id, column, `there is a ${other}`, (row) => !isNull(row, other))),
  notNullWhere(
    '004-C',
    'CommitmentDiscountStatus',
    'the charge is usage of a commitment',
    (row) => is(row, 'ChargeCategory', 'Usage') && !isNull(row, 'CommitmentDiscountId'),
  ),
  {
    id: 'PricingCategory-C-009-C',
    column: 'PricingCategory',
    rule: 'is Committed where the charge is usage of a commitment',
    holds: (row) =>
      !is(row, 'ChargeCategory', 'Usage') ||
      isNull(row, 'CommitmentDiscountId') ||
      is(row, 'CommitmentDiscountStatus', 'Unused') ||
      is(row, 'PricingCategory', 'Committed'),
  },
  ...['ListUnitPrice', 'ContractedUnitPrice'].flatMap((column) => [
    nullWhere(column === 'ListUnitPrice' ? '004-C' : '005-C', column, 'the charge is a tax', isTax),
    formatted('009-C', column, 'is not negative', /^[^-]/),
  ]),
  ...['Tags', 'SkuPriceDetails', 'AllocatedTags', 'AllocatedMethodDetails', 'ContractApplied'].map((column) => ({
    id: `${column}-C-001-M`,
    column,
    rule: 'is a JSON object of keys and values',
    holds: (row: FocusCells) => isNull(row, column) || isKeyValue(row[column] ?? ''),
  })),
  {
    id: 'ChargeFrequency-C-004-C',
    column: 'ChargeFrequency',
    rule: 'is not Usage-Based where the charge is a purchase',
    holds: (row) => !is(row, 'ChargeCategory', 'Purchase') || !is(row, 'ChargeFrequency', 'Usage-Based'),
  },

  ...['BillingPeriodStart', 'BillingPeriodEnd', 'ChargePeriodStart', 'ChargePeriodEnd'].map((column) =>
    formatted('002-M', column, 'is an instant in UTC', INSTANT),
  ),
  ...COLUMNS_1_2.filter((column) => /(Cost|Quantity|Price)$/.test(column)).map((column) =>
    formatted('002-M', column, 'is a plain number', NUMBER),
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
    // Providers have several names: only ours is known.
    holds: (row) => !isOurs(row) || row['ProviderName'] === row['InvoiceIssuerName'] || Number(row['BilledCost']) === 0,
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
];

/** What 1.3 adds: who provides a service and who hosts it. */
const RULES_1_3: readonly FocusRule[] = [
  notNull('003-M', 'ServiceProviderName'),
  notNullWhere('004-C', 'HostProviderName', 'the charge is usage', (row) => is(row, 'ChargeCategory', 'Usage')),
  nullWhere('004-C', 'AllocatedMethodDetails', 'there is no AllocatedMethodId', (row) =>
    isNull(row, 'AllocatedMethodId'),
  ),
  nullWhere('004-C', 'AllocatedResourceName', 'there is no AllocatedResourceId', (row) =>
    isNull(row, 'AllocatedResourceId'),
  ),
];

/** Every column of the version, and others only as x_. */
const ofColumns = (columns: readonly string[]): FocusRule[] => [
  ...columns.map((column) => present('0', column)),
  {
    id: 'ColumnHandling-A-010-M',
    column: '*',
    rule: 'columns of our own are x_',
    holds: (row) => Object.keys(row).every((column) => columns.includes(column) || column.startsWith('x_')),
  },
];
const RULES = {
  '1.2': [...FOCUS_RULES, ...ofColumns(COLUMNS_1_2)],
  '1.3': [...FOCUS_RULES, ...RULES_1_3, ...ofColumns(COLUMNS_1_3)],
};

/** The rules that a row breaks, as `id: column rule`. */
export const brokenRules = (row: FocusCells, version: keyof typeof RULES = '1.2'): string[] =>
  RULES[version].filter(({ holds }) => !holds(row)).map(({ id, column, rule }) => `${id}: ${column} ${rule}`);
