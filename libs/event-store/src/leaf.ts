import { createHash } from 'node:crypto';
import { instant } from '#domain/time/instant';
import type { StoredEvent } from './port.js';

/**
 * The bytes of an event that are hashed: the number of fields in one byte, then each field as its length in four bytes
 * (big-endian) and its UTF-8 text. No two events have the same bytes, because the lengths show where each field ends.
 *
 * The order of the fields never changes: position, stream, revision, id, type, data, metadata, recordedAt. Numbers are
 * decimal. id, data and metadata are as they were appended. recordedAt is RFC 3339 in UTC without trailing zeros
 * (`2026-04-01T09:00:00.5Z`).
 */
const FIELDS = ['position', 'stream', 'revision', 'id', 'type', 'data', 'metadata', 'recordedAt'] as const;

type Field = (typeof FIELDS)[number];

const LENGTH_BYTES = 4;
/** The prefix byte of a hashed leaf (RFC 6962). */
const LEAF_PREFIX = 0x00;

/** The leaf of an event, after its prefix byte. */
export class Leaf {
  private knownPosition: number | undefined;

  /** `prefixed`: the hashed bytes. The leaf starts at the second byte. */
  constructor(readonly prefixed: Buffer) {}

  static of(event: StoredEvent): Leaf {
    const fields = FIELDS.map((name) => Buffer.from(String(event[name])));
    const parts = fields.flatMap((field) => [lengthOf(field), field]);
    return new Leaf(Buffer.concat([Buffer.of(LEAF_PREFIX, FIELDS.length), ...parts]));
  }

  get bytes(): Buffer {
    return this.prefixed.subarray(1);
  }

  field(name: Field): Buffer {
    const at = this.startOf(name);
    return this.prefixed.subarray(at, at + this.prefixed.readUInt32BE(at - LENGTH_BYTES));
  }

  /** Whether a field equals this text. It makes no view of the bytes, because it runs for every event. */
  is(name: Field, text: Buffer): boolean {
    const at = this.startOf(name);
    return (
      this.prefixed.readUInt32BE(at - LENGTH_BYTES) === text.length &&
      this.prefixed.compare(text, 0, text.length, at, at + text.length) === 0
    );
  }

  private startOf(name: Field): number {
    let at = 2 + LENGTH_BYTES;
    for (const each of FIELDS) {
      if (each === name) return at;
      at += this.prefixed.readUInt32BE(at - LENGTH_BYTES) + LENGTH_BYTES;
    }
    throw new Error(`a leaf has no field ${name}`);
  }

  text(name: Field): string {
    return this.field(name).toString('utf8');
  }

  /** The event of this leaf. Errors: `not_an_instant` if the bytes are not those of an event. */
  event(): StoredEvent {
    return {
      position: this.position,
      stream: this.text('stream'),
      revision: Number(this.text('revision')),
      id: this.text('id'),
      type: this.text('type'),
      data: this.text('data'),
      metadata: this.text('metadata'),
      recordedAt: instant(this.text('recordedAt')),
    };
  }

  get position(): number {
    return (this.knownPosition ??= this.readPosition());
  }

  /** Digit by digit, because it runs for every event. A position that nothing was appended at may have a sign. */
  private readPosition(): number {
    const start = this.startOf('position');
    const end = start + this.prefixed.readUInt32BE(start - LENGTH_BYTES);
    let position = 0;
    for (let at = start; at < end; at += 1) {
      const digit = (this.prefixed[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) return Number(this.text('position'));
      position = position * 10 + digit;
    }
    return position;
  }
}

/** The hash of an event as a leaf of the Merkle tree (RFC 6962), in hexadecimal. */
export const eventHash = (event: StoredEvent): string =>
  createHash('sha256').update(Leaf.of(event).prefixed).digest('hex');

function lengthOf(field: Buffer): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(field.length);
  return length;
}

/**
 * Cuts the answer to COPY in binary format into leaves, as it arrives. Each row is a message of its own: its code in
 * one byte, its length in four, then the row: the number of fields in two bytes and each field after its length, which
 * is the same as a leaf and its prefix. The bytes are not copied.
 */
export class LeafReader {
  /** Of a message that is not whole yet: what arrived, its length, and how long it must be before it is read. */
  private pieces: Buffer[] = [];
  private held = 0;
  private wanted = 0;
  private begun = false;

