import { isConnectionLost } from '#postgres/connection';
import { Backoff } from './backoff.js';
import type { EventStoreDbLog } from './eventstoredb.js';
import type { ServerRecord } from './eventstoredb.record.js';
import { UnknownOutcome } from './port.js';
import type { PostgresLog } from './postgres.js';

/** One write contains what has arrived, up to these limits. A larger write would only make each commit longer. */
const MAX_EVENTS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Copies all events of EventStoreDB into the Postgres log, in order, each exactly once, until the signal aborts. It
 * continues where an earlier run ended. Several mirrors may run: each skips what another has copied. What the server
 * removed before it was copied gets an event that stands for it. Errors: it ends with an error if the source repeats a
 * revision of a stream, because it is another log then.
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
      for await (const batch of gathered(source.records(copied, AbortSignal.any([signal, attempt.signal])))) {
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
async function* gathered(events: AsyncIterable<ServerRecord>): AsyncIterable<readonly ServerRecord[]> {
  const iterator = events[Symbol.asyncIterator]();
  const pull = (): Promise<IteratorResult<ServerRecord>> => {
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

const size = (record: ServerRecord): number =>
  'event' in record
    ? record.event.data.length + record.event.metadata.length + (record.original?.data.length ?? 0)
    : record.deleted.length;
/** One turn of the event loop. Everything that has arrived is delivered before it ends. */
const nothingMore = (): Promise<undefined> => new Promise((resolve) => setImmediate(() => resolve(undefined)));
