import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, invalid } from '#domain/errors';
import type { LedgerCore } from '#ledger/ledger-core';
import { readIsReadOnly } from '#projections/checkpoint.read';

/** Interval in which a waiting caller checks the position, in milliseconds. */
const WAIT_MS = 20;
/** The same of a long poll, which may wait for half a minute. */
const POLL_MS = 200;

/**
 * Waits until a position is projected, or the signal aborts. Errors: `position_ahead`, if the log does not have it;
 * `position_not_reached`, after the timeout.
 */
export async function waitFor(
  core: LedgerCore,
  position: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let at = await core.projector.position(); at < position; at = await core.projector.position()) {
    const left = deadline - performance.now();
    if (left <= 0)
      throw new DomainError(
        'position_not_reached',
        `Position ${position} was not projected within ${timeoutMs} ms (read models are at ${at}). Retry.`,
        'unavailable',
      );
    if ((await core.log.head()) >= position)
      await Promise.race([core.projector.catchUp(position), pause(left, signal)]);
    // A standby may not have yet what the primary has recorded. No other log is behind the position of a command.
    else if (await readIsReadOnly(core.db)) await pause(Math.min(WAIT_MS, left), signal);
    else
      throw invalid(
        'position_ahead',
        'waitFor is beyond the end of the log. Use the position that a command returned.',
        [{ field: 'waitFor', message: 'is beyond the end of the log' }],
      );
  }
}

/** Waits until something after a position is projected, the time is over, or the signal aborts. */
export async function waitBeyond(
  core: LedgerCore,
  position: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while ((await core.projector.position()) <= position) {
    const left = deadline - performance.now();
    if (left <= 0) return;
    const isBehind = (await core.log.head()) > position && !(await readIsReadOnly(core.db));
    if (isBehind) await Promise.race([core.projector.catchUp(position + 1), pause(left, signal)]);
    else await pause(Math.min(POLL_MS, left), signal);
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    throw signal?.aborted === true ? signal.reason : error;
  });
}
