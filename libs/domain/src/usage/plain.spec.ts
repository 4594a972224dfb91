import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { checkedOn } from '../../../../test/support/properties.js';
import { instant } from '../time/instant.js';
import { canonicalJson } from '../canonical-json.js';
import { errorOf } from '../errors.js';
import { eventSchemas } from '../events.js';
import { markRepeatedFields } from '../json-text.js';
import { parse, zId } from '../schema.js';
import { canonicalReadings, isPlainlyObserved, packedReadings, plainlySent } from './plain.js';
import { incomingReading, type Observation, packed, zObservation } from './usage.js';

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
      { quantity: 'five' },
      { period: null },
      { period: { from: '2026-04-01T00:00:00Z', to: '2026-04-01T01:00:00Z' } },
      { period: { start: '2026-02-31T00:00:00Z', end: '2026-04-01T01:00:00Z' } },
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

  it('have the canonical JSON of any value', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            arbitrary,
            arbitrary.map((each) => ({ ...each, attributes: { z: 1, a: [] } })),
          ),
        ),
        (all) => {
          expect(canonicalReadings(all)).toBe(canonicalJson(all));
        },
      ),
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

describe('plainly sent', () => {
  const zSent = incomingReading(z.strictObject({ deploymentId: zId, ...zObservation.shape }));
  const mostly = (usual: unknown, ...others: fc.Arbitrary<unknown>[]) =>
    fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, ...others);
  const id = mostly('vm-1', fc.constantFrom('ä', 'a\u0308', '\ud800', '', 'x\u0000', 7, null), fc.string());
  const at = fc.constantFrom(
    ...['2026-04-01T00:00:00Z', '2026-04-01T01:00:00Z', '2026-04-02T00:00:00Z', '2026-04-01T00:30:00Z'],
    ...['2026-04-01T02:00:00+01:00', '2026-04-01T00:00:00.50Z', '2026-02-31T00:00:00Z', '9999-12-31T23:59:59Z', 5],
  );
  const day = { end: '2026-04-02T00:00:00Z', start: '2026-04-01T00:00:00Z' };
  const input = fc.record(
    {
      quantity: mostly('1', fc.constantFrom('-0.25', '1.0', '007', '1e3', 5)),
      resourceId: id,
      deploymentId: id,
      period: mostly(
        day,
        fc.record({ end: at, start: at }, { requiredKeys: [] }),
        fc.constantFrom(null, 'today', { ...day, zone: 'Z' }),
      ),
      granularity: mostly('day', fc.constantFrom('hour', 'event', 'week')),
      billingKind: mostly('cpu', fc.constantFrom('', 'x'.repeat(513))),
      sourceId: id,
      provider: id,
      others: mostly({}, fc.constantFrom({ attributes: { az: 1 } }, { more: 'than we know' })),
    },
    { requiredKeys: ['deploymentId', 'resourceId', 'billingKind', 'period', 'granularity', 'quantity', 'others'] },
  );

  it('are readings as their schema makes them, field by field in the same order', () => {
    let plain = 0;
    // As the schema does, it throws for a period whose whole hour or day is after the last year.
    const foundIn = (sent: object) => {
      try {
        return plainlySent(sent);
      } catch (error) {
        expect(() => parse(zSent, sent, 'observation')).toThrow(errorOf(error).message);
        return null;
      }
    };
    fc.assert(
      fc.property(input, ({ others, ...fields }) => {
        const sent = { ...fields, ...Object(others) } as object;
        const found = foundIn(sent);
        if (found === null) return;
        plain += 1;
        const { deploymentId, ...observation } = parse(zSent, sent, 'observation');
        expect(JSON.stringify(found)).toBe(JSON.stringify({ deploymentId, observation }));
      }),
      { ...RUNS, numRuns: RUNS.numRuns * 5 },
    );
    expect(plain).toBeGreaterThan(100);
  });

  it('are not readings with a field that was given twice', () => {
    const sent = (text: string) => {
      const value: unknown = JSON.parse(text);
      markRepeatedFields(text, value);
      return plainlySent(Object(value) as object) !== null;
    };
    const text = JSON.stringify({ deploymentId: 'site', ...reading() });
    expect(sent(text)).toBe(true);
    expect(sent(text.replace('"quantity"', '"quantity":"9","quantity"'))).toBe(false);
    expect(sent(text.replace('"start"', '"start":"2026-04-01T00:00:00Z","start"'))).toBe(false);
  });
});

it('takes nothing for what passed before, as long as nothing did', async () => {
  const reading = {
    ...{ deploymentId: 'd', resourceId: 'r', billingKind: 'cpu', granularity: 'day', quantity: '1' },
    period: { start: '2026-04-01T00:00:00Z', end: '2026-04-02T00:00:00Z' },
  };
  for (const [n, wrong] of [{ billingKind: null }, { billingKind: undefined }, { period: null }, {}].entries()) {
    // As a process that has just started has it.
    const url = new URL(`./plain.ts?fresh=${n}`, import.meta.url).href;
    const { plainlySent: first } = (await import(url)) as { plainlySent: typeof plainlySent };
    expect(first({ ...reading, ...wrong }) === null).toBe(Object.keys(wrong).length > 0);
  }
});
