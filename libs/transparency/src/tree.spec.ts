import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GrowingTree, MemoryTiles } from './growing-tree.js';
import { EMPTY_ROOT, leafHash, nodeHash } from './hash.js';
import { includes, isExtendedBy } from './proofs.js';
import { consistencyProof, inclusionProof, rootOf } from './tree.js';

// The leaves, roots and proofs that Certificate Transparency's reference tests use for the tree of RFC 6962.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const N12 = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e';
const LEAF_0 = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7';
const LEAF_4 = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b';
const N67 = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0';
const N4_7 = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4';

const hex = (hashes: readonly Uint8Array[]): string[] => hashes.map((hash) => Buffer.from(hash).toString('hex'));

/** A tree of these leaf hashes. Its tiles are taken after each group of this many. */
async function treeOf(leaves: readonly Uint8Array[], each = 3): Promise<MemoryTiles> {
  const tiles = new MemoryTiles();
  const tree = new GrowingTree(tiles);
  for (const [index, leaf] of leaves.entries()) {
    if (index % each === 0) {
      tiles.put(tree.take());
      await tree.resume(tree.size);
    }
    tree.add(leaf);
  }
  tiles.put(tree.take());
  return tiles;
}

/** The definition in RFC 6962, word for word. */
function definition(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return EMPTY_ROOT;
  if (leaves.length === 1) return first;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(definition(leaves.slice(0, k)), definition(leaves.slice(k)));
}

describe('the tree of RFC 6962', () => {
  const headOf = (size: number) => ({ size, root: Buffer.from(ROOTS[size] ?? '', 'hex') });
  const hashes = LEAVES.map((leaf) => leafHash(Buffer.from(leaf, 'hex')));

  it('has the known roots', async () => {
    const tiles = await treeOf(hashes);
    const roots = await Promise.all(ROOTS.map(async (_, size) => rootOf(tiles, size)));
    expect(hex(roots)).toEqual(ROOTS);
  });

  it.each([
    [1, 8, [LEAF_0, N12, N4_7]],
    [6, 8, [LEAF_4, N67, ROOTS[4]]],
    [3, 3, [ROOTS[2]]],
    [2, 5, [ROOTS[1], N12, LEAF_4]],
  ])('has the known proof that leaf %d of %d is in it', async (leaf, size, expected) => {
    const proof = await inclusionProof(await treeOf(hashes), leaf - 1, size);
    expect(hex(proof)).toEqual(expected);
    expect(includes(headOf(size), { index: leaf - 1, hash: hashes[leaf - 1] ?? EMPTY_ROOT }, proof)).toBe(true);
  });

  it.each([
    [1, 8, [LEAF_0, N12, N4_7]],
    [6, 8, ['0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a', N67, ROOTS[4]]],
    [2, 5, [N12, LEAF_4]],
  ])('has the known proof that %d leaves grew to %d', async (from, to, expected) => {
    const proof = await consistencyProof(await treeOf(hashes), from, to);
    expect(hex(proof)).toEqual(expected);
    expect(isExtendedBy(headOf(from), headOf(to), proof)).toBe(true);
  });
});

describe('any tree', () => {
  const leaves = Array.from({ length: 700 }, (_, index) => leafHash(Buffer.from(String(index))));
  const whole = treeOf(leaves, 97);
  // 700 leaves fill two tiles and start a third.
  const sizes = fc.tuple(fc.nat(700), fc.nat(700)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

  it('has the root of the definition at any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(700), async (size) => {
        expect(Buffer.from(definition(leaves.slice(0, size))).equals(await rootOf(await whole, size))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('proves each leaf at its place, and no other leaf or place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 700 }), fc.nat(699), async (size, at) => {
        const index = at % size;
        const root = await rootOf(await whole, size);
        const proof = await inclusionProof(await whole, index, size);
        const [tree, hash] = [{ size, root }, leaves[index] ?? EMPTY_ROOT];
        expect(includes(tree, { index, hash }, proof)).toBe(true);
        expect(includes(tree, { index, hash: EMPTY_ROOT }, proof)).toBe(false);
        expect(includes(tree, { index, hash }, [...proof, root])).toBe(false);
        if (size > 1) expect(includes(tree, { index: (index + 1) % size, hash }, proof)).toBe(false);
      }),
    );
  });

  it('proves that one tree grew into another, and refuses another tree', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async ([from, to]) => {
        const [before, after] = [await rootOf(await whole, from), await rootOf(await whole, to)];
        const proof = await consistencyProof(await whole, from, to);
        expect(isExtendedBy({ size: from, root: before }, { size: to, root: after }, proof)).toBe(true);
        if (from > 0)
          expect(isExtendedBy({ size: from, root: EMPTY_ROOT }, { size: to, root: after }, proof)).toBe(false);
        if (from > 0)
          expect(isExtendedBy({ size: from, root: before }, { size: to, root: EMPTY_ROOT }, proof)).toBe(false);
      }),
    );
  });

  it('has no node outside its leaves', async () => {
    await expect(rootOf(await whole, 701)).rejects.toThrow('the tree has no node');
    await expect(inclusionProof(await whole, 5, 5)).rejects.toThrow('leaf 5 is not among the first 5');
    await expect(consistencyProof(await whole, 6, 5)).rejects.toThrow("a tree of 6 leaves can't grow into one of 5");
  });
});
