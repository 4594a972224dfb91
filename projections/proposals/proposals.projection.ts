import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { proposals } from './proposals.table.js';

export const proposalsProjection = versionedProjection('proposals', {
  version: 1,
  tables: [proposals],
  on: {
    CommandProposed: changing(
      proposals,
      ({ data }) => [data.proposalId],
      ({ data, recordedAt, metadata }) => [
        {
          ...{ proposal_id: data.proposalId, command: data.command, fields: data.fields, amounts: data.amounts },
          ...{ proposed_by: metadata.actor, proposed_at: recordedAt },
          status: 'open' as const,
          ...{ decided_by: null, decided_at: null, reason: null, done_position: null },
        },
      ],
    ),
    ProposalApproved: changing(
      proposals,
      ({ data }) => [data.proposalId],
      ({ data: { reason, position }, recordedAt, metadata }, rows) =>
        rows.map((row) => ({
          ...{ ...row, decided_by: metadata.actor, decided_at: recordedAt, reason, done_position: position },
          status: 'approved' as const,
        })),
    ),
    ProposalRejected: changing(
      proposals,
      ({ data }) => [data.proposalId],
      ({ data: { reason }, recordedAt, metadata }, rows) =>
        rows.map((row) => ({
          ...{ ...row, decided_by: metadata.actor, decided_at: recordedAt, reason },
          status: 'rejected' as const,
        })),
    ),
  },
});
