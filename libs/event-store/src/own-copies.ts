import type { Copied } from './postgres.copies.js';

/** The last copies are kept for appends whose answer comes later, and for repeated ones. */
const MOST_COPIES = 10_000;
/** An append waits this long for the copy. Then it asks the mirror. */
const WAIT_MS = 1_000;

/** What this process copied, for the appends that wait for it: none of them has to ask the mirror. */
export class OwnCopies {
  private readonly copies = new Map<number, Copied>();
  private readonly waiting = new Map<number, PromiseWithResolvers<Copied | undefined>>();

  add(copied: readonly Copied[]): void {
    for (const copy of copied) {
      this.copies.set(copy.sourcePosition, copy);
      this.waiting.get(copy.sourcePosition)?.resolve(copy);
    }
    for (const position of this.copies.keys()) {
      if (this.copies.size <= MOST_COPIES) break;
      this.copies.delete(position);
    }
  }

  /** Ends the waits: what comes now is copied by another process, or by none. */
  end(): void {
    for (const { resolve } of this.waiting.values()) resolve(undefined);
  }

  /** The copy of the event at a position of the source. undefined: it did not come in time. */
  async of(position: number): Promise<Copied | undefined> {
    const copy = this.copies.get(position);
    if (copy !== undefined) return copy;
    const waiting = this.waiting.get(position) ?? Promise.withResolvers<Copied | undefined>();
    this.waiting.set(position, waiting);
    const timer = setTimeout(() => waiting.resolve(undefined), WAIT_MS);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(position);
    }
  }
}
