import type pg from 'pg';
import type { EventLog } from '#event-store/port';
import { type Instant, micros } from '#domain/time/instant';
import { WriterStuck } from './halted.js';

/** A writer that did nothing for so long, while events waited, counts as stuck. A batch takes seconds at most. */
const STUCK_AFTER_MS = 15_000;
/** Those who wait for a writer look so often whether it is stuck. */
const LOOK_MS = 1000;
const MICROS_PER_MS = 1000n;

/** The session that has the writer's lock and does not project, though events wait. */
export interface StuckWriter {
  /** Its process in Postgres, as `pg_terminate_backend` takes it. */
  readonly session: number;
  /** The name that the process gave its session. */
  readonly application: string | null;
  /** Since when it has done nothing of what waits. */
  readonly since: Instant;
}

/** The lock of the writer of a schema, as SQL. */
export const writerLock = (schema: string): string => `hashtext('ledgerline:${schema}')`;

/** The writer of a schema, if it is stuck. null: it goes on, nothing waits, or there is no writer. */
export async function stuckWriter(pool: pg.Pool, log: EventLog, schema: string): Promise<StuckWriter | null> {
  const { rows } = await pool.query<{
    position: number;
    session: number;
    application: string | null;
    since: Instant;
    now: Instant;
  }>(
    // A session that tries again and again, as on a full disk, changes its state each time.
    `SELECT c.position, l.pid AS session, nullif(a.application_name, '') AS application,` +
      ' greatest(c.moved_at, a.state_change) AS since, clock_timestamp() AS now' +
      ` FROM ${schema}.checkpoint c, pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid` +
      " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1" +
      ' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())' +
      ` AND (l.classid::bigint << 32) | l.objid::bigint = ${writerLock(schema)}`,
  );
  const [writer] = rows;
  if (writer === undefined || !isLong(writer.since, writer.now)) return null;
  const { position, session, application, now } = writer;
  for await (const { recordedAt } of log.readAt([position + 1])) {
    const since = recordedAt > writer.since ? recordedAt : writer.since;
    if (isLong(since, now)) return { session, application, since };
  }
  return null;
}

const isLong = (since: Instant, now: Instant): boolean =>
  micros(now) - micros(since) > BigInt(STUCK_AFTER_MS) * MICROS_PER_MS;

/** The writer of a schema as those see it who wait for it. */
export class KnownWriter {
  private lookedAt = -Infinity;
  private isStuck = false;

  constructor(
    private readonly pool: pg.Pool,
    private readonly log: EventLog,
    private readonly schema: string,
  ) {}

  /** Errors: WriterStuck. `position`: the last projected event. `target`: what the caller waits for. */
  async assertGoesOn(position: number, target: number): Promise<void> {
    if (performance.now() - this.lookedAt > LOOK_MS) {
      this.lookedAt = performance.now();
      this.isStuck = (await stuckWriter(this.pool, this.log, this.schema)) !== null;
    }
    if (this.isStuck) throw new WriterStuck(position, target);
  }
}
