/**
 * Wakes subscribers that wait for new events. No ring is missed: a subscriber passes the number of the last ring that
 * it has seen, and returns immediately if there was a later one.
 */
export class Bell {
  private count = 0;
  private readonly waiting = new Set<() => void>();

  get rings(): number {
    return this.count;
  }

  ring(): void {
    this.count += 1;
    for (const wake of [...this.waiting]) wake();
  }

  /**
   * Resolves at the next ring after `seen`, when the signal aborts, or after the timeout (milliseconds, default: none).
   */
  async wait(seen: number, signal: AbortSignal, timeoutMs?: number): Promise<void> {
    if (this.count !== seen || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
    this.waiting.add(resolve);
    const abort = (): void => resolve();
    signal.addEventListener('abort', abort, { once: true });
    await promise;
    clearTimeout(timer);
    // The signal may live as long as the process.
    signal.removeEventListener('abort', abort);
    this.waiting.delete(resolve);
  }
}
