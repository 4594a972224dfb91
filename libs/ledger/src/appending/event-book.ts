import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerEvent, EventMetadata, RecordedEvent } from '#domain/events';
import { conflict, type DomainError } from '#domain/errors';
import { derivedId } from '#domain/derived-id';
import { EventCodec } from '#event-store/codec';
import {
  type Appended,
  type EventLog,
  MAX_APPEND_BYTES,
  NO_STREAM,
  UnknownOutcome,
  WrongExpectedRevision,
} from '#event-store/port';
import type { Projecting } from '#read-model/projection';
import { sha256, type CommandCall, type CommandDone } from '../command.js';
import type { Tail } from './tail.js';

const MAX_ATTEMPTS = 20;

/** Facts in and out of the log: load a stream, decide, append at exactly the revision that was decided on. */
export class EventBook {
  private readonly codec = new EventCodec();
  /** Who wants to know what this process appends meanwhile: the position of the first event, once there is one. */
  private readonly watching = new Set<{ first: number | null }>();
  /** Appends that were begun here and are not answered yet: the log may hold their events already. */
  private readonly underWay = new Set<Promise<unknown>>();

  constructor(
    private readonly log: EventLog,
    private readonly projector: Projecting,
    private readonly tail: Tail,
    /** The command that read models know by a key. */
    private readonly commandOf: (key: string) => Promise<KnownCommand>,
  ) {}

  /**
   * Watches what this process appends from now on, and what is under way; `end` answers the position of the first event, null where
   * there was none. It waits for what is under way: its events may be in the log, and whoever read the log's end has then seen them.
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

  async load(stream: string): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const stored of this.log.read(stream)) events.push(this.codec.decode(stored));
    return events;
  }

  /**
   * Decides on a whole stream and appends what was decided; anew where another writer was quicker. A command that the
   * stream already knows by its key is `unchanged`, or a conflict where its body differs. `undoes` says whether an event undid an earlier
   * one: what was undone may be done again under the same key, unless it is the very command, body and occurredAt, that comes again.
   */
  async decide(
    stream: string,
    call: CommandCall,
    decision: (events: readonly RecordedEvent[]) => Promise<Decision> | Decision,
    undoes: (later: RecordedEvent, earlier: RecordedEvent) => boolean = () => false,
  ): Promise<CommandDone> {
    return retried(stream, async () => {
      const events = await this.load(stream);
      const revision = events.at(-1)?.revision ?? NO_STREAM;
      const standing = events.filter(
        (event, index) => isVery(call, event) || !events.slice(index + 1).some((later) => undoes(later, event)),
      );
      const known = answerIfKnown(
        call,
        standing.map(({ metadata }) => metadata.command),
      );
      return known === undefined
        ? this.append(stream, revision, call, await decision(events))
        : this.knownAs(known, stream, revision, call);
    });
  }

  /**
   * Decides on read models that cover the stream's last event. For streams that are too long to fold: the revision is
   * read first, so that whatever is recorded while deciding refuses the append, and it is decided anew. `matters` says
   * whether an event of the stream changes what is decided; where none that is not projected yet does, nothing is waited for.
   */
  async decideOnReadModels(
    stream: string,
    call: CommandCall,
    decision: (position: number) => Promise<Decision>,
    matters: (event: RecordedEvent) => boolean = () => true,
  ): Promise<CommandDone> {
    return retried(stream, async () => {
      const revision = await this.log.revisionOf(stream);
      const beyond = await this.tail.read();
      const own = beyond.events.filter((event) => event.stream === stream);
      const position = own.some(matters) ? await this.projector.catchUp() : beyond.position;
      // Anew each time: who was quicker may have done this very command.
      const known = call.isKeyed
        ? answerIfKnown(call, [await this.commandOf(call.key), ...own.map(({ metadata }) => metadata.command)])
        : undefined;
      return known === undefined
        ? this.append(stream, revision, call, await decision(position))
        : this.knownAs(known, stream, revision, call);
    });
  }

