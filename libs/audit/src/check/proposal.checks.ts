import { isEventOf } from '#domain/events';
import { proposalEvents, proposalIn, proposalStream } from '#domain/proposals/proposal';
import { readOpenProposals } from '#projections/proposals/proposals.read';
import type { Check, Finding } from './finding.js';

/** An approval first carries the command out, and then records itself. One that runs now may be between the two. */
const unfinished: Check = async ({ core, position }) => {
  const findings: Finding[] = [];
  for (const { proposal_id: proposalId, command } of await readOpenProposals(core.db, position)) {
    const events = (await core.book.load(proposalStream(proposalId))).filter(isEventOf(proposalEvents));
    const proposal = proposalIn(events);
    const recorded = proposal?.status === 'open' ? await core.eventUnder(proposal.proposed.data.key) : undefined;
    if (recorded?.metadata.correlationId === proposalId && recorded.position <= position)
      findings.push({
        code: 'proposal_unfinished',
        message:
          `proposal ${proposalId} is open, but its command ${command} is recorded ` +
          `at position ${recorded.position}`,
        ids: { proposalId, command, position: recorded.position },
        remedy: 'Send approve-proposal again.',
      });
  }
  return findings;
};

export const PROPOSAL_NOTICES: readonly Check[] = [unfinished];
