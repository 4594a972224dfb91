import type pg from 'pg';
import { type EventLog, type StoredEvent, UnknownOutcome } from '#event-store/port';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import type { RecordedEvent } from '#domain/events';
import { isConnectionLost } from '#postgres/connection';
import type { Progress, Projecting, Projection } from './projection.js';
import { createTableSql } from './table.js';

/** An event that can't be applied halts the projections there: an operator decides, nothing is guessed and nothing is lost. */
export class ProjectionHalted extends Error {
  override readonly name = 'ProjectionHalted';
  constructor(
    readonly position: number,
    readonly projection: string,
    reason: unknown,
  ) {
    super(`the projections halted at position ${position} (${projection}): ${reason instanceof Error ? reason.message : String(reason)}`, { cause: reason });
  }
}

/** Another process moved the checkpoint: this one is no longer the writer. */
class LostWriter extends Error {
  override readonly name: string = 'LostWriter';
}

/** The read models were made anew by projections of other versions: this process will not be their writer again. */
class OtherVersions extends LostWriter {
  override readonly name = 'OtherVersions';
}

/** How often a writer that stands by looks whether it may take over. */
const STANDBY_MS = 250;
/** How often one that waits for another writer looks how far that is. */
const POLL_MS = 3;
const MAX_BATCH_EVENTS = 1000;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Runs the projections in their one order: one subscription, one transaction a batch, one checkpoint in it, so that read
 * models never disagree and each event takes effect exactly once, whatever dies. One writer at a time, by an advisory lock
 * on the schema; the checkpoint's update names the position that it replaces, so that a writer that lost its lock fails.
 */
export class Projector implements Projecting {
  private readonly codec = new EventCodec();
  private underWay: Promise<number | undefined> | undefined;

  constructor(
    private readonly log: EventLog,
    private readonly pool: pg.Pool,
    private readonly projections: readonly Projection[],
    readonly schema: string,
  ) {}

