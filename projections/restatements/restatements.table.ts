import { bigint, text, uuid } from '#read-model/column';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * Marks: an issued line whose inputs changed at this log position, and why. Corrections are found by these, not by
 * searching; a mark is settled by the tenant's next invoice that was computed at or after it.
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
  indexes: [['tenant_id', 'marked_at']],
});

export type RestatementRow = RowOf<typeof restatements>;
