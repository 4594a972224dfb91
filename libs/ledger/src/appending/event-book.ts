import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerEvent, EventMetadata, RecordedEvent } from '#domain/events';
import { conflict, type DomainError } from '#domain/errors';
import { derivedId } from '#domain/derived-id';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { EventCodec, type WrittenEvent } from '#event-store/codec';
import {
  type Appended,
  AppendTooLarge,
  type EventLog,
  MAX_APPEND_BYTES,
  type NewEvent,
  NO_STREAM,
  type StoredEvent,
  UnknownOutcome,
  WrongExpectedRevision,
} from '#event-store/port';
import type { Projecting } from '#read-model/projection';
import { ifReadable } from '#read-model/readable';
import { skippedPositions } from '#read-model/skips';
import { type CommandCall, type CommandDone, sha256 } from '../command.js';
import { isCorrected, noticed, noticeOf, UNCHANGED, wouldChange } from './notices.js';
import { refusalOf } from './refusals.js';
import type { Tail } from './tail.js';
import { notWithdrawn, withdraws } from './withdrawals.js';

const MAX_ATTEMPTS = 100;
const ATTEMPTS_AT_ONCE = 3;
const LONGEST_PAUSE_MS = 50;

/** Reads and appends events: load a stream, decide, append at exactly the revision of the decision. */
export class EventBook {
  private readonly codec = new EventCodec();
  /**
   * Watchers of the appends of this process. `first`: the position of the first event appended since the watch began.
   */
  private readonly watching = new Set<{ first: number | null }>();
  /** Appends without an answer yet. The log may already hold their events. */
  private readonly underWay = new Set<Promise<unknown>>();

  constructor(
    private readonly log: EventLog,
    private readonly projector: Projecting,
    private readonly tail: Tail,
    /** The command that the read models have under a key. */
    private readonly commandOf: (key: string) => Promise<KnownCommand>,
  ) {}

  /**
   * Watches the appends of this process, including those under way. `end` waits for the appends under way, then answers
   * the position of the first event. null: there was none.
   */
  watchAppends(): { end(): Promise<number | null> } {
    const watch: { first: number | null } = { first: null };
    this.watching.add(watch);
    return {
      end: async () => {
        await Promise.allSettled(this.underWay);
        this.watching.delete(watch);
        return watch.first;
      },
    };
  }

  /**
   * The events of a stream. Errors: ProjectionHalted, if the projections halted at one of them, or before one of them
   * that can't be read: until an operator decides on it, nothing is decided on it.
   */
  async load(stream: string): Promise<readonly RecordedEvent[]> {
    return (await this.loadAt(stream)).events;
  }

  /** The events of a stream, and the revision of its last event. */
  async loadAt(stream: string): Promise<{ readonly events: readonly RecordedEvent[]; readonly revision: number }> {
    const [stored, halt] = await Promise.all([Array.fromAsync(this.log.read(stream)), this.projector.haltSeen()]);
    const revision = stored.at(-1)?.revision ?? NO_STREAM;
    // An operator's decision to skip must always be possible.
    const isBlocking = stream !== PROJECTIONS_STREAM && stored.some(({ position }) => position === halt?.position);
    if (isBlocking) await this.projector.catchUp(halt?.position);
    return { events: await this.decoded(stored), revision };
  }

