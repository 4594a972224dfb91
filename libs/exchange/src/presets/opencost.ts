import type { Cells } from '../rows/cells.js';
import { chargePeriod, type CostItem, currencyOf, given, keyOf } from './costs.js';
import type { Preset } from './preset.js';
import { tagsOf } from './tags.js';

/** What an allocation may be of. Labels are left out of the key, because they may change. */
const PROPERTIES = ['cluster', 'node', 'namespace', 'controllerKind', 'controller', 'pod', 'container'] as const;

/**
 * Allocations of OpenCost and Kubecost, as `/allocation/compute` answers: the cost of a cluster by namespace, label or
 * whatever the query aggregates by. Cluster and month of the window identify a bill. The answer names no currency.
 */
export const openCostAllocations: Preset<CostItem> = {
  name: 'opencost',
  kind: 'costs',
  fields: [
    { name: 'provider', columns: ['provider'] },
    { name: 'name', columns: ['name'], isRequired: true },
    { name: 'start', columns: ['window.start'], isRequired: true },
    { name: 'end', columns: ['window.end'], isRequired: true },
    { name: 'amount', columns: ['totalCost'], isRequired: true },
    { name: 'currency', columns: ['currency'] },
    { name: 'kind', columns: ['kind'] },
    { name: 'labels', columns: ['properties.labels'] },
    { name: 'tenantId', columns: ['tenantId'] },
    ...PROPERTIES.map((name) => ({ name, columns: [`properties.${name}`] })),
  ],
  recognises: (columns) => ['name', 'window', 'totalCost'].every((name) => columns.has(name)),
  exponents: true,
  isLenient: true,
  read(cells) {
    const name = cells.id('name');
    const period = chargePeriod(cells);
    const cluster = cells.optionalId('cluster') ?? assumed(cells, 'cluster', 'cluster');
    const delivery = `${cluster} ${period.start.slice(0, 7)}`;
    const properties = PROPERTIES.map((property) => cells.optional(property));
    const tags = [
      ...PROPERTIES.flatMap((property, index) =>
        properties[index] === undefined ? [] : [`${property}:${properties[index]}`],
      ),
      ...tagsOf(cells, 'labels'),
    ];
    return {
      provider: cells.optionalId('provider') ?? 'opencost',
      delivery,
      invoiceRef: delivery,
      line: {
        kind: cells.optionalId('kind') ?? 'kubernetes',
        chargePeriod: period,
        amount: cells.decimal('amount'),
        currency:
          cells.optional('currency') === undefined ? assumed(cells, 'currency', 'USD') : currencyOf(cells, 'currency'),
        category: 'usage',
        resourceId: name,
        ...given({ tenantId: cells.idOrTagged('tenantId', tags) }),
        // There is no invoice, so an export names none.
        focus: {},
      },
      key: keyOf(name, ...properties, period.start, period.end),
      isOwnId: false,
    };
  },
};

/** What the answer does not say, and a mapping can. */
function assumed(cells: Cells, field: string, value: string): string {
  cells.note(
    `no_${field}`,
    field,
    '',
    `no ${field} is named. Read as ${value}; name it in a mapping (values.${field}).`,
  );
  return value;
}
