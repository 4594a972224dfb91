import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { eventSchemas } from '../events.js';
import { isPlainlyCorrected, isPlainlyRecorded } from './plain.js';

const RUNS = checkedOn(300);

const line = (more: object = {}): object => ({
  lineKey: 'vm-1|2026-04-01',
  resourceId: 'vm-1',
  kind: 'Compute',
  chargePeriod: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z' },
  amount: '0.25',
  currency: 'USD',
  category: 'usage',
  effectiveAmount: '0.2',
  description: 'per hour',
  focus: { RegionId: 'eu', PricingQuantity: '1.00', Tags: '{"a": "b"}' },
  ...more,
});
const recorded = (...lines: unknown[]): object => ({ provider: 'AWS', invoiceRef: 'a 2026-04', lines });
const corrected = (...lines: unknown[]): object => ({ ...recorded(...lines), reason: 're-delivered' });

/** What the codec does without the short way: the schema's answer. */
const bySchema = (data: unknown): unknown => eventSchemas.CostRecorded.safeParse(data).data;

describe('plainly recorded cost lines', () => {
  it('are lines as an import makes them', () => {
    expect(isPlainlyRecorded(recorded(line(), line({ class: 'correction', tenantId: 't', focus: {} })))).toBe(true);
    expect(isPlainlyCorrected(corrected(line()))).toBe(true);
  });

  it('are not lines that the schema refuses or converts', () => {
    const others: object[] = [
      { lineKey: undefined },
      { lineKey: '' },
      { kind: 'a\u0000' },
      { resourceId: 'x'.repeat(513) },
      { amount: '0.50' },
      { amount: 5 },
      { amount: '1e3' },
      { effectiveAmount: '1.0' },
      { currency: 'ZZZ' },
      { category: 'gift' },
      { class: 'other' },
      { description: 'x'.repeat(2001) },
      { chargePeriod: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T00:00:00Z' } },
      { chargePeriod: { start: '2026-04-01T00:00:00+00:00', end: '2026-04-01T01:00:00Z' } },
      { chargePeriod: { start: '2026-02-31T00:00:00Z', end: '2026-04-01T01:00:00Z' } },
      { chargePeriod: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z', zone: 'Z' } },
      { focus: { RegionId: 7 } },
      { focus: { x_Own: 'a' } },
      { focus: { PricingQuantity: 'many' } },
      { focus: { Tags: 'x'.repeat(20_001) } },
      { focus: ['a'] },
      { more: 'than we know' },
    ];
    for (const other of others)
      expect([other, isPlainlyRecorded(recorded(line(), line(other)))]).toEqual([other, false]);
    expect(isPlainlyRecorded(recorded())).toBe(false);
    expect(isPlainlyRecorded({ ...recorded(line()), provider: '' })).toBe(false);
    expect(isPlainlyRecorded({ ...recorded(line()), more: 1 })).toBe(false);
    expect(isPlainlyRecorded(corrected(line()))).toBe(false);
    expect(isPlainlyCorrected(recorded(line()))).toBe(false);
    expect(isPlainlyCorrected(null)).toBe(false);
  });

  const id = fc.oneof(fc.constantFrom('vm-1', 'ä\\"', '\ud800'), fc.string({ maxLength: 20 }));
  const amount = fc.constantFrom('1', '-0.25', '1.0', '007', '-0', '0.00', 'x');
  const arbitrary = fc.record(
    {
      lineKey: id,
      resourceId: id,
      kind: id,
      chargePeriod: fc.constantFrom(
        { start: '2026-04-01T00:00:00Z', end: '2026-04-01T01:00:00Z' },
        { start: '2026-04-01T00:00:00.5Z', end: '2026-04-02T00:00:00Z' },
        { start: '2026-04-03T00:00:00Z', end: '2026-04-02T00:00:00Z' },
      ),
      amount,
      currency: fc.constantFrom('USD', 'JPY', 'usd'),
      category: fc.constantFrom('usage', 'tax', 'other'),
      class: fc.constantFrom('correction', null),
      tenantId: id,
      effectiveAmount: amount,
      description: fc.oneof(fc.string(), fc.constant('a\u0000')),
      focus: fc.dictionary(fc.constantFrom('RegionId', 'ListCost', 'x_Own'), fc.constantFrom('', '1.50', 'a\u0000b'), {
        maxKeys: 2,
      }),
    },
    { requiredKeys: ['lineKey', 'kind', 'chargePeriod', 'amount', 'currency', 'category'] },
  );

  it('are exactly the lines that the schema accepts unchanged', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 2 }), (lines) => {
        const data = recorded(...lines);
        const unchanged = JSON.stringify(sorted(bySchema(data))) === JSON.stringify(sorted(data));
        expect(isPlainlyRecorded(data)).toBe(unchanged);
      }),
      RUNS,
    );
  });
});

/** With sorted keys: the schema writes the fields in its own order. */
const sorted = (value: unknown): unknown =>
  typeof value !== 'object' || value === null
    ? value
    : Array.isArray(value)
      ? value.map(sorted)
      : Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, each]) => [key, sorted(each)]),
        );
