import type { RecordedEvent } from '#domain/events';
import { EventCodec, UnreadableEvent } from '#event-store/codec';
import type { EventLog } from '#event-store/port';
import type { Projecting } from '#read-model/projection';

/** So many events, or characters of them, are looked through for each command; of more, projecting them all at once costs each less. */
const MOST_EVENTS = 200;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** What is recorded beyond the read models: they are at `position`, or have gone further meanwhile; the events follow it. */
export interface Beyond {
  readonly position: number;
  readonly events: readonly RecordedEvent[];
}

/**
 * The end of the log that is not projected yet, kept in memory. Whoever decides on read models asks it for what they lack: projecting
 * each command's few events before the next command is what takes the time, where many commands follow each other.
 */
export class Tail {
  private readonly codec = new EventCodec();
  /** The events after one position, up to another, and how long each was: at first, none after none. */
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

  /** Up to the log's head as it is now, or further. */
  async read(): Promise<Beyond> {
    // One after the other, as each goes on from what the one before it has read; who comes while one waits to begin is served by it.
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
    // Too much; or the read models were put back to an earlier position than what is kept begins at.
    if (!isWhole || position < this.after) return this.projected();
    this.after = position;
    this.kept = this.kept.filter(({ event }) => event.position > position);
    this.characters = this.kept.reduce((total, { characters }) => total + characters, 0);
    return { position, events: this.kept.map(({ event }) => event) };
  }

  /** Reads what was recorded since. False where that is too much to keep, or can't be read: the projections halt at it, and say more. */
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