  /** The leaves that are complete with these bytes, and `end`: the bytes from the message that ends the answer. */
  read(chunk: Buffer): { readonly leaves: Leaf[]; readonly end: Buffer | null } {
    const leaves: Leaf[] = [];
    let from = 0;
    while (this.held > 0) {
      const piece = chunk.subarray(from, from + this.wanted - this.held);
      this.pieces.push(piece);
      this.held += piece.length;
      from += piece.length;
      if (this.held < this.wanted) return { leaves, end: null };
      const end = this.readInto(leaves, Buffer.concat(this.pieces));
      if (end !== null) return { leaves, end: Buffer.concat([end, chunk.subarray(from)]) };
    }
    return { leaves, end: this.readInto(leaves, chunk.subarray(from)) };
  }

  /** Reads whole messages, and keeps the beginning of the next. Returns what begins with the end of the answer. */
  private readInto(leaves: Leaf[], bytes: Buffer): Buffer | null {
    let at = 0;
    let wanted = MESSAGE_HEADER_BYTES;
    while (bytes.length >= at + MESSAGE_HEADER_BYTES) {
      const code = bytes[at];
      if (code === COPY_DONE || code === ERROR) return bytes.subarray(at);
      const end = endOfMessage(bytes, at);
      wanted = end - at;
      if (end > bytes.length) break;
      // Others, such as notices, may stand between rows.
      if (code === COPY_DATA) this.addRow(leaves, bytes, at + MESSAGE_HEADER_BYTES, end);
      at = end;
      wanted = MESSAGE_HEADER_BYTES;
    }
    this.held = bytes.length - at;
    this.wanted = wanted;
    this.pieces = this.held === 0 ? [] : [bytes.subarray(at)];
    return null;
  }

  private addRow(leaves: Leaf[], bytes: Buffer, from: number, end: number): void {
    const start = this.begun ? from : from + COPY_HEADER_BYTES;
    this.begun = true;
    if (start === end || isEndOfRows(bytes, start, end)) return;
    if (endOfRow(bytes, start) !== end)
      throw new Error('the server, or what stands before it, sent rows of COPY in other messages than one for each');
    leaves.push(leafOf(bytes, start, end));
  }
}

/** In ASCII: d, c, E. */
const [COPY_DATA, COPY_DONE, ERROR] = [0x64, 0x63, 0x45];
const MESSAGE_HEADER_BYTES = 5;
/** The length of a message counts itself, not the code before it. */
const endOfMessage = (bytes: Buffer, at: number): number => at + 1 + bytes.readUInt32BE(at + 1);

const leafOf = (bytes: Buffer, start: number, end: number): Leaf =>
  new Leaf(bytes.subarray(start, end - asInstant(bytes, end)));

/**
 * Converts the time at the end of a row in place: `2026-04-01 09:00:00.5+00`, as a session in UTC writes it, becomes
 * `2026-04-01T09:00:00.5Z`. Returns by how many bytes it became shorter. It works byte by byte, because it runs for
 * every event.
 */
function asInstant(bytes: Buffer, end: number): number {
  const start = bytes.lastIndexOf(SPACE, end) - DATE_BYTES;
  const length = end - start;
  const isUtc = bytes[end - 3] === PLUS && bytes[end - 2] === ZERO && bytes[end - 1] === ZERO;
  if (!isUtc || bytes.readUInt32BE(start - LENGTH_BYTES) !== length)
    throw new Error('the session that reads the log is not in UTC with ISO dates, as createPool sets it');
  bytes[start + DATE_BYTES] = LETTER_T;
  bytes[end - 3] = LETTER_Z;
  bytes.writeUInt32BE(length - 2, start - LENGTH_BYTES);
  return 2;
}

const [SPACE, PLUS, ZERO, LETTER_T, LETTER_Z] = [0x20, 0x2b, 0x30, 0x54, 0x5a];
const DATE_BYTES = '2026-04-01'.length;

/** Signature, flags, and the length of an extension, which is empty. */
const COPY_HEADER_BYTES = 19;

/** A field count of -1 marks the end of all rows. */
const isEndOfRows = (bytes: Buffer, start: number, end: number): boolean =>
  end === start + 2 && bytes.readInt16BE(start) === -1;

/** undefined: the bytes are not a row of these fields. */
function endOfRow(bytes: Buffer, from: number): number | undefined {
  if (bytes.length < from + 2 || bytes.readInt16BE(from) !== FIELDS.length) return undefined;
  let at = from + 2;
  for (let field = 0; field < FIELDS.length; field += 1) {
    if (bytes.length < at + LENGTH_BYTES) return undefined;
    at += LENGTH_BYTES + bytes.readUInt32BE(at);
  }
  return at;
}