  /** Leaves out what was skipped. Errors: ProjectionHalted; UnreadableEvent, if another version could apply it. */
  private async decoded(stored: readonly StoredEvent[]): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (const each of stored) {
      const event = ifReadable(each);
      if (event !== undefined) events.push(event);
      else if (each.stream !== PROJECTIONS_STREAM) {
        await this.projector.catchUp(each.position);
        if (!(await skippedPositions(this.log)).has(each.position)) this.codec.decode(each);
      }
    }
    return events;
  }

  /**
   * The events of a stream for a read. While the projections are halted, those before the halt: no read is as of a
   * later position, and a decision has looked at the later ones by itself.
   */
  async loadProjected(stream: string): Promise<RecordedEvent[]> {
    const { halt } = await this.projector.projected();
    const end = halt?.position ?? Infinity;
    return this.decoded((await Array.fromAsync(this.log.read(stream))).filter(({ position }) => position < end));
  }

  /**
   * Decides on a whole stream and appends the decision; decides again if another writer was faster. A command that the
   * stream has under the same key is `unchanged`, or a conflict if its body differs. `undoes` says whether an event
   * undid an earlier one, as a withdrawal does. A command that was undone may be repeated under the same key, unless
   * body and occurredAt are the same too.
   */
  async decide(
    stream: string,
    call: CommandCall,
    decision: (events: readonly RecordedEvent[]) => Promise<Decision> | Decision,
    undoes: (later: RecordedEvent, earlier: RecordedEvent) => boolean = withdraws,
  ): Promise<CommandDone> {
    return retried(stream, async () => {
      const { events, revision } = await this.loadAt(stream);
      const standing = events.filter(
        (event, index) => isVery(call, event) || !events.slice(index + 1).some((later) => undoes(later, event)),
      );
      const known = answerIfKnown(
        call,
        standing.map(({ metadata }) => metadata.command),
      );
      if (known === undefined) return this.append(stream, revision, call, await decision(events));
      const isSuperseded = isCorrected(call, events) || (await wouldChange(call, async () => decision(events)));
      return this.knownAs(noticed(known, noticeOf(call, events, isSuperseded)), stream, revision, call);
    });
  }

  /**
   * Decides on read models that include the last event of the stream. For streams that are too long to load. The
   * revision is read first: an event recorded during the decision refuses the append, and the decision is made again.
   * `matters` says whether an event of the stream affects the decision. If no event that is not projected yet does, the
   * decision does not wait for projections. `takes`: those that it can take from its second argument while the
   * projections are halted. Errors: ProjectionHalted, if it would have to wait for them; BacklogFull.
   */
  async decideOnReadModels(
    stream: string,
    call: CommandCall,
    decision: (position: number, recent: readonly RecordedEvent[]) => Promise<Decision>,
    matters: (event: RecordedEvent) => boolean = () => true,
    takes: (event: RecordedEvent) => boolean = () => false,
  ): Promise<CommandDone> {
    return retried(stream, async () => {
      const revision = await this.log.revisionOf(stream);
      const isOwn = (event: Pick<RecordedEvent, 'stream'>): boolean => event.stream === stream;
      const { position, events, recent } = await this.tail.decidable({
        concerns: isOwn,
        matters: (event) => isOwn(event) && matters(event),
        takes,
      });
      const own = events.filter(isOwn);
      // Checked in every attempt: the faster writer may have recorded this very command.
      const known = call.isKeyed
        ? answerIfKnown(call, [
            // The read models do not know yet what the end of the log withdraws.
            own.some(({ data }) => 'withdrawn' in data && data.withdrawn === call.key)
              ? undefined
              : await this.commandOf(call.key),
            ...notWithdrawn(own).map(({ metadata }) => metadata.command),
          ])
        : undefined;
      if (known === undefined) return this.append(stream, revision, call, await decision(position, recent));
      const isSuperseded =
        (await call.stated?.isCorrectedAt?.(position)) === true ||
        (await wouldChange(call, async () => decision(position, recent)));
      return this.knownAs(noticed(known, noticeOf(call, own, isSuperseded)), stream, revision, call);
    });
  }

  /** The command was recorded under its natural key. The idempotency key that it has now is recorded too. */
  private async knownAs(known: CommandDone, stream: string, revision: number, call: CommandCall): Promise<CommandDone> {
    if (call.idempotencyKey !== null) await this.remember(stream, revision, call, known.result);
    return known;
  }

  private async remember(
    stream: string,
    revision: number,
    call: CommandCall,
    result: object | undefined,
  ): Promise<void> {
    await call.inTurn?.();
    await this.appendAt(stream, revision, call, [{ type: UNCHANGED, data: { command: call.name } }], result);
  }

  /**
   * Appends the decision at its revision. If there are no events, a command with a key is still recorded in the stream:
   * its key is then used, and a repetition also finds nothing to do.
   */
  async append(stream: string, revision: number, call: CommandCall, decision: Decision): Promise<CommandDone> {
    const { events, result, causes } = decision;
    const withResult = result === undefined ? {} : { result };
    if (events.length > 0) {
      await call.inTurn?.();
      const { position } = await this.appendAll(stream, revision, call, events, result, causes);
      return { status: 'done', position, ...withResult };
    }
    if (isRemembered(call)) await this.remember(stream, revision, call, result);
    return { status: 'unchanged', ...withResult };
  }

  /**
   * Appends several times if one append can't hold all events. The last append has the key of the command, so a command
   * that was interrupted is carried out again. Errors: as `appendAt`; `event_too_large` before anything is recorded.
   */
  async appendAll(
    stream: string,
    revision: number,
    call: CommandCall,
    events: readonly LedgerEvent[],
    result?: object,
    causes?: ReadonlyMap<LedgerEvent, AppendCause>,
  ): Promise<LastAppended> {
    const encoded = this.encoded(call, events, result, causes);
    const starts = startsOfAppends(stream, encoded);
    const last = starts.at(-1) ?? 0;
    const steps = this.encoded({ ...call, key: null, idempotencyKey: null }, events.slice(0, last), result, causes);
    let at: Appended = { revision, position: 0 };
    for (const [index, start] of starts.slice(0, -1).entries())
      at = await this.appendEncoded(stream, at.revision, steps.slice(start, starts[index + 1]));
    return this.appendEncoded(stream, at.revision, encoded.slice(last));
  }

  /**
   * Errors: WrongExpectedRevision, `event_too_large`, `stream_deleted`. If the outcome is unknown, the append is
   * repeated with the same ids, which the log recognises.
   */
  async appendAt(
    stream: string,
    revision: number,
    call: AppendCause,
    events: readonly AppendedEvent[],
    result?: object,
    causes?: ReadonlyMap<AppendedEvent, AppendCause>,
  ): Promise<LastAppended> {
    return this.appendEncoded(stream, revision, this.encoded(call, events, result, causes));
  }

  private encoded(
    call: AppendCause,
    events: readonly AppendedEvent[],
    result: object | undefined,
    causes: ReadonlyMap<AppendedEvent, AppendCause> | undefined,
  ): Unnamed[] {
    return events.map((event) => {
      const cause = causes?.get(event) ?? call;
      if (!('written' in event))
        return this.codec.encode('', event, { ...metadataOf(cause, result), ...sourceIn(cause, event) });
      const { type, written, source } = event;
      return this.codec.encodeWritten('', type, written, { ...metadataOf(cause, result), source });
    });
  }

  private async appendEncoded(stream: string, revision: number, events: readonly Unnamed[]): Promise<LastAppended> {
    // The id is derived from stream, revision and content: the same decision after a lost answer gives the same event.
    const named = events.map(({ type, data, metadata }, index) => ({
      id: derivedId('event', stream, revision + 1 + index, sha256(`${type}\n`, data, `\n${metadata}`)),
      type,
      data,
      metadata,
    }));
    for (let attempt = 1; ; attempt += 1) {
      try {
        const appended = await this.tracked(this.log.append(stream, revision, named), named.length);
        return { ...appended, id: named.at(-1)?.id ?? '' };
      } catch (error) {
        if (!(error instanceof UnknownOutcome) || attempt === 5) throw refusalOf(error, named);
        await delay(50 * 2 ** attempt);
      }
    }
  }

  private async tracked(append: Promise<Appended>, count: number): Promise<Appended> {
    const watched = append.then((appended) => {
      for (const watch of this.watching) watch.first = Math.min(watch.first ?? Infinity, appended.position - count + 1);
      return appended;
    });
    this.underWay.add(watched);
    try {
      return await watched;
    } finally {
      this.underWay.delete(watched);
    }
  }
}

