import pg from 'pg';
import { connectAs } from '#postgres/session';
import { Backoff } from './backoff.js';
import { Bell } from './bell.js';

/**
 * Rings when the log has grown. It uses LISTEN on its own connection, and reconnects after every failure. A ring only
 * means "look now". A waiting subscriber also looks from time to time, so a lost notification costs time and never an
 * event.
 */
export class LogListener {
  readonly bell = new Bell();
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly config: pg.PoolConfig,
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

  /** Resolves when the connection ends. Returns whether there was one. */
  private async listen(): Promise<boolean> {
    const client = new pg.Client(this.config);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    // Required: without a listener, a broken connection would end the process.
    client.on('error', () => end());
    client.on('end', () => end());
    client.on('notification', () => this.bell.ring());
    try {
      await connectAs(client, this.config);
      await client.query(`listen ${this.channel}`);
    } catch {
      await client.end().catch(() => undefined);
      return false;
    }
    // For events that were appended while nobody listened.
    this.bell.ring();
    this.stopping.signal.addEventListener('abort', () => end(), { once: true });
    if (!this.stopping.signal.aborted) await ended;
    await client.end().catch(() => undefined);
    return true;
  }
}
