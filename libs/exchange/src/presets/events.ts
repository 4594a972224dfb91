import { isJsonType } from '#domain/json-text';
import { firstInstantAfter, fromMicros, type Instant } from '#domain/time/instant';
import { isObject } from '../rows/answers.js';
import type { Cells } from '../rows/cells.js';
import { RowFault } from '../rows/row.js';
import type { Preset } from './preset.js';
import { rateKeyOf, type UsageItem } from './usage.js';

type JsonObject = NonNullable<UsageItem['observation']['attributes']>;

const UNIX = /^(\d{1,11})(?:\.(\d{1,6})\d*)?$/;
/** Some senders give nanoseconds. Instants have microseconds, so the rest is cut off. */
const NANOSECONDS = /(\.\d{6})\d+/;

/** An instant in the format of the mapping, or as text, or as seconds since 1970. */
export function eventTime(cells: Cells, field: string): Instant {
  const written = cells.text(field);
  if (cells.hasDateFormat) return cells.asInstant(field, written);
  const [, seconds, fraction = ''] = UNIX.exec(written) ?? [];
  if (seconds === undefined) return cells.asInstant(field, written.replace(NANOSECONDS, '$1'));
  return fromMicros(BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, '0')));
}

/** An event lasts one microsecond. */
export const eventPeriod = (start: Instant): { readonly start: Instant; readonly end: Instant } => ({
  start,
  end: firstInstantAfter(start),
});

/** Fields of the data that have a meaning of their own. The others are attributes. */
const OWN_DATA = new Set(['quantity', 'value', 'resourceId', 'provider', 'rateKey', 'subAttribution']);

/**
 * CloudEvents 1.0, also as OpenMeter lists them (`{"event": …}`). They are the same readings as those that the API
 * receives: an event that was sent live is a duplicate, whatever its time.
 */
export const cloudEvents: Preset<UsageItem> = {
  name: 'cloudevents',
  kind: 'usage',
  fields: [
    { name: 'id', columns: ['id', 'event.id'], isRequired: true },
    { name: 'source', columns: ['source', 'event.source'], isRequired: true },
    { name: 'billingKind', columns: ['type', 'event.type'], isRequired: true },
    { name: 'deploymentId', columns: ['subject', 'event.subject'], isRequired: true },
    { name: 'start', columns: ['time', 'event.time'], isRequired: true },
    { name: 'quantity', columns: ['data.quantity', 'event.data.quantity'] },
    { name: 'value', columns: ['data.value', 'event.data.value'] },
    { name: 'resourceId', columns: ['data.resourceId', 'event.data.resourceId'] },
    { name: 'provider', columns: ['data.provider', 'event.data.provider'] },
    { name: 'subAttribution', columns: ['data.subAttribution', 'event.data.subAttribution'] },
    ...['resourceType', 'resourceFamily', 'location'].map((name) => ({
      name,
      columns: [`data.rateKey.${name}`, `event.data.rateKey.${name}`],
    })),
    { name: 'data', columns: ['data', 'event.data'] },
    { name: 'data_base64', columns: ['data_base64', 'event.data_base64'] },
    { name: 'datacontenttype', columns: ['datacontenttype', 'event.datacontenttype'] },
    { name: 'specversion', columns: ['specversion', 'event.specversion'] },
  ],
  recognises: (columns) => columns.has('specversion') || columns.has('event'),
  // As in the API: `data.Quantity` is an attribute.
  hasExactPaths: true,
  exponents: true,
  isLenient: true,
  read(cells) {
    assertJsonData(cells);
    const [source, id] = [cells.id('source'), cells.id('id')];
    const provider = cells.optionalId('provider');
    const [rateKey, subAttribution] = [rateKeyOf(cells), cells.optionalObject('subAttribution')];
    const attributes = Object.fromEntries(
      Object.entries(cells.optionalObject('data') ?? {}).filter(([name]) => !OWN_DATA.has(name)),
    );
    return {
      isEvent: true,
      deploymentId: cells.id('deploymentId'),
      observation: {
        ...(provider === undefined ? {} : { provider }),
        resourceId: cells.optionalId('resourceId') ?? source,
        billingKind: cells.id('billingKind'),
        period: eventPeriod(eventTime(cells, 'start')),
        granularity: 'event',
        sourceId: `${encodeURIComponent(source)}/${encodeURIComponent(id)}`,
        quantity: quantityOf(cells),
        ...(rateKey === undefined ? {} : { rateKey }),
        // The data are JSON, so they contain nothing else.
        ...(Object.keys(attributes).length === 0 ? {} : { attributes: attributes as JsonObject }),
        ...(subAttribution === undefined ? {} : { subAttribution: subAttribution as JsonObject }),
      },
    };
  },
};

/** As in the API, an event whose data are no JSON object is refused: without its quantity it would count once. */
function assertJsonData(cells: Cells): void {
  const [version, type] = [cells.optional('specversion'), cells.optional('datacontenttype')];
  if (version !== undefined && version !== '1.0') throw new RowFault('specversion', version, 'must be "1.0"');
  if (type !== undefined && !isJsonType(type)) throw new RowFault('datacontenttype', type, 'must be application/json');
  const row = cells.fields();
  const event = isObject(row['event']) ? row['event'] : row;
  if ('data_base64' in event && event['data_base64'] !== '')
    throw new RowFault('data_base64', null, 'is not supported. Write JSON as data.');
  const data = cells.raw('data');
  for (const field of ['quantity', 'value'])
    if (isObject(data) && field in data && (data[field] === null || data[field] === ''))
      throw new RowFault(`data.${field}`, data[field], 'is empty. Give a decimal, or leave the field out.');
  if (data !== undefined && !isObject(data))
    throw new RowFault(
      'data',
      data,
      'must be a JSON object. In CSV, give each of its fields a column, such as data.quantity.',
    );
}

/** As in the API, an event without a quantity counts once. */
function quantityOf(cells: Cells): string {
  const [quantity, value] = [cells.optionalDecimal('quantity'), cells.optionalDecimal('value')];
  if (quantity !== undefined && value !== undefined && quantity !== value)
    throw new RowFault('data.value', value, 'differs from data.quantity. Give one of them.');
  return quantity ?? value ?? '1';
}

/** Meter events as they are sent to Stripe, v1 and v2. The customer is the deployment, unless a mapping has another. */
export const stripeMeterEvents: Preset<UsageItem> = {
  name: 'stripe-meter-events',
  kind: 'usage',
  fields: [
    { name: 'deploymentId', columns: ['payload.stripe_customer_id'], isRequired: true },
    { name: 'resourceId', columns: ['payload.stripe_customer_id'] },
    { name: 'billingKind', columns: ['event_name'], isRequired: true },
    { name: 'start', columns: ['timestamp', 'created'], isRequired: true },
    { name: 'quantity', columns: ['payload.value'], isRequired: true },
    { name: 'sourceId', columns: ['identifier'] },
  ],
  recognises: (columns) => columns.has('event_name') && columns.has('payload'),
  exponents: true,
  isLenient: true,
  read(cells) {
    const [deploymentId, sourceId] = [cells.id('deploymentId'), cells.optionalId('sourceId')];
    return {
      deploymentId,
      observation: {
        resourceId: cells.optionalId('resourceId') ?? deploymentId,
        billingKind: cells.id('billingKind'),
        period: eventPeriod(eventTime(cells, 'start')),
        granularity: 'event',
        // Stripe makes one for an event that was sent without. Without one, a row is known by its file and its number.
        ...(sourceId === undefined ? {} : { sourceId }),
        quantity: cells.decimal('quantity'),
      },
    };
  },
};