/** Where the last event of an append is, and its id. */
export interface LastAppended extends Appended {
  readonly id: string;
}

/** An event, also one that is written already. */
export type AppendedEvent = LedgerEvent | WrittenEvent;

/** An event whose id is not derived yet. */
type Unnamed = Omit<NewEvent, 'id'>;

/** Whether the event was recorded by the same command, with the same body and occurredAt. */
const isVery = (call: CommandCall, { metadata }: RecordedEvent): boolean =>
  metadata.command?.bodyHash === call.bodyHash && (metadata.occurredAt ?? null) === call.occurredAt;

const metadataOf = (call: AppendCause, result: object | undefined): EventMetadata => ({
  actor: call.caller.actor,
  ...(call.occurredAt === null ? {} : { occurredAt: call.occurredAt }),
  ...(call.key === null
    ? {}
    : {
        command: {
          name: call.name,
          key: call.key,
          bodyHash: call.bodyHash,
          ...(call.idempotencyKey === null ? {} : { idempotencyKey: call.idempotencyKey }),
          ...(isRemembered(call) && isKept(result) ? { result } : {}),
        },
      }),
  ...(call.caller.correlationId === undefined ? {} : { correlationId: call.caller.correlationId }),
  ...(call.caller.requestId === undefined ? {} : { requestId: call.caller.requestId }),
  ...(call.caller.traceparent === undefined ? {} : { traceparent: call.caller.traceparent }),
});

