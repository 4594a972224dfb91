import { AsyncLocalStorage } from 'node:async_hooks';
import type { Kysely } from 'kysely';
import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import type { FourEyes } from '#domain/proposals/proposal';
import { isDomainError } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { DEFAULT_USAGE_YEARS, type UsageYears } from '#domain/usage/usage-span';
import { EventCodec } from '#event-store/codec';
import type { MirroredLog } from '#event-store/mirrored';
import type { EventLog, StoredEvent } from '#event-store/port';
import { withClient } from '#postgres/client';
import { BatchLoader } from '#postgres/batch-loader';
import { isNotWritable } from '#postgres/connection';
import { unlessStopped } from '#postgres/stoppable';
import { ProjectionHalted, WriterStuck } from '#read-model/halted';
import type { Projecting } from '#read-model/projection';
import type { Rebuilder } from '#read-model/rebuild';
import type { KeptTree } from '#transparency/kept-tree';
import type { Verifier } from '#transparency/note';
import type { Verified } from '#transparency/verify';
import { readCommands } from '#projections/commands/commands.read';
import { readModels } from '#projections/database';
import type { ReadModels } from '#read-model/read-models';
import { takeFree } from './free-locks.js';
import { isLockOfKey, type NamedLock, USES_OF_PLANS } from './appending/at-once.js';
import { EventBook, type KnownCommand } from './appending/event-book.js';
import { Tail } from './appending/tail.js';
import { type ConfiguredSeller, KeptSeller } from './kept-seller.js';
import { KnownDeployments } from './known-deployments.js';
import { Outcomes } from './outcomes.js';
import { PrivateTexts } from './private-texts.js';
import type { Standbys } from './standbys.js';
import { TenantDetails } from './tenant-details.js';
import { keyOfIdempotency } from './command.js';
import { UsageLookups } from '#projections/usage-records/usage-records.lookups';

/** The position that reads answer as of, and why it is not the head of the log. */
export interface Readable {
  readonly position: number;
  /** `since`: when the first event that is missing was recorded. null: no event is missing. */
  readonly stale: { readonly since: Instant; readonly cause: unknown } | null;
}

type Mirror = Pick<
  MirroredLog,
  'copied' | 'differences' | 'isDeleted' | 'isOnServer' | 'missing' | 'notWritable' | 'probe'
>;

/** What handlers of commands and queries work with: the log, the projections and the read models. */
export class LedgerCore {
  readonly book: EventBook;
  readonly db: Kysely<ReadModels>;
  readonly details: TenantDetails;
  readonly texts: PrivateTexts;
  readonly keptSeller: KeptSeller;
  readonly outcomes: Outcomes;
  readonly tail: Tail;
  readonly usage: UsageLookups;
  readonly deployments: KnownDeployments;

  /** The commands under keys. Commands that are decided at the same time share the statements. */
  private readonly commands = new BatchLoader(async (keys: readonly string[]) => {
    const rows = new Map((await readCommands(this.db, keys)).map((row) => [row.key, row]));
    return keys.map((key) => rows.get(key));
  });
  private readonly held = new AsyncLocalStorage<Held>();

  constructor(
    readonly log: EventLog,
    readonly projector: Projecting,
    readonly pool: pg.Pool,
    private readonly parts: {
      /**
       * A separate pool for locks, so that the holder of a lock never waits for a connection behind those who want the
       * lock. null: locks are not used.
       */
      readonly locks: pg.Pool | null;
      /** A pool of one connection, for a trial's transaction. */
      readonly trialPool: () => pg.Pool;
      /** null: this process must not rebuild the read models. */
      readonly rebuilder: Rebuilder | null;
      /** The Merkle tree of the log. null: a trial has none. */
      readonly tree: KeptTree | null;
      /** Computes the tree again from the log, and compares it with what is stored. null: a trial has none. */
      readonly verify: ((verifier: Verifier | null) => Promise<Verified>) | null;
      /** The mirror of EventStoreDB. null: the log is in Postgres, or this is a trial. */
      readonly mirror: Mirror | null;
      /** Standbys of the database that answer queries. Default: none. */
      readonly standbys?: Standbys<LedgerCore>;
      /** Where outcomes are kept. Default: in the same database. A standby's are in its primary. */
      readonly outcomes?: Outcomes;
    },
    /** The seller as it is configured for documents and electronic invoices. */
    seller: ConfiguredSeller = { text: null, details: {} },
    /** How far from now new usage may be. */
    readonly usageYears: UsageYears = DEFAULT_USAGE_YEARS,
    /** Above these amounts, corrections and voids need a second actor. null: they never do, as in a trial. */
    readonly fourEyes: FourEyes | null = null,
  ) {
    this.db = readModels(pool);
    this.tail = new Tail(log, projector);
    this.book = new EventBook(log, projector, this.tail, async (key) => this.commandOf(key));
    this.details = new TenantDetails(pool);
    this.texts = new PrivateTexts(pool);
    this.keptSeller = new KeptSeller(this.texts, seller);
    this.outcomes = parts.outcomes ?? new Outcomes(pool);
    this.usage = new UsageLookups(pool);
    this.deployments = new KnownDeployments(log);
  }

