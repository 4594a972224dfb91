import { setTimeout as delay } from 'node:timers/promises';
import { isConnectionLost } from '#postgres/connection';
import type { KeptTree } from '#transparency/kept-tree';

/** Events of this interval are hashed together: a round for each batch would cost the ingest more than the hashing. */
const EVERY_MS = 200;

/** Adds new events to the Merkle tree whenever it is woken, until the signal aborts. */
export class TreeKeeper {
  private woken = Promise.withResolvers<void>();

  constructor(private readonly tree: KeptTree) {}

  wake(): void {
    this.woken.resolve();
  }

  /** Errors: BrokenLog. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => {
      this.wake();
    });
    while (!signal.aborted) {
      this.woken = Promise.withResolvers();
      try {
        await this.tree.keepUp();
      } catch (error) {
        // The connection is lost. The missing events are hashed when it is back.
        if (!isConnectionLost(error)) throw error;
        this.wake();
      }
      await Promise.all([this.woken.promise, delay(EVERY_MS)]);
    }
  }
}
