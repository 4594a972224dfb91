import type pg from 'pg';
import type { Instant } from '#domain/time/instant';

/** An outcome as it was kept, and when. */
export interface KeptOutcome {
  readonly id: string;
  readonly outcome: unknown;
  readonly at: Instant;
}

/**
 * What came of work that operators asked for: how far a rebuild is, what the last check found. It is no fact of the
 * ledger and is rebuilt by doing the work again, so it is kept beside the log and the read models.
 */
export class Outcomes {
  constructor(private readonly pool: pg.Pool) {}

  async migrate(): Promise<void> {
    await this.pool.query(
      "SELECT pg_advisory_xact_lock(hashtext('ledgerline:operations'));" +
        ' CREATE SCHEMA IF NOT EXISTS ledgerline_operations;' +
        ' CREATE TABLE IF NOT EXISTS ledgerline_operations.outcomes (of text NOT NULL, id text NOT NULL,' +
        ' outcome jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (of, id))',
    );
  }

  /** Replaces the outcome that was kept under the same id. */
  async keep(of: string, id: string, outcome: object): Promise<void> {
    await this.pool.query(
      'INSERT INTO ledgerline_operations.outcomes (of, id, outcome) VALUES ($1, $2, $3)' +
        ' ON CONFLICT (of, id) DO UPDATE SET outcome = excluded.outcome, at = now()',
      [of, id, JSON.stringify(outcome)],
    );
  }

  /** `id` null: all. */
  async read(of: string, id: string | null = null): Promise<readonly KeptOutcome[]> {
    const { rows } = await this.pool.query<KeptOutcome>(
      'SELECT id, outcome, at FROM ledgerline_operations.outcomes WHERE of = $1 AND id = coalesce($2, id)',
      [of, id],
    );
    return rows;
  }

  /** The field `state` of each: an outcome may be large. */
  async states(of: string): Promise<ReadonlyMap<string, string | null>> {
    const { rows } = await this.pool.query<{ readonly id: string; readonly state: string | null }>(
      "SELECT id, outcome->>'state' AS state FROM ledgerline_operations.outcomes WHERE of = $1",
      [of],
    );
    return new Map(rows.map(({ id, state }) => [id, state]));
  }
}