function sourceIn(call: AppendCause, event: LedgerEvent): Pick<EventMetadata, 'source'> {
  const source = call.sourceOf?.(event);
  return source === undefined ? {} : { source };
}

/** The command behind an append. key null: a step of a command, which does not record its key. */
export type AppendCause = Pick<
  CommandCall,
  'name' | 'bodyHash' | 'occurredAt' | 'idempotencyKey' | 'isKeyed' | 'caller' | 'sourceOf'
> & { readonly key: string | null };

/** Whether the key is recorded. If not, the handler itself recognises repetitions. */
const isRemembered = ({ isKeyed, idempotencyKey }: AppendCause): boolean => isKeyed || idempotencyKey !== null;

/** The result is stored in the metadata of every event of the command. A longer result is not stored. */
const LONGEST_RESULT = 16_384;
const isKept = (result: object | undefined): result is object =>
  result !== undefined && JSON.stringify(result).length <= LONGEST_RESULT;

/** What an append needs besides data and metadata, for each event. */
const ROOM = 512;

/**
 * The index at which each append starts, so that each is below the size limit of the log. Errors: `event_too_large`, if
 * a single event is above it.
 */
function startsOfAppends(stream: string, events: readonly Unnamed[]): number[] {
  const starts = [0];
  let total = 0;
  for (const [index, event] of events.entries()) {
    const bytes = Buffer.byteLength(event.data) + Buffer.byteLength(event.metadata);
    if (bytes > MAX_APPEND_BYTES) throw refusalOf(new AppendTooLarge(stream, bytes), [event]);
    if (total > 0 && total + bytes + ROOM > MAX_APPEND_BYTES) {
      starts.push(index);
      total = 0;
    }
    total += bytes + ROOM;
  }
  return starts;
}

/** The outcome of a decision: the events, and the result of the command. */
export interface Decision {
  readonly events: readonly LedgerEvent[];
  readonly result?: object;
  /** If events of several callers are appended together: the cause of each event. Default: the deciding call. */
  readonly causes?: ReadonlyMap<LedgerEvent, AppendCause>;
}

export type KnownCommand = { readonly key: string; readonly bodyHash: string; readonly result?: object } | undefined;

/**
 * `unchanged` with the first result if the command was recorded under the same key. Errors: `conflicting_body`, if its
 * body differs.
 */
export function answerIfKnown(call: CommandCall, known: readonly KnownCommand[]): CommandDone | undefined {
  const same = known.find((command) => command?.key === call.key);
  if (same === undefined) return undefined;
  if (same.bodyHash !== call.bodyHash) throw conflictingBody(call);
  return { status: 'unchanged', ...(same.result === undefined ? {} : { result: same.result }) };
}

/** `fields`: those that differ, where their values must not be told. */
export const conflictingBody = ({ name }: Pick<CommandCall, 'name'>, fields: readonly string[] = []): DomainError => {
  const other = fields.length === 0 ? 'a different body' : `another ${fields.join(' and ')}`;
  return conflict('conflicting_body', `${name}: the same key was recorded with ${other}. Nothing was changed.`);
};

async function retried<Result>(stream: string, attempt: () => Promise<Result>): Promise<Result> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      if (attempts === MAX_ATTEMPTS)
        throw conflict('busy_stream', `${stream} was changed by others during ${MAX_ATTEMPTS} attempts. Retry.`);
      // An import that writes many readings at once would win every race against one that only retries.
      if (attempts > ATTEMPTS_AT_ONCE) await delay(Math.min(LONGEST_PAUSE_MS, attempts));
    }
  }
}
