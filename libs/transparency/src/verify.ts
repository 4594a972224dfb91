import type pg from 'pg';
import type { Leaf } from '#event-store/leaf';
import type { PostgresLog } from '#event-store/postgres';
import { failure, type Failure } from './failure.js';
import { GrowingTree, MemoryTiles } from './growing-tree.js';
import { HASH_BYTES, prefixedLeafHash } from './hash.js';
import { keptCheckpoints, keptSize, KeptTiles } from './kept-tiles.js';
import { rootText } from './kept-tree.js';
import { inclusionOf, type InvoiceIncluded, invoiceNamed, type NamingEvent } from './invoice-inclusion.js';
import { borneOut, contradicted, type Mark, markIn, marksOf } from './marks.js';
import { isNamedIn, type Verifier } from './note.js';
import { rootOf, TILE_WIDTH } from './tree.js';

export interface Verified {
  readonly ok: boolean;
  /** How many events the log has. */
  readonly size: number;
  /** The RFC 6962 root over them, in base64: what a checkpoint of this size says. */
  readonly root: string;
  /** How many of them the kept tree has: what was recorded since is only in the log yet. */
  readonly kept: number;
  /** What was held against the log: signed checkpoints, those that were given included, and issued invoices. */
  readonly compared: {
    readonly checkpoints: number;
    /** Kept beside the tree, and signed by another key than was given: these are not checked. */
    readonly ofOtherKeys: number;
    readonly invoices: number;
  };
  /** Where one was asked for: the events that name it, and what each is included in. */
  readonly invoice?: InvoiceIncluded;
  /** In the order of the events. */
  readonly failures: readonly Failure[];
}

/** Of more changed events, only their number is told. */
const MOST_CHANGED = 20;
/** Where a hash is neither in the log nor in the tree. */
const NO_HASH = Buffer.alloc(HASH_BYTES);

/**
 * Computes the tree again from the log's own bytes and holds against it whatever was said of the log before: the hashes
 * that were kept, the roots on issued invoices, and signed checkpoints, those of the database and those that are given.
 * Only reads. Memory: 32 bytes an event. Errors: `unknown_invoice`.
 */
