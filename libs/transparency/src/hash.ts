import { hash } from 'node:crypto';

/** RFC 6962, section 2.1: leaves and inner nodes are told apart by their first byte, so that neither can pass for the other. */
const LEAF = 0x00;
const NODE = 0x01;

export const HASH_BYTES = 32;

/** The root of a tree without leaves. */
export const EMPTY_ROOT: Buffer = hash('sha256', '', 'buffer');

/** The hash of a leaf's bytes. */
export const leafHash = (leaf: Uint8Array): Buffer => hash('sha256', Buffer.concat([Buffer.of(LEAF), leaf]), 'buffer');

/** The same, of a leaf whose bytes follow their prefix already: nothing is copied. */
export const prefixedLeafHash = (prefixed: Uint8Array): Buffer => hash('sha256', prefixed, 'buffer');

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  bytes[0] = NODE;
  bytes.set(left, 1);
  bytes.set(right, 1 + HASH_BYTES);
  return hash('sha256', bytes, 'buffer');
}
