import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import type { Instant } from '#domain/time/instant';
import { EventCodec } from '#event-store/codec';
import { passes } from '#event-store/filter';
import {
  type Appended,
  type EventFilter,
  type EventLog,
  NO_STREAM,
  type NewEvent,
  type Stamp,
  type StoredEvent,
  WrongExpectedRevision,
} from '#event-store/port';
import { ensurePartitions } from '#read-model/partitions';
import type { Projected, Projecting, Projection } from '#read-model/projection';
import { readPosition } from '#projections/checkpoint.read';
import { READ_MODELS, readModels } from '#projections/database';
import { LedgerCore } from '#ledger/ledger-core';

/**
 * The ledger with commands carried out that are not kept. The same code executes and projects them, in a transaction
 * that is rolled back at the end. Their events reach no log, and no other user of the ledger sees them.
 */
export interface Trial {
  readonly core: LedgerCore;
  /** The log position that the trial starts from. */
  readonly from: number;
  /** The events that were appended to the trial, in order. */
  events(): readonly RecordedEvent[];
}

/** Runs work on a trial that starts from what is projected now. `now`: the recording time of the trial's events. */
export async function onTrial<Result>(
  core: LedgerCore,
  now: Instant,
  work: (trial: Trial) => Promise<Result>,
): Promise<Result> {
  await core.projector.catchUp();
  const pool = core.trialPool();
  try {
    // One connection and one snapshot: what others record during the trial is not in it.
    await pool.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const from = await readPosition(readModels(pool));
    const log = new TrialLog(core.log, from, now);
    const projector = new TrialProjector(log, pool, core.projector.list(), from, core.pool);
    const parts = { locks: null, trialPool: core.trialPool, rebuilder: null, tree: null, verify: null, mirror: null };
    const trial = new LedgerCore(log, projector, pool, parts, core.keptSeller.configured, core.usageYears);
    return await work({ core: trial, from, events: () => log.captured.map((event) => projector.decoded(event)) });
  } finally {
    await pool.query('ROLLBACK').catch(() => undefined);
    await pool.end();
  }
}

/** The log up to a position, followed by the events of the trial, which are not stored. */
class TrialLog implements EventLog {
  readonly captured: StoredEvent[] = [];
  constructor(
    private readonly log: EventLog,
    private readonly from: number,
    private readonly now: Instant,
  ) {}

  async append(stream: string, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended> {
    const actual = await this.revisionOf(stream);
    if (actual !== expectedRevision) throw new WrongExpectedRevision(stream, expectedRevision, actual);
    for (const [index, event] of events.entries()) {
      const position = this.from + this.captured.length + 1;
      this.captured.push({ ...event, stream, revision: expectedRevision + 1 + index, position, recordedAt: this.now });
    }
    return { revision: expectedRevision + events.length, position: await this.head() };
  }

  async *read(stream: string, fromRevision = 0): AsyncIterable<StoredEvent> {
    for await (const event of this.log.read(stream, fromRevision)) if (event.position <= this.from) yield event;
    yield* this.captured.filter((event) => event.stream === stream && event.revision >= fromRevision);
  }

  async *readAll(after: number, filter?: EventFilter): AsyncIterable<StoredEvent> {
    for await (const event of this.log.readAll(after, filter)) if (event.position <= this.from) yield event;
    yield* this.captured.filter((event) => event.position > after && passes(event, filter));
  }

  async revisionOf(stream: string): Promise<number> {
    const last = this.captured.findLast((event) => event.stream === stream);
    if (last !== undefined) return last.revision;
    let revision = await this.log.revisionOf(stream);
    // What others appended to the stream after the start does not count.
    while (revision > NO_STREAM && (await this.positionIn(stream, revision)) > this.from) revision -= 1;
    return revision;
  }

  private async positionIn(stream: string, revision: number): Promise<number> {
    for await (const { position } of this.log.read(stream, revision)) return position;
    return 0;
  }

  async head(): Promise<number> {
    return this.from + this.captured.length;
  }

  async positionAt(at: Instant): Promise<number> {
    return Math.min(await this.log.positionAt(at), this.from);
  }

  async *readAt(positions: readonly number[]): AsyncIterable<StoredEvent> {
    yield* this.log.readAt(positions.filter((position) => position <= this.from));
    yield* this.captured.filter(({ position }) => positions.includes(position));
  }

  async stampAt(position: number): Promise<Stamp | undefined> {
    return position > this.from ? this.captured[position - this.from - 1] : this.log.stampAt(position);
  }

  subscribe(): never {
    throw new Error('a trial is over before anything could follow');
  }

  async close(): Promise<void> {
    // The log belongs to the ledger, and stays open.
  }
}

/** Projects the events of the trial, within its transaction. The checkpoint does not move. */
class TrialProjector implements Projecting {
  private readonly codec = new EventCodec();
  private done = 0;
  constructor(
    private readonly log: TrialLog,
    private readonly pool: pg.Pool,
    private readonly projections: readonly Projection[],
    private readonly from: number,
    /** The ledger's own pool. A partition that the trial's transaction makes would block others who make it. */
    private readonly outside: pg.Pool,
  ) {}

  decoded(event: StoredEvent): RecordedEvent {
    return this.codec.decode(event);
  }

  list(): readonly Projection[] {
    return this.projections;
  }

  async position(): Promise<number> {
    return this.from + this.done;
  }

  async projected(): Promise<Projected> {
    return { position: await this.position(), halt: null };
  }

  async haltSeen(): Promise<null> {
    return null;
  }

  async catchUp(): Promise<number> {
    const events = this.log.captured.slice(this.done).map((event) => this.decoded(event));
    this.done += events.length;
    if (events.length > 0) {
      await this.preparePartitions(events);
      const client = await this.pool.connect();
      try {
        for (const projection of this.projections) await projection.project(events, client);
      } finally {
        client.release();
      }
    }
    return this.position();
  }

  private async preparePartitions(events: readonly RecordedEvent[]): Promise<void> {
    const partitions = this.projections.flatMap((projection) => projection.partitions(events));
    const client = await this.outside.connect();
    try {
      await ensurePartitions(client, READ_MODELS, partitions);
    } finally {
      client.release();
    }
  }

  async run(): Promise<never> {
    throw new Error('a trial does not follow the log: it projects only when catchUp is called');
  }
}
