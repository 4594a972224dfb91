import type pg from 'pg';
import { errorOf } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import { isConnectionLost } from '#postgres/connection';
import { joinedTexts, textsIn } from '#postgres/joined-texts';
import { BatchLoader, READ_ALONE, sharedRead } from '#postgres/batch-loader';
import { type Append, checkedAppend } from './append.js';
import { Backoff } from './backoff.js';
import type { Bell } from './bell.js';
import { Batcher, type Outcome } from './batcher.js';
import { asOne, type Chain, chainsOf } from './chain.js';
import { CopierLock } from './copier-lock.js';
import type { ServerRecord } from './eventstoredb.record.js';
import type { Leaf } from './leaf.js';
import { leavesOf } from './postgres.leaves.js';
import { LogListener } from './postgres.listener.js';
import { RecentTexts } from './recent-texts.js';
import { type Int8, safeNumber } from './safe-number.js';
import {
  type Copied,
  copiedOf,
  copiesIn,
  type Copy,
  copyColumns,
  type Removal,
  removalsIn,
} from './postgres.copies.js';
import { passes } from './filter.js';
import { FILTERED, filterValues } from './postgres.filter.js';
import { type AnswerRow, type EventRow, outcomesOf, type Page, storedEvent } from './postgres.rows.js';
import { schemaSql } from './postgres.schema.js';
import { RECORDED_AT, stampIn } from './postgres.stamps.js';
import {
  type Appended,
  type EventFilter,
  type EventLog,
  type NewEvent,
  NO_STREAM,
  type StoredEvent,
  UnknownOutcome,
} from './port.js';

interface PostgresLogOptions {
  /** The schema of the log, which is also the channel of its notifications: a plain identifier. */
  readonly schema?: string;
}

const PLAIN_IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;
/** Any fixed number: migrations of the log wait for each other with this lock. */
const MIGRATION_LOCK = 5_061_727_368;
/** A page ends at the first of these limits. 2,000 events of 500 KiB would not fit in memory. */
const PAGE_ROWS = 2_000;
const PAGE_BYTES = 8 * 1024 * 1024;
/** Number of positions that one statement reads if a filter is set. */
const FILTERED_PAGE_POSITIONS = 20_000;
/** Interval in which a subscriber looks without a notification. */
const POLL_MS = 1_000;

/**
 * The log in its own Postgres schema. Positions are 1, 2, 3 … in commit order. `close` does not end the pool, which
 * belongs to the caller.
 */
export class PostgresLog implements EventLog {
  private readonly schema: string;
  private readonly batcher = new Batcher((appends) => this.write(appends));
  private readonly recent = new RecentTexts();
  private readonly revisions = new BatchLoader(async (streams: readonly string[]) => this.revisionsOf(streams));
  private readonly sources = new BatchLoader(async (positions: readonly number[]) =>
    this.positionsOfSources(positions),
  );
  private readonly readHead = sharedRead(async () => {
    const { rows } = await this.pool.query<{ position: Int8 }>(`select position from ${this.schema}.head`);
    return safeNumber(rows[0]?.position ?? '0');
  }, READ_ALONE);
  private readonly listener: LogListener;
  private readonly closing = new AbortController();

  constructor(
    private readonly pool: pg.Pool,
    options: PostgresLogOptions = {},
  ) {
    const schema = options.schema ?? 'ledgerline_log';
    if (!PLAIN_IDENTIFIER.test(schema))
      throw new Error(`${JSON.stringify(schema)} is not a plain identifier for the log's schema`);
    this.schema = schema;
    this.listener = new LogListener(pool.options, schema);
    if (!pool.listeners('error').includes(survive)) pool.on('error', survive);
  }

  /** Creates the schema, or updates it. Any number of processes may do so at the same time. */
  async migrate(): Promise<void> {
    // Several statements in one query are one transaction.
    await this.pool.query(`select pg_advisory_xact_lock(${MIGRATION_LOCK}); ${schemaSql(this.schema)}`);
  }

  /** Rings when the log has grown. */
  get bell(): Bell {
    this.listener.start();
    return this.listener.bell;
  }

