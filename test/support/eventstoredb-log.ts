import * as grpc from '@grpc/grpc-js';

export interface Recorded {
  readonly stream: string;
  /** As text: that of a tombstone is 2^63 - 1. */
  readonly revision: string;
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  readonly position: number;
  readonly createdTicks: bigint;
}

export interface Proposal {
  readonly id?: string;
  readonly type: string;
  readonly contentType?: string;
  readonly data: Uint8Array;
  readonly metadata?: Uint8Array;
}

interface Stream {
  readonly events: Recorded[];
  /** The revision of the last event. */
  revision: number;
  /** Events before this revision are truncated: `$tb`. */
  truncateBefore: number;
  tombstone: boolean;
}

/** Why an append was refused. `actual`: the stream is at another revision. */
export type Refused = { readonly actual: number } | { readonly refused: Partial<grpc.StatusObject> };

const TICKS_PER_MS = 10_000n;
export const NO_STREAM = -1;
/** The size of a record in the log in addition to its data. Positions are byte offsets, as in the real server. */
const RECORD_BYTES = 137;
const TOMBSTONE_REVISION = '9223372036854775807';

/**
 * The log of an EventStoreDB in memory, which the nodes of a cluster share: with the real server's rules for expected
 * revisions, repeated appends, deleted and truncated streams.
 */
export class ServerLog {
  /** In the order of their positions. A scavenge takes events away. */
  events: Recorded[] = [];
  readonly subscribers = new Set<(event: Recorded) => void>();
  private readonly streams = new Map<string, Stream>();
  /** By how much the clock of the server is wrong. */
  clockOffsetMs = 0;
  private appended = 0;
  private end = 0;

  constructor() {
    // A real log begins with events of its own.
    this.record('$users', [{ type: '$UserCreated', data: json('{}') }]);
  }

  /** How many appends were written; repetitions are not. */
  get appends(): number {
    return this.appended;
  }

  /** The position at which the next event will be. */
  get nextPosition(): number {
    return this.end;
  }

  /** What other applications do. */
  write(stream: string, ...proposals: readonly Proposal[]): void {
    this.record(stream, proposals);
  }

  /** Readers of the stream find nothing any more. The next append goes on at the next revision. */
  softDelete(stream: string): void {
    const of = this.of(stream);
    of.truncateBefore = of.revision + 1;
    this.record(`$$${stream}`, [{ type: '$metadata', data: json('{"$tb":9223372036854775807}') }]);
  }

  /** Nobody can append to the stream, or read it, ever again. */
  tombstone(stream: string): void {
    const of = this.of(stream);
    this.record(stream, [{ type: '$streamDeleted', data: new Uint8Array() }], TOMBSTONE_REVISION);
    of.tombstone = true;
  }

  truncate(stream: string, before: number): void {
    this.of(stream).truncateBefore = before;
    this.record(`$$${stream}`, [{ type: '$metadata', data: json(`{"$tb":${before}}`) }]);
  }

  /** A backup of the first events. */
  backup(events: number): readonly Recorded[] {
    return this.events.slice(0, events);
  }

  /** The server has only the events of a backup again. */
  restore(backup: readonly Recorded[]): void {
    this.events = [...backup];
    this.streams.clear();
    for (const event of backup) {
      const stream = this.of(event.stream);
      stream.events.push(event);
      stream.revision = Number(event.revision);
    }
    const last = backup.at(-1);
    this.end = last === undefined ? 0 : last.position + RECORD_BYTES + last.data.length + last.metadata.length;
  }

  /** Removes what is deleted or truncated. The last event of a stream stays, as it tells the revision. */
  scavenge(): void {
    this.events = this.events.filter((event) => {
      const of = this.of(event.stream);
      const revision = Number(event.revision);
      if (of.tombstone) return event.revision === TOMBSTONE_REVISION;
      return revision >= of.truncateBefore || revision === of.revision;
    });
  }

  /** The events that readers of a stream find. undefined: the stream does not exist (any more). */
  stream(name: string): readonly Recorded[] | undefined {
    const stream = this.streams.get(name);
    const visible = stream?.events.filter(({ revision }) => Number(revision) >= stream.truncateBefore);
    return visible === undefined || visible.length === 0 ? undefined : visible;
  }

  isTombstoned(name: string): boolean {
    return this.streams.get(name)?.tombstone === true;
  }

  /**
   * The rules of the real server for an exact revision. Equal to the stream's revision: it appends. Smaller: it
   * compares with the events there. Greater: it refuses. Answers the last event of the append.
   */
  append(name: string, expected: number, proposals: readonly Proposal[]): Recorded | Refused {
    const { events, revision: current, tombstone, truncateBefore } = this.of(name);
    if (tombstone) return { refused: streamDeleted(name) };
    const isGone = current >= 0 && truncateBefore > current;
    if (expected === current || (expected === NO_STREAM && isGone)) {
      const last = this.record(name, proposals);
      this.appended += 1;
      // The server's own events come between ours.
      if (this.appended % 3 === 0)
        this.record('$stats-127.0.0.1:2113', [{ type: '$statsCollected', data: json('{}') }]);
      return last;
    }
    if (expected > current) return { actual: current };
    const matches = proposals.map(({ id }, i) => events[expected + 1 + i]?.id === id);
    const last = events[expected + proposals.length];
    if (last !== undefined && matches.every(Boolean)) return last;
    if (matches[0] === true) return { refused: { code: grpc.status.UNKNOWN, details: 'corrupted idempotency' } };
    return { actual: current };
  }

  private of(name: string): Stream {
    const known = this.streams.get(name);
    if (known !== undefined) return known;
    const made: Stream = { events: [], revision: NO_STREAM, truncateBefore: 0, tombstone: false };
    this.streams.set(name, made);
    return made;
  }

  private record(name: string, proposals: readonly Proposal[], revision?: string): Recorded {
    const stream = this.of(name);
    const createdTicks = BigInt(Date.now() + this.clockOffsetMs) * TICKS_PER_MS + 1_234n;
    let last: Recorded | undefined;
    for (const { id, type, contentType = 'application/json', data, metadata = new Uint8Array() } of proposals) {
      if (revision === undefined) stream.revision += 1;
      const event = {
        stream: name,
        revision: revision ?? String(stream.revision),
        id: id ?? '00000000-0000-4000-8000-00000000aaaa',
        type,
        contentType,
        data,
        metadata,
        position: this.end,
        createdTicks,
      };
      this.end += RECORD_BYTES + data.length + metadata.length;
      this.events.push(event);
      stream.events.push(event);
      for (const deliver of this.subscribers) deliver(event);
      last = event;
    }
    if (last === undefined) throw new Error('an append has at least one event');
    return last;
  }
}

export function streamDeleted(name: string): Partial<grpc.StatusObject> {
  const metadata = new grpc.Metadata();
  metadata.set('exception', 'stream-deleted');
  metadata.set('stream-name', name);
  return { code: grpc.status.FAILED_PRECONDITION, details: `Event stream '${name}' is deleted.`, metadata };
}

export const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
/** A plain Uint8Array: the messages do not accept a Buffer. */
export const json = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
