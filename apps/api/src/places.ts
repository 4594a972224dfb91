import type { Role } from '#ledger/caller';
import type { Crowd } from './crowd.js';

/** How often those are looked at who let others go first: their turn comes with time. */
const LOOK_EVERY_MS = 20;

/** A request that wants a place. */
export interface Applicant {
  readonly role: Role;
  /** A tenant, or an actor that belongs to none. */
  readonly owner: string;
  /** The most places that the owner may have. */
  readonly share: number;
  /** How many places of its owner's share the request takes: at most the share. Default: 1. */
  readonly weight?: number;
  /** Called when it has its place, and again after each pause. */
  enter(): void;
}

/** The place of a request among those of all. */
export interface PlaceOfRequest {
  /** Gives it back for now. */
  pause(): void;
  /** Takes it again. It waits while none is free, and no longer than the client is there. */
  resume(): Promise<void>;
}

/** The places of the requests that were let in. */
export type PlacesOfRequests = WeakMap<object, PlaceOfRequest>;

export interface Sizes {
  readonly all: number;
  /** Places that are kept free for requests of a role. */
  readonly reserved: ReadonlyMap<Role, number>;
  /** Who lets others go first. Without it: nobody. */
  readonly crowd?: Crowd;
}

/**
 * The places of the requests that are processed at the same time. A place that becomes free goes to the owner with the
 * fewest: an owner who sends many requests does not delay one who sends few.
 */
export class Places {
  /** Since when, in milliseconds, without its pauses. */
  private readonly inside = new Map<Applicant, number>();
  /** How long it had a place so far. It counts in the share of its owner. */
  private readonly paused = new Map<Applicant, number>();
  /** In order of arrival. None of them can enter: each change of the places lets in those who can. */
  private readonly line = new Set<Applicant>();
  private readonly ofOwner = new Map<string, number>();
  private readonly ofRole = new Map<Role, number>();
  private looking: NodeJS.Timeout | undefined;

  constructor(private readonly sizes: Sizes) {}

  /** Enters at once, or waits in the line. Returns whether it entered. */
  ask(applicant: Applicant): boolean {
    this.sizes.crowd?.arrive(applicant.owner);
    const mayEnter = this.mayEnter(applicant) && !this.yields(applicant) && !this.isBehindItsOwn(applicant);
    if (mayEnter) this.enter(applicant);
    else {
      this.line.add(applicant);
      this.lookAgain();
    }
    return mayEnter;
  }

  /** Gives the place to others while nothing is done for the request. */
  pause(applicant: Applicant): void {
    if (this.stop(applicant)) this.letIn();
  }

  /** Ends a pause: the request enters at once, or waits in the line. false: it does not pause. */
  resume(applicant: Applicant): boolean {
    if (!this.paused.has(applicant)) return false;
    if (this.isFull(applicant)) this.line.add(applicant);
    else this.enter(applicant);
    return true;
  }

  /** Gives the place back, or leaves the line. It may be called again. */
  leave(applicant: Applicant): void {
    const waited = this.line.delete(applicant);
    this.stop(applicant);
    const workedMs = this.paused.get(applicant);
    if (workedMs === undefined && !waited) return;
    this.sizes.crowd?.leave(applicant.owner, workedMs);
    if (workedMs === undefined) return;
    this.paused.delete(applicant);
    this.countOwner(applicant, -1);
    this.letIn();
  }

  /** Whether nobody of this role can enter, whoever the owner is. */
  isFull({ role }: Pick<Applicant, 'role'>): boolean {
    return this.sizes.all - this.inside.size <= this.keptFromRole(role);
  }

  private stop(applicant: Applicant): boolean {
    const since = this.inside.get(applicant);
    if (since === undefined) return false;
    this.inside.delete(applicant);
    this.paused.set(applicant, this.now() - since);
    this.sizes.crowd?.pause(applicant.owner);
    this.countRole(applicant, -1);
    return true;
  }

  private letIn(): void {
    for (let next = this.next(); next !== undefined; next = this.next()) {
      this.line.delete(next);
      this.enter(next);
    }
  }

  private next(): Applicant | undefined {
    let best: Applicant | undefined;
    // Nobody can enter when all places are taken: the line need not be searched.
    if (this.inside.size >= this.sizes.all) return best;
    // Those behind a heavier request of their owner do not pass it: it would never have its places.
    const behind = new Set<string>();
    for (const each of this.line) {
      const own = `${each.role} ${each.owner}`;
      if (behind.has(own)) continue;
      if (!this.mayEnter(each)) behind.add(own);
      else if ((best === undefined || this.othersOf(each) < this.othersOf(best)) && !this.yields(each)) best = each;
    }
    return best;
  }

  /** Its owner may have requests in several roles, of which one has places of its own. */
  private isBehindItsOwn({ owner, role }: Applicant): boolean {
    for (const each of this.line) if (each.owner === owner && each.role === role) return true;
    return false;
  }

  private yields(applicant: Applicant): boolean {
    return (
      applicant.role !== 'platform_admin' &&
      // It has let others go first.
      !this.paused.has(applicant) &&
      this.sizes.crowd?.mustWait(applicant.owner) === true
    );
  }

  private lookAgain(): void {
    if (this.sizes.crowd === undefined) return;
    this.looking ??= setTimeout(() => {
      this.looking = undefined;
      this.letIn();
      if (this.line.size > 0) this.lookAgain();
    }, LOOK_EVERY_MS).unref();
  }

  private mayEnter(applicant: Applicant): boolean {
    return this.othersOf(applicant) + (applicant.weight ?? 1) <= applicant.share && !this.isFull(applicant);
  }

  private keptFromRole(role: Role): number {
    let kept = 0;
    for (const [other, places] of this.sizes.reserved)
      if (other !== role) kept += Math.max(0, places - (this.ofRole.get(other) ?? 0));
    return kept;
  }

  private enter(applicant: Applicant): void {
    const workedMs = this.paused.get(applicant);
    this.inside.set(applicant, this.now() - (workedMs ?? 0));
    this.sizes.crowd?.enter(applicant.owner);
    this.countRole(applicant, 1);
    if (workedMs === undefined) this.countOwner(applicant, 1);
    else this.paused.delete(applicant);
    applicant.enter();
  }

  private now(): number {
    return this.sizes.crowd?.now() ?? 0;
  }

  private countRole({ role }: Applicant, change: 1 | -1): void {
    this.ofRole.set(role, (this.ofRole.get(role) ?? 0) + change);
  }

  private countOwner({ owner, weight = 1 }: Applicant, change: 1 | -1): void {
    const held = (this.ofOwner.get(owner) ?? 0) + change * weight;
    // Owners come and go: those without a place are forgotten.
    if (held === 0) this.ofOwner.delete(owner);
    else this.ofOwner.set(owner, held);
  }

  /** What the other requests of its owner hold. */
  private othersOf(applicant: Applicant): number {
    const held = this.ofOwner.get(applicant.owner) ?? 0;
    return this.paused.has(applicant) ? held - (applicant.weight ?? 1) : held;
  }
}
