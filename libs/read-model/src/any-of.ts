import { type RawBuilder, sql } from 'kysely';

/**
 * `column = ANY (…)`: one parameter, however many values. A list of them in the statement's text would be another
 * statement for each length, and each is prepared once a connection.
 */
export const anyOf = (
  values: readonly string[],
  type: 'text' | 'uuid' | 'timestamptz' | 'int' = 'text',
): RawBuilder<string> => sql<string>`ANY(${values}::${sql.raw(type)}[])`;
