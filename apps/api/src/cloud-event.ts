import { z } from 'zod';
import { type DomainError, invalid } from '#domain/errors';
import { isJsonType } from '#domain/json-text';
import { isDecimalText } from '#domain/money/decimal';
import { parse, shaped, zDecimal, zId, zInstant, zJsonObject } from '#domain/schema';
import { firstInstantAfter, type Instant } from '#domain/time/instant';
import { zObservation, zRateKey } from '#domain/usage/usage';
import type { Incoming } from '#billing/usage/ingest';
import { isAscii } from './http.js';

/** JSON numbers are exact up to this many digits. Longer ones must be sent as strings. */
const EXACT_DIGITS = 15;

const zQuantity = z.union(
  [
    zDecimal,
    z
      .number()
      .refine(
        (value) => String(value).replace(/[-.]/g, '').length <= EXACT_DIGITS && isDecimalText(String(value)),
        `has more than ${EXACT_DIGITS} digits. Send it as a string.`,
      )
      .transform(String)
      .pipe(zDecimal),
  ],
  `must be a decimal as a string, such as "12.50", or a number of at most ${EXACT_DIGITS} digits without an exponent`,
);

const zData = z.looseObject({
  quantity: zQuantity.optional(),
  value: zQuantity.optional(),
  resourceId: zId.optional(),
  provider: zId.optional(),
  rateKey: zRateKey.optional(),
  subAttribution: zJsonObject.optional(),
});

/** Some senders give nanoseconds. Instants have microseconds, so the rest is cut off. */
const zTime = z
  .string('must be an instant as a string, such as "2026-04-01T00:00:00Z"')
  .transform((text) => text.replace(/(\.\d{6})\d+/, '$1'))
  .pipe(zInstant);

/** CloudEvents 1.0 in JSON, as users of OpenMeter send them. Other attributes are ignored. */
export const zCloudEvent = z
  .looseObject({
    specversion: z.literal('1.0', 'must be "1.0"'),
    id: zId.describe(
      'Identifies the event together with the source: sent again, it is a duplicate, also with another time',
    ),
    source: zId.describe('The resource, unless data has resourceId'),
    type: zId.describe('The billing kind'),
    subject: zId.describe('The deployment'),
    time: zTime.nullish().describe('When it happened, to the microsecond. Default: the time of arrival'),
    datacontenttype: z
      .string('must be application/json')
      .refine(isJsonType, 'must be application/json')
      .nullish()
      .describe('A media type of JSON. Its parameters are ignored'),
    data: zData
      .nullish()
      .describe(
        'quantity (or value; default 1), resourceId, provider, rateKey, subAttribution. Other fields are attributes',
      ),
  })
  .refine((event) => !('data_base64' in event), {
    path: ['data_base64'],
    message: 'is not supported. Send JSON as data.',
  })
  .meta({ id: 'CloudEvent' });

/** The content types of one event and of a batch, as JSON. */
export const EVENT_TYPE = 'application/cloudevents+json';
export const EVENTS_TYPE = 'application/cloudevents-batch+json';

const ATTRIBUTE = /^ce-(.*)/;

/**
 * Reads an event in binary mode: its attributes are headers (`ce-id`) and the body is its data. null: the headers are
 * not of an event.
 */
export function eventOfHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: unknown,
): object | null {
  if (headers['ce-specversion'] === undefined && headers['ce-id'] === undefined) return null;
  const attributes = Object.entries(headers).flatMap(([name, value]): [string, string][] => {
    const attribute = ATTRIBUTE.exec(name)?.[1];
    return attribute === undefined || typeof value !== 'string' ? [] : [[attribute, unescaped(name, value)] as const];
  });
  return { ...Object.fromEntries(attributes), data: body };
}

/**
 * Headers are ASCII: other characters are sent percent-encoded, in UTF-8. If other text stayed as it is, two ids would
 * become one: `%FF` and `%25FF`. Errors: `invalid_input`.
 */
function unescaped(name: string, value: string): string {
  const message = `must be ASCII, with other characters and "%" percent-encoded in UTF-8: "café" is "caf%C3%A9"`;
  const refused = (): DomainError => invalid('invalid_input', `header ${name} ${message}`, [{ field: name, message }]);
  if (!isAscii(value)) throw refused();
  try {
    return decodeURIComponent(value);
  } catch {
    throw refused();
  }
}

export const isCloudEvent = (item: unknown): boolean =>
  typeof item === 'object' && item !== null && 'specversion' in item;

/**
 * An event as a reading: its period is one microsecond, and its key is its id together with its source. Errors:
 * `invalid_input`, with every faulty field.
 */
export function readingOf(input: unknown, arrivedAt: Instant): Incoming {
  const { id, source, type, subject, time, data } = parse(zCloudEvent, input, 'event');
  const { quantity, value, resourceId, provider, rateKey, subAttribution, ...attributes } = data ?? {};
  if (quantity !== undefined && value !== undefined && quantity !== value)
    throw invalid('invalid_input', 'event: data.quantity and data.value differ. Give one of them.', [
      { field: 'data.value', message: 'differs from data.quantity' },
    ]);
  const start = time ?? arrivedAt;
  const observation = {
    resourceId: resourceId ?? source,
    billingKind: type,
    period: { start, end: firstInstantAfter(start) },
    granularity: 'event',
    sourceId: `${encodeURIComponent(source)}/${encodeURIComponent(id)}`,
    quantity: quantity ?? value ?? '1',
    ...(provider === undefined ? {} : { provider }),
    ...(rateKey === undefined ? {} : { rateKey }),
    ...(subAttribution === undefined ? {} : { subAttribution }),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
  };
  return { deploymentId: subject, observation: shaped(zObservation, observation, 'event'), isEvent: true };
}
