import type pg from 'pg';
import type { Leaf } from '#event-store/leaf';
import type { PostgresLog } from '#event-store/postgres';
import { failure, type Failure } from './failure.js';
import { GrowingTree, MemoryTiles } from './growing-tree.js';
import { HASH_BYTES, writeLeafHash } from './hash.js';
import { keptCheckpoints, keptSize, KeptTiles } from './kept-tiles.js';
import { rootText } from './kept-tree.js';
import { inclusionOf, type InvoiceIncluded, invoiceNamed, type NamingEvent } from './invoice-inclusion.js';
import { borneOut, contradicted, type Mark, markIn, marksOf } from './marks.js';
import { isNamedIn, type Verifier } from './note.js';
import { rootOf, TILE_WIDTH } from './tree.js';

export interface Verified {
  readonly ok: boolean;
  /** Number of events in the log. */
  readonly size: number;
  /** The RFC 6962 root over them, in base64. A checkpoint of this size has the same root. */
  readonly root: string;
  /** Number of events that the stored tree covers. Later events are only in the log. */
  readonly kept: number;
  /** What the log was compared with: signed checkpoints, including the given ones, and issued invoices. */
  readonly compared: {
    readonly checkpoints: number;
    /** Stored checkpoints with the signature of another key. They are not checked. */
    readonly ofOtherKeys: number;
    readonly invoices: number;
  };
  /** For an invoice that was asked for: the events that name it, and what each is included in. */
  readonly invoice?: InvoiceIncluded;
  /** In the order of the events. */
  readonly failures: readonly Failure[];
}

/** For more changed events, only their number is reported. */
const MOST_CHANGED = 20;
/** For a hash that is neither in the log nor in the tree. */
const NO_HASH = Buffer.alloc(HASH_BYTES);

/**
 * Computes the tree again from the bytes of the log and compares it with all earlier statements about the log: the
 * stored hashes, the roots on issued invoices, and signed checkpoints (those of the database and those given).
 * Read-only. Memory: 32 bytes per event. Errors: `unknown_invoice`.
 */
export async function verifyLog(
  log: PostgresLog,
  pool: pg.Pool,
  given: {
    readonly notes: readonly { readonly name: string; readonly note: string }[];
    readonly verifier: Verifier | null;
    /** An issued invoice, by id or number: each of its events is proven to be included. */
    readonly invoice?: string | undefined;
  },
): Promise<Verified> {
  const invoice = given.invoice === undefined ? undefined : await invoiceNamed(log, given.invoice);
  // Other processes may append in the meantime: earlier events must be there, later ones may be.
  const keptTiles = new KeptTiles(pool);
  const checking = new Recomputed(keptTiles, await keptSize(pool), await log.head(), invoice?.invoiceId ?? null);
  for await (const leaves of log.leaves()) {
    for (const leaf of leaves) {
      if (!checking.isReadyFor(leaf)) await checking.prepare(leaf);
      checking.add(leaf);
    }
  }
  const { size, kept } = await checking.end(await log.head());
  const named = new Set(given.notes.map(({ note }) => note));
  const stored = (await keptCheckpoints(pool))
    .filter((note) => !named.has(note))
    .map((note) => ({ name: `the kept checkpoint of ${note.split('\n')[1] ?? '?'} events`, note }));
  // Without its key, the signer of a checkpoint is unknown. A lost or replaced key leaves its checkpoints here.
  const { verifier } = given;
  const own = stored.filter(({ note }) => verifier !== null && isNamedIn(note, verifier));
  const { marks, failures } = marksOf([...own, ...given.notes], verifier);
  const first = checking.failures.reduce<number | null>(
    (least, { position }) => (position === null ? least : Math.min(least ?? position, position)),
    null,
  );
  const differing = await contradicted([...checking.marks, ...marks], {
    tiles: checking.tiles,
    size,
    stored: keptTiles,
    kept,
    first,
  });
  const agreed = await borneOut(marks, { tiles: checking.tiles, size });
  const inclusion =
    invoice === undefined
      ? undefined
      : await inclusionOf(invoice, checking.naming, { tiles: checking.tiles, size, agreed });
  const all = [...checking.failures, ...differing, ...failures, ...(inclusion?.failures ?? [])].sort(
    (a, b) => (a.position ?? Infinity) - (b.position ?? Infinity),
  );
  return {
    ok: all.length === 0,
    size,
    root: rootText(await rootOf(checking.tiles, size)),
    kept,
    compared: { checkpoints: marks.length, ofOtherKeys: stored.length - own.length, invoices: checking.marks.length },
    ...(inclusion === undefined ? {} : { invoice: inclusion.included }),
    failures: all,
  };
}

/** The tree as computed from the log, next to the stored one. */
class Recomputed {
  readonly tiles = new MemoryTiles();
  readonly failures: Failure[] = [];
  readonly marks: Mark[] = [];
  readonly naming: NamingEvent[] = [];
  private readonly tree = new GrowingTree(this.tiles);
  private keptTile: { readonly n: number | null; readonly hashes: Buffer } = { n: null, hashes: Buffer.alloc(0) };
  /** Of the leaf that is looked at. */
  private readonly hash = Buffer.alloc(HASH_BYTES);
  private changed = 0;

  constructor(
    private readonly stored: KeptTiles,
    private readonly kept: number,
    private readonly head: number,
    /** The id of an invoice whose events are collected. */
    private readonly invoiceId: string | null,
  ) {}

  /** Whether the hash to compare with is in memory: waiting at each event would take longer than hashing it. */
  isReadyFor({ position }: Leaf): boolean {
    return position === this.tree.size + 1 && (position > this.kept || this.keptTile.n === tileOf(position));
  }

