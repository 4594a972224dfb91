import { describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { ReadingKey } from '#domain/usage/usage';
import { KeyPrints, printsOf } from './key-prints.js';

const day = (n: number, more: Partial<ReadingKey> = {}): ReadingKey => ({
  resourceId: `r${n}`,
  billingKind: 'cpu',
  period: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-04-02T00:00:00Z') },
  granularity: 'day',
  ...more,
});
const hour = (of: string, more: Partial<ReadingKey> = {}): ReadingKey =>
  day(0, { granularity: 'hour', period: { start: instant(`${of}:00:00Z`), end: instant(`${of}:59:59Z`) }, ...more });

const among = (...keys: readonly ReadingKey[]) => {
  const prints = new KeyPrints();
  for (const key of keys) prints.add(printsOf(key));
  return (key: ReadingKey): boolean => prints.mayKnow(printsOf(key));
};

describe('prints of keys', () => {
  it('know every key that was added, and nearly no other one', () => {
    const readings = Array.from({ length: 100_000 }, (_, n) => day(n));
    const mayKnow = among(...readings);
    expect(readings.every(mayKnow)).toBe(true);
    // 200,000 prints among 4,294,967,296 values: each of 10,000 others is taken for one of them, or for a day of one,
    // with a chance of 2 × 200,000 / 4,294,967,296: 0.93 in all.
    const others = Array.from({ length: 10_000 }, (_, n) => day(n, { billingKind: 'gpu' }));
    expect(others.filter(mayKnow).length).toBeLessThan(10);
  });

  it('tell readings apart by each field of a key but the provider', () => {
    const mayKnow = among(day(1));
    expect(mayKnow(day(1, { provider: 'aws' }))).toBe(true);
    for (const more of [
      { resourceId: 'r1cpu', billingKind: '' },
      { billingKind: 'gpu' },
      { granularity: 'event' as const },
      { sourceId: 's' },
      { period: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-04-01T12:00:00Z') } },
      { period: { start: instant('2026-04-02T00:00:00Z'), end: instant('2026-04-03T00:00:00Z') } },
    ])
      expect([more, mayKnow(day(1, more))]).toEqual([more, false]);
  });

  it('know the day of an hour, and the hours of a day', () => {
    const knowsDay = among(day(0));
    expect(knowsDay(hour('2026-04-01T07'))).toBe(true);
    expect(knowsDay(hour('2026-04-02T07'))).toBe(false);
    expect(knowsDay(hour('2026-04-01T07', { billingKind: 'gpu' }))).toBe(false);
    expect(knowsDay(hour('2026-04-01T07', { granularity: 'event' }))).toBe(false);
    const knowsHour = among(hour('2026-04-01T07'));
    expect(knowsHour(day(0))).toBe(true);
    expect(knowsHour(day(0, { sourceId: 's', provider: 'aws' }))).toBe(true);
    expect(knowsHour(hour('2026-04-01T08'))).toBe(false);
  });
});
