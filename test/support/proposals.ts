import { derivedId } from '#domain/derived-id';
import { proposalStream } from '#domain/proposals/proposal';
import { instant } from '#domain/time/instant';
import { NO_STREAM } from '#event-store/port';
import type { LedgerCore } from '#ledger/ledger-core';
import { ADMIN } from './ledger.js';

/** Records a proposal where no limit is configured. Answers its id. */
export async function propose(core: LedgerCore, name: string): Promise<string> {
  const proposalId = derivedId('proposal', name);
  const cause = {
    ...{ name: 'void-invoice', bodyHash: '', occurredAt: null, idempotencyKey: null, isKeyed: false, caller: ADMIN },
    key: null,
  };
  const data = {
    ...{ proposalId, command: 'void-invoice', fields: { invoiceId: name }, key: name, idempotencyKey: null },
    ...{ amounts: [{ currency: 'USD', amount: '1200' }], preparedAt: 1, at: instant('2026-04-15T00:00:00Z') },
  };
  await core.book.appendAt(proposalStream(proposalId), NO_STREAM, cause, [{ type: 'CommandProposed', data }]);
  return proposalId;
}
