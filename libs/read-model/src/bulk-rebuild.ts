import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import { eventHash } from '#event-store/leaf';
import type { EventLog, StoredEvent } from '#event-store/port';
import { isNotNow } from '#postgres/connection';
import { batched } from './batches.js';
import {
  COPY,
  createProgress,
  dropProgress,
  FINISH,
  isDone,
  MAIN,
  markDone,
  type Range,
  rangesDone,
} from './bulk-progress.js';
import { CopyLines } from './copy.js';
import { distribute, isCoordinator } from './distributed.js';
import { ensurePartitions, type Partition, partitionsOf } from './partitions.js';
import { createWhereMonthIs } from './stored-months.js';
import type { Projection } from './projection.js';
import { ProjectionHalted } from './halted.js';
import { markAt } from './same-log.js';
import { skippedPositions } from './skips.js';
import { createIndexesSql, createTableSql, currentIndexSql, furtherIndexesSql, type TableDefinition } from './table.js';

/** How many copies run at once: while one waits for the server, the lines of the other are made. */
const COPY_LANES = 2;
const INDEX_LANES = 2;
/** Bytes of the log's text. The running batches are in memory. */
const BATCH_BYTES = 2 * 1024 * 1024;
/** New tables have no statistics yet, and without them the planner would read a whole table for each look-up. */
const BY_INDEX = 'SET LOCAL enable_seqscan TO off';
/** The indexes that a table needs while it is filled. The other indexes are made at the end. */
export function indexesBefore(projections: readonly Projection[]): (table: TableDefinition) => readonly string[] {
  const bulk = new Set(bulkTables(projections).map(({ name }) => name));
  return (table) =>
    bulk.has(table.name) ? [] : table.readByItsOwn === true ? [currentIndexSql(table)] : createIndexesSql(table);
}

/** `partition`: what it indexes. null: a whole table. */
interface Statement {
  readonly sql: string;
  readonly partition: string | null;
}
const statementsOf = (sql: readonly string[], partition: string | null = null): Statement[] =>
  sql.map((each) => ({ sql: each, partition }));

/** Tables that are filled by COPY and indexed afterwards. */
const bulkTables = (projections: readonly Projection[]): readonly TableDefinition[] =>
  projections.flatMap(({ bulk, tables }) => (bulk === undefined ? [] : tables));

/** Makes the tables that exist only until the rebuild is done: its progress, and the staging tables. */
export async function prepareBulkRebuild(
  client: pg.ClientBase,
  schema: string,
  projections: readonly Projection[],
): Promise<void> {
  await createProgress(client, schema);
  await client.query(`SET LOCAL search_path TO ${schema}`);
  const isDistributing = await isCoordinator(client);
  for (const table of projections.flatMap(({ bulk }) => bulk?.staging ?? [])) {
    await client.query(createTableSql(table));
    if (isDistributing) await distribute(client, schema, table);
  }
}

export interface BulkProgress {
  readonly phase: 'fill' | 'index';
  readonly position: number;
}

interface BulkRebuildOptions {
  readonly log: EventLog;
  readonly pool: pg.Pool;
  readonly projections: readonly Projection[];
  readonly schema: string;
  readonly searchPath: string;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: BulkProgress) => void;
}

interface Prepared {
  readonly stored: readonly StoredEvent[];
  readonly events: readonly RecordedEvent[];
  readonly range: Range;
  readonly lines: CopyLines;
  readonly partitions: readonly Partition[];
  /** Of the last event. */
  readonly hash: string;
}

function hashOf(stored: readonly StoredEvent[], position: number): string {
  const event = stored.find((each) => each.position === position);
  if (event === undefined) throw new Error(`the batch has no event at position ${position}`);
  return eventHash(event);
}

/**
 * Fills empty read models from the log as fast as the database accepts rows. The large tables are filled by COPY, in
 * any order, without indexes and without look-ups. All others are filled in the order of the log, as live. Then come
 * the indexes. Each transaction records its positions, so that a rebuild that was killed continues and applies no event
 * twice.
 */
export class BulkRebuild {
  private readonly codec = new EventCodec();
  private skipped: ReadonlySet<number> = new Set();
  private mainDone = 0;
  private copied: readonly Range[] = [];
  /** Partitions that exist or are being made. No other process makes or removes partitions here. */
  private readonly months = new Map<string, Promise<void>>();

  constructor(private readonly options: BulkRebuildOptions) {}

  /**
   * Up to a log position: to the one where it finished, if an earlier run did. Returns false if the signal aborted; the
   * finished work is kept. Errors: ProjectionHalted.
   */
  async run(target: number): Promise<boolean> {
    const { pool, schema, onProgress } = this.options;
    this.skipped = await skippedPositions(this.options.log);
    await this.readMarks();
    if (!(await this.fill(target))) return false;
    onProgress({ phase: 'index', position: target });
    await this.finish(target);
    await this.index();
    await this.inTransaction(async (client) => {
      const { eventHash: hash, log } = await markAt(this.options.log, target);
      await client.query(
        `UPDATE ${schema}.checkpoint SET position = $1, moved_at = clock_timestamp(), event_hash = $2, log = $3`,
        [target, hash, log],
      );
      for (const table of this.options.projections.flatMap(({ bulk }) => bulk?.staging ?? []))
        await client.query(`DROP TABLE ${schema}.${table.name}`);
      await dropProgress(client, schema);
    });
    await pool.query(
      this.tables()
        .map(({ name }) => `ANALYZE ${schema}.${name}`)
        .join('; '),
    );
    return true;
  }

