import { EMPTY_ROOT, HASH_BYTES, nodeHash, writeNodeHash } from './hash.js';

/** A tile has up to 256 hashes, eight levels of the tree, as in C2SP tlog-tiles. */
export const TILE_WIDTH = 256;
const TILE_LEVELS = 8;

/**
 * Tile n of a level: the hashes of nodes n × 256 … n × 256 + 255 at tree level 8 × level, in order. Shorter at the edge
 * of the tree. Level 0 has the leaves.
 */
export interface Tiles {
  tile(level: number, n: number): Promise<Uint8Array>;
}

/** The leaves in [begin, end), counted from 0. */
interface Range {
  readonly begin: number;
  readonly end: number;
}

/** The root of the first `size` leaves. */
export async function rootOf(tiles: Tiles, size: number): Promise<Buffer> {
  return size === 0 ? EMPTY_ROOT : rangeHash(tiles, { begin: 0, end: size });
}

/**
 * RFC 6962, section 2.1.1: together with the hash of the leaf they give the root of `size` leaves. `index` starts at 0.
 */
export async function inclusionProof(tiles: Tiles, index: number, size: number): Promise<Buffer[]> {
  if (index >= size) throw new RangeError(`leaf ${index} is not among the first ${size}`);
  return hashesOf(tiles, inclusionRanges(index, { begin: 0, end: size }));
}

/** RFC 6962, section 2.1.2: proof that the first `from` of `to` leaves are the leaves of the root of size `from`. */
export async function consistencyProof(tiles: Tiles, from: number, to: number): Promise<Buffer[]> {
  if (from > to) throw new RangeError(`a tree of ${from} leaves can't grow into one of ${to}`);
  return from === 0 ? [] : hashesOf(tiles, consistencyRanges(from, { begin: 0, end: to }, true));
}

async function hashesOf(tiles: Tiles, ranges: readonly Range[]): Promise<Buffer[]> {
  const hashes: Buffer[] = [];
  for (const range of ranges) hashes.push(await rangeHash(tiles, range));
  return hashes;
}

function inclusionRanges(index: number, { begin, end }: Range): Range[] {
  if (end - begin === 1) return [];
  const middle = begin + leftSize(end - begin);
  return index < middle
    ? [...inclusionRanges(index, { begin, end: middle }), { begin: middle, end }]
    : [...inclusionRanges(index, { begin: middle, end }), { begin, end: middle }];
}

/** `known`: the root of the first `from` leaves is a subtree that the verifier already has. */
function consistencyRanges(from: number, { begin, end }: Range, known: boolean): Range[] {
  if (from === end) return known ? [] : [{ begin, end }];
  const middle = begin + leftSize(end - begin);
  return from <= middle
    ? [...consistencyRanges(from, { begin, end: middle }, known), { begin: middle, end }]
    : [...consistencyRanges(from, { begin: middle, end }, false), { begin, end: middle }];
}

/** The greatest power of two below the number of leaves, which is 2 or more. */
function leftSize(leaves: number): number {
  let size = 1;
  while (size * 2 < leaves) size *= 2;
  return size;
}

async function rangeHash(tiles: Tiles, { begin, end }: Range): Promise<Buffer> {
  const leaves = end - begin;
  const left = leaves === 1 ? 1 : leftSize(leaves);
  // Ranges come from halving, so a range whose size is a power of two is a node of the tree.
  if (leaves === 1 || left * 2 === leaves) return nodeAt(tiles, Math.log2(leaves), begin / leaves);
  return nodeHash(
    await rangeHash(tiles, { begin, end: begin + left }),
    await rangeHash(tiles, { begin: begin + left, end }),
  );
}

/** The hash of a complete subtree, from the 1, 2, 4 … 128 hashes that it spans in its tile. */
async function nodeAt(tiles: Tiles, level: number, index: number): Promise<Buffer> {
  const width = 2 ** (level % TILE_LEVELS);
  const first = index * width;
  const tile = await tiles.tile(Math.floor(level / TILE_LEVELS), Math.floor(first / TILE_WIDTH));
  const offset = (first % TILE_WIDTH) * HASH_BYTES;
  if (tile.length < offset + width * HASH_BYTES)
    throw new RangeError(`the tree has no node ${index} at level ${level}`);
  return completeHash(tile.subarray(offset, offset + width * HASH_BYTES));
}

/** The root over consecutive hashes. Their number is a power of two. */
export function completeHash(hashes: Uint8Array): Buffer {
  const level = Buffer.from(hashes);
  for (let length = level.length / 2; length >= HASH_BYTES; length /= 2)
    for (let at = 0; at < length; at += HASH_BYTES) writeNodeHash(level, 2 * at, at);
  return Buffer.from(level.subarray(0, HASH_BYTES));
}
