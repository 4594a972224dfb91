import { type Kysely, sql } from 'kysely';
import type { ReadModels } from '#read-model/read-models';

/** The log position of the read models. */
export async function readPosition(db: Kysely<ReadModels>): Promise<number> {
  const row = await db.selectFrom('checkpoint').select('position').executeTakeFirst();
  return row?.position ?? 0;
}

/** Whether the database is read-only, as a standby is. */
export async function readIsReadOnly(db: Kysely<ReadModels>): Promise<boolean> {
  const { rows } = await sql<{ is: string }>`SELECT current_setting('transaction_read_only') AS is`.execute(db);
  return rows[0]?.is === 'on';
}

/** What a database says of itself, as a standby. */
export interface StandbyState {
  /** False: it takes writes of its own. */
  readonly isStandby: boolean;
  /** The log position of its read models. */
  readonly position: number;
  readonly versions: string;
  /** Hash of the first event of their log. null: they have none yet. */
  readonly log: string | null;
  /** Of its read models. An exchange of them by a rebuild or a rollback changes it, and not the position. */
  readonly generation: string;
}

/** Errors: there are no read models. */
export async function readStandbyState(db: Kysely<ReadModels>): Promise<StandbyState> {
  return db
    .selectFrom('checkpoint')
    .select(({ fn }) => [fn<boolean>('pg_is_in_recovery').as('isStandby'), 'position', 'versions', 'log', 'generation'])
    .executeTakeFirstOrThrow();
}