  private tables(): readonly TableDefinition[] {
    return this.options.projections.flatMap(({ tables }) => tables);
  }

  private async readMarks(): Promise<void> {
    const { main, copied } = await rangesDone(this.options.pool, this.options.schema);
    this.mainDone = main;
    this.copied = copied;
  }

  private isCopied(position: number): boolean {
    return this.copied.some(({ first, last }) => position >= first && position <= last);
  }

  /** The position up to which both lanes are done without a gap. */
  private resumeFrom(): number {
    const [whole] = this.copied;
    return whole === undefined || whole.first > 1 ? 0 : Math.min(this.mainDone, whole.last);
  }

  private async fill(target: number): Promise<boolean> {
    const { log, signal, onProgress } = this.options;
    const from = this.resumeFrom();
    if (from >= target) return true;
    let main: Promise<unknown> = Promise.resolve();
    const lanes: Promise<unknown>[] = Array.from({ length: COPY_LANES }, () => Promise.resolve());
    let turn = 0;
    try {
      for await (const batch of batched(log.readAll(from), BATCH_BYTES)) {
        const stored = batch.filter(({ position }) => position <= target);
        const [first, last] = [stored[0], stored.at(-1)];
        if (first === undefined || last === undefined || signal?.aborted === true) break;
        const prepared = this.prepared(stored, { first: first.position, last: last.position });
        await lanes[turn];
        lanes[turn] = handled(this.copy(prepared));
        turn = (turn + 1) % COPY_LANES;
        await main;
        main = handled(this.project(prepared));
        onProgress({ phase: 'fill', position: last.position });
      }
    } finally {
      await Promise.allSettled([main, ...lanes]);
    }
    await Promise.all([main, ...lanes]);
    return signal?.aborted !== true;
  }

  /**
   * The batch for both lanes. Rows of the large tables become lines at once; they are not kept in memory as objects.
   */
  private prepared(stored: readonly StoredEvent[], range: Range): Prepared {
    const [lines, partitions] = [new CopyLines(), new Map<string, Partition>()];
    const bulk = this.options.projections.filter((projection) => projection.bulk !== undefined);
    const events = stored
      .filter(({ position }) => !this.skipped.has(position))
      .map((each) => {
        const projection = bulk.find(({ handles }) => handles.has(each.type));
        if (projection === undefined) return this.decoded(each);
        const event = this.decodedAsWritten(each);
        if (!this.isCopied(each.position)) addRows(projection, event, lines, partitions);
        return lazily(event, () => this.decodedAsWritten(each).data);
      });
    return { stored, events, range, lines, partitions: [...partitions.values()], hash: hashOf(stored, range.last) };
  }

  private decoded(stored: StoredEvent): RecordedEvent {
    return this.read(stored, () => this.codec.decode(stored));
  }

  /** The values are checked when the lines are made, and by the server. */
  private decodedAsWritten(stored: StoredEvent): RecordedEvent {
    return this.read(stored, () => this.codec.decodeAsWritten(stored));
  }

