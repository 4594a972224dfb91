import { isConnectionLost, isNotNow, isNotWritable } from '#postgres/connection';
import { Backoff } from './backoff.js';
import type { EventStoreDbLog } from './eventstoredb.js';
import type { ServerRecord } from './eventstoredb.record.js';
import { UnknownOutcome } from './port.js';
import type { PostgresLog } from './postgres.js';

/** One write contains what has arrived, up to these limits. A larger write would only make each commit longer. */
const MAX_EVENTS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

export interface MirrorState {
  /** The source has what was copied. */
  readonly isCompared: boolean;
  /** Why nothing can be copied at present: the disk is full, or the database is read-only. */
  readonly notWritable: Error | null;
}

/**
 * Copies all events of EventStoreDB into the Postgres log, in order, each exactly once, until the signal aborts. It
 * continues where an earlier run ended. Several mirrors may run: each skips what another has copied. What the server
 * removed before it was copied gets an event that stands for it. Errors: it ends with an error if the source repeats a
 * revision of a stream, because it is another log then.
 */
export async function mirrorLog(
  source: EventStoreDbLog,
  target: PostgresLog,
  { signal, onState = () => undefined }: { signal: AbortSignal; onState?: (state: MirrorState) => void },
): Promise<void> {
  const backoff = new Backoff();
  while (!signal.aborted) {
    // Stops the subscription after a failed write, without stopping the mirror.
    const attempt = new AbortController();
    try {
      const copied = await fromMirror(() => target.lastSourcePosition());
      await assertSameSource(source, target, copied);
      onState({ isCompared: true, notWritable: null });
      for await (const batch of gathered(source.records(copied, AbortSignal.any([signal, attempt.signal])))) {
        await target.appendMirrored(batch);
        onState({ isCompared: true, notWritable: null });
        backoff.reset();
      }
    } catch (error) {
      // The target says how far it is. Events that it did not store are read again.
      if (!(error instanceof UnknownOutcome || isNotNow(error))) throw error;
      // When the server is back, it may be another one.
      onState({ isCompared: false, notWritable: error instanceof Error && isNotWritable(error) ? error : null });
    } finally {
      attempt.abort();
    }
    await backoff.wait(signal);
  }
}

/** EventStoreDB does not have what was copied: it was set back, or it is another server. */
class OtherSource extends Error {
  override readonly name = 'OtherSource';
  constructor(message: string) {
    super(
      `${message}. Nothing is served. Check EVENT_STORE_URL and EVENT_STORE_PREFIX, and restore the server from a ` +
        'later backup. If the server is right as it is, copy this database, and give the ledger an empty one: ' +
        'it then copies what the server has',
    );
  }
}

/** That many of the last and of the first copied events are looked for. The server may have removed some of them. */
const COMPARED = 20;

/** Errors: OtherSource, UnknownOutcome. */
async function assertSameSource(source: EventStoreDbLog, target: PostgresLog, copied: number): Promise<void> {
  if (copied === 0) return;
  const end = await source.end();
  if (end < copied)
    throw new OtherSource(
      `EventStoreDB ends at its position ${end}, but the mirror has copied up to ${copied}: the server was set back, ` +
        'or it is another one',
    );
  const seen = await latestSeen(source, target);
  if (seen === undefined)
    throw new OtherSource('EventStoreDB has none of the first and last events of the mirror: it is another server');
  // From there on, events may be missing where someone deleted streams, but none may be new.
  for await (const { position, event } of source.recorded({ from: seen, upTo: copied })) {
    const copy = await fromMirror(() => target.copyOf(position));
    if (copy?.id !== event.id)
      throw new OtherSource(
        `EventStoreDB has revision ${event.revision} of ${event.stream} at its position ${position}, and the mirror, ` +
          'which is further, does not: the server was set back and went on differently, or it is another one',
      );
  }
}

/**
 * The source position of the latest event that both have. Streams are read, not positions: on another server, a
 * position may be in the middle of a record. undefined: none of the last and of the first ones.
 */
async function latestSeen(source: EventStoreDbLog, target: PostgresLog): Promise<number | undefined> {
  for (const order of ['last', 'first'] as const)
    for (const copy of await fromMirror(() => target.someCopies(order, COMPARED))) {
      const original = await source.eventOf(copy.stream, copy.revision);
      if (original?.id === copy.id && original.position === copy.sourcePosition) return copy.sourcePosition;
    }
  return undefined;
}

/** Errors: UnknownOutcome, if the connection to the mirror is lost. */
async function fromMirror<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
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
