import { HASH_BYTES } from './hash.js';
import { completeHash, rootOf, TILE_WIDTH, type Tiles } from './tree.js';

export interface Tile {
  readonly level: number;
  readonly n: number;
  readonly hashes: Uint8Array;
}

/** The last tile of a level. It still grows. */
interface Edge {
  n: number;
  width: number;
  readonly hashes: Buffer;
}

/**
 * A tree to which leaves are added. Of the earlier leaves it needs only the tiles at its edge, one per level. It
 * returns tiles as they change. A full tile never changes again.
 */
export class GrowingTree implements Tiles {
  private readonly edges: Edge[] = [];
  private readonly changed = new Map<string, Tile>();
  private leaves = 0;

  /** `earlier` returns full tiles that are no longer at the edge. */
  constructor(private readonly earlier: Tiles) {}

  get size(): number {
    return this.leaves;
  }

  /** Continues a tree with this many leaves, which are in `earlier`. */
  async resume(size: number): Promise<void> {
    this.edges.length = 0;
    this.changed.clear();
    this.leaves = size;
    for (let level = 0, nodes = size; nodes > 0; level += 1, nodes = Math.floor(nodes / TILE_WIDTH)) {
      const width = nodes % TILE_WIDTH;
      const edge = newEdge(Math.floor(nodes / TILE_WIDTH));
      if (width > 0) edge.hashes.set((await this.earlier.tile(level, edge.n)).subarray(0, width * HASH_BYTES));
      edge.width = width;
      this.edges.push(edge);
    }
  }

  add(hash: Uint8Array): void {
    this.addTo(0, hash);
    this.leaves += 1;
  }

  private addTo(level: number, hash: Uint8Array): void {
    const edge = (this.edges[level] ??= newEdge(0));
    edge.hashes.set(hash, edge.width * HASH_BYTES);
    edge.width += 1;
    if (edge.width < TILE_WIDTH) return;
    const full = Buffer.from(edge.hashes);
    this.changed.set(`${level}/${edge.n}`, { level, n: edge.n, hashes: full });
    edge.n += 1;
    edge.width = 0;
    this.addTo(level + 1, completeHash(full));
  }

  async root(): Promise<Buffer> {
    return rootOf(this, this.leaves);
  }

  async tile(level: number, n: number): Promise<Uint8Array> {
    const edge = this.edges[level];
    if (edge?.n === n) return edge.hashes.subarray(0, edge.width * HASH_BYTES);
    return this.changed.get(`${level}/${n}`)?.hashes ?? this.earlier.tile(level, n);
  }

  /** The tiles that changed since the last call, including those at the edge. */
  take(): Tile[] {
    const edges = this.edges.flatMap(({ n, width, hashes }, level) =>
      width === 0 ? [] : [{ level, n, hashes: Buffer.from(hashes.subarray(0, width * HASH_BYTES)) }],
    );
    const changed = [...this.changed.values(), ...edges];
    this.changed.clear();
    return changed;
  }
}

const newEdge = (n: number): Edge => ({ n, width: 0, hashes: Buffer.alloc(TILE_WIDTH * HASH_BYTES) });

/** Tiles in memory: a little more than 32 bytes per leaf. */
export class MemoryTiles implements Tiles {
  private readonly tiles = new Map<string, Uint8Array>();

  put(tiles: readonly Tile[]): void {
    for (const { level, n, hashes } of tiles) this.tiles.set(`${level}/${n}`, hashes);
  }

  async tile(level: number, n: number): Promise<Uint8Array> {
    return this.tiles.get(`${level}/${n}`) ?? new Uint8Array();
  }
}
