import { describe, expect, it } from '@jest/globals';
import type { EventMetadata, LedgerEvent } from '#domain/events';
import { decimal, text } from '#domain/money/decimal';
import { instant } from '#domain/time/instant';
import { EventCodec, UnreadableEvent, type Upcasters } from './codec.js';
import type { StoredEvent } from './port.js';

const ID = '3f0c8a52-5d0e-5b7a-9a44-0e6c1d2b3a49';
const METADATA: EventMetadata = { actor: 'operator:mira' };
const TAX: LedgerEvent = {
  type: 'TenantTaxSet',
  data: { tenantId: 't1', name: 'VAT', ratePercent: '19', from: instant('2026-01-01T00:00:00Z') },
};

const stored = (event: { type?: string; data?: string; metadata?: string }): StoredEvent => ({
  id: ID,
  type: 'TenantTaxSet',
  data: JSON.stringify(TAX.data),
  metadata: '{"actor":"operator:mira"}',
  stream: 'tenant-t1',
  revision: 4,
  position: 1207,
  recordedAt: instant('2026-04-01T00:00:00Z'),
  ...event,
});

/** The error message for an event that the codec can't read. */
function complaint(codec: EventCodec, event: StoredEvent): string {
  try {
    codec.decode(event);
  } catch (error) {
    if (error instanceof UnreadableEvent) return error.message;
    throw error;
  }
  throw new Error('the event was read');
}

const PLACE = "at position 1207 (tenant-t1, revision 4) can't be read: ";

describe('an event', () => {
  const codec = new EventCodec();

  it('is read from the log as it was written', () => {
    const { data, metadata } = codec.encode(ID, TAX, {
      ...METADATA,
      occurredAt: instant('2026-01-01T00:00:00Z'),
      correlationId: 'r-1',
    });
    expect(codec.decode(stored({ data, metadata }))).toEqual({
      ...TAX,
      id: ID,
      stream: 'tenant-t1',
      revision: 4,
      position: 1207,
      recordedAt: '2026-04-01T00:00:00Z',
      metadata: { actor: 'operator:mira', occurredAt: '2026-01-01T00:00:00Z', correlationId: 'r-1' },
    });
  });

  it('is written in one canonical form: decimals without trailing zeros, without unknown fields', () => {
    const loose: LedgerEvent = { ...TAX, data: { ...TAX.data, ratePercent: '19.00', ...{ extra: true } } };
    expect(codec.encode(ID, loose, METADATA).data).toBe(
      '{"tenantId":"t1","name":"VAT","ratePercent":"19","from":"2026-01-01T00:00:00Z"}',
    );
  });

  it('with invalid data is not written', () => {
    const broken: LedgerEvent = { ...TAX, data: { ...TAX.data, ratePercent: 'a fifth' } };
    expect(() => codec.encode(ID, broken, METADATA)).toThrow(
      'TenantTaxSet has invalid data: ratePercent is not a plain decimal such as "12.50"',
    );
  });

  it('with an unknown type is not read', () => {
    expect(complaint(codec, stored({ type: 'TenantMerged' }))).toBe(
      `event TenantMerged ${PLACE}its type is unknown to this version`,
    );
    // Not even with a name that every object has.
    expect(complaint(codec, stored({ type: 'constructor' }))).toBe(
      `event constructor ${PLACE}its type is unknown to this version`,
    );
  });

  it('with invalid data is not read, and the error names every fault', () => {
    expect(complaint(codec, stored({ data: '{"tenantId":"","name":"VAT","ratePercent":19}' }))).toBe(
      `event TenantTaxSet ${PLACE}tenantId must not be empty; ratePercent must be a decimal as a string, such ` +
        `as "12.50"; ` +
        'from must be given',
    );
  });

  it('that is not JSON is not read, neither data nor metadata', () => {
    expect(complaint(codec, stored({ data: '{"tenantId":"t1",' }))).toBe(`event TenantTaxSet ${PLACE}it is not JSON`);
    expect(complaint(codec, stored({ metadata: '' }))).toBe(`event TenantTaxSet ${PLACE}it is not JSON`);
  });

  it('without an actor is not read', () => {
    expect(complaint(codec, stored({ metadata: '{}' }))).toMatch(
      /^event TenantTaxSet at position 1207 .* its metadata: actor /,
    );
  });

  it('of a newer version is not read', () => {
    expect(complaint(codec, stored({ metadata: '{"actor":"a","v":2}' }))).toBe(
      `event TenantTaxSet ${PLACE}its shape has version 2, but this program knows version 1`,
    );
    expect(complaint(codec, stored({ metadata: '{"actor":"a","v":0}' }))).toMatch(/its metadata: v /);
  });

  it('gives programs its position in the error', () => {
    expect(() => codec.decode(stored({ data: '[]' }))).toThrow(
      expect.objectContaining({
        name: 'UnreadableEvent',
        event: expect.objectContaining({ stream: 'tenant-t1', revision: 4, position: 1207 }),
      }),
    );
  });
});

