import { setTimeout as delay } from 'node:timers/promises';
import { isConnectionLost } from '#postgres/connection';
import type { KeptTree } from '#transparency/kept-tree';

/** What comes in meanwhile is hashed at once: a round for each batch would cost the ingest more than the hashing. */
const EVERY_MS = 200;

/** Keeps the Merkle tree up behind the log, for as long as the signal lasts, whenever it is woken. */
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
        // The database is away: what is missed is hashed when it is back.
        if (!isConnectionLost(error)) throw error;
        this.wake();
      }
      await Promise.all([this.woken.promise, delay(EVERY_MS)]);
    }
  }
}