  /** Whether the schema exists. */
  async exists(): Promise<boolean> {
    const { rows } = await this.pool.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [
      `${this.schema}.events`,
    ]);
    return rows[0]?.exists === true;
  }

  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    return this.batcher.add(checkedAppend(stream, expectedRevision, events));
  }

  async *read(stream: string, fromRevision = 0): AsyncIterable<StoredEvent> {
    for (let from = fromRevision; ;) {
      const where = 'stream = $1 and revision >= $2 and revision < $3';
      const { events, isCut } = await this.page(where, 'revision', [stream, from, from + PAGE_ROWS]);
      yield* events;
      const last = events.at(-1);
      if (last === undefined || !isCut) return;
      from = last.revision + 1;
    }
  }

  async *readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    if (filter !== undefined) {
      yield* this.range(after, await this.head(), filter);
      return;
    }
    // Positions are dense: a page that is not full ends at the head. A subscriber close to the head need not ask for
    // it.
    const end = after + PAGE_ROWS;
    const first = await this.positions(after, end, undefined);
    yield* first.events;
    if (first.events.length === PAGE_ROWS || first.done < end)
      yield* this.range(first.done, await this.head(), undefined);
  }

  async *subscribe(after: number, options: { signal: AbortSignal; filter?: EventFilter }): AsyncIterable<StoredEvent> {
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    const { bell } = this;
    const backoff = new Backoff();
    let last = after;
    while (!signal.aborted) {
      const seen = bell.rings;
      try {
        const head = await this.head();
        for await (const event of this.range(last, head, options.filter)) {
          if (signal.aborted) return;
          last = event.position;
          yield event;
        }
        last = Math.max(last, head);
        backoff.reset();
      } catch (error) {
        if (!isConnectionLost(error) || this.pool.ended) throw error;
        await backoff.wait(signal);
        continue;
      }
      await bell.wait(seen, signal, POLL_MS);
    }
  }

  async revisionOf(stream: string): Promise<number> {
    return this.revisions.load(stream);
  }

  async head(): Promise<number> {
    return this.readHead();
  }

  async positionAt(at: Instant): Promise<number> {
    const { rows } = await this.pool.query<{ position: Int8 }>(
      `select ${this.schema}.position_at($1::timestamptz) as position`,
      [at],
    );
    return safeNumber(rows[0]?.position ?? '0');
  }

  async *readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    const wanted = [...new Set(positions)].sort((a, b) => a - b);
    for (let from = 0; from < wanted.length;) {
      const { events, isCut } = await this.page('position = any ($1::bigint[])', 'position', [
        wanted.slice(from, from + PAGE_ROWS),
      ]);
      yield* events;
      const last = isCut ? events.at(-1)?.position : undefined;
      from = last === undefined ? from + PAGE_ROWS : wanted.indexOf(last) + 1;
    }
  }

  readonly stampAt = async (position: number) => stampIn(this.pool, this.schema, position);

  /** The bytes of events that are hashed, in (after, upTo] or all, in the order of their positions. */
  leaves(range?: { readonly after: number; readonly upTo: number }): AsyncIterable<Leaf[]> {
    return leavesOf(this.pool, this.schema, range);
  }

  /** Waits for the appends in progress, and ends the subscriptions. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.batcher.idle();
    await this.listener.stop();
  }

  // As the mirror of another log: its events get dense positions, and each keeps its position in the source.

  /**
   * Copies what the source has, in its order. `position` is the position there. `after`: nothing of the source is
   * missing between this position and the first record; refused if the mirror ends before it. What is already copied is
   * skipped, so a batch may be sent again. An event that is not text is kept as bytes, beside the event that stands for
   * it. Refused if the log has its own events, or if the source repeats a revision. Returns what was copied.
   */
  async appendMirrored(records: readonly ServerRecord[], after = 0): Promise<readonly Copied[]> {
    if (records.length === 0) return [];
    const query = `select ${this.schema}.append_mirrored($1::bigint, $2::bigint[], $3::text[], $4::bigint[],
      $5::uuid[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
      $10::bigint[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bigint[], $15::text[]) as positions`;
    const { rows } = await this.settled(() =>
      this.pool.query<{ positions: readonly Int8[] }>(query, [after, ...copyColumns(records)]),
    );
    return copiedOf(records, rows[0]?.positions ?? []);
  }

  /** The lock of the process that copies. See CopierLock. */
  copierLock(onLost: () => void): CopierLock {
    return new CopierLock(this.pool.options, `mirror of ${this.schema}`, onLost);
  }

  /** The source position of the last copied event. 0 if there is none. */
  async lastSourcePosition(): Promise<number> {
    const { rows } = await this.pool.query<{ source_position: Int8 | null }>(
      `select source_position from ${this.schema}.head`,
    );
    return safeNumber(rows[0]?.source_position ?? '0');
  }

  /** What was copied, in order, with its position in the source. */
  async *copies(): AsyncIterable<{ readonly sourcePosition: number; readonly event: StoredEvent }> {
    const head = await this.head();
    for (let at = 0; at < head;) {
      const { events, done, sources } = await this.positions(at, head, undefined);
      for (const [index, event] of events.entries()) {
        const sourcePosition = sources[index] ?? null;
        if (sourcePosition !== null) yield { sourcePosition, event };
      }
      at = done;
    }
  }

  /** The first or the last events that were copied. */
  async someCopies(which: 'first' | 'last', count: number): Promise<readonly Copy[]> {
    return copiesIn(this.pool, this.schema, which, count);
  }

  /** What the source removed, as far as the mirror noticed. */
  async removals(): Promise<readonly Removal[]> {
    return removalsIn(this.pool, this.schema);
  }

  /** The position here, and the id, of the event at a source position. undefined: not copied (yet). */
  async copyOf(sourcePosition: number): Promise<Omit<Copied, 'sourcePosition'> | undefined> {
    return this.sources.load(sourcePosition);
  }

  private async positionsOfSources(
    sources: readonly number[],
  ): Promise<readonly ({ readonly position: number; readonly id: string } | undefined)[]> {
    const { rows } = await this.pool.query<{ position: Int8; source_position: Int8; event_id: string }>(
      `select position, source_position, event_id from ${this.schema}.events where source_position = any ($1)`,
      [sources],
    );
    const known = new Map(
      rows.map((row) => [safeNumber(row.source_position), { position: safeNumber(row.position), id: row.event_id }]),
    );
    return sources.map((source) => known.get(source));
  }

  private async revisionsOf(streams: readonly string[]): Promise<readonly number[]> {
    const { rows } = await this.pool.query<{ name: string; revision: Int8 }>(
      `select name, revision from ${this.schema}.streams where name = any ($1)`,
      [streams],
    );
    const known = new Map(rows.map(({ name, revision }) => [name, safeNumber(revision)]));
    return streams.map((stream) => known.get(stream) ?? NO_STREAM);
  }

  private async write(appends: readonly Append[]): Promise<readonly Outcome[]> {
    // A reader may have an event before this process has the answer to its append.
    this.recent.add(appends.flatMap(({ events }) => events));
    let outcomes: readonly Outcome[] = [];
    try {
      outcomes = await this.decided(chainsOf(appends));
      return outcomes;
    } finally {
      const failed = appends.filter((_append, n) => outcomes[n] === undefined || outcomes[n] instanceof Error);
      this.recent.forget(failed.flatMap(({ events }) => events.map(({ id }) => id)));
    }
  }

  /** One outcome for each append, in the order of the chains. */
  private async decided(chains: readonly Chain[]): Promise<readonly Outcome[]> {
    const answers = await this.request(chains.map(asOne));
    const outcomes: Outcome[] = [];
    for (const [n, chain] of chains.entries()) {
      const answer = answers[n];
      const isOne = chain.length === 1 || answer?.answer === 'appended';
      // Nothing of a chain was written that was not appended as one: which of its appends are repeated, or in conflict?
      outcomes.push(...(isOne ? outcomesOf(chain, answer) : await this.oneByOne(chain)));
    }
    return outcomes;
  }

  /** A failure is only the outcome of its append: others of the batch are recorded. */
  private async oneByOne(chain: Chain): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const append of chain) {
      const answered = this.request([append]).then(([row]) => outcomesOf([append], row));
      outcomes.push(...(await answered.catch((error: unknown) => [errorOf(error)])));
    }
    return outcomes;
  }

  /** Each append is to another stream. */
  private async request(appends: readonly Append[]): Promise<readonly AnswerRow[]> {
    const events = appends.flatMap(({ events: own }, n) =>
      own.map((event, i) => ({ event, append: n + 1, place: i + 1 })),
    );
    const columns = [
      appends.map((append) => append.stream),
      appends.map((append) => append.expectedRevision),
      appends.map((append) => append.events.length),
      events.map(({ append }) => append),
      events.map(({ place }) => place),
      events.map(({ event }) => event.id),
      events.map(({ event }) => event.type),
      ...joinedTexts(events.map(({ event }) => event.data)),
      ...joinedTexts(events.map(({ event }) => event.metadata)),
    ];
    const query = `select * from ${this.schema}.append($1::text[], $2::bigint[], $3::integer[], $4::integer[],
      $5::integer[], $6::uuid[],
      $7::text[], ${textsIn('$8', '$9')}, ${textsIn('$10', '$11')})`;
    const { rows } = await this.settled(() => this.pool.query<AnswerRow>(query, columns));
    return rows;
  }

  /** The outcome of a write is unknown if its connection breaks: the commit may have come before. */
  private async settled<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      throw new UnknownOutcome('the connection to the log broke before it answered', { cause: error });
    }
  }

  /** The events in (after, upTo]. The next page is fetched while the current page is used. */
  private async *range(after: number, upTo: number, filter: EventFilter | undefined): AsyncIterable<StoredEvent> {
    const fetch = (from: number): Promise<Positions> => {
      const page = this.positions(from, upTo, filter);
      // A caller that waits for it gets the error. If nobody waits any more, it must not end the process.
      page.catch(() => undefined);
      return page;
    };
    let next = after < upTo ? fetch(after) : undefined;
    while (next !== undefined) {
      const { events, done } = await next;
      next = done < upTo ? fetch(done) : undefined;
      yield* filter?.actors === undefined ? events : events.filter((event) => passes(event, filter));
    }
  }

  /**
   * The events at the next positions, up to `upTo`. Positions are dense, so a range of positions limits the page. With
   * a LIMIT only, a planner without fresh statistics would sort the rest of the log for each page.
   */
  private async positions(after: number, upTo: number, filter: EventFilter | undefined): Promise<Positions> {
    const end = Math.min(upTo, after + (filter === undefined ? PAGE_ROWS : FILTERED_PAGE_POSITIONS));
    const page = await this.page(FILTERED, 'position', [after, end, ...filterValues(filter)]);
    const last = page.events.at(-1);
    return { ...page, done: page.isCut && last !== undefined ? last.position : end };
  }

  private async page(where: string, order: 'position' | 'revision', parameters: readonly unknown[]): Promise<Page> {
    const known = this.recent.all();
    const { rows } = await this.pool.query<EventRow>(
      `select position, stream, revision, event_id, type,
         case when event_id = any ($${parameters.length + 1}::uuid[]) then null else data end as data, metadata,
         page_bytes, source_position, ${RECORDED_AT} as recorded_at
       from (
         select e.*, octet_length(data) + octet_length(metadata) as bytes,
           sum(octet_length(data) + octet_length(metadata)) over (order by ${order} rows unbounded preceding) as
             page_bytes
         from ${this.schema}.events e
         where ${where}
         order by ${order}
         limit ${PAGE_ROWS}
       ) page
       where page_bytes - bytes < ${PAGE_BYTES}
       order by ${order}`,
      [...parameters, [...known.keys()]],
    );
    const isCut = rows.length === PAGE_ROWS || safeNumber(rows.at(-1)?.page_bytes ?? '0') >= PAGE_BYTES;
    const sources = rows.map(({ source_position: source }) => (source === null ? null : safeNumber(source)));
    this.recent.forget(rows.map(({ event_id: id }) => id));
    return { events: rows.map((row) => storedEvent(row, known)), sources, isCut };
  }
}

interface Positions extends Pick<Page, 'events' | 'sources'> {
  /** The last position that was read. */
  readonly done: number;
}

/**
 * Without a listener, a broken idle connection would end the process, even while the pool closes. The pool opens new
 * connections by itself.
 */
const survive = (): void => undefined;
