import type { Kysely } from 'kysely';
import type { ProposalStatus } from '#domain/proposals/proposal';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { ProposalRow } from './proposals.table.js';

export const PROPOSAL_ORDER = keyset<ProposalRow>({ proposed_at: 'timestamptz', proposal_id: 'uuid' });

/** Proposals, the oldest first. `status` null: all. */
export async function readProposalPage(
  db: Kysely<ReadModels>,
  position: number,
  status: ProposalStatus | null,
  { after, limit }: Rows,
): Promise<History<ProposalRow>[]> {
  const query = db.selectFrom('proposals').selectAll().where(at(position)).where(PROPOSAL_ORDER.after(after));
  return (status === null ? query : query.where('status', '=', status))
    .orderBy(PROPOSAL_ORDER.order())
    .limit(limit)
    .execute();
}

export const readOpenProposals = async (
  db: Kysely<ReadModels>,
  position: number,
): Promise<Pick<ProposalRow, 'proposal_id' | 'command'>[]> =>
  db
    .selectFrom('proposals')
    .select(['proposal_id', 'command'])
    .where(at(position))
    .where('status', '=', 'open')
    .orderBy('proposed_at')
    .orderBy('proposal_id')
    .execute();