  /** Creates the schema and its tables where they are not there yet. Returns false where they were made by other versions. */
  async prepare(): Promise<boolean> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query("SELECT pg_advisory_xact_lock(hashtext('ledgerline:prepare'))");
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${this.schema}`);
      await client.query(
        `CREATE TABLE IF NOT EXISTS ${this.schema}.checkpoint (position bigint NOT NULL, versions text NOT NULL, moved_at timestamptz NOT NULL)`,
      );
      const { rows } = await client.query<{ versions: string }>(`SELECT versions FROM ${this.schema}.checkpoint`);
      const made = rows[0]?.versions;
      if (made === undefined) {
        // For constraints over a key and a range; in public, so that it outlives any one schema of read models.
        await client.query('CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public');
        await client.query(`SET LOCAL search_path TO ${this.schema}`);
        for (const projection of this.projections) for (const table of projection.tables) await client.query(createTableSql(table));
        await client.query(`INSERT INTO ${this.schema}.checkpoint VALUES (0, $1, now())`, [this.versions]);
      }
      await client.query('COMMIT');
      return made === undefined || made === this.versions;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }

  /** The projections, in their order. */
  list(): readonly Projection[] {
    return this.projections;
  }

  private get versions(): string {
    return this.projections.map(({ name, version }) => `${name}@${version}`).join(' ');
  }

  async position(): Promise<number> {
    const { rows } = await this.pool.query<{ position: number }>(`SELECT position FROM ${this.schema}.checkpoint`);
    return rows[0]?.position ?? 0;
  }

  /** Projects up to the log's head if no other process does; then waits until `position` is projected, by whomever. */
  async catchUp(position?: number, options: { timeoutMs?: number } = {}): Promise<number> {
    const [target, at] = await Promise.all([position ?? this.log.head(), this.position()]);
    if (at >= target) return at;
    const deadline = performance.now() + (options.timeoutMs ?? 60_000);
    for (;;) {
      const done = await this.pass(target);
      const reached = done ?? (await this.position());
      if (reached >= target) return reached;
      if (performance.now() > deadline)
        throw new Error(`the projections are at position ${reached} of ${target}: another process holds them; is its worker stuck?`);
      if (done === undefined) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /**
   * One pass up to a position, or undefined where another process is the writer. Within this process one pass is under way at a
   * time: who comes meanwhile waits for it, and what was recorded meanwhile is projected by the next one, for all who wait.
   */
  private async pass(target: number): Promise<number | undefined> {
    while (this.underWay !== undefined) {
      // Who began it hears of its failure; the others try for themselves.
      const reached = await this.underWay.catch(() => undefined);
      if (reached !== undefined && reached >= target) return reached;
    }
    this.underWay = this.projectTo(target).finally(() => {
      this.underWay = undefined;
    });
    return this.underWay;
  }

  /** Projects for as long as the signal lasts. Where another process is the writer it stands by and takes over. */
  async run(signal: AbortSignal, onProgress: (progress: Progress) => void = () => undefined): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.asWriter(async (client) => {
          // With the connection the lock is gone: another may be the writer at once.
          const lost = new AbortController();
          client.once('end', () => {
            lost.abort();
          });
          const subscription = this.log.subscribe(await this.position(), { signal: AbortSignal.any([signal, lost.signal]) });
          for await (const batch of batched(subscription)) onProgress({ position: await this.apply(client, batch), head: await this.log.head() });
        });
      } catch (error) {
        // The database or the log is away, or another writer took over: nothing is lost, the checkpoint says where to go on.
        if (!isConnectionLost(error) && !(error instanceof UnknownOutcome) && !(error instanceof LostWriter)) throw error;
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, STANDBY_MS));
    }
  }

  /** Runs with the writer's lock, where no other process has it. */
  private async asWriter(work: (client: pg.ClientBase) => Promise<void>): Promise<void> {
    await this.connected(async (client) => {
      const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock(${this.lock}) AS locked`);
      if (rows[0]?.locked !== true) return;
      try {
        await work(client);
      } finally {
        await client.query(`SELECT pg_advisory_unlock(${this.lock})`);
      }
    });
  }

  private async connected<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      return await work(client);
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      // A client that failed is closed, not pooled: its lock and its settings go with it.
      client.release(broken);
    }
  }

  private get lock(): string {
    return `hashtext('ledgerline:${this.schema}')`;
  }

  /** The position reached, or undefined where another process is the writer. */
  private async projectTo(target: number): Promise<number | undefined> {
    let at = await this.position();
    if (at >= target) return at;
    return this.connected(async (client) => {
      try {
        for await (const batch of batched(this.log.readAll(at))) {
          at = await this.apply(client, batch);
          if (at >= target) break;
        }
        return at;
      } catch (error) {
        if (error instanceof LostWriter && !(error instanceof OtherVersions)) return undefined;
        throw error;
      }
    });
  }

  /** One transaction: every projection's rows and the checkpoint. A batch that fails is taken apart to name the event. */
  private async apply(client: pg.ClientBase, stored: readonly StoredEvent[]): Promise<number> {
    const events: RecordedEvent[] = [];
    for (const event of stored) {
      try {
        events.push(this.codec.decode(event));
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        if (events.length > 0) await this.apply(client, stored.slice(0, events.length));
        throw new ProjectionHalted(event.position, 'codec', error);
      }
    }
    try {
      return await this.transaction(client, events);
    } catch (error) {
      if (stored.length === 1 || error instanceof LostWriter || isConnectionLost(error)) throw error;
      let at = 0;
      for (const event of stored) at = await this.apply(client, [event]);
      return at;
    }
  }

  private async transaction(client: pg.ClientBase, events: readonly RecordedEvent[]): Promise<number> {
    const [first, last] = [events[0], events.at(-1)];
    if (first === undefined || last === undefined) return this.position();
    try {
      await this.begin(client, first.position - 1);
      for (const projection of this.projections) {
        const relevant = events.filter(({ type }) => projection.handles[type] === 'handled');
        if (relevant.length === 0) continue;
        try {
          await projection.project(relevant, client);
        } catch (error) {
          if (isConnectionLost(error)) throw error;
          throw new ProjectionHalted(first.position, projection.name, error);
        }
      }
      const moved = await client.query(
        `UPDATE ${this.schema}.checkpoint SET position = $1, moved_at = clock_timestamp() WHERE position = $2 AND versions = $3`,
        [last.position, first.position - 1, this.versions],
      );
      if (moved.rowCount !== 1) throw new OtherVersions(`the read models in ${this.schema} are those of other projections now: start this process again`);
      await client.query('COMMIT');
      return last.position;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /**
   * Begins a batch's transaction as its only writer, in one round trip. It does not wait for the disk: what a crash of the machine
   * takes of it, checkpoint included, is projected again, and whatever is decided on it and appended waits for all before it.
   */
  private async begin(client: pg.ClientBase, after: number): Promise<void> {
    const answers = (await client.query(
      `BEGIN; SET LOCAL search_path TO ${this.schema}; SET LOCAL synchronous_commit TO off;` +
        ` SELECT pg_try_advisory_xact_lock(${this.lock}) AS locked; SELECT position FROM checkpoint`,
    )) as unknown as readonly { readonly rows: readonly { readonly locked?: boolean; readonly position?: number }[] }[];
    const [locked, checkpoint] = answers.slice(-2).map(({ rows }) => rows[0]);
    if (locked?.locked !== true || checkpoint?.position !== after)
      throw new LostWriter(`another process projects into ${this.schema}, from position ${checkpoint?.position ?? 'unknown'} on, not ${after}`);
  }
}

/** Groups events by number and size; what is at hand goes as one batch, nothing is waited for. */
async function* batched(events: AsyncIterable<StoredEvent>): AsyncIterable<StoredEvent[]> {
  const iterator = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<StoredEvent>> | null = null;
  try {
    for (;;) {
      const first = await (pending ?? iterator.next());
      pending = null;
      if (first.done === true) return;
      const batch = [first.value];
      let bytes = first.value.data.length;
      while (batch.length < MAX_BATCH_EVENTS && bytes < MAX_BATCH_BYTES) {
        pending = iterator.next();
        const next = await Promise.race([pending, turn()]);
        if (next === null) break;
        pending = null;
        if (next.done === true) {
          yield batch;
          return;
        }
        batch.push(next.value);
        bytes += next.value.data.length;
      }
      yield batch;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Resolves after what is ready now has run: an event that is not at hand by then belongs to the next batch. */
const turn = (): Promise<null> => new Promise((resolve) => setImmediate(() => { resolve(null); }));
