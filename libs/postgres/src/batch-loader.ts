import { isCancelled, isNotNow, isOutOfMemory } from './connection.js';
import { forAll } from './stoppable.js';

interface Waiting<Key, Value> {
  readonly key: Key;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** Maximum size of a statement. A larger one would delay its small keys, and make them fail too if it times out. */
const MAX_BATCH_SIZE = 1000;
/** A key of this size gets its own statement: a batch does not help it. */
const LARGE = 100;

/**
 * Looks up many keys with few statements, like dataloader. It differs in when it sends a batch: while one statement
 * runs, new keys wait for the next one. A single key never waits. Under load, a statement for a dozen keys costs about
 * as much as a statement for one.
 */
export class BatchLoader<Key, Value> {
  private waiting: Waiting<Key, Value>[] = [];
  private isRunning = false;

  constructor(
    /** The value of each key, in the order of the keys. */
    private readonly loadBatch: (keys: readonly Key[]) => Promise<readonly Value[]>,
    /** The size of one key. */
    private readonly sizeOf: (key: Key) => number = () => 1,
  ) {}

  /** The database is read after the call, never before. */
  async load(key: Key): Promise<Value> {
    return new Promise((resolve, reject) => {
      const waiting = { key, resolve, reject };
      if (this.sizeOf(key) >= LARGE) {
        void this.send([waiting]);
        return;
      }
      this.waiting.push(waiting);
      if (!this.isRunning) void forAll(async () => this.run());
    });
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    // Keys of the same turn of the event loop share the first statement.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.send(this.next());
    this.isRunning = false;
  }

  private next(): Waiting<Key, Value>[] {
    let size = 0;
    const beyond = this.waiting.findIndex(({ key }) => (size += this.sizeOf(key)) > MAX_BATCH_SIZE);
    return this.waiting.splice(0, beyond === -1 ? this.waiting.length : beyond);
  }

  private async send(batch: readonly Waiting<Key, Value>[]): Promise<void> {
    try {
      const values = await this.loadBatch(batch.map(({ key }) => key));
      if (values.length !== batch.length) throw new Error(`${values.length} values for ${batch.length} keys`);
      for (const [index, { resolve }] of batch.entries()) resolve(values[index] as Value);
    } catch (error) {
      if (batch.length > 1 && isOutOfMemory(error)) await this.sendHalves(batch);
      else if (batch.length === 1 || (isNotNow(error) && !isCancelled(error)))
        for (const { reject } of batch) reject(error);
      // A faulty or slow key must not affect the others: each is sent again separately, and new keys do not wait for
      // them.
      else for (const each of batch) void this.send([each]);
    }
  }

  /** One after the other: together they would need as much memory again. */
  private async sendHalves(batch: readonly Waiting<Key, Value>[]): Promise<void> {
    const half = Math.ceil(batch.length / 2);
    await this.send(batch.slice(0, half));
    await this.send(batch.slice(half));
  }
}

/** Waiting for a read that others share takes longer than a read, unless there are many. */
export const READ_ALONE = 32;

/**
 * One value that many want at the same time: while it is read, those who ask wait for the next read, and share it.
 * `alone`: so many read it by themselves at the same time, without a wait for others.
 */
export function sharedRead<Value>(read: () => Promise<Value>, alone = 0): () => Promise<Value> {
  const loader = new BatchLoader<undefined, Value>(async (askers) => {
    const value = await read();
    return askers.map(() => value);
  });
  let reading = 0;
  return async () => {
    if (reading >= alone) return loader.load(undefined);
    reading += 1;
    try {
      return await read();
    } finally {
      reading -= 1;
    }
  };
}