  /** Errors: a trial does not rebuild read models. */
  get rebuilder(): Rebuilder {
    if (this.parts.rebuilder === null) throw new Error('a trial does not rebuild read models');
    return this.parts.rebuilder;
  }

  get trialPool(): () => pg.Pool {
    return this.parts.trialPool;
  }

  get mirror(): Mirror | null {
    return this.parts.mirror;
  }

  /** Errors: a trial has nothing to verify. */
  async verify(verifier: Verifier | null): Promise<Verified> {
    if (this.parts.verify === null) throw new Error('a trial has nothing to verify');
    return this.parts.verify(verifier);
  }

  get tree(): KeptTree | null {
    return this.parts.tree;
  }

  /**
   * The position that reads answer as of: the head of the log, once it is projected. If it can't be projected, because
   * the projections halted, their writer is stuck, or the database can't write, it is the last projected position. This
   * is the only place that decides it.
   */
  async readable(): Promise<Readable> {
    try {
      const position = await unlessStopped(async () => this.projector.catchUp());
      const { error: cause, since = null } = (await this.mirror?.missing()) ?? {};
      return { position, stale: since === null ? null : { since, cause } };
    } catch (error) {
      if (!(error instanceof ProjectionHalted || error instanceof WriterStuck) && !isNotWritable(error)) throw error;
      const position = await this.projector.position();
      // Another process has projected the event meanwhile, or it was skipped.
      if (error instanceof ProjectionHalted && position >= error.position) return this.readable();
      const since = await this.recordedAt(position + 1);
      return { position, stale: since === null ? null : { since, cause: error } };
    }
  }

  /**
   * Does work that only reads, as of a position: on a standby that has what was projected up to there, or else here.
   */
  async reading<Result>(position: number, work: (core: LedgerCore) => Promise<Result>): Promise<Result> {
    const { standbys } = this.parts;
    return standbys === undefined ? work(this) : standbys.read(position, this, work);
  }

  /** When the event at a position was recorded. null: there is no such event. */
  async recordedAt(position: number): Promise<Instant | null> {
    for await (const { recordedAt } of this.log.readAt([position])) return recordedAt;
    return null;
  }

  /** The command that was recorded under this key, if there is one. Errors: ProjectionHalted, BacklogFull. */
  async knownKey(key: string): Promise<KnownCommand> {
    const { events } = await this.tail.read((unreadable) => mayHaveKey(unreadable, key));
    return (await this.commandOf(key)) ?? commandIn(events, key);
  }

  /** The event that recorded a command under this key, among those that can be read. Errors: BacklogFull. */
  async eventUnder(key: string): Promise<RecordedEvent | undefined> {
    const { events } = await this.tail.read(() => false);
    const recent = events.findLast(({ metadata: { command } }) => command !== undefined && hasKey(command, key));
    if (recent !== undefined) return recent;
    const row = await this.commands.load(key);
    for await (const stored of this.log.readAt(row === undefined ? [] : [row.position_from]))
      return codec.decode(stored);
    return undefined;
  }

  private async commandOf(key: string): Promise<KnownCommand> {
    const row = await this.commands.load(key);
    return row === undefined
      ? undefined
      : { key: row.key, bodyHash: row.body_hash, ...(row.result === null ? {} : { result: row.result }) };
  }

