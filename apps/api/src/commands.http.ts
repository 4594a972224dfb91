import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { DomainError, invalid } from '#domain/errors';
import { parse, zInstant } from '#domain/schema';
import type { Caller } from '#ledger/caller';
import type { CommandOutcome } from '#ledger/command';
import { WRITERS } from '#ledger/define-command';
import { Ledger } from '#operations/ledger';
import { COMMAND_ROLES } from '#operations/operations';
import { stoppedBy } from '#postgres/stoppable';
import { z } from 'zod';
import { AllowedTo, AskedBy } from './auth/access.js';
import { isAscii, POSITION, type Reply, V1 } from './http.js';
import { QueryLimits } from './query-limits.js';

/** A batch has one response. A larger batch could exceed the timeout of a proxy. */
export const MAX_COMMANDS = 10_000;

@Controller(V1)
export class CommandsController {
  constructor(
    private readonly ledger: Ledger,
    private readonly limits: QueryLimits,
  ) {}

  /**
   * One command responds with its outcome, or with a problem if it is refused. An array is executed in order: a refusal
   * does not stop the rest, and each command has its own outcome. Without a response, the same request can be sent
   * again: recorded commands are `unchanged`.
   */
  @Post('commands')
  @HttpCode(200)
  @AllowedTo(...COMMAND_ROLES)
  async execute(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @AskedBy() caller: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<object> {
    let last = 0;
    const sayPosition = (outcome: CommandOutcome): void => {
      if (outcome.status === 'refused' || (outcome.position ?? 0) <= last) return;
      last = outcome.position ?? 0;
      reply.header(POSITION, String(last));
    };
    if (!Array.isArray(body)) {
      const done = doneOrThrown(await this.ledger.execute(withKey(body, key), caller));
      sayPosition(done);
      return done;
    }
    if (key !== undefined)
      throw invalid(
        'invalid_input',
        'Idempotency-Key is for one command. In an array, give each command an idempotencyKey and omit the header.',
      );
    if (body.length > MAX_COMMANDS)
      throw invalid('too_many_commands', `${body.length} commands in one request. Send at most ${MAX_COMMANDS}.`);
    const outcomes: object[] = [];
    for await (const outcome of this.ledger.executeInOrder(body, caller)) {
      outcomes.push({ index: outcomes.length, ...outcome });
      sayPosition(outcome);
    }
    return outcomes;
  }

  /** Previews the changes in money: `{ commands, at?, period?, currency? }`. Nothing is recorded. */
  @Post('preview')
  @HttpCode(200)
  @AllowedTo(...WRITERS)
  async preview(
    @Body() body: unknown,
    @AskedBy() caller: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<object> {
    const { commands, at, period, currency } = parse(zPreview, body, 'preview');
    const margin = period === undefined ? {} : { margin: { period, ...(currency === undefined ? {} : { currency }) } };
    const preview = async (): Promise<object> =>
      this.ledger.preview(commands, caller, { ...(at === undefined ? {} : { at }), ...margin });
    return this.ledger.expensive.run(caller, async () => stoppedBy(this.limits.of(reply), preview));
  }
}

/** Adds the key of the header to the command. Errors: `invalid_input`, if the command has a different key. */
function withKey(command: unknown, key: string | undefined): unknown {
  if (key === undefined || typeof command !== 'object' || command === null) return command;
  if (!isAscii(key))
    throw invalid('invalid_input', 'header Idempotency-Key must be ASCII. Send another key as idempotencyKey.', [
      { field: 'Idempotency-Key', message: 'must be ASCII' },
    ]);
  if ('idempotencyKey' in command && command.idempotencyKey !== key)
    throw invalid('invalid_input', 'idempotencyKey differs from the header Idempotency-Key. Send one of them.', [
      { field: 'idempotencyKey', message: 'differs from the header Idempotency-Key' },
    ]);
  return { ...command, idempotencyKey: key };
}

const zPreview = z.strictObject({
  commands: z.array(z.unknown()).min(1).max(MAX_COMMANDS),
  at: zInstant.optional(),
  period: z.string().optional(),
  currency: z.string().optional(),
});

/** Errors: why the command was refused. */
export function doneOrThrown(outcome: CommandOutcome): CommandOutcome {
  if (outcome.status !== 'refused') return outcome;
  const { code, kind, message, errors } = outcome.error;
  throw new DomainError(code, message, kind, errors);
}
