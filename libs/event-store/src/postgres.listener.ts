import pg from 'pg';
import { Backoff } from './backoff.js';
import { Bell } from './bell.js';

/**
 * Rings when the log has grown: LISTEN on a connection of its own, which it makes anew whenever it dies. A ring only says
 * "look now"; whoever waits also looks by itself now and then, so that a lost notification costs time and never an event.
 */
export class LogListener {
  readonly bell = new Bell();
  readonly #config: pg.ClientConfig;
  readonly #channel: string;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(config: pg.ClientConfig, channel: string) {
    this.#config = config;
    this.#channel = channel;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#stop.signal.aborted) {
      const listened = await this.#listen();
      if (listened) backoff.reset();
      await backoff.wait(this.#stop.signal);
    }
  }

  /** Until the connection ends; answers whether there was one. */
  async #listen(): Promise<boolean> {
    const client = new pg.Client(this.#config);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    // Also for its own sake: without a listener, a connection that dies would end the process.
    client.on('error', () => end());
    client.on('end', () => end());
    client.on('notification', () => this.bell.ring());
    try {
      await client.connect();
      await client.query(`listen ${this.#channel}`);
    } catch {
      await client.end().catch(() => undefined);
      return false;
    }
    // What was appended while nobody listened.
    this.bell.ring();
    this.#stop.signal.addEventListener('abort', () => end(), { once: true });
    if (!this.#stop.signal.aborted) await ended;
    await client.end().catch(() => undefined);
    return true;
  }
}
