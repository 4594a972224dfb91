import { setTimeout as delay } from 'node:timers/promises';
import { isConnectionLost } from '#postgres/connection';
import { BrokenLog, type KeptTree, OtherTree } from '#transparency/kept-tree';

/** Events of this interval are hashed together: a round for each batch would cost the ingest more than the hashing. */
const EVERY_MS = 200;
/** How often the log is looked at again that the tree is not continued on. */
const LOOK_AGAIN_MS = 5_000;

/** Adds new events to the Merkle tree whenever it is woken, until the signal aborts. */
export class TreeKeeper {
  private woken = Promise.withResolvers<void>();

  constructor(private readonly tree: KeptTree) {}

  wake(): void {
    this.woken.resolve();
  }

  /** `onTrouble` receives once that the tree is not continued on this log: it waits until the log is restored. */
  async run(signal: AbortSignal, onTrouble: (error: Error) => void = () => undefined): Promise<void> {
    let reported: string | undefined;
    signal.addEventListener('abort', () => {
      this.wake();
    });
    while (!signal.aborted) {
      this.woken = Promise.withResolvers();
      try {
        await this.tree.keepUp();
        reported = undefined;
      } catch (error) {
        if (error instanceof OtherTree || error instanceof BrokenLog) {
          if (error.message !== reported) onTrouble(error);
          reported = error.message;
          await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
        } else if (!isConnectionLost(error)) throw error;
        // The missing events are hashed when the connection is back, or the log.
        this.wake();
      }
      await Promise.all([this.woken.promise, delay(EVERY_MS)]);
    }
  }
}