  async prepare({ position }: Leaf): Promise<void> {
    if (position > this.tree.size + 1) await this.passOver(position);
    if (position > 0 && position <= this.kept) await this.load(position);
  }

  add(leaf: Leaf): void {
    const { position } = leaf;
    if (position <= this.tree.size) {
      this.failures.push(
        ofLeaf(leaf, 'event_inserted', `there is an event at position ${position}, where nothing can be appended`),
      );
      return;
    }
    const { hash } = this;
    writeLeafHash(leaf.prefixed, hash);
    const [start, end] = placeOf(position);
    if (position <= this.kept && hash.compare(this.keptTile.hashes, start, end) !== 0) this.isChanged(leaf);
    this.tree.add(hash);
    if (this.invoiceId !== null && leaf.prefixed.includes(this.invoiceId))
      this.naming.push({ position, type: leaf.text('type'), hash: Buffer.from(hash) });
    const mark = markIn(leaf);
    if (mark === undefined) return;
    if ('code' in mark) this.failures.push(mark);
    else this.marks.push(mark);
  }

  /** `head`: the head of the log after everything was read. */
  async end(head: number): Promise<{ size: number; kept: number }> {
    const size = this.tree.size;
    if (size > head) this.failures.push(inserted(head + 1, size));
    const due = Math.max(this.head, this.kept);
    if (size < due) this.failures.push(missing(size + 1, due));
    if (this.changed > MOST_CHANGED)
      this.failures.push(failure('events_changed', null, `${this.changed - MOST_CHANGED} more events differ`, RESTORE));
    this.tiles.put(this.tree.take());
    if (this.failures.length === 0) await this.compareNodes();
    if (this.kept === 0 && size > 0)
      this.failures.push(
        failure(
          'no_tree',
          1,
          `the log has ${size} events but no stored tree, so nothing shows whether they were changed`,
          'Compare the root with a checkpoint that is stored elsewhere, and find out whether the schema ' +
            'ledgerline_audit was dropped. The next command that writes builds a tree again.',
        ),
      );
    return { size, kept: this.kept };
  }

  /** Skips positions that are missing in the log. With their stored hashes, the later events can still be checked. */
  private async passOver(position: number): Promise<void> {
    this.failures.push(missing(this.tree.size + 1, position - 1));
    for (let left = this.tree.size + 1; left < position; left += 1) {
      if (left <= this.kept) await this.load(left);
      this.tree.add(left <= this.kept ? this.keptHash(left) : NO_HASH);
    }
  }

  private isChanged(leaf: Leaf): void {
    this.changed += 1;
    if (this.changed <= MOST_CHANGED)
      this.failures.push(
        ofLeaf(leaf, 'event_changed', `the event at position ${leaf.position} is not the one recorded there`),
      );
  }

  /** A hash that is not stored is 0. */
  private async load(position: number): Promise<void> {
    const n = tileOf(position);
    if (this.keptTile.n === n) return;
    const hashes = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
    hashes.set((await this.stored.tile(0, n)).subarray(0, hashes.length));
    this.keptTile = { n, hashes };
  }

  private keptHash(position: number): Uint8Array {
    return this.keptTile.hashes.subarray(...placeOf(position));
  }

  /** The hashes above the leaves. A changed hash here suggests that someone wanted a false proof to match. */
  private async compareNodes(): Promise<void> {
    for (
      let level = 1, nodes = Math.floor(this.kept / TILE_WIDTH);
      nodes > 0;
      level += 1, nodes = Math.floor(nodes / TILE_WIDTH)
    ) {
      for (let n = 0; n * TILE_WIDTH < nodes; n += 1) {
        const bytes = Math.min(TILE_WIDTH, nodes - n * TILE_WIDTH) * HASH_BYTES;
        const [computed, stored] = [await this.tiles.tile(level, n), await this.stored.tile(level, n)];
        if (Buffer.compare(computed.subarray(0, bytes), stored.subarray(0, bytes)) === 0) continue;
        const leaves = TILE_WIDTH ** (level + 1);
        const message =
          `the log is unchanged, but the stored hashes over positions ${n * leaves + 1} to ${(n + 1) * leaves} ` +
          `are changed`;
        this.failures.push(
          failure(
            'tree_changed',
            n * leaves + 1,
            message,
            'Find out who changed it, and drop the schema ledgerline_audit: the tree is then computed again.',
          ),
        );
      }
    }
  }
}

const tileOf = (position: number): number => Math.floor((position - 1) / TILE_WIDTH);
/** Where the hash of a position is in its tile. */
function placeOf(position: number): [number, number] {
  const start = ((position - 1) % TILE_WIDTH) * HASH_BYTES;
  return [start, start + HASH_BYTES];
}

const RESTORE =
  'Compare it with an earlier copy of the log, restore that copy, and find out who changed it. The log is ' +
  'append-only.';

const missing = (from: number, to: number): Failure =>
  failure(
    'events_missing',
    from,
    from === to ? `the event at position ${from} is missing` : `the events at positions ${from} to ${to} are missing`,
    RESTORE,
  );

const inserted = (from: number, to: number): Failure =>
  failure(
    'event_inserted',
    from,
    `positions ${from} to ${to} have events, but the log ends at position ${from - 1}: they were not appended`,
    RESTORE,
  );

const ofLeaf = (leaf: Leaf, code: string, message: string): Failure => ({
  ...failure(
    code,
    leaf.position,
    `${message} (${leaf.text('type')}, ${leaf.text('stream')} revision ${leaf.text('revision')})`,
    RESTORE,
  ),
  stream: leaf.text('stream'),
  revision: Number(leaf.text('revision')),
  eventId: leaf.text('id'),
  type: leaf.text('type'),
});