export async function verifyLog(
  log: PostgresLog,
  pool: pg.Pool,
  given: {
    readonly notes: readonly { readonly name: string; readonly note: string }[];
    readonly verifier: Verifier | null;
    /** An issued invoice, by id or number: its events are each shown to be included. */
    readonly invoice?: string | undefined;
  },
): Promise<Verified> {
  const invoice = given.invoice === undefined ? undefined : await invoiceNamed(log, given.invoice);
  // Others append meanwhile: what was there before must be there, what came since may be.
  const keptTiles = new KeptTiles(pool);
  const checking = new Recomputed(keptTiles, await keptSize(pool), await log.head(), invoice?.invoiceId ?? null);
  for await (const leaves of log.leaves()) {
    for (const leaf of leaves) {
      if (!checking.isReadyFor(leaf)) await checking.prepare(leaf);
      checking.add(leaf);
    }
    checking.flush();
  }
  const { size, kept } = await checking.end(await log.head());
  const named = new Set(given.notes.map(({ note }) => note));
  const stored = (await keptCheckpoints(pool))
    .filter((note) => !named.has(note))
    .map((note) => ({ name: `the kept checkpoint of ${note.split('\n')[1] ?? '?'} events`, note }));
  // Nobody can tell who signed those of another key, or without a key any: a key that was lost or replaced leaves its
  // own behind.
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

/** The tree as the log's bytes give it, beside the one that was kept. */
class Recomputed {
  readonly tiles = new MemoryTiles();
  readonly failures: Failure[] = [];
  readonly marks: Mark[] = [];
  readonly naming: NamingEvent[] = [];
  private readonly tree = new GrowingTree(this.tiles);
  private keptTile: { n: number; hashes: Uint8Array } | undefined;
  private changed = 0;

  constructor(
    private readonly stored: KeptTiles,
    private readonly kept: number,
    private readonly head: number,
    /** The id of an invoice whose events are wanted. */
    private readonly invoiceId: string | null,
  ) {}

  /** Whether what it is compared with is at hand: to wait at each event would take longer than to hash it. */
  isReadyFor({ position }: Leaf): boolean {
    return position === this.tree.size + 1 && (position > this.kept || this.keptTile?.n === tileOf(position));
  }

  async prepare({ position }: Leaf): Promise<void> {
    if (position > this.tree.size + 1) await this.passOver(position);
    if (position > 0 && position <= this.kept) await this.load(position);
  }

  add(leaf: Leaf): void {
    const { position } = leaf;
    if (position <= this.tree.size) {
      this.failures.push(
        ofLeaf(leaf, 'event_inserted', `an event stands at position ${position}, where nothing is ever appended`),
      );
      return;
    }
    const hash = prefixedLeafHash(leaf.prefixed);
    if (position <= this.kept && !hash.equals(this.keptHash(position))) this.isChanged(leaf);
    this.tree.add(hash);
    if (this.invoiceId !== null && leaf.prefixed.includes(this.invoiceId))
      this.naming.push({ position, type: leaf.text('type'), hash });
    const mark = markIn(leaf);
    if (mark === undefined) return;
    if ('code' in mark) this.failures.push(mark);
    else this.marks.push(mark);
  }

  flush(): void {
    this.tiles.put(this.tree.take());
  }

  /** `head`: the log's, after all was read. */
  async end(head: number): Promise<{ size: number; kept: number }> {
    const size = this.tree.size;
    if (size > head) this.failures.push(inserted(head + 1, size));
    const due = Math.max(this.head, this.kept);
    if (size < due) this.failures.push(missing(size + 1, due));
    if (this.changed > MOST_CHANGED)
      this.failures.push(failure('events_changed', null, `${this.changed - MOST_CHANGED} more events differ`, RESTORE));
    this.flush();
    if (this.failures.length === 0) await this.compareNodes();
    if (this.kept === 0 && size > 0)
      this.failures.push(
        failure(
          'no_tree',
          1,
          `the log has ${size} events, and no tree was kept of them: nothing says whether they were changed`,
          'Was the schema ledgerline_audit dropped? Compare the root with a checkpoint that was kept ' +
            'elsewhere; any command that writes keeps a tree from then on.',
        ),
      );
    return { size, kept: this.kept };
  }

  /**
   * Positions that the log leaves out: with the hashes that were kept of them, what comes after can be checked all the
   * same.
   */
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
        ofLeaf(leaf, 'event_changed', `the event at position ${leaf.position} is not the one that was recorded there`),
      );
  }

  private async load(position: number): Promise<void> {
    const n = tileOf(position);
    if (this.keptTile?.n !== n) this.keptTile = { n, hashes: await this.stored.tile(0, n) };
  }

  private keptHash(position: number): Uint8Array {
    const offset = ((position - 1) % TILE_WIDTH) * HASH_BYTES;
    return this.keptTile?.hashes.subarray(offset, offset + HASH_BYTES) ?? NO_HASH;
  }

  /** The hashes above the leaves: whoever changed these wanted a proof to fit something else. */
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
          `the log is as it was, but the hashes kept over positions ${n * leaves + 1} to ${(n + 1) * leaves} ` +
          `are not`;
        this.failures.push(
          failure(
            'tree_changed',
            n * leaves + 1,
            message,
            'Drop the schema ledgerline_audit: the tree is computed again from the log. Find out who changed it.',
          ),
        );
      }
    }
  }
}

const tileOf = (position: number): number => Math.floor((position - 1) / TILE_WIDTH);

const RESTORE =
  'Compare it with a copy of the log from before, restore that, and find out who changed it: the log is only ' +
  'ever appended to.';

const missing = (from: number, to: number): Failure =>
  failure(
    'events_missing',
    from,
    from === to ? `the event at position ${from} is gone` : `the events at positions ${from} to ${to} are gone`,
    RESTORE,
  );

const inserted = (from: number, to: number): Failure =>
  failure(
    'event_inserted',
    from,
    `positions ${from} to ${to} hold events beyond position ${from - 1}, where the log ends: they were not appended`,
    RESTORE,
  );

const ofLeaf = (leaf: Leaf, code: string, message: string): Failure => ({
  ...failure(
    code,
    leaf.position,
    `${message}: it reads ${leaf.text('type')}, ${leaf.text('stream')} revision ${leaf.text('revision')}`,
    RESTORE,
  ),
  stream: leaf.text('stream'),
  revision: Number(leaf.text('revision')),
  eventId: leaf.text('id'),
  type: leaf.text('type'),
});
