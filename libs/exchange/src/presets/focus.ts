import { COST_CATEGORIES } from '#domain/costs/cost';
import { FOCUS_DETAILS, FOCUS_FIELDS } from '#domain/costs/focus';
import { decimal, isDecimalText } from '#domain/money/decimal';
import { compareInstants, type Instant, plusHours } from '#domain/time/instant';
import { monthOf, type Period, samePeriod } from '#domain/time/period';
import type { Cells } from '../rows/cells.js';
import { namedColumns } from '../rows/field.js';
import { type DetailColumns, detailFields, detailsOf, type KnownDetails } from './details.js';
import type { Preset } from './preset.js';
import { namesOf, type Tag, tagPairs, tagsText } from './tags.js';
import { chargePeriod, type CostItem, currencyOf, descriptionOf, keyOf } from './costs.js';

/** Columns of FOCUS 1.0 to 1.3. Others must begin with `x_`. */
const COLUMNS = namedColumns([...FOCUS_FIELDS, ...FOCUS_DETAILS]);

/** Columns that also decide about the line: what they say is kept only where the line does not have it. */
const DETAILS: DetailColumns = Object.fromEntries(
  FOCUS_DETAILS.filter(
    (column) =>
      !['ServiceProviderName', 'ProviderName', 'BillingPeriodStart', 'BillingPeriodEnd', 'Tags'].includes(column),
  ).map((column) => [column, [column]]),
);

/** Values that have one spelling in FOCUS, and several in files. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  ChargeCategory: ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'],
  ChargeClass: ['Correction'],
  ChargeFrequency: ['One-Time', 'Recurring', 'Usage-Based'],
};

/**
 * The fields that identify a charge. FOCUS has no row id, so every field that names the charge without measuring it is
 * used: a row that is delivered again with another cost is then the same charge. Names and tags are not used, because
 * they change in retrospect. Neither is the id of the invoice, which is empty until the month is closed.
 */
const KEY = [
  'SubAccountId',
  'ResourceId',
  'SkuId',
  'SkuPriceId',
  'ServiceName',
  'RegionId',
  'AvailabilityZone',
  'ChargeCategory',
  'ChargeClass',
  'ChargeFrequency',
  'ChargeDescription',
  'ChargePeriodStart',
  'ChargePeriodEnd',
  'PricingCategory',
  'PricingUnit',
  'CommitmentDiscountId',
  'CommitmentDiscountStatus',
  'CapacityReservationId',
  'AllocatedResourceId',
];

const IN_KEY = KEY.map((name) => ({ name, columns: [name] }));
const BESIDES_KEY = detailFields(DETAILS).filter(({ name }) => !KEY.includes(name));
/** A difference between unit price × quantity and cost above this is more than rounding of the displayed prices. */
const TOLERANCE = decimal('0.000001');
const MOST_REMEMBERED = 10_000;

/**
 * Cost and usage in the FOCUS format, 1.0 to 1.3. Many files deviate from it: usable values are accepted, and each
 * oddity is noted.
 */
export const focusCosts: Preset<CostItem> = {
  name: 'focus',
  kind: 'costs',
  fields: [
    ...IN_KEY,
    ...BESIDES_KEY,
    { name: 'provider', columns: ['ServiceProviderName', 'ProviderName', 'InvoiceIssuerName'], isRequired: true },
    { name: 'ProviderName', columns: ['ProviderName'] },
    { name: 'BillingPeriodStart', columns: ['BillingPeriodStart'], isRequired: true },
    { name: 'BillingPeriodEnd', columns: ['BillingPeriodEnd'], isRequired: true },
    { name: 'BilledCost', columns: ['BilledCost'], isRequired: true },
    { name: 'EffectiveCost', columns: ['EffectiveCost'] },
    { name: 'BillingCurrency', columns: ['BillingCurrency'], isRequired: true },
    { name: 'Tags', columns: ['Tags'] },
    { name: 'tenantId', columns: ['tenantId'] },
  ].map((field) =>
    ['BillingAccountId', 'ChargeCategory', 'ChargePeriodStart', 'ChargePeriodEnd', 'ServiceName'].includes(field.name)
      ? { ...field, isRequired: true }
      : field,
  ),
  recognises: (columns) => columns.has('BilledCost') && columns.has('ChargePeriodStart'),
  zone: 'Z',
  exponents: true,
  nulls: ['NULL', 'null'],
  isLenient: true,
  isGuarded: true,
  isKnownColumn: (column) => COLUMNS.has(column) || /^x_/i.test(column),
  read(cells) {
    for (const [field, spelt] of Object.entries(SPELLINGS)) noteSpelling(cells, field, spelt);
    const [billedFrom, billedUntil] = [cells.instant('BillingPeriodStart'), cells.instant('BillingPeriodEnd')];
    const period = chargePeriod(cells, cells.instant('ChargePeriodStart'), cells.instant('ChargePeriodEnd'));
    const category = cells.oneOf('ChargeCategory', COST_CATEGORIES);
    const isCorrection =
      cells.optional('ChargeClass') !== undefined &&
      cells.oneOf('ChargeClass', ['correction'] as const) === 'correction';
    const amount = cells.decimal('BilledCost');
    const tags = tagPairs(cells, 'Tags');
    noteOdd(cells, { amount, category, isCorrection, chargedFrom: period.start, billedFrom, billedUntil });
    const provider = cells.id('provider');
    const bill = `${cells.id('BillingAccountId')} ${billingMonth(billedFrom)}`;
    // Rows that are for no service, such as a tax, may leave it out.
    const kind = cells.optionalId('ServiceName') ?? cells.optionalId('ServiceCategory') ?? category;
    const currency = currencyOf(cells, 'BillingCurrency');
    const resourceId = cells.optionalId('ResourceId');
    const tenantId = cells.idOrTagged('tenantId', namesOf(tags));
    const effectiveAmount = cells.optionalDecimal('EffectiveCost');
    const description = descriptionOf(cells, 'ChargeDescription');
    return {
      provider,
      delivery: bill,
      invoiceRef: bill,
      line: {
        kind,
        chargePeriod: period,
        amount,
        currency,
        category,
        ...(isCorrection ? { class: 'correction' as const } : {}),
        ...(resourceId === undefined ? {} : { resourceId }),
        ...(tenantId === undefined ? {} : { tenantId }),
        ...(effectiveAmount === undefined ? {} : { effectiveAmount }),
        ...(description === undefined ? {} : { description }),
        focus: detailsOf(cells, DETAILS, {
          ...unlikeExported(cells, provider, period, { start: billedFrom, end: billedUntil }),
          Tags: objectOf(cells, tags),
        }),
      },
      key: keyOf(
        ...KEY.map((field) =>
          field === 'ChargePeriodStart'
            ? period.start
            : field === 'ChargePeriodEnd'
              ? period.end
              : cells.quietly(field),
        ),
      ),
      isOwnId: false,
    };
  },
};

