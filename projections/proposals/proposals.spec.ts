import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { proposalsProjection } from './proposals.projection.js';
import { proposals } from './proposals.table.js';

const { given, when, rows } = projected(proposalsProjection);

const [first, second] = ['4b2a7c1e-5d0f-4f6e-9c55-2f1f4c1f7a10', '4b2a7c1e-5d0f-4f6e-9c55-2f1f4c1f7a11'];
const command = { command: 'void-invoice', fields: { invoiceId: 'INV-000001' }, key: 'k', idempotencyKey: null };
const amounts = [{ currency: 'USD', amount: '1200' }];

it('keeps a proposal with its amounts, and who decided on it', async () => {
  for (const proposalId of [first, second])
    await given({ CommandProposed: { proposalId, ...command, amounts, preparedAt: 7, at: '2026-04-01T00:00:00Z' } });
  await when({ ProposalApproved: { proposalId: first, position: 9, reason: null } });
  await when({ ProposalRejected: { proposalId: second, reason: 'paid' } });

  const proposed = { command: 'void-invoice', fields: { invoiceId: 'INV-000001' }, amounts, status: 'open' };
  expect(await rows(proposals, 2)).toMatchObject([proposed, proposed]);
  expect(await rows(proposals)).toMatchObject([
    { proposal_id: first, status: 'approved', decided_by: expect.any(String), done_position: 9 },
    { proposal_id: second, status: 'rejected', decided_at: expect.any(String), reason: 'paid' },
  ]);
});
