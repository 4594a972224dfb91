import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type EventType, eventSchemas, type LedgerEvent } from '#domain/events';
import { instant } from '#domain/time/instant';
import { EventCodec } from '#event-store/codec';
import type { StoredEvent } from '#event-store/port';

/** One file per event type and version: every event that a log may contain must stay readable. */

const FOLDER = 'test/golden/events';
const zFile = z.strictObject({ type: z.string(), data: z.unknown(), metadata: z.unknown() });
const files = readdirSync(FOLDER).sort();
const codec = new EventCodec();

const stored = (file: string): StoredEvent => {
  const { type, data, metadata } = zFile.parse(JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8')));
  return {
    id: '3f0c8a52-5d0e-5b7a-9a44-0e6c1d2b3a49',
    stream: 'a-stream',
    revision: 3,
    position: 812,
    recordedAt: instant('2026-04-01T09:00:00.000001Z'),
    type,
    data: JSON.stringify(data),
    metadata: JSON.stringify(metadata),
  };
};

/** The fields of a schema, those within lists and objects included: `observations[].rateKey.location`. */
function fieldsOf(schema: unknown, path = ''): string[] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([name, field]) => {
      const at = path === '' ? name : `${path}.${name}`;
      return [at, ...fieldsOf(field, at)];
    });
  }
  if (schema instanceof z.ZodArray) return fieldsOf(schema.element, `${path}[]`);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return fieldsOf(schema.unwrap(), path);
  return [];
}

function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => pathsOf(each, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const at = path === '' ? name : `${path}.${name}`;
    return [at, ...pathsOf(field, at)];
  });
}

describe.each(files)('%s', (file) => {
  const event = stored(file);

  it('has the type in its name', () => {
    expect(file.startsWith(`${event.type}.v`)).toBe(true);
  });

  it('decodes, and encodes back to the same bytes', () => {
    const decoded = codec.decode(event);
    expect(decoded).toMatchObject({
      type: event.type,
      stream: 'a-stream',
      revision: 3,
      position: 812,
      recordedAt: '2026-04-01T09:00:00.000001Z',
    });
    // Type and data belong together: the codec has just checked them.
    const fact = { type: decoded.type, data: decoded.data } as LedgerEvent;
    const encoded = codec.encode(decoded.id, fact, decoded.metadata);
    expect(encoded.data).toBe(event.data);
    expect(encoded.metadata).toBe(event.metadata);
  });

  it('has every field of the metadata', () => {
    // The answer of a command is optional, and of its own shape for each.
    const metadata = pathsOf(JSON.parse(event.metadata))
      .filter((path) => !path.startsWith('command.result'))
      .sort();
    expect(metadata).toEqual([
      'actor',
      'command',
      'command.bodyHash',
      'command.idempotencyKey',
      'command.key',
      'command.name',
      'correlationId',
      'occurredAt',
    ]);
  });
});

it.each(Object.keys(eventSchemas))('%s: its files together use every field of its shape', (type) => {
  const used = new Set(
    files.filter((file) => file.startsWith(`${type}.v`)).flatMap((file) => pathsOf(JSON.parse(stored(file).data))),
  );
  expect(fieldsOf(eventSchemas[type as EventType]).filter((path) => !used.has(path))).toEqual([]);
});
