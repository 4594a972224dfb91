import { setTimeout as delay } from 'node:timers/promises';

/** The places that callers who ask for much have in any case, together and on average. */
export const LEAST_OF_WORK = 0.3;
const LONGEST_PAUSE_MS = 1000;
/** The places that others use are an average over about this time. */
const MEMORY_MS = 1000;
/** A caller asks for much when the requests that it has at once are more than so much work. */
const MUCH_MS = 2000;
/**
 * Part of a new duration in that of its owner. A longer one counts little: where all requests become slow, nobody asks
 * for more than before.
 */
const PART_OF_SHORTER = 0.3;
const PART_OF_LONGER = 0.05;
/** A caller waits for so much after a long request: 3.3 s where it has 0.3 places. */
const MOST_DEBT_MS = 1000;
/** So long what the others use is not added up again: it is asked for whenever a place becomes free. */
const ADDED_UP_MS = 10;
/** Above this number, owners without requests are forgotten. */
const MOST_OWNERS = 1000;

/** In milliseconds from any moment. */
export type Stopwatch = () => number;
export const stopwatch: Stopwatch = () => performance.now();

interface Owner {
  /** Requests that have a place or wait for one. */
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

/** The owners of one kind of requests. */
export interface Lane {
  arrive(owner: string): void;
  /** Returns since when the owner has the place. */
  enter(owner: string): number;
  /** `since`: as `enter` has it. undefined: the request had no place. */
  leave(owner: string, since: number | undefined): void;
  mustWait(owner: string): boolean;
}

/**
 * Knows who uses how many places, and who must let others go first: an owner that asks for much has only what the
 * others leave. So many requests at once, or long ones, get their owner less, and not more, while others are there.
 */
export class Crowd {
  private readonly owners = new Map<string, Owner>();
  private added = { others: 0, asking: 1, at: -Infinity };

  /** `enough`: while others use so many places on average, nothing is left. */
  constructor(
    private readonly enough: number,
    private readonly now: Stopwatch = stopwatch,
  ) {}

  /** `atLeast`: the places that owners who ask for much have in any case, together and on average. */
  lane(name: 'work' | 'usage', atLeast: number): Lane {
    const named = (owner: string): Owner => this.updated(nameIn(name, owner), atLeast);
    return {
      arrive: (owner) => {
        named(owner).asking += 1;
      },
      enter: (owner) => {
        named(owner).holding += 1;
        return this.now();
      },
      leave: (owner, since) => {
        this.leave(named(owner), since);
      },
      mustWait: (owner) => {
        const of = named(owner);
        return asksForMuch(of) && (of.debtMs > 0 || of.holding + 1 > Math.max(1, this.left(atLeast)));
      },
    };
  }

  /** Waits after work of an owner that took so long: its share of the time becomes what others leave of a place. */
  async pauseAfter(workMs: number, owner: string): Promise<void> {
    const own = this.owners.get(nameIn('work', owner));
    const ofOwn = own === undefined || asksForMuch(own) ? 0 : usedAt(this.now(), own);
    const pauseMs = workMs * (1 / Math.min(1, this.left(LEAST_OF_WORK, ofOwn)) - 1);
    if (pauseMs > 0) await delay(Math.min(pauseMs, LONGEST_PAUSE_MS));
  }

  private leave(owner: Owner, since: number | undefined): void {
    owner.asking -= 1;
    if (since !== undefined) {
      owner.holding -= 1;
      const took = this.now() - since;
      const { requestMs: before = took } = owner;
      owner.requestMs = before + (took - before) * (took < before ? PART_OF_SHORTER : PART_OF_LONGER);
    }
    if (this.owners.size > MOST_OWNERS)
      for (const [name, { asking }] of this.owners) if (asking === 0) this.owners.delete(name);
  }

  /** The places of an owner that asks for much: together, such owners have `atLeast` in any case. */
  private left(atLeast: number, ofOwn = 0): number {
    const now = this.now();
    if (now - this.added.at >= ADDED_UP_MS) {
      let [others, asking] = [0, 0];
      for (const owner of this.owners.values())
        if (asksForMuch(owner)) asking += 1;
        else others += usedAt(now, owner);
      this.added = { others, asking: Math.max(1, asking), at: now };
    }
    return Math.max(atLeast / this.added.asking, this.enough - (this.added.others - ofOwn));
  }

  private updated(name: string, atLeast: number): Owner {
    const now = this.now();
    const owner = this.owners.get(name) ?? { asking: 0, holding: 0, requestMs: undefined, used: 0, debtMs: 0, at: now };
    this.owners.set(name, owner);
    const debtMs = owner.debtMs + (owner.holding - this.left(atLeast)) * (now - owner.at);
    owner.debtMs = Math.min(MOST_DEBT_MS, Math.max(0, debtMs));
    owner.used = usedAt(now, owner);
    owner.at = now;
    return owner;
  }
}

const nameIn = (lane: 'work' | 'usage', owner: string): string => `${lane} ${owner}`;

const asksForMuch = ({ asking, requestMs }: Owner): boolean => asking * (requestMs ?? 0) > MUCH_MS;

/** The average moves towards what is held now. */
const usedAt = (now: number, { holding, used, at }: Owner): number =>
  holding + (used - holding) * Math.exp((at - now) / MEMORY_MS);
