import { Args, Mutation, Resolver } from '@nestjs/graphql';
import { invalid } from '#domain/errors';
import type { Caller } from '#ledger/caller';
import type { CommandOutcome } from '#ledger/command';
import { zOutcome } from '#operations/answers';
import { Ledger } from '#operations/ledger';
import { COMMAND_ROLES } from '#operations/operations';
import { AllowedTo, AskedBy } from '../auth/access.js';
import { MAX_COMMANDS } from '../commands.http.js';
import { GqlJson } from './scalars.js';
import { answerType } from './types.js';

const outcomeType = answerType(zOutcome);

@Resolver()
export class CommandsResolver {
  constructor(private readonly ledger: Ledger) {}

  /** Executes commands in order, like POST /api/v1/commands. A refusal is an outcome and does not stop the rest. */
  @Mutation(() => [outcomeType()], {
    description: 'Executes commands in order, each `{ command, …fields }`. A refusal does not stop the rest',
  })
  @AllowedTo(...COMMAND_ROLES)
  async execute(
    @Args('commands', { type: () => [GqlJson] }) commands: unknown[],
    @AskedBy() caller: Caller,
  ): Promise<object[]> {
    if (commands.length > MAX_COMMANDS)
      throw invalid('too_many_commands', `${commands.length} commands in one request. Send at most ${MAX_COMMANDS}.`);
    const outcomes: (CommandOutcome & { index: number })[] = [];
    for await (const outcome of this.ledger.executeInOrder(commands, caller))
      outcomes.push({ index: outcomes.length, ...outcome });
    return outcomes;
  }
}
