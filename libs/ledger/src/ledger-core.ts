import { sql, type Kysely } from 'kysely';
import type pg from 'pg';
import type { Instant } from '#domain/time/instant';
import type { EventLog } from '#event-store/port';
import type { Projector } from '#read-model/projector';
import { type ReadModels, readModels } from './database.js';
import { EventBook } from './event-book.js';
import { TenantDetails } from './tenant-details.js';

/** What the handlers of commands and queries work with: the log, the projections, and the read models. */
export class LedgerCore {
  readonly book: EventBook;
  readonly db: Kysely<ReadModels>;
  readonly details: TenantDetails;

  constructor(
    readonly log: EventLog,
    readonly projector: Projector,
    readonly pool: pg.Pool,
    /** Connections that only hold locks: apart, so that those who hold one never wait for those who want one. */
    private readonly lockPool: pg.Pool,
  ) {
    this.book = new EventBook(log, projector);
    this.db = readModels(pool);
    this.details = new TenantDetails(pool);
  }

  /** The position of the last event recorded at or before an instant; 0 before the first. recordedAt never goes back, so halving finds it. */
  async positionAt(at: Instant): Promise<number> {
    let [low, high] = [0, await this.projector.position()];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const { rows } = await this.pool.query<{ before: boolean }>('SELECT recorded_at <= $2 AS before FROM ledgerline_log.events WHERE position = $1', [middle, at]);
      if (rows[0]?.before === true) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A command with this idempotency key was recorded before: `unchanged`, or `conflicting_body`. */
  async knownKey(key: string): Promise<{ key: string; bodyHash: string } | undefined> {
    await this.projector.catchUp();
    const row = await this.db.selectFrom('command_keys').select(['key', 'body_hash']).where('key', '=', key).executeTakeFirst();
    return row === undefined ? undefined : { key: row.key, bodyHash: row.body_hash };
  }

  /** Runs while no other process does the same for this name: keeps apart what no one stream can. */
  async exclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const client = await this.lockPool.connect();
    let broken: Error | undefined;
    try {
      await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`ledgerline:${name}`]);
      try {
        return await work();
      } finally {
        await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [`ledgerline:${name}`]).catch((error: unknown) => {
          broken = error instanceof Error ? error : new Error(String(error));
        });
      }
    } finally {
      client.release(broken);
    }
  }
}

/** The rows of a read model in force at a log position. */
export const inForceAt = (position: number) => sql<boolean>`position_from <= ${position} AND (position_to IS NULL OR position_to > ${position})`;
