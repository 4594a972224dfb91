import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { namedColumns } from '../rows/field.js';
import { RowFault } from '../rows/row.js';
import { cloudEvents, stripeMeterEvents } from './events.js';
import { prometheusSamples } from './prometheus.js';
import { tokenTrace } from './token-trace.js';

const EVENT = {
  specversion: '1.0',
  id: 'e 1',
  source: 'api',
  type: 'requests',
  subject: 'shop',
  time: '2026-04-01T10:00:00.123456789Z',
  data: { value: 12.5, model: 'large' },
};

describe('a CloudEvent', () => {
  it('is the reading that the API makes of it', () => {
    const reading = {
      isEvent: true,
      deploymentId: 'shop',
      observation: {
        resourceId: 'api',
        billingKind: 'requests',
        period: { start: '2026-04-01T10:00:00.123456Z', end: '2026-04-01T10:00:00.123457Z' },
        granularity: 'event',
        sourceId: 'api/e%201',
        quantity: '12.5',
        attributes: { model: 'large' },
      },
    };
    expect(readRow(cloudEvents, EVENT).items).toEqual([reading]);
    // OpenMeter's list wraps it.
    expect(readRow(cloudEvents, { event: EVENT, ingestedAt: '2026-04-01T10:00:01Z' }).items).toEqual([reading]);
  });

  it.each([
    ['data_base64', { data: undefined, data_base64: 'eyJ2YWx1ZSI6NX0=' }],
    ['data_base64', { data: undefined, data_base64: null }],
    ['data.value', { data: { value: null } }],
    ['data.quantity', { data: { quantity: '' } }],
    ['data', { data: '{"value":5}' }],
    ['data', { data: [5] }],
    ['datacontenttype', { datacontenttype: 'application/xml' }],
    ['datacontenttype', { datacontenttype: 'application/jsonl' }],
    ['datacontenttype', { datacontenttype: 'text/plain; type=application/json' }],
    ['specversion', { specversion: '0.3' }],
    ['data.value', { data: { quantity: 5, value: 6 } }],
  ])('is refused for its %s where the API refuses it, and never counts once instead', (field, more) => {
    expect(() => readRow(cloudEvents, { ...EVENT, ...more })).toThrow(expect.objectContaining({ field }));
  });

  it.each(['application/json; charset=utf-8', 'Application/JSON', 'application/vnd.acme+json;v=2'])(
    'has data of the type %s, which is JSON',
    (datacontenttype) => {
      expect(readRow(cloudEvents, { ...EVENT, datacontenttype }).item.observation.quantity).toBe('12.5');
    },
  );

  it('counts once without a quantity, and may have its quantity elsewhere', () => {
    const { data: _, ...bare } = EVENT;
    expect(readRow(cloudEvents, bare).item.observation.quantity).toBe('1');
    // As in the API, another spelling is an attribute.
    expect(readRow(cloudEvents, { ...bare, data: { Quantity: 5 } }).item.observation).toMatchObject({
      quantity: '1',
      attributes: { Quantity: 5 },
    });
    const tokens = { ...EVENT, data: { tokens: '7' } };
    expect(readRow(cloudEvents, tokens, { columns: { quantity: 'data.tokens' } }).item.observation.quantity).toBe('7');
  });
});

describe('a meter event of Stripe', () => {
  const meterEvent = {
    object: 'billing.meter_event',
    event_name: 'api_requests',
    identifier: 'i1',
    payload: { stripe_customer_id: 'cus_1', value: '25' },
    timestamp: 1_775_037_600,
    created: 1_775_037_601,
  };

  it('is a reading of its customer, at its time', () => {
    expect(readRow(stripeMeterEvents, meterEvent).items).toEqual([
      {
        deploymentId: 'cus_1',
        observation: {
          resourceId: 'cus_1',
          billingKind: 'api_requests',
          // 1,775,037,600 s since 1970
          period: { start: '2026-04-01T10:00:00Z', end: '2026-04-01T10:00:00.000001Z' },
          granularity: 'event',
          sourceId: 'i1',
          quantity: '25',
        },
      },
    ]);
  });

  it('may be without an id: its row in the file tells it from others', () => {
    const { identifier: _identifier, ...without } = meterEvent;
    const { observation } = readRow(stripeMeterEvents, without).item;
    expect([observation.quantity, observation.sourceId]).toEqual(['25', undefined]);
  });

  it('of the second version has its time as text', () => {
    const second = { ...meterEvent, object: 'v2.billing.meter_event', timestamp: '2026-04-01T10:00:00.000Z' };
    expect(readRow(stripeMeterEvents, second).item.observation.period.start).toBe('2026-04-01T10:00:00Z');
  });
});

