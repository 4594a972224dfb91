import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '#domain/errors';
import { type Caller, ownerOf } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';

/** Each of them keeps a processor of the database busy. */
const MOST = 2;
const SLOTS = Array.from({ length: MOST }, (_, n) => `expensive work ${n + 1}`);
/** One more is kept for this role. */
const KEPT_FOR = 'platform_admin';
const SLOTS_OF_ADMIN = [`expensive work of ${KEPT_FOR}`, ...SLOTS];
/** On the command line: such work of others ends in this time, or takes too long to wait for. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** How expensive work waits. */
interface Manners {
  readonly patienceMs: number;
  /** Waits before other work takes the place of work that took so long. */
  pauseAfter(workMs: number, caller: Caller): Promise<void>;
}

/** Expensive work: little of it runs at a time in a ledger, and one of an owner. */
export class FewAtOnce {
  /** By owner. */
  private readonly running = new Map<string, Caller['role']>();
  private manners: Manners = { patienceMs: PATIENCE_MS, pauseAfter: async () => Promise.resolve() };

  constructor(private readonly core: Pick<LedgerCore, 'takeFree'>) {}

  behave(manners: Manners): void {
    this.manners = manners;
  }

  /** Errors: `overloaded`. */
  async run<Result>(caller: Caller, work: () => Promise<Result>): Promise<Result> {
    const owner = ownerOf(caller);
    const giveBack = await this.taken(owner, caller.role);
    const begun = performance.now();
    try {
      return await work();
    } finally {
      await giveBack();
      void this.manners.pauseAfter(performance.now() - begun, caller).finally(() => this.running.delete(owner));
    }
  }

  /** Other processes are asked only where this one has room. */
  private async taken(owner: string, role: Caller['role']): Promise<() => Promise<void>> {
    const end = performance.now() + this.manners.patienceMs;
    for (;;) {
      if (!this.running.has(owner) && this.hasRoom(role)) {
        const giveBack = await this.tryTake(owner, role);
        if (giveBack !== null) return giveBack;
      }
      if (performance.now() >= end)
        throw new DomainError(
          'overloaded',
          'Queries that read the whole ledger, or previews, are running:' +
            ` one of a caller and ${MOST} in all at a time. Retry later.`,
          'unavailable',
        );
      await delay(LOOK_EVERY_MS);
    }
  }

  private hasRoom(role: Caller['role']): boolean {
    if (role === KEPT_FOR) return this.running.size <= MOST;
    return [...this.running.values()].filter((other) => other !== KEPT_FOR).length < MOST;
  }

  private async tryTake(owner: string, role: Caller['role']): Promise<(() => Promise<void>) | null> {
    this.running.set(owner, role);
    let giveBack: (() => Promise<void>) | null = null;
    try {
      giveBack = await this.core.takeFree([[`expensive work of ${owner}`], role === KEPT_FOR ? SLOTS_OF_ADMIN : SLOTS]);
    } finally {
      if (giveBack === null) this.running.delete(owner);
    }
    return giveBack;
  }
}

/** Runs a few works at a time. The others wait, in their order. */
export class FewInOrder {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.running < this.most) this.running += 1;
    else
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    try {
      return await work();
    } finally {
      // The place passes on to the next, so that nobody gets ahead of it.
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}