  /** Known by its natural key: an idempotency key that comes with it now becomes its own too. */
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
    await this.appendAt(stream, revision, call, [{ type: 'CommandUnchanged', data: { command: call.name } }], result);
  }

  /**
   * Appends what was decided at the revision that it was decided on. Where that is nothing, a command with a key is recorded all
   * the same, in the stream that it was decided on: the key stays its own, and the same command later finds nothing to do either.
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

  /** Several appends where one can't hold all; the command's key goes with the last, so that a half-done one is done again. */
  async appendAll(
    stream: string,
    revision: number,
    call: CommandCall,
    events: readonly LedgerEvent[],
    result?: object,
    causes?: ReadonlyMap<LedgerEvent, AppendCause>,
  ): Promise<Appended> {
    const batches = byAppend(events);
    let at: Appended = { revision, position: 0 };
    for (const [index, batch] of batches.entries()) {
      const isLast = index === batches.length - 1;
      at = await this.appendAt(
        stream,
        at.revision,
        isLast ? call : { ...call, key: null, idempotencyKey: null },
        batch,
        result,
        causes,
      );
    }
    return at;
  }

  /** Errors: WrongExpectedRevision. An outcome that stays unknown is retried with the same ids, which the log recognises. */
  async appendAt(
    stream: string,
    revision: number,
    call: AppendCause,
    events: readonly LedgerEvent[],
    result?: object,
    causes?: ReadonlyMap<LedgerEvent, AppendCause>,
  ): Promise<Appended> {
    // Derived from place and content: the same decision, made again after a lost answer, is the same event.
    const encoded = events.map((event, index) => {
      const unnamed = this.codec.encode('', event, metadataOf(causes?.get(event) ?? call, event, result));
      return {
        ...unnamed,
        id: derivedId(
          'event',
          stream,
          revision + 1 + index,
          sha256(`${unnamed.type}\n${unnamed.data}\n${unnamed.metadata}`),
        ),
      };
    });
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.tracked(this.log.append(stream, revision, encoded), events.length);
      } catch (error) {
        if (!(error instanceof UnknownOutcome) || attempt === 5) throw error;
        await delay(50 * 2 ** attempt);
      }
    }
  }

  private async tracked(append: Promise<Appended>, count: number): Promise<Appended> {
    const told = append.then((appended) => {
      for (const watch of this.watching) watch.first = Math.min(watch.first ?? Infinity, appended.position - count + 1);
      return appended;
    });
    this.underWay.add(told);
    try {
      return await told;
    } finally {
      this.underWay.delete(told);
    }
  }
}

/** Whether an event is of the very command that comes again. */
const isVery = (call: CommandCall, { metadata }: RecordedEvent): boolean =>
  metadata.command?.bodyHash === call.bodyHash && (metadata.occurredAt ?? null) === call.occurredAt;

const metadataOf = (call: AppendCause, event: LedgerEvent, result: object | undefined): EventMetadata => ({
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
  ...sourceIn(call, event),
});

function sourceIn(call: AppendCause, event: LedgerEvent): Pick<EventMetadata, 'source'> {
  const source = call.sourceOf?.(event);
  return source === undefined ? {} : { source };
}

/** The command behind an append; without a key, a step of its work that alone does not make it known. */
export type AppendCause = Pick<
  CommandCall,
  'name' | 'bodyHash' | 'occurredAt' | 'idempotencyKey' | 'isKeyed' | 'caller' | 'sourceOf'
> & { readonly key: string | null };

/** Whether the same command again is known by its key: else its handler recognises what is known by itself. */
const isRemembered = ({ isKeyed, idempotencyKey }: AppendCause): boolean => isKeyed || idempotencyKey !== null;

/** An answer stands in the metadata of each of the command's events: one that is longer is not worth that. */
const LONGEST_RESULT = 16_384;
const isKept = (result: object | undefined): result is object =>
  result !== undefined && JSON.stringify(result).length <= LONGEST_RESULT;

const utf8 = new TextEncoder();

/** Groups events into appends below the log's limit, with room for ids and metadata. */
function byAppend(events: readonly LedgerEvent[]): LedgerEvent[][] {
  // There is nothing to divide: a single event was packed below the limit.
  if (events.length === 1) return [[...events]];
  const batches: LedgerEvent[][] = [[]];
  let bytes = 0;
  for (const event of events) {
    const size = utf8.encode(JSON.stringify(event.data)).length + 1024;
    if (bytes > 0 && bytes + size > MAX_APPEND_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(event);
    bytes += size;
  }
  return batches;
}

/** What a decision yields: the facts, and what the command answers. */
export interface Decision {
  readonly events: readonly LedgerEvent[];
  readonly result?: object;
  /** Where several callers' facts are appended together: whose each is; the deciding call's, where it is not said. */
  readonly causes?: ReadonlyMap<LedgerEvent, AppendCause>;
}

export type KnownCommand = { readonly key: string; readonly bodyHash: string; readonly result?: object } | undefined;

/** `unchanged`, with the answer of the first time, where the command is recorded by its key; `conflicting_body` where it was another. */
export function answerIfKnown(call: CommandCall, known: readonly KnownCommand[]): CommandDone | undefined {
  const same = known.find((command) => command?.key === call.key);
  if (same === undefined) return undefined;
  if (same.bodyHash !== call.bodyHash) throw conflictingBody(call);
  return { status: 'unchanged', ...(same.result === undefined ? {} : { result: same.result }) };
}

export const conflictingBody = ({ name }: Pick<CommandCall, 'name'>): DomainError =>
  conflict('conflicting_body', `${name}: the same key was recorded before with another body; nothing was changed`);

async function retried<Result>(stream: string, attempt: () => Promise<Result>): Promise<Result> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      if (attempts === MAX_ATTEMPTS)
        throw conflict('busy_stream', `${stream} was changed by others ${MAX_ATTEMPTS} times over: try again`);
    }
  }
}
