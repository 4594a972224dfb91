import { type Observation, periodFault } from '#domain/usage/usage';
import { firstInstantAfter, type Instant, isBefore, plusHours } from '#domain/time/instant';
import type { Cells } from '../rows/cells.js';
import type { Period } from '#domain/time/period';
import type { Preset } from './preset.js';
import { RowFault } from '../rows/row.js';

/** A row of usage: its deployment, and the reading. `isEvent`: its source id identifies it, at any time. */
export interface UsageItem {
  readonly deploymentId: string;
  readonly observation: Observation;
  readonly isEvent?: true;
}

const GRANULARITIES = ['hour', 'day', 'event'] as const;
type Granularity = (typeof GRANULARITIES)[number];

/** Readings of any meter: a column for each field of an observation. */
export const genericUsage: Preset<UsageItem> = {
  name: 'usage',
  kind: 'usage',
  fields: [
    { name: 'deploymentId', columns: ['deploymentId', 'deployment'], isRequired: true },
    { name: 'resourceId', columns: ['resourceId', 'resource'], isRequired: true },
    { name: 'billingKind', columns: ['billingKind', 'kind'], isRequired: true },
    { name: 'start', columns: ['start', 'period.start', 'periodStart', 'from'], isRequired: true },
    { name: 'end', columns: ['end', 'period.end', 'periodEnd', 'until'] },
    { name: 'granularity', columns: ['granularity'] },
    { name: 'quantity', columns: ['quantity'], isRequired: true },
    { name: 'provider', columns: ['provider'] },
    { name: 'sourceId', columns: ['sourceId'] },
    { name: 'resourceType', columns: ['resourceType', 'rateKey.resourceType'] },
    { name: 'resourceFamily', columns: ['resourceFamily', 'rateKey.resourceFamily'] },
    { name: 'location', columns: ['location', 'rateKey.location'] },
    { name: 'attributes', columns: ['attributes'] },
    { name: 'subAttribution', columns: ['subAttribution'] },
  ],
  recognises: () => true,
  read(cells) {
    const start = cells.instant('start');
    const given = cells.optional('granularity') === undefined ? undefined : cells.oneOf('granularity', GRANULARITIES);
    const end = cells.optionalInstant('end') ?? endOf(start, given);
    if (!isBefore(start, end))
      throw new RowFault('end', end, `is not after the start, ${start}. A period is [start, end).`);
    const granularity = given ?? granularityOf(start, end);
    const fault = periodFault({ period: { start, end }, granularity });
    if (fault !== null) throw new RowFault('start', start, fault);
    const period = periodOf(start, end);
    const provider = cells.optionalId('provider');
    const sourceId = cells.optionalId('sourceId');
    const rateKey = rateKeyOf(cells);
    const attributes = cells.optionalObject('attributes');
    const subAttribution = cells.optionalObject('subAttribution');
    return {
      deploymentId: cells.id('deploymentId'),
      observation: {
        ...(provider === undefined ? {} : { provider }),
        resourceId: cells.id('resourceId'),
        billingKind: cells.id('billingKind'),
        period,
        granularity,
        ...(sourceId === undefined ? {} : { sourceId }),
        quantity: cells.decimal('quantity'),
        ...(rateKey === undefined ? {} : { rateKey }),
        // The cell was parsed as JSON, so it contains nothing else.
        ...(attributes === undefined ? {} : { attributes: attributes as NonNullable<Observation['attributes']> }),
        ...(subAttribution === undefined
          ? {}
          : { subAttribution: subAttribution as NonNullable<Observation['subAttribution']> }),
      },
    };
  },
};

export function rateKeyOf(cells: Cells): Observation['rateKey'] {
  const [resourceType, resourceFamily, location] = [
    cells.optionalId('resourceType'),
    cells.optionalId('resourceFamily'),
    cells.optionalId('location'),
  ];
  if (resourceType === undefined && resourceFamily === undefined && location === undefined) return undefined;
  if (resourceType !== undefined && resourceFamily !== undefined && location !== undefined)
    return { resourceType, resourceFamily, location };
  throw new RowFault(
    'resourceType',
    null,
    'a rate has resourceType, resourceFamily and location. Give all three, or none.',
  );
}

let lastPeriod: Period | null = null;

/** Neighbours nearly always have the same period, and share it: many rows are kept until they are written. */
function periodOf(start: Instant, end: Instant): Period {
  if (lastPeriod?.start !== start || lastPeriod.end !== end) lastPeriod = { start, end };
  return lastPeriod;
}

/** The end of an hourly or daily reading is that of its hour or day. An event without an end lasts one microsecond. */
function endOf(start: Instant, granularity: Granularity | undefined): Instant {
  if (granularity === undefined)
    throw new RowFault('end', null, 'is missing. Give it, or the granularity (hour, day, event).');
  if (granularity === 'event') return firstInstantAfter(start);
  return plusHours(start, granularity === 'hour' ? 1 : 24);
}

/** The granularity of a period of this length, if the file does not state it. */
function granularityOf(start: Instant, end: Instant): Granularity {
  if (start.endsWith('T00:00:00Z') && end === plusHours(start, 24)) return 'day';
  return start.endsWith(':00:00Z') && end === plusHours(start, 1) ? 'hour' : 'event';
}
