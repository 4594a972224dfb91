import type pg from 'pg';
import type { EventLog, StoredEvent } from '#event-store/port';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import { isOwn } from '#event-store/recent-texts';
import type { RecordedEvent } from '#domain/events';
import { withClient } from '#postgres/client';
import { READ_ALONE, sharedRead } from '#postgres/batch-loader';
import { isNotNow, isNotWritable } from '#postgres/connection';
import { batched } from './batches.js';
import { Continuity, generationOf } from './continuity.js';
import { ensurePartitions } from './partitions.js';
import { haltedBy, isTrouble, LostWriter, OtherVersions, ProjectionHalted, WriterStuck } from './halted.js';
import type { Halt, Progress, Projected, Projecting, Projection } from './projection.js';
import { checkpointOf, completeCheckpoint, createReadModels, moveCheckpoint, versionsOf } from './schema.js';
import { assertSameLog, OtherLog } from './same-log.js';
import { KnownSkips } from './skips.js';
import { KnownWriter, writerLock } from './stuck.js';

/** How often a process on standby tries to become the writer. */
const STANDBY_MS = 250;
/** How often a process looks at the progress of another writer. */
const POLL_MS = 3;

/**
 * Runs the projections in their order: one subscription, one transaction per batch, with the checkpoint in it. So read
 * models always agree, and each event takes effect exactly once, even if a process dies. An advisory lock on the schema
 * allows one writer at a time. The update of the checkpoint names the position that it replaces, so a writer that lost
 * its lock fails.
 */
export class Projector implements Projecting {
  private readonly codec = new EventCodec();
  /** When the checkpoint was compared with the log last. */
  private comparedAt = -Infinity;
  private underWay: Promise<number | undefined> | undefined;
  private readonly skips: KnownSkips;
  private readonly writer: KnownWriter;
  private readonly continuity: Continuity;
  private readonly checkpoint = sharedRead(async () => {
    const { rows } = await this.pool.query<{ position: number; versions: string; halted: Halt | null }>(
      `SELECT position, versions, halted FROM ${this.schema}.checkpoint`,
    );
    return rows[0];
  }, READ_ALONE);

  /** The halt as it was read last. */
  private seen: { readonly halt: Halt | null; readonly at: number } | undefined;

  /** The position of the last event that this process could not apply. */
  private haltedAt: number | undefined;

  /** Why this process could not project beyond a position, and when it tried. */
  private stopped: { readonly after: number; readonly error: Error; readonly triedAt: number } | undefined;

  /** The generation that the last batch was written to, and its known partitions. Partitions are never removed. */
  private known: { readonly generation: string; readonly partitions: Set<string> } | undefined;

  /** `searchPath`: the schemas in which projections look for tables, if not only in their own. */
  constructor(
    private readonly log: EventLog,
    private readonly pool: pg.Pool,
    private readonly projections: readonly Projection[],
    readonly schema: string,
    private readonly searchPath = schema,
  ) {
    this.skips = new KnownSkips(log);
    this.continuity = new Continuity(log, schema);
    this.writer = new KnownWriter(pool, log, schema);
  }

