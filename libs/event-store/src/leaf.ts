import type { StoredEvent } from './port.js';

/**
 * The bytes of an event that are hashed: the number of fields in one byte, then each field as its length in four bytes, the highest
 * first, and its UTF-8 text. No two events have the same bytes, since every length says where its field ends.
 *
 * The fields, in this order for ever: position, stream, revision, id, type, data, metadata, recordedAt. Numbers are decimal; id, data and
 * metadata are as they were appended; recordedAt is RFC 3339 in UTC without trailing zeros (`2026-04-01T09:00:00.5Z`).
 */
const FIELDS = ['position', 'stream', 'revision', 'id', 'type', 'data', 'metadata', 'recordedAt'] as const;

type Field = (typeof FIELDS)[number];

const LENGTH_BYTES = 4;
/** A leaf is hashed behind this byte (RFC 6962). */
const LEAF_PREFIX = 0x00;

/** An event's leaf behind the byte that it is hashed with. */
export class Leaf {
  /** `prefixed`: what is hashed; the leaf itself begins at its second byte. */
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
    let at = 2;
    for (const each of FIELDS) {
      const end = at + LENGTH_BYTES + this.prefixed.readUInt32BE(at);
      if (each === name) return this.prefixed.subarray(at + LENGTH_BYTES, end);
      at = end;
    }
    throw new Error(`a leaf has no field ${name}`);
  }

  text(name: Field): string {
    return this.field(name).toString('utf8');
  }

  get position(): number {
    return Number(this.text('position'));
  }
}

function lengthOf(field: Buffer): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(field.length);
  return length;
}

/** Postgres writes a row in binary as the number of fields in two bytes, then each field behind its length: a leaf and its prefix. */
export class LeafReader {
  #rest: Buffer = Buffer.alloc(0);
  #begun = false;

  /** The leaves that are whole with these bytes. */
  read(chunk: Buffer): Leaf[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const leaves: Leaf[] = [];
    let at = this.#begun ? 0 : COPY_HEADER_BYTES;
    if (bytes.length < at) {
      this.#rest = bytes;
      return [];
    }
    this.#begun = true;
    for (let end = endOfRow(bytes, at); end !== undefined; end = endOfRow(bytes, at)) {
      leaves.push(new Leaf(bytes.subarray(at, end - asInstant(bytes, end))));
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return leaves;
  }
}

const OFFSET = Buffer.from('+00');

/**
 * Makes an instant of the time that a row ends with: `2026-04-01 09:00:00.5+00`, as a session in UTC writes it, becomes
 * `2026-04-01T09:00:00.5Z`, in place. Answers by how many bytes it is shorter.
 */
function asInstant(bytes: Buffer, end: number): number {
  const start = bytes.lastIndexOf(SPACE, end) - DATE_BYTES;
  const length = end - start;
  if (!bytes.subarray(end - OFFSET.length, end).equals(OFFSET) || bytes.readUInt32BE(start - LENGTH_BYTES) !== length) throw new Error('the session that reads the log is not in UTC with ISO dates, as createPool sets it');
  bytes.write('T', start + DATE_BYTES);
  bytes.write('Z', end - OFFSET.length);
  bytes.writeUInt32BE(length - OFFSET.length + 1, start - LENGTH_BYTES);
  return OFFSET.length - 1;
}

const SPACE = 0x20;
const DATE_BYTES = '2026-04-01'.length;

/** Signature, flags, and the length of an extension that there is not. */
const COPY_HEADER_BYTES = 19;

function endOfRow(bytes: Buffer, from: number): number | undefined {
  // The end of all rows is a field count of -1: nothing follows it.
  if (bytes.length < from + 2 || bytes.readInt16BE(from) !== FIELDS.length) return undefined;
  let at = from + 2;
  for (let field = 0; field < FIELDS.length; field += 1) {
    if (bytes.length < at + LENGTH_BYTES) return undefined;
    at += LENGTH_BYTES + bytes.readUInt32BE(at);
  }
  return at <= bytes.length ? at : undefined;
}
