import type pg from 'pg';
import type { PostgresLog } from '#event-store/postgres';
import { GrowingTree, type Tile } from './growing-tree.js';
import { HASH_BYTES, prefixedLeafHash } from './hash.js';
import { keptCheckpoints, KeptTiles, SCHEMA, sizeOf, type StoredCheckpoint, storedCheckpoints } from './kept-tiles.js';
import type { Verifier } from './note.js';
import { consistencyProof, inclusionProof, rootOf, TILE_WIDTH } from './tree.js';

/** Number of leaves that are hashed before their tiles are written. */
const LEAVES_AT_ONCE = 50_000;

export interface SizedRoot {
  /** Number of events: the position of the last event. */
  readonly size: number;
  readonly root: Buffer;
}

/**
 * The Merkle tree over the events of the log, stored in Postgres and updated after the log: event n is leaf n − 1. Any
 * number of processes may update it. It is derived only from the log, and each process writes only on top of the size
 * that it has read.
 */
export class KeptTree {
  private readonly tiles: KeptTiles;
  /** undefined: the stored tree must be read first. */
  private growing: GrowingTree | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly pool: pg.Pool,
    private readonly log: PostgresLog,
  ) {
    this.tiles = new KeptTiles(pool);
  }

  async migrate(): Promise<void> {
    await this.pool.query(
      `SELECT pg_advisory_xact_lock(hashtext('ledgerline:audit'));
       CREATE SCHEMA IF NOT EXISTS ${SCHEMA};
       CREATE TABLE IF NOT EXISTS ${SCHEMA}.tree (
         only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), size bigint NOT NULL);
       INSERT INTO ${SCHEMA}.tree (size) VALUES (0) ON CONFLICT DO NOTHING;
       CREATE TABLE IF NOT EXISTS ${SCHEMA}.tiles (level int NOT NULL, n bigint NOT NULL, hashes bytea NOT NULL,
         PRIMARY KEY (level, n));
       CREATE TABLE IF NOT EXISTS ${SCHEMA}.checkpoints (
         size bigint NOT NULL, note text NOT NULL, made_at timestamptz NOT NULL DEFAULT now(),
         PRIMARY KEY (size, note));
       ALTER TABLE ${SCHEMA}.checkpoints ADD COLUMN IF NOT EXISTS public_key text`,
    );
  }

  /** Adds the events that the tree lacks, up to the head of the log. Returns the size. Errors: OtherTree, BrokenLog. */
  async keepUp(): Promise<number> {
    return this.inTurn(async () => this.grow(await this.log.head()));
  }

  /** Errors: OtherTree. */
  async assertOfLog(): Promise<void> {
    await this.assertHas(await sizeOf(this.pool));
  }

  /** The root over the first events, which must be in the log. */
  async rootAt(size: number): Promise<Buffer> {
    return this.inTurn(async () => {
      // Up to the head: if many ask at the same time, each for its last read, the first one updates the tree for all.
      if ((this.growing?.size ?? 0) < size) await this.grow(Math.max(size, await this.log.head()));
      return rootOf(this.growing ?? this.tiles, size);
    });
  }

  /** The root over all events in the log now. */
  async head(): Promise<SizedRoot> {
    const size = await this.keepUp();
    return { size, root: await this.rootAt(size) };
  }

  /** Proof that the event at a position is among the first `size` events. */
  async inclusion(position: number, size: number): Promise<Buffer[]> {
    return this.inTurn(async () => {
      await this.grow(size);
      return inclusionProof(this.growing ?? this.tiles, position - 1, size);
    });
  }

  /** Proof that the first `from` events are the first events of `to`. */
  async consistency(from: number, to: number): Promise<Buffer[]> {
    return this.inTurn(async () => {
      await this.grow(to);
      return consistencyProof(this.growing ?? this.tiles, from, to);
    });
  }

  /** The public key is kept for convenience. Who does not trust the database has it from elsewhere. */
  async keepCheckpoint(size: number, note: string, { text: publicKey }: Pick<Verifier, 'text'>): Promise<void> {
    await this.pool.query(
      `INSERT INTO ${SCHEMA}.checkpoints (size, note, public_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
      [size, note, publicKey],
    );
  }

  /** The stored checkpoints, in the order of their sizes. */
  async stored(): Promise<readonly StoredCheckpoint[]> {
    return storedCheckpoints(this.pool);
  }

  /** The stored notes, signed with any key. */
  async checkpoints(): Promise<readonly string[]> {
    return keptCheckpoints(this.pool);
  }

  /** Runs one call after another: the edge of the tree must not change while it is read. */
  private async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async grow(upTo: number): Promise<number> {
    try {
      let growing = this.growing ?? (await this.asKept());
      while (growing.size < upTo) {
        const from = growing.size;
        await this.addLeaves(growing, Math.min(upTo, from + LEAVES_AT_ONCE));
        if (!(await this.write(from, growing.size, growing.take()))) {
          // Another process was faster: continue from what it has written.
          growing = await this.asKept();
        }
      }
      return growing.size;
    } catch (error) {
      this.growing = undefined;
      throw error;
    }
  }

  private async asKept(): Promise<GrowingTree> {
    this.growing = undefined;
    const growing = new GrowingTree(this.tiles);
    const size = await sizeOf(this.pool);
    await this.assertHas(size);
    await growing.resume(size);
    this.growing = growing;
    return growing;
  }

  /** Errors: OtherTree, if the last event that the tree covers is not in the log. */
  private async assertHas(size: number): Promise<void> {
    if (size === 0) return;
    const tile = await this.tiles.tile(0, Math.floor((size - 1) / TILE_WIDTH));
    const start = ((size - 1) % TILE_WIDTH) * HASH_BYTES;
    const kept = tile.subarray(start, start + HASH_BYTES);
    for await (const leaves of this.log.leaves({ after: size - 1, upTo: size }))
      for (const leaf of leaves) if (prefixedLeafHash(leaf.prefixed).equals(kept)) return;
    throw new OtherTree(size);
  }

  private async addLeaves(growing: GrowingTree, upTo: number): Promise<void> {
    for await (const leaves of this.log.leaves({ after: growing.size, upTo })) {
      for (const leaf of leaves) {
        if (leaf.position !== growing.size + 1) throw new BrokenLog(growing.size + 1);
        growing.add(prefixedLeafHash(leaf.prefixed));
      }
    }
    if (growing.size < upTo) throw new BrokenLog(growing.size + 1);
  }

  /**
   * false: another process has updated the tree. It does not wait for the disk: what a crash of the machine loses,
   * including the size, is computed again from the log.
   */
  private async write(from: number, to: number, tiles: readonly Tile[]): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      `WITH moved AS (UPDATE ${SCHEMA}.tree SET size = $2
         WHERE size = $1 AND set_config('synchronous_commit', 'off', true) = 'off' RETURNING size)
       INSERT INTO ${SCHEMA}.tiles AS kept (level, n, hashes)
         SELECT t.* FROM moved, unnest($3::int[], $4::bigint[], $5::bytea[]) AS t
       ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`,
      [from, to, tiles.map(({ level }) => level), tiles.map(({ n }) => n), tiles.map(({ hashes }) => hashes)],
    );
    return (rowCount ?? 0) > 0;
  }
}

/** The log was set back, changed or replaced: the tree is not continued on it. */
export class OtherTree extends Error {
  override readonly name = 'OtherTree';
  constructor(readonly size: number) {
    super(
      `the Merkle tree covers ${size} events, and the log has no such event at position ${size}: it was set back, ` +
        'changed or replaced. Run ledgerline verify, and restore the log. If the log that is there is the right one, ' +
        `drop the schema ${SCHEMA}: the next command builds the tree again`,
    );
  }
}

/** The log lacks an event: the tree is not continued past the gap. */
export class BrokenLog extends Error {
  override readonly name = 'BrokenLog';
  constructor(readonly position: number) {
    super(
      `the log has no event at position ${position}, but has later events. Run ledgerline verify, and ` +
        `restore the log from a copy`,
    );
  }
}

export const rootText = (root: Uint8Array): string => Buffer.from(root).toString('base64');
/** Errors: RangeError if it is not a root. */
export function readRoot(text: string): Buffer {
  const root = Buffer.from(text, 'base64');
  if (root.length !== HASH_BYTES) throw new RangeError(`${JSON.stringify(text)} is not a root (32 bytes in base64)`);
  return root;
}