  /**
   * Runs `work` while no other process runs work under the same name. For exclusion that a single stream can't give.
   */
  async exclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    return this.locking(EXCLUSIVE, name, work);
  }

  /** Runs `work` while no process runs work exclusively under the same name. */
  async together<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    return this.locking(SHARED, name, work);
  }

  /**
   * Runs `work`, which takes only these locks, while they are held. Locks of one rank are taken in the order of their
   * names: two groups, or a group and a command, never wait for each other. Ranks: see `rankOf`.
   */
  async holding<Result>(locks: readonly NamedLock[], work: () => Promise<Result>): Promise<Result> {
    if (locks.length === 0) return work();
    const ordered = locks.toSorted((a, b) => rankOf(a) - rankOf(b) || (a.name < b.name ? -1 : 1));
    return this.onLocks(
      ordered.map(({ name, isShared }) => [isShared ? SHARED : EXCLUSIVE, name] as const),
      work,
    );
  }

  /** Takes locks that nobody has, or none: see `takeFree`. */
  async takeFree(choices: readonly (readonly string[])[]): Promise<(() => Promise<void>) | null> {
    return this.parts.locks === null ? async () => Promise.resolve() : takeFree(this.parts.locks, choices);
  }

  private async locking<Result>(lock: Lock, name: string, work: () => Promise<Result>): Promise<Result> {
    return this.onLocks([[lock, name]], work);
  }

  private async onLocks<Result>(
    wanted: readonly (readonly [Lock, string])[],
    work: () => Promise<Result>,
  ): Promise<Result> {
    if (this.parts.locks === null) return work();
    // Nested work takes its locks on the same connection, so that it never waits for a second one.
    const outer = this.held.getStore();
    const locks = wanted.filter(([lock, name]) => {
      const known = outer?.locks.get(name);
      return known !== EXCLUSIVE && known !== lock;
    });
    if (outer !== undefined && locks.length === 0) return work();
    const held = new Map([...(outer?.locks ?? []), ...locks.map(([lock, name]) => [name, lock] as const)]);
    const on = async (client: pg.PoolClient): Promise<Result> =>
      locked(client, locks, async () => this.held.run({ client, locks: held }, work));
    if (outer !== undefined) return on(outer.client);
    // After a refusal the connection is fine. After any other error its lock may remain.
    return withClient(this.parts.locks, on, (error) => !isDomainError(error));
  }
}

/** The first event with a key records the command. */
function commandIn(events: readonly RecordedEvent[], key: string): KnownCommand {
  for (const { metadata } of events)
    if (metadata.command !== undefined && hasKey(metadata.command, key)) return { ...metadata.command, key };
  return undefined;
}

/** Whether a command was recorded under a key of its own, or an idempotency key. */
const hasKey = (
  command: { readonly key: string; readonly idempotencyKey?: string | undefined },
  key: string,
): boolean =>
  command.key === key || (command.idempotencyKey !== undefined && keyOfIdempotency(command.idempotencyKey) === key);

const codec = new EventCodec();

/** Whether an event that can't be read may have recorded a command under this key. Unreadable metadata may have it. */
function mayHaveKey(event: StoredEvent, key: string): boolean {
  const metadata = codec.metadataIfReadable(event);
  return metadata === undefined || (metadata.command !== undefined && hasKey(metadata.command, key));
}

/** The connection that holds locks, and these by name. */
interface Held {
  readonly client: pg.PoolClient;
  readonly locks: ReadonlyMap<string, Lock>;
}

interface Lock {
  readonly take: string;
  readonly release: string;
}
const EXCLUSIVE: Lock = { take: 'pg_advisory_lock', release: 'pg_advisory_unlock' };
const SHARED: Lock = { take: 'pg_advisory_lock_shared', release: 'pg_advisory_unlock_shared' };

async function locked<Result>(
  client: pg.ClientBase,
  locks: readonly (readonly [Lock, string])[],
  work: () => Promise<Result>,
): Promise<Result> {
  const each = async (what: keyof Lock, of: typeof locks): Promise<void> => {
    // One statement for locks of one kind that follow each other. They are taken one after the other.
    for (const [first, last] of stretchesOf(of))
      await client.query(`SELECT ${of[first]?.[0][what]}(hashtextextended(name, 0)) FROM unnest($1::text[]) name`, [
        of.slice(first, last).map(([, name]) => `ledgerline:${name}`),
      ]);
  };
  await each('take', locks);
  try {
    return await work();
  } finally {
    await each('release', locks);
  }
}

/** Where locks of one kind begin and end. */
function stretchesOf(locks: readonly (readonly [Lock, string])[]): [number, number][] {
  const starts = [...locks.keys()].filter((index) => locks[index]?.[0] !== locks[index - 1]?.[0]);
  return starts.map((start, index) => [start, starts[index + 1] ?? locks.length]);
}

/** The order in which one command takes its locks: its key, its subscription, and the plans. */
const rankOf = ({ name }: NamedLock): number => (name === USES_OF_PLANS ? 2 : isLockOfKey(name) ? 0 : 1);
