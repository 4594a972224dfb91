import { setImmediate as othersTurn } from 'node:timers/promises';
import type { EventType, RecordedEvent } from '#domain/events';
import { isPlainlyObserved } from '#domain/usage/plain';
import type { Observation } from '#domain/usage/usage';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import { NO_STREAM, type StoredEvent, WrongExpectedRevision } from '#event-store/port';
import type { LastAppended } from '#ledger/appending/event-book';
import type { LedgerCore } from '#ledger/ledger-core';
import { KeyPrints, type Prints, printsOf } from './key-prints.js';
import { SeenState } from './seen-state.js';

/** The keys of all readings of a stream, up to a revision. */
interface Known {
  readonly keys: KeyPrints;
  revision: number;
  /** Others wrote to the stream, or may have: its revision is looked up before the next decision. */
  isShared: boolean;
}

interface Stream {
  readonly name: string;
  /** null: not read yet. */
  known: Known | null;
  /** It has an event that this version can't read or that is not of usage, or has too many readings. */
  isLookedUp: boolean;
  /** How many decisions looked up their readings while the keys were not known. */
  lookUps: number;
  /** How many events it had when it was first seen. */
  readonly events: number;
  /** The slots of its keys, as they are counted. */
  slots: number;
}

/** How much is kept, and when a stream is read. */
export interface KeptStreams {
  readonly streams: number;
  /** Of all streams, of 4 bytes each. */
  readonly slots: number;
  /** Reading so many events of a stream costs less than looking up the readings of one. */
  readonly eventsPerLookUp: number;
  /** How long the state of the read models and of the log is taken as it was seen last. */
  readonly seenMs: number;
}
/** At most 32 MiB. */
const KEPT: KeptStreams = { streams: 20_000, slots: 8 * 1024 * 1024, eventsPerLookUp: 8, seenMs: 250 };

const MOST_ATTEMPTS = 3;
const LONGEST_TURN_MS = 20;
/** So many streams are read from their start at the same time. */
const MOST_READ_AT_ONCE = 2;

/**
 * The keys of the readings that streams have, in memory. Nearly all readings are new. Where the keys of a stream at its
 * present revision show it, nothing is looked up: the append itself refuses a decision at another revision.
 */
export class KnownStreams {
  /** In order of use, the latest last. */
  private readonly streams = new Map<string, Stream>();
  private slots = 0;
  /** How many streams are being read. */
  private reading = 0;
  private readonly state: SeenState;

  constructor(
    private readonly core: LedgerCore,
    private readonly kept = KEPT,
  ) {
    this.state = new SeenState(core, kept.seenMs, () => {
      this.streams.clear();
      this.slots = 0;
    });
  }

