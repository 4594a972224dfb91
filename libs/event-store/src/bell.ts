/**
 * Wakes those who wait for more events. No ring is missed: a waiter names the ring up to which it has looked, and goes
 * on at once if there was another since.
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

  /** Until the next ring after `seen`, the signal's abort, or the time out (milliseconds; none by default). */
  async wait(seen: number, signal: AbortSignal, timeoutMs?: number): Promise<void> {
    if (this.count !== seen || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
    this.waiting.add(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    this.waiting.delete(resolve);
  }
}
