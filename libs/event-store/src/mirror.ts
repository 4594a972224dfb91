import { eventSchemas } from '#domain/events';
import type { Instant } from '#domain/time/instant';
import { isConnectionLost, isNotNow, isNotWritable } from '#postgres/connection';
import { Backoff } from './backoff.js';
import { Bell } from './bell.js';
import type { CopierLock } from './copier-lock.js';
import { Arriving } from './arriving.js';
import type { EventStoreDbLog } from './eventstoredb.js';
import type { ServerRecord } from './eventstoredb.record.js';
import { assertNoOverlap } from './overlap.js';
import { UnknownOutcome } from './port.js';
import type { Copied, Copy } from './postgres.copies.js';
import type { PostgresLog } from './postgres.js';

/**
 * While more is arriving, writes begin at least so long after each other. Many small ones would take several times as
 * much of both processors, and each of them wakes whoever follows the log.
 */
const PACE_MS = 10;
/** Appends under way. So few never wait for each other. */
const FEW = 3;

/** How often a process that does not copy looks whether it is to. */
const STANDBY_MS = 1_000;
/** How long a process copies without the lock, when the one that has it is stuck. */
const STEP_IN_MS = 30_000;

/** Writes are refused meanwhile: it tries again after this time at the latest. */
const REFUSED_MS = 500;

export interface MirrorState {
  /** The source has what was copied, and had no event of ours after this position then. null: not compared. */
  readonly comparedUpTo: number | null;
  /** This process copies what comes after this position. null: another one does. */
  readonly copiesAfter: number | null;
  readonly notWritable: NotWritable | null;
}

/** Nothing can be copied at present: the disk is full, or the database is read-only. */
export interface NotWritable {
  readonly error: Error;
  /** The first events that could not be copied: when one was recorded, and where the source has them. null: none. */
  readonly since: Instant | null;
  readonly position: number | null;
}

const NOTHING = { since: null, position: null };

interface MirrorOptions {
  readonly signal: AbortSignal;
  readonly onState?: (state: MirrorState) => void;
  /** What this process copied, up to a position of the source. */
  readonly onCopied?: (copied: readonly Copied[], upTo: number) => void;
  /** How many appends of this process wait for their copies. */
  readonly inFlight?: () => number;
  /** Rings when a copy is late, so that this process copies, too. */
  readonly late?: Bell;
}

/**
 * Copies all events of EventStoreDB into the Postgres log, in order, each exactly once, until the signal aborts. It
 * continues where an earlier run ended. Of several mirrors one copies, and the others stand by. What the server removed
 * before it was copied gets an event that stands for it. Errors: it ends with an error if the source repeats a revision
 * of a stream, because it is another log then.
 */
export async function mirrorLog(source: EventStoreDbLog, target: PostgresLog, options: MirrorOptions): Promise<void> {
  const { signal } = options;
  const mirroring = new Mirroring(source, target, options);
  const backoff = new Backoff();
  while (!signal.aborted) {
    const attempt = new AbortController();
    const ending = AbortSignal.any([signal, attempt.signal]);
    const lock = target.copierLock(() => {
      if (attempt.signal.aborted) return;
      attempt.abort();
      mirroring.isLost();
    });
    try {
      await mirroring.run(lock, ending, () => backoff.reset());
    } catch (error) {
      // The target says how far it is. Events that it did not store are read again.
      if (!(error instanceof UnknownOutcome || isNotNow(error))) throw error;
      mirroring.failed(error);
    } finally {
      attempt.abort();
      await lock.release();
    }
    mirroring.isLost();
    await backoff.wait(signal, mirroring.isRefused ? REFUSED_MS : undefined);
  }
}

class Mirroring {
  private state: MirrorState = { comparedUpTo: null, copiesAfter: null, notWritable: null };
  /** What is being copied. */
  private copying: Pick<NotWritable, 'since' | 'position'> = NOTHING;

  constructor(
    private readonly source: EventStoreDbLog,
    private readonly target: PostgresLog,
    private readonly options: MirrorOptions,
  ) {}

  /** When the server is back, it may be another one, and so may the database. */
  isLost(): void {
    this.become({ comparedUpTo: null, copiesAfter: null });
  }

  get isRefused(): boolean {
    return this.state.notWritable !== null;
  }

  failed(error: unknown): void {
    if (error instanceof Error && isNotWritable(error)) this.become({ notWritable: { error, ...this.copying } });
  }

  /** Compares, waits for its turn, and copies. */
  async run(lock: CopierLock, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const { source, target } = this;
    // Before anything is read: from now on it is noticed if the database restarts.
    const isTurn = await fromMirror(() => lock.take());
    const compared = await fromMirror(() => target.lastSourcePosition());
    await assertSameSource(source, target, compared);
    const comparedUpTo = await source.head();
    if (signal.aborted) return;
    this.become({ comparedUpTo, ...(comparedUpTo <= compared ? { notWritable: null } : {}) });
    const hasLock = isTurn || (await this.standBy(lock, compared, signal));
    if (signal.aborted) return;
    const copiesAfter = await fromMirror(() => target.lastSourcePosition());
    this.become({ copiesAfter });
    const until = hasLock ? signal : AbortSignal.any([signal, AbortSignal.timeout(STEP_IN_MS)]);
    await this.copy(copiesAfter, until, onProgress);
  }