  /**
   * Appends readings that are all new, at the revision that their keys are known up to. null: they may be known, or
   * exclude each other, or can't be decided without the read models. Then nothing was appended. Errors: those of
   * `append`. One decision on a stream at a time.
   */
  async appendIfNew(
    name: string,
    readings: readonly Observation[],
    append: (revision: number) => Promise<LastAppended>,
  ): Promise<LastAppended | null> {
    if (!(await this.state.isCurrent())) return null;
    const stream = await this.used(name);
    const prints = readings.map(printsOf);
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
      const known = this.keysOf(stream);
      if (known === null || !areNew(known.keys, prints)) return null;
      if (known.isShared && !((await this.caughtUp(stream, known)) && areNew(known.keys, prints))) return null;
      try {
        const appended = await append(known.revision);
        this.add(stream, known, prints);
        known.revision = appended.revision;
        this.state.noteSeen(appended, readings.length);
        return appended;
      } catch (error) {
        if (!(error instanceof WrongExpectedRevision)) {
          this.forget(stream);
          throw error;
        }
        known.isShared = true;
      }
    }
    return null;
  }

  /** Notes that events of readings which were looked up were appended. */
  note(name: string, readings: readonly Observation[], position: number): void {
    const stream = this.streams.get(name);
    const known = stream?.known ?? null;
    if (stream !== undefined && known !== null) {
      this.add(stream, known, readings.map(printsOf));
      known.isShared = true;
    }
    this.state.noteAppended(position, readings.length);
  }

  private async used(name: string): Promise<Stream> {
    const seen = this.streams.get(name);
    if (seen !== undefined) {
      this.streams.delete(name);
      this.streams.set(name, seen);
      return seen;
    }
    const events = (await this.core.log.revisionOf(name)) + 1;
    const stream = { name, known: null, isLookedUp: false, lookUps: 0, events, slots: 0 };
    this.streams.set(name, stream);
    this.makeRoom();
    return stream;
  }

  /** null: the keys are not to be read yet, or can't be. */
  private keysOf(stream: Stream): Known | null {
    if (stream.known === null && !stream.isLookedUp) {
      stream.lookUps += 1;
      // They are read once that costs less than what was looked up so far.
      if (stream.lookUps * this.kept.eventsPerLookUp > stream.events)
        stream.known = { keys: new KeyPrints(), revision: NO_STREAM, isShared: stream.events > 0 };
    }
    return stream.known;
  }

  /** Adds the keys of what others appended. false: the stream was set back, or can't be read. */
  private async caughtUp(stream: Stream, known: Known): Promise<boolean> {
    const revision = await this.core.log.revisionOf(stream.name);
    if (revision < known.revision) {
      this.forget(stream);
      return false;
    }
    known.isShared = revision > known.revision;
    if (!known.isShared) return true;
    // A read may take much memory and time: meanwhile, readings of other streams are looked up.
    if (known.revision === NO_STREAM && this.reading >= MOST_READ_AT_ONCE) return false;
    this.reading += 1;
    try {
      let since = performance.now();
      for await (const stored of this.core.log.read(stream.name, known.revision + 1)) {
        const event = decoded(stored);
        if (!OF_USAGE.has(event.type)) throw new UnreadableEvent(stored, 'it is not of usage');
        if (event.type === 'UsageObserved') this.add(stream, known, event.data.observations.map(printsOf));
        if (stream.known !== known) return false;
        known.revision = event.revision;
        this.state.noteSeen(event);
        if (performance.now() - since < LONGEST_TURN_MS) continue;
        await othersTurn();
        since = performance.now();
      }
      return true;
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      this.lookUpAlways(stream);
      return false;
    } finally {
      this.reading -= 1;
    }
  }

  private add(stream: Stream, { keys }: Known, prints: readonly Prints[]): void {
    for (const each of prints) keys.add(each);
    if (keys.slots === stream.slots || this.streams.get(stream.name) !== stream) return;
    this.slots += keys.slots - stream.slots;
    stream.slots = keys.slots;
    // A stream that leaves little room for all others is not worth it.
    if (stream.slots * 2 > this.kept.slots) this.lookUpAlways(stream);
    this.makeRoom();
  }

  /** Keeps no keys of a stream any more. */
  private lookUpAlways(stream: Stream): void {
    if (this.streams.get(stream.name) === stream) this.slots -= stream.slots;
    stream.slots = 0;
    [stream.known, stream.isLookedUp] = [null, true];
  }

  /** Forgets the streams that were used longest ago. */
  private makeRoom(): void {
    for (const each of this.streams.values()) {
      if (this.slots <= this.kept.slots && this.streams.size <= this.kept.streams) return;
      this.forget(each);
    }
  }

  private forget({ name, slots }: Stream): void {
    if (this.streams.delete(name)) this.slots -= slots;
  }
}

const codec = new EventCodec();

/** The event as its schema makes it: another application may have written it. Errors: UnreadableEvent. */
function decoded(stored: StoredEvent): RecordedEvent {
  const event = codec.decodeAsWritten(stored);
  return event.type === 'UsageObserved' && !isPlainlyObserved(event.data) ? codec.decode(stored) : event;
}

/** The projections may halt at any other event in the stream of usage. */
const OF_USAGE: ReadonlySet<EventType> = new Set([
  ...(['UsageObserved', 'UsageCorrected', 'UsageProviderNamed', 'UsagePruned', 'CommandUnchanged'] as const),
]);

function areNew(keys: KeyPrints, prints: readonly Prints[]): boolean {
  const earlier = new KeyPrints();
  return prints.every((each) => {
    if (keys.mayKnow(each) || earlier.mayKnow(each)) return false;
    earlier.add(each);
    return true;
  });
}
