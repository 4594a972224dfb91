import type { RecordedEvent } from '#domain/events';
import type { EventLog, StoredEvent } from '#event-store/port';
import { BacklogFull, ProjectionHalted } from '#read-model/halted';
import type { Projected, Projecting } from '#read-model/projection';
import { ifReadable } from '#read-model/readable';

interface Limit {
  readonly events: number;
  readonly characters: number;
}
const MIB = 1024 * 1024;
const LIMITS = {
  /** Above this limit, projecting the backlog once is cheaper than scanning it for every command. */
  usual: { events: 200, characters: 4 * MIB },
  /** While the projections are halted, nothing can be projected. More than this would take too much memory. */
  whileHalted: { events: 50_000, characters: 32 * MIB },
};

/** After so long, more was projected than is kept. */
const IDLE_MS = 100;

/** The events after the position of the read models. The read models may be further by now. */
export interface Beyond {
  readonly position: number;
  readonly events: readonly RecordedEvent[];
  /** Those that can't be read. */
  readonly unreadable: readonly StoredEvent[];
  /** The position of the event at which the projections halted. null: they did not. */
  readonly haltedAt: number | null;
}

/** What a decision on read models says of the events that are not projected yet. */
export interface Deciding {
  /** Whether an event of this stream may affect the decision, also one that can't be read or applied. */
  readonly concerns: (event: Pick<StoredEvent, 'stream'>) => boolean;
  /** Whether this event does. */
  readonly matters: (event: RecordedEvent) => boolean;
  /** Whether the decision can take it into account by itself, while the projections are halted. */
  readonly takes: (event: RecordedEvent) => boolean;
}

/**
 * What a decision on read models starts from: their position, the events that they may lack, and those that the
 * decision must take into account by itself.
 */
export interface Decidable extends Pick<Beyond, 'position' | 'events'> {
  readonly recent: readonly RecordedEvent[];
}

/**
 * The end of the log that is not projected yet, in memory. Decisions on read models take the missing events from here:
 * waiting for the projections before every command would take most of the time.
 */
export class Tail {
  /** The events after one position up to another, and the length of each. At the start: none. */
  private kept: { readonly event: RecordedEvent; readonly characters: number }[] = [];
  /** The events among them that can't be read. */
  private unreadable: StoredEvent[] = [];
  private isHalted = false;
  private after = 0;
  private upTo = 0;
  private characters = 0;
  private readAt = -Infinity;
  private reading: Promise<unknown> = Promise.resolve();
  private waiting: Promise<Beyond> | undefined;

  constructor(
    private readonly log: EventLog,
    private readonly projector: Projecting,
    private readonly limits: Readonly<Record<'usual' | 'whileHalted', Limit>> = LIMITS,
  ) {}

  /**
   * Reads up to the current head of the log, or further. `concerns` says whether an event that can't be read may affect
   * what the caller decides. Errors: ProjectionHalted, if there is such an event; BacklogFull.
   */
  async read(concerns: (event: StoredEvent) => boolean): Promise<Beyond> {
    // One read at a time, because each continues where the one before ended. Callers that arrive before a read begins
    // share it.
    this.waiting ??= this.reading.then(async () => {
      this.waiting = undefined;
      return this.readOn();
    });
    const beyond = this.waiting;
    this.reading = beyond.catch(() => undefined);
    const known = await beyond;
    if (!known.unreadable.some(concerns)) return known;
    await this.projector.catchUp();
    return this.read(concerns);
  }

