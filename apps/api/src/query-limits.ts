import type { Reply } from './http.js';
import { queryTimedOut } from './outage.js';
import { HungUp } from './problem.js';

/** The time of the queries of a request. */
export interface QueryTime {
  /** For all of them together. Its reason: `query_timed_out`, or that the client hung up. */
  readonly signal: AbortSignal;
  /** The time of a pause does not count. */
  pause(): void;
  resume(): void;
}

/** Ends the queries of a request when its time is over, or when its client is gone. */
export class QueryLimits {
  constructor(private readonly timeoutMs: number) {}

  of(reply: Pick<Reply, 'raw'>): AbortSignal {
    return this.timeOf(reply).signal;
  }

  timeOf({ raw }: Pick<Reply, 'raw'>): QueryTime {
    const stopping = new AbortController();
    let [leftMs, since] = [this.timeoutMs, 0];
    let timer: NodeJS.Timeout | undefined;
    const pause = (): void => {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      leftMs = Math.max(0, leftMs - (performance.now() - since));
    };
    const resume = (): void => {
      if (timer !== undefined || raw.closed) return;
      since = performance.now();
      timer = setTimeout(() => {
        stopping.abort(queryTimedOut());
      }, leftMs);
    };
    const hangUp = (): void => {
      pause();
      if (!raw.writableFinished) stopping.abort(new HungUp());
    };
    resume();
    if (raw.closed) hangUp();
    else raw.once('close', hangUp);
    return { signal: stopping.signal, pause, resume };
  }
}
