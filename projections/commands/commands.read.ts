import type { Kysely } from 'kysely';
import type { History, ReadModels } from '#read-model/read-models';
import type { CommandKeyRow } from './commands.table.js';

/** The command that was recorded under a key. undefined: none. */
export const readCommand = async (
  db: Kysely<ReadModels>,
  key: string,
): Promise<Pick<History<CommandKeyRow>, 'key' | 'body_hash' | 'result' | 'position_from'> | undefined> =>
  db
    .selectFrom('command_keys')
    .select(['key', 'body_hash', 'result', 'position_from'])
    .where('key', '=', key)
    .executeTakeFirst();
