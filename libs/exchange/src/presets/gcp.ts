import type { CostLine } from '#domain/costs/cost';
import type { FocusDetails } from '#domain/costs/focus';
import type { Cells } from '../rows/cells.js';
import { RowFault } from '../rows/row.js';
import { chargePeriod, type CostItem, currencyOf, descriptionOf, given, keyOf, unknownType } from './costs.js';
import { detailFields, nativeDetails } from './details.js';
import type { Preset, PresetField } from './preset.js';
import { namesOf, tagPairs, tagsText } from './tags.js';

const CATEGORIES: Readonly<Record<string, CostLine['category']>> = {
  regular: 'usage',
  tax: 'tax',
  adjustment: 'adjustment',
  rounding_error: 'adjustment',
};

/** The columns of nested fields, by their paths. */
const at = (...paths: readonly string[]): string[] => paths.flatMap((path) => [path, path.replaceAll('.', '_')]);
/** A nested field: in JSON an object, in a CSV a column with a point or an underscore. */
const nested = (name: string, path: string): PresetField => ({ name, columns: at(path) });

/** Fields that name the charge. Names of projects and labels are left out, because they may change. */
const KEY: readonly PresetField[] = [
  nested('serviceId', 'service.id'),
  nested('skuId', 'sku.id'),
  nested('projectId', 'project.id'),
  nested('location', 'location.location'),
  nested('region', 'location.region'),
  nested('zone', 'location.zone'),
  nested('resourceName', 'resource.name'),
  nested('resourceGlobalName', 'resource.global_name'),
  nested('adjustmentType', 'adjustment_info.type'),
  nested('adjustmentMode', 'adjustment_info.mode'),
  { name: 'costType', columns: ['cost_type'] },
];

const OF_USAGE = {
  ConsumedQuantity: at('usage.amount'),
  ConsumedUnit: at('usage.unit'),
  ListCost: ['cost_at_list'],
  PricingQuantity: at('usage.amount_in_pricing_units'),
  PricingUnit: at('usage.pricing_unit'),
};
const OF_CHARGE = {
  AvailabilityZone: at('location.zone'),
  PublisherName: ['seller_name'],
  RegionId: at('location.region', 'location.location'),
  SkuId: at('sku.id'),
  SubAccountId: at('project.id'),
  SubAccountName: at('project.name'),
};

const INVOICE_MONTH = /^(\d{4})-?(\d{2})$/;

function invoiceMonth(cells: Cells): string {
  const written = cells.text('invoiceMonth');
  const [, year, month] = INVOICE_MONTH.exec(written) ?? [];
  if (year === undefined || month === undefined)
    throw new RowFault('invoiceMonth', written, 'is not a month such as "202311"');
  return `${year}-${month}`;
}

/** The credits of a row, each a line of its own: the cost of the row is before credits. */
function creditsOf(cells: Cells, { key, line, ...bill }: CostItem, focus: FocusDetails): CostItem[] {
  return cells.list('credits').map((credit) => {
    const [id, name, fullName, type] = ['id', 'name', 'full_name', 'type'].map((field) => textOf(credit[field]));
    const amount = credit['amount'];
    if (typeof amount !== 'string')
      throw new RowFault('credits', credit, 'has a credit without an amount. Every credit needs it.');
    return {
      ...bill,
      line: {
        ...line,
        amount: cells.asDecimal('credits', amount),
        category: 'credit',
        focus,
        ...given({ description: fullName ?? name ?? id }),
      },
      key: keyOf(key, 'credit', type, id, name),
    };
  });
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/**
 * Google Cloud's billing export to BigQuery, standard and detailed, as JSON lines or CSV. Billing account and invoice
 * month identify a bill.
 */
export const gcpBilling: Preset<CostItem> = {
  name: 'gcp-billing',
  kind: 'costs',
  fields: [
    ...KEY,
    { name: 'provider', columns: ['provider'] },
    { name: 'billingAccountId', columns: ['billing_account_id'], isRequired: true },
    { ...nested('invoiceMonth', 'invoice.month'), isRequired: true },
    { name: 'start', columns: ['usage_start_time'], isRequired: true },
    { name: 'end', columns: ['usage_end_time'], isRequired: true },
    { name: 'kind', columns: ['service.description', 'service_description', 'service.id'], isRequired: true },
    nested('description', 'sku.description'),
    { name: 'resourceId', columns: ['resource.name', 'resource_name', 'resource.global_name', 'resource_global_name'] },
    { name: 'amount', columns: ['cost'], isRequired: true },
    { name: 'currency', columns: ['currency'], isRequired: true },
    { name: 'credits', columns: ['credits'], isRequired: true },
    { name: 'labels', columns: ['labels'] },
    { name: 'tags', columns: ['tags'] },
    nested('projectLabels', 'project.labels'),
    { name: 'tenantId', columns: ['tenantId'] },
    ...detailFields({ ...OF_CHARGE, ...OF_USAGE }),
  ],
  recognises: (columns) => ['billing_account_id', 'usage_start_time', 'cost'].every((name) => columns.has(name)),
  zone: 'Z',
  exponents: true,
  isLenient: true,
  read(cells) {
    const costType = cells.optional('costType') ?? 'regular';
    const category = CATEGORIES[costType];
    if (category === undefined) throw unknownType('costType', costType, 'cost type', Object.keys(CATEGORIES));
    const period = chargePeriod(cells);
    const account = cells.id('billingAccountId');
    const delivery = `${account} ${invoiceMonth(cells)}`;
    const labels = ['labels', 'tags', 'projectLabels'].flatMap((field) => tagPairs(cells, field));
    const known = { BillingAccountId: account, Tags: tagsText(labels) };
    const item: CostItem = {
      provider: cells.optionalId('provider') ?? 'gcp',
      delivery,
      invoiceRef: delivery,
      line: {
        kind: cells.id('kind'),
        chargePeriod: period,
        amount: cells.decimal('amount'),
        currency: currencyOf(cells, 'currency'),
        category,
        ...given({
          resourceId: cells.optionalId('resourceId'),
          tenantId: cells.idOrTagged('tenantId', namesOf(labels)),
          description: descriptionOf(cells, 'description'),
        }),
        focus: nativeDetails(cells, { ...OF_CHARGE, ...OF_USAGE }, category, known),
      },
      key: keyOf(period.start, period.end, ...KEY.map(({ name }) => cells.quietly(name))),
      isOwnId: false,
    };
    return [item, ...creditsOf(cells, item, nativeDetails(cells, OF_CHARGE, 'credit', known))];
  },
};
