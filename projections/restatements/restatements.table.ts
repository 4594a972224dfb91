import { bigint, text, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Marks of claimed lines whose inputs changed at a log position, with the reason. Invoicing finds corrections by these
 * marks, without a search. The tenant's next invoice that was computed at or after a mark settles it.
 */
export const restatements = defineTable({
  name: 'restatements',
  columns: {
    line_id: uuid,
    marked_at: bigint,
    tenant_id: text,
    reason: text,
  },
  key: ['line_id', 'marked_at'],
  indexes: [['tenant_id', 'marked_at'], ['marked_at']],
});

export type RestatementRow = RowOf<typeof restatements>;

declare module '#read-model/read-models' {
  interface ReadModels {
    restatements: History<RestatementRow>;
  }
}
