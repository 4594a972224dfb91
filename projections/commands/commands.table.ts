import { defineTable } from '#read-model/table';

/** Commands by their key, so that the same again changes nothing and the same key with another body is a conflict. */
export interface CommandKeyRow {
  readonly key: string;
  readonly command: string;
  readonly body_hash: string;
  /** What it answered; null where there is nothing to answer. */
  readonly result: object | null;
}

export const commandKeys = defineTable<CommandKeyRow>({
  name: 'command_keys',
  columns: { key: 'text', command: 'text', body_hash: 'text', result: 'jsonb' },
  key: ['key'],
  group: ['key'],
  readByItsOwn: true,
});
