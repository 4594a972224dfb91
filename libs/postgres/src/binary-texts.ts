/**
 * A parameter of the type text[], in Postgres' binary format, from the bytes of texts in UTF-8. Nothing is escaped, and
 * Postgres copies each text once. As a text, an array of large texts takes some ten times as long.
 */
export function binaryTexts(values: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(values.length === 0 ? EMPTY_BYTES : HEADER_BYTES);
  header.writeInt32BE(TEXT_OID, 8);
  if (values.length === 0) return header;
  header.writeInt32BE(1, 0);
  header.writeInt32BE(values.length, 12);
  header.writeInt32BE(1, 16);
  return Buffer.concat([header, ...values.flatMap((value) => [lengthOf(value), value])]);
}

/** Dimensions, a flag for nulls, and the type; then, unless the array is empty, the length and the first subscript. */
const EMPTY_BYTES = 12;
const HEADER_BYTES = 20;
const TEXT_OID = 25;

function lengthOf(value: Uint8Array): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(value.length);
  return length;
}
