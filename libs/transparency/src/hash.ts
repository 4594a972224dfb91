import { hash } from 'node:crypto';

/**
 * RFC 6962, section 2.1: leaves and inner nodes are told apart by their first byte, so that neither can pass for the
 * other.
 */
const LEAF = 0x00;
const NODE = 0x01;

export const HASH_BYTES = 32;

/** The root of a tree without leaves. */
export const EMPTY_ROOT: Buffer = digest(Buffer.alloc(0));

/** The hash of a leaf's bytes. */
export const leafHash = (leaf: Uint8Array): Buffer => digest(Buffer.concat([Buffer.of(LEAF), leaf]));

/** The same, of a leaf whose bytes follow their prefix already: nothing is copied. */
export const prefixedLeafHash = (prefixed: Uint8Array): Buffer => digest(prefixed);

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  children.set(left, 1);
  children.set(right, 1 + HASH_BYTES);
  return digest(children);
}

/** Used again for each node: nothing is awaited while it is. */
const children = Buffer.alloc(1 + 2 * HASH_BYTES, NODE);

/** As a string of bytes, and then a buffer of them: four times as quick as node's own way to a buffer. */
function digest(bytes: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}
