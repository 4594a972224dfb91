import { type RawBuilder, sql } from 'kysely';

/** Whether a column has a text in it. The case of the letters from a to z does not matter, in whatever database. */
export const contains = (column: string, text: string): RawBuilder<boolean> =>
  sql<boolean>`strpos(lower(${sql.ref(column)} COLLATE "C"), lower(${text}::text COLLATE "C")) > 0`;
