import type pg from 'pg';
import type { EventType, RecordedEvent } from '#domain/events';
import type { TableDefinition } from './table.js';

/** The values of a row, in the order of the table. */
export type SeenRow = readonly string[];

/**
 * Projects rows that only say that something exists, from the first event on that has it. They are never removed: a row
 * too many only costs a look-up. `rowsOf`: the rows of an event, as often as they come.
 */
export function projectSeen<Type extends EventType>(
  table: TableDefinition,
  rowsOf: (data: RecordedEvent<Type>['data']) => Iterable<SeenRow>,
): (batch: readonly RecordedEvent<Type>[], client: pg.ClientBase) => Promise<void> {
  return async (batch, client) => {
    const seen = new Map<string, readonly unknown[]>();
    for (const { data, position } of batch) {
      // Most are the same as the row before them.
      let last = '';
      for (const row of rowsOf(data)) {
        const text = row.join('\n');
        if (text !== last && !seen.has(text)) seen.set(text, [...row, position]);
        last = text;
      }
    }
    if (seen.size > 0) await insert(client, table, [...seen.values()]);
  };
}

async function insert(
  client: pg.ClientBase,
  { name, columns }: TableDefinition,
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  const types = [...Object.values(columns).map(({ type }) => type), 'bigint'];
  const values = types.map((type, index) => `$${index + 1}::${type}[]`);
  await client.query(
    `INSERT INTO ${name} (${[...Object.keys(columns), 'position_from'].join(', ')})` +
      ` SELECT * FROM unnest(${values.join(', ')}) ON CONFLICT DO NOTHING`,
    types.map((_, index) => rows.map((row) => row[index])),
  );
}
