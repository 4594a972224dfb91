import type { Group } from '#ledger/appending/at-once';
import { inOrder } from '#ledger/appending/in-order';
import { type CommandOutcome, nameOf } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';

type Refused = Extract<CommandOutcome, { status: 'refused' }>;

/** The command can't be decided now. */
export const isUndecided = (outcome: CommandOutcome): outcome is Refused =>
  outcome.status === 'refused' && outcome.error.kind === 'unavailable';

/**
 * Carries out the commands of a group together, and holds their locks. What depends on a command that can't be decided
 * now gets the refusal of that command: a later price must not be recorded before an earlier one.
 */
export async function carriedOutTogether(
  core: LedgerCore,
  { commands, locks }: Group<unknown>,
  execute: (command: unknown, inTurn: () => Promise<void>, at: number) => Promise<CommandOutcome>,
): Promise<PromiseSettledResult<CommandOutcome>[]> {
  const undecided = new Map<number, Refused>();
  const carryOut = async (
    { command, needs }: (typeof commands)[number],
    inTurn: () => Promise<void>,
    at: number,
  ): Promise<CommandOutcome> => {
    const before = needs.flatMap((each) => undecided.get(each) ?? [])[0];
    const outcome: CommandOutcome =
      before === undefined
        ? await execute(command, inTurn, at)
        : { command: nameOf(command), status: 'refused', error: before.error };
    if (isUndecided(outcome)) undecided.set(at, outcome);
    return outcome;
  };
  return core.holding(locks, async () => inOrder(commands, carryOut, ({ after }) => after));
}

const LONGEST_TURN_MS = 20;

/** Called between groups: refused commands wait for nothing, and 10,000 of them would take all other requests' time. */
export function yielding(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < LONGEST_TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  };
}
