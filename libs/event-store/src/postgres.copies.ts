import type pg from 'pg';
import { type Instant, isBefore } from '#domain/time/instant';
import { binaryTexts } from '#postgres/binary-texts';
import type { ServerRecord } from './eventstoredb.record.js';
import { type Int8, safeNumber } from './safe-number.js';

/** The parameters of `append_mirrored`. An event that is not text is in the last columns too, as bytes. */
export function copyColumns(records: readonly ServerRecord[]): unknown[] {
  const copied = records.filter((record) => 'event' in record);
  const unheld = copied.flatMap(({ position, original }) => (original === undefined ? [] : [{ position, original }]));
  const deleted = records.filter((record) => 'deleted' in record);
  return [
    copied.map(({ position }) => position),
    copied.map(({ event }) => event.stream),
    copied.map(({ event }) => event.revision),
    copied.map(({ event }) => event.id),
    copied.map(({ event }) => event.type),
    binaryTexts(copied.map(({ event, bytes }) => bytes?.data ?? Buffer.from(event.data))),
    binaryTexts(copied.map(({ event, bytes }) => bytes?.metadata ?? Buffer.from(event.metadata))),
    neverBack(copied.map(({ event }) => event.recordedAt)),
    unheld.map(({ position }) => position),
    unheld.map(({ original }) => Buffer.from(original.type)),
    unheld.map(({ original }) => Buffer.from(original.data)),
    unheld.map(({ original }) => Buffer.from(original.metadata)),
    deleted.map(({ position }) => position),
    deleted.map((record) => record.deleted),
  ];
}

/** An instant before an earlier one becomes the earlier one. */
function neverBack(instants: readonly Instant[]): readonly Instant[] {
  let last: Instant | undefined;
  return instants.map((each) => (last = last !== undefined && isBefore(each, last) ? last : each));
}

/** Where the mirror has an event of the source. */
export interface Copied {
  readonly sourcePosition: number;
  readonly position: number;
  readonly id: string;
}

/** From what `append_mirrored` returns: the positions of the last events of the batch. The first may be skipped. */
export function copiedOf(records: readonly ServerRecord[], positions: readonly Int8[]): readonly Copied[] {
  const events = records.filter((record) => 'event' in record);
  return events.slice(events.length - positions.length).map(({ position: sourcePosition, event: { id } }, index) => ({
    sourcePosition,
    position: safeNumber(positions[index] ?? '0'),
    id,
  }));
}

/** What the source removed. */
export interface Removal {
  readonly stream: string;
  /** null: the stream was permanently deleted. */
  readonly revisions: { readonly first: number; readonly last: number } | null;
  /** Of the event that stands for them. */
  readonly position: number | null;
}

interface RemovalRow {
  readonly stream: string;
  readonly from_revision: Int8 | null;
  readonly to_revision: Int8 | null;
  readonly position: Int8 | null;
}

export async function removalsIn(pool: pg.Pool, schema: string): Promise<readonly Removal[]> {
  const { rows } = await pool.query<RemovalRow>(
    `select r.stream, r.from_revision, r.to_revision, e.position from ${schema}.removed r
     left join ${schema}.events e on e.stream = r.stream and e.revision = r.to_revision
     order by r.source_position`,
  );
  return rows.map(({ stream, from_revision: first, to_revision: last, position }) => ({
    stream,
    revisions: first === null || last === null ? null : { first: safeNumber(first), last: safeNumber(last) },
    position: position === null ? null : safeNumber(position),
  }));
}

/** What a copy is recognised by in its source. */
export interface Copy {
  readonly position: number;
  readonly sourcePosition: number;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
}

interface CopyRow {
  readonly position: Int8;
  readonly source_position: Int8;
  readonly stream: string;
  readonly revision: Int8;
  readonly event_id: string;
}

export async function copiesIn(
  pool: pg.Pool,
  schema: string,
  which: 'first' | 'last',
  count: number,
): Promise<readonly Copy[]> {
  const { rows } = await pool.query<CopyRow>(
    `select position, source_position, stream, revision, event_id from ${schema}.events
     where source_position is not null order by position ${which === 'last' ? 'desc' : 'asc'} limit $1`,
    [count],
  );
  return rows.map((row) => ({
    position: safeNumber(row.position),
    sourcePosition: safeNumber(row.source_position),
    stream: row.stream,
    revision: safeNumber(row.revision),
    id: row.event_id,
  }));
}