  private read(stored: StoredEvent, decode: () => RecordedEvent): RecordedEvent {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      throw new ProjectionHalted(stored.position, 'codec', error);
    }
  }

  private async copy(batch: Prepared): Promise<void> {
    if (batch.stored.every(({ position }) => this.isCopied(position))) return;
    try {
      await this.copyLines(batch);
    } catch (error) {
      if (isNotNow(error)) throw error;
      throw await this.culprit(batch, error);
    }
  }

  private async copyLines({ lines, partitions, range, hash }: Prepared, keep = true): Promise<void> {
    await this.partitions(partitions);
    await this.inTransaction(async (client) => {
      await lines.copy(client);
      if (!keep) throw new Trial();
      await markDone(client, this.options.schema, COPY, range, hash);
    });
  }

  /** The first event whose rows the server refuses. Each event is tried alone, and rolled back. */
  private async culprit({ stored }: Prepared, cause: unknown): Promise<unknown> {
    for (const event of stored) {
      const failure = await this.copyLines(
        this.prepared([event], { first: event.position, last: event.position }),
        false,
      ).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!(failure instanceof Trial)) return new ProjectionHalted(event.position, 'copy', failure);
    }
    return cause;
  }

  private async project({ stored, events, range, hash }: Prepared): Promise<void> {
    if (range.last <= this.mainDone) return;
    const fresh = events.filter(({ position }) => position > this.mainDone);
    try {
      await this.projectAtOnce(fresh, range, hash);
    } catch (error) {
      if (isNotNow(error) || fresh.length <= 1) throw error;
      // One by one: the events before the failing one are kept, and the error names the failing one.
      for (const event of fresh) {
        const { position } = event;
        await this.projectAtOnce([event], { first: position, last: position }, hashOf(stored, position));
      }
    }
  }

  private async projectAtOnce(events: readonly RecordedEvent[], range: Range, hash: string): Promise<void> {
    await this.inTransaction(async (client) => {
      await client.query(BY_INDEX);
      for (const projection of this.options.projections) {
        if (projection.bulk !== undefined) continue;
        await this.projectInto(client, projection, events);
      }
      await markDone(client, this.options.schema, MAIN, range, hash);
    });
  }

  private async projectInto(
    client: pg.ClientBase,
    projection: Projection,
    events: readonly RecordedEvent[],
  ): Promise<void> {
    const [first] = events;
    if (first === undefined) return;
    try {
      await projection.project(events, client);
    } catch (error) {
      if (isNotNow(error)) throw error;
      throw new ProjectionHalted(first.position, projection.name, error);
    }
  }

  /**
   * First tables and partitions, in parallel; then the partitioned tables, which use the indexes of their partitions.
   */
  private async index(): Promise<void> {
    const { pool, schema } = this.options;
    const parts: Statement[] = this.tables().flatMap((table) =>
      table.readByItsOwn === true ? statementsOf(furtherIndexesSql(table)) : [],
    );
    const wholes: Statement[] = [];
    for (const table of bulkTables(this.options.projections)) {
      if (table.byMonthOf === undefined) parts.push(...statementsOf(createIndexesSql(table)));
      else {
        parts.push(
          ...(await partitionsOf(pool, schema, table.name)).flatMap((partition) =>
            statementsOf(createIndexesSql(table, partition), partition),
          ),
        );
        wholes.push(...statementsOf(createIndexesSql(table)));
      }
    }
    await this.execute(parts, INDEX_LANES);
    await this.execute(wholes, 1);
  }

  private async execute(statements: readonly Statement[], lanes: number): Promise<void> {
    const queue = statements.values();
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        for (const { sql, partition } of queue)
          await this.inTransaction(async (client) => {
            // Each by itself: Citus sends the text of the query to its nodes.
            await client.query("SET LOCAL maintenance_work_mem TO '128MB'");
            if (partition !== null) await createWhereMonthIs(client, partition);
            await client.query(sql);
          });
      }),
    );
  }

  /** Both lanes may need the same partition: the second lane waits until the first has made it. */
  private async partitions(partitions: readonly Partition[]): Promise<void> {
    await Promise.all(
      partitions.map(async (partition) => {
        const name = `${partition.table.name} ${partition.month}`;
        const made = this.months.get(name) ?? handled(this.makePartition(partition));
        this.months.set(name, made);
        await made;
      }),
    );
  }

  private async makePartition(partition: Partition): Promise<void> {
    const client = await this.options.pool.connect();
    try {
      await ensurePartitions(client, this.options.schema, [partition]);
    } finally {
      client.release();
    }
  }

  /** Applies what needs all rows, once, even if the rebuild is interrupted and continued. */
  private async finish(target: number): Promise<void> {
    await this.inTransaction(async (client) => {
      if (await isDone(client, this.options.schema, FINISH)) return;
      for (const { bulk } of this.options.projections) await bulk?.finish(client);
      await markDone(client, this.options.schema, FINISH, { first: 0, last: target }, null);
    });
  }

  private async inTransaction(work: (client: pg.ClientBase) => Promise<void>): Promise<void> {
    const client = await this.options.pool.connect();
    let isBroken = false;
    try {
      await client.query(
        `BEGIN; SET LOCAL search_path TO ${this.options.searchPath}; SET LOCAL synchronous_commit TO off`,
      );
      await work(client);
      await client.query('COMMIT');
    } catch (error) {
      isBroken = await client.query('ROLLBACK').then(
        () => false,
        () => true,
      );
      throw error;
    } finally {
      client.release(isBroken);
    }
  }
}

/** Ends a transaction that only tests whether its rows are accepted. */
class Trial extends Error {}

function addRows(
  projection: Projection,
  event: RecordedEvent,
  lines: CopyLines,
  partitions: Map<string, Partition>,
): void {
  try {
    projection.bulk?.rows(event, lines);
    for (const partition of projection.partitions([event]))
      partitions.set(`${partition.table.name} ${partition.month}`, partition);
  } catch (error) {
    throw new ProjectionHalted(event.position, projection.name, error);
  }
}

/** The event, whose data is read again on access, which is rare. */
function lazily(event: RecordedEvent, data: () => unknown): RecordedEvent {
  const { data: _read, ...rest } = event;
  return Object.defineProperty({ ...rest }, 'data', { get: data, enumerable: true }) as RecordedEvent;
}

/** A promise that is awaited later. Until then its failure must not end the process as unhandled. */
function handled<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return promise;
}
