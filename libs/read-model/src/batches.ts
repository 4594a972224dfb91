import type { StoredEvent } from '#event-store/port';

const MAX_BATCH_EVENTS = 1000;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** Groups events into batches by number and size. A batch ends when the next event is not ready yet. */
export async function* batched(
  events: AsyncIterable<StoredEvent>,
  maxBytes = MAX_BATCH_BYTES,
): AsyncIterable<StoredEvent[]> {
  const iterator = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<StoredEvent>> | null = null;
  try {
    for (;;) {
      const first = await (pending ?? iterator.next());
      pending = null;
      if (first.done === true) return;
      const batch = [first.value];
      let bytes = first.value.data.length;
      while (batch.length < MAX_BATCH_EVENTS && bytes < maxBytes) {
        pending = iterator.next();
        const next = await Promise.race([pending, turn()]);
        if (next === null) break;
        pending = null;
        if (next.done === true) {
          yield batch;
          return;
        }
        batch.push(next.value);
        bytes += next.value.data.length;
      }
      yield batch;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Resolves after all callbacks that are ready now. An event that comes later belongs to the next batch. */
const turn = (): Promise<null> =>
  new Promise((resolve) =>
    setImmediate(() => {
      resolve(null);
    }),
  );
