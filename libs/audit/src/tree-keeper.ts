import { setTimeout as delay } from 'node:timers/promises';
import { UnknownOutcome } from '#event-store/port';
import { isConnectionLost, isNotNow } from '#postgres/connection';
import { BrokenLog, type KeptTree, OtherTree } from '#transparency/kept-tree';

/** Events of this interval are hashed together: a round for each batch would cost the ingest more than the hashing. */
const EVERY_MS = 200;
/** How often it is tried again what waits for a repair. */
const LOOK_AGAIN_MS = 5_000;

/** Adds new events to the Merkle tree whenever it is woken, until the signal aborts. */
export class TreeKeeper {
  private woken = Promise.withResolvers<void>();

  constructor(private readonly tree: KeptTree) {}

  wake(): void {
    this.woken.resolve();
  }

  /**
   * `onTrouble` receives once why the tree is not continued, and it waits for the repair: the log must be restored, or
   * the database can't write, as where its disk is full.
   */
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
        if (!(error instanceof Error) || !isTrouble(error)) throw error;
        if (!isConnectionLost(error)) {
          if (error.message !== reported) onTrouble(error);
          reported = error.message;
          await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
        }
        // The missing events are hashed when the connection is back, or the log.
        this.wake();
      }
      await Promise.all([this.woken.promise, delay(EVERY_MS)]);
    }
  }
}

/** Failures that pass by themselves, or that an operator can remove. */
const isTrouble = (error: Error): boolean =>
  isNotNow(error) || error instanceof UnknownOutcome || error instanceof OtherTree || error instanceof BrokenLog;
