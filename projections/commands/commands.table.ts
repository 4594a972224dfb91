import { jsonb, text } from '#read-model/column';
import { defineTable, type RowOf } from '#read-model/table';

/** Commands by their key, so that the same again changes nothing and the same key with another body is a conflict. */
export const commandKeys = defineTable({
  name: 'command_keys',
  columns: {
    key: text,
    command: text,
    body_hash: text,
    /** What it answered; null where there is nothing to answer. */
    result: jsonb<object>().nullable(),
  },
  key: ['key'],
  readByItsOwn: true,
});

export type CommandKeyRow = RowOf<typeof commandKeys>;