  /**
   * Waits until the events that matter are projected. Errors: ProjectionHalted, if they can't be and the decision can't
   * take them; BacklogFull.
   */
  async decidable(of: Deciding): Promise<Decidable> {
    const { position, events, haltedAt } = await this.read(of.concerns);
    const isBad = (event: RecordedEvent): boolean => event.position === haltedAt && of.concerns(event);
    const mattering = events.filter((event) => isBad(event) || of.matters(event));
    const isHalted = haltedAt !== null;
    if (mattering.length === 0 || (isHalted && mattering.every((event) => !isBad(event) && of.takes(event))))
      return { position, events, recent: mattering };
    try {
      return { position: await this.projector.catchUp(), events, recent: [] };
    } catch (error) {
      if (isHalted || !(error instanceof ProjectionHalted)) throw error;
      // It is known only now that they are halted.
      return this.decidable(of);
    }
  }

  private async readOn(): Promise<Beyond> {
    // What was projected since need not be read.
    if (performance.now() - this.readAt > IDLE_MS) this.moveTo((await this.projector.projected()).position);
    this.readAt = performance.now();
    if (this.isHalted && !(await this.isOfLog())) this.startFrom(this.after);
    // What the last read found: while they are halted, the limit is another one, and no decision tries to project.
    const limit = this.isHalted ? this.limits.whileHalted : this.limits.usual;
    const [projected, isWhole] = await Promise.all([this.projector.projected(), this.readFurther(limit)]);
    this.isHalted = projected.halt !== null;
    // Otherwise there are too many events, or the read models were restored to a position before the kept events.
    if (isWhole && projected.position >= this.after) return this.beyond(projected);
    try {
      const position = await this.projector.catchUp();
      this.startFrom(position);
      return { position, events: [], unreadable: [], haltedAt: null };
    } catch (error) {
      if (error instanceof ProjectionHalted) return this.afterHalt(error);
      throw error;
    }
  }

  /** Whether the log still has the last event that is kept. During a halt, events are kept for long. */
  private async isOfLog(): Promise<boolean> {
    const kept = [this.kept.at(-1)?.event, this.unreadable.at(-1)].find((event) => event?.position === this.upTo);
    for await (const { id } of this.log.readAt([this.upTo])) return kept === undefined || kept.id === id;
    return kept === undefined;
  }

  /** The events that are not projected because the projections halted. */
  private async afterHalt({ position: haltedAt }: ProjectionHalted): Promise<Beyond> {
    const { whileHalted } = this.limits;
    const projected = await this.projector.projected();
    this.isHalted = true;
    this.moveTo(projected.position);
    if (!(await this.readFurther(whileHalted))) throw new BacklogFull(haltedAt, whileHalted);
    return this.beyond(projected);
  }

  private beyond({ position, halt }: Projected): Beyond {
    this.moveTo(position);
    const events = this.kept.map(({ event }) => event);
    return { position, events, unreadable: this.unreadable, haltedAt: halt?.position ?? null };
  }

  /** Drops the events up to a position, or all of them if they do not follow it. */
  private moveTo(position: number): void {
    if (position < this.after || position > this.upTo) this.startFrom(position);
    if (position === this.after) return;
    this.after = position;
    this.kept = this.kept.filter(({ event }) => event.position > position);
    this.unreadable = this.unreadable.filter((event) => event.position > position);
    this.characters =
      this.kept.reduce((total, { characters }) => total + characters, 0) +
      this.unreadable.reduce((total, { data }) => total + data.length, 0);
  }

  /**
   * Reads the events recorded since. false: there are more than the limit, or one can't be read and no halt is known;
   * then the projections halt at it and report more.
   */
  private async readFurther(limit: Limit): Promise<boolean> {
    for await (const stored of this.log.readAll(this.upTo)) {
      const characters = stored.data.length;
      if (this.kept.length >= limit.events || this.characters + characters > limit.characters) return false;
      const event = ifReadable(stored);
      if (event !== undefined) this.kept.push({ event, characters });
      else if (this.isHalted) this.unreadable.push(stored);
      else return false;
      this.characters += characters;
      this.upTo = stored.position;
    }
    return true;
  }

  private startFrom(position: number): void {
    this.kept = [];
    this.unreadable = [];
    this.characters = 0;
    this.after = position;
    this.upTo = position;
  }
}
