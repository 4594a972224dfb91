import type { Role } from '#ledger/caller';
import type { Lane } from './crowd.js';

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
  /** Called when it has its place. */
  enter(): void;
}

export interface Sizes {
  readonly all: number;
  /** Places that are kept free for requests of a role. */
  readonly reserved: ReadonlyMap<Role, number>;
  /** Who lets others go first. Without it: nobody. */
  readonly lane?: Lane;
}

/**
 * The places of the requests that are processed at the same time. A place that becomes free goes to the owner with the
 * fewest: an owner who sends many requests does not delay one who sends few.
 */
export class Places {
  /** Since when, in milliseconds. */
  private readonly inside = new Map<Applicant, number>();
  /** In order of arrival. None of them can enter: each change of the places lets in those who can. */
  private readonly line = new Set<Applicant>();
  private readonly ofOwner = new Map<string, number>();
  private readonly ofRole = new Map<Role, number>();
  private looking: NodeJS.Timeout | undefined;

  constructor(private readonly sizes: Sizes) {}

  /** Enters at once, or waits in the line. Returns whether it entered. */
  ask(applicant: Applicant): boolean {
    this.sizes.lane?.arrive(applicant.owner);
    const mayEnter = this.mayEnter(applicant) && !this.yields(applicant);
    if (mayEnter) this.enter(applicant);
    else {
      this.line.add(applicant);
      this.lookAgain();
    }
    return mayEnter;
  }

  /** Gives the place back, or leaves the line. It may be called again. */
  leave(applicant: Applicant): void {
    const since = this.inside.get(applicant);
    if (this.line.delete(applicant)) this.sizes.lane?.leave(applicant.owner, undefined);
    if (since === undefined) return;
    this.inside.delete(applicant);
    this.sizes.lane?.leave(applicant.owner, since);
    this.count(applicant, -1);
    this.letIn();
  }

  /** Whether nobody of this role can enter, whoever the owner is. */
  isFull({ role }: Pick<Applicant, 'role'>): boolean {
    return this.sizes.all - this.inside.size <= this.keptFromRole(role);
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
    for (const each of this.line)
      if (
        this.mayEnter(each) &&
        (best === undefined || this.heldBy(each.owner) < this.heldBy(best.owner)) &&
        !this.yields(each)
      )
        best = each;
    return best;
  }

  private yields(applicant: Pick<Applicant, 'role' | 'owner'>): boolean {
    return applicant.role !== 'platform_admin' && this.sizes.lane?.mustWait(applicant.owner) === true;
  }

  private lookAgain(): void {
    if (this.sizes.lane === undefined) return;
    this.looking ??= setTimeout(() => {
      this.looking = undefined;
      this.letIn();
      if (this.line.size > 0) this.lookAgain();
    }, LOOK_EVERY_MS).unref();
  }

  private mayEnter(applicant: Applicant): boolean {
    return this.heldBy(applicant.owner) + (applicant.weight ?? 1) <= applicant.share && !this.isFull(applicant);
  }

  private keptFromRole(role: Role): number {
    let kept = 0;
    for (const [other, places] of this.sizes.reserved)
      if (other !== role) kept += Math.max(0, places - (this.ofRole.get(other) ?? 0));
    return kept;
  }

  private enter(applicant: Applicant): void {
    this.inside.set(applicant, this.sizes.lane?.enter(applicant.owner) ?? 0);
    this.count(applicant, 1);
    applicant.enter();
  }

  private count({ role, owner, weight = 1 }: Applicant, change: 1 | -1): void {
    this.ofRole.set(role, (this.ofRole.get(role) ?? 0) + change);
    const held = this.heldBy(owner) + change * weight;
    // Owners come and go: those without a place are forgotten.
    if (held === 0) this.ofOwner.delete(owner);
    else this.ofOwner.set(owner, held);
  }

  private heldBy(owner: string): number {
    return this.ofOwner.get(owner) ?? 0;
  }
}
