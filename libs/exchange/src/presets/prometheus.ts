import { plusHours } from '#domain/time/instant';
import { periodFault } from '#domain/usage/usage';
import { RowFault } from '../rows/row.js';
import { eventTime } from './events.js';
import type { Preset } from './preset.js';
import type { UsageItem } from './usage.js';

const HOURS = { hour: 1, day: 24 } as const;

/**
 * Samples of Prometheus, as `/api/v1/query_range` answers. A sample is the usage of the hour (or the day) that ends at
 * its time, as of `increase(…[1h])` with a step of one hour. Labels name the deployment and the resource.
 */
export const prometheusSamples: Preset<UsageItem> = {
  name: 'prometheus',
  kind: 'usage',
  fields: [
    { name: 'deploymentId', columns: ['metric.deployment', 'metric.namespace'], isRequired: true },
    { name: 'resourceId', columns: ['metric.resource', 'metric.pod', 'metric.instance'] },
    { name: 'billingKind', columns: ['metric.billing_kind', 'metric.__name__'], isRequired: true },
    { name: 'at', columns: ['at'], isRequired: true },
    { name: 'granularity', columns: [] },
    { name: 'quantity', columns: ['value'], isRequired: true },
  ],
  recognises: (columns) => ['metric', 'at', 'value'].every((name) => columns.has(name)),
  exponents: true,
  isLenient: true,
  read(cells) {
    const granularity =
      cells.optional('granularity') === undefined ? 'hour' : cells.oneOf('granularity', ['hour', 'day'] as const);
    const end = eventTime(cells, 'at');
    const period = { start: plusHours(end, -HOURS[granularity]), end };
    if (periodFault({ period, granularity }) !== null)
      throw new RowFault('at', end, `does not end a UTC ${granularity}. Query with a step that begins on one.`);
    const deploymentId = cells.id('deploymentId');
    return {
      deploymentId,
      observation: {
        resourceId: cells.optionalId('resourceId') ?? deploymentId,
        billingKind: cells.id('billingKind'),
        period,
        granularity,
        quantity: cells.decimal('quantity'),
      },
    };
  },
};
