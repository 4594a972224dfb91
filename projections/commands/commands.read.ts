import type { Kysely } from 'kysely';
import type { ReadModels } from '#read-model/read-models';
import type { CommandKeyRow } from './commands.table.js';

/** The command that was recorded under a key. undefined: none. */
export const readCommand = async (
  db: Kysely<ReadModels>,
  key: string,
): Promise<Pick<CommandKeyRow, 'key' | 'body_hash' | 'result'> | undefined> =>
  db.selectFrom('command_keys').select(['key', 'body_hash', 'result']).where('key', '=', key).executeTakeFirst();
