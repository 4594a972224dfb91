import { setTimeout as delay } from 'node:timers/promises';
import { isDomainError } from '#domain/schema';
import type { Projector } from '#read-model/projector';
import type { Rebuilder, RebuildProgress } from '#read-model/rebuild';

/**
 * What a process does at start if the read models were built by other versions of the projections. `wait`: builds its
 * own, or waits for the process that does. `serve`: the same in the background, while it reports that it is not ready.
 * `leave`: nothing.
 */
export type WhenOutdated = 'wait' | 'serve' | 'leave';

export interface TakeOver {
  readonly signal: AbortSignal;
  readonly report: (message: string) => void;
}

const LOOK_AGAIN_MS = 250;
const REPORT_EVERY_MS = 5_000;

/**
 * Replaces the live read models with those of this process's versions: restores kept ones, or rebuilds. Until then,
 * processes of the other versions serve. Errors: ProjectionHalted, and database errors.
 */
export async function takeOver(
  projector: Projector,
  rebuilder: Rebuilder,
  { signal, report }: TakeOver,
): Promise<void> {
  report(
    'the read models were built by other versions of the projections. ' +
      'Building new ones; processes of the other versions serve until then.',
  );
  const onProgress = every(REPORT_EVERY_MS, ({ phase, position, target, secondsLeft }: RebuildProgress) => {
    report(
      `building the read models: ${phase}, position ${position} of ${target}` +
        (secondsLeft === null ? '' : `, ${secondsLeft} s left`),
    );
  });
  while (!(await projector.prepare())) {
    try {
      await rebuilder.takeOver({ signal, onProgress });
    } catch (error) {
      // Another process builds the same read models: wait for it.
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
