import type { Cells } from '../rows/cells.js';
import { RowFault } from '../rows/row.js';
import { chargePeriod, type CostItem, currencyOf, descriptionOf, given, keyOf } from './costs.js';
import { detailFields, nativeDetails } from './details.js';
import type { Preset } from './preset.js';
import { namesOf, tagsInColumns, tagsText } from './tags.js';

/** Fields that name the charge. The reference numbers of a row are left out: a later delivery may have others. */
const KEY = [
  'subscriptionId',
  'kind',
  'sku',
  'description',
  'compartmentId',
  'region',
  'availabilityDomain',
  'resourceId',
  'unit',
  'isOverage',
];

/** Newer reports have the unit in another column. */
const UNIT = ['cost/billingUnitReadable', 'cost/skuUnitDescription'];

const DETAILS = {
  AvailabilityZone: ['product/availabilityDomain'],
  ConsumedQuantity: ['usage/billedQuantity'],
  ConsumedUnit: UNIT,
  ListUnitPrice: ['cost/unitPrice'],
  PricingQuantity: ['usage/billedQuantity'],
  PricingUnit: UNIT,
  RegionId: ['product/region'],
  SkuId: ['cost/productSku'],
  SubAccountId: ['product/compartmentId'],
  SubAccountName: ['product/compartmentName'],
};

/**
 * Cost report of Oracle Cloud Infrastructure. `cost/myCost` includes overage. A correction is a row of its own, whose
 * cost is added: the row that it refers to (`lineItem/backreferenceNo`) stays.
 */
export const ociCostReport: Preset<CostItem> = {
  name: 'oci-cost',
  kind: 'costs',
  fields: [
    { name: 'provider', columns: ['provider'] },
    { name: 'tenancyId', columns: ['lineItem/tenantId'], isRequired: true },
    { name: 'subscriptionId', columns: ['cost/subscriptionId'] },
    { name: 'start', columns: ['lineItem/intervalUsageStart'], isRequired: true },
    { name: 'end', columns: ['lineItem/intervalUsageEnd'], isRequired: true },
    { name: 'kind', columns: ['product/service'], isRequired: true },
    { name: 'sku', columns: ['cost/productSku'] },
    { name: 'description', columns: ['product/Description'] },
    { name: 'compartmentId', columns: ['product/compartmentId'] },
    { name: 'region', columns: ['product/region'] },
    { name: 'availabilityDomain', columns: ['product/availabilityDomain'] },
    { name: 'resourceId', columns: ['product/resourceId'] },
    { name: 'unit', columns: UNIT },
    { name: 'isOverage', columns: ['cost/overageFlag'] },
    { name: 'amount', columns: ['cost/myCost'], isRequired: true },
    { name: 'currency', columns: ['cost/currencyCode'], isRequired: true },
    { name: 'isCorrection', columns: ['lineItem/isCorrection'] },
    { name: 'tenantId', columns: ['tenantId'] },
    ...detailFields(DETAILS),
  ],
  recognises: (columns) => columns.has('cost/myCost') && columns.has('lineItem/intervalUsageStart'),
  exponents: true,
  isLenient: true,
  read(cells) {
    const period = chargePeriod(cells);
    const tenancy = cells.id('tenancyId');
    const tags = tagsInColumns(cells, 'tags/');
    const delivery = `${tenancy} ${period.start.slice(0, 7)}`;
    const isCorrection = isTrue(cells, 'isCorrection');
    return {
      provider: cells.optionalId('provider') ?? 'oci',
      delivery,
      invoiceRef: delivery,
      line: {
        kind: cells.id('kind'),
        chargePeriod: period,
        amount: cells.decimal('amount'),
        currency: currencyOf(cells, 'currency'),
        category: 'usage',
        ...(isCorrection ? { class: 'correction' as const } : {}),
        ...given({
          resourceId: cells.optionalId('resourceId'),
          tenantId: cells.idOrTagged('tenantId', namesOf(tags)),
          description: descriptionOf(cells, 'description'),
        }),
        focus: nativeDetails(cells, DETAILS, 'usage', { BillingAccountId: tenancy, Tags: tagsText(tags) }),
      },
      key: keyOf(
        period.start,
        period.end,
        isCorrection ? 'correction' : '',
        ...KEY.map((field) => cells.quietly(field)),
      ),
      isOwnId: false,
    };
  },
};

function isTrue(cells: Cells, field: string): boolean {
  const value = cells.optional(field)?.toLowerCase() ?? 'false';
  if (value !== 'true' && value !== 'false') throw new RowFault(field, value, 'must be true or false');
  return value === 'true';
}
