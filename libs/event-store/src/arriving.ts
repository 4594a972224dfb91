import { Bell } from './bell.js';
import type { ServerRecord } from './eventstoredb.record.js';

/** A batch contains what has arrived, up to these limits. A larger write would only make each commit longer. */
const MAX_EVENTS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** Receives events from the server while a batch is written. It holds at most one more batch. */
export class Arriving {
  private queue: ServerRecord[] = [];
  private bytes = 0;
  private isDone = false;
  private readonly bell = new Bell();
  private readonly ending = new AbortController();
  private readonly receiving: Promise<void>;

  /** `follow`: begins to receive, until the signal aborts. */
  constructor(follow: (signal: AbortSignal) => AsyncIterable<ServerRecord>) {
    this.receiving = this.receive(follow(this.ending.signal)).finally(() => {
      this.isDone = true;
      this.bell.ring();
    });
    // The error is thrown where the next batch is awaited. Until then the previous one is written, and nobody listens.
    this.receiving.catch(() => undefined);
  }

  /** Whether something has arrived that no batch contains. */
  get hasMore(): boolean {
    return this.queue.length > 0;
  }

  /** What has arrived: at least one record. Empty: nothing comes any more. Errors: that of the records. */
  async next(): Promise<readonly ServerRecord[]> {
    for (;;) {
      const seen = this.bell.rings;
      if (this.queue.length > 0) return this.taken();
      if (this.isDone) {
        await this.receiving;
        return [];
      }
      await this.bell.wait(seen, this.ending.signal);
    }
  }

  async end(): Promise<void> {
    this.ending.abort();
    await this.receiving.catch(() => undefined);
  }

  private taken(): readonly ServerRecord[] {
    const batch = this.queue;
    this.queue = [];
    this.bytes = 0;
    this.bell.ring();
    return batch;
  }

  private async receive(records: AsyncIterable<ServerRecord>): Promise<void> {
    for await (const record of records) {
      this.queue.push(record);
      this.bytes += size(record);
      this.bell.ring();
      while (this.isFull && !this.ending.signal.aborted) await this.bell.wait(this.bell.rings, this.ending.signal);
      if (this.ending.signal.aborted) return;
    }
  }

  private get isFull(): boolean {
    return this.queue.length >= MAX_EVENTS || this.bytes > MAX_BYTES;
  }
}

const size = (record: ServerRecord): number => {
  if ('deleted' in record) return record.deleted.length;
  const { bytes, original = bytes } = record;
  return original === undefined ? 0 : original.data.length + original.metadata.length;
};
