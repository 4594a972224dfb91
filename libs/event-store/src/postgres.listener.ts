import pg from 'pg';
import { Backoff } from './backoff.js';
import { Bell } from './bell.js';

/**
 * Rings when the log has grown: LISTEN on a connection of its own, which it makes anew whenever it dies. A ring only
 * says "look now"; whoever waits also looks by itself now and then, so that a lost notification costs time and never an
 * event.
 */
export class LogListener {
  readonly bell = new Bell();
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly channel: string,
  ) {}

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.stopping.signal.aborted) {
      const listened = await this.listen();
      if (listened) backoff.reset();
      await backoff.wait(this.stopping.signal);
    }
  }

  /** Until the connection ends; answers whether there was one. */
  private async listen(): Promise<boolean> {
    const client = new pg.Client(this.config);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    // Also for its own sake: without a listener, a connection that dies would end the process.
    client.on('error', () => end());
    client.on('end', () => end());
    client.on('notification', () => this.bell.ring());
    try {
      await client.connect();
      await client.query(`listen ${this.channel}`);
    } catch {
      await client.end().catch(() => undefined);
      return false;
    }
    // What was appended while nobody listened.
    this.bell.ring();
    this.stopping.signal.addEventListener('abort', () => end(), { once: true });
    if (!this.stopping.signal.aborted) await ended;
    await client.end().catch(() => undefined);
    return true;
  }
}