/**
 * The month of a billing period. A month of China begins on 31 October at 16:00 UTC and is November: no zone is a whole
 * day away from UTC.
 */
const billingMonth = remembered((start) => plusHours(start, 24).slice(0, 7));
const chargeMonth = remembered(monthOf);

/** Instants repeat from row to row: computing with them takes longer than reading them. */
function remembered<Value>(of: (at: Instant) => Value): (at: Instant) => Value {
  const known = new Map<Instant, Value>();
  return (at) => {
    const before = known.get(at);
    if (before !== undefined) return before;
    if (known.size === MOST_REMEMBERED) known.clear();
    const found = of(at);
    known.set(at, found);
    return found;
  };
}

/** Details that an export has from the line itself, where the row says something else, and in their one spelling. */
function unlikeExported(cells: Cells, provider: string, { start }: Period, billed: Period): KnownDetails {
  const [providerName, frequency] = [cells.quietly('ProviderName'), cells.quietly('ChargeFrequency')?.toLowerCase()];
  return {
    ProviderName: providerName === provider ? undefined : providerName,
    ChargeFrequency: SPELLINGS['ChargeFrequency']?.find((each) => each.toLowerCase() === frequency),
    ...(samePeriod(billed, chargeMonth(start))
      ? {}
      : { BillingPeriodStart: billed.start, BillingPeriodEnd: billed.end }),
  };
}

/** Tags are a JSON object in FOCUS, and a list in some files. */
const objectOf = (cells: Cells, tags: readonly Tag[]): string | undefined => {
  const written = cells.asWritten('Tags');
  return written?.startsWith('{') === true ? written : tagsText(tags);
};

function noteSpelling(cells: Cells, field: string, spelt: readonly string[]): void {
  const value = cells.quietly(field);
  if (value === undefined || spelt.includes(value)) return;
  const meant = spelt.find((each) => each.toLowerCase() === value.toLowerCase());
  if (meant !== undefined) cells.note('spelling', field, value, `read as ${JSON.stringify(meant)}`);
}

interface Charge {
  readonly amount: string;
  readonly category: string;
  readonly isCorrection: boolean;
  readonly chargedFrom: Instant;
  readonly billedFrom: Instant;
  readonly billedUntil: Instant;
}

function noteOdd(cells: Cells, { amount, category, isCorrection, chargedFrom, billedFrom, billedUntil }: Charge): void {
  const isOutside = compareInstants(chargedFrom, billedFrom) < 0 || compareInstants(chargedFrom, billedUntil) >= 0;
  if (isOutside && !isCorrection)
    cells.note(
      'other_period',
      'ChargePeriodStart',
      chargedFrom,
      'is outside the billing period, but the row is not a correction. Imported with its own charge period.',
    );
  if (amount.startsWith('-') && category === 'usage')
    cells.note('negative_usage', 'BilledCost', amount, 'is negative for usage. Imported unchanged.');
  const [price, quantity, cost] = ['ListUnitPrice', 'PricingQuantity', 'ListCost'].map((field) => cells.quietly(field));
  if (
    price === undefined ||
    quantity === undefined ||
    cost === undefined ||
    ![price, quantity, cost].every(isDecimalText) ||
    (quantity === '1' && price === cost)
  )
    return;
  const off = decimal(price).times(decimal(quantity)).minus(decimal(cost)).abs();
  if (off.gt(TOLERANCE))
    cells.note(
      'price_times_quantity',
      'ListCost',
      cost,
      'differs from unit price × quantity. The billed cost is imported unchanged.',
    );
}
