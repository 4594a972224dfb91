import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { LONGEST_NAME } from '#domain/stream-name';
import { isStorable } from '#domain/storable';
import { fromMicros } from '#domain/time/instant';
import { type StoredEvent, UNHELD } from './port.js';
import { safeNumber } from './safe-number.js';

/** What EventStoreDB has at a position of $all, in a stream with the prefix. */
export type ServerRecord = ServerEvent | Tombstone;

/** An event of the server. `original`: it is not text, so `event` stands for it and names its hash. */
export interface ServerEvent {
  readonly position: number;
  readonly event: StoredEvent;
  readonly original?: Original;
  /** The texts of the event, as they came. */
  readonly bytes?: { readonly data: Uint8Array; readonly metadata: Uint8Array };
}

/** An event as its server has it, byte for byte. */
export interface Original {
  readonly type: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  /** Why the log can't hold it. */
  readonly reason: string;
}

/** The server permanently deleted a stream: no event can be appended to it any more. */
export interface Tombstone {
  readonly position: number;
  readonly deleted: string;
}

const TICKS_PER_MICROSECOND = 10n;
/** The type of the event that the server writes where it permanently deletes a stream. */
const TOMBSTONE = '$streamDeleted';

/** undefined: not an event, or not in a stream with the prefix. */
export function serverRecord(response: ReadResp, prefix: string): ServerRecord | undefined {
  const recorded = response.getEvent()?.getEvent();
  if (recorded === undefined) return undefined;
  const name = text(recorded.getStreamIdentifier()?.getStreamName_asU8());
  if (!name.startsWith(prefix)) return undefined;
  const stream = name.slice(prefix.length);
  const map = recorded.getMetadataMap();
  const type = map.get('type') ?? '';
  const position = safeNumber(recorded.getCommitPosition());
  if (type === TOMBSTONE) return { position, deleted: nameOf(stream) };
  const data = recorded.getData_asU8();
  const metadata = recorded.getCustomMetadata_asU8();
  const event: StoredEvent = {
    id: recorded.getId()?.getString() ?? '',
    type,
    // The mirror copies the bytes. Only who looks at an event needs the texts.
    get data() {
      return text(data);
    },
    get metadata() {
      return text(metadata);
    },
    stream,
    revision: safeNumber(recorded.getStreamRevision()),
    position,
    recordedAt: fromMicros(BigInt(map.get('created') ?? '0') / TICKS_PER_MICROSECOND),
  };
  const reason = unheldReason(event, data, metadata);
  return reason === undefined
    ? { position, event, bytes: { data, metadata } }
    : { position, ...standIn(event, { type, data, metadata, reason }) };
}

/** Why the mirror can't hold an event as text. undefined: it can. */
function unheldReason(event: StoredEvent, data: Uint8Array, metadata: Uint8Array): string | undefined {
  if (!isUtf8(data)) return 'its data is not text in UTF-8';
  if (!isUtf8(metadata)) return 'its metadata is not text in UTF-8';
  if (hasNul(data)) return 'its data contains a NUL';
  if (hasNul(metadata)) return 'its metadata contains a NUL';
  if (!isName(event.type)) return 'its type is no name of an event';
  return isName(event.stream) ? undefined : 'the name of its stream is too long or contains a NUL';
}

const isName = (name: string): boolean => name !== '' && name.length <= LONGEST_NAME && isStorable(name);

/** The text that stands for an event that is not text. It is the same each time the event is read. */
function standIn(event: StoredEvent, original: Original): Omit<ServerEvent, 'position'> {
  const data = JSON.stringify({
    reason: original.reason,
    type: storableText(original.type),
    bytes: original.data.length,
    sha256: sha256(original.data),
    metadataSha256: sha256(original.metadata),
  });
  return {
    event: { ...event, stream: nameOf(event.stream), type: UNHELD, data, metadata: '{"actor":"unknown"}' },
    original,
  };
}

/** Another name for a stream whose own name can't be stored. */
const nameOf = (stream: string): string => (isName(stream) ? stream : `=${sha256(Buffer.from(stream))}`);
/** A name that can be stored: shortened, and without a NUL. */
const storableText = (name: string): string => name.replaceAll('\0', '\u{FFFD}').slice(0, LONGEST_NAME).toWellFormed();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const hasNul = (bytes: Uint8Array): boolean => buffer(bytes).includes(0);
const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const text = (bytes: Uint8Array = new Uint8Array()): string => buffer(bytes).toString('utf8');
