import type { Reply } from './http.js';
import { queryTimedOut } from './outage.js';
import { HungUp } from './problem.js';

/** Ends the queries of a request when its time is over, or when its client is gone. */
export class QueryLimits {
  constructor(private readonly timeoutMs: number) {}

  /** The signal for all queries of the request together. Its reason: `query_timed_out`, or that the client hung up. */
  of({ raw }: Pick<Reply, 'raw'>): AbortSignal {
    const stopping = new AbortController();
    const hangUp = (): void => {
      clearTimeout(timer);
      if (!raw.writableFinished) stopping.abort(new HungUp());
    };
    const timer = setTimeout(() => {
      stopping.abort(queryTimedOut());
    }, this.timeoutMs);
    if (raw.closed) hangUp();
    else raw.once('close', hangUp);
    return stopping.signal;
  }
}