  private async copy(copiesAfter: number, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const arriving = new Arriving((ending) => this.source.records(copiesAfter, AbortSignal.any([signal, ending])));
    let after = copiesAfter;
    try {
      for (let batch = await arriving.next(); batch.length > 0; batch = await arriving.next()) {
        const started = performance.now();
        this.copying = { since: firstRecorded(batch), position: batch[0]?.position ?? null };
        const copied = await this.target.appendMirrored(batch, after);
        this.copying = NOTHING;
        after = batch.at(-1)?.position ?? after;
        if (this.state.notWritable !== null) this.become({ notWritable: null });
        this.options.onCopied?.(copied, after);
        onProgress();
        const early = started + PACE_MS - performance.now();
        if ((arriving.hasMore || (this.options.inFlight?.() ?? 0) > FEW) && early > 0)
          await new Bell().wait(0, signal, early);
      }
    } finally {
      await arriving.end();
    }
  }

  /**
   * Waits until this process has the lock (true), or a copy is late (false). Errors: UnknownOutcome, if the connection
   * to the server is lost.
   */
  private async standBy(lock: CopierLock, compared: number, signal: AbortSignal): Promise<boolean> {
    const { late = new Bell() } = this.options;
    const standing = new AbortController();
    const ending = AbortSignal.any([signal, standing.signal]);
    const wait = async (): Promise<boolean> => {
      while (!ending.aborted) {
        const seen = late.rings;
        await late.wait(seen, ending, STANDBY_MS);
        // Another process copied something: the database can be written again.
        if (this.isRefused && (await fromMirror(() => this.target.lastSourcePosition())) > compared)
          this.become({ notWritable: null });
        if (ending.aborted || (await fromMirror(() => lock.take()))) return true;
        if (late.rings !== seen) return false;
      }
      return true;
    };
    const [turn, watched] = [wait(), this.source.watch(ending)];
    try {
      return await Promise.race([turn, watched]);
    } finally {
      standing.abort();
      await Promise.allSettled([turn, watched]);
    }
  }

  private become(state: Partial<MirrorState>): void {
    this.state = { ...this.state, ...state };
    this.options.onState?.(this.state);
  }
}

/** null: the server deleted streams there, and recorded no event of ours. */
function firstRecorded(batch: readonly ServerRecord[]): Instant | null {
  for (const record of batch) if ('event' in record) return record.event.recordedAt;
  return null;
}

/** EventStoreDB does not have what was copied: it was set back, or it is another server. */
export class OtherSource extends Error {
  override readonly name = 'OtherSource';
  constructor(message: string) {
    super(
      `${message}. Nothing is served. Check EVENT_STORE_URL and EVENT_STORE_PREFIX, and restore the server from a ` +
        'later backup. If the server is right as it is, copy this database, and give the ledger an empty one: ' +
        'it then copies what the server has. For names and addresses, take the schema ledgerline_private over from ' +
        'the copy',
    );
  }
}

/** That many of the last and of the first copied events are looked for. The server may have removed some of them. */
const COMPARED = 20;

/** Errors: OtherSource, OverlappingPrefixes, UnknownOutcome. */
async function assertSameSource(source: EventStoreDbLog, target: PostgresLog, copied: number): Promise<void> {
  if (copied === 0) {
    await assertNoOverlap(source, (type) => type in eventSchemas);
    return;
  }
  const end = await source.end();
  if (end < copied)
    throw new OtherSource(
      `EventStoreDB ends at its position ${end}, but the mirror has copied up to ${copied}: the server was set back, ` +
        'or it is another one',
    );
  const last = await fromMirror(() => target.someCopies('last', COMPARED));
  const seen =
    (await latestSeen(source, last)) ??
    (await latestSeen(source, await fromMirror(() => target.someCopies('first', COMPARED))));
  if (seen === undefined)
    throw new OtherSource('EventStoreDB has none of the first and last events of the mirror: it is another server');
  // From there on, events may be missing where someone deleted streams, but none may be new.
  for await (const { position, event } of source.recorded({ from: seen, upTo: copied })) {
    const copy = await fromMirror(() => target.copyOf(position));
    if (copy?.id !== event.id)
      throw new OtherSource(
        `EventStoreDB has revision ${event.revision} of ${event.stream} at its position ${position}, and the mirror, ` +
          'which is further, does not: the server was set back and went on differently, or it is another one',
      );
  }
  // After a backup was restored, the server may be further than before by the events of others alone.
  for (const { stream, revision } of unseenAfter(seen, last))
    if (!(await source.hasHad(stream, revision)))
      throw new OtherSource(
        `EventStoreDB lacks revision ${revision} of ${stream}, which the mirror has, and nobody deleted or truncated ` +
          'that stream: the server was set back and went on, or it is another one',
      );
}

/** The copies after a source position, one of each stream: its last one. */
function unseenAfter(seen: number, last: readonly Copy[]): readonly Copy[] {
  const byStream = Map.groupBy(
    last.filter(({ sourcePosition }) => sourcePosition > seen),
    ({ stream }) => stream,
  );
  return [...byStream.values()].flatMap((copies) => copies.slice(0, 1));
}

/**
 * The source position of the first of some copies that both have. Streams are read, not positions: on another server, a
 * position may be in the middle of a record. undefined: none of these.
 */
async function latestSeen(source: EventStoreDbLog, copies: readonly Copy[]): Promise<number | undefined> {
  for (const copy of copies) {
    const original = await source.eventOf(copy.stream, copy.revision);
    if (original?.id === copy.id && original.position === copy.sourcePosition) return copy.sourcePosition;
  }
  return undefined;
}

/** Errors: UnknownOutcome, if the connection to the mirror is lost. */
async function fromMirror<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    throw new UnknownOutcome('the mirror does not answer', { cause: error });
  }
}
