import type { Kysely } from 'kysely';
import { anyOf } from '#read-model/any-of';
import type { History, ReadModels } from '#read-model/read-models';
import type { CommandKeyRow } from './commands.table.js';

/** The commands that were recorded under these keys. */
export const readCommands = async (
  db: Kysely<ReadModels>,
  keys: readonly string[],
): Promise<Pick<History<CommandKeyRow>, 'key' | 'body_hash' | 'result' | 'position_from'>[]> =>
  db
    .selectFrom('command_keys')
    .select(['key', 'body_hash', 'result', 'position_from'])
    .where('key', '=', anyOf(keys))
    .execute();
