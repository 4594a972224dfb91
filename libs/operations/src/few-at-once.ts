import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '#domain/errors';
import type { Caller } from '#ledger/caller';

/** Each of them keeps a processor of the database busy. */
const MOST = 2;
/** Slows down who asks again at once: refused without a wait, four connections asked 200 times a second. */
const PATIENCE_MS = 1000;
const LOOK_EVERY_MS = 50;

/** Expensive work: little of it runs at a time in a process, and one of an owner: a tenant, or an actor without one. */
export class FewAtOnce {
  private readonly running = new Set<string>();

  private pauseAfter: (workMs: number) => Promise<void> = async () => Promise.resolve();

  /** `pauseAfter`: waits before other work takes the place of work that took so long. */
  pauseWith(pauseAfter: (workMs: number) => Promise<void>): void {
    this.pauseAfter = pauseAfter;
  }

  /** Errors: `overloaded`. */
  async run<Result>(caller: Pick<Caller, 'tenantId' | 'actor'>, work: () => Promise<Result>): Promise<Result> {
    const owner = caller.tenantId ?? caller.actor;
    const isFull = (): boolean => this.running.size >= MOST || this.running.has(owner);
    for (const end = performance.now() + PATIENCE_MS; isFull() && performance.now() < end;) await delay(LOOK_EVERY_MS);
    if (isFull())
      throw new DomainError(
        'overloaded',
        `Queries that read the whole ledger, or previews, are running: one of a caller and ${MOST} in all at a time.` +
          ' Retry later.',
        'unavailable',
      );
    this.running.add(owner);
    const begun = performance.now();
    try {
      return await work();
    } finally {
      void this.pauseAfter(performance.now() - begun).finally(() => this.running.delete(owner));
    }
  }
}

/** Runs a few works at a time. The others wait, in their order. */
export class FewInOrder {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  get isIdle(): boolean {
    return this.running === 0;
  }

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
