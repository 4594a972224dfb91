import type { ProposalStatus, ProposedAmount } from '#domain/proposals/proposal';
import { bigint, jsonb, oneOf, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Commands that one actor proposed, and another approves or rejects. */
export const proposals = defineTable({
  name: 'proposals',
  columns: {
    proposal_id: uuid,
    command: text,
    fields: jsonb<object>(),
    amounts: jsonb<readonly ProposedAmount[]>(),
    proposed_by: text,
    proposed_at: timestamptz,
    status: oneOf<ProposalStatus>(),
    decided_by: text.nullable(),
    decided_at: timestamptz.nullable(),
    /** Why it was approved or rejected. */
    reason: text.nullable(),
    /** The log position of the last event of the command that was carried out. */
    done_position: bigint.nullable(),
  },
  key: ['proposal_id'],
});

export type ProposalRow = RowOf<typeof proposals>;

declare module '#read-model/read-models' {
  interface ReadModels {
    proposals: History<ProposalRow>;
  }
}
