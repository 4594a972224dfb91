import { answerIfKnown } from '#ledger/appending/event-book';
import { lockOfKey } from '#ledger/appending/at-once';
import type { CommandDone } from '#ledger/command';
import type { ReadCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';

/** An idempotency key belongs to one command. The lock applies to all processes. */
export async function once<Done>(
  core: LedgerCore,
  { call }: ReadCommand,
  carryOut: () => Promise<Done>,
): Promise<Done | CommandDone> {
  if (call.idempotencyKey === null) return carryOut();
  const key = lockOfKey(call.idempotencyKey);
  return core.exclusively(
    key,
    async () => answerIfKnown({ ...call, key }, [await core.knownKey(key)]) ?? (await carryOut()),
  );
}