describe('a shape that was changed twice', () => {
  const record = (data: unknown): Record<string, unknown> =>
    typeof data === 'object' && data !== null ? { ...data } : {};
  /** Version 1 had the rate as a fraction, version 2 no name. */
  const upcasters: Upcasters = {
    TenantTaxSet: [
      (data) => {
        const { fraction, ...rest } = record(data);
        return { ...rest, ratePercent: text(decimal(String(fraction)).times(decimal('100'))) };
      },
      (data) => ({ name: 'VAT', ...record(data) }),
    ],
  };
  const codec = new EventCodec(upcasters);
  const read = (version: number | null, data: object) =>
    codec.decode(
      stored({
        data: JSON.stringify(data),
        metadata: JSON.stringify({ actor: 'a', ...(version === null ? {} : { v: version }) }),
      }),
    ).data;
  const from = '2026-01-01T00:00:00Z';

  it('is converted from version 1 by both upcasters, from version 2 by the second', () => {
    // 0.19 × 100 = 19
    expect(read(null, { tenantId: 't1', fraction: '0.19', from })).toEqual({
      tenantId: 't1',
      name: 'VAT',
      ratePercent: '19',
      from,
    });
    expect(read(1, { tenantId: 't1', fraction: '0.07', from })).toEqual({
      tenantId: 't1',
      name: 'VAT',
      ratePercent: '7',
      from,
    });
    expect(read(2, { tenantId: 't1', ratePercent: '19', from })).toEqual({
      tenantId: 't1',
      name: 'VAT',
      ratePercent: '19',
      from,
    });
    expect(read(3, { tenantId: 't1', name: 'GST', ratePercent: '10', from })).toEqual({
      tenantId: 't1',
      name: 'GST',
      ratePercent: '10',
      from,
    });
  });

  it('is written in version 3, with that number', () => {
    expect(codec.encode(ID, TAX, METADATA).metadata).toBe('{"actor":"operator:mira","v":3}');
    expect(codec.decode(stored(codec.encode(ID, TAX, METADATA))).metadata).toEqual(METADATA);
  });

  it('does not change other types', () => {
    const other: LedgerEvent = {
      type: 'DeploymentAssigned',
      data: { deploymentId: 'd1', tenantId: 't1', from: instant(from) },
    };
    expect(codec.encode(ID, other, METADATA).metadata).toBe('{"actor":"operator:mira"}');
  });

  it('is not read if the conversion gives an invalid shape, or if its version is above 3', () => {
    expect(complaint(codec, stored({ data: '{"tenantId":"t1"}', metadata: '{"actor":"a","v":2}' }))).toContain(
      'ratePercent must be given',
    );
    expect(complaint(codec, stored({ metadata: '{"actor":"a","v":4}' }))).toContain(
      'its shape has version 4, but this program knows version 3',
    );
  });
});
