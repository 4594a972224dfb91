import type { RecordedEvent } from '#domain/events';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import type { EventLog } from '#event-store/port';
import type { Projecting } from '#read-model/projection';

/** Above these limits, projecting the backlog once is cheaper than scanning it for every command. */
const MOST_EVENTS = 200;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** The events after the position of the read models. The read models may be further by now. */
export interface Beyond {
  readonly position: number;
  readonly events: readonly RecordedEvent[];
}

/**
 * The end of the log that is not projected yet, in memory. Decisions on read models take the missing events from here:
 * waiting for the projections before every command would take most of the time.
 */
export class Tail {
  private readonly codec = new EventCodec();
  /** The events after one position up to another, and the length of each. At the start: none. */
  private kept: { readonly event: RecordedEvent; readonly characters: number }[] = [];
  private after = 0;
  private upTo = 0;
  private characters = 0;
  private reading: Promise<unknown> = Promise.resolve();
  private waiting: Promise<Beyond> | undefined;

  constructor(
    private readonly log: EventLog,
    private readonly projector: Projecting,
  ) {}

  /** Reads up to the current head of the log, or further. */
  async read(): Promise<Beyond> {
    // One read at a time, because each continues where the one before ended. Callers that arrive before a read begins
    // share it.
    this.waiting ??= this.reading.then(async () => {
      this.waiting = undefined;
      return this.readOn();
    });
    const beyond = this.waiting;
    this.reading = beyond.catch(() => undefined);
    return beyond;
  }

  private async readOn(): Promise<Beyond> {
    const [position, isWhole] = await Promise.all([this.projector.position(), this.readFurther()]);
    // Too many events, or the read models were restored to a position before the kept events.
    if (!isWhole || position < this.after) return this.projected();
    this.after = position;
    this.kept = this.kept.filter(({ event }) => event.position > position);
    this.characters = this.kept.reduce((total, { characters }) => total + characters, 0);
    return { position, events: this.kept.map(({ event }) => event) };
  }

  /**
   * Reads the events recorded since. false: there are too many to keep, or one can't be read; then the projections halt
   * at it and report more.
   */
  private async readFurther(): Promise<boolean> {
    try {
      for await (const stored of this.log.readAll(this.upTo)) {
        const characters = stored.data.length;
        if (this.kept.length === MOST_EVENTS || this.characters + characters > MOST_CHARACTERS) return false;
        this.kept.push({ event: this.codec.decode(stored), characters });
        this.characters += characters;
        this.upTo = stored.position;
      }
      return true;
    } catch (error) {
      if (error instanceof UnreadableEvent) return false;
      throw error;
    }
  }

  private async projected(): Promise<Beyond> {
    const position = await this.projector.catchUp();
    this.kept = [];
    this.characters = 0;
    this.after = position;
    this.upTo = position;
    return { position, events: [] };
  }
}
