import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import { shaped, zText } from '#domain/schema';
import { assertRole } from '#ledger/caller';
import { naturalKey } from '#ledger/command';
import { type CommandDefinition, defineCommand, type Mistakes, remedyText, WRITERS } from '#ledger/define-command';

const MISTAKES: Mistakes = { final: 'State the fact again with the command that recorded it.' };

/** Withdraws what one of these commands recorded. Each of them that can be withdrawn says how. */
export function withdrawOf(commands: readonly CommandDefinition[]): CommandDefinition {
  const known = new Map(commands.map((command) => [command.name, command]));
  const withdrawable = commands.filter(({ withdrawal }) => withdrawal !== undefined).map(({ name }) => name);
  return defineCommand({
    name: 'withdraw',
    summary: 'Withdraws what a command recorded: it never was',
    fields: z.looseObject({
      what: zText.describe(
        `The name of the command: ${withdrawable.join(', ')}. ` +
          'Add the fields that identify what it recorded, for example tenantId and from',
      ),
      reason: zText.min(1),
    }),
    key: 'body',
    mistakes: MISTAKES,
    example: { what: 'set-tax', tenantId: 'acme', from: '2026-07-01T00:00:00Z', reason: 'meant for another tenant' },
    async handle(call, core) {
      const { what, reason, ...given } = call.fields;
      const command = known.get(what);
      if (command?.withdrawal === undefined) throw notWithdrawable(what, command, withdrawable);
      const { withdrawal, key, roles = WRITERS } = command;
      assertRole(call.caller, roles, `withdraw ${what}`);
      const fields = shaped(withdrawal.fields, given, `withdraw ${what}`);
      const withdrawn = typeof key === 'function' ? { withdrawn: naturalKey(what, key(fields)) } : {};
      return withdrawal.handle({ ...call, fields }, core, { reason, ...withdrawn });
    },
  });
}

/** Names what corrects the command instead. */
function notWithdrawable(what: string, command: CommandDefinition | undefined, withdrawable: readonly string[]) {
  if (what === 'withdraw') return conflict('not_withdrawable', `withdraw can't be withdrawn. ${remedyText(MISTAKES)}`);
  if (command === undefined)
    return invalid(
      'unknown_command',
      `withdraw: there is no command ${what}. What can be withdrawn: ${withdrawable.join(', ')}`,
      [{ field: 'what', message: 'is not the name of a command' }],
    );
  return conflict('not_withdrawable', `withdraw: ${what} can't be withdrawn. ${remedyText(command.mistakes)}`);
}
