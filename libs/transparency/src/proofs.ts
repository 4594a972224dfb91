import { EMPTY_ROOT, nodeHash } from './hash.js';

/** The size and root of a tree. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * Whether a leaf is at an index of a tree (RFC 9162, section 2.1.3.2, the same tree as in RFC 6962). `index` starts at
 * 0.
 */
export function includes(
  tree: TreeHead,
  leaf: { readonly index: number; readonly hash: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (leaf.index >= tree.size) return false;
  let node = leaf.index;
  let last = tree.size - 1;
  let { hash } = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else hash = nodeHash(hash, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(hash, tree.root);
}

/** Whether the leaves of one tree are the first leaves of another (RFC 9162, section 2.1.4.2). */
export function isExtendedBy(
  { size: from, root: fromRoot }: TreeHead,
  { size: to, root: toRoot }: TreeHead,
  proof: readonly Uint8Array[],
): boolean {
  if (from === 0) return proof.length === 0 && same(fromRoot, EMPTY_ROOT);
  if (from > to) return false;
  if (from === to) return proof.length === 0 && same(fromRoot, toRoot);
  const isPowerOfTwo = Number.isInteger(Math.log2(from));
  const [first, ...rest] = isPowerOfTwo ? [fromRoot, ...proof] : proof;
  if (first === undefined) return false;
  let node = from - 1;
  let last = to - 1;
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let [before, after]: [Uint8Array, Uint8Array] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else after = nodeHash(after, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(before, fromRoot) && same(after, toRoot);
}

const half = (value: number): number => Math.floor(value / 2);
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
