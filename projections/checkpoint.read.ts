import type { Kysely } from 'kysely';
import type { ReadModels } from '#read-model/read-models';

/** The log position of the read models. */
export async function readPosition(db: Kysely<ReadModels>): Promise<number> {
  const row = await db.selectFrom('checkpoint').select('position').executeTakeFirst();
  return row?.position ?? 0;
}