describe('a sample of Prometheus', () => {
  const sample = { metric: { __name__: 'requests', namespace: 'shop', pod: 'web-1' }, at: 1_775_037_600, value: '12' };

  it('is the usage of the hour that ends at its time', () => {
    expect(readRow(prometheusSamples, sample).items).toEqual([
      {
        deploymentId: 'shop',
        observation: {
          resourceId: 'web-1',
          billingKind: 'requests',
          period: { start: '2026-04-01T09:00:00Z', end: '2026-04-01T10:00:00Z' },
          granularity: 'hour',
          quantity: '12',
        },
      },
    ]);
  });

  it('is of a day if a mapping says so', () => {
    // 2026-04-02T00:00:00Z
    const midnight = { ...sample, at: 1_775_088_000 };
    const { observation } = readRow(prometheusSamples, midnight, { values: { granularity: 'day' } }).item;
    expect(observation).toMatchObject({
      period: { start: '2026-04-01T00:00:00Z', end: '2026-04-02T00:00:00Z' },
      granularity: 'day',
    });
  });

  it('is refused between hours, and if it is no number', () => {
    expect(() => readRow(prometheusSamples, { ...sample, at: 1_775_037_660 })).toThrow(RowFault);
    expect(() => readRow(prometheusSamples, { ...sample, value: 'NaN' })).toThrow(RowFault);
  });
});

describe('a request of a token trace', () => {
  const request = { TIMESTAMP: '2023-11-16 18:17:03.9799600', ContextTokens: '4808', GeneratedTokens: '10' };
  const values = { deploymentId: 'assistant', resourceId: 'gpt' };

  it('is two readings: its input and its output tokens', () => {
    const { items } = readRow(tokenTrace, request, { values });
    const period = { start: '2023-11-16T18:17:03.97996Z', end: '2023-11-16T18:17:03.979961Z' };
    const both = { resourceId: 'gpt', period, granularity: 'event' };
    expect(items).toEqual([
      { deploymentId: 'assistant', observation: { ...both, billingKind: 'input_tokens', quantity: '4808' } },
      { deploymentId: 'assistant', observation: { ...both, billingKind: 'output_tokens', quantity: '10' } },
    ]);
  });

  it('may name its request, its model and its user, as gateways log them', () => {
    const logged = {
      request_id: 'r1',
      startTime: '2026-04-01T10:00:00Z',
      model: 'gpt',
      user: 'assistant',
      prompt_tokens: '4808',
      completion_tokens: '10',
    };
    expect(readRow(tokenTrace, logged).item).toMatchObject({
      deploymentId: 'assistant',
      observation: { resourceId: 'gpt', sourceId: 'r1', quantity: '4808' },
    });
  });

  it('has its counts in keys of any spelling, as it is recognised by them', () => {
    const [camel, upper] = [
      { inputTokens: 4808, outputTokens: 10, time: '2026-04-01T10:00:00Z', model: 'gpt', user: 'assistant' },
      { PROMPT_TOKENS: 4808, COMPLETION_TOKENS: 10, Time: '2026-04-01T10:00:00Z', MODEL: 'gpt', User: 'assistant' },
    ];
    for (const logged of [camel, upper]) {
      expect(tokenTrace.recognises(namedColumns(Object.keys(logged)))).toBe(true);
      expect(readRow(tokenTrace, logged).items).toMatchObject([
        { deploymentId: 'assistant', observation: { resourceId: 'gpt', quantity: '4808' } },
        { observation: { billingKind: 'output_tokens', quantity: '10' } },
      ]);
    }
  });

  it('has its model in the column of OpenRouter', () => {
    const activity = {
      generation_id: 'gen-1',
      created_at: '2026-04-01 10:00:00.5',
      tokens_prompt: '4808',
      tokens_completion: '10',
      model_permaslug: 'openai/gpt',
      user: 'assistant',
    };
    expect(readRow(tokenTrace, activity).item).toMatchObject({
      observation: { resourceId: 'openai/gpt', sourceId: 'gen-1', quantity: '4808' },
    });
  });

  it('has its time in the format of a mapping, also where that is a number', () => {
    const numbered = { ...request, TIMESTAMP: '2026040112' };
    const { item } = readRow(tokenTrace, numbered, { values, dates: 'YYYYMMDDHH' });
    expect(item.observation.period.start).toBe('2026-04-01T12:00:00Z');
  });

  it('needs a kind for each', () => {
    const alike = { ...values, inputKind: 'tokens', outputKind: 'tokens' };
    expect(() => readRow(tokenTrace, request, { values: alike })).toThrow(RowFault);
  });
});