  /** Creates the schema and its tables if they do not exist. Returns false if other versions made them. */
  async prepare(): Promise<boolean> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query("SELECT pg_advisory_xact_lock(hashtext('ledgerline:prepare'))");
      await completeCheckpoint(client, this.schema);
      const made = await checkpointOf(client, this.schema);
      if (made === undefined) await createReadModels(client, this.schema, this.projections, null);
      await client.query('COMMIT');
      return made === undefined || made.versions === this.versions;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }

  /** Errors: OtherLog, if the read models were made from other events than the log has. */
  async assertSameLog(): Promise<void> {
    const checkpoint = await checkpointOf(this.pool, this.schema);
    if (checkpoint !== undefined) await assertSameLog(this.log, this.schema, checkpoint);
    this.comparedAt = performance.now();
  }

  /** The projections, in their order. */
  list(): readonly Projection[] {
    return this.projections;
  }

  private get versions(): string {
    return versionsOf(this.projections);
  }

  /** The position of the last projected event. Errors: OtherVersions. */
  async position(): Promise<number> {
    return (await this.projected()).position;
  }

  /** The same, with the event at which the projections halted there. */
  async projected(): Promise<Projected> {
    const row = await this.checkpoint();
    if (row !== undefined && row.versions !== this.versions) throw new OtherVersions(this.schema);
    const projected = { position: row?.position ?? 0, halt: row?.halted ?? null };
    this.seen = { halt: projected.halt, at: performance.now() };
    return projected;
  }

  async haltSeen(): Promise<Halt | null> {
    const { seen } = this;
    // A writer finds a halt no faster than this.
    return seen !== undefined && performance.now() - seen.at < STANDBY_MS ? seen.halt : (await this.projected()).halt;
  }

  /**
   * Projects up to the log's head if no other process does; then waits until `position` is projected by any process.
   * Errors: ProjectionHalted, WriterStuck, and the error of a database that can't write, also those of an attempt a
   * moment ago.
   */
  async catchUp(position?: number, options: { timeoutMs?: number } = {}): Promise<number> {
    const [target, at] = await Promise.all([position ?? this.log.head(), this.position()]);
    if (position === undefined && at > target) await this.assertSameLog();
    if (at >= target) return at;
    const deadline = performance.now() + (options.timeoutMs ?? 60_000);
    for (;;) {
      const done = await this.pass(target);
      const reached = done ?? (await this.position());
      if (reached >= target) return reached;
      if (performance.now() > deadline) throw new WriterStuck(reached, target);
      if (done !== undefined) continue;
      await this.writer.assertGoesOn(reached, target);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /**
   * One pass up to a position. Returns undefined if another process is the writer. This process runs one pass at a
   * time: later callers wait for it, and the next pass projects the newer events for all of them.
   */
  private async pass(target: number): Promise<number | undefined> {
    while (this.underWay !== undefined) {
      // Its failure goes to the caller that started the pass; the others try again.
      const reached = await this.underWay.catch(() => undefined);
      if (reached !== undefined && reached >= target) return reached;
    }
    this.underWay = this.projectTo(target).finally(() => {
      this.underWay = undefined;
    });
    return this.underWay;
  }

  /**
   * Projects until the signal aborts. While another process is the writer, it stands by, ready to take over. It reports
   * each trouble once: an event that can't be applied (until it is corrected or skipped), a database that is
   * unreachable, full or read-only. No event is lost: the checkpoint says where to continue.
   */
  async run(
    signal: AbortSignal,
    onProgress: (progress: Progress) => void = () => undefined,
    onTrouble: (error: Error) => void = () => undefined,
  ): Promise<void> {
    let reported: string | undefined;
    while (!signal.aborted) {
      try {
        await this.asWriter(async (client) => {
          await this.assertSameLog();
          // The lock ends with the connection, and another process may become the writer at once.
          const lost = new AbortController();
          client.once('end', () => {
            lost.abort();
          });
          const subscription = this.log.subscribe(await this.position(), {
            signal: AbortSignal.any([signal, lost.signal]),
          });
          for await (const batch of batched(subscription)) {
            try {
              const start = performance.now();
              const position = await this.apply(client, batch);
              onProgress({ position, head: await this.log.head(), batch, ms: performance.now() - start });
            } catch (error) {
              // Without this, leaving the loop would wait for the next event of the subscription while the lock is
              // held.
              lost.abort();
              throw error;
            }
            reported = undefined;
          }
        });
      } catch (error) {
        if (!(error instanceof Error) || !isTrouble(error)) throw error;
        if ((!(error instanceof LostWriter) || error instanceof OtherVersions) && error.message !== reported)
          onTrouble(error);
        reported = error.message;
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, STANDBY_MS));
    }
  }

  /** Runs the work with the writer's lock, unless another process has it. */
  private async asWriter(work: (client: pg.ClientBase) => Promise<void>): Promise<void> {
    await withClient(this.pool, async (client) => {
      const { rows } = await client.query<{ locked: boolean }>(
        `SELECT pg_try_advisory_lock(${writerLock(this.schema)}) AS locked`,
      );
      if (rows[0]?.locked !== true) return;
      try {
        await work(client);
      } finally {
        await client.query(`SELECT pg_advisory_unlock(${writerLock(this.schema)})`);
      }
    });
  }

  /**
   * Projects up to a position and not beyond. Returns the position reached, which is lower if the signal aborted;
   * undefined if another process is the writer.
   */
  async projectExactly(
    upTo: number,
    options: { signal?: AbortSignal; onBatch?: (position: number) => void } = {},
  ): Promise<number | undefined> {
    return this.projectTo(upTo, { ...options, upTo });
  }

  /** Returns the position reached, or undefined if another process is the writer. */
  private async projectTo(
    target: number,
    {
      upTo = Infinity,
      signal,
      onBatch,
    }: { upTo?: number; signal?: AbortSignal; onBatch?: (position: number) => void } = {},
  ): Promise<number | undefined> {
    let at = await this.position();
    if (at >= target) return at;
    if (performance.now() - this.comparedAt > STANDBY_MS) await this.assertSameLog();
    await this.assertNotStopped(at);
    return withClient(this.pool, async (client) => {
      try {
        // What follows the event of the last halt would be read in vain.
        if (this.haltedAt === at + 1)
          for await (const event of this.log.readAt([at + 1])) at = await this.apply(client, [event]);
        for await (const batch of batched(this.log.readAll(at))) {
          const within = batch.filter(({ position }) => position <= upTo);
          if (within.length > 0) at = await this.apply(client, within);
          onBatch?.(at);
          if (at >= target || signal?.aborted === true) break;
        }
        return at;
      } catch (error) {
        if (error instanceof LostWriter && !(error instanceof OtherVersions)) return undefined;
        const after = error instanceof ProjectionHalted ? error.position - 1 : isNotWritable(error) ? at : null;
        if (after !== null && error instanceof Error) this.stopped = { after, error, triedAt: performance.now() };
        throw error;
      }
    });
  }

  /**
   * Throws why the events after a position can't be projected, if this process tried a moment ago and nobody skipped
   * an event since. Otherwise every read and every command would try the same event again.
   */
  private async assertNotStopped(position: number): Promise<void> {
    const { stopped } = this;
    if (stopped?.after !== position || performance.now() - stopped.triedAt > STANDBY_MS) return;
    if (await this.skips.areCurrent()) throw stopped.error;
  }

  /**
   * One transaction: the rows of every projection and the checkpoint. If a batch fails, its events are applied one by
   * one to find the event. All projections skip the events that an operator decided to skip; the decisions are read
   * again before a halt.
   */
  private async apply(client: pg.ClientBase, stored: readonly StoredEvent[]): Promise<number> {
    await this.skips.readOnce();
    // By itself first: the rest of a batch with it was rolled back.
    if (stored.length > 1 && stored[0]?.position === this.haltedAt) {
      await this.apply(client, stored.slice(0, 1));
      return this.apply(client, stored.slice(1));
    }
    try {
      return await this.applyUnlessSkipped(client, stored);
    } catch (error) {
      if (!(error instanceof ProjectionHalted)) throw error;
      this.haltedAt = error.position;
      await this.skips.read();
      const rest = stored.filter(({ position }) => position >= error.position);
      if (rest[0] !== undefined && this.skips.has(rest[0])) return this.apply(client, rest);
      await this.pool.query(
        `UPDATE ${this.schema}.checkpoint SET halted = $1::jsonb || jsonb_build_object('at',` +
          ` to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))` +
          " WHERE position = $2 AND halted - 'at' IS DISTINCT FROM $1::jsonb",
        [JSON.stringify(error.halt), error.position - 1],
      );
      throw error;
    }
  }

  /** Events with very many readings. Their values are checked when they become rows. */
  private isBulk(type: string): boolean {
    return this.projections.some(({ bulk, handles }) => bulk !== undefined && handles.has(type));
  }

  private decoded(event: StoredEvent): RecordedEvent {
    if (isOwn(event)) return this.codec.decodeOwn(event);
    return this.isBulk(event.type) ? this.codec.decodeAsWritten(event) : this.codec.decode(event);
  }

  private async applyUnlessSkipped(client: pg.ClientBase, stored: readonly StoredEvent[]): Promise<number> {
    const events: RecordedEvent[] = [];
    for (const [index, event] of stored.entries()) {
      if (this.skips.has(event)) continue;
      try {
        events.push(this.decoded(event));
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        if (index > 0) await this.applyUnlessSkipped(client, stored.slice(0, index));
        throw new ProjectionHalted(event.position, 'codec', error);
      }
    }
    try {
      return await this.transaction(client, stored, events);
    } catch (error) {
      if (stored.length === 1 || error instanceof LostWriter || error instanceof OtherLog || isNotNow(error))
        throw error;
      let at = 0;
      for (const event of stored) at = await this.applyUnlessSkipped(client, [event]);
      return at;
    }
  }

  private async transaction(
    client: pg.ClientBase,
    stored: readonly StoredEvent[],
    events: readonly RecordedEvent[],
  ): Promise<number> {
    const [first, last] = [stored[0], stored.at(-1)];
    if (first === undefined || last === undefined) return this.position();
    const start = performance.now();
    const generation = await this.ensurePartitions(client, events, first.position);
    try {
      const after = first.position - 1;
      const [there] = await Promise.all([this.log.stampAt(after), this.begin(client, after, generation)]);
      await this.continuity.assert(client, after, generation, there);
      for (const projection of this.projections) {
        try {
          await projection.project(events, client);
        } catch (error) {
          if (isNotNow(error)) throw error;
          throw new ProjectionHalted(first.position, projection.name, error);
        }
      }
      const eventsPerSecond = Math.round((stored.length * 1000) / Math.max(performance.now() - start, 1));
      const isMoved = await moveCheckpoint(client, this.schema, {
        first,
        last,
        generation,
        versions: this.versions,
        eventsPerSecond,
      });
      if (!isMoved) await this.fenced(client);
      await client.query('COMMIT');
      this.continuity.projected(last, generation);
      return last.position;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      // After a failure nothing is assumed about the tables. Another writer is not a failure of the tables.
      if (!(error instanceof LostWriter)) this.known = undefined;
      throw error;
    }
  }

  /** Makes the missing partitions of a batch. Returns the generation of the read models that have them. */
  private async ensurePartitions(client: pg.ClientBase, events: readonly RecordedEvent[], at: number): Promise<string> {
    this.known ??= { generation: await generationOf(client, this.schema), partitions: new Set() };
    const { generation, partitions } = this.known;
    const unseen = this.projections
      .flatMap((projection) => haltedBy(at, projection.name, () => projection.partitions(events)))
      .filter(({ table, month }) => !partitions.has(`${table.name} ${month}`));
    await ensurePartitions(client, this.schema, unseen);
    for (const { table, month } of unseen) partitions.add(`${table.name} ${month}`);
    return generation;
  }

  /** The checkpoint is not the one at which the batch began: the read models were swapped, or are of other versions. */
  private async fenced(client: pg.ClientBase): Promise<never> {
    this.known = undefined;
    const now = await checkpointOf(client, this.schema);
    if (now !== undefined && now.versions !== this.versions) throw new OtherVersions(this.schema);
    throw new LostWriter(`The read models in ${this.schema} were swapped while a batch was being written.`);
  }

  /**
   * Begins the transaction of a batch as the only writer, in one round trip. Its commit does not wait for the disk:
   * after a crash of the machine, lost rows are projected again, and a later append waits for everything before it. The
   * checkpoint is locked from the start. So a swap waits for the batch, or the batch waits for the swap and then finds
   * another generation, whose partitions it does not know. Without the writer's lock it waits for neither.
   */
  private async begin(client: pg.ClientBase, after: number, generation: string): Promise<void> {
    const answers = (await client.query(
      `BEGIN; SET LOCAL search_path TO ${this.searchPath}; SET LOCAL synchronous_commit TO off;` +
        ` WITH writer AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(${writerLock(this.schema)}) AS locked)` +
        ' SELECT w.locked, c.position, c.generation FROM writer w LEFT JOIN LATERAL' +
        ` (SELECT position, generation FROM ${this.schema}.checkpoint WHERE w.locked FOR UPDATE) c ON true`,
    )) as unknown as readonly {
      readonly rows: readonly { readonly locked?: boolean; readonly position?: number; readonly generation?: string }[];
    }[];
    const checkpoint = answers.at(-1)?.rows[0];
    const isWriter = checkpoint?.locked === true;
    if (isWriter && checkpoint.generation !== generation) await this.fenced(client);
    if (!isWriter || checkpoint.position !== after)
      throw new LostWriter(`Another process projects into ${this.schema}: a batch after ${after} was left to it.`);
  }
}
