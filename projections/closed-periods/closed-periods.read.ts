import type { Kysely } from 'kysely';
import type { Closing } from '#domain/books/period';
import { at } from '#read-model/at';
import type { ReadModels } from '#read-model/read-models';

/** The closings as known at a position, the earliest month first. */
export async function readClosings(db: Kysely<ReadModels>, position: number): Promise<Closing[]> {
  const rows = await db.selectFrom('closed_periods').selectAll().where(at(position)).orderBy('month').execute();
  return rows.map(({ month, closed_position: closed }) => ({ month, position: closed }));
}
