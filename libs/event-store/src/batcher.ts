import type { Append } from './append.js';
import { continues } from './chain.js';
import type { Appended } from './port.js';

/** The result of one append of a batch. An error refuses only that append. */
export type Outcome = Appended | Error;

const MAX_APPENDS = 200;
const MAX_BYTES = 4 * 1024 * 1024;

interface Waiting {
  readonly append: Append;
  resolve(appended: Appended): void;
  reject(error: unknown): void;
}

/**
 * Group commit: while one batch is written, new appends collect for the next batch, so that they share one wait for the
 * disk. Only one batch is written at a time. A batch has at most one append per stream, and those that directly
 * follow and continue it, so that the log can decide on all of them in one statement. Any other append to the same
 * stream waits for the following batch.
 */
export class Batcher {
  private queue: Waiting[] = [];
  private running: Promise<void> | undefined;

  constructor(private readonly write: (appends: readonly Append[]) => Promise<readonly Outcome[]>) {}

  add(append: Append): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.queue.push({ append, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when every added append has its result. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    // Wait one turn of the microtask queue, so that appends of the same turn share the first batch.
    await Promise.resolve();
    for (let batch = this.take(); batch.length > 0; batch = this.take()) await this.send(batch);
    this.running = undefined;
  }

  private take(): Waiting[] {
    const batch: Waiting[] = [];
    const kept: Waiting[] = [];
    const streams = new Set<string>();
    let bytes = 0;
    let full = false;
    for (const waiting of this.queue) {
      const { append } = waiting;
      full ||= batch.length === MAX_APPENDS || (batch.length > 0 && bytes + append.bytes > MAX_BYTES);
      if (full || (streams.has(append.stream) && !continues(append, batch.at(-1)?.append))) {
        kept.push(waiting);
        continue;
      }
      streams.add(append.stream);
      bytes += append.bytes;
      batch.push(waiting);
    }
    this.queue = kept;
    return batch;
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.write(batch.map((waiting) => waiting.append));
      for (const [i, waiting] of batch.entries()) {
        const outcome = outcomes[i] ?? new Error(`no result for an append to ${waiting.append.stream}`);
        if (outcome instanceof Error) waiting.reject(outcome);
        else waiting.resolve(outcome);
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
