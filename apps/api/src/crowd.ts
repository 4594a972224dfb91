import { setTimeout as delay } from 'node:timers/promises';

const LONGEST_PAUSE_MS = 1000;
/** The places that others use are an average over about this time. */
const MEMORY_MS = 1000;
/** A caller asks for much when the requests that it has at once are more than so much work. */
const MUCH_MS = 2000;
/**
 * Part of a new duration in that of its owner. A longer one counts little: where all requests become slow, nobody asks
 * for more than before. A shorter one counts by its time, up to this part: many cheap requests do not hide long ones.
 */
const PART_OF_LONGER = 0.05;
const PART_OF_SHORTER = 0.3;
const WHOLE_MS = 2000;
/**
 * After a long request, its owner waits until so much is made up for: 5 s where it has 0.2 places to itself, twice as
 * long where two such owners share them.
 */
const MOST_DEBT_MS = 1000;
/** The use of all others is added up at most once in this time. It is needed whenever a place becomes free. */
const ADDED_UP_MS = 10;
/** Above this number, owners without requests for `IDLE_MS` are forgotten. */
const MOST_OWNERS = 1000;
const IDLE_MS = 10_000;
const FORGET_EVERY_MS = 1000;

/** In milliseconds from any moment. */
export type Stopwatch = () => number;
export const stopwatch: Stopwatch = () => performance.now();

interface Owner {
  /** Requests that have a place, wait for one or pause. */
  asking: number;
  holding: number;
  /** What its requests take. undefined: none has ended. */
  requestMs: number | undefined;
  /** Places that it held on average, as of `at`. */
  used: number;
  /** How long it held a place beyond what it was to have. */
  debtMs: number;
  at: number;
}

export interface CrowdSizes {
  /** While others use so many places on average, nothing is left. */
  readonly enough: number;
  /** The places that owners who ask for much have in any case, together and on average. */
  readonly atLeast: number;
}

/**
 * Knows who uses how many places of one kind, and who must let others go first: an owner that asks for much has only
 * what the others leave. So many requests at once, or long ones, get their owner less, and not more, while others are
 * there.
 */
export class Crowd {
  private readonly owners = new Map<string, Owner>();
  private added = { others: 0, asking: 1, at: -Infinity };
  private forgot = -Infinity;

  /** `together`: the crowds that share what is left, of which it becomes one. They need the same database. */
  constructor(
    private readonly sizes: CrowdSizes,
    readonly now: Stopwatch = stopwatch,
    private readonly together = new Set<Crowd>(),
  ) {
    together.add(this);
  }

  arrive(owner: string): void {
    this.updated(owner).asking += 1;
  }

  /** The owner has one place more: for a request that arrived or that paused. */
  enter(owner: string): void {
    this.updated(owner).holding += 1;
  }

  /** The owner has one place less, for now. */
  pause(owner: string): void {
    this.updated(owner).holding -= 1;
  }

  /** `workedMs`: how long the request had a place. undefined: it had none. */
  leave(name: string, workedMs: number | undefined): void {
    const owner = this.updated(name);
    owner.asking -= 1;
    if (workedMs !== undefined) {
      const { requestMs: before = workedMs } = owner;
      const part = workedMs < before ? Math.min(PART_OF_SHORTER, workedMs / WHOLE_MS) : PART_OF_LONGER;
      owner.requestMs = before + (workedMs - before) * part;
    }
    this.forget();
  }

  mustWait(name: string): boolean {
    const owner = this.updated(name);
    return asksForMuch(owner) && (owner.debtMs > 0 || owner.holding + 1 > Math.max(1, this.left()));
  }

  /**
   * A pause after work of an owner that took so long: its share of the time becomes what others leave of a place.
   * undefined: others do not need it.
   */
  pauseAfter(workMs: number, name: string): Promise<void> | undefined {
    const own = this.owners.get(name);
    const ofOwn = own === undefined || asksForMuch(own) ? 0 : usedAt(this.now(), own);
    const pauseMs = workMs * (1 / Math.min(1, this.left(ofOwn)) - 1);
    return pauseMs > 0 ? delay(Math.min(pauseMs, LONGEST_PAUSE_MS)) : undefined;
  }

  /** Who was there a moment ago is still known: its requests follow each other. */
  private forget(): void {
    const now = this.now();
    if (this.owners.size <= MOST_OWNERS || now - this.forgot < FORGET_EVERY_MS) return;
    this.forgot = now;
    for (const [name, { asking, at }] of this.owners) if (asking === 0 && now - at >= IDLE_MS) this.owners.delete(name);
  }

  /** The places of an owner that asks for much: together, such owners have `atLeast` in any case. */
  private left(ofOwn = 0): number {
    const now = this.now();
    if (now - this.added.at >= ADDED_UP_MS) {
      let [others, asking] = [0, 0];
      for (const { owners } of this.together)
        for (const owner of owners.values())
          if (asksForMuch(owner)) asking += 1;
          else others += usedAt(now, owner);
      this.added = { others, asking: Math.max(1, asking), at: now };
    }
    return Math.max(this.sizes.atLeast / this.added.asking, this.sizes.enough - (this.added.others - ofOwn));
  }

  private updated(name: string): Owner {
    const now = this.now();
    const owner = this.owners.get(name) ?? { asking: 0, holding: 0, requestMs: undefined, used: 0, debtMs: 0, at: now };
    this.owners.set(name, owner);
    const debtMs = owner.debtMs + (owner.holding - this.left()) * (now - owner.at);
    owner.debtMs = Math.min(MOST_DEBT_MS, Math.max(0, debtMs));
    owner.used = usedAt(now, owner);
    owner.at = now;
    return owner;
  }
}

const asksForMuch = ({ asking, requestMs }: Owner): boolean => asking * (requestMs ?? 0) > MUCH_MS;

/** The average moves towards what is held now. */
const usedAt = (now: number, { holding, used, at }: Owner): number =>
  holding + (used - holding) * Math.exp((at - now) / MEMORY_MS);
