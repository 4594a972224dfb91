import { Bell } from './bell.js';

const FIRST_MS = 50;
const LONGEST_MS = 5_000;

/** Waits longer after each failure in a row: 50 ms, 100 ms, 200 ms … 5 s. */
export class Backoff {
  private failures = 0;

  reset(): void {
    this.failures = 0;
  }

  /** Returns early if the signal aborts, and after `mostMs`. */
  async wait(signal: AbortSignal, mostMs = LONGEST_MS): Promise<void> {
    const ms = Math.min(FIRST_MS * 2 ** this.failures, LONGEST_MS, mostMs);
    this.failures += 1;
    await new Bell().wait(0, signal, ms);
  }
}
