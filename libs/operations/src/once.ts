import { answerIfKnown } from '#ledger/appending/event-book';
import { lockOfKey } from '#ledger/appending/at-once';
import type { CommandDone } from '#ledger/command';
import type { ReadCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';

/** What is known of a command with an idempotency key. undefined: nothing. Errors: `conflicting_body`. */
export async function knownBefore(core: LedgerCore, { call }: ReadCommand): Promise<CommandDone | undefined> {
  if (call.idempotencyKey === null) return undefined;
  const key = lockOfKey(call.idempotencyKey);
  return answerIfKnown({ ...call, key }, [await core.knownKey(key)]);
}

/** An idempotency key belongs to one command. The lock applies to all processes. */
export async function once<Done>(
  core: LedgerCore,
  command: ReadCommand,
  carryOut: () => Promise<Done>,
): Promise<Done | CommandDone> {
  const { idempotencyKey } = command.call;
  if (idempotencyKey === null) return carryOut();
  return core.exclusively(
    lockOfKey(idempotencyKey),
    async () => (await knownBefore(core, command)) ?? (await carryOut()),
  );
}
