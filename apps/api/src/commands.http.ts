import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { DomainError, invalid } from '#domain/errors';
import { parse, zInstant } from '#domain/schema';
import type { Caller } from '#ledger/caller';
import type { CommandOutcome } from '#ledger/command';
import { WRITERS } from '#ledger/define-command';
import { Ledger } from '#operations/ledger';
import { COMMAND_ROLES } from '#operations/operations';
import { z } from 'zod';
import { AllowedTo, AskedBy } from './auth/access.js';
import { V1 } from './http.js';

/** A batch is answered as a whole: more would keep the asker waiting past any proxy's patience. */
export const MAX_COMMANDS = 10_000;

@Controller(V1)
export class CommandsController {
  constructor(private readonly ledger: Ledger) {}

  /**
   * One command answers with its outcome, or the problem that it is refused for. An array is executed in order, a refusal does not
   * stop the rest, and each answers for itself. Whoever gets no answer sends the same again: what was done is `unchanged`.
   */
  @Post('commands')
  @HttpCode(200)
  @AllowedTo(...COMMAND_ROLES)
  async execute(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @AskedBy() caller: Caller,
  ): Promise<object> {
    if (!Array.isArray(body)) return doneOrThrown(await this.ledger.execute(withKey(body, key), caller));
    if (key !== undefined)
      throw invalid(
        'invalid_input',
        'Idempotency-Key is of one command: in an array, give each its own idempotencyKey, and send no header',
      );
    if (body.length > MAX_COMMANDS)
      throw invalid('too_many_commands', `${body.length} commands at once; send at most ${MAX_COMMANDS}`);
    const outcomes: object[] = [];
    for await (const outcome of this.ledger.executeInOrder(body, caller))
      outcomes.push({ index: outcomes.length, ...outcome });
    return outcomes;
  }

  /** What commands would change, in money, were they carried out now: `{ commands, at?, period?, currency? }`. Nothing is kept. */
  @Post('preview')
  @HttpCode(200)
  @AllowedTo(...WRITERS)
  async preview(@Body() body: unknown, @AskedBy() caller: Caller): Promise<object> {
    const { commands, at, period, currency } = parse(zPreview, body, 'preview');
    const margin = period === undefined ? {} : { margin: { period, ...(currency === undefined ? {} : { currency }) } };
    return this.ledger.preview(commands, caller, { ...(at === undefined ? {} : { at }), ...margin });
  }
}

/** A command with the key of its header. Errors: `invalid_input`, where it has another of its own. */
function withKey(command: unknown, key: string | undefined): unknown {
  if (key === undefined || typeof command !== 'object' || command === null) return command;
  if ('idempotencyKey' in command && command.idempotencyKey !== key)
    throw invalid(
      'invalid_input',
      'the command has another idempotencyKey than the header Idempotency-Key: send one of them',
      [{ field: 'idempotencyKey', message: 'is not that of the header Idempotency-Key' }],
    );
  return { ...command, idempotencyKey: key };
}

const zPreview = z.strictObject({
  commands: z.array(z.unknown()).min(1).max(MAX_COMMANDS),
  at: zInstant.optional(),
  period: z.string().optional(),
  currency: z.string().optional(),
});

function doneOrThrown(outcome: CommandOutcome): CommandOutcome {
  if (outcome.status !== 'refused') return outcome;
  const { code, kind, message, errors } = outcome.error;
  throw new DomainError(code, message, kind, errors);
}
