import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import type { ReadModels } from '#read-model/read-models';

/** The schema of the live read models. */
export const READ_MODELS = 'ledgerline';

export const readModels = (pool: pg.Pool): Kysely<ReadModels> =>
  new Kysely<ReadModels>({ dialect: new PostgresDialect({ pool }) });
