import { jsonb, text } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Commands by their keys. A repeated command changes nothing, and the same key with another body is a conflict. */
export const commandKeys = defineTable({
  name: 'command_keys',
  columns: {
    key: text,
    command: text,
    body_hash: text,
    /** The answer of the command; null: it had none. */
    result: jsonb<object>().nullable(),
  },
  key: ['key'],
  readByItsOwn: true,
});

export type CommandKeyRow = RowOf<typeof commandKeys>;

declare module '#read-model/read-models' {
  interface ReadModels {
    command_keys: History<CommandKeyRow>;
  }
}
