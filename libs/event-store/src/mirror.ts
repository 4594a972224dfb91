import { isConnectionLost } from '#postgres/connection';
import { Backoff } from './backoff.js';
import type { EventStoreDbLog } from './eventstoredb.js';
import { type StoredEvent, UnknownOutcome } from './port.js';
import type { PostgresLog } from './postgres.js';

/** One write contains what has arrived, up to these limits. A larger write would only make each commit longer. */
const MAX_EVENTS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Copies all events of EventStoreDB into the Postgres log, in order, each exactly once, until the signal aborts. It
 * continues where an earlier run ended. Several mirrors may run: each skips what another has copied. Errors: it ends
 * with an error if the source skips a revision of a stream, because a mirror with a gap proves nothing.
 */
export async function mirrorLog(
  source: EventStoreDbLog,
  target: PostgresLog,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const backoff = new Backoff();
  while (!signal.aborted) {
    // Stops the subscription after a failed write, without stopping the mirror.
    const attempt = new AbortController();
    try {
      const copied = await lastSourcePosition(target);
      for await (const batch of gathered(
        source.subscribe(copied, { signal: AbortSignal.any([signal, attempt.signal]) }),
      )) {
        await target.appendMirrored(batch);
        backoff.reset();
      }
    } catch (error) {
      // The target says how far it is. Events that it did not store are read again.
      if (!(error instanceof UnknownOutcome)) throw error;
    } finally {
      attempt.abort();
    }
    await backoff.wait(signal);
  }
}

async function lastSourcePosition(target: PostgresLog): Promise<number> {
  try {
    return await target.lastSourcePosition();
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    throw new UnknownOutcome('the mirror does not answer', { cause: error });
  }
}

/** The events that arrived while the previous batch was written: at least one. */
async function* gathered(events: AsyncIterable<StoredEvent>): AsyncIterable<readonly StoredEvent[]> {
  const iterator = events[Symbol.asyncIterator]();
  const pull = (): Promise<IteratorResult<StoredEvent>> => {
    const pulled = iterator.next();
    // The error is thrown where the event is awaited. Until then the previous batch is written, and nobody listens.
    pulled.catch(() => undefined);
    return pulled;
  };
  let next = pull();
  for (;;) {
    const first = await next;
    if (first.done === true) return;
    const batch = [first.value];
    let bytes = size(first.value);
    next = pull();
    for (;;) {
      const ready = await Promise.race([next, nothingMore()]);
      if (ready === undefined || ready.done === true || batch.length === MAX_EVENTS || bytes > MAX_BYTES) break;
      batch.push(ready.value);
      bytes += size(ready.value);
      next = pull();
    }
    yield batch;
  }
}

const size = (event: StoredEvent): number => event.data.length + event.metadata.length;
/** One turn of the event loop. Everything that has arrived is delivered before it ends. */
const nothingMore = (): Promise<undefined> => new Promise((resolve) => setImmediate(() => resolve(undefined)));
