import { setTimeout as delay } from 'node:timers/promises';
import { isDomainError } from '#domain/schema';
import type { Projector } from '#read-model/projector';
import type { Rebuilder, RebuildProgress } from '#read-model/rebuild';

/**
 * What a start does where the read models were made by other versions of the projections. `wait`: builds its own, or waits for the
 * process that does, and then serves. `serve`: does so while it runs, and says of itself that it is not ready. `leave`: neither.
 */
export type WhenOutdated = 'wait' | 'serve' | 'leave';

export interface TakeOver {
  readonly signal: AbortSignal;
  readonly report: (message: string) => void;
}

const LOOK_AGAIN_MS = 250;
const REPORT_EVERY_MS = 5_000;

/**
 * Makes the live read models those of this process's versions: by putting kept ones back that are, else by a rebuild. Processes of the
 * other versions serve until then, and say from then on that they are outdated. Errors: ProjectionHalted, and what the database throws.
 */
export async function takeOver(
  projector: Projector,
  rebuilder: Rebuilder,
  { signal, report }: TakeOver,
): Promise<void> {
  report(
    'the read models were made by other versions of the projections: building those of this one; the others serve meanwhile',
  );
  const onProgress = every(REPORT_EVERY_MS, ({ phase, position, target, secondsLeft }: RebuildProgress) => {
    report(
      `building the read models: ${phase}, position ${position} of ${target}${secondsLeft === null ? '' : `, ${secondsLeft} s left`}`,
    );
  });
  while (!(await projector.prepare())) {
    try {
      await rebuilder.takeOver({ signal, onProgress });
    } catch (error) {
      // Another process builds the very same: it is waited for.
      if (!isDomainError(error) || error.code !== 'rebuild_under_way') throw error;
      await delay(LOOK_AGAIN_MS, undefined, { signal });
    }
    signal.throwIfAborted();
  }
  report('the read models of this version serve');
}

function every<Argument>(ms: number, work: (argument: Argument) => void): (argument: Argument) => void {
  let last = performance.now();
  return (argument) => {
    if (performance.now() - last < ms) return;
    last = performance.now();
    work(argument);
  };
}
