import { setTimeout as delay } from 'node:timers/promises';
import { errorOf } from '#domain/errors';
import { troubleIn } from '#postgres/connection';

/** Work that a worker repeats. */
export interface Repeated<Result> {
  /** What its errors are reported as: `webhooks: …`. */
  readonly name: string;
  readonly report: (message: string) => void;
  /** How long to rest after it, in milliseconds. `result` undefined: it failed. */
  readonly rest: (elapsedMs: number, result: Result | undefined) => number;
}

/** Repeats work until the signal aborts. An error does not end it: it is reported when it differs from the last one. */
export async function repeatedly<Result>(
  signal: AbortSignal,
  { name, report, rest }: Repeated<Result>,
  work: () => Promise<Result>,
): Promise<void> {
  let trouble = '';
  while (!signal.aborted) {
    const start = performance.now();
    let result: Result | undefined;
    try {
      result = await work();
      trouble = '';
    } catch (error) {
      if (signal.aborted) return;
      const message = troubleIn(errorOf(error));
      if (message !== trouble) report(`${name}: ${message}`);
      trouble = message;
    }
    await delay(rest(performance.now() - start, result), undefined, { signal }).catch(() => undefined);
  }
}
