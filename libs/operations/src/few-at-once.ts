import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '#domain/errors';

/** Each of them keeps a processor of the database busy. */
const MOST = 2;
/** Slows down who asks again at once: refused without a wait, four connections asked 200 times a second. */
const PATIENCE_MS = 1000;

/** Expensive queries: few of them run at a time in a process, whoever asks. */
export class FewAtOnce {
  private running = 0;

  /** Errors: `overloaded`. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.running >= MOST) await delay(PATIENCE_MS);
    if (this.running >= MOST)
      throw new DomainError(
        'overloaded',
        `${MOST} queries that read the whole ledger are running, the most at a time. Retry later.`,
        'unavailable',
      );
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
    }
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
