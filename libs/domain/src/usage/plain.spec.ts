import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { instant } from '../time/instant.js';
import { isPlainlyObserved, packedReadings } from './plain.js';
import { eventSchemas } from '../events.js';
import { type Observation, packed } from './usage.js';

const RUNS = checkedOn(200);

const reading = (more: object = {}): Observation => ({
  resourceId: 'vm-1',
  billingKind: 'cpu_hours',
  period: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-04-01T01:00:00Z') },
  granularity: 'hour',
  quantity: '0.5',
  ...more,
});
const observed = (...observations: Observation[]) => ({
  deploymentId: 'site',
  month: '2026-04',
  origin: 'backfill' as const,
  observations,
});

/** What the codec does without the short way: the schema's answer. */
const bySchema = (data: unknown): unknown => eventSchemas.UsageObserved.safeParse(data).data;

describe('plainly observed', () => {
  it('are readings of a quantity, with or without a provider and a source id', () => {
    expect(isPlainlyObserved(observed(reading(), reading({ provider: 'do', sourceId: 'x-1' })))).toBe(true);
  });

  it('are not readings that the schema refuses or converts', () => {
    const others: object[] = [
      { resourceId: '' },
      { resourceId: 7 },
      { billingKind: 'a\u0000' },
      { provider: 'x'.repeat(513) },
      { granularity: 'week' },
      { quantity: '0.50' },
      { quantity: 5 },
      { period: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T00:00:00Z' } },
      { period: { start: '2026-04-01T00:00:00+00:00', end: '2026-04-01T01:00:00Z' } },
      { period: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z', zone: 'Z' } },
      { attributes: { az: 1 } },
      { more: 'than we know' },
    ];
    for (const other of others)
      expect([other, isPlainlyObserved(observed(reading(), reading(other)))]).toEqual([other, false]);
    expect(isPlainlyObserved(observed())).toBe(false);
    expect(isPlainlyObserved({ ...observed(reading()), deploymentId: '' })).toBe(false);
    expect(() =>
      isPlainlyObserved(observed(reading({ period: { start: '2026-02-31T00:00:00Z', end: '2026-04-01T01:00:00Z' } }))),
    ).toThrow('does not exist in the calendar');
  });

  const text = fc.string({ maxLength: 20 });
  const id = fc.oneof(fc.constantFrom('vm-1', 'ä\\"', '\ud800'), text);
  const arbitrary = fc.record(
    {
      provider: id,
      resourceId: id,
      billingKind: id,
      period: fc.constantFrom(
        reading().period,
        { start: '2026-04-01T00:00:00.5Z', end: '2026-04-02T00:00:00Z' },
        { start: '2026-04-03T00:00:00Z', end: '2026-04-02T00:00:00Z' },
      ),
      granularity: fc.constantFrom('hour', 'day', 'event'),
      sourceId: id,
      quantity: fc.constantFrom('1', '-0.25', '1.0', '007', '123456789012345678.123456789012345678'),
    },
    { requiredKeys: ['resourceId', 'billingKind', 'period', 'granularity', 'quantity'] },
  ) as fc.Arbitrary<Observation>;

  it('are exactly the readings that the schema accepts unchanged', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 3 }), (readings) => {
        const data = observed(...readings);
        const isPlain = isPlainlyObserved(data);
        const schemas = bySchema(data);
        expect(isPlain).toBe(schemas !== undefined && JSON.stringify(schemas) === JSON.stringify(data));
      }),
      RUNS,
    );
  });

  it('are packed as if they were measured', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 5 }), fc.nat(1100), (readings, times) => {
        const many = Array.from({ length: times }, () => readings)
          .flat()
          .slice(0, 1100);
        expect(packedReadings(many)).toEqual(packed(many));
      }),
      checkedOn(20),
    );
    // 1,000 of 6 × 80 bytes of ids at the most, and no more than 80 in fact.
    expect(
      packedReadings(Array.from({ length: 1000 }, () => reading({ resourceId: 'r'.repeat(80) }))).map(
        ({ length }) => length,
      ),
    ).toEqual([1000]);
    // Each has 512 × 2 bytes plus 153, with its comma: 524,288 / 1,177 = 445.4.
    expect(
      packedReadings(Array.from({ length: 1000 }, () => reading({ resourceId: 'é'.repeat(512) }))).map(
        ({ length }) => length,
      ),
    ).toEqual([445, 445, 110]);
  });
});
