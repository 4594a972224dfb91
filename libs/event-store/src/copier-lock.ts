import pg from 'pg';
import { connectAs } from '#postgres/session';

/**
 * Of the processes of a ledger, the one with this lock copies the log of the server. It is a lock of the session: it
 * ends with its connection. Copying does not depend on it, because events that another process copied are skipped.
 */
export class CopierLock {
  private client: pg.Client | undefined;

  /** `onLost`: the connection is lost. So is what Postgres had not yet written to its disk, if it crashed. */
  constructor(
    private readonly config: pg.PoolConfig,
    private readonly name: string,
    private readonly onLost: () => void,
  ) {}

  /** Whether this process has the lock from now on. Errors: those of the connection. */
  async take(): Promise<boolean> {
    const client = this.client ?? (await this.connected());
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtext($1)) as locked', [
      this.name,
    ]);
    return rows[0]?.locked === true;
  }

  async release(): Promise<void> {
    await this.client?.end().catch(() => undefined);
  }

  private async connected(): Promise<pg.Client> {
    const client = new pg.Client(this.config);
    // Required: without a listener, a broken connection would end the process.
    client.on('error', this.onLost);
    client.on('end', this.onLost);
    this.client = client;
    await connectAs(client, this.config);
    return client;
  }
}
